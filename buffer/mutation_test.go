package buffer

import (
	"cmp"
	"fmt"
	"math/rand"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"portti/buffer/crashtest"
)

// Each flush of the disk, each rename and each order of two writes earns its place:
// it is left out, or done otherwise, and the power is cut wherever that makes a
// difference. The mutant is killed by a cut after which something is lost that must
// not be, and the table that -v prints says what, and after how many cuts. Where no
// cut can tell, the flush earns nothing, and it says why it is there all the same.

// mutant is one thing done otherwise in a recorded life.
type mutant struct {
	name string
	life string
	drop []string                    // flushes for these purposes do nothing
	turn func(l *recorded) []episode // pieces of the log happen otherwise
	idle string                      // why no cut can tell
}

// recorded is a life of a queue, as the disk saw it.
type recorded struct {
	log     []crashtest.Op
	of      []string // what each operation is for
	later   []known  // by operation: the next mark
	verdict func(dir string, before, later known) string
}

func recordedOf(w *witness) *recorded {
	l := &recorded{log: w.fs.log, of: purposesOf(w.fs.log), later: make([]known, len(w.fs.log)), verdict: w.verdict}
	next := w.now
	for i := len(l.log) - 1; i >= 0; i-- {
		if k, ok := l.log[i].Mark.(known); ok {
			next = k
		}
		l.later[i] = next
	}
	return l
}

// episode is a piece of a log, operations at up to to, that happens otherwise.
type episode struct {
	at, to int
	ops    []crashtest.Op
}

// trial is cuts of the power over one mutant, up to some that cost something.
type trial struct {
	life   *recorded
	dir    string
	rnd    *rand.Rand
	most   int // cuts
	cuts   int
	first  int    // the first that cost something, 0 for none
	lost   string // the gravest loss
	lostAt int
}

// cut has the power go at an operation, with so much of what is pending on disk.
func (c *trial) cut(d *crashtest.Disc, at int, before, later known, keep []bool, tear bool) {
	im := d.Image(keep)
	if tear {
		im.Tear = c.rnd.Int63()
	}
	var lost string
	if err := im.Write(c.dir); err != nil {
		lost = err.Error()
	} else {
		lost = c.life.verdict(c.dir, before, later)
	}
	if c.cuts++; lost == "" {
		return
	}
	if c.first == 0 {
		c.first = c.cuts
	}
	if c.lost == "" || gravity(lost) < gravity(c.lost) { // what is no loss by name comes first
		c.lost, c.lostAt = lost, at
	}
}

// done says that no further cut is needed: after the first that costs something some
// more may cost worse.
func (c *trial) done() bool {
	return c.first > 0 && (c.cuts >= c.first+c.most/choices || gravity(c.lost) < 2) || c.cuts >= c.most
}

// visit is called for a moment of a log at which a cut may make a difference: extra
// are the pending operations that do.
type visit func(at int, before, later known, d *crashtest.Disc, extra []int)

// run cuts at the moments that walk leads to: with each choice of what is on disk over
// all of them, as many as are to be tried, half of them with the first choice. missing:
// the extra operations would be on disk but for the mutation.
func (c *trial) run(missing bool, walk func(visit)) {
	moments := 0
	walk(func(int, known, known, *crashtest.Disc, []int) { moments++ })
	for choice := range choices {
		tries := 2 * moments
		if choice > 0 {
			tries *= choices - 1
		}
		stride := max(1, (tries+c.most-1)/c.most)
		n := choice * stride / choices
		walk(func(at int, before, later known, d *crashtest.Disc, extra []int) {
			if n++; n%stride == 0 && !c.done() {
				c.cut(d, at, before, later, choose(choice, missing, c.rnd, d.Pending(), extra), choice == choices-1)
			}
		})
	}
}

const choices = 7

// choose says which of n pending operations are on disk after a cut.
func choose(choice int, missing bool, rnd *rand.Rand, n int, extra []int) []bool {
	set := func(base bool, at ...int) []bool {
		keep := slices.Repeat([]bool{base}, n)
		for _, i := range at {
			keep[i] = !base
		}
		return keep
	}
	var one, first, last []int
	if k := len(extra); k > 0 {
		one, first, last = extra[rnd.Intn(k):][:1], extra[:1], extra[k-1:]
	}
	switch choice {
	case 0:
		if missing {
			return set(true, extra...)
		}
		return set(true)
	case 1:
		return set(false)
	case 2:
		return set(true, first...)
	case 3:
		return set(true, one...)
	case 4:
		return set(false, last...)
	case 5:
		return set(false, one...)
	}
	keep := set(false)
	for i := range keep {
		keep[i] = rnd.Intn(3) > 0
	}
	return keep
}

