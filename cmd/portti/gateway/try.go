package gateway

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"time"

	"portti/cmd/portti/config"
	"portti/cmd/portti/status"
	"portti/device/clock"
	"portti/uplink"
)

// Tried is what came of connecting once.
type Tried struct {
	Online bool          // the server took the login and answered a ping
	RTT    time.Duration // of that ping
	Code   string        // of the problem catalogue, where it is not online; may be empty
	Says   string        // what went wrong, for people
	Advice []string      // what to do about it
	// Commands has for each of them the first command to type, or "".
	Commands []string
}

const (
	tryPing  = 500 * time.Millisecond // the link's ping while it is tried
	trySoon  = time.Second            // a login that the server refuses is refused by then
	tryToken = 3 * time.Second        // and one that travels as the first message
	tryLimit = 30 * time.Second       // name, connection, TLS, upgrade and ping together
	tryLook  = 20 * time.Millisecond  // between two looks at the link
)

// Try connects to the server of a configuration once, as the daemon would, and leaves
// again. It sends no reading. token is used instead of what the configuration names; ""
// leaves it at that. An error is one of the configuration, or of ctx.
func Try(ctx context.Context, cfg *config.Config, token string, opt Options) (Tried, error) {
	g, o, err := onlyLink(cfg, opt)
	if err != nil {
		return Tried{}, err
	}
	if token != "" {
		o.Token = givenToken(token)
	} else {
		w := &way{}
		if w.token, err = tokenSource(cfg, g.id, o); err != nil {
			return Tried{}, err
		}
		defer w.close(nil)
		o.Token = w.token
	}
	link, err := uplink.New(o)
	if err != nil {
		return Tried{}, fmt.Errorf("cannot set up the link: %w", err)
	}
	inner, leave := context.WithTimeout(ctx, tryLimit)
	defer leave()
	ended := make(chan struct{})
	go func() { defer close(ended); _ = link.Run(inner, nothingToSend{g.id}) }() // its only error is that of inner
	soon := trySoon
	if cfg.Uplink.Auth == uplink.AuthFirstMessage {
		soon = tryToken
	}
	last := watchTry(inner, link, soon)
	leave()
	<-ended
	if err := ctx.Err(); err != nil {
		return Tried{}, err
	}
	return g.tried(last), nil
}

// onlyLink is what a link to the server of cfg is made of that comes once, sends nothing
// and keeps nothing. It tells no start, so that a server does not take it for another
// gateway with this one's identity.
func onlyLink(cfg *config.Config, opt Options) (*Gateway, uplink.Options, error) {
	ticks, err := clock.New(opt.Built)
	if err != nil {
		return nil, uplink.Options{}, fmt.Errorf("cannot read the clock: %w", err)
	}
	opt.Log = slog.New(slog.DiscardHandler)
	g := &Gateway{opt: opt, clock: ticks}
	g.cfg.Store(cfg)
	if g.id, err = IdentityOf(cfg); err != nil { // it never ran
		g.id = makeIdentity()
	}
	o, err := g.linkOptions(cfg)
	known := o
	known.Token = givenToken("none is needed to know the address")
	g.reached = uplink.Reached(known)
	o.LimitsFile, o.Schedule, o.PingInterval = "", nil, tryPing
	o.ServerTime, o.Downlink = nil, nil
	// A broker that sees a client id twice ends the connection of the first: the running gateway's.
	o.MQTT.Will, o.MQTT.Downlink, o.NATS.Downlink = "", "", ""
	if o.Engine == uplink.EngineMQTT {
		o.Gateway += "-check"
	}
	return g, o, err
}

// watchTry looks at the link until it is clear what came of the attempt: a failure, or a
// connection that has answered and has lasted for soon.
func watchTry(ctx context.Context, link *uplink.Link, soon time.Duration) uplink.Status {
	look := time.NewTicker(tryLook)
	defer look.Stop()
	for {
		select {
		case <-ctx.Done():
			return link.Status()
		case <-look.C:
		}
		s := link.Status()
		good := s.State == uplink.Online && s.RTT > 0 && time.Since(s.Since) >= soon
		if good || s.LastError != "" || s.Problem != "" {
			return s
		}
	}
}

// tried puts the link's state into words.
func (g *Gateway) tried(l uplink.Status) Tried {
	if l.State == uplink.Online && l.RTT > 0 && l.LastError == "" && l.Problem == "" {
		return Tried{Online: true, RTT: l.RTT}
	}
	t := Tried{Code: l.Problem, Says: cmp.Or(l.LastError, "the server did not answer in time"), Advice: []string{"Try again in a minute"}, Commands: []string{""}}
	l.Reached = l.Reached || g.reached
	var all found
	all.link(&snapshot{cfg: g.cfg.Load(), id: g.id, link: l})
	for _, f := range all {
		for _, e := range status.Catalogue() {
			if e.Code == f.Code && f.Code != "CFG-UNPROVEN" {
				t.Code, t.Says = f.Code, e.Say(f.Args...)
				t.Advice, t.Commands = e.Advise(f.Args...)
				return t
			}
		}
	}
	return t
}

// givenToken is a token that is there already.
type givenToken string

// Token is part of uplink.TokenSource.
func (t givenToken) Token(context.Context) (uplink.Secret, error) {
	return uplink.NewSecret(string(t)), nil
}

// nothingToSend is a queue that is empty and stays so.
type nothingToSend struct{ gateway string }

func (nothingToSend) Read(from uint64, _, _ int) (uint64, [][]byte, error) { return from, nil, nil }
func (nothingToSend) Ack(uint64, uint64) error                             { return nil }
func (nothingToSend) Rewind() (uint64, error)                              { return 1, nil }
func (nothingToSend) Forget() error                                        { return nil }
func (nothingToSend) Quarantine(uint64, string) error                      { return nil }
func (nothingToSend) Bounds() (first, next uint64)                         { return 1, 1 }
func (nothingToSend) Changed() <-chan struct{}                             { return nil }

// Name and Part are for servers that acknowledge by name: no record will have this one.
func (n nothingToSend) Name(uint64) (gateway, epoch string, last uint64) {
	return n.gateway, "0000000000000000", 1 << 62
}
func (nothingToSend) Part() (next uint64, ok bool) { return 1, true }
