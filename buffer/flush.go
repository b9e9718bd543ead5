package buffer

// CommitNow has everything that is in memory now, and not proven delivered,
// committed at once, without waiting for CommitEvery. It does not wait for the
// disk. While all is proven it writes nothing. It may be called from any
// goroutine.
func (q *Queue) CommitNow() {
	q.mu.Lock()
	q.hurry = q.next
	q.mu.Unlock()
	q.wake()
}
