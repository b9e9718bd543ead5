package declared

import (
	"errors"
	"fmt"
	"strings"
)

// Declaration describes the frames of a device. The zero value of each key but
// Frame is the usual case.
type Declaration struct {
	File  string `toml:"file"`  // the declaration stands there instead
	Frame string `toml:"frame"` // fixed | length | line | block | telegram

	Start string `toml:"start"` // what each begins with: hexadecimal bytes, or the text of a line or telegram
	End   string `toml:"end"`   // bytes that a binary frame ends with
	Size  int    `toml:"size"`  // bytes of a fixed frame, the most of any other

	LengthAt   int    `toml:"length_at"`   // where the length stands
	LengthType string `toml:"length_type"` // how, as a field's type
	LengthAdd  int    `toml:"length_add"`  // bytes that it does not count

	Checksum      string `toml:"checksum"`       // its kind
	ChecksumAt    int    `toml:"checksum_at"`    // where it stands, negative from the end; 0 = at the end
	ChecksumFrom  int    `toml:"checksum_from"`  // first byte that it is made of
	ChecksumTo    int    `toml:"checksum_to"`    // behind the last one; 0 = up to the checksum
	ChecksumOrder string `toml:"checksum_order"` // be | le, where the kind's usual one is another
	ChecksumMark  string `toml:"checksum_mark"`  // stands before the digits of a line's checksum

	Separator string `toml:"separator"` // between the columns of a line

	Poll      string `toml:"poll"`       // bytes that ask for a frame
	PollEvery string `toml:"poll_every"` // how often

	Message int              `toml:"message"` // tsmId, 0 = chosen by the fields' names
	Field   map[string]Field `toml:"field"`   // by the names under which the values are sent
}

// Field says where a value stands and what it means: number x scale + add.
type Field struct {
	Offset int    `toml:"offset" json:"offset,omitzero"` // of its first byte, negative from the frame's end
	Type   string `toml:"type" json:"type,omitzero"`     // u8 i8 u16be i16le u32be f32be bcd16be m16be ...
	Shift  int    `toml:"shift" json:"shift,omitzero"`   // bits to the right of it
	Bits   int    `toml:"bits" json:"bits,omitzero"`     // of it, 0 = all

	Column int    `toml:"column" json:"column,omitzero"` // of a line, from 1
	Label  string `toml:"label" json:"label,omitzero"`   // of a line of a block or telegram
	Unit   string `toml:"unit" json:"unit,omitzero"`     // that stands behind a text's number

	Scale *float64 `toml:"scale" json:"scale,omitzero"`
	Add   float64  `toml:"add" json:"add,omitzero"`
	None  *int64   `toml:"none" json:"none,omitzero"` // the number that means "not available", before scale
	Min   *float64 `toml:"min" json:"min,omitzero"`   // of the value
	Max   *float64 `toml:"max" json:"max,omitzero"`
	Is    *int64   `toml:"is" json:"is,omitzero"` // it is not sent; a frame where it is another number gives no reading
}

// Mistake is what is wrong with one key.
type Mistake struct {
	Key  string // "field.temp.type" for one in a table
	Rule string // what it must be
}

func (m *Mistake) Error() string { return m.Key + " " + m.Rule }

// The ways to find a frame.
const (
	fixed    = "fixed"
	length   = "length"
	line     = "line"
	block    = "block"
	telegram = "telegram"
)

// Bounds.
const (
	MaxSize     = 4096
	MaxFields   = 64
	defaultSize = 1024 // of frames that may differ in size
	minText     = 16   // of a text: more than what one ends with
	maxPoll     = 64
)

// compiler collects all mistakes of a declaration.
type compiler struct {
	d    *Declaration
	errs []error
}

func (c *compiler) bad(key, rule string, args ...any) {
	c.errs = append(c.errs, &Mistake{key, fmt.Sprintf(rule, args...)})
}

// Compile makes a Format. The error joins a *Mistake for each key that is wrong.
func Compile(d Declaration) (*Format, error) {
	c := &compiler{d: &d}
	f := &Format{frame: d.Frame, most: d.Size}
	switch d.Frame {
	case fixed, length:
		f.binary = true
	case line, block, telegram:
	default:
		return nil, &Mistake{"frame", `must be "fixed", "length", "line", "block" or "telegram"`}
	}
	if c.size(f); len(c.errs) > 0 {
		return nil, errors.Join(c.errs...) // every place in the frame is held against it
	}
	c.marks(f)
	c.lengths(f)
	c.checksum(f)
	c.poll(f)
	c.fields(f)
	if len(c.errs) > 0 {
		return nil, errors.Join(c.errs...)
	}
	return f, nil
}

