//go:build faults

package faults

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"portti/cmd/portti/rig"
	"portti/cmd/portti/rig/faultfs"
	"portti/cmd/portti/status"
	"portti/cmd/portti/testbed"
	"portti/cross/testkit"
)

// victim is a gateway below which the file that it writes becomes unreadable.
type victim struct {
	*site
	g    *rig.Process
	r    *rand.Rand
	fuse *faultfs.FS // nil on a plain file system
	dir  string      // where the files really are
}

// ruin is one way in which it does.
type ruin struct {
	name string
	do   func(*victim)
	// fuse: by errors of calls, not by what the file holds.
	fuse bool
	// ends: after that it can be read again. Else it cannot for ever.
	ends bool
	// every: so it is with each file, also with a new one.
	every bool
}

func ruins() []ruin {
	const while = 2 * time.Second
	return []ruin{
		{name: "cut short", do: (*victim).cut},
		{name: "pages zeroed", do: (*victim).zero},
		{name: "pages copied", do: (*victim).copy},
		{name: "bits flipped", do: (*victim).flip},
		{name: "both metas ruined", do: (*victim).metas},
		{name: "EIO of its reads for 2s", fuse: true, ends: true, do: func(v *victim) { v.unreadable(false, while) }},
		{name: "EIO of its reads for ever", fuse: true, do: func(v *victim) { v.unreadable(false, 0) }},
		{name: "EIO of every read for 2s", fuse: true, ends: true, every: true, do: func(v *victim) { v.unreadable(true, while) }},
		{name: "EIO of every read for ever", fuse: true, every: true, do: func(v *victim) { v.unreadable(true, 0) }},
	}
}

// newest is the name of the file that is being written.
func (v *victim) newest() string {
	names := segmentsIn(v.dir)
	if len(names) == 0 {
		v.Fatal("there is no file to ruin")
	}
	return names[len(names)-1]
}

// unreadable answers reads of the newest file, or of every file, with EIO, and waits
// until it has happened: with a link the gateway may have nothing to read and nothing
// to save, so that the link goes then, and the newest file may become another one.
func (v *victim) unreadable(every bool, lasts time.Duration) {
	v.Helper()
	for range 10 {
		plan := faultfs.Plan{Calls: []faultfs.Op{faultfs.Read}, Errno: syscall.EIO, Lasts: lasts}
		if !every {
			plan.Suffix = v.newest()
		}
		v.fuse.On(plan)
		for range 100 {
			if v.look(); v.fuse.Struck() > 0 {
				return
			}
			time.Sleep(apart)
		}
		v.Down()
	}
	v.Fatalf("nothing is read: %s", v.fuse.Report())
}

// edit changes the newest file in place.
func (v *victim) edit(do func(f *os.File, content []byte) error) {
	v.Helper()
	f, err := os.OpenFile(filepath.Join(v.dir, v.newest()), os.O_RDWR, 0)
	if err != nil {
		v.Fatal(err)
	}
	defer f.Close()
	content, err := os.ReadFile(f.Name())
	if err == nil {
		err = do(f, content)
	}
	if err != nil {
		v.Fatal(err)
	}
}

// page chooses one that is not empty.
func (v *victim) page(content []byte) int {
	for {
		at := v.r.IntN(len(content)/pageLen) * pageLen
		for _, b := range content[at : at+pageLen] {
			if b != 0 {
				return at
			}
		}
	}
}

func (v *victim) cut() {
	v.edit(func(f *os.File, content []byte) error { return f.Truncate(512 * int64(v.r.IntN(len(content)/512))) })
}

func (v *victim) zero() {
	v.edit(func(f *os.File, content []byte) (err error) {
		for range 1 + v.r.IntN(8) {
			if err == nil {
				_, err = f.WriteAt(make([]byte, pageLen), int64(v.page(content)))
			}
		}
		return err
	})
}

func (v *victim) copy() {
	v.edit(func(f *os.File, content []byte) (err error) {
		for range 1 + v.r.IntN(8) {
			if from := v.page(content); err == nil {
				_, err = f.WriteAt(content[from:from+pageLen], int64(v.page(content)))
			}
		}
		return err
	})
}

func (v *victim) flip() {
	v.edit(func(f *os.File, content []byte) (err error) {
		for range 1 + v.r.IntN(200) {
			at := v.page(content) + v.r.IntN(pageLen)
			if content[at] ^= 1 << v.r.IntN(8); err == nil {
				_, err = f.WriteAt(content[at:at+1], int64(at))
			}
		}
		return err
	})
}

func (v *victim) metas() {
	v.edit(func(f *os.File, _ []byte) error {
		noise := make([]byte, 2*pageLen)
		for i := range noise {
			noise[i] = byte(v.r.Uint32())
		}
		_, err := f.WriteAt(noise, 0)
		return err
	})
}

// The file that is being written becomes unreadable while the gateway commits to it,
// or while it reads what it wrote. It does not end and does not hang; what it reads
// is accepted again, without a link, as soon as there is a file that can be written
// and read; it stops when it is told to; and what is missing at the end is in the
// ledger. Rows 12, 13, 15 and 16.
//
// Each way once, or PORTTI_UNREADABLE tries on a plain file system and as many on
// one that answers with errors.
func TestUnreadableWhileUsed(t *testing.T) {
	seed := uint64(number("PORTTI_SEED", int(time.Now().UnixNano()&0xffffff)))
	t.Logf("PORTTI_SEED=%d", seed)
	for _, where := range []string{"plain", "fuse"} {
		var ways []ruin
		for _, way := range ruins() {
			if where == "fuse" || !way.fuse {
				ways = append(ways, way)
			}
		}
		for i := range number("PORTTI_UNREADABLE", len(ways)) {
			way, r := ways[i%len(ways)], rand.New(rand.NewPCG(seed, uint64(i)))
			reading := r.IntN(3) == 0
			name := fmt.Sprintf("%s/%d %s while written", where, i, way.name)
			if reading {
				name = fmt.Sprintf("%s/%d %s while read", where, i, way.name)
			}
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				unreadableWhileUsed(t, way, reading, where == "fuse", r)
			})
		}
	}
}

