package uplink

import (
	"bytes"
	"io"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// verdict is what a server makes of a frame.
type verdict int

const (
	takes   verdict = iota
	dies            // the connection ends before anything was done
	forgets         // the frame is stored, and the connection ends before the server said so
	hangs           // nothing more comes, and nothing ends
	tooBig
	refusesContent
	fails
	wantsLogin
	slowDown
)

// engineCase is an engine with a server that speaks it. What must hold of a link holds of
// each, so that the tests below are written once.
type engineCase struct {
	name    string
	options Options
	serve   func(w *wire, judge func(text []byte) verdict)
}

var engineCases = []engineCase{
	{"websocket", Options{URL: "ws://localhost/socket"}, func(w *wire, judge func([]byte) verdict) {
		if w.accept() != nil {
			return
		}
		w.pump(func(text []byte) bool {
			v := judge(text)
			switch v {
			case takes:
			case hangs:
				_, _ = io.Copy(io.Discard, w.conn)
			case tooBig:
				w.close(1009, "no")
			case refusesContent:
				w.close(1007, "no")
			case fails:
				w.close(1011, "no")
			case wantsLogin:
				w.close(4401, "no")
			case slowDown:
				w.close(1013, "no")
			}
			return v == takes
		})
	}},
	{"http", Options{Engine: EngineHTTP, URL: "http://localhost/ingest"}, func(w *wire, judge func([]byte) verdict) {
		posts(func(_ int, _ *http.Request, text []byte) string {
			switch judge(text) {
			case hangs:
				_, _ = io.Copy(io.Discard, w.conn)
			case takes:
				return answer(http.StatusOK, "", "")
			case tooBig:
				return answer(http.StatusRequestEntityTooLarge, "", "")
			case refusesContent:
				return answer(http.StatusUnprocessableEntity, "", "")
			case fails:
				return answer(http.StatusInternalServerError, "", "")
			case wantsLogin:
				return answer(http.StatusUnauthorized, "", "")
			case slowDown:
				return answer(http.StatusTooManyRequests, "", "")
			}
			return ""
		})(0, w)
	}},
	{"mqtt", Options{Engine: EngineMQTT, URL: "ws://localhost/mqtt", Gateway: "XXXX00TEST0000001", Auth: AuthNone, MQTT: MQTT{Will: "portti/{gw}/status", Downlink: "portti/{gw}/downlink", TopicAliases: 4}}, mqttPeer{}.serve},
	{"nats", Options{Engine: EngineNATS, URL: "ws://localhost/", Gateway: "XXXX00TEST0000001"}, natsPeer{}.serve},
}

// forEachEngine runs test in a bubble with a link of each engine; judge is asked of each frame.
func forEachEngine(t *testing.T, judge func(led *ledger, n, frame int, text []byte) verdict, test func(t *testing.T, w *world, led *ledger)) {
	t.Helper()
	for _, e := range engineCases {
		t.Run(e.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				led := newLedger()
				frame := 0
				w := start(t, e.options, func(n int, peer *wire) {
					e.serve(peer, func(text []byte) verdict {
						frame++
						v := judge(led, n, frame, text)
						if v == takes || v == forgets {
							led.process(text)
						}
						return v
					})
				})
				test(t, w, led)
			})
		})
	}
}

// deliver runs the link until all n records are through, and checks them.
func deliver(t *testing.T, w *world, led *ledger, n int) {
	t.Helper()
	w.src.add(n)
	w.src.seal()
	w.run()
	if err := <-w.done; err != nil {
		t.Fatal(err)
	}
	w.stop()
	w.net.wg.Wait()
	_, next := w.src.Bounds()
	led.check(t, int(next)-1-len(w.src.quarantined))
}

func TestEnginesDeliver(t *testing.T) {
	forEachEngine(t, func(*ledger, int, int, []byte) verdict { return takes }, func(t *testing.T, w *world, led *ledger) {
		deliver(t, w, led, 5000)
		if st := w.link.Status(); w.net.count() != 1 || st.Resent != 0 || st.Proven != 5000 || st.Failures != 0 || st.RTT == 0 || !st.Reached {
			t.Errorf("%d connections, %+v", w.net.count(), st)
		}
	})
}

