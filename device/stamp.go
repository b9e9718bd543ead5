package device

import (
	"context"
	"errors"
	"sync"
	"time"

	"portti/device/clock"
	"portti/device/thingsee"
)

// ErrFull is what a Sink's Append returns when there is no room in memory.
// The sink has counted nothing then.
var ErrFull = errors.New("no room in memory")

// Reasons given to Sink.Lose.
const (
	LostRate   = "rate"
	LostMemory = "memory"
	LostIO     = "io"
)

// Sink takes finished records: the buffer, behind an adapter in the daemon.
// All methods are called from several goroutines at once.
type Sink interface {
	// Append takes one record and copies rec; it never waits for the disk. at is when
	// it was read, in milliseconds since boot.
	Append(at int64, class byte, device uint16, stream uint32, rec []byte) error
	// Lose counts n readings as read and as lost.
	Lose(device uint16, reason string, n int)
	// Room gives a channel that is closed when there is room again. It is
	// taken before the Append that may be refused.
	Room() <-chan struct{}
}

// The class byte of a record. Its low two bits say how dear the record is
// when the buffer must shed some.
const (
	ClassTimed       byte = 0 // tsmEv 10
	ClassEvent       byte = 1 // 7, 8, 9 and the rest
	ClassPower       byte = 2 // 11..14
	ClassNetwork     byte = 3 // 17, 18
	ClassProvisional byte = 0x80
)

// maxAhead is how far a device's own time may be ahead of a trusted clock. It
// covers a clock that was synchronised hours ago on a poor crystal, and is far
// below any wrong zone, week or year.
const maxAhead = 5 * 60 * 1000

// maxUnknown is the same where the clock is not trusted and may be years behind.
const maxUnknown = 10 * 365 * 24 * 60 * 60 * 1000

// earliest is 2001-09-09, when Unix time got its tenth digit: after every date
// that a clock chip or a firmware counts from (1970, 1980, 2000, 2001-01-01).
const earliest = 1_000_000_000_000

// stamper makes records of messages: the time, the unique key, the gateway,
// the class and the stream. One serves all devices; each device has a stamp.
type stamper struct {
	clock   *clock.Clock
	gateway string
	sink    Sink

	mu          sync.Mutex
	dated       thingsee.Keys // guarded by mu; by Unix milliseconds
	provisional thingsee.Keys // guarded by mu; by milliseconds since boot
}

// stamp is the part of stamper that belongs to one device, and to the one
// goroutine that runs its driver.
type stamp struct {
	*stamper
	device uint16
	id     string
	rate   bucket
	report *reporter // nil = every reading is sent
	buf    []byte

	now    clock.Reading // the moment of what is being stamped
	read   bool          // at now a Read of the port returned, and nothing was waited for since
	reads  bool          // there is a port
	hashed string        // the tuid of the message before
	hash   uint32        // its part of the stream

	ctx    context.Context     // ends the wait for room
	flow   bool                // the port can wait, so nothing is lost for want of room
	beat   func(time.Duration) // promises to be back within that time
	failed func(error)         // the sink failed otherwise than for want of room
}

// outcome says what became of a message.
type outcome struct {
	at      int64  // when it was taken, in milliseconds since boot
	lost    string // reason, "" = appended
	held    bool   // the configuration asks not to send it
	badTime bool   // the message's own time was not plausible
}

// arrived says that a Read of the port has returned: what is made of it has one time.
func (s *stamp) arrived() { s.reads, s.read = true, false }

// moment is when what is being stamped was read.
func (s *stamp) moment() clock.Now {
	if !s.read {
		s.now, s.read = s.clock.Read(), s.reads
	}
	return s.clock.At(s.now)
}

// put stamps m and hands it on. m is as before when it returns.
func (s *stamp) put(m *thingsee.Message) (o outcome) {
	now := s.moment()
	o.at = now.Mono
	if s.report != nil {
		if m = s.reported(m, now.Mono); m == nil {
			o.held = true
			return o
		}
	}
	if !s.rate.take(now.Mono) {
		o.lost = LostRate
		s.report.lost(m)
		s.sink.Lose(s.device, LostRate, 1)
		return o
	}
	tuid, gateway, own, worst := m.Tuid, m.Gateway, m.Time, m.Err
	if m.Tuid == "" {
		m.Tuid = s.id
	}
	m.Gateway = s.gateway
	class := classOf(m.Event)
	switch {
	case own != 0 && s.plausible(own, worst > 0, now):
	case now.Trusted:
		o.badTime = own != 0
		m.Time, m.Err = now.Unix-s.age(m, now), now.Err
	default:
		o.badTime = own != 0
		// A time that was believed and is not any more has dated readings of this
		// boot, so those that wait for theirs would get it as if it were right.
		var guessed bool
		if m.Time, m.Err, guessed = s.clock.Guess(now); !guessed {
			class |= ClassProvisional
		}
	}
	s.encode(m, now.Mono-s.age(m, now))
	var waited bool
	if o.lost, waited = s.append(now.Mono, class, s.stream(m.Tuid, m.ID)); waited {
		s.read = false
		o.at = s.clock.Now().Mono
	}
	if o.lost != "" {
		s.report.lost(m)
	}
	m.Tuid, m.Gateway, m.Time, m.Err = tuid, gateway, own, worst
	return o
}

