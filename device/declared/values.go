package declared

import (
	"bytes"
	"maps"
	"math"
	"slices"
	"sort"
	"strconv"
	"strings"

	"portti/device/fields"
)

// Verdict is what a frame as a whole is.
type Verdict uint8

// The verdicts. Only Good comes with values.
const (
	Good    Verdict = iota
	Other           // a line that begins with another text than start
	Wrong           // a line whose checksum is wrong or missing
	Broken          // a line with too few columns
	Unready         // a field that has an "is" is something else: the device says that its values do not hold
)

// Reading is what one value of a frame is.
type Reading struct {
	fields.Value
	State fields.State
}

// Read reads the values of a frame that Next found, one for each of Values. A value
// that is only looked at (is) is not Known.
func (f *Format) Read(frame []byte, into []Reading) Verdict {
	for i := range into {
		into[i] = Reading{State: fields.Absent}
	}
	switch f.frame {
	case line:
		if v := f.columns(bytes.Trim(frame, "\r\n"), into); v != Good {
			return v
		}
	case block, telegram:
		f.labels(frame, into)
	default:
		body := frame
		if f.frame == length && f.at < 0 { // a short frame's checksum is no value
			body = frame[:len(frame)+f.at]
		}
		for i := range f.Values {
			from := body
			if f.Values[i].Row.Offset < 0 {
				from = frame
			}
			into[i].Value, into[i].State = f.Values[i].Row.Read(from)
		}
	}
	for i := range f.Values {
		v, r := &f.Values[i], &into[i]
		if v.is == nil {
			continue
		}
		if r.State != fields.OK || r.Mantissa != *v.is || r.Decimals != 0 {
			return Unready
		}
		*r = Reading{State: fields.Absent}
	}
	return Good
}

// columns reads a line.
func (f *Format) columns(text []byte, into []Reading) Verdict {
	if !bytes.HasPrefix(text, f.start) {
		return Other
	}
	if f.sum.of != nil {
		at := bytes.LastIndex(text, f.mark)
		if at < 0 || !f.digits(text[:at], bytes.TrimRight(text[at+len(f.mark):], " ")) {
			return Wrong
		}
		text = text[:at]
	}
	n, most := 0, 0
	for more := true; more; {
		var column []byte
		if f.separator == ' ' { // any number of blanks is one
			text = bytes.TrimLeft(text, " \t")
			end := len(text)
			if i := bytes.IndexAny(text, " \t"); i >= 0 {
				end = i
			}
			column, text = text[:end], bytes.TrimLeft(text[end:], " \t")
			more = len(text) > 0
		} else {
			column, text, more = bytes.Cut(text, []byte{f.separator})
		}
		if n++; n == 1 { // R1234 is 1234 where the line begins with R
			column = column[min(len(f.start), len(column)):]
		}
		for i := range f.Values {
			if v := &f.Values[i]; v.column == n {
				into[i] = v.number(column)
			}
		}
	}
	for i := range f.Values {
		most = max(most, f.Values[i].column)
	}
	if n < most {
		return Broken
	}
	return Good
}

// labels reads a block or a telegram, line by line.
func (f *Format) labels(text []byte, into []Reading) {
	for len(text) > 0 {
		var row []byte
		row, text, _ = bytes.Cut(text, []byte("\n"))
		row = bytes.TrimRight(row, "\r")
		if i := bytes.IndexByte(row, ':'); i >= 0 && f.frame == block {
			continue // a message in between, which may have cut a value in two
		}
		for i := range f.Values {
			v := &f.Values[i]
			if !bytes.HasPrefix(row, v.label) || len(row) == len(v.label) {
				continue
			}
			if value := row[len(v.label):]; f.frame == block && value[0] == '\t' {
				into[i] = v.number(value[1:])
			} else if f.frame == telegram && value[0] == '(' && value[len(value)-1] == ')' {
				// Of several groups the first is when the last one was measured.
				into[i] = v.number(value[bytes.LastIndexByte(value, '(')+1 : len(value)-1])
			}
		}
	}
}

