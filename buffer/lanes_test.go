package buffer

import (
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"portti/cross/testkit"
)

// What two lanes ask of the queue: a backlog on disk is read from the front
// while new records are read from memory, acknowledged and released far ahead of
// it. The fresh ones cost no commit, the books stay as small as with one lane,
// and after a crash nothing of the backlog is missing.
func TestTwoLanes(t *testing.T) {
	for name, hold := range map[string]time.Duration{"hold 0": 0, "hold 30s": 30 * time.Second} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const backlog, live = 6_000, 3_000
				o := testOptions(fastDir(t))
				o.FenceHold, o.MaxSize = hold, 200_000_000
				q := mustOpen(t, o)
				dev, _ := q.Device("d")
				for i := 1; i <= backlog; i += 600 {
					appendN(t, q, dev, i, 600)
					time.Sleep(2 * time.Second)
				}
				before := q.Stats()
				main, fresh := q.Bounds()
				split := fresh
				for i := range live {
					appendN(t, q, dev, backlog+i+1, 1)
					first, recs, err := q.readRecords(fresh, 30_000, 200)
					if err != nil || first != fresh || len(recs) != 1 {
						t.Fatalf("fresh lane at %d: %d, %d records, %v", fresh, first, len(recs), err)
					}
					fresh++
					if i%20 == 0 {
						first, recs, err := q.readRecords(main, 30_000, 20)
						if err != nil || first != main || len(recs) == 0 {
							t.Fatalf("main lane at %d: %d, %d records, %v", main, first, len(recs), err)
						}
						if err := q.Ack(main, main+uint64(len(recs))-1); err != nil {
							t.Fatal(err)
						}
						main += uint64(len(recs))
					}
					if err := q.Ack(first, first); err != nil {
						t.Fatal(err)
					}
					time.Sleep(50 * time.Millisecond)
				}
				q.mu.Lock()
				spans, steps := len(q.fates)+len(q.counted), len(q.hold.steps)
				q.mu.Unlock()
				if spans > 8 || steps > 70 {
					t.Errorf("%d spans and %d steps of the hold are kept", spans, steps)
				}
				s := q.Stats()
				t.Logf("%d spans, %d steps; %d commits for %d fresh and %d old records", spans, steps, s.Commits-before.Commits, live, main-1)
				if err := q.Close(); err != nil {
					t.Fatal(err)
				}
				q = mustOpen(t, o)
				at, next := q.Bounds()
				n := 0
				fromBacklog := 0
				for {
					first, recs, err := q.readRecords(at, 1<<20, 1000)
					if err != nil {
						t.Fatal(err)
					}
					if len(recs) == 0 {
						break
					}
					for k := range recs {
						if first+uint64(k) < split {
							fromBacklog++
						}
					}
					n += len(recs)
					at = first + uint64(len(recs))
				}
				t.Logf("after a restart %d..%d: %d records wait, %d of the backlog, want %d", at, next, n, fromBacklog, split-main)
				if fromBacklog < int(split-main) {
					t.Errorf("%d of the backlog wait, want %d", fromBacklog, split-main)
				}
				if held := int(hold/time.Second) * 21; n-fromBacklog > held {
					t.Errorf("%d acknowledged fresh records came back", n-fromBacklog)
				}
				checkLedger(t, q)
				mustClose(t, q)
			})
		})
	}
}

// A frame of the backlog and one fresh record, in turns: what a link does
// while a backlog drains.
func BenchmarkTwoLanes(b *testing.B) {
	for _, cold := range []bool{false, true} {
		name := "fresh in memory"
		if cold {
			name = "fresh on disk"
		}
		b.Run(name, func(b *testing.B) {
			o := Options{Dir: b.TempDir(), CommitEvery: time.Second, MaxSize: 1 << 30}
			start := time.Now()
			o.Mono = func() int64 { return time.Since(start).Milliseconds() }
			q := mustOpen(b, o)
			dev, _ := q.Device("bench")
			rec := benchRecord()
			for range 400_000 {
				benchAppend(b, q, dev, rec)
			}
			testkit.Eventually(b, "the backlog is on disk", func() bool { return q.Stats().WaitingMemory == 0 })
			main, fresh := q.Bounds()
			if cold {
				fresh = 200_000
			}
			var m0, m1 runtime.MemStats
			runtime.ReadMemStats(&m0)
			b.ReportAllocs()
			b.ResetTimer()
			for range b.N {
				if !cold {
					benchAppend(b, q, dev, rec)
				}
				for lane, at := range []*uint64{&fresh, &main} {
					first, recs, err := q.readRecords(*at, 30_000, 200)
					if err != nil || len(recs) == 0 {
						b.Fatal(lane, first, len(recs), err)
					}
					*at = first + uint64(len(recs))
					if cold && lane == 0 && *at > 390_000 || !cold && lane == 1 && *at > 390_000 {
						*at = 1
					}
					if lane == 0 && !cold {
						_ = q.Ack(first, *at-1)
					}
				}
				if main > 190_000 {
					main = 1
				}
			}
			b.StopTimer()
			runtime.ReadMemStats(&m1)
			b.ReportMetric(float64(m1.HeapInuse)/1e6, "heap-MB")
			mustClose(b, q)
		})
	}
}
