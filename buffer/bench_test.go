package buffer

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"testing"
	"time"

	"golang.org/x/sys/unix"

	"portti/buffer/crashtest"
)

// benchRecord is as long as an environment message.
func benchRecord() []byte {
	return fmt.Appendf(nil, `{"tsmId":12100,"tsmEv":10,"tsmTs":1520416221.123,"tsmTuid":"XXXX03PNL00000001","tsmGw":"XXXX00EFS80560445","temp":21.3,"humd":45.7,"airp":101325.2,"lght":%d}`, 300)
}

func benchOptions(b *testing.B) Options {
	o := Options{Dir: filepath.Join(b.TempDir(), "q"), CommitEvery: time.Second, MaxSize: 1 << 30}
	start := time.Now()
	o.Mono = func() int64 { return time.Since(start).Milliseconds() }
	return o
}

func benchAppend(b *testing.B, q *Queue, dev uint16, rec []byte) {
	for {
		err := q.Append(0, dev, 7, rec)
		if err == nil {
			return
		}
		if err != ErrFull {
			b.Fatal(err)
		}
		<-q.NotFull()
	}
}

// BenchmarkMemory is a healthy link: append, read from memory, acknowledge, in
// frames of 200.
func BenchmarkMemory(b *testing.B) {
	for _, hold := range []time.Duration{0, 30 * time.Second} {
		b.Run(fmt.Sprint("hold=", hold), func(b *testing.B) {
			o := benchOptions(b)
			o.FenceHold = hold
			q := mustOpen(b, o)
			dev, _ := q.Device("bench")
			rec := benchRecord()
			at := uint64(1)
			b.ReportAllocs()
			b.SetBytes(int64(len(rec)))
			b.ResetTimer()
			for i := range b.N {
				benchAppend(b, q, dev, rec)
				if i%200 == 199 {
					first, recs, err := q.readRecords(at, 64_000, 200)
					if err != nil || len(recs) == 0 {
						b.Fatal(err)
					}
					at = first + uint64(len(recs))
					mustAck(b, q, first, at-1)
				}
			}
			b.StopTimer()
			b.ReportMetric(float64(q.Stats().Commits), "commits")
			mustClose(b, q)
		})
	}
}

// BenchmarkOffline is records that nobody takes: append and commit.
func BenchmarkOffline(b *testing.B) {
	o := benchOptions(b)
	q := mustOpen(b, o)
	dev, _ := q.Device("bench")
	rec := benchRecord()
	b.ReportAllocs()
	b.SetBytes(int64(len(rec)))
	b.ResetTimer()
	for range b.N {
		benchAppend(b, q, dev, rec)
	}
	flushNow(b, q)
	b.StopTimer()
	s := q.Stats()
	b.ReportMetric(float64(s.Bytes)/float64(b.N), "filebytes/rec")
	b.ReportMetric(float64(s.CommittedRecords)/float64(max(1, s.Commits)), "rec/commit")
	mustClose(b, q)
}

// BenchmarkBacklog is a million records that wait in a file the kernel has
// forgotten: until the first frame, and until all are drained.
func BenchmarkBacklog(b *testing.B) {
	const n = 1_000_000
	o := benchOptions(b)
	q := mustOpen(b, o)
	dev, _ := q.Device("bench")
	for range n {
		benchAppend(b, q, dev, benchRecord())
	}
	mustClose(b, q)
	b.ResetTimer()
	for range b.N {
		b.StopTimer()
		dir := filepath.Join(b.TempDir(), "q")
		copyDir(b, o.Dir, dir)
		forget(b, dir)
		c := o
		c.Dir = dir
		c.FS = OS(dir)
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		b.StartTimer()
		start := time.Now()
		q := mustOpen(b, c)
		at, _ := q.Bounds()
		got := 0
		for got < n {
			first, recs, err := q.readRecords(at, 30_000, 200)
			if err != nil || len(recs) == 0 {
				b.Fatal(got, err)
			}
			if got == 0 {
				b.ReportMetric(float64(time.Since(start).Microseconds())/1000, "ms-first")
			}
			got += len(recs)
			at = first + uint64(len(recs))
			mustAck(b, q, first, at-1)
		}
		b.ReportMetric(time.Since(start).Seconds(), "s-drain")
		b.StopTimer()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapSys)/1e6, "MB-heap")
		mustClose(b, q)
		b.StartTimer()
	}
}

// forget has the kernel drop its cached pages of the files.
func forget(b *testing.B, dir string) {
	for _, name := range segmentFiles(b, dir) {
		f, err := os.Open(name)
		if err != nil {
			b.Fatal(err)
		}
		_ = f.Sync()
		_ = unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED)
		_ = f.Close()
	}
}

// BenchmarkCommit counts what small commits write, page by page: bytes and
// flushes as bbolt issues them, with the journal of the file system left out.
func BenchmarkCommit(b *testing.B) {
	for _, kind := range []struct {
		name    string
		records int
		acked   bool
	}{{"offline-1", 1, false}, {"offline-5", 5, false}, {"acked-late-1", 1, true}, {"acked-late-5", 5, true}} {
		b.Run(kind.name, func(b *testing.B) {
			o := benchOptions(b)
			f := newFake(o.Dir)
			o.FS, o.CommitEvery = f, time.Hour
			q := mustOpen(b, o)
			dev, _ := q.Device("bench")
			rec := benchRecord()
			benchAppend(b, q, dev, rec)
			flushNow(b, q)
			f.log = nil
			for range b.N {
				for range kind.records {
					benchAppend(b, q, dev, rec)
				}
				flushNow(b, q)
				if kind.acked {
					_, next := q.Bounds()
					mustAck(b, q, 1, next-1)
				}
				if len(f.log) > 4096 {
					b.Fatal("too long a run: use -benchtime=200x")
				}
			}
			bytes, syncs := 0, 0
			for _, op := range f.log {
				bytes += len(op.Data)
				if op.Kind == crashtest.Sync || op.Kind == crashtest.SyncDir {
					syncs++
				}
			}
			b.ReportMetric(float64(bytes)/float64(b.N), "bytes/commit")
			b.ReportMetric(float64(syncs)/float64(b.N), "flushes/commit")
			mustClose(b, q)
		})
	}
}

// TestAppendDoesNotAllocate holds the promise of the healthy path.
func TestAppendDoesNotAllocate(t *testing.T) {
	o := testOptions(fastDir(t))
	o.CommitEvery = time.Hour
	q := mustOpen(t, o)
	defer q.Close()
	dev, _ := q.Device("a")
	rec := benchRecord()
	at := uint64(1)
	round := func() {
		for range 200 {
			if err := q.Append(0, dev, 1, rec); err != nil {
				t.Fatal(err)
			}
		}
		first, recs, _ := q.readRecords(at, 64_000, 200)
		at = first + uint64(len(recs))
		mustAck(t, q, first, at-1)
	}
	for range 20 {
		round()
	}
	// An acknowledgement may allocate a little; 200 readings may not.
	if n := testing.AllocsPerRun(200, round); n > 10 {
		t.Errorf("%v allocations per frame of 200 records", n)
	}
}
