package device

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"portti/device/declared"
	"portti/device/fields"
	"portti/device/jsonline"
	"portti/device/thingsee"
)

// DeclaredOptions holds the keys of type "declared".
type DeclaredOptions = declared.Declaration

// maxDeclaration bounds the file of a declaration, so that a wrong path is noticed.
const maxDeclaration = 1 << 18

// pollEvery is how often is asked where poll_every is not set.
const pollEvery = 10 * time.Second

func declaredKind() Kind {
	return Kind{
		Name: "declared", Baud: 9600, Silence: time.Minute, Binary: true, Polls: true, Writes: true,
		Options: func() any { return new(DeclaredOptions) },
		Expect:  func(c Config) time.Duration { return declaredExpect(optionsOf[DeclaredOptions](c)) },
		// Nothing is known of its form but by a configuration.
		Recognise: func([]byte) (string, float64) { return "", 0 },
		New: func(c Config, env Env) (Driver, error) {
			o := optionsOf[DeclaredOptions](c)
			switch {
			case o.File != "":
				return fromFile(o, c, env)
			case o.Frame == "" && len(o.Field) == 0:
				return nil, keyError("file", "must name a declaration, or frame and the keys after it stand here: docs/declared.md has them")
			}
			return newDeclared(o, c, env)
		},
		Sample: `[[device]]
name = "declared{n}"
type = "declared"                 # frames that are described here: docs/declared.md
port = "/dev/ttyUSB{port}"
baud = 9600
id = "XXXX03DCL000{serial}"
# file = ""                       # "/etc/portti/declared/mysensor.toml": the keys below stand there instead
frame = "fixed"                   # fixed | length | line | block | telegram
start = "AA 0A"                   # what each frame begins with
# end = ""                        # and ends with, "AB"
size = 10                         # bytes of a fixed frame, the most of another
# length_at = 0                   # frame = "length": where the number of bytes stands …
# length_type = ""                # … how: "u8" "u16be" …
# length_add = 0                  # … and how many bytes it does not count
checksum = "sum8"                 # sum8 sum8-negated sum8-inverted sum16 xor8 crc8 crc8-nrsc5 crc16-ccitt crc16-xmodem crc16-modbus crc16-arc
# checksum_at = -1                # where it stands, negative from the end
# checksum_from = 0               # the bytes that it is made of …
# checksum_to = -1                # … up to this one, itself not among them
# checksum_order = "be"           # high byte first; "le" low byte first
# checksum_mark = ""              # before the digits of the checksum of a line, "*"
# separator = ""                  # between the columns of a line, ","
# poll = ""                       # bytes that ask for a frame, "FF 01 86" …
# poll_every = ""                 # … and how often, "10s"
# message = 0                     # tsmId, 0 = chosen by the names of the fields
field = { temp = { offset = 3, type = "i16be", scale = 0.01, min = -40, max = 125 }, humd = { offset = 5, type = "u16be", scale = 0.01 } }
`,
	}
}

// declaredExpect is how often a frame comes: it is asked for that often, or the file says
// how long none may come, which is taken for three times that.
func declaredExpect(o DeclaredOptions) (every time.Duration) {
	if o.File != "" {
		d, err := readDeclaration(o.File)
		if err != nil {
			return 0 // New says so
		}
		o = d.Declaration
		every, _ = time.ParseDuration(d.Silence)
		every /= 3
	}
	poll, _ := time.ParseDuration(o.PollEvery)
	return max(every, poll)
}

// readDeclaration reads a file, which it does anew at every opening.
func readDeclaration(path string) (d declared.File, err error) {
	text, err := readAtMost(path, maxDeclaration)
	if err != nil {
		return d, keyError("file", "cannot be read: %v", err)
	}
	if d, err = declared.Parse(path, text); err != nil {
		return d, keyError("file", "has a mistake: %v", err)
	}
	return d, nil
}

// fromFile makes a driver of a file.
func fromFile(o DeclaredOptions, c Config, env Env) (Driver, error) {
	path := o.File
	if o.File = ""; o.Frame != "" || len(o.Field) > 0 {
		return nil, keyError("file", "cannot be used together with frame and field: they stand in the file")
	}
	d, err := readDeclaration(path)
	if err != nil {
		return nil, err
	}
	if silence, err := time.ParseDuration(d.Silence); d.Silence != "" && (err != nil || silence <= 0) {
		return nil, keyError("file", `has a mistake: %s: silence must be a time such as "30s" or "10m"`, path)
	}
	if c.Baud == 0 && d.Baud != 0 && d.Baud != declaredKind().Baud {
		return nil, keyError("baud", "must be set: %s says %d", path, d.Baud)
	}
	driver, err := newDeclared(d.Declaration, c, env)
	switch all := apart(err); {
	case len(all) == 1:
		return nil, keyError("file", "has a mistake: %s: %v", path, err)
	case len(all) > 1:
		return nil, keyError("file", "has %d mistakes: %s:\n        %s", len(all), path, strings.ReplaceAll(err.Error(), "\n", "\n        "))
	}
	return driver, nil
}

// shippedKinds are the types that come as declarations, by name.
func shippedKinds() []Kind {
	files, err := declared.Shipped()
	if err != nil {
		panic(err) // they are part of the program, and tests load each
	}
	kinds := make([]Kind, 0, len(files))
	for _, name := range slices.Sorted(maps.Keys(files)) {
		kinds = append(kinds, shippedKind(name, files[name]))
	}
	return kinds
}

