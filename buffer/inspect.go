package buffer

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"sort"
	"strings"
)

// Fault is something in the files that is not as it should be.
type Fault struct {
	File   string `json:"file"`             // plain file name
	Page   uint64 `json:"page,omitempty"`   // of 4096 bytes; 0 where the file as a whole is meant
	Offset int64  `json:"offset,omitempty"` // of the damaged bytes in the file, 0 when not known
	Record uint64 `json:"record,omitempty"` // number of the record, 0 where none is meant
	What   string `json:"what"`
	// Harmless says that the next start mends it without loss.
	Harmless bool `json:"harmless"`
}

func (f Fault) String() string {
	at := f.File
	if f.Page > 0 {
		at += fmt.Sprintf(", page %d", f.Page)
	}
	if f.Offset > 0 {
		at += fmt.Sprintf(", byte %d", f.Offset)
	}
	if f.Record > 0 {
		at += fmt.Sprintf(": record %d", f.Record)
	}
	return at + ": " + f.What
}

// SegmentInfo is one segment as it lies on disk.
type SegmentInfo struct {
	File    string
	First   uint64 // first number that may be in it
	Last    uint64 // last number present, 0 when empty
	Records uint64 // sound ones present
	Waiting uint64 // of these not released
	Bytes   int64  // length of the file
}

// BootInfo is a boot of the machine that the queue remembers.
type BootInfo struct {
	Index  uint32
	ID     [16]byte
	Mono   int64 // the latest milliseconds since boot seen in it
	Known  bool  // Offset is known
	Offset Offset
	Seen   int64 // Unix milliseconds at its beginning by a trusted clock, 0 when not known
}

// Inspection is what lies in a queue's directory. Records that a running
// daemon has only in memory are not in it; those acknowledged and not yet
// released count as waiting.
type Inspection struct {
	Epoch    uint64
	Next     uint64 // above every number that was used
	Released uint64
	Clean    bool // the queue was closed properly
	LastGood int64
	Boots    []BootInfo
	Bytes    int64 // of all files
	Waiting  uint64
	Total    Counts
	Devices  map[string]Counts
	Segments []SegmentInfo
	Damaged  []string // damaged files that were set aside earlier
	Kept     uint64   // records in quarantine.log and quarantine.log.1
	Imports  []Imported
	Faults   []Fault

	fs      FS
	st      state
	stErr   error
	ledger  ledger
	unread  bool              // some of it cannot be read now
	doubts  map[string]string // why more may have been in a file than its tree leads to
	thinned ranges            // numbers of files that went into another one
	waiting []uint64          // by device
	bad     []uint64          // damaged records that the next start sets aside, by device
	names   []string
}

// readOnlyFS is a directory that is only read: it makes nothing.
type readOnlyFS struct{ osFS }

func (l readOnlyFS) List() ([]string, error) {
	entries, err := os.ReadDir(l.dir)
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name()
	}
	return names, err
}

// Inspect looks at the files of the queue in dir, every page and every value,
// and changes nothing. No lock is taken, so it may be used next to the process
// that has the queue open and does not hold it up; what that process has in
// memory it does not see. It fails only where there is nothing to look at:
// fs.ErrNotExist, no permission, or ErrNewer.
func Inspect(dir string) (*Inspection, error) {
	f := readOnlyFS{osFS{dir}}
	for try := 1; ; try++ {
		l, same, err := inspectOnce(f)
		if err != nil || same || try == inspectTries {
			return l, err
		}
	}
}

// inspectTries bounds how often all is looked at again because a daemon wrote
// the state file meanwhile, which it does before it removes a segment.
const inspectTries = 4

// inspectOnce reads the state file before it lists the directory, and once more when
// it has looked at the segments: what the state counts is in a file then, or was
// removed since. It says whether no synced slot was written meanwhile.
func inspectOnce(f FS) (l *Inspection, same bool, err error) {
	l = &Inspection{fs: f, doubts: map[string]string{}}
	read := readSlots(f)
	l.st, l.stErr = read.newest()
	if l.names, err = f.List(); err != nil {
		return nil, false, err
	}
	if err := l.sidecar(read); err != nil {
		return nil, false, err
	}
	if err := l.segments(); err != nil {
		return nil, false, err
	}
	names, err := f.List() // first: a daemon writes the state without a segment before it removes that
	if err != nil {
		names = l.names
	}
	now := readSlots(f)
	l.noted(now, names)
	l.books()
	l.others()
	return l, now.synced() == read.synced(), nil
}

func (l *Inspection) fault(file, format string, args ...any) {
	l.Faults = append(l.Faults, Fault{File: file, What: fmt.Sprintf(format, args...)})
}

