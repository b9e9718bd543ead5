package buffer

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// written is what went into a queue, by the text of its record, and whose it is; the
// oracle knows nothing else.
type written map[string]string

// silent fills a queue of three devices, has a third of it delivered, and leaves the
// folder in dir as a kill does, or a stop.
func silent(t *testing.T, dir string, stop bool) (all written, delivered map[string]bool) {
	t.Helper()
	all, delivered = written{}, map[string]bool{}
	synctest.Test(t, func(t *testing.T) {
		live := fastDir(t)
		o := testOptions(live)
		o.tune = smallSizes()
		q := mustOpen(t, o)
		names := []string{"gps", "panel", "tags"}
		for i := range 2400 {
			dev, err := q.Device(names[i%7%3])
			if err != nil {
				t.Fatal(err)
			}
			if err := q.Append(0, dev, uint32(dev), []byte(text(i))); err != nil {
				t.Fatal(err)
			}
			all[text(i)] = names[i%7%3]
			if i%60 == 59 {
				time.Sleep(2 * time.Second)
				synctest.Wait()
			}
		}
		deliver(t, q, delivered, 800)
		time.Sleep(2 * time.Minute) // the hold is over, and noted
		synctest.Wait()
		if !stop {
			copyDir(t, live, dir)
		}
		mustClose(t, q)
		if stop {
			copyDir(t, live, dir)
		}
	})
	if n := len(segmentFiles(t, dir)); n < 5 {
		t.Fatalf("%d files: the test shows little", n)
	}
	return all, delivered
}

// deliver reads and acknowledges at most so many records.
func deliver(t *testing.T, q *Queue, delivered map[string]bool, most int) {
	t.Helper()
	at, _ := q.Bounds()
	for most > 0 {
		first, recs, err := q.readRecords(at, 3000, min(50, most))
		if err != nil && !errors.Is(err, io.EOF) {
			t.Fatal("read: ", err)
		}
		if len(recs) == 0 {
			return
		}
		for _, r := range recs {
			delivered[string(r)] = true
		}
		at, most = first+uint64(len(recs)), most-len(recs)
		mustAck(t, q, first, at-1)
	}
}

// hurts are the ways in which files get lost. Each returns what it did.
func hurts(t *testing.T, dir string) map[string]func() {
	t.Helper()
	segs := segmentFiles(t, dir)
	last := len(segs) - 1
	move := func(from, to string) {
		if err := os.Rename(from, to); err != nil {
			t.Fatal(err)
		}
	}
	noise := func(path string) {
		damageFile(t, path, func(b []byte) []byte { rand.New(rand.NewSource(5)).Read(b); return b })
	}
	state := filepath.Join(dir, sidecarName)
	all := map[string]func(){
		"nothing":        func() {},
		"all files":      func() { removeAll(segs...) },
		"exchanged":      func() { move(segs[1], dir+"/x"); move(segs[3], segs[1]); move(dir+"/x", segs[3]) },
		"renamed up":     func() { move(segs[1], filepath.Join(dir, segmentName(1<<40))) },
		"renamed down":   func() { move(segs[last], filepath.Join(dir, segmentName(2))) },
		"copied over":    func() { removeAll(segs[2]); copyFile(t, segs[1], segs[2]) },
		"copied beside":  func() { copyFile(t, segs[1], filepath.Join(dir, segmentName(1<<40))) },
		"copied last":    func() { removeAll(segs[last]); copyFile(t, segs[0], segs[last]) },
		"only state":     func() { removeAll(state) },
		"state and one":  func() { removeAll(state, segs[2]) },
		"state and last": func() { removeAll(state, segs[last]) },
		"state in half":  func() { os.Truncate(state, pageSize+100) },
		"state of zero":  func() { damageFile(t, state, func(b []byte) []byte { clear(b); return b }) },
		"third slot":     func() { damageFile(t, state, func(b []byte) []byte { clear(b[2*pageSize:]); return b }) },
	}
	for what, i := range map[string]int{"first": 0, "middle": last / 2, "last": last} {
		path := segs[i]
		all[what+" missing"] = func() { removeAll(path) }
		all[what+" empty"] = func() { os.Truncate(path, 0) }
		all[what+" noise"] = func() { noise(path) }
		all[what+" zeros"] = func() { damageFile(t, path, func(b []byte) []byte { clear(b); return b }) }
		all[what+" a folder"] = func() { removeAll(path); os.Mkdir(path, 0o700) }
		all[what+" a link"] = func() { move(path, dir+"/x"); os.Symlink("x", path) }
		for k := 1; k < 24; k += 2 {
			all[fmt.Sprintf("%s cut at %d of 24", what, k)] = func() {
				os.Truncate(path, usedBytes(t, path)*int64(k)/24)
			}
		}
	}
	return all
}