func (c *compiler) size(f *Format) {
	switch {
	case c.d.Frame == fixed && (c.d.Size < 2 || c.d.Size > MaxSize):
		c.bad("size", "must be the number of bytes of a frame, 2 to %d", MaxSize)
	case c.d.Size < 0 || c.d.Size > MaxSize:
		c.bad("size", "must be the most bytes that a frame may have, up to %d", MaxSize)
	case !f.binary && c.d.Size > 0 && c.d.Size < minText:
		c.bad("size", "must be the most bytes that a frame may have, from %d", minText)
	case c.d.Size == 0:
		f.most = defaultSize
	}
}

// marks compiles what frames begin and end with.
func (c *compiler) marks(f *Format) {
	if c.d.Frame != line && c.d.Separator != "" {
		c.bad("separator", "is for lines")
	}
	if f.binary {
		f.start = c.hex("start", c.d.Start, 16)
		f.end = c.hex("end", c.d.End, 16)
		if len(f.start) == 0 && c.d.Checksum == "" {
			c.bad("start", "must be set, or checksum: nothing else tells a frame from noise")
		}
		if len(f.start)+len(f.end) > f.most {
			c.bad("start", "and end are longer than the frame")
		}
		return
	}
	if f.start = []byte(c.d.Start); len(f.start) > 32 || strings.ContainsAny(c.d.Start, "\r\n") {
		c.bad("start", "must be up to 32 characters")
	}
	if c.d.Frame == block && c.d.Start != "" {
		c.bad("start", "is for other frames than blocks")
	}
	if c.d.Frame == telegram && c.d.Start == "" {
		c.bad("start", `must be what a telegram begins with, such as "/"`)
	}
	if c.d.End != "" {
		c.bad("end", "is for fixed and length frames: the end of text is known")
	}
	switch f.separator = ','; {
	case len(c.d.Separator) == 1:
		f.separator = c.d.Separator[0]
	case c.d.Separator != "":
		c.bad("separator", "must be one character")
	}
}

func (c *compiler) lengths(f *Format) {
	if c.d.Frame != length {
		if c.d.LengthAt != 0 || c.d.LengthType != "" || c.d.LengthAdd != 0 {
			c.bad("length_at", `and length_type, length_add are for frame = "length"`)
		}
		return
	}
	kind := c.d.LengthType
	if kind == "" {
		kind = "u8"
	}
	if err := numberType(kind, &f.length); err != nil || kind[0] != 'u' {
		c.bad("length_type", "must be u8, u16be, u16le, u24be, u24le, u32be or u32le")
	}
	f.length.Offset, f.lengthAdd = c.d.LengthAt, c.d.LengthAdd
	if c.d.LengthAt < 0 || c.d.LengthAt > 64 || c.d.LengthAt+f.length.Size > f.most {
		c.bad("length_at", "must be from 0 to 64, and inside of the frame")
	}
	if c.d.LengthAdd < -64 || c.d.LengthAdd > MaxSize {
		c.bad("length_add", "must be the bytes of a frame that its length does not count")
	}
}

func (c *compiler) poll(f *Format) {
	if c.d.Poll == "" {
		if c.d.PollEvery != "" {
			c.bad("poll", "must be set where poll_every is: the bytes that ask")
		}
		return
	}
	if f.Poll = c.hex("poll", c.d.Poll, maxPoll); !f.binary && len(f.Poll) == 0 {
		c.bad("poll", "must be hexadecimal bytes")
	}
}

// hex reads bytes such as "42 4D 00".
func (c *compiler) hex(key, text string, most int) (b []byte) {
	digits := strings.Join(strings.Fields(text), "")
	for i := 0; i+1 < len(digits); i += 2 {
		hi, lo := hexDigit(digits[i]), hexDigit(digits[i+1])
		if hi < 0 || lo < 0 {
			break
		}
		b = append(b, byte(hi<<4|lo))
	}
	if 2*len(b) != len(digits) || len(b) > most {
		c.bad(key, `must be up to %d hexadecimal bytes, such as "42 4D"`, most)
		return nil
	}
	return b
}

func hexDigit(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c|0x20 && c|0x20 <= 'f':
		return int(c|0x20-'a') + 10
	}
	return -1
}
