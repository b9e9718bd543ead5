package bluez

import (
	"os"
	"strconv"
	"sync"
	"time"
)

const (
	waitingLines = 256 // 25 KB as a rule, 150 KB at most
	waitingNotes = 16
)

// queue is the bytes between BlueZ's signals and who reads them. It never makes a
// signal wait.
type queue struct {
	mu    sync.Mutex
	come  sync.Cond
	lines [waitingLines][]byte // a ring, whose buffers are used again
	first int
	n     int
	notes [][]byte // handed out before lines, and not dropped
	rest  []byte   // of what is being read
	held  []byte   // its buffer, which goes into the ring for the next one's

	dropped int // lines, since it was said
	err     error
	closed  bool // by us: nothing is read any more

	deadline time.Time
	timer    *time.Timer
}

// Read gives whole lines as far as they fit, and waits for the first.
func (q *queue) Read(p []byte) (int, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for {
		if q.closed {
			return 0, ErrClosed
		}
		if n := q.takeLocked(p); n > 0 || len(p) == 0 {
			return n, nil
		}
		if q.err != nil {
			return 0, q.err
		}
		if !q.deadline.IsZero() && !time.Now().Before(q.deadline) {
			return 0, os.ErrDeadlineExceeded
		}
		q.come.Wait()
	}
}

func (q *queue) takeLocked(p []byte) (n int) {
	for n < len(p) {
		if len(q.rest) == 0 && !q.nextLocked() {
			break
		}
		c := copy(p[n:], q.rest)
		q.rest = q.rest[c:]
		n += c
	}
	return n
}

// nextLocked begins with the next line.
func (q *queue) nextLocked() bool {
	switch {
	case q.dropped > 0:
		q.rest = append(strconv.AppendInt([]byte(`{"note":"dropped","adverts":`), int64(q.dropped), 10), "}\n"...)
		q.dropped = 0
	case len(q.notes) > 0:
		q.rest, q.notes = q.notes[0], q.notes[1:]
	case q.n > 0:
		q.held, q.lines[q.first] = q.lines[q.first], q.held
		q.rest = q.held
		q.first, q.n = (q.first+1)%waitingLines, q.n-1
	default:
		return false
	}
	return true
}

// putLocked adds a line, which write appends to what it is given.
func (q *queue) putLocked(write func(b []byte) []byte) {
	if q.n == waitingLines {
		q.first, q.n, q.dropped = (q.first+1)%waitingLines, q.n-1, q.dropped+1
	}
	at := (q.first + q.n) % waitingLines
	q.lines[at] = write(q.lines[at][:0])
	q.n++
	q.come.Broadcast()
}

func (q *queue) noteLocked(note string) {
	if len(q.notes) < waitingNotes {
		q.notes = append(q.notes, []byte(note+"\n"))
	}
	q.come.Broadcast()
}

// end makes Read fail when it has given all there is.
func (q *queue) end(err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.err == nil {
		q.err = err
	}
	q.come.Broadcast()
}

// Interrupt makes a blocked Read and all later ones fail.
func (q *queue) Interrupt() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.come.Broadcast()
}

// SetReadDeadline ends a Read that is blocked then.
func (q *queue) SetReadDeadline(t time.Time) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.deadline = t
	switch left := time.Until(t); {
	case t.IsZero():
		if q.timer != nil {
			q.timer.Stop()
		}
	case left <= 0:
		q.come.Broadcast()
	case q.timer == nil:
		q.timer = time.AfterFunc(left, q.wake)
	default:
		q.timer.Reset(left)
	}
	return nil
}

func (q *queue) wake() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.come.Broadcast()
}
