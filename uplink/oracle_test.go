package uplink

import (
	"crypto/sha256"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"portti/uplink/uplinktest"
)

// ledger is what a receiver that may die keeps: what it processed, and every
// frame it was sent.
type ledger struct {
	mu     sync.Mutex
	got    map[uint64]int
	order  []uint64
	frames map[[32]byte]int
	cuts   map[uint64]map[int]bool // first record of a frame -> lengths seen
	raw    int
}

func newLedger() *ledger {
	return &ledger{got: map[uint64]int{}, frames: map[[32]byte]int{}, cuts: map[uint64]map[int]bool{}}
}

func (l *ledger) sent(text []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.raw++
	l.frames[sha256.Sum256(text)]++
	ns := numbers(text)
	if l.cuts[ns[0]] == nil {
		l.cuts[ns[0]] = map[int]bool{}
	}
	l.cuts[ns[0]][len(ns)] = true
}

func (l *ledger) process(text []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, n := range numbers(text) {
		l.got[n]++
		if l.got[n] == 1 {
			l.order = append(l.order, n)
		}
	}
}

// check holds the promise: all of them arrived, first times in order.
func (l *ledger) check(t *testing.T, records int) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.got) != records {
		t.Errorf("%d records processed, want %d", len(l.got), records)
	}
	if !slices.IsSorted(l.order) {
		t.Error("records were processed for the first time out of order")
	}
}

// A server that dies without processing every 7th frame: nothing is missing,
// every connection makes progress, and repeats are cut as they were.
func TestServerDyingEverySeventhFrame(t *testing.T) {
	for name, hold := range map[string]bool{"hold 0": false, "hold": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const records = 20_000
				led := newLedger()
				var mu sync.Mutex
				frames, lastDistinct := 0, 0
				stalls := 0
				w := start(t, Options{}, func(_ int, w *wire) {
					if w.accept() != nil {
						return
					}
					w.pump(func(text []byte) bool {
						led.sent(text)
						mu.Lock()
						frames++
						dies := frames%7 == 0
						mu.Unlock()
						if dies {
							w.conn.(*uplinktest.Conn).Reset()
							return false
						}
						led.process(text)
						return true
					})
					led.mu.Lock()
					if len(led.got) == lastDistinct {
						stalls++
					}
					lastDistinct = len(led.got)
					led.mu.Unlock()
				})
				w.src.hold = hold
				w.src.add(records)
				w.src.seal()
				w.run()
				if err := <-w.done; err != nil {
					t.Fatal(err)
				}
				led.check(t, records)
				if n := w.src.count(released); n != records {
					t.Errorf("%d released", n)
				}
				dials := w.net.count()
				if !hold && stalls > 0 {
					t.Errorf("%d of %d connections brought nothing new", stalls, dials)
				}
				if dials > 400 {
					t.Errorf("%d connections for %d records", dials, records)
				}
				for first, lengths := range led.cuts {
					if len(lengths) > 1 {
						t.Errorf("the frame at %d was cut in %d ways", first, len(lengths))
					}
				}
				t.Logf("%d connections, %d frames of which %d distinct, %d connections without news", dials, led.raw, len(led.frames), stalls)
				w.stop()
				w.net.wg.Wait()
			})
		})
	}
}

// A receiver that pongs before it processes and dies with its queue: what it
// lost was proven less than the hold ago, and comes again.
func TestHoldSurvivesOneCrashOfAnAsynchronousServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const records = 3_000
		led := newLedger()
		w := start(t, Options{}, func(n int, w *wire) {
			if w.accept() != nil {
				return
			}
			var queue [][]byte
			k := 0
			w.pump(func(text []byte) bool {
				queue = append(queue, text)
				if k++; n == 1 && k == 9 {
					return false // dies with everything it ponged
				}
				return true
			})
			if n > 1 {
				for _, text := range queue {
					led.process(text)
				}
			}
		})
		w.src.hold = true
		w.src.add(records)
		w.src.seal()
		w.run()
		if err := <-w.done; err != nil {
			t.Fatal(err)
		}
		w.net.wg.Wait()
		led.check(t, records)
		w.stop()
	})
}

// Numbers with gaps, thinning between two sends, records of every size.
func TestGapsAndOddSizes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		led := newLedger()
		deaths := 0
		w := start(t, Options{MaxBatchMessages: 7, MaxBatchBytes: 700}, func(_ int, w *wire) {
			if w.accept() != nil {
				return
			}
			k := 0
			w.pump(func(text []byte) bool {
				if len(numbers(text)) > 7 {
					t.Errorf("a frame of %d records", len(numbers(text)))
				}
				led.process(text)
				if k++; k == 5 && deaths < 20 {
					deaths++
					return false
				}
				return true
			})
		})
		total := 0
		for i := range 120 {
			w.src.add(1 + i%13)
			total += 1 + i%13
			w.src.skip(uint64(i % 4))
		}
		w.src.seal()
		w.run()
		if err := <-w.done; err != nil {
			t.Fatal(err)
		}
		w.net.wg.Wait()
		led.check(t, total)
		w.stop()
	})
}

