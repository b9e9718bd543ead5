package bench

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
	mu   sync.Mutex
	out  io.Writer
	file *os.File
	keys *keys
	line []byte // reused: the lines of one frame
	hear func(msg []byte, repeat bool)
}

func newStore(o Options) (*store, error) {
	s := &store{out: o.Out, keys: newKeys(o.MaxDistinct), hear: o.OnMessage}
	if o.OutFile == "" {
		return s, nil
	}
	f, err := os.OpenFile(o.OutFile, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return nil, fmt.Errorf("cannot write messages to a file: %w", err)
	}
	if err := endLine(f); err != nil {
		f.Close()
		return nil, fmt.Errorf("cannot append to %s: %w", o.OutFile, err)
	}
	s.file = f
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
	if err := t.write(list); err != nil {
		return err
	}
	var add Stats
	if s == bad {
		add.Bad++
	}
	if s == bare {
		add.Bare++
	}
	for _, e := range list {
		repeat, changed := false, false
		if e.keyed() {
			repeat, changed = t.keys.see(e)
		} else {
			add.Bad++
		}
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
	r.note(func(st *Stats) {
		st.Frames++
		st.Bytes += int64(size)
		st.Messages += add.Messages
		st.Distinct += add.Distinct
		st.Changed += add.Changed
		st.Bare += add.Bare
		st.Bad += add.Bad
	})
	return nil
}

func (t *store) write(list []element) error {
	if t.out == nil && t.file == nil {
		return nil
	}
	t.line = t.line[:0]
	for _, e := range list {
		start := len(t.line)
		t.line = append(t.line, e.raw...)
		// A newline between two tokens of a message would make two lines of it.
		for i := bytes.IndexAny(t.line[start:], "\r\n"); i >= 0; i = bytes.IndexAny(t.line[start:], "\r\n") {
			t.line[start+i] = ' '
			start += i + 1
		}
		t.line = append(t.line, '\n')
	}
	if t.file != nil {
		if _, err := t.file.Write(t.line); err != nil {
			return fmt.Errorf("cannot write messages: %w", err)
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
	if t.file == nil {
		return nil
	}
	err := t.file.Close()
	if errors.Is(err, os.ErrClosed) {
		return nil
	}
	return err
}
