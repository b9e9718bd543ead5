package buffer

import (
	"fmt"
	"os"
	"strings"
)

// bbolt walks a file that it opens for writing in a goroutine of its own. A
// page that the disk cannot deliver there, though it could a moment before when
// precheck read it, ends the process, and nothing can recover that. So that it
// does not end every start, the name of the file is noted before and forgotten
// after; a file at which two processes in a row have died is not opened a third
// time but salvaged, by reads that can fail. That everything else fails with an
// error and not with the process is why no other process is needed to probe a
// file first: it would do by mapping it what precheck has done by reading.
//
// The note is for the next process and not for the next boot, so it is not
// synced: it costs the card next to nothing, since a file is opened for writing
// once a start. A power cut can leave it behind; at worst a sound file is
// salvaged, and nothing in it is lost.
const (
	openingName = "opening"
	deathsMost  = 2
)

// deathsAt is how many processes in a row died while they opened a file.
func deathsAt(f FS, name string) int {
	file, err := f.Open(openingName, os.O_RDONLY)
	if err != nil {
		return 0
	}
	defer file.Close()
	buf := make([]byte, 256)
	n, _ := file.ReadAt(buf, 0)
	text := string(buf[:n])
	if !strings.HasPrefix(text, name+"\n") {
		return 0
	}
	return strings.Count(text, "\n")
}

// noteOpening says that a file is about to be opened for the times-th time
// without having been opened since. What goes wrong with it costs the note and
// nothing else.
func noteOpening(f FS, name string, times int) {
	file, err := f.Open(openingName, os.O_RDWR|os.O_CREATE)
	if err != nil {
		return
	}
	defer file.Close()
	text := make([]byte, 256)
	copy(text, strings.Repeat(name+"\n", times))
	_, _ = file.WriteAt(text, 0)
}

func forgetOpening(f FS) { _ = f.Remove(openingName) }

// openForWriting is openWritable with the note around it. Where two processes
// died the segment is taken for damaged; the committer salvages it.
func (q *Queue) openForWriting(s *segment) error {
	if s.isOpenForWriting() {
		return nil
	}
	times := deathsAt(q.fs, s.name)
	if times >= deathsMost {
		forgetOpening(q.fs)
		err := fmt.Errorf("%s: %d processes ended while they opened it: %w", s.name, times, errDamaged)
		q.mu.Lock()
		if s.damage == nil {
			s.damage, s.repaired = err, make(chan struct{})
		}
		q.mu.Unlock()
		return err
	}
	noteOpening(q.fs, s.name, times+1)
	err := s.openWritable(q)
	forgetOpening(q.fs)
	return err
}
