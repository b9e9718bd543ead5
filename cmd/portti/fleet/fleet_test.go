package fleet

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"portti/cmd/portti/testbed"
	"portti/cross/testkit"
	"portti/uplink"
)

// quick are options of links that do not wait long.
func quick(url, ack string, hold time.Duration) uplink.Options {
	return uplink.Options{URL: url, Ack: ack, Hold: hold, Proxy: "none", MaxBatchMessages: 20, // so that half of all is more than the first frames
		BackoffBase: 10 * time.Millisecond, BackoffCap: 100 * time.Millisecond, Spread: 10 * time.Millisecond}
}

// arrived is what a receiver has of each gateway, by time.
type arrived struct {
	mu   sync.Mutex
	seen map[string]map[float64]int
	all  int
	half chan struct{} // closed at so many
}

func (a *arrived) take(msg []byte, half int) {
	var m struct {
		TsmGw, TsmTuid string
		TsmTs          float64
	}
	_ = json.Unmarshal(msg, &m) // what is no message has no gateway
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.seen[m.TsmGw] == nil {
		a.seen[m.TsmGw] = map[float64]int{}
	}
	a.seen[m.TsmGw][m.TsmTs]++
	if a.all++; a.all == half {
		close(a.half)
	}
}

// Every reading of every gateway arrives, over a broken connection of all of them, and
// comes again byte for byte as it was.
func TestFleetDeliversOverABrokenConnection(t *testing.T) {
	const gateways, readings = 50, 300
	for _, c := range []struct {
		ack  string
		hold time.Duration
	}{{"fence", 30 * time.Second}, {"count", 0}, {"envelope", 0}} {
		t.Run(c.ack, func(t *testing.T) {
			a := arrived{seen: map[string]map[float64]int{}, half: make(chan struct{})}
			r, err := testbed.NewReceiver(testbed.Options{Listen: "127.0.0.1:0", Ack: c.ack,
				OnMessage: func(msg []byte, _ bool) { a.take(msg, gateways*readings/2) }})
			if err != nil {
				t.Fatal(err)
			}
			ctx, stop := context.WithCancel(t.Context())
			served := make(chan error, 1)
			go func() { served <- r.Run(ctx) }()
			go func() { <-a.half; r.Cut() }()
			report, err := Run(t.Context(), Options{Gateways: gateways, Readings: readings, For: testkit.Patience, Link: quick(r.URL(), c.ack, c.hold)}, func(Progress) {})
			if err != nil {
				t.Error(err)
			}
			stop()
			if err = testkit.Receive(t, "the receiver ends", served); err != nil {
				t.Fatal(err)
			}
			if report.Proven != gateways*readings || report.Unproven != 0 || report.Connected != gateways || report.Connects <= gateways || report.ProofP99 < report.ProofP50 || report.ProofP50 == 0 {
				t.Errorf("%+v", report)
			}
			s := r.Stats()
			if s.Distinct != gateways*readings || s.Changed+s.Bad+s.InUse != 0 || uint64(s.Connections) != report.Connects || c.hold > 0 && s.Repeats == 0 || uint64(s.Repeats) > report.Resent {
				t.Errorf("%+v\n%+v", s, report)
			}
			if len(report.Ends) == 0 || !strings.HasPrefix(report.Ends[0].Code, "UP-") || report.Ends[0].Says == "" {
				t.Errorf("the cut is not among the ends: %+v", report.Ends)
			}
			if len(a.seen) != gateways {
				t.Fatalf("%d gateways", len(a.seen))
			}
			for gateway, seen := range a.seen {
				first := time.Now().Unix()
				for at := range seen {
					first = min(first, int64(at))
				}
				for at := range seen { // one for each second
					if n := at - float64(first); n >= readings {
						t.Fatalf("%s: a reading of %v after the first", gateway, n)
					}
				}
				if missing := readings - len(seen); missing != 0 {
					t.Errorf("%s: %d readings are missing", gateway, missing)
				}
			}
		})
	}
}