// reported is what is sent where m was read, nil = nothing.
func (s *stamp) reported(m *thingsee.Message, now int64) *thingsee.Message {
	tuid := m.Tuid
	if tuid == "" {
		tuid = s.id
	}
	return s.report.pass(m, tuid, now)
}

// plausible: not one of the dates that clocks without a battery start from,
// and not ahead of what is known. A device may well speak of the past, a data
// logger of last year; but no device can be from after the day it is read,
// unless it is said how far its time may be off.
func (s *stamp) plausible(ms int64, doubted bool, now clock.Now) bool {
	latest := max(now.Unix, s.clock.Floor()) + maxUnknown
	if now.Trusted && !doubted {
		latest = now.Unix + maxAhead
	}
	return ms >= earliest && ms <= latest
}

// age is m.Age where it makes sense: not negative and not from before the boot
// as far as a provisional time can tell, nor from before the floor.
func (s *stamp) age(m *thingsee.Message, now clock.Now) int64 {
	if m.Age <= 0 || m.Age > now.Mono && !now.Trusted || m.Age > now.Unix-s.clock.Floor() && now.Trusted {
		return 0
	}
	return m.Age
}

// encode makes the key unique and writes the record into the reused buffer.
func (s *stamp) encode(m *thingsee.Message, mono int64) {
	s.mu.Lock()
	if m.Time != 0 {
		m.Time = s.dated.Unique(m.Tuid, m.ID, m.Time)
	} else {
		mono = s.provisional.Unique(m.Tuid, m.ID, mono)
	}
	s.mu.Unlock()
	if m.Time != 0 {
		s.buf = m.Append(s.buf[:0])
		return
	}
	s.buf = m.AppendProvisional(s.buf[:0], mono)
}

// append hands the record in the buffer on. It says why the record was lost,
// and whether there was no room at first.
func (s *stamp) append(at int64, class byte, stream uint32) (lost string, waited bool) {
	err := s.sink.Append(at, class, s.device, stream, s.buf)
	for err != nil {
		if !errors.Is(err, ErrFull) {
			s.failed(err)
			s.sink.Lose(s.device, LostIO, 1)
			return LostIO, waited
		}
		waited = true
		room := s.sink.Room()
		if err = s.sink.Append(at, class, s.device, stream, s.buf); errors.Is(err, ErrFull) && !s.wait(room) {
			s.sink.Lose(s.device, LostMemory, 1)
			return LostMemory, waited
		}
	}
	return "", waited
}

// wait says false when the reading has to be given up.
func (s *stamp) wait(room <-chan struct{}) bool {
	if !s.flow {
		return false
	}
	s.beat(forever) // room may come as late as the link does
	defer s.beat(0)
	select {
	case <-room:
		return true
	case <-s.ctx.Done():
		return false
	}
}

func classOf(event int) byte {
	switch event {
	case thingsee.EventTimed:
		return ClassTimed
	case thingsee.EventPowerOn, thingsee.EventPowerOff, thingsee.EventControlledReset, thingsee.EventUncontrolledReset:
		return ClassPower
	case thingsee.EventConnected, thingsee.EventDisconnected:
		return ClassNetwork
	}
	return ClassEvent
}

// stream is the FNV-1a hash of the tuid and the four bytes of the id, the lowest
// first. Messages mostly have the tuid of the one before.
func (s *stamp) stream(tuid string, id int) uint32 {
	if tuid != s.hashed || s.hash == 0 {
		s.hashed, s.hash = tuid, fnvOffset
		for i := range len(tuid) {
			s.hash = (s.hash ^ uint32(tuid[i])) * fnvPrime
		}
	}
	h := s.hash
	for i := range 4 {
		h = (h ^ uint32(id>>(8*i))&0xff) * fnvPrime
	}
	return h
}

// The constants of FNV-1a.
const (
	fnvOffset uint32 = 2166136261
	fnvPrime  uint32 = 16777619
)

// bucket holds up to one second's worth of readings, one at least.
type bucket struct {
	perSecond float64 // 0 = no limit
	level     float64
	last      int64 // milliseconds
	begun     bool
}

func (b *bucket) take(now int64) bool {
	if b.perSecond <= 0 {
		return true
	}
	size := max(b.perSecond, 1)
	if !b.begun {
		b.begun, b.level, b.last = true, size, now
	}
	if gone := now - b.last; gone > 0 {
		b.level = min(size, b.level+float64(gone)*b.perSecond/1000)
		b.last = now
	}
	if b.level < 1 {
		return false
	}
	b.level--
	return true
}