// note is a fault that the next start mends without loss.
func (l *Inspection) note(file, format string, args ...any) {
	l.fault(file, format, args...)
	l.Faults[len(l.Faults)-1].Harmless = true
}

// sidecar takes over what the state file says. Its slots are looked at each by
// itself; one that was never written is zeros.
func (l *Inspection) sidecar(read slotsRead) error {
	switch err := l.stErr; {
	case errors.Is(err, ErrNewer), errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%s: %w", sidecarName, err)
	case errors.Is(err, fs.ErrNotExist) && !slices.ContainsFunc(l.names, isSegment):
	case errors.Is(err, fs.ErrNotExist):
		l.fault(sidecarName, "missing: the next start begins a new epoch")
	case badMedium(err):
		l.fault(sidecarName, "cannot be read: %v", err)
	case err != nil:
		l.fault(sidecarName, "unreadable, the next start begins a new epoch: %v", err)
	}
	st := &l.st
	l.Epoch, l.Next, l.Clean, l.LastGood = st.epoch, st.reserved, st.clean, st.lastGood
	l.Boots, l.ledger = bootInfos(st.starts), st.ledger
	for i, e := range read.errs[:unsynced] {
		if l.stErr == nil && e != nil && !errors.Is(e, errNoSlot) {
			l.note(sidecarName, "slot %d of %d is damaged, as by a power cut; another one counts", i+1, slots)
		}
	}
	return nil
}

func isSegment(name string) bool {
	_, ok := parseSegmentName(name)
	return ok
}

// segmentOf is the number in the name of a segment, also of one that was getting
// another name when the power went.
func (l *Inspection) segmentOf(name string) (first uint64, ok bool) {
	right, rescued := strings.CutSuffix(name, salvageSuffix)
	right, moved := strings.CutSuffix(right, movedSuffix)
	if rescued || moved {
		l.note(name, "was being salvaged or renamed when the power went; the next start goes on")
		if slices.Contains(l.names, right) {
			return 0, false
		}
	}
	return parseSegmentName(right)
}

// segments looks at all of them, and takes each under the number that it holds, as
// the next start will.
func (l *Inspection) segments() error {
	var all, kept []*walked
	for _, name := range l.names {
		first, ok := l.segmentOf(name)
		if !ok {
			continue
		}
		w, err := lookAt(l.fs, name, first)
		if errors.Is(err, fs.ErrNotExist) { // unlinked since it was listed
			continue
		} else if err != nil {
			return err
		}
		w.records = nil
		all = append(all, w)
	}
	misnamed := func(w *walked) uint64 { return bit(w.info.File != segmentName(w.info.First)) }
	sort.SliceStable(all, func(i, j int) bool {
		a, b := all[i], all[j]
		return cmp.Or(cmp.Compare(a.info.First, b.info.First), cmp.Compare(misnamed(a), misnamed(b))) < 0
	})
	before := &walked{info: SegmentInfo{First: unknownEnd}}
	for _, w := range all {
		switch first, name := w.info.First, w.info.File; {
		case first == before.info.First:
			l.fault(name, "is a copy of %s; the next start sets it aside", before.info.File)
			continue
		case first <= before.through:
			l.note(name, "what was in it is in %s since it was thinned; the next start removes it", before.info.File)
			continue
		case isSegment(name) && name != segmentName(first):
			l.fault(name, "has the name of another file; the next start takes it as %s", segmentName(first))
		}
		before, kept = w, append(kept, w)
		if w.ledger.gen > l.ledger.gen {
			l.ledger = w.ledger
		}
	}
	l.Released = l.ledger.mark
	if len(kept) > 0 && l.stErr != nil {
		l.Released = max(l.Released, kept[0].info.First-1)
	}
	for i, w := range kept {
		end := unknownEnd
		if i+1 < len(kept) {
			end = kept[i+1].info.First
		}
		l.enter(w, end)
	}
	return nil
}

// enter adds a segment to the picture, now that it is known what was released.
func (l *Inspection) enter(w *walked, end uint64) {
	for _, r := range w.seen {
		released := l.isReleased(r.n)
		switch {
		case r.n >= end: // written again to the next one after an error
		case r.fault > 0 && released:
			w.faults[r.fault-1].Harmless = true // it was set aside, or delivered
		case r.fault > 0:
			bump(&l.bad, r.dev, 1)
		default:
			w.info.Records++
			w.info.Last = r.n
			if !released {
				w.info.Waiting++
				bump(&l.waiting, r.dev, 1)
			}
		}
	}
	if i := slices.IndexFunc(w.faults, func(f Fault) bool { return f.Record == 0 }); i >= 0 {
		l.doubts[w.info.File] = w.faults[i].String()
	}
	l.Faults = append(l.Faults, w.faults...)
	l.unread = l.unread || slices.ContainsFunc(w.damage, badMedium)
	l.thinned.add(span{w.info.First + 1, w.through})
	l.Waiting += w.info.Waiting
	l.Next = max(l.Next, w.info.Last+1)
	l.Segments = append(l.Segments, w.info)
}

