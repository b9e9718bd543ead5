package buffer

import (
	"sort"
)

// Start is what is known of one boot of the machine.
type Start struct {
	Boot   uint32
	Lasted int64 // milliseconds of it that are known; of this boot, until now
	// Offset is where it stood in wall time, when Known: by a trusted clock
	// that SetLastGood was given, or else as SetOffset fixed it.
	Offset Offset
	Known  bool
	Again  bool // this boot, and the queue was opened in it before
}

// Starts gives the recent boots in their order, 32 at most; the last one is
// this. A boot of which nothing was kept, not even a record, is not among them.
func (q *Queue) Starts() []Start {
	q.mu.Lock()
	defer q.mu.Unlock()
	all := make([]Start, 0, len(q.starts))
	for _, s := range q.starts {
		one := Start{Boot: s.index, Lasted: s.mono, Offset: s.off, Known: s.set}
		if s.seen != 0 {
			one.Offset, one.Known = Offset{Unix: s.seen}, true
		}
		for _, g := range q.segs { // a crash leaves records younger than the sidecar
			if at := g.sum.newest; at.Boot == s.index {
				one.Lasted = max(one.Lasted, at.Mono)
			}
		}
		if s.index == q.boot {
			one.Lasted, one.Again = q.opt.Mono(), q.resumed
		}
		all = append(all, one)
	}
	// An earlier boot that was entered late stands behind younger ones.
	sort.Slice(all, func(i, j int) bool { return all[i].Boot < all[j].Boot })
	return all
}

// sawLocked notes what a trusted clock says of this boot.
func (q *books) sawLocked(unix int64) {
	seen := unix - q.opt.Mono()
	for i := range q.starts {
		if q.starts[i].index == q.boot {
			q.starts[i].seen = seen
		}
	}
}
