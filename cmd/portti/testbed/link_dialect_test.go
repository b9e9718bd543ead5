package testbed

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"portti/uplink"
	"portti/uplink/uplinktest"
)

// renewing gives a token that lives for a minute, and another one 20 s before
// that is over.
type renewing struct {
	t *testing.T

	mu   sync.Mutex
	made time.Time
	now  string
}

const tokenLife = time.Minute

func (r *renewing) Changed() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.due()
}

func (r *renewing) due() bool { return time.Since(r.made) >= tokenLife-20*time.Second }

func (r *renewing) Token(context.Context) (uplink.Secret, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.due() {
		r.made, r.now = time.Now(), token(r.t, time.Now().Add(tokenLife))
	}
	return uplink.NewSecret(r.now), nil
}

// valid is what the receiver lets in.
func (r *renewing) valid() (string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.now, nil
}

// life is what has to be heard and said in addition to the data.
type life struct {
	kinds    map[string]uint64 // of what the server says, at least
	commands int64             // to it, at least
	channels []string
}

// Three minutes of a gateway's own link with the receiver, in every dialect and
// mode: a reading a second, and in addition heartbeats, pings, subscriptions
// and a token that ends every minute and is replaced before. Everything arrives
// once.
func TestLinkLivesInEveryDialect(t *testing.T) {
	for dialect, l := range map[string]life{
		"thingsee": {},
		"haltless": {kinds: map[string]uint64{"heartbeat": 20}},
		"zyeta":    {kinds: map[string]uint64{"subscription_failed": 3}, commands: 10, channels: []string{"conversation:a", "nowhere"}},
		"heimdall": {kinds: map[string]uint64{"error": 1}, commands: 2, channels: []string{"gps", "nowhere"}},
	} {
		for _, mode := range []string{"fence", "count", "envelope", "none"} {
			t.Run(dialect+" "+mode, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { l.live(t, dialect, mode) })
			})
		}
	}
}

func (l life) live(t *testing.T, dialect, mode string) {
	net := uplinktest.Listen()
	tokens := &renewing{t: t}
	r, err := NewReceiver(Options{Dialect: dialect, TokenNow: tokens.valid, Ack: mode, Heartbeat: 7 * time.Second, Listener: net})
	if err != nil {
		t.Fatal(err)
	}
	received := make(chan error, 1)
	go func() { received <- r.Run(t.Context()) }()
	q := queueOf(t, 0, nil)
	link, err := uplink.New(uplink.Options{
		URL: "ws://localhost/socket", Dialect: dialect, Token: tokens, Channels: l.channels, Dial: net.Dial, Proxy: "none",
		Ack: mode, AckDelay: time.Second, Gateway: "XXXX00BENCH000001",
		PingInterval: 5 * time.Second,
	})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- link.Run(t.Context(), source{q}) }()
	device, err := q.Device("panel")
	for n := 0; n < 180 && err == nil; n++ {
		time.Sleep(time.Second)
		rec := fmt.Sprintf(`{"tsmId":12100,"tsmEv":10,"tsmTs":%d,"tsmTuid":"XXXX03PNL00000001","n":%d}`, 1700000000+n, n)
		err = q.Append(0, device, 1, []byte(rec))
	}
	q.Seal()
	if err := errors.Join(err, <-done); err != nil {
		t.Fatal(err)
	}
	l.check(t, link.Status(), r.Stats())
	r.fail(context.Canceled)
	<-received
}

func (l life) check(t *testing.T, st uplink.Status, s Stats) {
	t.Helper()
	if s.Distinct != 180 || s.Repeats != 0 || s.Bad != 0 || s.Refused != 0 || s.Connections < 4 || s.Connections > 6 || s.Commands < l.commands {
		t.Errorf("%+v", s)
	}
	for kind, n := range l.kinds {
		if st.ServerKinds[kind] < n {
			t.Errorf("%s heard %d times, at least %d were due", kind, st.ServerKinds[kind], n)
		}
	}
	if st.Problem != "" || st.Failures != 0 || st.Resent != 0 {
		t.Errorf("%+v", st)
	}
}
