package uplink

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

func TestParseCount(t *testing.T) {
	for text, want := range map[string]int64{
		`{"ack":1}`: 1, ` { "ack" : 42 } `: 42, `{"ack":7,"note":"x"}`: 7, `{"ack":0}`: 0,
		``: -1, `1`: -1, `[1]`: -1, `{"ack":-1}`: -1, `{"ack":1.5}`: -1, `{"ack":"1"}`: -1, `{"ack":null}`: -1, `{"nack":1}`: -1,
		`{"ack":1}{"ack":2}`: -1, `{"ack":99999999999999999999999}`: -1, `{"ack":1`: -1,
	} {
		w, ok := countWords([]byte(text))
		if ok != (want >= 0) || ok && w.frames != uint64(want) {
			t.Errorf("%s: %d %v", text, w.frames, ok)
		}
	}
}

// counting serves with {"ack":n}; reply decides what is said after frame k.
func counting(reply func(w *wire, k int)) func(int, *wire) {
	return func(_ int, w *wire) {
		if w.accept() != nil {
			return
		}
		k := 0
		w.pump(func([]byte) bool { k++; reply(w, k); return true })
	}
}

// Rows 35 and 48: acknowledgements that are late, repeated, old, too many, or
// never come although the pings are answered.
func TestCountWithLatencyAndLies(t *testing.T) {
	for name, c := range map[string]struct {
		reply   func(w *wire, k int)
		proven  uint64
		problem string
	}{
		"honest":      {func(w *wire, k int) { _ = w.send(fin|opText, fmt.Appendf(nil, `{"ack":%d}`, k)) }, 1000, ""},
		"every third": {func(w *wire, k int) { _ = w.send(fin|opText, fmt.Appendf(nil, `{"ack":%d}`, k/3*3)) }, 0, ProblemNotReading},
		"twice, old too": {func(w *wire, k int) {
			_ = w.send(fin|opText, fmt.Appendf(nil, `{"ack":%d}`, k))
			_ = w.send(fin|opText, fmt.Appendf(nil, `{"ack":%d}`, k/2))
		}, 1000, ""},
		"too many": {func(w *wire, k int) { _ = w.send(fin|opText, fmt.Appendf(nil, `{"ack":%d}`, k+1)) }, 0, ProblemProtocol},
		"never":    {func(*wire, int) {}, 0, ProblemNotReading},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := start(t, Options{Ack: AckCount, BackoffBase: 4 * time.Minute}, counting(c.reply))
				w.src.add(1000)
				w.run()
				time.Sleep(35 * time.Second)
				synctest.Wait()
				st := w.link.Status()
				if st.Problem != c.problem || st.Proven != c.proven {
					t.Errorf("status %+v", st)
				}
				if c.problem == ProblemProtocol && w.src.count(waiting) != 1000 {
					t.Error("a lie released records")
				}
				w.end()
			})
		})
	}
}

// A server that acknowledges each of many frames is no flood.
func TestManyAcksAreNoFlood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, Options{Ack: AckCount, MaxBatchMessages: 1}, counting(func(w *wire, k int) {
			_ = w.send(fin|opText, fmt.Appendf(nil, `{"ack":%d}`, k))
		}))
		w.src.add(5000)
		w.src.seal()
		w.run()
		if err := <-w.done; err != nil {
			t.Fatal(err)
		}
		if st := w.link.Status(); st.Connects != 1 || st.Proven != 5000 {
			t.Errorf("status %+v", st)
		}
		w.stop()
		w.net.wg.Wait()
	})
}

// none releases what was written and is old enough, and nothing else.
func TestNoneWaitsForTheDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, Options{Ack: AckNone, AckDelay: time.Second}, polite)
		w.src.add(10)
		w.run()
		time.Sleep(999 * time.Millisecond)
		synctest.Wait()
		if n := w.src.count(waiting); n != 10 {
			t.Errorf("%d waiting before the second is over", n)
		}
		time.Sleep(2 * time.Millisecond)
		synctest.Wait()
		if n := w.src.count(released); n != 10 {
			t.Errorf("%d released after it", n)
		}
		w.end()
	})
}