func unreadableWhileUsed(t *testing.T, way ruin, reading, fuse bool, r *rand.Rand) {
	s := newSite(t, testbed.Options{})
	v := &victim{site: s, r: r, dir: filepath.Join(s.State, "buffer.v2")}
	if fuse {
		v.fuse, v.dir = s.below(t)
	}
	s.Buffer = "commit_every = \"50ms\""
	if r.IntN(2) == 0 {
		s.Buffer += "\nmax_size = \"4MB\"" // in files of 128 KB
	}
	s.Down()
	v.g = s.Start()
	s.Line().Feed(2000)
	v.g.Until("2000 are accepted", func(st *status.Document) bool { return st.Totals.Accepted >= 2000 })
	if r.IntN(3) == 0 { // what came before is in no memory then
		v.g.Stop()
		s.Line().Clear()
		v.g = s.Start()
	}
	stop := s.Line().Flow(2 * time.Millisecond)
	more := v.g.Status().Buffer.Commits + 1 + uint64(r.IntN(10))
	v.g.Until("it commits", func(st *status.Document) bool { return st.Buffer.Commits >= more })
	if reading {
		s.Up()
		v.g.Until("some arrive", func(*status.Document) bool { return s.Oracle.Count(s.Line().Tuid) > 100 })
	}
	if way.do(v); fuse {
		v.fuse.Drop()
	}
	v.goesOn(way)
	s.Up()
	stop()
	v.drains(way)
	v.stops()
	if fuse {
		v.fuse.Off()
		if way.fuse {
			struck(t, v.fuse)
		}
	}
	v.settles()
}

// apart is between two looks at a gateway. How long it may take is counted in looks,
// so that a machine on which everything is slow is given more time: 200 are a second
// at least.
const apart = 5 * time.Millisecond

// within looks until ok, n times at the most, and gives how long that took.
func (v *victim) within(what string, n int, ok func() bool) time.Duration {
	v.Helper()
	began := time.Now()
	for range n {
		if ok() {
			return time.Since(began)
		}
		time.Sleep(apart)
	}
	v.Fatalf("not within %d looks, %v: %s\n%s", n, time.Since(began).Round(time.Millisecond), what, v.g.Picture())
	return 0
}

// look is the status of a gateway that must be alive.
func (v *victim) look() *status.Document {
	v.Helper()
	st, err := v.g.Ask()
	if err == nil && !v.g.Gone() {
		return st
	}
	select {
	case <-v.g.Ended:
		v.Fatalf("the gateway ended: %v", v.g.Err)
	case <-time.After(testkit.Patience):
		v.Fatalf("the gateway does not say how it is: %v", err)
	}
	return nil
}

// goesOn waits until readings are accepted again. A second is promised from the
// first error on, or from the last one if a new file can be read no better, with one
// wait of a second or two before the next attempt; the rest is for a disk that is
// busy with other tests.
func (v *victim) goesOn(way ruin) {
	v.Helper()
	was := v.look()
	if way.every && !way.ends { // there is no place to save anything
		v.within("it reads on", 1000, func() bool { return v.look().Totals.Read >= was.Totals.Read+300 })
		return
	}
	looks := 1000
	if way.every {
		looks = 2000
		v.within("the errors end", looks, func() bool {
			v.look()
			return v.fuse.Struck() > 0 && time.Since(v.fuse.Since()) > 2*time.Second
		})
		was = v.look()
	}
	took := v.within("readings are accepted again", looks, func() bool { return v.look().Totals.Accepted >= was.Totals.Accepted+200 })
	v.Logf("200 more were accepted after %v", took.Round(time.Millisecond))
}

// drains waits until all that can be sent is.
func (v *victim) drains(way ruin) {
	v.Helper()
	v.Line().Feed(100)
	v.g.Until("all are read", rig.Read(v.Line().Count()))
	v.arrives(v.g, "new readings arrive", 100)
	if way.fuse && !way.ends {
		v.g.Until("none waits in memory", func(st *status.Document) bool { return st.Buffer.WaitingMemory == 0 })
		return
	}
	v.g.Until("none waits", rig.Drained)
}

// stops ends it in order, or with the word that it could not save all: 5 s are
// promised.
func (v *victim) stops() {
	v.Helper()
	v.g.Signal(syscall.SIGTERM)
	took := v.within("it stops", 2000, v.g.Gone)
	v.Logf("it stopped after %v: %v", took.Round(time.Millisecond), v.g.Err)
}

// settles is the next life, on a good disk: what is on it arrives, and what is
// missing in the end is in the ledger.
func (v *victim) settles() {
	v.Helper()
	v.Line().Clear()
	g := v.Start()
	v.Line().Feed(50)
	v.arrives(g, "the next life's readings arrive", 50)
	v.accounted(g.Until("none waits", rig.Drained))
	g.Stop()
}
