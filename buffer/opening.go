package buffer

import (
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"time"
)

// bbolt trusts what it reads. Most of what damage makes of that is a panic, which
// is recovered; but there is damage by which it ends the process, and nothing can
// recover that: a page that the disk cannot deliver to a goroutine of its own, a
// list of free pages of any length it likes, a branch that leads back to itself.
// precheck refuses all that we know of, by reads that can fail, and what it
// refuses is salvaged without bbolt. This file is for what we do not know of.
//
// The names of the files in use are noted before they are opened, and forgotten
// when a minute has passed and nobody is inside. A name that is still there at
// the next start is a death. A file at which two processes in a row have died,
// or that has a meta page too few, or a list of free pages though we never write
// one, is suspicious: another process opens it first, and only if that one lives
// through a walk over all of it do we. Without another process (Options.Probe
// not given, or it cannot be run) the deaths are counted while bbolt opens a file
// for writing, and such a file is salvaged.
//
// The note is for the next process and not for the next boot, so it is not
// synced: it costs the card next to nothing, since it is written when a file is
// opened, and again a minute later. A power cut can leave it behind; at worst a
// sound file is probed, or salvaged, and nothing in it is lost.
const (
	openingName = "opening"
	deathsMost  = 2
	opensMost   = 8 // names in a note
	survived    = time.Minute
)

// openings is the note and what is known from it.
type openings struct {
	mu    sync.Mutex
	known bool           // the note of the processes before was read
	left  bool           // there was one
	past  map[string]int // deaths that nothing was survived since
	now   [2]opened      // the one read, the one written
	file  File           // the note, nil while there is none
	spent time.Duration  // on probes
}

type opened struct {
	s  *segment
	at int64 // Mono
}

// The roles.
const (
	toRead = iota
	toWrite
)

func role(readOnly bool) int {
	if readOnly {
		return toRead
	}
	return toWrite
}

// learn reads the note that was left, once.
func (o *openings) learn(f FS) {
	if o.known {
		return
	}
	o.known, o.past = true, map[string]int{}
	file, err := f.Open(openingName, os.O_RDONLY)
	if err != nil {
		return
	}
	defer file.Close()
	o.left = true
	buf := make([]byte, 1024)
	n, _ := file.ReadAt(buf, 0)
	for line := range strings.Lines(string(buf[:n])) {
		if name, whole := strings.CutSuffix(line, "\n"); whole && isSegment(name) {
			o.past[name] = min(o.past[name]+1, deathsMost)
		}
	}
}

// only forgets the deaths at files that are not there any more.
func (o *openings) only(f FS, names []string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.learn(f)
	maps.DeleteFunc(o.past, func(name string, _ int) bool { return !slices.Contains(names, name) })
}

// deathsAt is how many processes in a row died while they used a file.
func (o *openings) deathsAt(f FS, name string) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.learn(f)
	return o.past[name]
}

// enter says that a file is about to be opened. What goes wrong with the note
// costs the note and nothing else.
func (o *openings) enter(f FS, role int, s *segment, now int64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.learn(f)
	o.now[role] = opened{s, now}
	o.write(f)
}

// leave ends what enter began: there was no death.
func (o *openings) leave(f FS, role int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if s := o.now[role].s; s != nil {
		delete(o.past, s.name)
		o.now[role] = opened{}
		o.write(f)
	}
}

// forgive forgets the deaths at a file: it was found sound, or it is replaced.
func (o *openings) forgive(name string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.past, name)
}

// settle forgets the files that have been open for a minute, unless somebody has
// been inside ever since. It says when to come again, 0 for never.
func (o *openings) settle(f FS, now int64) (at int64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	changed := false
	for i, e := range o.now {
		switch {
		case e.s == nil:
			continue
		case now-e.at >= survived.Milliseconds() && e.s.mu.TryLock():
			e.s.mu.Unlock()
			delete(o.past, e.s.name)
			o.now[i] = opened{}
			changed = true
			continue
		}
		due := max(e.at+survived.Milliseconds(), now+1000)
		if at == 0 || due < at {
			at = due
		}
	}
	if changed {
		o.write(f)
	}
	return at
}

// end removes the note: the files were closed in order.
func (o *openings) end(f FS) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.now = [2]opened{}
	clear(o.past)
	o.write(f)
}

// remaining is the time that is left for probes.
func (o *openings) remaining() time.Duration {
	o.mu.Lock()
	defer o.mu.Unlock()
	return probeBudget - o.spent
}

func (o *openings) spend(d time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.spent += d
}

// write brings the note to disk, or removes it. o.mu is held.
func (o *openings) write(f FS) {
	var b strings.Builder
	names := 0
	add := func(name string, lines int) {
		if names++; names <= opensMost {
			b.WriteString(strings.Repeat(name+"\n", lines))
		}
	}
	for i, e := range o.now {
		if e.s != nil && (i == 0 || e.s != o.now[0].s) {
			add(e.s.name, 1+o.past[e.s.name])
		}
	}
	for name, deaths := range o.past {
		if (o.now[0].s == nil || o.now[0].s.name != name) && (o.now[1].s == nil || o.now[1].s.name != name) {
			add(name, deaths)
		}
	}
	if b.Len() == 0 {
		o.drop(f)
		return
	}
	if o.file == nil {
		file, err := f.Open(openingName, os.O_RDWR|os.O_CREATE)
		if err != nil {
			return
		}
		o.file = file
	}
	text := make([]byte, 1024)
	copy(text, b.String())
	_, _ = o.file.WriteAt(text, 0)
}

func (o *openings) drop(f FS) {
	if o.file != nil {
		_ = o.file.Close()
	} else if !o.left {
		return
	}
	o.file, o.left = nil, false
	_ = f.Remove(openingName)
}