// Each gateway shows its own token, and what the server answers is counted.
func TestFleetShowsTokensAndCountsRefusals(t *testing.T) {
	ctx, enough := context.WithCancel(t.Context())
	var mu sync.Mutex
	shown := map[string]string{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		shown[req.Header.Get("Portti-Gateway")] = req.Header.Get("Authorization")
		w.WriteHeader(http.StatusForbidden)
	}))
	defer server.Close()
	url := "ws" + strings.TrimPrefix(server.URL, "http")
	r, err := Run(ctx, Options{Gateways: 3, Readings: 5, Tokens: []string{"a", "b", "c"}, Link: quick(url, "fence", 0)}, func(p Progress) {
		if mu.Lock(); len(shown) == 3 && p.Failures >= 3 {
			enough()
		}
		mu.Unlock()
	})
	tokens := map[string]bool{}
	for _, authorization := range shown {
		tokens[authorization] = true
	}
	if err != nil || len(shown) != 3 || !tokens["Bearer a"] || !tokens["Bearer b"] || !tokens["Bearer c"] {
		t.Errorf("%v: %v", err, shown)
	}
	if len(r.Ends) != 1 || r.Ends[0].Code != uplink.ProblemForbidden || !r.Ends[0].Dialed || r.Ends[0].Count < 3 || !strings.Contains(r.Ends[0].Says, "403") || r.Unproven != 15 || r.Connected+r.AtEnd != 0 {
		t.Errorf("%+v", r)
	}
}

// newSource is one queue of a fleet that does not run.
func newSource(o Options) *source {
	return &source{f: &fleet{o: o, began: time.Now()}, id: "XXXX00FLT1", epoch: "0000000000000001"}
}

// What was proven waits again within the hold, once.
func TestSourceHolds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSource(Options{Gateways: 1, Readings: 100, Link: uplink.Options{Hold: 30 * time.Second}})
		rewound := func(want uint64) {
			t.Helper()
			if from, _ := s.Rewind(); from != want {
				t.Errorf("goes on from %d, want %d", from, want)
			}
		}
		s.Ack(1, 10)
		time.Sleep(20 * time.Second)
		s.Ack(11, 20)
		time.Sleep(10 * time.Second)
		rewound(11)
		s.Ack(11, 15) // for the second time
		rewound(16)
		s.Ack(16, 25)
		rewound(21)
		s.Quarantine(26, "")
		s.Ack(21, 25)
		s.Ack(27, 30)
		first, recs, err := s.Read(26, 1<<20, 5)
		if first != 27 || len(recs) != 5 || err != nil {
			t.Errorf("read %d from %d: %v", len(recs), first, err)
		}
		s.Forget()
		if first, next := s.Bounds(); first != 31 || next != 101 || s.f.proven.Load() != 29 || s.f.aside.Load() != 1 {
			t.Errorf("from %d to %d; %d proven, %d aside", first, next, s.f.proven.Load(), s.f.aside.Load())
		}
	})
}

// Readings come at their rate and wake the link, until there are to be no more.
func TestSourceMakesReadingsInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSource(Options{Gateways: 1, Readings: 50, Rate: 0.3})
		s.late = time.Second
		for n := range 40 {
			if _, recs, _ := s.Read(1, 1<<20, 100); len(recs) != n {
				t.Fatalf("%d readings, want %d", len(recs), n)
			}
			<-s.Changed()
			if want, got := time.Second+time.Duration(float64(n)/0.3*1e9), time.Since(s.f.began); (got - want).Abs() > time.Millisecond {
				t.Fatalf("reading %d after %v, want %v", n+1, got, want)
			}
		}
		if first, second := string(s.reading(1)), string(s.reading(2)); first == second || first != string(s.reading(1)) {
			t.Errorf("%s\n%s", first, second)
		}
		s.f.stop()
		time.Sleep(time.Hour)
		if n := s.made(time.Now()); n != 40 || s.Changed() != nil {
			t.Errorf("%d readings after the end", n)
		}
	})
}

// A share is never below the durations it stands for, and at most an eighth above.
func TestSpread(t *testing.T) {
	for _, d := range []time.Duration{0, time.Microsecond, 9 * time.Microsecond, time.Millisecond, 123456 * time.Microsecond, 10 * time.Second, time.Hour} {
		var s spread
		s.note(d)
		s.note(2 * time.Hour)
		if got := time.Duration(s.share(0.5) * float64(time.Millisecond)).Round(time.Microsecond); got < d || got > d+d/8+2*time.Microsecond {
			t.Errorf("%v is %v", d, got)
		}
	}
}