// number reads a text that is a number and its unit. Dashes say that there is none.
func (v *Value) number(text []byte) Reading {
	text = bytes.Trim(text, " ")
	if len(v.unit) > 0 && len(text) > 0 {
		rest, ok := bytes.CutSuffix(text, v.unit)
		if !ok {
			return Reading{State: fields.Garbled}
		}
		text = bytes.TrimRight(rest, " *")
	}
	switch {
	case len(bytes.Trim(text, "-")) == 0:
		return Reading{State: fields.Absent}
	case len(text) > maxText:
		return Reading{State: fields.Garbled}
	}
	row := v.Row
	row.Type, row.Offset, row.Size = fields.Text, 0, len(text)
	value, state := row.Read(text)
	return Reading{value, state}
}

// maxText is how long a number may be.
const maxText = 24

// fields compiles the table of fields, in the order in which they stand in a frame.
func (c *compiler) fields(f *Format) {
	if len(c.d.Field) == 0 || len(c.d.Field) > MaxFields {
		c.bad("field", "must have 1 to %d tables, such as [device.field.temp]", MaxFields)
	}
	sent := false
	for _, name := range slices.Sorted(maps.Keys(c.d.Field)) {
		d := c.d.Field[name]
		f.Values = append(f.Values, c.value(f, name, d))
		sent = sent || d.Is == nil
	}
	if !sent && len(c.d.Field) > 0 {
		c.bad("field", "must have at least one table without \"is\": nothing is sent of those")
	}
	place := func(v *Value) int { return max(inside(v.Row.Offset, f.most), v.column) }
	sort.SliceStable(f.Values, func(i, j int) bool { return place(&f.Values[i]) < place(&f.Values[j]) })
}

// value compiles one field.
func (c *compiler) value(f *Format, name string, d Field) Value {
	bad := func(key, rule string, args ...any) { c.bad("field."+name+"."+key, rule, args...) }
	v := Value{Name: name, column: d.Column, label: []byte(d.Label), unit: []byte(d.Unit), is: d.Is}
	v.Row = fields.Row{Name: name, Offset: d.Offset, Shift: d.Shift, Bits: d.Bits}
	if f.binary {
		if d.Column != 0 || d.Label != "" || d.Unit != "" {
			bad("offset", "says where the value stands: column, label and unit are for text")
		}
		kind := d.Type
		if kind == "" {
			kind = "u8"
		}
		if err := numberType(kind, &v.Row); err != nil {
			bad("type", "%v", err)
			return v
		}
		if size := max(v.Row.Size, 1); d.Offset >= f.most || inside(d.Offset, f.most) < 0 || inside(d.Offset, f.most)+size > f.most {
			bad("offset", "is outside of the frame's %d bytes", f.most)
		} else {
			c.constant(f, d.Offset, size, d.Shift != 0 || d.Bits != 0, bad)
		}
		if d.None != nil {
			v.Row.HasNA, v.Row.NA = true, uint64(*d.None)
			if width := 8*max(v.Row.Size, 1) - d.Shift; d.Bits > 0 || width < 64 {
				if d.Bits > 0 {
					width = d.Bits
				}
				v.Row.NA &= 1<<max(width, 0) - 1
			}
		}
	} else {
		c.textual(f, d, bad)
	}
	if d.Is != nil && (d.Scale != nil || d.Add != 0 || d.None != nil || d.Min != nil || d.Max != nil) {
		bad("is", "is compared with the number as it stands: leave scale, add, none, min and max out")
	}
	c.scale(&v.Row, d, bad)
	if err := v.Row.Check(); err != nil {
		bad("type", "does not fit: %v", err)
	}
	return v
}

// constant refuses a field that reads what is no value: the start, as where its offset
// was left out, or the checksum, as where it is one byte too far on. part says that the field
// drops bits, and so may leave the checksum out.
func (c *compiler) constant(f *Format, offset, size int, part bool, bad func(key, rule string, args ...any)) {
	from := inside(offset, f.most)
	if offset >= 0 && from+size <= len(f.start) {
		bad("offset", "must be behind start, whose bytes are the same in every frame")
	}
	sum := inside(f.at, f.most)
	if f.frame == fixed && f.sum.of != nil && !part && from < sum+f.sum.size && sum < from+size {
		bad("offset", "must leave out the checksum, which stands at %d", sum)
	}
}

