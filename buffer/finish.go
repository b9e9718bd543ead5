package buffer

import (
	"errors"
	"fmt"
)

// finish is the committer's last pass: everything in memory, the ledger, what
// can be unlinked, and a sidecar that says the exact state.
func (q *committer) finish() {
	q.mu.Lock()
	q.timer.Stop()
	q.expireLocked(q.opt.Mono())
	q.mu.Unlock()
	err := q.disk.never
	if err == nil {
		err = q.work(q.opt.Mono())
		q.endThinning()
	}
	q.answer()
	q.mu.Lock()
	rest := q.fates.of(ranges{{max(q.committed, q.released) + 1, q.next - 1}}, there)
	left := rest.size()
	if err == nil && left > 0 { // no space, and the policy is to drop the newest
		q.releaseHeldLocked(span{rest[0].a, q.next - 1})
		q.loseLocked(q.livingLocked(span{rest[0].a, q.next - 1}), LostFull, Time{}, Time{})
	}
	q.logLossesLocked(q.opt.Mono())
	next := q.next
	q.mu.Unlock()
	if err == nil && left > 0 {
		left = 0 // as ordered, and in the ledger
		err = q.orAgain(q.commit)
	}
	if err == nil {
		err = q.writeSidecar(next, true)
	}
	if left > 0 {
		err = errors.Join(fmt.Errorf("cannot save %d readings in memory", left), err)
	}
	q.closeFiles()
	q.disk.closeErr = err
}

func (q *store) closeFiles() {
	q.reading.Lock()
	defer q.reading.Unlock()
	q.reader.opened.close()
	q.endWriting()
	q.closeSidecar()
}