func (l *Inspection) isReleased(n uint64) bool { return n <= l.Released || l.ledger.beyond.has(n) }

// noted compares what is there with what the state file said, and says now: a daemon
// reserves numbers before it uses them.
func (l *Inspection) noted(read slotsRead, names []string) {
	l.names = slices.DeleteFunc(l.names, func(name string) bool { return !slices.Contains(names, name) })
	now, err := read.newest()
	if err != nil {
		now = l.st
	}
	if l.stErr == nil && slices.ContainsFunc(l.Segments, func(s SegmentInfo) bool { return s.Last >= now.reserved }) {
		l.fault(sidecarName, "older than the readings next to it: the next start begins a new epoch")
	}
	for i, note := range l.st.segs {
		end := l.st.reserved
		if i+1 < len(l.st.segs) {
			end = l.st.segs[i+1].first
		}
		name := segmentName(note.first)
		k := slices.IndexFunc(l.Segments, func(s SegmentInfo) bool { return s.First == note.first })
		if k >= 0 && l.st.clean && l.Segments[k].Records < note.count {
			name = l.Segments[k].File
			if !slices.ContainsFunc(l.Faults, func(f Fault) bool { return f.File == name }) {
				l.fault(name, "holds %d records, %d were counted at the last stop", l.Segments[k].Records, note.count)
				l.doubts[name] = l.Faults[len(l.Faults)-1].String()
			}
		}
		noted := slices.ContainsFunc(now.segs, func(n segNote) bool { return n.first == note.first })
		if k < 0 && noted && !slices.Contains(names, name) && note.count > 0 && end-1 > l.Released && !l.thinned.has(note.first) {
			l.fault(name, "missing, and up to %d records with it", note.count)
		}
	}
}

// books compares what was read with where it went, as the next start will: what
// is missing and not yet counted as lost is a fault.
func (l *Inspection) books() {
	for dev := range max(len(l.ledger.devices), len(l.waiting), len(l.bad)) {
		a := l.ledger.account(uint16(dev))
		known := a.finished() + at(l.waiting, dev) + at(l.bad, dev)
		switch {
		case known < a.read && !l.unread:
			l.fault("ledger", "device %q: %d readings are missing; the next start counts them as lost", a.name, a.read-known)
		case known > a.read:
			l.note("ledger", "device %q: %d readings are younger than the newest ledger; the next start counts them as read", a.name, known-a.read)
			a.read = known
		}
	}
	l.Total, l.Devices = l.ledger.counts(l.waiting, nil)
	l.Imports = l.ledger.importsSeen()
}

// others looks at everything else in the directory.
func (l *Inspection) others() {
	for _, name := range l.names {
		if size, err := l.fs.Size(name); err == nil {
			l.Bytes += size
		}
		switch {
		case name == quarantineName || name == quarantineOld:
			l.quarantine(name)
		case strings.Contains(name, damagedInfix):
			l.Damaged = append(l.Damaged, name)
		case strings.HasSuffix(name, tmpSuffix):
			l.note(name, "left by a power cut; the next start removes it")
		}
	}
}

// quarantine looks at the lines of the records set aside.
func (l *Inspection) quarantine(name string) {
	var text []byte
	file, size, err := openSized(l.fs, name)
	if err == nil {
		defer file.Close()
		text = make([]byte, size)
		var n int
		if n, err = file.ReadAt(text, 0); errors.Is(err, io.EOF) {
			err = nil
		}
		text = text[:n]
	}
	if err != nil {
		l.fault(name, "%v", err)
	}
	at := int64(0)
	for line := range bytes.Lines(text) {
		var q quarantined
		switch {
		case json.Unmarshal(line, &q) == nil && q.Number > 0:
			l.Kept++
		case !bytes.HasSuffix(line, []byte("\n")):
			l.Faults = append(l.Faults, Fault{File: name, Offset: at, Harmless: true, What: "its last line was cut off by a power cut"})
		default:
			l.Faults = append(l.Faults, Fault{File: name, Offset: at, What: "a line that is no record"})
		}
		at += int64(len(line))
	}
}
