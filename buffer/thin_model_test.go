package buffer

import (
	"fmt"
	"math/rand"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"
)

// fact is what the model knows of a record.
type fact struct {
	text   string
	event  bool
	stream uint32
	acked  bool
	gone   bool // it was found missing once
}

// thinModel is a queue at its limit and, next to it, every record there ever was.
type thinModel struct {
	t      *testing.T
	rnd    *rand.Rand
	dir    string
	runs   int
	opt    Options
	q      *Queue
	dev    uint16
	facts  map[uint64]*fact
	at     uint64
	acked  int
	events int    // found missing
	last   uint64 // where the newest segment began before this step, 0 where it was no appending
}

func (m *thinModel) open() {
	m.opt.Dir = filepath.Join(m.dir, fmt.Sprint(m.runs))
	m.opt.FS = OS(m.opt.Dir)
	m.q = mustOpen(m.t, m.opt)
	m.dev, _ = m.q.Device("a")
	m.at, _ = m.q.Bounds()
	synctest.Wait()
}

func (m *thinModel) step(events int) {
	m.last = 0
	switch k := m.rnd.Intn(20); {
	case k < 14:
		m.q.mu.Lock()
		if k := len(m.q.segs); k > 0 {
			m.last = m.q.segs[k-1].first
		}
		m.q.mu.Unlock()
		for range 100 + m.rnd.Intn(150) {
			m.append(m.rnd.Intn(100) < events)
		}
		time.Sleep(1100 * time.Millisecond)
	case k < 16:
		m.deliver()
	case k < 18:
		at, err := m.q.Rewind()
		if err != nil {
			m.t.Fatal(err)
		}
		m.at = at
	case k < 19:
		mustClose(m.t, m.q)
		m.open()
	default:
		m.crash()
	}
	time.Sleep(10 * time.Millisecond)
	synctest.Wait()
	m.compare()
}

func (m *thinModel) append(event bool) {
	_, n := m.q.Bounds()
	f := &fact{text: text(int(n)), event: event, stream: uint32(m.rnd.Intn(4))}
	class := byte(0)
	if event {
		class = byte(1 + m.rnd.Intn(3))
	}
	if err := m.q.Append(class, m.dev, f.stream, []byte(f.text)); err != nil {
		m.t.Fatal(err)
	}
	m.facts[n] = f
}

// deliver acknowledges some of the oldest and leaves a frame on its way.
func (m *thinModel) deliver() {
	for i := range 1 + m.rnd.Intn(20) {
		first, recs, err := m.q.readRecords(m.at, 4000, 40)
		if err != nil {
			m.t.Fatal(err)
		}
		if len(recs) == 0 {
			return
		}
		for k, r := range recs {
			if f := m.facts[first+uint64(k)]; f == nil || f.text != string(r) || f.acked || f.gone {
				m.t.Fatalf("record %d is %q: %+v", first+uint64(k), r, f)
			}
		}
		m.at = first + uint64(len(recs))
		if i == 7 {
			continue
		}
		mustAck(m.t, m.q, first, m.at-1)
		for n := first; n < m.at; n++ {
			m.facts[n].acked = true
			m.acked++
		}
	}
}

// crash goes on with a copy of what is on disk: what was only in memory was
// never read, and what was acknowledged since the last note of it waits again.
func (m *thinModel) crash() {
	m.q.mu.Lock()
	committed := m.q.committed
	m.q.mu.Unlock()
	from := m.opt.Dir
	m.runs++
	if err := os.CopyFS(filepath.Join(m.dir, fmt.Sprint(m.runs)), os.DirFS(from)); err != nil {
		m.t.Fatal(err)
	}
	mustClose(m.t, m.q)
	m.open()
	there := m.present()
	for n, f := range m.facts {
		switch {
		case n > committed && f.acked: // read and acknowledged are lower by one
			m.acked--
			delete(m.facts, n)
		case n > committed:
			delete(m.facts, n)
		case f.acked && there[n]:
			f.acked = false
			m.acked--
		}
	}
}

