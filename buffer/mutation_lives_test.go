package buffer

import (
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// mutationLives are the lives on which mutants are tried, by name.
func mutationLives(t *testing.T, dir string) map[string]*recorded {
	lives := map[string]*recorded{}
	for name, live := range map[string]func(w *witness){
		"steady": liveSteady, "full": liveFull, "oldest": liveOldest, "salvage": liveSalvage, "rescue": liveRescue,
		"refused": liveRefused, "misnamed": liveMisnamed, "import": liveImport, "late": liveLate,
		"healthy": liveHealthy,
	} {
		var w *witness
		synctest.Test(t, func(t *testing.T) {
			w = newWitness(t, dir, name)
			live(w)
		})
		w.t = t
		lives[name] = recordedOf(w)
	}
	return lives
}

// liveSteady: first start, commits, files that grow and end, deliveries, restarts with
// a small newest file, records delivered before they were due to be written, and
// more devices than a slot has space for.
func liveSteady(w *witness) {
	w.opt.FenceHold, w.opt.tune.segment = time.Second, 128<<10
	w.open()
	for round := range 40 {
		w.append(20)
		w.pass(1100 * time.Millisecond)
		if round%8 == 7 {
			w.deliver(100)
			w.pass(3 * time.Second)
		}
		if round == 5 {
			w.now.offset = Offset{Unix: 1_700_000_000_000, Err: 1}
			if err := w.q.SetOffset(1, w.now.offset); err != nil {
				w.t.Fatal(err)
			}
			w.note()
		}
		if round%14 == 13 {
			w.close()
			w.open()
			w.append(30) // sent before they are due to be written
			w.deliver(1 << 20)
			w.pass(100 * time.Millisecond)
		}
	}
	for range 2 { // short lives, the newest file is carried on
		w.append(20)
		w.pass(1100 * time.Millisecond)
		w.close()
		w.open()
	}
	w.append(20)
	w.pass(1100 * time.Millisecond)
	w.deliver(1 << 20)
	w.pass(3 * time.Second)
	for i := range 90 {
		dev, err := w.q.Device(fmt.Sprintf("device-%04d-with-a-long-name-in-the-ledger", i))
		if err != nil {
			w.t.Fatal(err)
		}
		w.appendOne(dev, 0, text(len(w.texts)))
	}
	w.pass(3 * time.Second)
	for range 4 { // under numbers that only the new state file has
		w.append(100)
		w.deliver(1 << 20)
		w.pass(100 * time.Millisecond)
	}
	w.close()
}

// liveFull: a full queue, which is thinned.
func liveFull(w *witness) {
	tight(&w.opt)
	w.opt.MaxSize = 400 << 10
	w.mayGo = func(n uint64) bool { return !isEvent(int(n - 1)) }
	w.fs.record = false
	w.open()
	for i := range 22 {
		w.append(200)
		w.pass(1100 * time.Millisecond)
		if i == 14 {
			w.record()
			w.note()
		}
	}
	if st := w.q.Stats(); st.Thinnings < 8 {
		w.t.Errorf("it was not thinned: %+v", st)
	}
	w.close()
}

// liveOldest: a full queue, which gives up its oldest segments.
func liveOldest(w *witness) {
	w.opt.MaxSize, w.opt.WhenFull = 400<<10, DropOldest
	w.mayGo = func(uint64) bool { return true }
	w.fs.record = false
	w.open()
	for i := range 22 {
		w.append(200)
		w.pass(1100 * time.Millisecond)
		if i == 14 {
			w.record()
			w.note()
		}
	}
	w.close()
}

// someSegments makes a queue of some segments and closes it.
func (w *witness) someSegments() (segs []string) {
	w.fs.record = false
	w.open()
	for range 9 {
		w.append(100)
		w.pass(1100 * time.Millisecond)
	}
	w.close()
	for _, path := range segmentFiles(w.t, w.fs.dir) {
		segs = append(segs, filepath.Base(path))
	}
	if len(segs) < 3 {
		w.t.Fatal("too few segments: ", segs)
	}
	return segs
}

func clearLeaves(b []byte) []byte { clear(b[5*pageSize : 9*pageSize]); return b }

// liveSalvage: a file goes bad while nobody runs.
func liveSalvage(w *witness) {
	segs := w.someSegments()
	w.record()
	w.ruin(segs[1], func(b []byte) []byte { clear(b[:2*pageSize]); return clearLeaves(b) })
	w.open()
	w.append(50)
	w.pass(2 * time.Second)
	w.close()
}

// liveRescue: a file goes bad while the queue runs, and a reader finds it.
func liveRescue(w *witness) {
	segs := w.someSegments()
	w.open()
	w.append(50)
	w.pass(2 * time.Second)
	w.record()
	w.note()
	w.ruin(segs[1], clearLeaves)
	if _, err := handedOut(w.q); err != nil {
		w.t.Fatal(err)
	}
	synctest.Wait()
	w.note()
	w.append(50)
	w.pass(70 * time.Second)
	w.close()
}

// liveRefused: a server refuses records, of those on disk and of those in memory.
func liveRefused(w *witness) {
	w.open()
	w.append(60)
	w.pass(2 * time.Second)
	w.refuse(3, 4, 50)
	w.append(10)
	w.refuse(61, 62)
	w.pass(2 * time.Second)
	w.append(10)
	w.pass(70 * time.Second)
	w.refuse(7)
	w.pass(70 * time.Second)
	w.close()
}

// liveHealthy: all is acknowledged before it is due to be written, and at times readings
// are lost that never came in.
func liveHealthy(w *witness) {
	w.opt.tune.ledger = 30 * time.Minute
	w.open()
	w.append(20)
	w.pass(2 * time.Second)
	for i := range 100 {
		w.append(5)
		w.deliver(1 << 20)
		if i%40 == 39 {
			w.q.Lose(w.dev[0], "rate", 3)
		}
		w.pass(time.Minute)
	}
	w.close()
}

// liveMisnamed: a repair by hand gave two files other names.
func liveMisnamed(w *witness) {
	segs := w.someSegments()
	for _, names := range [][2]string{{segs[0], segmentName(7)}, {segs[2], segmentName(5000)}} {
		if err := w.fs.Rename(names[0], names[1]); err != nil {
			w.t.Fatal(err)
		}
	}
	w.now.copies = true // renames that are not synced may come in any order here
	w.record()
	w.open()
	w.append(50)
	w.pass(2 * time.Second)
	w.deliver(500)
	w.pass(2 * time.Second)
	w.close()
}

// liveImport: records of another gateway, some after each of the queue's own.
func liveImport(w *witness) {
	w.carried = &carried{src: Name{"B", 77}, numbers: evens(1000, 1398)}
	w.open()
	for at := 0; at < len(w.carried.numbers); at += 25 {
		w.append(5)
		w.imports(at, min(at+25, len(w.carried.numbers)))
		w.pass(1100 * time.Millisecond)
	}
	w.close()
}

// liveLate is liveImport on a disk that gets the ledger after what it counts.
func liveLate(w *witness) {
	w.opt.FS = lateLedger{w.fs}
	liveImport(w)
}

// isSlot says whether a purpose is that of a synced slot.
func isSlot(purpose string) bool {
	return slices.Contains([]string{slotAtStart, slotOfNumbers, slotOfUnlink, slotAtStop, slotOfOffset, slotOfNotes}, purpose)
}
