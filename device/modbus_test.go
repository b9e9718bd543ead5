package device

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"portti/device/modbus"
)

// rtuLine is an RS-485 line with units on it. Its time is its own.
type rtuLine struct {
	units map[byte]*rtuUnit
	noise []byte // before each answer
	end   time.Duration

	now, until time.Time
	came       []rtuBytes
	asked      []rtuAsked
}

// rtuUnit has 16 bits in every register: of its number, unless set. Its answer may be
// changed on its way.
type rtuUnit struct {
	words   map[int]uint16
	late    time.Duration
	refuses func(modbus.Request) modbus.Exception
	spoil   func(answer []byte) []byte
	gone    bool
}

type rtuBytes struct {
	at time.Time
	b  []byte
}

type rtuAsked struct {
	at time.Duration
	modbus.Request
}

var errLineEnds = errors.New("the line ends")

func newRTULine(end time.Duration) *rtuLine {
	return &rtuLine{units: map[byte]*rtuUnit{}, now: time.Unix(0, 0), end: end}
}

func sealedRTU(b []byte) []byte { return binary.LittleEndian.AppendUint16(b, modbus.CRC(b)) }

func (l *rtuLine) Write(b []byte) (int, error) {
	if !modbus.Sound(b) || len(b) != modbus.RequestSize {
		return 0, fmt.Errorf("no request: % x", b)
	}
	r := modbus.Request{Unit: b[0], Table: modbus.Table(b[1]), Address: binary.BigEndian.Uint16(b[2:]), Count: binary.BigEndian.Uint16(b[4:])}
	l.asked = append(l.asked, rtuAsked{l.now.Sub(time.Unix(0, 0)), r})
	u := l.units[r.Unit]
	if u == nil || u.gone {
		return len(b), nil
	}
	answer := u.answer(r)
	if u.spoil != nil {
		answer = u.spoil(answer)
	}
	l.came = append(l.came, rtuBytes{l.now.Add(u.late + 20*time.Millisecond), append(bytes.Clone(l.noise), answer...)})
	return len(b), nil
}

func (u *rtuUnit) answer(r modbus.Request) []byte {
	if u.refuses != nil {
		if ex := u.refuses(r); ex != 0 {
			return sealedRTU([]byte{r.Unit, byte(r.Table) | 0x80, byte(ex)})
		}
	}
	out := []byte{r.Unit, byte(r.Table), byte(r.AnswerSize() - 5)}
	if r.Table.Bits() {
		out = append(out, make([]byte, out[2])...)
		for i := range int(r.Count) {
			at := int(r.Address) + i
			out[3+i/8] |= byte(u.words[at/16]>>(at%16)&1) << (i % 8)
		}
		return sealedRTU(out)
	}
	for i := range int(r.Count) {
		out = binary.BigEndian.AppendUint16(out, u.words[int(r.Address)+i])
	}
	return sealedRTU(out)
}

func (l *rtuLine) Read(b []byte) (int, error) {
	if len(l.came) > 0 && (l.until.IsZero() || l.came[0].at.Before(l.until)) {
		first := &l.came[0]
		if first.at.After(l.now) {
			l.now = first.at
		}
		n := copy(b, first.b)
		if first.b = first.b[n:]; len(first.b) == 0 {
			l.came = l.came[1:]
		}
		return n, nil
	}
	if l.until.IsZero() || l.until.Sub(time.Unix(0, 0)) > l.end {
		return 0, errLineEnds
	}
	if l.until.After(l.now) {
		l.now = l.until
	}
	return 0, os.ErrDeadlineExceeded
}

func (l *rtuLine) SetReadDeadline(t time.Time) error { l.until = t; return nil }

// flagged is a collect that keeps the problems too.
type flagged struct {
	collect
	on map[string]bool
}

func (f *flagged) Flag(code string, on bool) { f.on[code] = on }

