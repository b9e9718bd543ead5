package uplink

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

const testEpoch = "9f2c41d07ab3e655"

func enveloped(o Options) Options {
	o.Ack, o.Gateway = AckEnvelope, "TSGW\"1"
	return o
}

// acceptEnvelope upgrades to thingsee-batch.v1.
func (w *wire) acceptEnvelope() error {
	req, err := w.request()
	if err != nil {
		return err
	}
	if p := req.Header.Get("Sec-WebSocket-Protocol"); p != envelopeProtocol {
		return fmt.Errorf("subprotocol %q", p)
	}
	return w.say("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Protocol: " +
		envelopeProtocol + "\r\nSec-WebSocket-Accept: " + acceptKey(req) + "\r\n\r\n")
}

func (w *wire) text(format string, args ...any) {
	_ = w.send(fin|opText, fmt.Appendf(nil, format, args...))
}

type testBatch struct {
	Type, GW, Epoch string
	First           uint64
	Msgs            []struct{ N uint64 }
}

// vault is a receiver's disk: the highest number stored and what it is.
type vault struct {
	mu      sync.Mutex
	through map[string]uint64
	got     map[uint64]int
}

func newVault() *vault { return &vault{through: map[string]uint64{}, got: map[uint64]int{}} }

// store keeps what is new of a batch, record by record, and says up to where
// it has everything now.
func (v *vault) store(t *testing.T, text []byte) (testBatch, uint64) {
	var b testBatch
	if err := json.Unmarshal(text, &b); err != nil || b.Type != "batch" || b.GW != "TSGW\"1" || len(b.Msgs) == 0 {
		t.Errorf("a batch of %.120q: %v", text, err)
		return b, 0
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	for i, m := range b.Msgs {
		n := b.First + uint64(i)
		if m.N != n {
			t.Errorf("record %d travels as number %d", m.N, n)
		}
		if n > v.through[b.Epoch] {
			v.got[n]++
			v.through[b.Epoch] = n
		}
	}
	return b, v.through[b.Epoch]
}

// A receiver that dies at any moment, before and after it has stored, and one
// that says at the beginning what it has: every record is stored exactly once.
func TestEnvelopeStoresEveryRecordExactlyOnce(t *testing.T) {
	for _, resume := range []bool{false, true} {
		t.Run(fmt.Sprintf("resume %v", resume), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const records = 8_000
				disk := newVault()
				rnd := rand.New(rand.NewPCG(1, 2))
				var mu sync.Mutex
				w := start(t, enveloped(Options{BackoffBase: time.Millisecond, Spread: time.Millisecond}), func(n int, w *wire) {
					if err := w.acceptEnvelope(); err != nil {
						t.Error(err)
						return
					}
					if resume && n > 1 {
						disk.mu.Lock()
						w.text(`{"type":"resume","epoch":%q,"through":%d}`, testEpoch, disk.through[testEpoch])
						disk.mu.Unlock()
					}
					w.pump(func(text []byte) bool {
						mu.Lock()
						fate := rnd.IntN(12)
						mu.Unlock()
						if fate == 0 {
							return false // nothing stored
						}
						b, through := disk.store(t, text)
						if fate == 1 {
							return false // stored and not said
						}
						w.text(`{"type":"ack","epoch":%q,"through":%d}`, b.Epoch, through)
						return true
					})
				})
				for i := range records / 80 {
					w.src.add(80)
					w.src.skip(uint64(i % 3))
				}
				w.src.seal()
				w.run()
				if err := <-w.done; err != nil {
					t.Fatal(err)
				}
				w.net.wg.Wait()
				if len(disk.got) != records {
					t.Errorf("%d records stored, want %d", len(disk.got), records)
				}
				for n, times := range disk.got {
					if times != 1 {
						t.Errorf("record %d stored %d times", n, times)
					}
				}
				if n := w.src.count(released); n != records {
					t.Errorf("%d released", n)
				}
				t.Logf("%d connections", w.net.count())
				w.stop()
			})
		})
	}
}

