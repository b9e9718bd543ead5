package thingsee

import (
	"encoding/json"
	"fmt"
	"math"
	"sort"
	"strconv"
)

// Direction says who sends a message.
type Direction uint8

// The directions, as seen from the device.
const (
	Up Direction = iota
	Down
	Both
)

// Type is what kind of JSON value a field takes.
type Type uint8

// The types of fields. A Buffer is bytes in one of several JSON forms and is
// not looked into.
const (
	Number Type = iota
	Integer
	String
	Boolean
	Array
	Buffer
)

func (t Type) String() string {
	return [...]string{"number", "integer", "string", "boolean", "array", "buffer"}[t]
}

// Definition is a message of the catalogue.
type Definition struct {
	ID        int
	Name      string
	Direction Direction
	Fields    []Field // shared by all: read only
}

// Field is one property of a message. A Min of -math.MaxFloat64 or a Max of
// math.MaxFloat64 is no limit.
type Field struct {
	Name     string
	Type     Type
	Unit     string
	Min, Max float64
	Required bool
}

// Lookup finds a message by its tsmId. It does not allocate.
func Lookup(id int) (Definition, bool) {
	i := sort.Search(len(table), func(i int) bool { return table[i].ID >= id })
	if i == len(table) || table[i].ID != id {
		return Definition{}, false
	}
	return table[i], true
}

// Field finds a field by its name. It does not allocate.
func (d Definition) Field(name []byte) (Field, bool) {
	for i := range d.Fields {
		if d.Fields[i].Name == string(name) {
			return d.Fields[i], true
		}
	}
	return Field{}, false
}

// MessageFor chooses the message for a numeric value by its name alone:
// Generic for every name that is not the mark of one published message.
// CarbonDioxide wants a status next to its carbonDioxide: 0 when nothing else is
// known.
func MessageFor(name []byte) int {
	switch string(name) {
	case "temp", "humd", "airp", "lght":
		return WeatherInfo
	case "batl":
		return BatteryInfo
	case "carbonDioxide":
		return CarbonDioxide
	case "tvoc":
		return VolatileOrganics
	case "dist":
		return DistanceInfo
	case "hall":
		return MagnetoSwitch
	case "moveCount":
		return MovementCount
	}
	return Generic
}

// Physical gives what nature lets a value be that is known by its name alone,
// whichever message carries it.
func Physical(name string) (Field, bool) {
	id := 0
	switch name {
	case "temp", "humd", "airp", "lght":
		id = WeatherInfo
	case "batl":
		id = BatteryInfo
	case "carbonDioxide":
		id = CarbonDioxide
	case "tvoc":
		id = VolatileOrganics
	case "lat", "lon":
		id = CellularLocation
	}
	d, _ := Lookup(id)
	return d.Field([]byte(name))
}

// Fits says whether the value is one that the field may have: finite, within
// its limits and whole where it must be. Fields of other types fit no number.
func (f *Field) Fits(v float64) bool {
	switch {
	case f.Type != Number && f.Type != Integer, math.IsNaN(v), v < f.Min, v > f.Max:
		return false
	case f.Type == Integer:
		return v == math.Trunc(v)
	}
	return !math.IsInf(v, 0)
}

// FitsDigits is Fits for a number as it stands in a text. It allocates nothing
// up to 32 digits.
func (f *Field) FitsDigits(literal []byte) bool {
	if !ValidNumber(literal) {
		return false
	}
	v, err := strconv.ParseFloat(string(literal), 64)
	return err == nil && f.Fits(v)
}

// Wrong says what is wrong with a value as it stands in a message, or nothing.
// Null is how some senders write that they do not know, so it passes.
func (f *Field) Wrong(v json.RawMessage) string {
	first := v[0]
	if first == 'n' {
		return ""
	}
	ok := true
	switch f.Type {
	case Number, Integer:
		if ok = ValidNumber(v); ok && !f.FitsDigits(v) {
			return f.limits(string(v))
		}
	case String:
		ok = first == '"'
	case Boolean:
		ok = first == 't' || first == 'f'
	case Array:
		ok = first == '['
	}
	if !ok {
		return "no " + f.Type.String()
	}
	return ""
}

func (f *Field) limits(v string) string {
	whole := ""
	if f.Type == Integer {
		whole = "a whole number "
	}
	switch {
	case f.Min == -math.MaxFloat64 && f.Max == math.MaxFloat64:
		return fmt.Sprintf("%s is not %sthat can be sent", v, whole)
	case f.Max == math.MaxFloat64:
		return fmt.Sprintf("%s is not %sfrom %v on", v, whole, f.Min)
	}
	return fmt.Sprintf("%s is not %swithin %v..%v", v, whole, f.Min, f.Max)
}