func (f *flagged) problems() string {
	var all []string
	for _, code := range slices.Sorted(maps.Keys(f.on)) {
		if f.on[code] {
			all = append(all, code)
		}
	}
	return strings.Join(all, " ")
}

// runModbus reads a line to its end.
func runModbus(t *testing.T, l *rtuLine, o ModbusOptions) *flagged {
	t.Helper()
	d, err := newModbus(Config{ID: tuid, Baud: 9600, Options: &o}, Env{Now: func() time.Time { return l.now }})
	if err != nil {
		t.Fatal(err)
	}
	out := &flagged{on: map[string]bool{}}
	if err := d.Run(l, out); !errors.Is(err, errLineEnds) {
		t.Fatal(err)
	}
	return out
}

// meterWords are the registers of an Eastron meter, by address.
func meterWords(values map[int]float32) map[int]uint16 {
	words := map[int]uint16{}
	for at, v := range values {
		bits := math.Float32bits(v)
		words[at], words[at+1] = uint16(bits>>16), uint16(bits)
	}
	return words
}

func meter() *rtuUnit {
	return &rtuUnit{words: meterWords(map[int]float32{0: 230.2, 6: 1.25, 12: -287.5, 18: 287.5, 24: 0, 30: -1, 70: 49.98, 72: 1234.567, 74: 0.01})}
}

// fieldsIn is what the messages say.
func fieldsIn(out *flagged) (all []string) {
	for _, m := range out.messages {
		_, rest, _ := strings.Cut(m, `"tsmTuid":`)
		all = append(all, rest)
	}
	return all
}

func TestModbusMeter(t *testing.T) {
	l := newRTULine(25 * time.Second)
	l.units[1] = meter()
	out := runModbus(t, l, ModbusOptions{Units: map[string]ModbusUnit{"main": {Address: 1, Map: "sdm120"}}})
	if len(out.messages) != 3 || out.frames[OK] != 6 || out.bad() != 0 {
		t.Fatalf("every 10 s for 25 s: %d messages, frames %v", len(out.messages), out.frames)
	}
	eq(t, "message", fieldsIn(out)[0], `"`+tuid+`","voltage":230.2,"current":1.25,"power":-287.5,"apparentPower":287.5,"reactivePower":0,"powerFactor":-1,"frequency":49.98,"energyImport":1234.567,"energyExport":0.01}`)
	eq(t, "detail", out.detail, "1 of 1 units answer")
	eq(t, "problems", out.problems(), "")
	if len(l.asked) != 6 || l.asked[0].Count != 32 || l.asked[1].Address != 70 || l.asked[1].Count != 6 {
		t.Errorf("asked %+v", l.asked)
	}
	if gap := l.asked[1].at - l.asked[0].at; gap < 20*time.Millisecond+4*time.Millisecond {
		t.Errorf("%v between two requests: 3.5 characters at 9600 baud are 4 ms, after an answer of 20 ms", gap)
	}
}

// TestModbusUnits: two units and registers of one's own, whose values become messages
// by their fields.
func TestModbusUnits(t *testing.T) {
	l := newRTULine(5 * time.Second)
	l.units[1] = meter()
	l.units[2] = &rtuUnit{words: map[int]uint16{100: 0xFF9C, 101: 480, 200: 0x5678, 201: 0x1234, 300: 0b1000, 7: 0x1234, 0: 0b10}}
	tenth, none := 0.1, int64(480)
	regs := map[string]ModbusRegister{
		"temp":    {Address: 100, Type: "i16", Scale: &tenth},
		"humd":    {Address: 101, Scale: &tenth, Absent: &none},
		"counter": {Address: 200, Type: "u32", WordOrder: "little", Offset: 1},
		"alarm":   {Address: 300, Type: "bit", Bit: 3},
		"number":  {Address: 7, Type: "bcd16", Table: "input"},
		"door":    {Table: "discrete", Address: 1, Field: "state"},
	}
	out := runModbus(t, l, ModbusOptions{Registers: regs, Units: map[string]ModbusUnit{
		"main": {Address: 1, Map: "sdm120", ID: "XXXX03MTR00000001"}, "room": {Address: 2, ID: "XXXX03MTR00000002"}}})
	eq(t, "messages", strings.Join(fieldsIn(out)[1:], "\n"),
		`"XXXX03MTR00000002","temp":-10}`+"\n"+`"XXXX03MTR00000002","alarm":1,"counter":305419897,"state":1,"number":1234}`)
	if out.bad() != 0 {
		t.Errorf("frames %v", out.frames)
	}
}

