package device

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"time"

	"portti/device/jsonline"
)

// LinesOptions holds the keys of type "lines".
type LinesOptions struct {
	Message   int                `toml:"message"` // tsmId, 0 = chosen by the keys of each line
	Map       map[string]string  `toml:"map"`
	Scale     map[string]float64 `toml:"scale"`
	Offset    map[string]float64 `toml:"offset"`
	IDField   string             `toml:"id_field"`
	TimeField string             `toml:"time_field"`
	Extra     string             `toml:"extra"` // separate (default) | keep | drop
	Hex       []string           `toml:"hex"`   // keys whose values are hexadecimal
	Units     map[string]string  `toml:"units"` // the unit behind a key's values, which is cut off
	Prefix    string             `toml:"prefix"`
	Assign    string             `toml:"assign"` // between key and value: = (default) or :
	// Columns name the values of a line in their order, "" = not sent.
	Columns      []string `toml:"columns"`
	Separator    string   `toml:"separator"` // between columns, a comma where it is not set
	DecimalComma bool     `toml:"decimal_comma"`
}

const (
	linesMax    = 4096 // bytes of a line where max_line is not set
	linesAtOnce = 4096 // bytes read in addition to an unfinished line
	// linesQuiet is how long a line must be quiet before what comes next is
	// taken for the beginning of a line: several characters at 1200 baud.
	linesQuiet = 50 * time.Millisecond
	// linesStale is how long the rest of a line may take to come.
	linesStale = 2 * time.Second
)

func linesKind() Kind {
	return Kind{
		Name: "lines", Baud: 115200, Silence: time.Minute,
		Options:     func() any { return new(LinesOptions) },
		NamesThings: func(c Config) bool { return optionsOf[LinesOptions](c).IDField != "" },
		Problems:    linesProblems(),
		Recognise:   recogniseLines,
		General:     true,
		New: func(c Config, env Env) (Driver, error) {
			r, err := newReader(linesSettingsOf(c))
			if err != nil {
				return nil, err
			}
			return &lines{reader: r, env: env, max: c.MaxLine, prefix: []byte(r.keys.c.Prefix)}, nil
		},
		Sample: `[[device]]
name = "panel{n}"
type = "lines"                    # one reading a line: JSON, key=value, name:value or columns
port = "/dev/ttyUSB{port}"               # or tcp://host:port for a serial device server
baud = 115200
id = "XXXX03PNL000{serial}"
# message = 12100                 # tsmId of every line; without it chosen by the keys
# map = { t = "temp", rh = "humd" }      # renames keys
# scale = { t = 0.1 }             # a value is multiplied by this …
# offset = { t = -273.15 }        # … and then this is added
# id_field = "dev"                # the key that names the thing, where one line speaks for many
# time_field = "ts"               # the key with the time: Unix seconds or RFC 3339
# hex = ["flags"]                 # keys whose values are hexadecimal: 1F, 0x1F or 1Fh
# units = { temp = "C", humd = "%" }     # 23.6C and 23.6 °C are 23.6; another unit refuses the value
# prefix = ">"                    # stands before each line and is no part of it, as a prompt
# assign = "="                    # between key and value; ":" for name:value
# columns = ["temp", "", "humd"]  # values in columns, as CSV: their keys in order, "" = not sent
# separator = ";"                 # between columns; "," where it is not set, " " = any blanks, "\t" = a tab
# decimal_comma = true            # 23,6 in a column is 23.6
# extra = "separate"              # fields the message does not define: separate | keep | drop
# rate_limit = 0                  # readings per second, 0 = none
`,
	}
}

// linesSettings is a device of type "lines" with its own keys.
type linesSettings struct {
	Config
	LinesOptions
}

func linesSettingsOf(c Config) linesSettings { return linesSettings{c, optionsOf[LinesOptions](c)} }

// lines reads one reading a line, as an object of JSON or as key=value pairs:
//
//	{"temp":21.50,"humd":40}
//	temp=21.50 humd=40
//	temp=21.50, humd=40; name="kitchen"
//	T:21.50 H:40             assign = ":"
//	21.50,40                 columns = ["temp", "humd"]
//
// A line ends at CR or LF, and where an object is followed by another, or by
// linesQuiet of silence. Empty lines and lines that begin with # are quiet.
// A few bytes of noise before a line are passed over. Each other line counts as one
// frame, and so does each object and each field in it that is refused. What reader makes of a line stands there.
//
// Nothing is made up of half a line. The first bytes after the opening may be
// the end of a line; so may be what comes after half a line and linesStale of
// silence, and what stands without an end of line when the port ends. Only a
// whole JSON object is taken there at once, which no part of another can be.
// key=value after less than linesQuiet of silence is held back until the next
// line: it was whole if both begin with the same key. A first line that
// linesStale of silence follows was whole too, for a device that speaks so
// rarely is hardly ever opened in the middle of a line. A half line whose end
// of line comes late, and nothing else first, is whole.
type lines struct {
	*reader
	env    Env
	max    int
	prefix []byte // of each line

	buf     []byte
	n       int  // bytes of an unfinished line at the start of buf
	looked  int  // of them seen to hold no end of line
	discard bool // until the next end of line
	doubt   bool // what stands in buf may not begin at the beginning

	held    []byte // a line in doubt that waits for the next one
	heldAt  time.Time
	begun   bool // a line was seen, so that a held one is not the first
	waiting bool // the port has a deadline for it
}

