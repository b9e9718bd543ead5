package buffer

import (
	"fmt"
	"math/rand"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"testing"

	"portti/buffer/crashtest"
)

// How to cut the power over anything: run it on a fakeFS, call its mark method
// with what is known at that moment, and give the log to cutLog.

// cuts says how.
type cuts struct {
	seed   int64
	every  int  // of so many images one is tried
	noSync bool // negative control: as if no sync had ever happened
	report int  // so many findings are told
	// check opens the directory that a cut left; it is called from several
	// goroutines. known is the last mark before the cut, later the first after
	// it; nil where there is none.
	check func(dir string, known, later any) error
}

// cutLog replays what f recorded and cuts the power after every operation, with
// all subsets of what is not synced while there are few, else with a sample:
// writes page by page, some of them torn into sectors or smaller, creations,
// renames and removals each for itself until the directory is synced.
func cutLog(t *testing.T, f *fakeFS, c cuts) (images, bad int) {
	t.Helper()
	k := &cutter{t: t, cuts: c, rnd: rand.New(rand.NewSource(c.seed)), jobs: make(chan *image, 64)}
	dir := fastDir(t)
	var workers sync.WaitGroup
	for i := range runtime.GOMAXPROCS(0) {
		workers.Go(func() { k.work(filepath.Join(dir, "image"+strconv.Itoa(i))) })
	}
	k.replay(f.log)
	close(k.jobs)
	workers.Wait()
	return k.images, k.bad
}

type cutter struct {
	cuts
	t    *testing.T
	rnd  *rand.Rand
	jobs chan *image

	mu     sync.Mutex
	images int
	bad    int
}

func (k *cutter) replay(log []crashtest.Op) {
	var marks []any
	for _, o := range log {
		if o.Kind == crashtest.Mark {
			marks = append(marks, o.Mark)
		}
	}
	mark := func(i int) any {
		if i < 0 || len(marks) == 0 {
			return nil
		}
		return marks[min(i, len(marks)-1)]
	}
	d := crashtest.NewDisc()
	d.NoSync = k.noSync
	known := -1
	for at, o := range log {
		if o.Kind == crashtest.Mark {
			known++
			continue
		}
		d.Step(o)
		if o.Kind == crashtest.Ruin {
			continue // the next mark says what it means
		}
		for _, keep := range subsets(k.rnd, d.Pending()) {
			if k.rnd.Intn(k.every) > 0 {
				continue
			}
			im := &image{d.Image(keep), at, mark(known), mark(known + 1)}
			if k.rnd.Intn(2) == 0 {
				im.Tear = k.rnd.Int63()
			}
			k.jobs <- im
		}
	}
}

func (k *cutter) work(dir string) {
	for im := range k.jobs {
		k.mu.Lock()
		k.images++
		enough := k.bad > 20
		k.mu.Unlock()
		if enough {
			continue
		}
		err := im.Write(dir)
		if err == nil {
			err = k.try(dir, im)
		}
		if err == nil {
			continue
		}
		k.mu.Lock()
		if k.bad++; k.bad <= k.report {
			k.t.Errorf("power cut at operation %d: %v", im.at, err)
		}
		k.mu.Unlock()
	}
}

func (k *cutter) try(dir string, im *image) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	return k.check(dir, im.known, im.later)
}

// subsets says which of n operations survive: all of these sets while there are
// few, else a sample.
func subsets(rnd *rand.Rand, n int) [][]bool {
	set := func(f func(i int) bool) []bool {
		keep := make([]bool, n)
		for i := range keep {
			keep[i] = f(i)
		}
		return keep
	}
	var out [][]bool
	if n <= 3 {
		for bits := range 1 << n {
			out = append(out, set(func(i int) bool { return bits>>i&1 == 1 }))
		}
		return out
	}
	out = append(out, set(func(int) bool { return true }), set(func(int) bool { return false }))
	for range 3 {
		out = append(out, set(func(int) bool { return rnd.Intn(2) == 0 }))
	}
	one := rnd.Intn(n)
	return append(out, set(func(i int) bool { return i == one }), set(func(i int) bool { return i != one }))
}

// image is what one power cut leaves.
type image struct {
	*crashtest.Image
	at           int
	known, later any
}

// number is a setting from the environment.
func number(name string, otherwise int) int {
	if n, err := strconv.Atoi(os.Getenv(name)); err == nil {
		return n
	}
	return otherwise
}