// present is what waits, found without reading it as the link does.
func (m *thinModel) present() map[uint64]bool {
	there := map[uint64]bool{}
	q := m.q
	q.mu.Lock()
	segs, committed, next := q.segs, q.committed, q.next
	q.mu.Unlock()
	for _, s := range segs {
		if s.end == s.first {
			continue
		}
		q.mu.Lock()
		living := q.livingLocked(span{s.first, s.end - 1})
		q.mu.Unlock()
		err := q.visitRecords(s, s.first, living, func(n uint64, _ []byte) bool { there[n] = true; return true })
		if err != nil {
			m.t.Fatal(err)
		}
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, p := range q.livingLocked(span{committed + 1, next - 1}) {
		q.tail.each(p, func(n uint64, _ []byte) { there[n] = true })
	}
	return there
}

// compare finds out what was shed since the last time, and whether the queue
// says the same.
func (m *thinModel) compare() {
	there := m.present()
	var lost uint64
	events := 0
	for n, f := range m.facts {
		switch {
		case there[n] && (f.acked || f.gone || m.facts[n] == nil):
			m.t.Fatalf("record %d is there again: %+v", n, f)
		case !there[n] && !f.acked:
			f.gone = true
			lost++
			if f.event {
				events++
			}
		}
	}
	c := checkLedger(m.t, m.q)
	if c.Waiting != uint64(len(there)) || c.Lost["full"] != lost || c.LostAll() != lost || c.Read != uint64(len(m.facts)) || c.Acked != uint64(m.acked) {
		m.t.Fatalf("%d there, %d lost, %d acknowledged, %d in all; ledger %+v", len(there), lost, m.acked, len(m.facts), c)
	}
	if s := m.q.Stats(); s.Bytes > m.opt.MaxSize {
		m.t.Fatalf("%d bytes of %d", s.Bytes, m.opt.MaxSize)
	}
	if events > m.events && m.last > 0 {
		m.barren()
	}
	m.events = events
	m.evenly(there)
}

// barren: an event may only go where no closed segment that is not on its way
// has a timed reading left.
func (m *thinModel) barren() {
	m.q.mu.Lock()
	defer m.q.mu.Unlock()
	for _, s := range m.q.segs {
		if s.first < m.last && m.q.thinnableLocked(s) && s.level < bareLevel {
			m.t.Fatalf("events were given up, and the segment at %d has level %d", s.first, s.level)
		}
	}
}

// evenly: two readings of a stream that are neighbours now were at most 2^level
// apart; one that was acknowledged begins anew.
func (m *thinModel) evenly(there map[uint64]bool) {
	q := m.q
	_, next := q.Bounds()
	since := map[uint32]int{}
	started := map[uint32]bool{}
	q.mu.Lock()
	segs := q.segs
	q.mu.Unlock()
	most := 0
	for _, s := range segs {
		if s.level == bareLevel {
			return
		}
		most = max(most, int(s.level))
	}
	for n := uint64(1); n < next; n++ {
		f := m.facts[n]
		if f == nil || f.event {
			continue
		}
		if f.acked { // it may have been one that stayed
			since[f.stream] = 0
			continue
		}
		since[f.stream]++
		if !there[n] {
			continue
		}
		if since[f.stream] > 1<<most && started[f.stream] {
			m.t.Fatalf("stream %d: record %d is the first of %d, and the highest level is %d", f.stream, n, since[f.stream], most)
		}
		since[f.stream], started[f.stream] = 0, true
	}
}

// TestThinAgainstModel runs seeded lives of a queue at its limit against every
// record there ever was: the ledger is exact, nothing comes back, what is left
// lies evenly, events go last. Row 20.
func TestThinAgainstModel(t *testing.T) {
	t.Parallel()
	dir := fastDir(t)
	seeds := 8
	if sampled() {
		seeds = 2
	}
	levels, acked, events := 0, 0, 0
	for seed := range seeds {
		share := []int{2, 80, 20, 100}[seed%4]
		ok := t.Run(fmt.Sprint("seed ", seed, ", events ", share, "%"), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := &thinModel{t: t, rnd: rand.New(rand.NewSource(int64(seed))), dir: filepath.Join(dir, fmt.Sprint(seed)),
					facts: map[uint64]*fact{}}
				if err := os.Mkdir(m.dir, 0o700); err != nil {
					t.Fatal(err)
				}
				m.opt = testOptions(m.dir)
				tight(&m.opt)
				m.open()
				for range 120 {
					m.step(share)
					levels = max(levels, m.q.Stats().Level)
				}
				acked, events = acked+m.acked, events+m.events
				mustClose(t, m.q)
			})
		})
		if !ok {
			return
		}
	}
	if levels < 4 || acked == 0 || events == 0 {
		t.Errorf("%d levels, %d acknowledged and %d events given up prove little", levels, acked, events)
	}
}
