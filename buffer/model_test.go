package buffer

import (
	"fmt"
	"math/rand"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"
)

// model is what a queue should be like, as simply as it can be said: what
// became of each number, in a map.
type model struct {
	t       *testing.T
	rnd     *rand.Rand
	opt     Options
	q       *Queue
	devs    [3]uint16
	texts   map[uint64]string
	dev     map[uint64]int
	waiting map[uint64]bool
	acked   map[uint64]bool // held or released
	quar    map[uint64]bool
	lost    [3]uint64
	read    [3]uint64
	at      uint64
}

func (m *model) open() {
	m.q = mustOpen(m.t, m.opt)
	for i := range m.devs {
		m.devs[i], _ = m.q.Device(fmt.Sprint("d", i))
	}
	m.at, _ = m.q.Bounds()
}

func (m *model) step() {
	switch k := m.rnd.Intn(20); {
	case k < 7:
		for range 1 + m.rnd.Intn(50) {
			d := m.rnd.Intn(3)
			_, n := m.q.Bounds()
			rec := fmt.Sprintf("%s#%d", text(m.rnd.Intn(1000)), n)
			if err := m.q.Append(byte(m.rnd.Intn(4)), m.devs[d], 1, []byte(rec)); err != nil {
				m.t.Fatal(err)
			}
			m.texts[n], m.dev[n], m.waiting[n] = rec, d, true
			m.read[d]++
		}
	case k < 10:
		time.Sleep(time.Duration(m.rnd.Intn(3000)) * time.Millisecond)
	case k < 16:
		m.deliver()
	case k < 17:
		m.rewind()
	case k < 18:
		m.quarantine()
	case k < 19:
		d := m.rnd.Intn(3)
		m.q.Lose(m.devs[d], "rate", 2)
		m.lost[d] += 2
		m.read[d] += 2
	default:
		if m.rnd.Intn(3) == 0 {
			m.restart()
		}
	}
	synctest.Wait()
	m.compare()
}

// deliver reads some frames and acknowledges them, or only a piece from the
// middle, as a server that answers out of order.
func (m *model) deliver() {
	for range 1 + m.rnd.Intn(5) {
		first, entries, err := m.q.Read(m.at, 1+m.rnd.Intn(4000), 1+m.rnd.Intn(30))
		if err != nil {
			m.t.Fatal(err)
		}
		if len(entries) == 0 {
			return
		}
		last := first + uint64(len(entries)) - 1
		for i, e := range entries {
			n := first + uint64(i)
			if m.texts[n] != string(e.Rec) || e.Device != m.devs[m.dev[n]] {
				m.t.Fatalf("record %d is %q of device %d", n, e.Rec, e.Device)
			}
			if m.quar[n] {
				m.t.Fatalf("record %d was quarantined and comes again", n)
			}
		}
		for n := m.at; n < first; n++ {
			if m.waiting[n] {
				m.t.Fatalf("record %d was passed over", n)
			}
		}
		m.at = last + 1
		from := first
		if m.rnd.Intn(4) == 0 {
			from += uint64(m.rnd.Intn(len(entries)))
		}
		if m.rnd.Intn(8) > 0 {
			mustAck(m.t, m.q, from, last)
			for n := from; n <= last; n++ {
				if m.waiting[n] {
					delete(m.waiting, n)
					m.acked[n] = true
				}
			}
		}
	}
}

// rewind learns from the queue which acknowledged records wait again: those
// that come out once more.
func (m *model) rewind() {
	m.q.mu.Lock()
	m.q.expireLocked(m.q.opt.Mono())
	held := m.q.fates.of(ranges{{1, m.q.next}}, held)
	m.q.mu.Unlock()
	at, err := m.q.Rewind()
	if err != nil {
		m.t.Fatal(err)
	}
	for _, s := range held {
		for n := s.a; n <= s.b; n++ {
			if m.acked[n] {
				delete(m.acked, n)
				m.waiting[n] = true
			}
		}
	}
	m.at = at
}

func (m *model) quarantine() {
	for n := range m.texts {
		if err := m.q.Quarantine(n, "refused"); err != nil {
			m.t.Fatal(err)
		}
		m.q.mu.Lock()
		gone := len(m.q.livingLocked(span{n, n})) == 0
		m.q.mu.Unlock()
		if !gone {
			m.t.Fatalf("record %d is still there", n)
		}
		if m.waiting[n] {
			delete(m.waiting, n)
			m.quar[n] = true
		}
		return
	}
}

// restart stops cleanly: what was held waits again, as after any end.
func (m *model) restart() {
	m.q.mu.Lock()
	m.q.expireLocked(m.q.opt.Mono())
	held := m.q.fates.of(ranges{{1, m.q.next}}, held)
	m.q.mu.Unlock()
	mustClose(m.t, m.q)
	for _, s := range held {
		for n := s.a; n <= s.b; n++ {
			if m.acked[n] {
				delete(m.acked, n)
				m.waiting[n] = true
			}
		}
	}
	m.open()
}

func (m *model) compare() {
	checkLedger(m.t, m.q)
	_, devices := m.q.Ledger()
	var wants [3]Counts
	for n := range m.waiting {
		wants[m.dev[n]].Waiting++
	}
	for n := range m.acked {
		wants[m.dev[n]].Acked++
	}
	for n := range m.quar {
		wants[m.dev[n]].Quarantined++
	}
	for d, want := range wants {
		c := devices[fmt.Sprint("d", d)]
		if c.Read != m.read[d] || c.Waiting != want.Waiting || c.Acked != want.Acked ||
			c.Quarantined != want.Quarantined || c.LostAll() != m.lost[d] {
			m.t.Fatalf("device %d is %+v, the model says %d read, %d lost and %+v", d, c, m.read[d], m.lost[d], want)
		}
	}
}

// TestAgainstModel runs seeded lives against the model, with clean restarts.
func TestAgainstModel(t *testing.T) {
	t.Parallel()
	dir := fastDir(t)
	seeds := 30
	if sampled() {
		seeds = 6
	}
	for seed := range seeds {
		for _, mode := range []string{"hold", "no hold", "strict"} {
			ok := t.Run(fmt.Sprint("seed ", seed, " ", mode), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					m := &model{t: t, rnd: rand.New(rand.NewSource(int64(seed))), texts: map[uint64]string{},
						dev: map[uint64]int{}, waiting: map[uint64]bool{}, acked: map[uint64]bool{}, quar: map[uint64]bool{}}
					m.opt = testOptions(filepath.Join(dir, fmt.Sprint(seed, mode)))
					m.opt.tune = smallSizes()
					m.opt.FS = OS(m.opt.Dir)
					switch mode {
					case "hold":
						m.opt.FenceHold = 4 * time.Second
					case "strict":
						m.opt.CommitEvery, m.opt.FenceHold = 0, time.Second
					}
					m.open()
					for range 150 {
						m.step()
					}
					mustClose(m.t, m.q)
				})
			})
			if !ok {
				return
			}
		}
	}
}
