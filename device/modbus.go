package device

import (
	"errors"
	"fmt"
	"os"
	"time"

	"portti/device/modbus"
	"portti/device/thingsee"
)

// modbusSilence is how long nothing of any unit may come, unless all are asked less often.
const modbusSilence = time.Minute

func modbusKind() Kind {
	return Kind{
		Name: "modbus", Baud: 9600, Silence: modbusSilence, Binary: true, Polls: true, Writes: true,
		Options:     func() any { return new(ModbusOptions) },
		NamesThings: func(c Config) bool { return modbusNamesAll(optionsOf[ModbusOptions](c)) },
		Expect:      func(c Config) time.Duration { return modbusExpect(optionsOf[ModbusOptions](c)) },
		Problems:    modbusProblems(),
		Recognise:   modbus.Recognise,
		New:         func(c Config, env Env) (Driver, error) { return newModbus(c, env) },
		Sample: `[[device]]
name = "meters{n}"
type = "modbus"                   # meters and sensors on an RS-485 line, Modbus RTU
port = "/dev/ttyUSB{port}"
baud = 9600
id = "XXXX03MTR000{serial}"         # tsmTuid of the unit, where there is only one
# parity = "even"                 # none (default) | even | odd: all units of a line have the same
# stop_bits = 2                   # 1 (default) or 2
# rs485 = true                    # the port's own driver switches the direction by RTS; USB adapters do it by themselves
# rts_level = "high"              # while it sends; rts_before and rts_after: pauses such as "1ms"
# timeout = "1s"                  # how long a unit may take to answer
[device.unit.meter]
address = 1
map = "sdm120"                    # b23 | iem3155 | sdm120 | sdm630, or registers named as below
# every = "10s"
# id = "XXXX03MTR001{serial}"       # tsmTuid; each unit is a thing of its own
# [device.unit.boiler]
# address = 2
# id = "XXXX03MTR002{serial}"
# [device.register.temp]          # a value of each unit without a map, sent as field temp
# address = 100                   # counted from 0: 40101 in a manual
# table = "holding"               # input | coil | discrete
# type = "i16"                    # u16 | u32 | i32 | u64 | i64 | f32 | f64 | bcd16 | bcd32 | bit
# word_order = "big"              # little = the register with the low 16 bits is first
# scale = 0.1
# message = 12100                 # tsmId; without this line by the field's name, else 90200
`,
	}
}

// modbusNamesAll says whether each unit has a tsmTuid of its own.
func modbusNamesAll(o ModbusOptions) bool {
	for _, u := range o.Units {
		if u.ID == "" {
			return false
		}
	}
	return len(o.Units) > 0
}

// modbusExpect is how often the unit that is asked most often is.
func modbusExpect(o ModbusOptions) time.Duration {
	least := modbusLongestEvery
	for _, u := range o.Units {
		every := modbusEvery
		if d, err := time.ParseDuration(u.Every); err == nil {
			every = d
		}
		least = min(least, every)
	}
	return least
}

// modbusMaster asks the units on an RS-485 line for their registers, one after the
// other, by Modbus RTU:
//
//	> 01 04 00 00 00 02 71 CB               unit 1: input registers 0 and 1
//	< 01 04 04 43 66 33 33 5A FA            230.2
//
// What a unit's registers say becomes one message for each tsmId, under the unit's own
// tsmTuid, when it has been asked for all. Frames and values: package modbus.
//
// A unit is asked every so often, the one that has waited longest first, so that a line
// with too much to ask gives each its turn. Between two that do not answer, one that does
// has its turn. One that has not answered modbusMisses
// times in a row is asked less and less often, since each time costs the others a
// time-out. Reads that a unit refuses as joined are taken apart for good.
type modbusMaster struct {
	env     Env
	units   []modbusUnit
	timeout time.Duration
	char    time.Duration // one character on the line
	silence time.Duration // between two frames

	port Port
	out  Out
	ask  []byte // the request
	came []byte // what has come since
	msg  thingsee.Message
	vain bool // the unit asked last did not answer

	counted   uint64 // time-outs, wrong checksums and exceptions that the detail tells of
	countedAt time.Time
}

func newModbus(c Config, env Env) (Driver, error) {
	p := &modbusPlan{o: optionsOf[ModbusOptions](c)}
	m := &modbusMaster{env: env, timeout: p.duration("timeout", p.o.Timeout, modbusTimeout, 20*time.Millisecond, 10*time.Second)}
	var err error
	if m.units, err = p.units(c.ID); err != nil {
		return nil, err
	}
	baud := c.Baud
	if baud == 0 {
		baud = 9600
	}
	// A character has 11 bits, with a parity or a second stop bit. Above 19200 baud the
	// pause between frames is fixed: serial line specification, section 2.5.1.1.
	m.char = 11 * time.Second / time.Duration(baud)
	m.silence = max(7*m.char/2, 1750*time.Microsecond)
	m.ask = make([]byte, 0, modbus.RequestSize)
	m.came = make([]byte, 0, modbusRoom)
	return m, nil
}

// modbusRoom is how much of what comes is looked at: an answer and what may lie before it.
const modbusRoom = 4 * modbus.LongestAnswer