// TestModbusOutOfRange: such a value is not sent, and its frame counts; "not a number"
// says that there is none.
func TestModbusOutOfRange(t *testing.T) {
	l := newRTULine(5 * time.Second)
	l.units[1] = &rtuUnit{words: map[int]uint16{0: 1010, 1: 215, 10: 0x7FC0, 11: 0}}
	tenth := 0.1
	out := runModbus(t, l, ModbusOptions{Units: map[string]ModbusUnit{"room": {Address: 1}}, Registers: map[string]ModbusRegister{
		"humd": {Address: 0, Scale: &tenth}, "temp": {Address: 1, Scale: &tenth}, "x": {Address: 10, Type: "f32"}}})
	eq(t, "messages", strings.Join(fieldsIn(out), "\n"), `"`+tuid+`","temp":21.5}`)
	if out.frames[Range] != 1 {
		t.Errorf("frames %v", out.frames)
	}
}

// TestModbusSilentUnit: a unit that does not answer costs the others little, is named,
// and is welcome again.
func TestModbusSilentUnit(t *testing.T) {
	l := newRTULine(10 * time.Minute)
	l.units[1], l.units[2] = meter(), meter()
	l.units[2].gone = true
	o := ModbusOptions{Units: map[string]ModbusUnit{
		"a": {Address: 1, Map: "sdm120", ID: "A", Every: "1s"}, "boiler": {Address: 2, Map: "sdm120", ID: "B", Every: "1s"}}}
	out := runModbus(t, l, o)
	vain := 0
	for _, r := range l.asked {
		if r.Unit == 2 {
			vain++
		}
	}
	if vain < 8 || vain > 14 {
		t.Errorf("asked %d times in vain in ten minutes", vain)
	}
	if n := len(out.messages); n < 590-2*vain || n > 601 {
		t.Errorf("the other unit, every second for ten minutes: %d messages", n)
	}
	eq(t, "detail", out.detail, fmt.Sprintf("boiler does not answer (%d time-outs), asked every 5m0s; 1 of 2 units answer", vain))
	eq(t, "problems", out.problems(), "MOD-SILENT")

	l = newRTULine(10 * time.Minute)
	l.units[1], l.units[2] = meter(), meter()
	l.units[2].refuses = func(modbus.Request) modbus.Exception {
		l.units[2].gone = len(l.asked) > 10 && len(l.asked) < 100
		return 0
	}
	out = runModbus(t, l, ModbusOptions{Units: map[string]ModbusUnit{"boiler": {Address: 2, Map: "sdm120", Every: "1s"}, "gone": {Address: 3, Map: "sdm120", ID: "C"}}, Timeout: "50ms"}.withIDs())
	if out.problems() != "MOD-SILENT" {
		t.Errorf("problems %q", out.problems())
	}
}