func shippedKind(name string, f declared.File) Kind {
	silence, _ := time.ParseDuration(f.Silence)
	polls := f.Poll != ""
	compiled := sync.OnceValues(func() (*declared.Format, error) { return declared.Compile(f.Declaration) })
	return Kind{
		Name: name, Baud: f.Baud, Silence: silence, Binary: f.Frame == "fixed" || f.Frame == "length", Polls: polls, Writes: polls,
		Recognise: func(b []byte) (string, float64) {
			format, err := compiled()
			if err != nil {
				return "", 0
			}
			found := format.Finder()
			return f.Title, shareOfFrames(&found, b)
		},
		New: func(c Config, env Env) (Driver, error) { return newDeclared(f.Declaration, c, env) },
		Sample: fmt.Sprintf(`[[device]]
name = "%s{n}"
type = %-26q # %s
port = "/dev/ttyUSB{port}"
baud = %d
id = "XXXX03%s000{serial}"
`, f.Name, name, f.Title, f.Baud, f.Thing),
	}
}

// declaredDriver reads frames as a declaration describes them. It asks for them where
// the declaration says how.
type declaredDriver struct {
	*reader
	format *declared.Format
	slots  []*key // of the format's values
	found  []declared.Reading
	text   []byte // the numbers of a frame
	every  time.Duration
	env    Env
}

func newDeclared(o DeclaredOptions, c Config, env Env) (Driver, error) {
	format, err := declared.Compile(o)
	if err != nil {
		return nil, declaredError(err)
	}
	d := &declaredDriver{format: format, env: env, every: pollEvery, found: make([]declared.Reading, len(format.Values))}
	if o.PollEvery != "" {
		if d.every, err = time.ParseDuration(o.PollEvery); err != nil || d.every < 100*time.Millisecond || d.every > 24*time.Hour {
			return nil, keyError("poll_every", `must be from "100ms" to "24h"`)
		}
	}
	if d.reader, err = newReader(linesSettings{Config: c, LinesOptions: LinesOptions{Message: o.Message}}); err != nil {
		return nil, err
	}
	var errs []error
	for _, v := range format.Values {
		if !thingsee.ValidName(v.Name) || thingsee.Reserved(v.Name) {
			errs = append(errs, keyError("field."+v.Name, "cannot be the name of a field"))
			continue
		}
		d.slots = append(d.slots, d.reader.keys.find([]byte(v.Name)))
	}
	d.text = make([]byte, 0, len(format.Values)*maxDecimal)
	return d, errors.Join(errs...)
}

// declaredError gives each mistake as an error of a key.
func declaredError(err error) error {
	var all []error
	for _, err := range apart(err) {
		var m *declared.Mistake
		if errors.As(err, &m) {
			err = &KeyError{Key: m.Key, Rule: m.Rule}
		}
		all = append(all, err)
	}
	return errors.Join(all...)
}

// apart gives the errors that were joined.
func apart(err error) []error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		return joined.Unwrap()
	}
	if err == nil {
		return nil
	}
	return []error{err}
}

// Run is part of Driver.
func (d *declaredDriver) Run(port Port, out Out) error {
	d.out = out
	if len(d.format.Poll) > 0 {
		port = &asking{Port: port, poll: d.format.Poll, every: d.every, env: d.env}
	}
	found := d.format.Finder()
	s := frameStream{finder: &found}
	if d.format.Long() {
		s.now = d.env.now
	}
	return runFrames(&s, port, out, d.frame)
}

// frame makes messages of a frame.
func (d *declaredDriver) frame(frame []byte) Result {
	switch d.format.Read(frame, d.found) {
	case declared.Other:
		return Unknown
	case declared.Wrong:
		return Checksum
	case declared.Broken:
		return Malformed
	case declared.Unready:
		d.out.Detail("it says that its values do not hold yet")
		return OK
	}
	d.out.Detail("")
	d.begin()
	d.text = d.text[:0]
	for i := range d.found {
		switch v := &d.found[i]; v.State {
		case fields.OK:
			d.value(d.slots[i], v.Value)
		case fields.Outside:
			d.refuse(Range)
		case fields.Short, fields.Garbled:
			d.refuse(Malformed)
		}
	}
	result := d.send()
	if result == Unknown && !d.some {
		return OK // it has nothing to say
	}
	return result
}

// value puts a value into its message.
func (d *declaredDriver) value(k *key, v fields.Value) {
	for v.Decimals > 0 && v.Mantissa%10 == 0 { // as Message.Decimal writes numbers
		v.Mantissa, v.Decimals = v.Mantissa/10, v.Decimals-1
	}
	from := len(d.text)
	d.text = appendDecimal(d.text, v.Mantissa, v.Decimals)
	f := field{raw: d.text[from:len(d.text):len(d.text)], strict: true}
	f.decimal = jsonline.Decimal{Mantissa: v.Mantissa, Places: v.Decimals, Plain: v.Decimals <= maxDigits && len(f.raw) <= maxDigits}
	d.take(k, &f)
}

// maxDecimal is how long a number is that appendDecimal writes, for most.
const maxDecimal = 24

// appendDecimal writes mantissa / 10^places.
func appendDecimal(b []byte, mantissa int64, places int) []byte {
	if mantissa < 0 {
		b = append(b, '-')
	}
	var digits [20]byte
	n := strconv.AppendUint(digits[:0], magnitude(mantissa), 10)
	whole := len(n) - places
	if whole <= 0 {
		b = append(b, '0')
	} else {
		b = append(b, n[:whole]...)
	}
	if places == 0 {
		return b
	}
	b = append(b, '.')
	for ; whole < 0; whole++ {
		b = append(b, '0')
	}
	return append(b, n[whole:]...)
}
