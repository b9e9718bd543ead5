package buffer

import (
	"maps"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"
)

// known is what must hold of what a cut leaves.
type known struct {
	opening  bool              // a process begins here
	accepted map[uint64]string // on disk by the queue's own word, and not acknowledged
	acked    map[uint64]bool   // or set aside
	last     uint64            // the highest number that was handed out
	saved    uint64            // up to here all is on disk, or through
	epoch    uint64
	noted    uint64 // up to here all is through, by a synced note
	floor    Counts // given up and set aside, and durable
	counts   Counts
	offset   Offset // of the first boot, where it was set
	stopped  uint64 // the next number, where the queue was closed
	damaged  bool   // a file was ruined
	spare    int    // so many records may be set aside
	copies   bool   // a file may be there twice, and one of them set aside
}

// witness lives with a queue and knows at each moment what a cut must leave.
type witness struct {
	t       *testing.T
	fs      *fakeFS
	opt     Options
	q       *Queue
	dev     []uint16
	texts   map[uint64]string
	names   map[uint64]Name
	waiting map[uint64]string
	mayGo   func(n uint64) bool // what a full queue may give up
	carried *carried            // what is imported, and after a cut once more
	now     known
	left    string // the folder that is left of it
}

func newWitness(t *testing.T, dir, name string) *witness {
	w := &witness{t: t, fs: newFake(filepath.Join(dir, name)), texts: map[uint64]string{}, names: map[uint64]Name{},
		waiting: map[uint64]string{}, mayGo: func(uint64) bool { return false }}
	w.now.acked = map[uint64]bool{}
	w.opt = testOptions(w.fs.dir)
	w.opt.FS, w.opt.tune = w.fs, smallSizes()
	return w
}

func (w *witness) open() {
	w.now.opening = true
	w.mark()
	w.now.opening = false
	w.q = mustOpen(w.t, w.opt)
	w.dev = w.dev[:0]
	for _, name := range []string{"a", "b"} {
		dev, err := w.q.Device(name)
		if err != nil {
			w.t.Fatal(err)
		}
		w.dev = append(w.dev, dev)
	}
	synctest.Wait()
	w.now.stopped = 0
	w.note()
}

func (w *witness) close() {
	mustClose(w.t, w.q)
	_, w.now.stopped = w.q.Bounds()
	w.note()
}

// mark puts what is known into the log.
func (w *witness) mark() {
	k := w.now
	k.accepted, k.acked = maps.Clone(k.accepted), maps.Clone(k.acked)
	w.fs.mark(k)
}

// note finds out what is on disk by the queue's own word.
func (w *witness) note() {
	q := w.q
	q.mu.Lock()
	committed, released := q.committed, q.released
	noted, durable := q.disk.progress == 0, q.disk.lossAt == 0 && !q.ledger.worse
	q.mu.Unlock()
	w.now.saved, w.now.accepted = committed, map[uint64]string{}
	for n, text := range w.waiting {
		if n <= committed {
			w.now.accepted[n] = text
		}
	}
	if noted {
		w.now.noted = released
	}
	w.now.counts, _ = q.Ledger()
	if durable {
		w.now.floor = w.now.counts
	}
	w.now.epoch = q.Epoch()
	w.mark()
}

func (w *witness) append(n int) {
	for range n {
		i := len(w.texts)
		w.appendOne(w.dev[i%len(w.dev)], byte(bit(isEvent(i))), text(i))
	}
}

func (w *witness) appendOne(dev uint16, class byte, rec string) {
	_, n := w.q.Bounds()
	if err := w.q.Append(class, dev, uint32(len(w.texts)%3), []byte(rec)); err != nil {
		w.t.Fatal("append: ", err)
	}
	w.took(n, rec)
}

func (w *witness) took(n uint64, rec string) {
	w.texts[n], w.waiting[n] = rec, rec
	w.names[n], _ = w.q.Name(n)
}

// imports takes over records of another gateway.
func (w *witness) imports(from, to int) {
	dev, err := w.q.Device("import:B/a")
	if err != nil {
		w.t.Fatal(err)
	}
	for i := from; i < to; i++ {
		_, n := w.q.Bounds()
		if w.carried.take(w.t, w.q, dev, w.carried.numbers[max(0, i-1):i+1]) == 1 {
			w.took(n, w.carried.text(w.carried.numbers[i]))
		}
	}
}

// refuse has records set aside, as a server that will not have them.
func (w *witness) refuse(numbers ...uint64) {
	for _, n := range numbers {
		if err := w.q.Quarantine(n, "refused"); err != nil {
			w.t.Fatal("quarantine: ", err)
		}
		w.now.acked[n] = true
		delete(w.waiting, n)
	}
	synctest.Wait()
	w.note()
}

// record begins to record, with what is on disk now.
func (w *witness) record() {
	begin(w.t, w.fs)
	w.mark()
}

// ruin spoils a file, and learns from a copy what is right to be left of all.
func (w *witness) ruin(name string, edit func([]byte) []byte) {
	if err := w.fs.ruin(name, edit); err != nil {
		w.t.Fatal(err)
	}
	o := w.opt
	o.Dir = w.fs.dir + "-copy"
	o.FS = OS(o.Dir)
	copyDir(w.t, w.fs.dir, o.Dir)
	q := mustOpen(w.t, o)
	left, err := handedOut(q)
	if err != nil {
		w.t.Fatal(err)
	}
	synctest.Wait()
	w.now.counts, _ = q.Ledger()
	mustClose(w.t, q)
	w.now.accepted, w.now.damaged = left, true
	w.waiting = maps.Clone(left)
	w.mark()
}

// pass lets so much time go by.
func (w *witness) pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
	w.note()
}

// deliver reads and acknowledges the first n records.
func (w *witness) deliver(n int) {
	at, _ := w.q.Bounds()
	for n > 0 {
		first, recs, err := w.q.readRecords(at, 3000, min(20, n))
		if err != nil {
			w.t.Fatal("read: ", err)
		}
		if len(recs) == 0 {
			return
		}
		at = first + uint64(len(recs))
		mustAck(w.t, w.q, first, at-1)
		for i := first; i < at; i++ {
			w.now.acked[i] = true
			delete(w.waiting, i)
		}
		w.now.last = max(w.now.last, at-1)
		n -= len(recs)
	}
}
