package buffer

import (
	"fmt"
	"testing"
	"time"
)

// BenchmarkThin fills a queue ten times over and drains what is left: what it
// writes for each byte that it gives back, how far the oldest readings were
// thinned, and how fast single survivors are handed out. Events are 1 in 50.
func BenchmarkThin(b *testing.B) {
	for b.Loop() {
		o := benchOptions(b)
		o.Dir, o.MaxSize = fmt.Sprint(b.TempDir(), b.N), 64<<20
		q := mustOpen(b, o)
		dev, _ := q.Device("bench")
		rec := benchRecord()
		n := int(10 * o.MaxSize / int64(len(rec)+headerLen+thinLineLen))
		start := time.Now()
		for i := range n {
			class := byte(0)
			if i%50 == 49 {
				class = 1
			}
			for q.Append(class, dev, uint32(i%8), rec) != nil {
				<-q.NotFull()
			}
		}
		flushNow(b, q)
		s, took := q.Stats(), time.Since(start)
		b.ReportMetric(float64(s.ThinWritten)/float64(s.ThinShed), "written/shed")
		b.ReportMetric(float64(n)/took.Seconds(), "appended/s")
		b.ReportMetric(float64(s.Level), "level")
		b.ReportMetric(float64(s.Bytes)/float64(s.Capacity), "full")
		b.ReportMetric(float64(s.Waiting), "left")
		start = time.Now()
		at, _ := q.Bounds()
		reads := 0
		for {
			first, recs, err := q.readRecords(at, 30_000, 200)
			if err != nil {
				b.Fatal(err)
			}
			if len(recs) == 0 {
				break
			}
			reads++
			at = first + uint64(len(recs))
			mustAck(b, q, first, at-1)
		}
		b.ReportMetric(float64(s.Waiting)/float64(reads), "rec/read")
		b.ReportMetric(float64(s.Waiting)/time.Since(start).Seconds(), "drained/s")
		mustClose(b, q)
	}
}