// TestModbusManySilentUnits: thirty that do not answer keep one that does waiting for one
// time-out at most.
func TestModbusManySilentUnits(t *testing.T) {
	l := newRTULine(time.Hour)
	o := ModbusOptions{Units: map[string]ModbusUnit{"z": {Address: 100, Map: "sdm120"}}}
	l.units[100] = meter()
	for i := range 30 {
		o.Units[fmt.Sprintf("gone%02d", i)] = ModbusUnit{Address: i + 1, Map: "sdm120"}
	}
	out := runModbus(t, l, o.withIDs())
	var last, longest time.Duration
	for _, r := range l.asked {
		if r.Unit == 100 {
			if last > 0 {
				longest = max(longest, r.at-last)
			}
			last = r.at
		}
	}
	// The first round asks each once before it is known who answers.
	if n := len(out.messages); longest > 12*time.Second || n < 350 {
		t.Errorf("%d messages in an hour, up to %v between two, want one every 10 s", n, longest)
	}
	eq(t, "problems", out.problems(), "MOD-SILENT")
	if !strings.HasPrefix(out.detail, "gone00 does not answer (") || !strings.HasSuffix(out.detail, " and 27 more; 1 of 31 units answer") {
		t.Errorf("detail %q", out.detail)
	}
}

// TestModbusSpoiledAnswers: a unit of which each answer comes with a wrong checksum does
// answer, and that is what is said.
func TestModbusSpoiledAnswers(t *testing.T) {
	l := newRTULine(25 * time.Second)
	l.units[1] = meter()
	l.units[1].spoil = func(b []byte) []byte { b[5]++; return b }
	out := runModbus(t, l, ModbusOptions{Units: map[string]ModbusUnit{"main": {Address: 1, Map: "sdm120"}}})
	eq(t, "detail", out.detail, "the answers of main come spoiled (3 wrong checksums), asked every 20s; 0 of 1 units answer")
	eq(t, "problems", out.problems(), "MOD-SILENT")
}

// TestModbusLateAnswers: an answer that comes after its time-out is never taken for that
// to a later question.
func TestModbusLateAnswers(t *testing.T) {
	for _, late := range []time.Duration{500 * time.Millisecond, 1050 * time.Millisecond, 1100 * time.Millisecond, 1900 * time.Millisecond} {
		l, alone := newRTULine(time.Minute), -1
		l.units[1] = meter()
		l.units[1].late = late
		out := runModbus(t, l, ModbusOptions{Units: map[string]ModbusUnit{"main": {Address: 1, Map: "sdm120", Every: "100ms", Gap: &alone}}})
		for _, m := range fieldsIn(out) {
			if m != `"`+tuid+`","voltage":230.2,"current":1.25,"power":-287.5,"apparentPower":287.5,"reactivePower":0,"powerFactor":-1,"frequency":49.98,"energyImport":1234.567,"energyExport":0.01}` {
				t.Fatalf("answers take %v: %s", late, m)
			}
		}
		if late < time.Second && len(out.messages) == 0 {
			t.Errorf("answers take %v: no messages", late)
		}
	}
}

// withIDs gives each unit a name.
func (o ModbusOptions) withIDs() ModbusOptions {
	for name, u := range o.Units {
		u.ID = "U" + name
		o.Units[name] = u
	}
	return o
}

// TestModbusComesBack: a unit that was silent counts as well with its first answer, and
// is asked as often as before.
func TestModbusComesBack(t *testing.T) {
	l := newRTULine(time.Hour)
	l.units[1] = meter()
	l.units[1].spoil = func(answer []byte) []byte {
		if at := l.now.Sub(time.Unix(0, 0)); at > time.Minute && at < 20*time.Minute {
			return nil
		}
		return answer
	}
	out := runModbus(t, l, ModbusOptions{Units: map[string]ModbusUnit{"main": {Address: 1, Map: "sdm120"}}})
	eq(t, "problems", out.problems(), "")
	last := l.asked[len(l.asked)-4:]
	if every := last[2].at - last[0].at; every < 9*time.Second || every > 11*time.Second {
		t.Errorf("asked every %v in the end", every)
	}
	if !strings.HasPrefix(out.detail, "1 of 1 units answer; before: main (") {
		t.Errorf("detail %q", out.detail)
	}
}

