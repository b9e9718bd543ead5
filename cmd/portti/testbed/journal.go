package testbed

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"syscall"
	"time"

	"portti/cmd/portti/durable"
)

// journal keeps marks on the disk, next to the file of messages. A line is
// written before the messages that it speaks of, and says where they will
// stand; so after a crash in between the last line tells whether they are all
// there (the mark holds), or not (it does not, and what there is of them is
// taken out again). Nothing is proven before both files are on the disk.
type journal struct {
	path string
	file *os.File
	out  *os.File // the messages
	node uint64   // inode of out
	size int64    // bytes of the journal since it was last rewritten
}

// entry is one line of the journal.
type entry struct {
	GW    string `json:"gw"`
	Epoch string `json:"epoch"`
	mark
	Used int64 `json:"used,omitempty"` // Unix seconds
	// Where the lines of messages stand that came with it.
	Node uint64 `json:"node,omitempty"`
	At   int64  `json:"at,omitempty"`
	Size int64  `json:"size,omitempty"`
	Sum  string `json:"sum,omitempty"`
}

// rewriteAt is the size at which a journal is written anew.
const rewriteAt = 1 << 20

// openMarks reads the journal at path, made for the messages in out.
func openMarks(path string, out *os.File, keep time.Duration) (*marks, error) {
	info, err := out.Stat()
	if err != nil {
		return nil, fmt.Errorf("cannot keep marks: %w", err)
	}
	j := &journal{path: path, out: out}
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		j.node = st.Ino
	}
	m := newMarks(keep)
	m.journal = j
	if err := j.load(m); err != nil {
		return nil, fmt.Errorf("cannot read %s: %w", path, err)
	}
	if err := j.rewrite(m); err != nil {
		return nil, err
	}
	return m, nil
}

func (j *journal) load(m *marks) error {
	f, err := os.Open(j.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	lines := bufio.NewReader(f)
	var last *entry
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if err != nil {
			break // a line without its end was never acted upon
		}
		var e entry
		if json.Unmarshal(line, &e) != nil {
			continue
		}
		if last != nil {
			m.put(*last)
		}
		last = &e
	}
	if last == nil {
		return nil
	}
	whole, err := j.whole(*last)
	if whole {
		m.put(*last)
	}
	return err
}

func (m *marks) put(e entry) {
	m.turn++
	at := time.Now() // of a journal without times, and the most a clock that was ahead can have meant
	if used := time.Unix(e.Used, 0); e.Used != 0 && used.Before(at) {
		at = used
	}
	m.rows[row{e.GW, e.Epoch}] = &remembered{e.mark, m.turn, at}
}

// whole says whether the messages of the last entry are all in the file. A
// part of them at its end is moved to a file of its own.
func (j *journal) whole(e entry) (bool, error) {
	info, err := j.out.Stat()
	if err != nil {
		return false, err
	}
	if e.Size == 0 {
		return true, nil
	}
	there := info.Size() - e.At
	if e.Node != j.node || there <= 0 {
		return false, nil // another file, or none of it was written
	}
	written := make([]byte, min(there, e.Size))
	if _, err := j.out.ReadAt(written, e.At); err != nil {
		return false, err
	}
	if there >= e.Size {
		return checksum(written) == e.Sum, nil
	}
	torn, err := os.OpenFile(j.out.Name()+".torn", os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return false, err
	}
	defer torn.Close()
	if _, err := torn.Write(append(written, '\n')); err != nil {
		return false, err
	}
	return false, j.out.Truncate(e.At)
}

func checksum(lines []byte) string { return fmt.Sprintf("%08x", crc32.ChecksumIEEE(lines)) }

// add writes an entry for lines that are about to be appended to out.
func (j *journal) add(name row, m mark, lines []byte, now time.Time) error {
	at, err := j.out.Seek(0, io.SeekEnd)
	if err != nil {
		return fmt.Errorf("cannot keep marks: %w", err)
	}
	e := entry{GW: name.gw, Epoch: name.epoch, mark: m, Used: now.Unix()}
	if len(lines) > 0 {
		e.Node, e.At, e.Size, e.Sum = j.node, at, int64(len(lines)), checksum(lines)
	}
	line := append(mustJSON(e), '\n')
	if _, err := j.file.Write(line); err != nil {
		return fmt.Errorf("cannot keep marks: %w", err)
	}
	j.size += int64(len(line))
	return nil
}

// settle has the journal on the disk.
func (j *journal) settle(m *marks) error {
	if j.size > rewriteAt {
		return j.rewrite(m)
	}
	if err := j.file.Sync(); err != nil {
		return fmt.Errorf("cannot keep marks: %w", err)
	}
	return nil
}

// rewrite replaces the journal by one line for each numbering, the longest
// unused first. Those that have expired are left out.
func (j *journal) rewrite(m *marks) error {
	m.expire(time.Now())
	var b bytes.Buffer
	for _, name := range byUse(m.rows) {
		r := m.rows[name]
		b.Write(mustJSON(entry{GW: name.gw, Epoch: name.epoch, mark: r.mark, Used: r.at.Unix()}))
		b.WriteByte('\n')
	}
	if err := durable.Replace(j.path, b.Bytes(), 0o600); err != nil {
		return fmt.Errorf("cannot keep marks: %w", err)
	}
	f, err := os.OpenFile(j.path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return fmt.Errorf("cannot keep marks: %w", err)
	}
	if j.file != nil {
		j.file.Close()
	}
	j.file, j.size = f, 0
	return nil
}

func (j *journal) close() error {
	if err := j.file.Close(); err != nil && !errors.Is(err, os.ErrClosed) {
		return err
	}
	return nil
}
