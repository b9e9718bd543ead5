package gateway

import (
	"math"
	"runtime"
	"strconv"
	"sync/atomic"
	"time"
)

// meters are what the metrics have beyond the status document: how long things took,
// since the start. They may be told from any goroutine, and nothing waits for them.
type meters struct {
	roundTrip, proof, commit durations
}

// durations counts how many of them took at most each bound, in buckets from 1 ms to
// about two minutes, each four times the one before: what a network, a mobile link and a
// worn card do, without a setting.
type durations struct {
	buckets [durationBounds + 1]atomic.Uint64 // the last: longer
	sum     atomic.Int64                      // ns
}

const durationBounds = 9

// bound is the longest time that counts in bucket i.
func bound(i int) time.Duration { return time.Millisecond << (2 * i) }

func (d *durations) add(took time.Duration) {
	i := 0
	for i < durationBounds && took > bound(i) {
		i++
	}
	d.buckets[i].Add(1)
	d.sum.Add(int64(max(took, 0)))
}

func (e *exposition) meters(m *meters) {
	e.histogram("portti_uplink_rtt_seconds", "From a ping to its pong.", &m.roundTrip)
	e.histogram("portti_uplink_send_duration_seconds", "How long the oldest reading on the way was on it when a proof of delivery came.", &m.proof)
	e.histogram("portti_buffer_commit_duration_seconds", "How long the work of a commit took, syncs included.", &m.commit)
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	e.one("go_memstats_heap_inuse_bytes", gauge, "Memory of the heap in use.", float64(memory.HeapInuse))
}

// histogram writes d as one family. Its count is that of its buckets, so that the three
// agree whenever it is asked for.
func (e *exposition) histogram(name, help string, d *durations) {
	e.family(name, "histogram", help)
	sum, n := time.Duration(d.sum.Load()).Seconds(), uint64(0)
	for i := range d.buckets {
		n += d.buckets[i].Load()
		at := math.Inf(1)
		if i < durationBounds {
			at = bound(i).Seconds()
		}
		e.name = name + "_bucket"
		e.sample(float64(n), "le", strconv.FormatFloat(at, 'g', -1, 64))
	}
	e.name = name + "_sum"
	e.sample(sum)
	e.name = name + "_count"
	e.sample(float64(n))
}
