package buffer

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// What a cut may take, by name, in no order.
const (
	wrongBytes   = "wrong bytes handed out"
	goneUnsaid   = "accepted records gone, and nothing says so"
	goneSaid     = "accepted records gone"
	numberReused = "a number can be used again"
	untrue       = "the ledger is untrue"
	anew         = "the numbering begins anew"
	sentAgain    = "noted as through, and handed out again"
	nameTaken    = "called by the name of other records"
	nameLost     = "called by another name"
	asAfterCrash = "a stop looks like a crash"
	soundSetAway = "a sound file is taken for a damaged one"
	notKept      = "set aside, and not kept"
	timeGone     = "the offset of a boot is gone"
	twice        = "imported twice"
	isDown       = "the queue does not work"
)

// gravity is the place of a loss among all, the gravest first; -1 of what is none.
func gravity(lost string) int {
	return slices.IndexFunc([]string{wrongBytes, goneUnsaid, goneSaid, numberReused, notKept, twice, isDown, untrue, nameTaken,
		nameLost, anew, timeGone, sentAgain, asAfterCrash, soundSetAway}, func(s string) bool { return strings.HasPrefix(lost, s) })
}

// verdict opens what a cut left and says what was lost, "" where nothing was. A
// power cut is the end of a boot.
func (w *witness) verdict(dir string, before, later known) string {
	o := w.opt
	o.FS, o.Dir, o.CommitEvery, o.BootID = OS(dir), dir, time.Hour, [16]byte{200}
	o.MaxSize *= 2 // it is not to give up more
	q, err := Open(o)
	if err != nil {
		return fmt.Sprintf("%s: %v", isDown, err)
	}
	defer q.Close()
	got, lost := w.handed(q)
	if lost != "" {
		return lost
	}
	total, devices := q.Ledger()
	missing, needless := 0, 0
	for n := range before.accepted {
		if got[n] == "" && !later.acked[n] {
			missing++
			if !w.mayGo(n) {
				needless++
			}
		}
	}
	given := total.LostAll() + total.Quarantined
	switch may := later.counts.LostAll() + later.counts.Quarantined; {
	case uint64(missing) > given:
		return fmt.Sprintf("%s: %d missing, %d given up", goneUnsaid, missing, given)
	case uint64(missing) > may || needless > later.spare:
		return fmt.Sprintf("%s: %d of %d, lost %v, set aside %d", goneSaid, missing, len(before.accepted), total.Lost, total.Quarantined)
	}
	if lost := unbalanced(total, devices, uint64(len(got)), before, later); lost != "" {
		return lost
	}
	if lost := w.rest(q, dir, got, before, later); lost != "" || w.carried == nil {
		return lost
	}
	return w.again(q, o)
}

// again imports everything once more: each record is there once then.
func (w *witness) again(q *Queue, o Options) string {
	dev, err := q.Device("import:B/a")
	if err == nil {
		_, err = w.carried.takeAll(q, dev)
	}
	if err = errors.Join(err, q.Close()); err != nil {
		return fmt.Sprintf("%s: %v", isDown, err)
	}
	if q, err = Open(o); err != nil {
		return fmt.Sprintf("%s: %v", isDown, err)
	}
	defer q.Close()
	got, err := handedOut(q)
	if err != nil {
		return fmt.Sprintf("%s: %v", isDown, err)
	}
	times := map[string]int{}
	for _, rec := range got {
		times[rec]++
	}
	for _, n := range w.carried.numbers {
		switch k := times[w.carried.text(n)]; {
		case k > 1:
			return fmt.Sprintf("%s: record %d", twice, n)
		case k == 0:
			return fmt.Sprintf("%s: record %d of another gateway", goneUnsaid, n)
		}
	}
	return ""
}

// handed reads whatever a queue hands out.
func (w *witness) handed(q *Queue) (map[uint64]string, string) {
	got, err := handedOut(q)
	if err != nil {
		return nil, fmt.Sprintf("%s: %v", isDown, err)
	}
	for n, rec := range got {
		if w.texts[n] != rec {
			return nil, fmt.Sprintf("%s: record %d is %.40q", wrongBytes, n, rec)
		}
		if name, _ := q.Name(n); name != w.names[n] {
			for other, taken := range w.names {
				if taken == name && other != n {
					return nil, fmt.Sprintf("%s: record %d", nameTaken, n)
				}
			}
			return nil, fmt.Sprintf("%s: record %d", nameLost, n)
		}
	}
	return got, ""
}

// unbalanced holds the ledger against what is there and what was given up.
func unbalanced(total Counts, devices map[string]Counts, there uint64, before, later known) string {
	for name, c := range devices {
		if c.Read != c.Acked+c.Waiting+c.Quarantined+c.LostAll() {
			return fmt.Sprintf("%s: device %q %+v", untrue, name, c)
		}
	}
	ok := total.Waiting == there && total.Acked <= uint64(len(later.acked)) && total.Read <= later.counts.Read &&
		total.Quarantined >= before.floor.Quarantined && total.Quarantined <= later.counts.Quarantined
	for reason, n := range total.Lost {
		ok = ok && n <= later.counts.Lost[reason]
	}
	for reason, n := range before.floor.Lost {
		ok = ok && n <= total.Lost[reason]
	}
	if !ok {
		return fmt.Sprintf("%s: %d there, ledger %+v, it was %+v to %+v", untrue, there, total, before.floor, later.counts)
	}
	return ""
}

// rest is everything but records and ledger.
func (w *witness) rest(q *Queue, dir string, got map[uint64]string, before, later known) string {
	_, next := q.Bounds()
	st := q.Stats()
	total, _ := q.Ledger()
	switch {
	case before.epoch != 0 && q.Epoch() != before.epoch && q.Epoch() != later.epoch:
		return anew
	case next <= before.last:
		return fmt.Sprintf("%s: %d was handed out, next is %d", numberReused, before.last, next)
	case before.stopped > 0 && before.stopped == later.stopped && next != before.stopped:
		return fmt.Sprintf("%s: next is %d, not %d", asAfterCrash, next, before.stopped)
	case st.Degraded:
		return fmt.Sprintf("%s: %s", isDown, st.Err)
	case len(st.Damaged) > 0 && !before.damaged && !before.copies:
		return fmt.Sprintf("%s: %v", soundSetAway, st.Damaged)
	case before.offset != Offset{}:
		if off, ok := q.Offset(1); !ok || off != before.offset {
			return timeGone
		}
	}
	for n := range got {
		if n <= before.noted {
			return fmt.Sprintf("%s: record %d, all up to %d were through", sentAgain, n, before.noted)
		}
	}
	if before.damaged && q.Close() == nil && len(q.Stats().Damaged) == 0 { // the last name comes after the reader is served
		return notKept + ": the damaged file"
	}
	if kept := keptLines(dir); kept < int(total.Quarantined) {
		return fmt.Sprintf("%s: %d records, %d lines in the log", notKept, total.Quarantined, kept)
	}
	return ""
}

// keptLines is how many records lie whole in the quarantine files.
func keptLines(dir string) (n int) {
	for _, name := range []string{quarantineName, quarantineOld} {
		b, _ := os.ReadFile(filepath.Join(dir, name))
		for line := range bytes.Lines(b) {
			if strings.HasPrefix(string(line), `{"number":`) && strings.HasSuffix(string(line), "}\n") {
				n++
			}
		}
	}
	return n
}