// A refused record is set aside alone; its neighbours go on. One that may come
// again does, after a pause.
func TestEnvelopeRefusals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := newVault()
		w := start(t, enveloped(Options{}), func(n int, w *wire) {
			if w.acceptEnvelope() != nil {
				return
			}
			w.pump(func(text []byte) bool {
				if n == 1 {
					w.text(`{"type":"nack","epoch":%q,"seq":3,"code":"busy","retry":true,"reason":"later"}`, testEpoch)
					return true
				}
				b, through := disk.store(t, text)
				w.text(`{"type":"nack","epoch":%q,"seq":3,"code":"invalid","retry":false,"reason":"no"}`, testEpoch)
				w.text(`{"type":"nack","epoch":%q,"seq":99,"code":"invalid","retry":false}`, testEpoch) // never sent
				w.text(`{"type":"ack","epoch":%q,"through":%d}`, b.Epoch, through)
				return true
			})
		})
		w.src.add(10)
		w.run()
		time.Sleep(time.Minute)
		synctest.Wait()
		st := w.link.Status()
		if st.Quarantined != 1 || w.src.quarantined[3] != QuarantineRejected || w.src.count(released) != 9 || st.Proven != 9 {
			t.Errorf("set aside %v, %d released, status %+v", w.src.quarantined, w.src.count(released), st)
		}
		if w.net.count() != 2 || !strings.Contains(st.LastError, "again later") {
			t.Errorf("%d dials, last error %q", w.net.count(), st.LastError)
		}
		w.end()
	})
}

// Row 102: a server that refuses one record in ten costs a write of them every ten
// seconds, few lines of log, and is named with its reason.
func TestOneRecordInTenIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, enveloped(Options{}), func(_ int, w *wire) {
			if w.acceptEnvelope() != nil {
				return
			}
			w.pump(func(text []byte) bool {
				for _, n := range numbers(text) {
					if n%10 == 0 {
						w.text(`{"type":"nack","epoch":%q,"seq":%d,"retry":false,"code":"invalid","reason":"temp is no number"}`, testEpoch, n)
						w.text(`{"type":"nack","epoch":%q,"seq":%d,"retry":false,"code":"invalid","reason":"temp is no number"}`, testEpoch, n)
					}
					w.text(`{"type":"ack","epoch":%q,"through":%d}`, testEpoch, n)
				}
				return true
			})
		})
		w.run()
		for range 600 {
			w.src.add(100)
			time.Sleep(time.Second)
		}
		time.Sleep(asideEvery)
		synctest.Wait()
		st := w.link.Status()
		if st.Quarantined != 6000 || w.src.count(aside) != 6000 || w.src.count(released) != 54_000 || st.Refusal != "invalid: temp is no number" {
			t.Errorf("set aside %d, released %d, %+v", w.src.count(aside), w.src.count(released), st)
		}
		if w.src.quarantines > 62 || w.logs.len() > 10 {
			t.Errorf("%d writes, %d lines of log", w.src.quarantines, w.logs.len())
		}
		w.end()
	})
}

// A server that refuses everything does not empty the queue into quarantine.
func TestEnvelopeRefusingEverything(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, enveloped(Options{MaxBatchMessages: 1000, MaxBatchBytes: 1 << 20}), func(_ int, w *wire) {
			if w.acceptEnvelope() != nil {
				return
			}
			w.pump(func(text []byte) bool {
				for _, n := range numbers(text) {
					w.text(`{"type":"nack","epoch":%q,"seq":%d,"retry":false}`, testEpoch, n)
				}
				return true
			})
		})
		w.src.add(5_000)
		w.run()
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		dials := w.net.count()
		if aside := w.src.count(aside); aside > dials*maxRefused || dials > 40 || aside == 0 {
			t.Errorf("%d set aside in %d connections", aside, dials)
		}
		if st := w.link.Status(); st.Problem != ProblemProtocol {
			t.Errorf("problem %q, last error %q", st.Problem, st.LastError)
		}
		w.end()
	})
}

// What another numbering or a liar says proves nothing.
func TestEnvelopeForeignWords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, enveloped(Options{PongTimeout: 10 * time.Second}), func(_ int, w *wire) {
			if w.acceptEnvelope() != nil {
				return
			}
			w.pump(func([]byte) bool {
				for _, lie := range []string{
					`{"type":"ack","epoch":"0000000000000000","through":2}`, `{"type":"ack","through":2}`, `{"type":"ack","epoch":"` + testEpoch + `"}`,
					`{"type":"ack","epoch":"` + testEpoch + `","through":-1}`, `{"type":"ack","epoch":"` + testEpoch + `","through":0}`,
					`{"type":"ack","epoch":"` + testEpoch + `","through":1e9}`, `{"type":"nack","epoch":"1","seq":1,"retry":false}`, `{"ack":1}`, `[]`, `ack`,
					`{"type":"nack","epoch":"` + testEpoch + `","seq":1}`, `{"type":"resume","epoch":"1","through":2}`,
				} {
					w.text("%s", lie)
				}
				return true
			})
		})
		w.src.add(3)
		w.run()
		time.Sleep(29 * time.Second)
		synctest.Wait()
		if st := w.link.Status(); st.Proven != 0 || st.Quarantined != 0 || st.State != Online || w.src.count(waiting) != 3 {
			t.Errorf("status %+v", st)
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if st := w.link.Status(); st.Problem != ProblemNotReading || st.ForeignAcks < 2 {
			t.Errorf("status %+v", st)
		}
		w.end()
	})
}