func TestEnginesWithAServerThatDies(t *testing.T) {
	for _, how := range []verdict{dies, forgets} {
		forEachEngine(t, func(_ *ledger, _, frame int, _ []byte) verdict {
			if frame%7 == 0 {
				return how
			}
			return takes
		}, func(t *testing.T, w *world, led *ledger) {
			deliver(t, w, led, 5000)
			if w.net.count() < 3 {
				t.Errorf("%d connections: nothing died", w.net.count())
			}
		})
	}
}

func TestEnginesNoticeAHalfOpenLink(t *testing.T) {
	forEachEngine(t, func(_ *ledger, n, frame int, _ []byte) verdict {
		if n == 1 && frame == 3 {
			return hangs
		}
		return takes
	}, func(t *testing.T, w *world, led *ledger) {
		began := time.Now()
		deliver(t, w, led, 2000)
		if took := time.Since(began); w.net.count() != 2 || took > time.Minute {
			t.Errorf("%d connections, %v", w.net.count(), took)
		}
	})
}

func TestEnginesFindPoison(t *testing.T) {
	for _, how := range []verdict{refusesContent, fails} {
		forEachEngine(t, func(_ *ledger, _, _ int, text []byte) verdict {
			if slices.ContainsFunc(numbers(text), func(n uint64) bool { return n == 77 || n == 400 || n == 401 }) {
				return how
			}
			return takes
		}, func(t *testing.T, w *world, led *ledger) {
			deliver(t, w, led, 1000)
			if q := w.src.quarantined; len(q) != 3 || q[77] != QuarantineRejected {
				t.Errorf("set aside %v", q)
			}
		})
	}
}

func TestEnginesLearnTheLimit(t *testing.T) {
	forEachEngine(t, func(_ *ledger, _, _ int, text []byte) verdict {
		if len(text) > 5000 {
			return tooBig
		}
		return takes
	}, func(t *testing.T, w *world, led *ledger) {
		giant := w.src.addRaw(append(record(0)[:20], bytes.Repeat([]byte("x"), 6000)...))
		deliver(t, w, led, 600)
		if q := w.src.quarantined; len(q) != 1 || q[giant] != QuarantineTooBig {
			t.Errorf("set aside %v", q)
		}
		if n := w.link.Status().BatchBytes; n > 5000 {
			t.Errorf("learned a limit of %d bytes", n)
		}
	})
}

// A server that is ill itself refuses everything: the queue must not drain into quarantine.
func TestEnginesWithASickServer(t *testing.T) {
	for _, how := range []verdict{refusesContent, fails, tooBig} {
		forEachEngine(t, func(*ledger, int, int, []byte) verdict { return how }, func(t *testing.T, w *world, _ *ledger) {
			w.src.add(1000)
			w.run()
			time.Sleep(24 * time.Hour)
			synctest.Wait()
			if n := len(w.src.quarantined); n > 9 {
				t.Errorf("%v: %d records set aside in a day", how, n)
			}
			w.end()
		})
	}
}

func TestEnginesKeepToTheLadders(t *testing.T) {
	for _, c := range []struct {
		how     verdict
		problem string
		state   State
		least   time.Duration // between the last two attempts of an hour
	}{{wantsLogin, ProblemAuthRejected, Parked, time.Minute}, {slowDown, ProblemRateLimited, Waiting, 32 * time.Second}} {
		forEachEngine(t, func(*ledger, int, int, []byte) verdict { return c.how }, func(t *testing.T, w *world, _ *ledger) {
			w.src.add(10)
			w.run()
			time.Sleep(time.Hour)
			synctest.Wait()
			st := w.link.Status()
			if gaps := w.net.gaps(); st.Problem != c.problem || st.State != c.state || gaps[len(gaps)-1] < c.least || len(w.src.quarantined) != 0 {
				t.Errorf("%s, %s, %v", st.Problem, st.State, gaps)
			}
			w.end()
		})
	}
}

func TestEnginesStopAtOnce(t *testing.T) {
	forEachEngine(t, func(*ledger, int, int, []byte) verdict { return hangs }, func(t *testing.T, w *world, _ *ledger) {
		w.src.add(1000)
		w.run()
		time.Sleep(5 * time.Second)
		synctest.Wait()
		began := time.Now()
		w.end()
		if took := time.Since(began); took > time.Second {
			t.Errorf("it took %v", took)
		}
	})
}
