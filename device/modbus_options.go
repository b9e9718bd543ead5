package device

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"sort"
	"strings"
	"time"

	"portti/device/fields"
	"portti/device/modbus"
	"portti/device/thingsee"
)

// ModbusOptions holds the keys of type "modbus".
type ModbusOptions struct {
	Units     map[string]ModbusUnit     `toml:"unit"`
	Registers map[string]ModbusRegister `toml:"register"`
	Timeout   string                    `toml:"timeout"` // duration text: how long a unit may take to answer, "" = 1 s
}

// ModbusUnit is one [device.unit.NAME]: a meter or sensor on the line.
type ModbusUnit struct {
	Address int    `toml:"address" json:"address,omitzero"` // 1 to 247
	ID      string `toml:"id" json:"id,omitzero"`           // tsmTuid, "" = the device's own where there is one unit
	Map     string `toml:"map" json:"map,omitzero"`         // registers that portti knows, "" = those below alone
	Every   string `toml:"every" json:"every,omitzero"`     // duration text, "" = 10 s
	Gap     *int   `toml:"gap" json:"gap,omitzero"`         // registers read in vain to save a request, nil = 8
}

// ModbusRegister is one [device.register.NAME]: a value in one or several registers.
type ModbusRegister struct {
	Unit      string   `toml:"unit" json:"unit,omitzero"`             // which has it, "" = each without a map
	Table     string   `toml:"table" json:"table,omitzero"`           // holding, input, coil, discrete, "" = holding
	Address   int      `toml:"address" json:"address,omitzero"`       // counted from 0
	Type      string   `toml:"type" json:"type,omitzero"`             // u16 and so on, "" = u16, or bit in a table of bits
	WordOrder string   `toml:"word_order" json:"word_order,omitzero"` // big | little: which 16 bits are first, "" = big
	ByteOrder string   `toml:"byte_order" json:"byte_order,omitzero"` // of each register, "" = big
	Bit       int      `toml:"bit" json:"bit,omitzero"`               // of type bit in a register, 0 = the lowest
	Scale     *float64 `toml:"scale" json:"scale,omitzero"`           // nil = 1
	Offset    float64  `toml:"offset" json:"offset,omitzero"`         // added after scaling
	Absent    *int64   `toml:"absent" json:"absent,omitzero"`         // the value, before scaling, that means there is none
	Field     string   `toml:"field" json:"field,omitzero"`           // "" = NAME
	Message   int      `toml:"message" json:"message,omitzero"`       // tsmId, 0 = by the field's name, else 90200
}

// Limits and defaults.
const (
	modbusEvery        = 10 * time.Second
	modbusLongestEvery = 24 * time.Hour
	modbusTimeout      = time.Second
	modbusGap          = 8
	maxModbusRegisters = 2048
	bigEnd, littleEnd  = "big", "little"
)

// modbusPoint is one value of a unit, and where it goes.
type modbusPoint struct {
	span    modbus.Span
	order   modbus.Order
	row     fields.Row // its Name is the field
	message int
	def     thingsee.Field
	bounded bool // def says what it can be

	value fields.Value // of this poll
}

// modbusTypes are the types of values, by name.
func modbusTypes() map[string]fields.Row {
	return map[string]fields.Row{
		"u16": {Size: 2}, "u32": {Size: 4}, "u64": {Size: 8},
		"i16": {Size: 2, Type: fields.Signed}, "i32": {Size: 4, Type: fields.Signed}, "i64": {Size: 8, Type: fields.Signed},
		"f32": {Size: 4, Type: fields.Float}, "f64": {Size: 8, Type: fields.Float},
		"bcd16": {Size: 2, Type: fields.BCD}, "bcd32": {Size: 4, Type: fields.BCD},
		modbusBit: {Size: 2, Bits: 1},
	}
}

// modbusBit is the type of what a table of bits holds, and of one bit of a register.
const modbusBit = "bit"

// modbusPlan turns the options into units. Its errors name every key that is wrong.
type modbusPlan struct {
	o    ModbusOptions
	errs []error
}

func (p *modbusPlan) bad(key, rule string, args ...any) {
	p.errs = append(p.errs, keyError(key, rule, args...))
}

