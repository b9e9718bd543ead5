package adv

import "portti/device/fields"

// Value is a number as the tag sent it, in the unit that goes with its name.
type Value = fields.Value

// maxValues is how many values one advertisement may have: more than fit 255
// bytes in any format here but BTHome, whose shortest objects have two bytes.
const maxValues = 48

// Measured is one value of a Reading.
type Measured struct {
	Name string
	// Number tells values of one name apart, from 1; 0 where there is only one.
	Number int
	Value
}

// State says whether it is the state of something, as that of a door, whose change
// a tag may say only once.
func (m *Measured) State() bool {
	switch m.Name {
	case "state", "powerOn", "opening", "batteryLow", "charging", "carbonMonoxide", "cold", "connectivity", "door",
		"garageDoor", "gasDetected", "heat", "light", "unlocked", "wet", "motion", "moving", "occupancy", "plug", "presence",
		"problem", "running", "safety", "smoke", "sound", "tamper", "vibration", "window":
		return true
	}
	return m.Press()
}

// Press says whether it is what somebody did, as pressing a button.
func (m *Measured) Press() bool {
	return m.Name == "button" || m.Name == "command" || m.Name == "dimmer"
}

// Reading is what one advertisement says.
type Reading struct {
	Family string // that it was decoded as; "" = none
	// Sequence is the number of the measurement, where the tag counts: the same
	// number is the same measurement.
	Sequence Value
	// Address is the tag's as it states it itself, where it does.
	Address    [6]byte
	HasAddress bool
	// Beacon says that it says who the sender is, and nothing measured.
	Beacon bool
	// Outside is how many values were left out because nothing can measure them,
	// Damaged whether something at the end is missing.
	Outside int
	Damaged bool

	in       input // what is being decoded, here so that it is not allocated
	n        int
	values   [maxValues]Measured
	textName string
	text     [64]byte
	textLen  int
}

// Values are valid until the next Decode.
func (r *Reading) Values() []Measured { return r.values[:r.n] }

// Text is a beacon's identity: its UUID, namespace or URL, under that name.
func (r *Reading) Text() (name string, text []byte) { return r.textName, r.text[:r.textLen] }

// Value gives the first value of a name.
func (r *Reading) Value(name string) Value {
	for i := range r.n {
		if r.values[i].Name == name {
			return r.values[i].Value
		}
	}
	return Value{}
}

func (r *Reading) reset() {
	r.Family, r.Sequence, r.Address, r.HasAddress, r.Beacon = "", Value{}, [6]byte{}, false, false
	r.Outside, r.Damaged, r.n, r.textName, r.textLen = 0, false, 0, "", 0
}

// add takes a value that is known.
func (r *Reading) add(name string, number int, v Value) {
	if v.Known && r.n < maxValues {
		r.values[r.n] = Measured{name, number, v}
		r.n++
	}
}

// next is the number of a value whose name may come several times.
func (r *Reading) next(name string) int {
	n := 1
	for i := range r.n {
		if r.values[i].Name == name {
			n++
		}
	}
	return n
}

// read adds what rows find.
func (r *Reading) read(rows []row, b []byte) {
	for i := range rows {
		v, state := rows[i].Read(b)
		if state == fields.Outside {
			r.Outside++
		}
		r.add(rows[i].Name, 0, v)
	}
}

// state takes the address that the tag states of itself.
func (r *Reading) state(mac [6]byte) { r.Address, r.HasAddress = mac, true }

// forward and backward read an address whose first byte is the one written
// first, or last.
func forward(b []byte) (mac [6]byte) {
	copy(mac[:], b)
	return mac
}

func backward(b []byte) (mac [6]byte) {
	for i := range mac {
		mac[i] = b[5-i]
	}
	return mac
}

func whole(v int64) Value                 { return Value{Mantissa: v, Known: true} }
func decimal(v int64, decimals int) Value { return Value{Mantissa: v, Decimals: decimals, Known: true} }

// row is a row of a family's table.
type row struct{ fields.Row }

// be and le are whole numbers without sign, highest or lowest byte first. What
// else is to be said of them follows.
func be(name string, at, size int) row {
	return row{fields.Row{Name: name, Offset: at, Size: size}}
}

func le(name string, at, size int) row { return be(name, at, size).little() }

func (r row) little() row           { r.Little = true; return r }
func (r row) signed() row           { r.Type = fields.Signed; return r }
func (r row) magnitude() row        { r.Type = fields.Magnitude; return r }
func (r row) float() row            { r.Type = fields.Float; return r }
func (r row) dec(decimals int) row  { r.Decimals = decimals; return r }
func (r row) times(mul int64) row   { r.Mul = mul; return r }
func (r row) plus(add int64) row    { r.Add = add; return r }
func (r row) absent(na uint64) row  { r.NA, r.HasNA = na, true; return r }
func (r row) bits(shift, n int) row { r.Shift, r.Bits = shift, n; return r }
func (r row) div(d, mod uint64) row { r.Div, r.Mod = d, mod; return r }
func (r row) within(a, b int64) row { r.Min, r.Max = a, b; return r }