// TestModbusTakesApart: what a unit refuses to give joined is asked for value by value,
// and only what it still refuses is a problem.
func TestModbusTakesApart(t *testing.T) {
	l := newRTULine(25 * time.Second)
	l.units[1] = meter()
	l.units[1].refuses = func(r modbus.Request) modbus.Exception {
		if r.Count > 2 || r.Address == 30 {
			return modbus.IllegalAddress
		}
		return 0
	}
	out := runModbus(t, l, ModbusOptions{Units: map[string]ModbusUnit{"main": {Address: 1, Map: "sdm120"}}})
	eq(t, "message", fieldsIn(out)[2], `"`+tuid+`","voltage":230.2,"current":1.25,"power":-287.5,"apparentPower":287.5,"reactivePower":0,"frequency":49.98,"energyImport":1234.567,"energyExport":0.01}`)
	eq(t, "detail", out.detail, "main: exception 2, illegal data address (3 exceptions); 1 of 1 units answer")
	eq(t, "problems", out.problems(), "MOD-EXCEPTION")
	if out.bad() != 0 {
		t.Errorf("frames %v", out.frames)
	}
}

// TestModbusLine: what may be on a line beside the right answer.
func TestModbusLine(t *testing.T) {
	right := 3
	for name, row := range map[string]struct {
		change   func(l *rtuLine, u *rtuUnit)
		messages int
		frames   [Results]int
	}{
		"noise before each answer": {func(l *rtuLine, _ *rtuUnit) { l.noise = []byte{0, 0xff, 1} }, right, [Results]int{OK: 6}},
		"another unit's frame before": {func(l *rtuLine, _ *rtuUnit) { l.noise = sealedRTU([]byte{9, 4, 2, 1, 2}) },
			right, [Results]int{OK: 6}},
		"another unit answers": {func(_ *rtuLine, u *rtuUnit) {
			u.spoil = func([]byte) []byte { return sealedRTU([]byte{9, 4, 2, 1, 2}) }
		}, 0, [Results]int{Unknown: 3}},
		"a wrong checksum": {func(_ *rtuLine, u *rtuUnit) {
			u.spoil = func(b []byte) []byte { b[5]++; return b }
		}, 0, [Results]int{Checksum: 3}},
		"half an answer": {func(_ *rtuLine, u *rtuUnit) {
			u.spoil = func(b []byte) []byte { return b[:9] }
		}, 0, [Results]int{Malformed: 3}},
		"an answer after its time-out": {func(_ *rtuLine, u *rtuUnit) { u.late = 3 * time.Second }, 0, [Results]int{Unknown: 3}},
	} {
		t.Run(name, func(t *testing.T) {
			l := newRTULine(25 * time.Second)
			l.units[1] = meter()
			row.change(l, l.units[1])
			out := runModbus(t, l, ModbusOptions{Units: map[string]ModbusUnit{"main": {Address: 1, Map: "sdm120"}}})
			if len(out.messages) != row.messages || out.frames != row.frames {
				t.Errorf("%d messages, frames %v; want %d, %v", len(out.messages), out.frames, row.messages, row.frames)
			}
		})
	}
}

// TestModbusMaps: every map can be planned, has each register once, and no field that
// docs/modbus.md does not list.
func TestModbusMaps(t *testing.T) {
	page, err := os.ReadFile("../docs/modbus.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range modbusMaps() {
		p := modbusPlan{o: ModbusOptions{Units: map[string]ModbusUnit{"m": {Address: 1, Map: m.name}}}}
		units, err := p.units(tuid)
		if err != nil {
			t.Errorf("%s: %v", m.name, err)
			continue
		}
		t.Logf("%s: %d values in %d requests", m.name, len(units[0].points), len(units[0].reads))
		for _, x := range units[0].points {
			if !bytes.Contains(page, []byte("`"+x.row.Name+"`")) && !bytes.Contains(page, []byte("`"+strings.TrimRight(x.row.Name, "123")+"1`")) {
				t.Errorf("%s: docs/modbus.md does not list %s", m.name, x.row.Name)
			}
		}
		if !bytes.Contains(page, []byte("`"+m.name+"`")) {
			t.Errorf("docs/modbus.md does not list %s", m.name)
		}
	}
}

