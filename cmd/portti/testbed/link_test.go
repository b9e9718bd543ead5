package testbed

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"portti/buffer"
	"portti/cross/testkit"
	"portti/uplink"
)

// queueOf is a buffer with count records that carry their number. odd ones
// replace the record of their number.
func queueOf(t *testing.T, count int, odd map[int]string) *buffer.Queue {
	t.Helper()
	began := time.Now()
	q, err := buffer.Open(buffer.Options{Dir: t.TempDir(), CommitEvery: time.Second, Mono: func() int64 { return time.Since(began).Milliseconds() }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { q.Close() })
	device, err := q.Device("panel")
	if err != nil {
		t.Fatal(err)
	}
	for n := 1; n <= count; n++ {
		rec, found := odd[n]
		if !found {
			rec = numbered(n)
		}
		if err := q.Append(0, device, 1, []byte(rec)); err != nil {
			t.Fatal(err)
		}
	}
	return q
}

func numbered(n int) string {
	return fmt.Sprintf(`{"tsmId":12100,"tsmEv":10,"tsmTs":%d,"tsmTuid":"XXXX03PNL00000001","n":%d}`, 1700000000+n, n)
}

// source gives a link the records of a queue as they are.
type source struct{ *buffer.Queue }

func (s source) Read(from uint64, maxBytes, maxRecs int) (first uint64, recs [][]byte, err error) {
	first, entries, err := s.Queue.Read(from, maxBytes, maxRecs)
	for i := range entries {
		recs = append(recs, entries[i].Rec)
	}
	return first, recs, err
}

func (s source) Name(n uint64) (gateway, epoch string, last uint64) {
	name, last := s.Queue.Name(n)
	return "XXXX00BENCH000001", fmt.Sprintf("%016x", name.Epoch), last
}

// drain runs a link until everything in the queue is proven, and says how that
// ended.
func drain(t *testing.T, o uplink.Options, q *buffer.Queue) <-chan error {
	t.Helper()
	o.Proxy, o.Gateway = "none", "XXXX00BENCH000001"
	o.BackoffBase, o.BackoffCap, o.Spread = 10*time.Millisecond, 100*time.Millisecond, 10*time.Millisecond
	link, err := uplink.New(o)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		err := link.Run(t.Context(), source{q})
		if err != nil {
			err = fmt.Errorf("%w; %+v", err, link.Status())
		}
		done <- err
	}()
	return done
}

// drained waits for the end of drain.
func drained(t *testing.T, done <-chan error) {
	t.Helper()
	if err := testkit.Receive(t, "everything is proven", done); err != nil {
		t.Fatal(err)
	}
}

// The gateway's own link delivers in every dialect in every mode, and with every
// place for the token.
func TestLinkDeliversInEveryDialect(t *testing.T) {
	for _, c := range []struct{ dialect, auth, fragment, hashAs string }{
		{"thingsee", "none", "", ""}, {"thingsee", "header", "", ""}, {"thingsee", "query", "", ""},
		{"thingsee", "hash", "#t0ken-in-the-hash", "bearer"}, {"thingsee", "hash", "#t0ken-in-the-hash", "path"},
		{"thingsee", "hash", "#t0ken-in-the-hash", "query:k"}, {"thingsee", "hash", "#t0ken-in-the-hash", "header:X-K"},
		{"haltless", "first-message", "", ""}, {"zyeta", "query", "", ""}, {"heimdall", "header", "", ""},
	} {
		for _, mode := range []string{"fence", "count", "envelope"} {
			if c.dialect == "thingsee" && c.auth != "none" && mode != "count" {
				continue // where the token stands and how it is proven have nothing to do with each other
			}
			t.Run(strings.Join([]string{c.dialect, c.auth, c.hashAs, mode}, " "), func(t *testing.T) {
				const token = "t0ken-in-the-hash"
				so := Options{Dialect: c.dialect, Auth: c.auth, Ack: mode, Heartbeat: 50 * time.Millisecond}
				lo := uplink.Options{Dialect: c.dialect, Auth: c.auth, Ack: mode, HashAs: c.hashAs, Compression: mode == "count"}
				if c.auth != "none" {
					so.Token = token
					if c.fragment == "" {
						path := filepath.Join(t.TempDir(), "token")
						if err := os.WriteFile(path, []byte(token), 0o600); err != nil {
							t.Fatal(err)
						}
						lo.Token = uplink.NewFileToken(path)
					}
				}
				r := running(t, so)
				lo.URL = r.URL() + c.fragment
				q := queueOf(t, 300, nil)
				q.Seal()
				drained(t, drain(t, lo, q))
				if s := r.Stats(); s.Distinct != 300 || s.Repeats != 0 || s.Bad != 0 || s.Connections != 1 || s.Refused != 0 {
					t.Errorf("%+v", s)
				}
			})
		}
	}
}

