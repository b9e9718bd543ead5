package device

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"portti/device/fields"
	"portti/device/modbus"
)

const (
	// modbusMisses is how often in a row a unit may give no answer before it counts
	// as silent: lines with long cables lose one now and then.
	modbusMisses = 3
	// modbusBackoff is how seldom a silent unit is asked at least.
	modbusBackoff = 5 * time.Minute
)

// modbusUnit is one meter or sensor on the line.
type modbusUnit struct {
	name    string
	address byte
	tuid    string
	every   time.Duration
	points  []modbusPoint
	reads   []modbus.Read

	due        time.Time
	missed     int // polls in a row
	ex         modbus.Exception
	failed     bool   // this poll was not answered
	answers    bool   // the last one was
	garbled    bool   // because the answer was spoiled
	timeouts   uint64 // since the opening
	spoiled    uint64
	exceptions uint64
	told       string // how it is, by the detail
}

// begin forgets the poll before.
func (u *modbusUnit) begin() {
	u.failed, u.ex = false, 0
	for i := range u.points {
		u.points[i].value.Known = false
	}
}

// missing notes that there was no answer, or a spoiled one.
func (u *modbusUnit) missing(res modbus.Result) {
	u.failed, u.garbled = true, res == modbus.Bad
	if u.garbled {
		u.spoiled++
	} else {
		u.timeouts++
	}
}

// refused notes an exception to the i-th read. true: it was taken apart, and its parts
// stand in its place.
func (u *modbusUnit) refused(i int, ex modbus.Exception) bool {
	r := u.reads[i]
	u.exceptions++
	if len(r.Holds) > 1 && (ex == modbus.IllegalAddress || ex == modbus.IllegalValue) {
		parts := make([]modbus.Read, 0, len(r.Holds))
		for _, k := range r.Holds {
			parts = append(parts, modbus.Read{Span: u.points[k].span, Holds: []int{k}})
		}
		u.reads = slices.Replace(u.reads, i, i+1, parts...)
		return true
	}
	u.ex = ex
	return false
}

// next says when the unit is asked again. Nothing in an answer says which question it
// belongs to, so after a time-out a late one has as long again to come and be thrown away:
// else it would be taken for the next, and from there on each for the one after it.
func (u *modbusUnit) next(now time.Time, timeout time.Duration) {
	earliest := now
	if u.answers = !u.failed; u.answers {
		u.missed = 0
	} else {
		u.missed++
		earliest = now.Add(timeout)
	}
	u.due = u.due.Add(u.pause())
	if u.due.Before(earliest) {
		u.due = earliest
	}
}

// pause is how long it is not asked: from the modbusMisses-th miss on twice as long
// each time.
func (u *modbusUnit) pause() time.Duration {
	longest := max(u.every, modbusBackoff)
	pause := u.every
	for i := modbusMisses; i <= u.missed && pause < longest; i++ {
		pause = min(2*pause, longest)
	}
	return pause
}

func (u *modbusUnit) isSilent() bool { return u.missed >= modbusMisses }

// take reads the values of an answer and says what its frame counts as.
func (u *modbusUnit) take(r *modbus.Read, data []byte) Result {
	result := OK
	for _, k := range r.Holds {
		if !u.points[k].read(r, data) {
			result = Range
		}
	}
	return result
}

// read takes a value out of an answer. false: it is one that cannot be.
func (p *modbusPoint) read(r *modbus.Read, data []byte) bool {
	var room [2 * modbus.Longest]byte
	value, at := room[:p.row.Size], p.span.Address-r.Address
	ok := false
	if r.Table.Bits() {
		value[len(value)-1], ok = modbus.BitAt(data, at)
	} else {
		ok = p.order.Arrange(value, data[min(2*at, len(data)):])
	}
	if !ok {
		return false // it was planned to be there
	}
	v, state := p.row.Read(value)
	switch {
	case state == fields.Absent:
		return true
	case state != fields.OK, p.bounded && !p.def.Fits(v.Float()):
		return false
	}
	for ; v.Decimals > maxDigits; v.Decimals-- {
		v.Mantissa /= 10
	}
	p.value = v
	return true
}

// The codes of problems.
const (
	codeModbusSilent    = "MOD-SILENT"
	codeModbusException = "MOD-EXCEPTION"
)

// countsEvery is how often the counts in the detail are brought up to date, which costs
// memory; what has changed otherwise is told at once.
const countsEvery = time.Minute

// tell raises and takes back problems, and writes the detail anew where something
// has changed.
func (m *modbusMaster) tell() {
	silent, refusing, counted, changed := 0, 0, uint64(0), false
	for i := range m.units {
		u := &m.units[i]
		how := "well"
		switch {
		case u.isSilent():
			how = "silent"
			silent++
		case u.ex != 0:
			how = "refusing"
			refusing++
		}
		changed = changed || u.told != how
		u.told = how
		counted += u.timeouts + u.spoiled + u.exceptions
	}
	now := m.env.now()
	if !changed && (counted == m.counted || now.Sub(m.countedAt) < countsEvery) {
		return
	}
	m.counted, m.countedAt = counted, now
	raise(m.out, codeModbusSilent, silent > 0)
	raise(m.out, codeModbusException, refusing > 0)
	m.out.Detail(m.detail(len(m.units) - silent))
}

// detail tells of the units for which there is something to tell, those in trouble first.
func (m *modbusMaster) detail(answer int) string {
	var trouble, past []string
	for i := range m.units {
		u := &m.units[i]
		switch counts := u.counts(); {
		case u.isSilent() && u.garbled:
			trouble = append(trouble, fmt.Sprintf("the answers of %s come spoiled%s, asked every %v", u.name, counts, u.pause()))
		case u.isSilent():
			trouble = append(trouble, fmt.Sprintf("%s does not answer%s, asked every %v", u.name, counts, u.pause()))
		case u.ex != 0:
			trouble = append(trouble, fmt.Sprintf("%s: %v%s", u.name, u.ex, counts))
		case counts != "":
			past = append(past, u.name+counts)
		}
	}
	text := fmt.Sprintf("%d of %d units answer", answer, len(m.units))
	if len(trouble) > 0 {
		text = few(trouble, "; ") + "; " + text
	}
	if len(past) > 0 {
		text += "; before: " + few(past, ", ")
	}
	return text
}

// counts are a unit's time-outs, spoiled answers and exceptions.
func (u *modbusUnit) counts() string {
	var parts []string
	for _, c := range []struct {
		n    uint64
		what string
	}{{u.timeouts, "time-out"}, {u.spoiled, "wrong checksum"}, {u.exceptions, "exception"}} {
		switch c.n {
		case 0:
		case 1:
			parts = append(parts, "1 "+c.what)
		default:
			parts = append(parts, fmt.Sprintf("%d %ss", c.n, c.what))
		}
	}
	if parts == nil {
		return ""
	}
	return " (" + strings.Join(parts, ", ") + ")"
}
