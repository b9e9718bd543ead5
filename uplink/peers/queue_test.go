//go:build peers

package peers_test

import (
	"fmt"
	"io"
	"math"
	"sync"
	"time"
)

// queue is the queue's side of uplink.Source, with a hold, in memory.
type queue struct {
	hold time.Duration

	mu      sync.Mutex
	recs    [][]byte    // record n is recs[n-1]
	acked   []time.Time // zero: waiting
	spent   []bool      // was replayed because of the hold: released when acked again
	first   uint64
	sealed  bool
	changed chan struct{}
}

func newQueue(hold time.Duration) *queue {
	return &queue{hold: hold, first: 1, changed: make(chan struct{})}
}

// add appends count records that carry their number.
func (q *queue) add(count int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for range count {
		n := len(q.recs) + 1
		q.recs = append(q.recs, fmt.Appendf(nil, `{"tsmId":12100,"tsmEv":10,"tsmTs":%d,"tsmTuid":"XXXX03PNL00000001","temp":21.3,"n":%d}`, 1700000000+n, n))
		q.acked = append(q.acked, time.Time{})
		q.spent = append(q.spent, false)
	}
	q.poke()
}

func (q *queue) seal() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.sealed = true
	q.poke()
}

func (q *queue) poke() {
	close(q.changed)
	q.changed = make(chan struct{})
}

func (q *queue) release() {
	now := time.Now()
	for int(q.first) <= len(q.recs) {
		i := q.first - 1
		if q.acked[i].IsZero() || !q.spent[i] && now.Sub(q.acked[i]) < q.hold {
			return
		}
		q.first++
	}
}

func (q *queue) Read(from uint64, maxBytes, maxRecs int) (uint64, [][]byte, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	from = max(from, q.first)
	if int(from) > len(q.recs) {
		if q.sealed {
			return 0, nil, io.EOF
		}
		return 0, nil, nil
	}
	var out [][]byte
	for i := int(from) - 1; i < len(q.recs) && len(out) < maxRecs; i++ {
		if maxBytes -= len(q.recs[i]); maxBytes < 0 && len(out) > 0 {
			break
		}
		out = append(out, q.recs[i])
	}
	return from, out, nil
}

func (q *queue) Ack(from, through uint64) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	for n := from; n <= through; n++ {
		q.acked[n-1] = time.Now()
	}
	q.release()
	return nil
}

// Name is the same for all, and for each queue: the second one is the first, again.
func (q *queue) Name(uint64) (gateway, epoch string, last uint64) {
	return "XXXX00PEER0000001", "9f2c41d07ab3e655", math.MaxUint64
}

func (q *queue) Part() (uint64, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return uint64(len(q.recs)) + 1, false
}

func (q *queue) Rewind() (uint64, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.release()
	for i := int(q.first) - 1; i < len(q.recs); i++ {
		if !q.acked[i].IsZero() {
			q.acked[i], q.spent[i] = time.Time{}, true
		}
	}
	return q.first, nil
}

func (q *queue) Forget() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.first = uint64(len(q.recs)) + 1
	return nil
}

func (q *queue) Quarantine(n uint64, reason string) error {
	return fmt.Errorf("record %d was set aside (%s): no peer here refuses anything", n, reason)
}

func (q *queue) Bounds() (uint64, uint64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.release()
	return q.first, uint64(len(q.recs)) + 1
}

func (q *queue) Changed() <-chan struct{} {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.changed
}

// waiting counts what has not been proven.
func (q *queue) waiting() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := 0
	for _, at := range q.acked {
		if at.IsZero() {
			n++
		}
	}
	return n
}