// TestModbusMapValues: one value of each kind that the maps have.
func TestModbusMapValues(t *testing.T) {
	for _, row := range []struct {
		name, field string
		words       map[int]uint16
		want        string
	}{
		{"b23", "energyImport", map[int]uint16{0x5003: 12345}, "123.45"},
		{"b23", "voltageL1", map[int]uint16{0x5B01: 2302}, "230.2"},
		{"b23", "voltageL1", map[int]uint16{0x5B00: 0xFFFF, 0x5B01: 0xFFFF}, ""},
		{"b23", "power", map[int]uint16{0x5B14: 0xFFFF, 0x5B15: 0xFF9C}, "-1"},
		{"b23", "power", map[int]uint16{0x5B14: 0x7FFF, 0x5B15: 0xFFFF}, ""},
		{"b23", "powerFactor", map[int]uint16{0x5B3A: 998}, "0.998"},
		{"iem3155", "voltageL1", map[int]uint16{3027: 0x4366, 3028: 0x3333}, "230.2"},
		{"iem3155", "power", map[int]uint16{3059: 0x3F9D, 3060: 0xF3B6}, "1234"},
		{"iem3155", "energyImport", map[int]uint16{3205: 1, 3206: 0}, "65.536"},
		{"iem3155", "energyImport", map[int]uint16{3203: 0x8000}, ""},
		{"sdm630", "power", map[int]uint16{52: 0x449A, 53: 0x5000}, "1234.5"},
	} {
		l := newRTULine(time.Second)
		l.units[1] = &rtuUnit{words: row.words}
		out := runModbus(t, l, ModbusOptions{Units: map[string]ModbusUnit{"m": {Address: 1, Map: row.name}}})
		got := ""
		if _, rest, found := strings.Cut(out.String(), `"`+row.field+`":`); found {
			got, _, _ = strings.Cut(rest, ",")
			got = strings.TrimRight(got, "}")
		}
		if got != row.want || out.bad() != 0 {
			t.Errorf("%s %s: %q, want %q; frames %v", row.name, row.field, got, row.want, out.frames)
		}
	}
}

