package buffer

import (
	"fmt"
	"maps"
	"math/rand"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"testing"
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

func (k *cutter) replay(log []op) {
	var marks []any
	for _, o := range log {
		if o.kind == "mark" {
			marks = append(marks, o.mark)
		}
	}
	mark := func(i int) any {
		if i < 0 || len(marks) == 0 {
			return nil
		}
		return marks[min(i, len(marks)-1)]
	}
	d := &disc{medium: medium{map[string]int{}, map[int][]byte{}, map[int]bool{}}, noSync: k.noSync}
	known := -1
	for at, o := range log {
		if o.kind == "mark" {
			known++
			continue
		}
		d.step(o)
		if o.kind == "ruin" {
			continue // the next mark says what it means
		}
		for _, keep := range subsets(k.rnd, len(d.pending)) {
			if k.rnd.Intn(k.every) > 0 {
				continue
			}
			im := d.image(keep)
			im.at, im.known, im.later = at, mark(known), mark(known+1)
			if k.rnd.Intn(2) == 0 {
				im.tear = k.rnd.Int63()
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
		err := im.write(dir)
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

// medium is files by inode, and their names. Copies of a medium share what the
// files hold until one of them changes it.
type medium struct {
	names map[string]int
	files map[int][]byte
	own   map[int]bool // files whose bytes no copy shares
}

// copy is another medium with the same on it.
func (m *medium) copy() medium {
	clear(m.own)
	return medium{maps.Clone(m.names), maps.Clone(m.files), map[int]bool{}}
}

// apply does what an operation does.
func (m *medium) apply(o op) {
	switch o.kind {
	case "write":
		m.files[o.inode] = writeAt(m.owned(o.inode), o.data, o.off)
	case "trunc":
		b := m.owned(o.inode)
		m.files[o.inode] = append(b, make([]byte, max(0, int(o.off)-len(b)))...)[:o.off]
	case "create":
		m.names[o.name] = o.inode
	case "rename":
		if m.names[o.name] == o.inode {
			delete(m.names, o.name)
		}
		m.names[o.to] = o.inode
	case "remove":
		delete(m.names, o.name)
	}
}

func (m *medium) owned(inode int) []byte {
	if !m.own[inode] {
		m.files[inode], m.own[inode] = slices.Clone(m.files[inode]), true
	}
	return m.files[inode]
}

// disc is the state of a medium while a log is replayed: what is durable, and
// what the power cut may still take in any combination.
type disc struct {
	medium
	pending []op
	noSync  bool
}

func isDirOp(o op) bool { return o.kind == "create" || o.kind == "rename" || o.kind == "remove" }

// step applies an operation; writes become pending page by page.
func (d *disc) step(o op) {
	switch o.kind {
	case "mark":
	case "ruin":
		d.files[o.inode], d.own[o.inode] = o.data, false
	case "sync", "syncdir":
		if d.noSync {
			return
		}
		var keep []op
		for _, p := range d.pending {
			if o.kind == "syncdir" && isDirOp(p) || o.kind == "sync" && !isDirOp(p) && p.inode == o.inode {
				d.apply(p)
			} else {
				keep = append(keep, p)
			}
		}
		d.pending = keep
	case "write":
		for at := 0; at < len(o.data); at += pageSize {
			d.pending = append(d.pending, op{kind: "write", inode: o.inode, off: o.off + int64(at),
				data: o.data[at:min(at+pageSize, len(o.data))]})
		}
	default:
		d.pending = append(d.pending, o)
	}
}

// image is what one power cut leaves.
type image struct {
	medium
	at           int
	known, later any
	pending      []op
	keep         []bool
	tear         int64 // seed, 0: every page is whole
}

func (d *disc) image(keep []bool) *image {
	return &image{medium: d.copy(), keep: keep, pending: d.pending[:len(d.pending):len(d.pending)]}
}

// write puts the files of an image into a fresh directory.
func (im *image) write(dir string) error {
	rnd := rand.New(rand.NewSource(im.tear))
	for i, o := range im.pending {
		if !im.keep[i] {
			continue
		}
		if im.tear == 0 || o.kind != "write" || rnd.Intn(3) > 0 {
			im.apply(o)
			continue
		}
		size := []int{512, 64}[rnd.Intn(2)] // a sector, or less than any
		for s := 0; s < len(o.data); s += size {
			if rnd.Intn(2) == 0 {
				im.apply(op{kind: "write", inode: o.inode, off: o.off + int64(s), data: o.data[s:min(s+size, len(o.data))]})
			}
		}
	}
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	for name, i := range im.names {
		if err := os.WriteFile(filepath.Join(dir, name), im.files[i], 0o600); err != nil {
			return err
		}
	}
	return nil
}

// number is a setting from the environment.
func number(name string, otherwise int) int {
	if n, err := strconv.Atoi(os.Getenv(name)); err == nil {
		return n
	}
	return otherwise
}
