package recording

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"strconv"
	"strings"
	"time"
)

// maxLine is far above the longest line: a driver reads some kilobytes at once, and a
// byte has four characters at most.
const maxLine = 1 << 20

// ErrNot says that a file is no recording.
var ErrNot = errors.New("not a recording of portti")

// ErrCut is the end of a recording that was not ended in order: the power failed, or
// the file was not copied whole. Everything before it is good.
var ErrCut = errors.New("the recording was cut off here")

// Damage is a line that is not as it was written. Next goes on behind it.
type Damage struct {
	Line int // from 1, the head
	Why  string
}

func (d *Damage) Error() string {
	return fmt.Sprintf("line %d of the recording is damaged: %s", d.Line, d.Why)
}

// Reader reads a recording.
type Reader struct {
	b     *bufio.Reader
	text  []byte // the line in hand
	line  int
	ended bool
	last  time.Duration
}

// NewReader reads the first line.
func NewReader(r io.Reader) (*Reader, Header, error) {
	var h Header
	read := &Reader{b: bufio.NewReader(r)}
	start, _ := read.b.Peek(len(magic))
	if !Is(start) {
		return nil, h, ErrNot
	}
	line, err := read.next()
	if err != nil {
		return nil, h, fmt.Errorf("cannot read the head of the recording: %w", err)
	}
	version, text, _ := bytes.Cut(line[len(magic):], []byte(" "))
	n, err := strconv.Atoi(string(version))
	switch {
	case err != nil || n < 1:
		return nil, h, fmt.Errorf("%w: it has no version", ErrNot)
	case n > Version:
		return nil, h, fmt.Errorf("the recording has format %d, and this portti reads up to %d: use the version that made it, or a newer one", n, Version)
	}
	if err := json.Unmarshal(text, &h); err != nil {
		return nil, h, fmt.Errorf("cannot read the head of the recording: %w", err)
	}
	return read, h, nil
}

// Next gives the next record. Its error is io.EOF behind the last record, ErrCut
// where the recording ends without one, a *Damage for a line that is passed over, or
// that of the file.
func (r *Reader) Next() (Record, error) {
	if r.ended {
		return Record{}, io.EOF
	}
	line, err := r.next()
	if err != nil {
		return Record{}, err
	}
	rec, ok := parse(line)
	switch {
	case !ok:
		return rec, &Damage{r.line, "its parts are not those of a record"}
	case rec.At < r.last:
		return rec, &Damage{r.line, "its time lies before that of the record above"}
	}
	r.last = rec.At
	r.ended = rec.What == Stopped
	return rec, nil
}

// next gives a line without its checksum, which was right. It is good until the next.
func (r *Reader) next() ([]byte, error) {
	r.line++
	r.text = r.text[:0]
	for {
		part, err := r.b.ReadSlice('\n')
		if len(r.text) <= maxLine {
			r.text = append(r.text, part...)
		}
		switch {
		case err == nil:
			return r.checked()
		case errors.Is(err, io.EOF):
			return nil, ErrCut // with half a line or none
		case !errors.Is(err, bufio.ErrBufferFull):
			return nil, fmt.Errorf("cannot read line %d of the recording: %w", r.line, err)
		}
	}
}

func (r *Reader) checked() ([]byte, error) {
	if len(r.text) > maxLine {
		return nil, &Damage{r.line, "it has no end within a megabyte"}
	}
	line := bytes.TrimRight(r.text, "\r\n") // mail may have put a CR there
	at := bytes.LastIndexByte(line, ' ')
	sum, err := strconv.ParseUint(string(line[at+1:]), 16, 32)
	if at < 0 || err != nil || uint32(sum) != crc32.Checksum(line[:at], table()) {
		return nil, &Damage{r.line, "its checksum is wrong"}
	}
	return line[:at], nil
}

// parse reads what Writer.Write wrote.
func parse(line []byte) (r Record, ok bool) {
	f := strings.SplitN(string(line), " ", 4)
	if len(f) != 4 || len(f[2]) != 1 || !strings.Contains("<>+-=!.", f[2]) {
		return r, false
	}
	at, good := parseSeconds(f[0], 9)
	clock, sound := parseClock(f[1])
	data, whole := parseData(f[3])
	return Record{At: time.Duration(at), Clock: clock, What: What(f[2][0]), Data: data}, good && sound && whole && at >= 0
}

func parseClock(text string) (c Clock, ok bool) {
	text, doubted := strings.CutPrefix(text, "?")
	text, worst, bounded := strings.Cut(text, "~")
	c.Trusted = !doubted
	if bounded {
		n, err := strconv.ParseInt(worst, 10, 64)
		if err != nil {
			return c, false
		}
		c.Err = n
	}
	c.Unix, ok = parseSeconds(text, 3)
	return c, ok
}

func parseSeconds(text string, places int) (int64, bool) {
	whole, rest, dotted := strings.Cut(text, ".")
	if !dotted || len(rest) != places {
		return 0, false
	}
	n, err := strconv.ParseInt(whole+rest, 10, 64)
	return n, err == nil
}

func parseData(text string) ([]byte, bool) {
	if strings.HasPrefix(text, `"`) {
		s, err := strconv.Unquote(text)
		return []byte(s), err == nil
	}
	b, err := hex.DecodeString(text)
	return b, err == nil
}

// File is a whole recording.
type File struct {
	Header  Header
	Records []Record
	Cut     bool      // it was not ended in order
	Damaged []*Damage // lines that are missing from Records
}

// Read reads a whole recording, as far as it is good. An error means that nothing of it
// could be read, or that the file failed.
func Read(r io.Reader) (*File, error) {
	read, h, err := NewReader(r)
	if err != nil {
		return nil, err
	}
	f := &File{Header: h}
	for {
		rec, err := read.Next()
		var damage *Damage
		switch {
		case err == nil:
			f.Records = append(f.Records, rec)
		case errors.As(err, &damage):
			f.Damaged = append(f.Damaged, damage)
		case errors.Is(err, io.EOF):
			return f, nil
		case errors.Is(err, ErrCut):
			f.Cut = true
			return f, nil
		default:
			return nil, err
		}
	}
}
