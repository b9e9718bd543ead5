package testbed

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
)

// store writes messages and counts them. One frame at a time passes, so that
// the lines of two connections never mix.
type store struct {
	mu    sync.Mutex
	out   io.Writer
	file  *os.File
	sync  bool // the file is on the disk before anything in it is proven
	marks *marks
	aside *aside
	fan   *fanout // nil: none
	keys  *keys
	line  []byte // reused: the lines of one frame
	hear  func(msg []byte, repeat bool)
}

func newStore(o Options) (*store, error) {
	s := &store{out: o.Out, aside: &aside{path: o.Aside}, keys: newKeys(o.MaxDistinct), hear: o.OnMessage}
	keep := o.MaxAge + rowsOutlive
	s.marks = newMarks(keep)
	if o.OutFile == "" {
		return s, nil
	}
	f, err := os.OpenFile(o.OutFile, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("cannot write messages to a file: %w", err)
	}
	s.file = f
	info, err := f.Stat()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("cannot append to %s: %w", o.OutFile, err), f.Close())
	}
	if regular := info.Mode().IsRegular(); regular {
		s.sync = o.Ack == "count" || o.Ack == "envelope"
		if o.Ack == "envelope" {
			if s.marks, err = openMarks(o.OutFile+".marks", f, keep); err != nil {
				return nil, errors.Join(err, f.Close())
			}
		}
	}
	if err := endLine(f); err != nil {
		return nil, errors.Join(fmt.Errorf("cannot append to %s: %w", o.OutFile, err), f.Close())
	}
	return s, nil
}

// endLine closes a line that an earlier run, killed in mid-write, left open.
// Nothing on it was proven to the sender, so it comes again.
func endLine(f *os.File) error {
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil || size == 0 {
		return nil // a pipe or an empty file has no line to close
	}
	last := make([]byte, 1)
	if _, err := f.ReadAt(last, size-1); err != nil {
		return err
	}
	if last[0] != '\n' {
		_, err = f.Write([]byte{'\n'})
	}
	return err
}

// take writes the messages of one frame to every output, then counts them.
// After an error nothing of the frame may be proven.
func (r *Receiver) take(list []element, s shape, size int) error {
	t := r.store
	t.mu.Lock()
	defer t.mu.Unlock()
	t.line = appendLines(t.line[:0], list)
	if err := t.writeLines(); err != nil {
		return err
	}
	add := Stats{Frames: 1, Bytes: int64(size)}
	switch s {
	case bad:
		add.Bad++
	case bare:
		add.Bare++
	}
	for _, e := range list {
		t.count(e, &add, false)
	}
	t.fan.publish(list)
	r.note(func(st *Stats) { st.add(add) })
	return nil
}

// count notes one message. again says that it is known to be a repeat.
func (t *store) count(e element, add *Stats, again bool) {
	repeat, changed := false, false
	if e.keyed() {
		repeat, changed = t.keys.see(e)
	} else {
		add.Bad++
	}
	repeat = repeat || again
	add.Messages++
	if !repeat {
		add.Distinct++
	}
	if changed {
		add.Changed++
	}
	if t.hear != nil {
		t.hear(e.raw, repeat)
	}
}

// appendLines appends one line for each message.
func appendLines(b []byte, list []element) []byte {
	for _, e := range list {
		start := len(b)
		b = append(b, e.raw...)
		// A newline between two tokens of a message would make two lines of it.
		for i := bytes.IndexAny(b[start:], "\r\n"); i >= 0; i = bytes.IndexAny(b[start:], "\r\n") {
			b[start+i] = ' '
			start += i + 1
		}
		b = append(b, '\n')
	}
	return b
}

// writeLines writes t.line to every output.
func (t *store) writeLines() error {
	if len(t.line) == 0 {
		return nil
	}
	if t.file != nil {
		if _, err := t.file.Write(t.line); err != nil {
			return fmt.Errorf("cannot write messages: %w", err)
		}
		if t.sync {
			if err := t.file.Sync(); err != nil {
				return fmt.Errorf("cannot write messages: %w", err)
			}
		}
	}
	if t.out != nil {
		if _, err := t.out.Write(t.line); err != nil {
			return fmt.Errorf("cannot print messages: %w", err)
		}
	}
	return nil
}

func (t *store) close() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	err := errors.Join(t.marks.close(), t.aside.close())
	if t.file == nil {
		return err
	}
	if end := t.file.Close(); end != nil && !errors.Is(end, os.ErrClosed) {
		err = errors.Join(err, end)
	}
	return err
}