func (p *modbusPlan) duration(key, text string, usual, least, most time.Duration) time.Duration {
	if text == "" {
		return usual
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < least || d > most {
		p.bad(key, `must be a time such as "%v", from %v to %v`, usual, least, most)
		return usual
	}
	return d
}

// units makes the units of a configuration, sorted by name.
func (p *modbusPlan) units(id string) ([]modbusUnit, error) {
	if len(p.o.Units) == 0 {
		p.bad("unit", `must name the units on the line: [device.unit.meter] with address = 1 and map = %q`, "sdm120")
	}
	if len(p.o.Registers) > maxModbusRegisters {
		p.bad("register", "cannot have more than %d entries", maxModbusRegisters)
	}
	own := map[string][]modbusPoint{}
	for _, name := range slices.Sorted(maps.Keys(p.o.Registers)) {
		p.register(name, p.o.Registers[name], own)
	}
	var units []modbusUnit
	addresses, ids := map[int]string{}, map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(p.o.Units)) {
		u := p.unit(name, id, p.o.Units[name], own)
		if other := addresses[int(u.address)]; other != "" {
			p.bad("unit."+name+".address", "is that of %s too: each unit has its own", other)
		}
		if other := ids[u.tuid]; other != "" {
			p.bad("unit."+name+".id", "is that of %s too: each unit is a thing of its own", other)
		}
		addresses[int(u.address)], ids[u.tuid] = name, name
		units = append(units, u)
	}
	return units, errors.Join(p.errs...)
}

func (p *modbusPlan) unit(name, id string, c ModbusUnit, own map[string][]modbusPoint) modbusUnit {
	at := "unit." + name
	if checkName(name) != nil {
		p.bad(at, "must have a name of letters, digits, '.', '_' or '-'")
	}
	if c.Address < 1 || c.Address > 247 {
		p.bad(at+".address", "must be from 1 to 247, as set on the unit itself")
	}
	u := modbusUnit{name: name, address: byte(c.Address), tuid: c.ID}
	u.every = p.duration(at+".every", c.Every, modbusEvery, 100*time.Millisecond, modbusLongestEvery)
	switch {
	case c.ID != "" && !thingsee.ValidTuid([]byte(c.ID)):
		p.bad(at+".id", tuidRule)
	case c.ID == "" && (len(p.o.Units) > 1 || id == ""):
		p.bad(at+".id", "must be set: it is the tsmTuid under which the server knows this unit")
	case c.ID == "":
		u.tuid = id
	}
	all := modbusMaps()
	i := slices.IndexFunc(all, func(m modbusMap) bool { return m.name == c.Map })
	if i >= 0 {
		u.points = all[i].points()
	} else if c.Map != "" {
		p.bad(at+".map", "must be one of %s, or left out where [device.register.NAME] names the registers", strings.Join(modbusMapNames(), ", "))
	} else {
		u.points = slices.Clone(own[""])
	}
	u.points = append(u.points, own[name]...)
	if len(u.points) == 0 && c.Map == "" {
		p.bad(at+".map", "must be one of %s, or [device.register.NAME] must name registers", strings.Join(modbusMapNames(), ", "))
	}
	gap := modbusGap
	if c.Gap != nil {
		if gap = *c.Gap; gap < -1 || gap > 124 {
			p.bad(at+".gap", "must be from 0 to 124 registers, or -1: each value is asked for alone")
		}
	}
	p.finish(at, &u, gap)
	return u
}

func modbusMapNames() (names []string) {
	for _, m := range modbusMaps() {
		names = append(names, m.name)
	}
	return names
}

// finish chooses messages and plans requests.
func (p *modbusPlan) finish(at string, u *modbusUnit, gap int) {
	for i := range u.points {
		x := &u.points[i]
		if x.message == 0 {
			x.message = thingsee.MessageFor([]byte(x.row.Name))
		}
		if d, ok := thingsee.Lookup(x.message); ok {
			x.def, x.bounded = d.Field([]byte(x.row.Name))
		}
		if !x.bounded {
			x.def, x.bounded = thingsee.Physical(x.row.Name)
		}
	}
	sort.SliceStable(u.points, func(i, j int) bool { return u.points[i].message < u.points[j].message })
	names, spans := map[string]bool{}, make([]modbus.Span, len(u.points))
	perMessage := map[int]int{}
	for i, x := range u.points {
		key := fmt.Sprint(x.message, " ", x.row.Name)
		if names[key] {
			p.bad(at, "reads field %s of message %d twice: give one of the registers another field", x.row.Name, x.message)
		}
		if perMessage[x.message]++; perMessage[x.message] == thingsee.MaxFields+1 {
			p.bad(at, "has more than %d registers for message %d, which is what one message can carry", thingsee.MaxFields, x.message)
		}
		names[key], spans[i] = true, x.span
	}
	u.reads = modbus.Plan(spans, gap)
}

