package rig

import (
	"context"
	"encoding/json"
	"log/slog"
	"testing"

	"portti/cmd/portti/gateway"
	"portti/cmd/portti/status"
	"portti/cross/testkit"
)

// Gateway is one life of a gateway, wherever it runs.
type Gateway struct {
	testing.TB
	ask   func() (*status.Document, error)
	Ended chan struct{} // closed when it has ended
	Err   error         // how; after Ended
}

// Ask gets the status document and holds it against the ledger rule.
func (g *Gateway) Ask() (*status.Document, error) {
	g.Helper()
	st, err := g.ask()
	if err != nil {
		return nil, err
	}
	if err := st.CheckLedger(); err != nil {
		g.Fatal(err)
	}
	return st, nil
}

// Status is Ask of a gateway that must answer.
func (g *Gateway) Status() *status.Document {
	g.Helper()
	st, err := g.Ask()
	if err != nil {
		g.Fatal(err)
	}
	return st
}

// Picture is what the gateway says of itself, for a test that fails.
func (g *Gateway) Picture() string {
	st, err := g.ask()
	if err != nil {
		return "status: " + err.Error()
	}
	text, _ := json.MarshalIndent(st, "", " ")
	return "status: " + string(text)
}

// Gone says whether it has ended.
func (g *Gateway) Gone() bool {
	select {
	case <-g.Ended:
		return true
	default:
		return false
	}
}

// Until waits for a condition on the status of a gateway that lives on.
func (g *Gateway) Until(what string, ok func(*status.Document) bool) *status.Document {
	g.Helper()
	st := g.UntilGone(what, ok)
	if st == nil {
		g.Fatalf("the gateway ended (%v) while waiting for: %s", g.Err, what)
	}
	return st
}

// UntilGone is Until for a gateway that may end before, and then gives nil.
func (g *Gateway) UntilGone(what string, ok func(*status.Document) bool) (st *status.Document) {
	g.Helper()
	testkit.Eventually(g.TB, what, func() bool {
		gone := g.Gone() // asked first: the last status of one that ended may fulfil ok
		var err error
		if st, err = g.Ask(); err == nil && ok(st) {
			return true
		}
		st = nil
		return gone
	}, g.Picture)
	return st
}

// Await waits for its end.
func (g *Gateway) Await() {
	g.Helper()
	testkit.Receive(g.TB, "the gateway ends", g.Ended)
}

// Inside is a gateway in this process.
type Inside struct {
	*Gateway
	Instance *gateway.Gateway
	stop     context.CancelFunc
}

// Run starts a gateway in this process and waits until it reads every line. It
// logs to o.Log, if anywhere.
func (s *Site) Run(o gateway.Options) *Inside {
	s.Helper()
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Device.Kinds == nil {
		o.Device.Kinds = s.Kinds
	}
	d, err := gateway.New(s.Load(), o)
	if err != nil {
		s.Fatal(err)
	}
	g := &Inside{Instance: d, Gateway: &Gateway{TB: s.TB, Ended: make(chan struct{}), ask: func() (*status.Document, error) {
		st := d.Status()
		return &st, nil
	}}}
	var ctx context.Context
	ctx, g.stop = context.WithCancel(context.Background())
	go func() { g.Err = d.Run(ctx); close(g.Ended) }()
	s.Cleanup(func() { g.stop(); <-g.Ended })
	g.Until("every line is read", s.Reading)
	return g
}

// Halt stops it in order and gives its last word.
func (g *Inside) Halt() *status.Document {
	g.Helper()
	g.stop()
	if g.Await(); g.Err != nil {
		g.Fatalf("the gateway ended with: %v", g.Err)
	}
	return g.Status()
}