// dropping replays the log with a purpose's flushes left out beside the log as it is,
// and visits the moments where they differ.
func (c *trial) dropping(purposes []string) func(visit) {
	return func(f visit) {
		sound, d := crashtest.NewDisc(), crashtest.NewDisc()
		var before known
		for i, o := range c.life.log {
			if k, ok := o.Mark.(known); ok {
				before = k
			}
			sound.Step(o)
			if !slices.Contains(purposes, c.life.of[i]) || o.Kind != "sync" && o.Kind != "syncdir" {
				d.Step(o)
			}
			if extra := d.Beyond(sound); len(extra) > 0 && o.Kind != "ruin" && !c.done() {
				f(i, before, c.life.later[i], d, extra)
			}
		}
	}
}

// turning plays each episode in the place of what happened, and visits the moments
// before, between and after its operations.
func (c *trial) turning(episodes []episode) func(visit) {
	slices.SortStableFunc(episodes, func(a, b episode) int { return a.at - b.at })
	return func(f visit) {
		d, at := crashtest.NewDisc(), 0
		var before known
		for _, e := range episodes {
			for ; at < e.at; at++ {
				if k, ok := c.life.log[at].Mark.(known); ok {
					before = k
				}
				d.Step(c.life.log[at])
			}
			c.play(e, d, before, f)
		}
	}
}

func (c *trial) play(e episode, was *crashtest.Disc, before known, f visit) {
	d := was.Fork()
	for i, o := range append([]crashtest.Op{{Kind: crashtest.Mark}}, e.ops...) {
		if k, ok := o.Mark.(known); ok {
			before = k
		}
		d.Step(o)
		if middle := i > 0 && i < len(e.ops); c.done() || o.Kind == "ruin" || middle && o.Kind == "mark" {
			continue
		}
		later := c.life.later[min(e.to, len(c.life.log)-1)]
		if k := slices.IndexFunc(e.ops[i:], func(o crashtest.Op) bool { return o.Kind == "mark" }); k >= 0 {
			later = e.ops[i+k].Mark.(known)
		}
		f(min(e.at+i, len(c.life.log)-1), before, later, d, d.Beyond(was))
	}
}

// sound is the log as it is: nothing may be lost.
func (c *trial) sound() []episode {
	first := slices.IndexFunc(c.life.log, func(o crashtest.Op) bool { return o.Kind == "mark" })
	return []episode{{first, len(c.life.log), c.life.log[first:]}}
}

func (m *mutant) try(l *recorded, dir string, most int) *trial {
	c := &trial{life: l, dir: dir, rnd: rand.New(rand.NewSource(1)), most: most}
	switch {
	case m.drop != nil:
		c.run(true, c.dropping(m.drop))
	case m.turn != nil:
		c.run(false, c.turning(m.turn(l)))
	default:
		c.run(false, c.turning(c.sound()))
	}
	return c
}

// TestEachFlushEarnsItsPlace: every mutant is killed by something that is lost, but
// for those whose flush earns nothing, and without a mutation nothing is lost.
func TestEachFlushEarnsItsPlace(t *testing.T) {
	dir := fastDir(t)
	lives := mutationLives(t, dir)
	// What is killed is done soon after the first cut that costs something. How many
	// cuts that takes is a matter of chance, for a torn write as of what the epoch is.
	most := func(m mutant) int {
		switch {
		case m.idle == "":
			return 1000
		case sampled():
			return 42
		}
		return 140
	}
	mutants := allMutants()
	for name := range lives {
		if name == "late" {
			continue
		}
		mutants = append(mutants, mutant{name: "no mutation", life: name, idle: "the control"})
	}
	slices.SortFunc(mutants, func(a, b mutant) int { return strings.Compare(a.life, b.life) })
	trials := make([]*trial, len(mutants))
	t.Run("mutants", func(t *testing.T) {
		next := make(chan int, len(mutants))
		for i := range mutants {
			next <- i
		}
		close(next)
		for k := range runtime.GOMAXPROCS(0) {
			t.Run(fmt.Sprint(k), func(t *testing.T) {
				t.Parallel()
				for i := range next {
					trials[i] = mutants[i].try(lives[mutants[i].life], filepath.Join(dir, fmt.Sprint("image", k)), most(mutants[i]))
				}
			})
		}
	})
	for i, m := range mutants {
		report(t, m, trials[i])
	}
}

func report(t *testing.T, m mutant, c *trial) {
	t.Helper()
	said := c.lost
	if said == "" {
		said = "nothing; " + m.idle
	}
	t.Logf("%-8s | %-58s | %3d cuts | %.120s", m.life, m.name, cmp.Or(c.first, c.cuts), said)
	switch {
	case c.cuts == 0:
		t.Errorf("%s: it never differs", m.name)
	case (c.lost == "") != (m.idle != ""), c.lost != "" && gravity(c.lost) < 0:
		t.Errorf("%s: %q was lost at operation %d of %s", m.name, c.lost, c.lostAt, m.life)
	}
}
