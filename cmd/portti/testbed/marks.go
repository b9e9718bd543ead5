package testbed

import (
	"maps"
	"slices"
	"sort"
	"time"
)

// mark is how far the records of one numbering are settled.
type mark struct {
	Through uint64           `json:"through"`           // every record up to here is stored or was refused
	Refused map[uint64]fault `json:"refused,omitempty"` // those refused whose nack may not have arrived yet
}

// maxRefused bounds the refusals that are remembered for one numbering. The
// oldest are forgotten first: they are answered by ack if they come again.
const maxRefused = 1000

// moved is the mark after a batch.
func (m mark) moved(through uint64, refused map[uint64]fault) mark {
	next := mark{Through: through}
	if len(m.Refused)+len(refused) > 0 {
		next.Refused = make(map[uint64]fault, len(m.Refused)+len(refused))
	}
	for _, all := range []map[uint64]fault{m.Refused, refused} {
		for n, f := range all {
			next.Refused[n] = f
		}
	}
	if over := len(next.Refused) - maxRefused; over > 0 {
		for _, n := range slices.Sorted(maps.Keys(next.Refused))[:over] {
			delete(next.Refused, n)
		}
	}
	return next
}

func lowest(refused map[uint64]fault) uint64 {
	low := ^uint64(0)
	for n := range refused {
		low = min(low, n)
	}
	return low
}

// resume is what a client may be told that begins at record first, and ok when
// that tells it anything: what need not come again, or that less is here than
// before where it begins. Numbers have gaps, so that may be all right; the
// client knows what was acknowledged to it. A client begins behind what it knows to be settled, so it has
// the answers to everything before; a refusal after that has to be said again,
// so the client is not told to pass it.
func (m *mark) resume(first uint64) (through uint64, ok bool) {
	for n := range m.Refused {
		if n < first {
			delete(m.Refused, n)
		}
	}
	through = m.Through
	if len(m.Refused) > 0 {
		through = lowest(m.Refused) - 1
	}
	return through, through+1 != first
}

// maxRows bounds the numberings that are remembered. What is forgotten costs
// a repeat, never a record.
const maxRows = 10_000

// marks remembers numberings, in a journal if there is one.
type marks struct {
	rows    map[row]*remembered
	turn    uint64
	keep    time.Duration // how long a row stays after its last use; 0: for ever
	journal *journal      // nil: in memory only
}

type remembered struct {
	mark
	used uint64    // turn of the last use
	at   time.Time // of the last use, by the wall clock: it goes over restarts
}

// rowsOutlive is how much longer than max_age of its gateway a row is kept. No
// record of it is in the gateway's buffer then; the rest is for a gateway that
// was switched off, where age does not count.
const rowsOutlive = 30 * 24 * time.Hour

func newMarks(keep time.Duration) *marks { return &marks{rows: map[row]*remembered{}, keep: keep} }

// get gives a mark, the zero one for a numbering never seen.
func (m *marks) get(name row) mark {
	if r := m.rows[name]; r != nil {
		return r.mark
	}
	return mark{}
}

// note writes down that the lines about to be written take name to next.
func (m *marks) note(name row, next mark, lines []byte) error {
	if m.journal == nil {
		return nil
	}
	return m.journal.add(name, next, lines, time.Now())
}

// settle makes it so.
func (m *marks) settle(name row, next mark) error {
	if m.rows[name] == nil {
		m.expire(time.Now())
	}
	m.turn++
	m.rows[name] = &remembered{next, m.turn, time.Now()}
	if len(m.rows) > maxRows {
		oldest := name
		for n, r := range m.rows {
			if r.used < m.rows[oldest].used {
				oldest = n
			}
		}
		delete(m.rows, oldest)
	}
	if m.journal == nil {
		return nil
	}
	return m.journal.settle(m)
}

// touch takes note that a numbering is in use.
func (m *marks) touch(name row) {
	if r := m.rows[name]; r != nil {
		m.turn++
		r.used, r.at = m.turn, time.Now()
	}
}

// expire forgets what was not used for long. A clock that was set costs a repeat.
func (m *marks) expire(now time.Time) {
	if m.keep == 0 {
		return
	}
	for name, r := range m.rows {
		if now.Sub(r.at) > m.keep {
			delete(m.rows, name)
		}
	}
}

// byUse lists numberings, the longest unused first.
func byUse(rows map[row]*remembered) []row {
	all := slices.Collect(maps.Keys(rows))
	sort.Slice(all, func(i, j int) bool { return rows[all[i]].used < rows[all[j]].used })
	return all
}

func (m *marks) close() error {
	if m.journal == nil {
		return nil
	}
	return m.journal.close()
}

// through says how far a numbering is settled.
func (t *store) through(name row) uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.marks.get(name).Through
}

// resume is asked at the first batch that a connection sends of a numbering.
func (t *store) resume(name row, first uint64) (through uint64, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.marks.touch(name)
	r := t.marks.rows[name]
	if r == nil {
		return 0, false
	}
	return r.resume(first)
}