// register takes one register's keys, and puts it with its unit's.
func (p *modbusPlan) register(name string, c ModbusRegister, own map[string][]modbusPoint) {
	at := "register." + name
	x := modbusPoint{message: c.Message}
	p.place(at, c, &x)
	p.convert(at, c, &x)
	if x.row.Name = c.Field; c.Field == "" {
		x.row.Name = name
	}
	if !thingsee.ValidName(x.row.Name) || thingsee.Reserved(x.row.Name) {
		p.bad(at+".field", "%q cannot be the name of a field", x.row.Name)
	}
	if _, ok := p.o.Units[c.Unit]; !ok && c.Unit != "" {
		p.bad(at+".unit", "%q is none of the units: %s", c.Unit, strings.Join(slices.Sorted(maps.Keys(p.o.Units)), ", "))
	}
	if d, known := thingsee.Lookup(c.Message); known && d.Direction == thingsee.Down {
		p.bad(at+".message", "%d is %q, which only a server sends", c.Message, d.Name)
	} else if _, has := d.Field([]byte(x.row.Name)); known && len(d.Fields) > 0 && !has {
		p.bad(at+".message", "%d has no field %s", c.Message, x.row.Name)
	}
	if c.Message != 0 && (c.Message < 1000 || c.Message > 999_999) {
		p.bad(at+".message", "must be a tsmId from 1000 to 999999, or 0: by the field's name")
	}
	own[c.Unit] = append(own[c.Unit], x)
}

// place takes the keys that say where a value lies.
func (p *modbusPlan) place(at string, c ModbusRegister, x *modbusPoint) {
	x.span = modbus.Span{Table: modbus.Holding, Address: c.Address, Count: 1}
	if c.Table != "" {
		var ok bool
		if x.span.Table, ok = modbus.ParseTable(c.Table); !ok {
			p.bad(at+".table", "must be holding, input, coil or discrete")
		}
	}
	kind, bits := c.Type, x.span.Table.Bits()
	if kind == "" && bits {
		kind = modbusBit
	} else if kind == "" {
		kind = "u16"
	}
	var ok bool
	if x.row, ok = modbusTypes()[kind]; !ok || bits && kind != modbusBit {
		p.bad(at+".type", "must be one of %s; coils and discrete inputs are of type bit", strings.Join(slices.Sorted(maps.Keys(modbusTypes())), ", "))
	}
	x.span.Count = max(x.row.Size/2, 1)
	if c.Address < 0 || x.span.End() > 1<<16 {
		p.bad(at+".address", "must be from 0 to 65535: the address on the wire, so 0 for what a manual calls 30001 or 40001")
	}
	if c.Bit < 0 || c.Bit > 15 || c.Bit != 0 && (kind != modbusBit || bits) {
		p.bad(at+".bit", "must be from 0, the lowest, to 15, of a register of type bit")
	}
	x.row.Shift = c.Bit & 15
	for key, text := range map[string]string{"word_order": c.WordOrder, "byte_order": c.ByteOrder} {
		if text != "" && text != bigEnd && text != littleEnd {
			p.bad(at+"."+key, "must be big or little")
		}
	}
	x.order = modbus.Order{LowWordFirst: c.WordOrder == littleEnd, LowByteFirst: c.ByteOrder == littleEnd}
}

// convert takes the keys that say what the value means: a row counts its offset in steps
// of its last decimal.
func (p *modbusPlan) convert(at string, c ModbusRegister, x *modbusPoint) {
	scale := decimal{mantissa: 1}
	if c.Scale != nil {
		var ok bool
		if scale, ok = configured(*c.Scale); !ok || scale.mantissa == 0 {
			p.bad(at+".scale", "must be a number other than 0, with up to %d digits", maxDigits)
		}
	}
	offset, ok := configured(c.Offset)
	zero := decimal{places: max(scale.places, offset.places)}
	if ok {
		scale, ok = scale.plus(zero)
	}
	if ok {
		offset, ok = offset.plus(zero)
	}
	if !ok {
		p.bad(at+".offset", "must be a number that has up to %d digits together with the scale's decimals", maxDigits)
	}
	x.row.Mul, x.row.Add, x.row.Decimals = scale.mantissa, offset.mantissa, zero.places
	if c.Absent != nil {
		x.row.HasNA, x.row.NA = true, uint64(*c.Absent)&(1<<(8*max(x.row.Size, 1))-1)
	}
}