// rolled is a queue that was asked about a number it never gave.
type rolled struct {
	*fakeSource
	mu    sync.Mutex
	asked []uint64
}

func (r *rolled) Ack(from, through uint64) error {
	if _, next := r.Bounds(); through >= next {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.fakeSource.mu.Lock()
		r.fakeSource.epoch = fmt.Sprintf("%016x", len(r.asked)+7)
		r.fakeSource.mu.Unlock()
		r.asked = append(r.asked, through)
		return nil // as the daemon's healer does: the alarm is the queue's
	}
	return r.fakeSource.Ack(from, through)
}

// A server that knows numbers which were never assigned, as after a restored
// card: the queue begins a new numbering and everything is sent under that.
func TestEnvelopeAfterARestoredCard(t *testing.T) {
	for _, word := range []string{"ack", "resume"} {
		t.Run(word, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				disk := newVault()
				disk.through[testEpoch] = 5_000
				src := &rolled{fakeSource: newFakeSource(t)}
				w := start(t, enveloped(Options{BackoffBase: time.Millisecond}), func(n int, w *wire) {
					if w.acceptEnvelope() != nil {
						return
					}
					if word == "resume" && n == 1 {
						w.text(`{"type":"resume","epoch":%q,"through":5000}`, testEpoch)
					}
					w.pump(func(text []byte) bool {
						b, through := disk.store(t, text)
						w.text(`{"type":"ack","epoch":%q,"through":%d}`, b.Epoch, through)
						return true
					})
				})
				src.add(300)
				src.seal()
				done := make(chan error, 1)
				go func() { done <- w.link.Run(t.Context(), src) }()
				if err := <-done; err != nil {
					t.Fatal(err)
				}
				w.net.wg.Wait()
				if len(disk.got) != 300 || !slices.Equal(src.asked, []uint64{5_000}) {
					t.Errorf("%d records stored, asked about %v", len(disk.got), src.asked)
				}
			})
		})
	}
}

// A server that does not know the envelope is parked, or spoken to as the
// fallback says.
func TestEnvelopeUnknownToTheServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, enveloped(Options{}), polite)
		w.src.add(3)
		w.run()
		w.state(Parked)
		if st := w.link.Status(); st.Problem != ProblemProtocol || !strings.Contains(st.LastError, envelopeProtocol) {
			t.Errorf("status %+v", st)
		}
		w.end()
	})
	synctest.Test(t, func(t *testing.T) {
		led := newLedger()
		w := start(t, enveloped(Options{AckFallback: AckFence}), func(_ int, w *wire) {
			if w.accept() == nil {
				w.pump(func(text []byte) bool {
					if text[0] != '[' {
						t.Errorf("%.40q to a server without the envelope", text)
					}
					led.process(text)
					return true
				})
			}
		})
		w.src.add(3)
		w.src.seal()
		w.run()
		if err := <-w.done; err != nil {
			t.Fatal(err)
		}
		w.net.wg.Wait()
		led.check(t, 3)
		w.stop()
	})
}

func FuzzEnvelopeWord(f *testing.F) {
	for _, s := range []string{
		`{"type":"ack","epoch":"` + testEpoch + `","through":1043}`, `{"type":"nack","epoch":"` + testEpoch + `","seq":1043,"code":"invalid","retry":false}`,
		`{"type":"resume","epoch":"` + testEpoch + `","through":1040}`, `{"type":"ack","epoch":"x","through":18446744073709551615}`, `{"type":1}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		w, ok := envelopeWords(text)
		if !ok && w != (ackMessage{}) {
			t.Errorf("%q: %+v from no word", text, w)
		}
		if w.through != 0 && w.refused != 0 {
			t.Errorf("%q: %+v", text, w)
		}
	})
}