// textual checks what says where a text's value stands.
func (c *compiler) textual(f *Format, d Field, bad func(key, rule string, args ...any)) {
	if d.Offset != 0 || d.Type != "" || d.Shift != 0 || d.Bits != 0 || d.None != nil {
		bad("offset", "and type, shift, bits and none are for fixed and length frames")
	}
	switch {
	case f.frame == line && (d.Column < 1 || d.Column > 256 || d.Label != ""):
		bad("column", "must be the number of the value's column, the first is 1")
	case f.frame != line && (d.Label == "" || d.Column != 0 || len(d.Label) > 64 || strings.ContainsAny(d.Label, "\r\n\t(")):
		bad("label", `must be what the value's line begins with, such as "V" or "1-0:1.8.1"`)
	}
	if len(d.Unit) > 16 {
		bad("unit", "must be up to 16 characters")
	}
}

// numberType compiles the name of a type.
func numberType(name string, r *fields.Row) error {
	kinds := map[string]fields.Type{"u": fields.Unsigned, "i": fields.Signed, "m": fields.Magnitude, "bcd": fields.BCD, "f": fields.Float}
	digits := strings.TrimLeft(name, "abcdefghijklmnopqrstuvwxyz")
	kind, known := kinds[name[:len(name)-len(digits)]]
	order := strings.TrimLeft(digits, "0123456789")
	width, err := strconv.Atoi(digits[:len(digits)-len(order)])
	known = known && err == nil && width%8 == 0 && width >= 8 && width <= 64 && (kind != fields.Float || width == 32 || width == 64)
	if known && width == 8 {
		known = order == ""
	} else if known {
		known = order == "be" || order == "le"
	}
	if !known {
		return errType
	}
	r.Type, r.Size, r.Little = kind, width/8, order == "le"
	return nil
}

type typeError struct{}

func (typeError) Error() string {
	return "must be u (unsigned), i (signed), m (sign and magnitude), bcd or f (floating point), the bits 8 to 64, and be (high byte first) or le: such as u8, i16be, f32le"
}

var errType typeError

// scale compiles what a number means. All of it is kept as whole numbers of one last
// decimal place, so that a tenth stays one.
func (c *compiler) scale(r *fields.Row, d Field, bad func(key, rule string, args ...any)) {
	mul, places := int64(1), 0
	if d.Scale != nil {
		var ok bool
		if mul, places, ok = decimal(*d.Scale); !ok || mul == 0 {
			bad("scale", "must be a number other than 0 with up to 9 decimals")
			return
		}
	}
	add, addPlaces, ok := decimal(d.Add)
	if !ok {
		bad("add", "must be a number with up to 9 decimals")
		return
	}
	for ; places < addPlaces; places++ {
		mul *= 10
	}
	for ; addPlaces < places; addPlaces++ {
		add *= 10
	}
	r.Mul, r.Add, r.Decimals = mul, add, places
	if d.Min == nil && d.Max == nil {
		return
	}
	r.Min, r.Max = math.MinInt64, math.MaxInt64
	if d.Min != nil {
		r.Min = steps(*d.Min, places, math.Ceil)
	}
	if d.Max != nil {
		r.Max = steps(*d.Max, places, math.Floor)
	}
	if r.Min > r.Max || r.Min == 0 && r.Max == 0 {
		bad("min", "must be below max")
		r.Min, r.Max = 0, 0
	}
}

// steps is a limit in steps of the last decimal. What a float64 cannot hold of a
// decimal number is less than a millionth of a step.
func steps(v float64, places int, round func(float64) float64) int64 {
	f := v * math.Pow10(places)
	if near := math.Round(f); math.Abs(f-near) < 1e-6 {
		f = near
	}
	return int64(max(min(round(f), 1<<62), -1<<62))
}

// decimal takes a number of the configuration as it was written: the shortest decimal
// that means the same float64. 9 places and 9 digits before them leave room to scale.
func decimal(v float64) (mantissa int64, places int, ok bool) {
	text := strconv.FormatFloat(v, 'f', -1, 64)
	whole, fraction, _ := strings.Cut(text, ".")
	mantissa, err := strconv.ParseInt(whole+fraction, 10, 64)
	return mantissa, len(fraction), err == nil && len(fraction) <= 9 && math.Abs(v) < 1e9
}