// A single record of any size goes as one text message in one frame.
func TestOneRecordOneFrame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sizes := []int{10, 120, 126, 4090, 4096, 29_990, 30_000, 32_766, 32_768, 40_000, 65_535, 70_000, 300_000, 50, 900_000}
		var mu sync.Mutex
		var got []frame
		w := start(t, Options{}, func(_ int, w *wire) {
			if w.accept() != nil {
				return
			}
			for {
				f, err := w.read()
				if err != nil {
					return
				}
				switch f.op {
				case opPing:
					_ = w.send(fin|opPong, f.data)
				case opClose:
					_ = w.send(fin|opClose, f.data)
					return
				default:
					mu.Lock()
					got = append(got, f)
					mu.Unlock()
				}
			}
		})
		for _, n := range sizes {
			w.src.addRaw(slices.Repeat([]byte("x"), n))
		}
		w.src.seal()
		w.run()
		if err := <-w.done; err != nil {
			t.Fatal(err)
		}
		w.net.wg.Wait()
		bytes := 0
		for _, f := range got {
			if f.op != opText || !f.fin || f.data[0] != '[' || f.data[len(f.data)-1] != ']' {
				t.Errorf("a frame with op %d, fin %v, %d bytes", f.op, f.fin, len(f.data))
			}
			for _, c := range f.data {
				if c == 'x' {
					bytes++
				}
			}
		}
		want := 0
		for _, n := range sizes {
			want += n
		}
		if bytes != want {
			t.Errorf("%d bytes arrived, want %d: no repeats, nothing missing", bytes, want)
		}
		if w.src.rewinds != 0 {
			t.Errorf("%d rewinds: growing the buffer must not repeat anything", w.src.rewinds)
		}
		w.stop()
	})
}

func TestQuietLinkSendsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var at []time.Duration
		began := time.Now()
		w := start(t, Options{}, func(_ int, w *wire) {
			if w.accept() == nil {
				w.pump(func(text []byte) bool {
					mu.Lock()
					defer mu.Unlock()
					at = append(at, time.Since(began))
					if len(numbers(text)) != 1 {
						t.Errorf("a frame of %d on a quiet link", len(numbers(text)))
					}
					return true
				})
			}
		})
		w.run()
		for range 10 {
			time.Sleep(time.Second)
			w.src.add(1)
		}
		synctest.Wait()
		for i, d := range at {
			if want := time.Duration(i+1) * time.Second; d != want {
				t.Errorf("reading %d left at %v, want %v", i, d, want)
			}
		}
		if len(at) != 10 {
			t.Errorf("%d frames", len(at))
		}
		w.end()
	})
}

// Only the pong of the one ping that is out proves anything.
func TestForeignPongsProveNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, Options{}, func(_ int, w *wire) {
			if w.accept() != nil {
				return
			}
			for {
				f, err := w.read()
				if err != nil {
					return
				}
				if f.op != opPing {
					continue
				}
				p := string(f.data)
				prefix := p[:len("portti:12345678:")]
				for _, lie := range []string{"", "x", p + "0", prefix + "99", prefix + "0", prefix, "portti:00000000:1", p + " ", prefix + "18446744073709551616", prefix + "-1"} {
					_ = w.send(fin|opPong, []byte(lie))
				}
			}
		})
		w.src.add(3)
		w.run()
		time.Sleep(9 * time.Second)
		synctest.Wait()
		if n := w.src.count(waiting); n != 3 {
			t.Errorf("%d records waiting, want 3", n)
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if st := w.link.Status(); st.ForeignPongs < 10 || st.Proven != 0 {
			t.Errorf("status %+v", st)
		}
		w.end()
	})
}

// At most one ping is ever out, whatever the load.
func TestOnePingOutstanding(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, Options{}, func(_ int, w *wire) {
			if w.accept() != nil {
				return
			}
			pong := make(chan []byte, 100)
			defer close(pong)
			go func() {
				for p := range pong {
					time.Sleep(50 * time.Millisecond)
					_ = w.send(fin|opPong, p)
				}
			}()
			last := time.Time{}
			for {
				f, err := w.read()
				if err != nil {
					return
				}
				if f.op == opPing {
					if d := time.Since(last); d < 50*time.Millisecond {
						t.Errorf("a ping %v after the last, before its answer", d)
					}
					last = time.Now()
					pong <- f.data
				}
			}
		})
		w.src.add(5000)
		w.run()
		time.Sleep(2 * time.Second)
		w.end()
	})
}

// A pong that stands right before the end still proves.
func TestPongRightBeforeTheEndCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, Options{BackoffBase: time.Minute}, func(_ int, w *wire) {
			if w.accept() != nil {
				return
			}
			for {
				f, err := w.read()
				if err != nil {
					return
				}
				if f.op == opPing {
					_ = w.send(fin|opPong, f.data)
					w.close(1011, "")
					return
				}
			}
		})
		for range 20 {
			w.src.add(1)
		}
		w.run()
		synctest.Wait()
		if st := w.link.Status(); st.State != Waiting || st.Proven != 20 {
			t.Errorf("status %+v", st)
		}
		w.end()
	})
}