// By POST too, with every place for the token that a request has; what comes after the
// receiver stood still, or has forgotten, comes again.
func TestLinkDeliversByPost(t *testing.T) {
	for _, auth := range []string{"none", "header", "query"} {
		t.Run(auth, func(t *testing.T) {
			so, lo := Options{Auth: auth}, uplink.Options{Engine: uplink.EngineHTTP, Auth: auth, PongTimeout: 200 * time.Millisecond}
			if auth != "none" {
				so.Token = "t0ken"
				path := filepath.Join(t.TempDir(), "token")
				if err := os.WriteFile(path, []byte("t0ken"), 0o600); err != nil {
					t.Fatal(err)
				}
				lo.Token = uplink.NewFileToken(path)
			}
			r := running(t, so)
			lo.URL = "http" + strings.TrimPrefix(r.URL(), "ws")
			r.Mute(true)
			q := queueOf(t, 1000, nil)
			q.Seal()
			done := drain(t, lo, q)
			testkit.Eventually(t, "some are stored", func() bool { return r.Stats().Distinct > 0 }, nil)
			r.Mute(false)
			drained(t, done)
			if s := r.Stats(); s.Distinct != 1000 || s.Repeats == 0 || s.Bad != 0 || s.Refused != 0 {
				t.Errorf("%+v", s)
			}
		})
	}
}

// What the server refuses for ever the gateway sets aside, and only that, also
// when the word about it was lost with its connection.
func TestLinkSetsAsideWhatTheReceiverRefuses(t *testing.T) {
	odd := map[int]string{1: `{"tsmTuid":7}`, 150: `{"n":150}`, 151: `{"n":151}`, 300: `{"tsmId":1}`}
	for name, lossy := range map[string]bool{"heard": false, "lost at first": true} {
		t.Run(name, func(t *testing.T) {
			r := running(t, Options{Ack: "envelope"})
			q := queueOf(t, 300, odd)
			q.Seal()
			r.Mute(lossy)
			done := drain(t, uplink.Options{URL: r.URL(), Auth: "none", Ack: "envelope"}, q)
			if lossy {
				testkit.Eventually(t, "something is refused", func() bool { return r.Stats().Nacked > 0 })
				r.Refuse(true)
				r.Cut()
				r.Mute(false)
				r.Refuse(false)
			}
			drained(t, done)
			total, _ := q.Ledger()
			if total.Quarantined != 4 || len(total.Lost) != 0 || total.Read != 300 {
				t.Errorf("the ledger says %+v", total)
			}
			if s := r.Stats(); s.Distinct != 296 || lossy && s.Connections < 2 {
				t.Errorf("%+v", s)
			}
		})
	}
}

// A receiver that was restored from an older copy has less than it
// acknowledged: the link says what is missing, and goes on.
func TestLinkFindsAReceiverSetBack(t *testing.T) {
	r := running(t, Options{Ack: "envelope"})
	q := queueOf(t, 100, nil)
	link, err := uplink.New(uplink.Options{URL: r.URL(), Auth: "none", Proxy: "none", Ack: "envelope", Gateway: "XXXX00BENCH000001",
		BackoffBase: 10 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- link.Run(t.Context(), source{q}) }()
	more := func(n int) {
		t.Helper()
		testkit.Eventually(t, "all is proven", func() bool { return link.Status().Proven == uint64(n) })
		r.Cut()
		if err := q.Append(0, 1, 1, []byte(numbered(n+1))); err != nil {
			t.Fatal(err)
		}
		testkit.Eventually(t, "one more is proven", func() bool { return link.Status().Proven == uint64(n+1) })
	}
	more(100) // and nothing was lost
	if st := link.Status(); st.Setbacks != 0 {
		t.Errorf("%+v", st.Setback)
	}
	r.store.mu.Lock()
	r.store.marks.rows[row{"XXXX00BENCH000001", epochOf(q)}].mark = mark{Through: 60}
	r.store.mu.Unlock()
	more(101)
	if st := link.Status(); st.Setbacks != 1 || st.Setback != (uplink.Setback{Epoch: epochOf(q), From: 61, Through: 101}) {
		t.Errorf("%d setbacks: %+v", st.Setbacks, st.Setback)
	}
	q.Seal()
	drained(t, done)
}

func epochOf(q *buffer.Queue) string {
	first, _ := q.Bounds()
	name, _ := q.Name(first)
	return fmt.Sprintf("%016x", name.Epoch)
}

// New readings overtake a backlog under an epoch of their own, so that the
// highest number of one hides nothing of the other, also over a broken
// connection.
func TestLinkOvertakesItsBacklog(t *testing.T) {
	for name, cut := range map[string]bool{"undisturbed": false, "cut": true} {
		t.Run(name, func(t *testing.T) {
			r := running(t, Options{Ack: "envelope"})
			const backlog, fresh = 3000, 200
			q := queueOf(t, backlog, nil)
			done := drain(t, uplink.Options{URL: r.URL(), Auth: "none", Ack: "envelope", Order: uplink.OrderFreshFirst, DrainRate: 200_000, MaxBatchMessages: 20}, q)
			for n := 1; n <= fresh; n++ {
				testkit.Eventually(t, "messages arrive", func() bool { return r.Stats().Messages >= int64(n) })
				if cut && n == fresh/2 {
					r.Cut()
				}
				if err := q.Append(0, 1, 1, []byte(numbered(backlog+n))); err != nil {
					t.Fatal(err)
				}
			}
			q.Seal()
			drained(t, done)
			s := r.Stats()
			if s.Distinct != backlog+fresh || s.Changed != 0 || !cut && s.Repeats != 0 {
				t.Errorf("%+v", s)
			}
			r.store.mu.Lock()
			t.Logf("%d numberings: with one nothing had to overtake anything", len(r.store.marks.rows))
			r.store.mu.Unlock()
		})
	}
}
