package buffer

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
)

// Fault is something in the files that is not as it should be.
type Fault struct {
	File   string // plain file name
	Page   uint64 // of 4096 bytes; 0 where the file as a whole is meant
	Offset int64  // of the damaged bytes in the file, 0 when not known
	Record uint64 // number of the record, 0 where none is meant
	What   string
	// Harmless says that the next start mends it without loss.
	Harmless bool
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
	Used    int64  // of these in use
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
	synced  uint64 // generation of the newest synced slot
	ledger  ledger
	unread  []string // files that cannot be read now
	thinned ranges   // numbers of files that went into another one
	waiting []uint64 // by device
	bad     []uint64 // damaged records that the next start sets aside, by device
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
func Inspect(dir string) (*Inspection, error) { return inspect(readOnlyFS{osFS{dir}}) }

// inspectTries bounds how often all is looked at again because a daemon wrote
// the state file meanwhile, which it does before it removes a segment.
const inspectTries = 4

func inspect(f FS) (*Inspection, error) {
	for try := 1; ; try++ {
		l, err := inspectOnce(f)
		if err != nil || try == inspectTries {
			return l, err
		}
		if syncedGen(f) == l.synced {
			return l, nil
		}
	}
}

// syncedGen is the generation of the newest synced slot, 0 when there is none.
func syncedGen(f FS) uint64 {
	all, errs, err := readSlots(f)
	if err != nil {
		return 0
	}
	best, _ := newestOf(all[:unsynced], errs[:unsynced])
	return best.ledger.gen
}

// inspectOnce reads the state file before it lists the directory: what the state
// counts is in a file then, or was removed since.
func inspectOnce(f FS) (*Inspection, error) {
	l := &Inspection{fs: f, synced: syncedGen(f)}
	l.st, l.stErr = readSidecar(f)
	var err error
	if l.names, err = f.List(); err != nil {
		return nil, err
	}
	if err := l.sidecar(); err != nil {
		return nil, err
	}
	if err := l.segments(); err != nil {
		return nil, err
	}
	l.missingSegments()
	l.olderState()
	l.books()
	l.others()
	return l, nil
}

func (l *Inspection) fault(f Fault) { l.Faults = append(l.Faults, f) }

// sidecar reads both slots of the state file.
func (l *Inspection) sidecar() error {
	switch {
	case errors.Is(l.stErr, ErrNewer) || l.stErr != nil && errors.Is(l.stErr, fs.ErrPermission):
		return fmt.Errorf("%s: %w", sidecarName, l.stErr)
	case errors.Is(l.stErr, fs.ErrNotExist):
		if slices.ContainsFunc(l.names, isSegment) {
			l.fault(Fault{File: sidecarName, What: "missing: the next start begins a new epoch"})
		}
		return nil
	case badMedium(l.stErr):
		l.fault(Fault{File: sidecarName, What: "cannot be read: " + l.stErr.Error()})
		return nil
	case l.stErr != nil:
		l.fault(Fault{File: sidecarName, What: "unreadable, the next start begins a new epoch: " + l.stErr.Error()})
		return nil
	}
	l.slots()
	st := &l.st
	l.Epoch, l.Next, l.Clean, l.LastGood = st.epoch, st.reserved, st.clean, st.lastGood
	l.Boots = bootInfos(st.starts)
	l.ledger = st.ledger
	return nil
}

// olderState looks for numbers that the state does not know to be in use, as after
// an older copy of it was put back. A daemon reserves them before it uses them.
func (l *Inspection) olderState() {
	i := slices.IndexFunc(l.Segments, func(s SegmentInfo) bool { return s.Last >= l.st.reserved })
	if l.stErr != nil || i < 0 {
		return
	}
	if st, err := readSidecar(l.fs); err == nil && l.Segments[i].Last >= st.reserved {
		l.fault(Fault{File: sidecarName, What: "older than the readings next to it: the next start begins a new epoch"})
	}
}

// slots looks at each slot by itself. One that was never written is zeros.
func (l *Inspection) slots() {
	_, errs, err := readSlots(l.fs)
	if err != nil {
		return
	}
	for i, err := range errs[:unsynced] {
		if err != nil && !errors.Is(err, errNoSlot) {
			l.fault(Fault{File: sidecarName, Harmless: true,
				What: fmt.Sprintf("slot %d of %d is damaged, as by a power cut; another one counts", i+1, slots)})
		}
	}
}

func isSegment(name string) bool {
	_, ok := parseSegmentName(name)
	return ok
}

func (l *Inspection) segments() error {
	var firsts []uint64
	for _, name := range l.names {
		if n, ok := parseSegmentName(name); ok {
			firsts = append(firsts, n)
		}
	}
	slices.Sort(firsts)
	walks := make([]*segmentWalk, 0, len(firsts))
	for i := 0; i < len(firsts); {
		first := firsts[i]
		i++
		w, more, err := l.segment(first, firsts[i:])
		i += more
		switch {
		case errors.Is(err, fs.ErrNotExist): // unlinked since it was listed
			continue
		case err != nil:
			return err
		}
		walks = append(walks, w)
	}
	l.Released = l.ledger.mark
	if len(firsts) > 0 && l.stErr != nil {
		l.Released = max(l.Released, firsts[0]-1)
	}
	for _, w := range walks {
		l.enter(w)
	}
	return nil
}

// books compares what was read with where it went, as the next start will: what
// is missing and not yet counted as lost is a fault.
func (l *Inspection) books() {
	for dev := range max(len(l.ledger.devices), len(l.waiting), len(l.bad)) {
		a := l.ledger.account(uint16(dev))
		known := a.finished() + at(l.waiting, dev) + at(l.bad, dev)
		switch {
		case known < a.read && len(l.unread) == 0:
			l.fault(Fault{File: "ledger", What: fmt.Sprintf("device %q: %d readings are missing; the next start counts them as lost", a.name, a.read-known)})
		case known > a.read:
			l.fault(Fault{File: "ledger", Harmless: true,
				What: fmt.Sprintf("device %q: %d readings are younger than the newest ledger; the next start counts them as read", a.name, known-a.read)})
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
		case strings.HasSuffix(name, salvageSuffix):
			l.fault(Fault{File: name, What: "was being salvaged when the power went; the next start goes on", Harmless: true})
		case strings.HasSuffix(name, tmpSuffix) && !l.running(name):
			l.fault(Fault{File: name, What: "left by a power cut; the next start removes it", Harmless: true})
		}
	}
}

// running says whether a temporary file is there no more: then somebody is at
// work.
func (l *Inspection) running(name string) bool {
	_, err := l.fs.Size(name)
	return errors.Is(err, fs.ErrNotExist)
}

// quarantine looks at the lines of the records set aside.
func (l *Inspection) quarantine(name string) {
	file, size, err := openSized(l.fs, name)
	if err != nil {
		l.fault(Fault{File: name, What: err.Error()})
		return
	}
	defer file.Close()
	text := make([]byte, size)
	if n, err := file.ReadAt(text, 0); err != nil && n == 0 && size > 0 {
		l.fault(Fault{File: name, What: err.Error()})
		return
	} else {
		text = text[:n]
	}
	for at := 0; at < len(text); {
		line, _, whole := bytes.Cut(text[at:], []byte("\n"))
		var q quarantined
		switch err := json.Unmarshal(line, &q); {
		case err == nil && q.Number > 0:
			l.Kept++
		case !whole:
			l.fault(Fault{File: name, Offset: int64(at), Harmless: true, What: "its last line was cut off by a power cut"})
		default:
			l.fault(Fault{File: name, Offset: int64(at), What: "a line that is no record"})
		}
		at += len(line) + 1
	}
}