// Run is part of Driver.
func (l *lines) Run(port Port, out Out) error {
	if l.max == 0 {
		l.max = linesMax
	}
	l.buf = make([]byte, l.max+linesAtOnce)
	l.out, l.doubt = out, true
	last, first := l.env.now(), true
	for {
		n, err := port.Read(l.buf[l.n:])
		if n > 0 {
			now := l.env.now()
			gap := now.Sub(last)
			last = now
			if first && gap >= linesQuiet {
				l.doubt = false
			}
			first = false
			l.take(n, gap)
		}
		if errors.Is(err, os.ErrDeadlineExceeded) {
			if !l.begun { // else it is an object that was waited for, which decides as any next line
				l.settle(true)
			}
			l.object()
			err = nil
		}
		if err == nil {
			err = l.await(port)
		}
		if err != nil {
			l.end()
			return fmt.Errorf("cannot read lines: %w", err)
		}
	}
}

// await asks for a wake-up where the first line is held back, or an object may be
// complete without an end of line.
func (l *lines) await(port Port) error {
	switch {
	case len(l.held) > 0 && !l.begun:
		if l.waiting {
			return nil
		}
		l.waiting = true
		return port.SetReadDeadline(l.heldAt.Add(linesStale))
	case l.n > 0 && l.buf[l.n-1] == '}' && !l.discard:
		l.waiting = true
		return port.SetReadDeadline(l.env.now().Add(linesQuiet))
	case l.waiting:
		l.waiting = false
		return port.SetReadDeadline(time.Time{})
	}
	return nil
}

// object takes an object after which no end of line comes.
func (l *lines) object() {
	if rest := l.trim(l.buf[:l.n]); !l.discard && wholeObject(rest) {
		l.line(rest)
		l.n, l.looked = 0, 0
	}
}

// objects takes those at the beginning of an unfinished line behind which another
// one begins: some devices send no end of line at all.
func (l *lines) objects(rest []byte) []byte {
	for bytes.IndexByte(rest[l.looked:], '{') >= 0 {
		end := jsonline.End(rest)
		if end < 0 {
			break
		}
		if next := trim(rest[end:]); len(next) == 0 || next[0] != '{' {
			break
		}
		l.line(rest[:end])
		rest, l.looked = rest[end:], 0
	}
	return rest
}

// settle decides on the line held back: whole says that it was one.
func (l *lines) settle(whole bool) {
	switch {
	case len(l.held) == 0:
	case whole:
		l.age = l.env.now().Sub(l.heldAt).Milliseconds()
		l.read(l.held)
		l.age = 0
	default:
		l.out.Frame(Unknown)
	}
	l.held = l.held[:0]
}

// take looks at n new bytes, which came gap after those before.
func (l *lines) take(n int, gap time.Duration) {
	if l.n > 0 && gap >= linesStale && !isEnd(l.buf[l.n]) {
		l.out.Frame(Malformed)
		copy(l.buf, l.buf[l.n:l.n+n])
		l.n, l.looked, l.doubt, l.begun = 0, 0, true, true
	}
	have := l.buf[:l.n+n]
	at := 0
	for {
		end := lineEnd(have[at+l.looked:])
		if end < 0 {
			break
		}
		end += at + l.looked
		l.line(have[at:end])
		at, l.looked = end+1, 0
	}
	rest := have[at:]
	if !l.discard {
		rest = l.objects(rest)
	}
	if len(rest) > l.max && !l.discard {
		l.out.Frame(TooLong)
		l.discard = true
	}
	if l.discard {
		rest = nil
	}
	l.n = copy(l.buf, rest)
	l.looked = l.n
}

// end looks at what has no end of line when the port ends.
func (l *lines) end() {
	l.settle(false)
	rest := l.trim(l.buf[:l.n])
	l.n, l.looked = 0, 0
	switch {
	case len(rest) == 0 || l.discard:
	case wholeObject(rest):
		l.read(rest)
	case l.doubt:
		l.out.Frame(Unknown)
	default:
		l.out.Frame(Malformed)
	}
}

func isEnd(c byte) bool { return c == '\n' || c == '\r' }

// lineEnd finds the first CR or LF.
func lineEnd(b []byte) int {
	lf := bytes.IndexByte(b, '\n')
	if lf >= 0 {
		b = b[:lf]
	}
	if cr := bytes.IndexByte(b, '\r'); cr >= 0 {
		return cr
	}
	return lf
}

// line hands a finished line on, unless it must not be trusted.
func (l *lines) line(line []byte) {
	doubt, discard := l.doubt, l.discard
	l.doubt, l.discard = false, false
	line = l.trim(line)
	switch {
	case discard:
	case len(line) == 0:
		return // between CR and LF, mostly: what is held back is still the first
	case len(line) > l.max:
		l.out.Frame(TooLong)
	case doubt && !wholeObject(line):
		l.settle(false)
		if l.firstKey(line) == nil {
			l.out.Frame(Unknown)
			break
		}
		l.held, l.heldAt = append(l.held[:0], line...), l.env.now()
		return // the next line is not the first
	default:
		if len(l.held) > 0 {
			l.settle(bytes.Equal(l.firstKey(l.held), l.firstKey(line)))
		}
		l.read(line)
	}
	l.begun = true
}

// trim cuts off what is no part of a line. A tab is, where it parts columns.
func (l *lines) trim(line []byte) []byte {
	cut := trim
	if l.separator == '\t' {
		cut = func(b []byte) []byte { return bytes.Trim(b, " ") }
	}
	line = cut(line)
	if len(l.prefix) > 0 && bytes.HasPrefix(line, l.prefix) {
		line = cut(line[len(l.prefix):])
	}
	return line
}

// firstKey is the key of the first pair of a line, nil without one. Where values
// stand in columns half a line may have as many as a whole one, and nothing tells.
func (r *reader) firstKey(line []byte) []byte {
	if len(r.names) > 0 {
		return nil
	}
	p := pairs{line: line, other: r.other}
	if !p.next() || len(p.key) == 0 {
		return nil
	}
	return p.key
}