// TestModbusKeys: each wrong key is named.
func TestModbusKeys(t *testing.T) {
	bad, big := -2, 1e300
	unit := func(u ModbusUnit) ModbusOptions { return ModbusOptions{Units: map[string]ModbusUnit{"a": u}} }
	register := func(r ModbusRegister) ModbusOptions {
		return ModbusOptions{Units: map[string]ModbusUnit{"a": {Address: 1}}, Registers: map[string]ModbusRegister{"x": r}}
	}
	for key, o := range map[string]ModbusOptions{
		"unit":                  {},
		"timeout":               {Timeout: "1h", Units: map[string]ModbusUnit{"a": {Address: 1, Map: "sdm120"}}},
		"unit.a.address":        unit(ModbusUnit{Map: "sdm120"}),
		"unit.a.map":            unit(ModbusUnit{Address: 1}),
		"unit.a.every":          unit(ModbusUnit{Address: 1, Map: "sdm120", Every: "1ms"}),
		"unit.a.gap":            unit(ModbusUnit{Address: 1, Map: "sdm120", Gap: &bad}),
		"unit.a.id":             unit(ModbusUnit{Address: 1, Map: "sdm120", ID: "a b"}),
		"unit.b.address":        {Units: map[string]ModbusUnit{"a": {Address: 1, ID: "A", Map: "sdm120"}, "b": {Address: 1, ID: "B", Map: "sdm120"}}},
		"unit.b.id":             {Units: map[string]ModbusUnit{"a": {Address: 1, ID: "A", Map: "sdm120"}, "b": {Address: 2, ID: "A", Map: "sdm120"}}},
		"unit.a":                {Units: map[string]ModbusUnit{"a": {Address: 1}}, Registers: map[string]ModbusRegister{"x": {}, "y": {Address: 1, Field: "x"}}},
		"register.x.unit":       register(ModbusRegister{Unit: "b"}),
		"register.x.table":      register(ModbusRegister{Table: "file"}),
		"register.x.type":       register(ModbusRegister{Type: "u8"}),
		"register.x.address":    register(ModbusRegister{Type: "u32", Address: 65535}),
		"register.x.bit":        register(ModbusRegister{Bit: 3}),
		"register.x.word_order": register(ModbusRegister{WordOrder: "ABCD"}),
		"register.x.byte_order": register(ModbusRegister{ByteOrder: "ABCD"}),
		"register.x.scale":      register(ModbusRegister{Scale: new(float64)}),
		"register.x.offset":     register(ModbusRegister{Offset: big}),
		"register.x.field":      register(ModbusRegister{Field: "tsmId"}),
		"register.x.message":    register(ModbusRegister{Message: 12100}),
	} {
		_, err := newModbus(Config{ID: tuid, Options: &o}, Env{})
		var wrong *KeyError
		if !errors.As(err, &wrong) || wrong.Key != key {
			t.Errorf("%s: %v", key, err)
		}
	}
}

// TestModbusAllocations: a poll that is answered allocates nothing.
func TestModbusAllocations(t *testing.T) {
	l := newRTULine(time.Second)
	l.units[1] = meter()
	d, err := newModbus(Config{ID: tuid, Baud: 9600, Options: &ModbusOptions{Units: map[string]ModbusUnit{"m": {Address: 1, Map: "sdm120"}}}}, Env{Now: func() time.Time { return l.now }})
	if err != nil {
		t.Fatal(err)
	}
	m := d.(*modbusMaster)
	out := &nothing{}
	m.out, m.port = out, &sameAnswers{}
	u := &m.units[0]
	if n := testing.AllocsPerRun(100, func() {
		if err := m.poll(u); err != nil {
			t.Fatal(err)
		}
		u.next(l.now, m.timeout)
		m.tell()
	}); n != 0 || out.emitted < 100 {
		t.Errorf("%v allocations, %d messages", n, out.emitted)
	}
}

// sameAnswers answers as the meter does, from memory.
type sameAnswers struct {
	buf  [modbus.LongestAnswer]byte
	rest []byte
}

func (s *sameAnswers) Write(b []byte) (int, error) {
	n := int(binary.BigEndian.Uint16(b[4:])) * 2
	frame := append(s.buf[:0], b[0], b[1], byte(n))
	for range n {
		frame = append(frame, 0x41)
	}
	s.rest = sealedRTU(frame)
	return len(b), nil
}

func (s *sameAnswers) Read(b []byte) (int, error) {
	if len(s.rest) == 0 {
		return 0, os.ErrDeadlineExceeded
	}
	n := copy(b, s.rest)
	s.rest = s.rest[n:]
	return n, nil
}

func (s *sameAnswers) SetReadDeadline(time.Time) error { return nil }

func BenchmarkModbusPoll(b *testing.B) {
	b.ReportAllocs()
	at := time.Unix(0, 0)
	d, err := newModbus(Config{ID: tuid, Options: &ModbusOptions{Units: map[string]ModbusUnit{"m": {Address: 1, Map: "sdm120"}}}}, Env{Now: func() time.Time { return at }})
	if err != nil {
		b.Fatal(err)
	}
	m := d.(*modbusMaster)
	m.out, m.port = &nothing{}, &sameAnswers{}
	for b.Loop() {
		_ = m.poll(&m.units[0])
	}
}