// Run is part of Driver.
func (m *modbusMaster) Run(port Port, out Out) error {
	m.port, m.out = port, out
	now := m.env.now()
	for i := range m.units {
		m.units[i].due = now
	}
	for {
		u := m.turn(m.env.now())
		if err := m.idle(u.due); err != nil {
			return err
		}
		if err := m.poll(u); err != nil {
			return err
		}
		u.next(m.env.now(), m.timeout)
		m.vain = u.failed
		m.tell()
	}
}

// turn is the unit to ask next: the one that has waited longest. Behind one that was asked
// in vain it is one that answers, where one waits, so that those wait for one time-out at
// most, however many do not answer.
func (m *modbusMaster) turn(now time.Time) *modbusUnit {
	u, answers := &m.units[0], (*modbusUnit)(nil)
	for i := range m.units {
		v := &m.units[i]
		if v.due.Before(u.due) {
			u = v
		}
		if v.answers && !v.due.After(now) && (answers == nil || v.due.Before(answers.due)) {
			answers = v
		}
	}
	if m.vain && answers != nil {
		return answers
	}
	return u
}

// idle waits until a time, and until the line is silent: what comes meanwhile was not
// asked for, such as an answer after its time-out. A line that never falls silent is
// asked all the same, after a while.
func (m *modbusMaster) idle(until time.Time) error {
	now := m.env.now()
	last := now
	if until.After(now) {
		last = until
	}
	last = last.Add(m.timeout)
	if quiet := now.Add(m.silence); quiet.After(until) {
		until = quiet
	}
	for stray := false; ; {
		if err := m.port.SetReadDeadline(until); err != nil {
			return fmt.Errorf("cannot wait for the line: %w", err)
		}
		n, err := m.port.Read(m.came[:cap(m.came)])
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			return nil
		case err != nil:
			return fmt.Errorf("cannot read the line: %w", err)
		case n > 0 && !stray:
			stray = true
			m.out.Frame(Unknown)
		}
		if now = m.env.now(); now.After(last) {
			return nil
		}
		if quiet := now.Add(m.silence); quiet.After(until) {
			until = quiet
		}
	}
}

// poll asks one unit for all that is wanted of it and sends what it said.
func (m *modbusMaster) poll(u *modbusUnit) error {
	u.begin()
	for i, asked := 0, false; i < len(u.reads) && !u.failed; asked = true {
		if asked {
			if err := m.idle(time.Time{}); err != nil {
				return err
			}
		}
		r := &u.reads[i]
		data, ex, res, err := m.read(r.Request(u.address))
		switch {
		case err != nil:
			return err
		case res == modbus.Good:
			m.out.Frame(u.take(r, data))
			i++
		case res == modbus.Refused:
			m.out.Frame(OK)
			if !u.refused(i, ex) {
				i++
			}
		default: // it would not answer the others either, which costs the line more time
			u.missing(res)
		}
	}
	m.send(u)
	return nil
}

// read sends a request and waits for its answer: data or an exception; Bad is one with
// a wrong checksum, More is none.
func (m *modbusMaster) read(r modbus.Request) (data []byte, ex modbus.Exception, res modbus.Result, err error) {
	m.ask = r.Append(m.ask[:0])
	if _, err := m.port.Write(m.ask); err != nil {
		return nil, 0, 0, fmt.Errorf("cannot ask unit %d: %w", r.Unit, err)
	}
	onTheWire := m.char * time.Duration(modbus.RequestSize+r.AnswerSize())
	if err := m.port.SetReadDeadline(m.env.now().Add(m.timeout + onTheWire)); err != nil {
		return nil, 0, 0, fmt.Errorf("cannot wait for unit %d: %w", r.Unit, err)
	}
	m.came = m.came[:0]
	for {
		n, err := m.port.Read(m.came[len(m.came):cap(m.came)])
		m.came = m.came[:len(m.came)+n]
		data, ex, res := r.Find(m.came)
		switch {
		case res == modbus.Bad:
			m.out.Frame(Checksum)
			return nil, 0, res, nil
		case res != modbus.More:
			return data, ex, res, nil
		case errors.Is(err, os.ErrDeadlineExceeded):
			m.unasked()
			return nil, 0, res, nil
		case err != nil:
			return nil, 0, 0, fmt.Errorf("cannot read the line: %w", err)
		}
		if len(m.came) == cap(m.came) { // what is old is no answer any more
			m.came = m.came[:copy(m.came, m.came[modbusRoom/2:])]
		}
	}
}

// unasked counts what came instead of an answer.
func (m *modbusMaster) unasked() {
	switch {
	case len(m.came) == 0:
	case modbus.Sound(m.came):
		m.out.Frame(Unknown) // another unit's
	default:
		m.out.Frame(Malformed)
	}
}

// send makes messages of what a unit said. Its points are sorted by message.
func (m *modbusMaster) send(u *modbusUnit) {
	open := false
	for i := range u.points {
		p := &u.points[i]
		if !p.value.Known {
			continue
		}
		if open && m.msg.ID != p.message {
			m.emit()
			open = false
		}
		if !open {
			open = true
			m.msg.Reset(p.message, thingsee.EventTimed)
			m.msg.Tuid = u.tuid
		}
		m.msg.Decimal(p.row.Name, p.value.Mantissa, p.value.Decimals)
	}
	if open {
		m.emit()
	}
}

// emit sends the message in hand.
func (m *modbusMaster) emit() {
	if m.msg.ID == thingsee.CarbonDioxide {
		m.msg.Int("status", 0) // unless the unit has one: all is well as far as is known
	}
	m.out.Emit(&m.msg)
}