func removeAll(paths ...string) {
	for _, p := range paths {
		os.RemoveAll(p)
	}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	b, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, b, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestNothingLostInSilence: whatever became of the files while the gateway stood
// still, what is not delivered is said to be lost, for each device to the reading,
// in the ledger, in the losses and by the check before; and said once.
func TestNothingLostInSilence(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"stop", "kill"} {
		base := filepath.Join(fastDir(t), "base")
		all, before := silent(t, base, how == "stop")
		dir := filepath.Join(filepath.Dir(base), "hurt")
		copyDir(t, base, dir)
		// Without the state file nobody knows whether there was another file.
		doubtful := map[string]bool{"only state": true, "state and one": true, "state and last": true, "state of zero": true}
		ways := slices.Sorted(maps.Keys(hurts(t, dir)))
		for _, what := range chosen(t, map[string]int{"stop": 17, "kill": 19}[how], ways) {
			t.Run(how+", "+what, func(t *testing.T) {
				copyDir(t, base, dir)
				hurts(t, dir)[what]()
				inSilence(t, dir, all, before, doubtful[what])
			})
		}
	}
}

func inSilence(t *testing.T, dir string, all written, before map[string]bool, doubt bool) {
	look := looked(t, dir)
	unstated := false
	for _, f := range look.Faults {
		unstated = unstated || !f.Harmless
	}
	o := testOptions(dir)
	o.tune = smallSizes()
	q := mustOpen(t, o)
	got := map[string]bool{}
	deliver(t, q, got, len(all)+1)
	checkLedger(t, q)
	missing := map[string]uint64{}
	var n uint64
	for text, dev := range all {
		if !got[text] && !before[text] {
			missing[dev]++
			n++
		}
	}
	var said, most uint64
	atLeast := false
	for _, l := range q.Stats().Losses {
		said, most, atLeast = said+l.Count, max(most, l.AtMost), atLeast || l.AtLeast
	}
	if atLeast != doubt {
		t.Errorf("the number is said to be at least that: %v; %+v", atLeast, q.Stats().Losses)
	}
	_, devices := q.Ledger()
	for name, c := range devices {
		if c.LostAll() != missing[name] && !doubt || c.Waiting != 0 {
			t.Errorf("%q: %d missing, ledger %+v", name, missing[name], c)
		}
	}
	if said != n && !doubt || doubt && most < n {
		t.Errorf("%d missing, %d in the losses: %+v", n, said, q.Stats().Losses)
	}
	if n > 0 && !unstated {
		t.Errorf("%d missing, and the check finds nothing: %v", n, look.Faults)
	}
	for text := range got {
		if all[text] == "" {
			t.Errorf("%.40q was never put in", text)
		}
	}
	total, _ := q.Ledger()
	mustClose(t, q)
	for _, f := range looked(t, dir).Faults {
		if !f.Harmless && !strings.Contains(f.What, "cannot be") {
			t.Errorf("said before, and the check finds it still: %v", f)
		}
	}
	q = mustOpen(t, o)
	if again, _ := q.Ledger(); again.LostAll() != total.LostAll() || again.Read != total.Read || again.Acked != total.Acked {
		t.Errorf("after a restart %+v, before %+v", again, total)
	}
	mustClose(t, q)
}
