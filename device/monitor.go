package device

import (
	"cmp"
	"errors"
	"os"
	"sync"
	"time"

	"portti/device/recording"
)

const (
	// passEvery is how long a driver stays in one Read at most. A Read that does
	// not come back by then is one that the kernel holds, and shows as Idle. Each
	// port costs a wake-up in that time.
	passEvery = 30 * time.Second
	// A port that never decoded anything since it was opened is called
	// garbage after this time and this many bytes, without waiting for the
	// device's whole silence.
	garbageAfter = 3 * time.Second
	garbageBytes = 64
	// silentAfter is for kinds that name no time of their own.
	silentAfter = time.Minute
)

// monitor is the Port a driver gets: it bounds each Read, counts bytes and
// judges from what the driver says of them whether the device is well. Its
// Reads never end with a deadline that the driver did not set.
type monitor struct {
	Line
	d     *device
	limit time.Duration // of silence

	mu     sync.Mutex
	driver time.Time // deadline that the driver has set, zero = none
	line   time.Time // deadline of the line, at most the driver's

	// The rest belongs to the reading goroutine.
	seen     uint64    // readings and good frames when last looked at
	good     time.Time // when they last rose, or the opening
	ever     bool      // they rose since the opening
	byteAt   time.Time // of the last byte
	bytes    int       // since good
	judged   int       // bytes when last diagnosed
	sample   []byte    // the last of them, from about a second after good
	auto     bool      // the speed was found out, and may have to be again
	astray   bool      // and has
	unknowns uint64    // frames by then
	bads     uint64
}

func newMonitor(d *device, line Line) *monitor {
	m := &monitor{Line: line, d: d, limit: d.silence(), good: d.env.now(), seen: d.decoded()}
	m.unknowns, m.bads = d.frames[Unknown].Load(), d.bad()
	_, m.auto = d.auto(line)
	return m
}

func (m *monitor) SetReadDeadline(t time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.driver = t
	if t.IsZero() || !t.Before(m.line) {
		return nil // the Read in progress ends sooner than that and looks again
	}
	return m.setLine(t)
}

// setLine needs mu.
func (m *monitor) setLine(t time.Time) error {
	m.line = t
	return m.Line.SetReadDeadline(t)
}

func (m *monitor) Read(p []byte) (int, error) {
	for {
		now := m.d.env.now()
		if m.judge(now); m.astray {
			return 0, errSpeed
		}
		until, err := m.arm(now)
		if err != nil {
			return 0, err
		}
		m.d.beat(until.Sub(now))
		n, err := m.Line.Read(p)
		m.d.beat(0)
		m.d.stamp.arrived()
		if n > 0 {
			if m.d.tap.followed() {
				m.d.tap.hand(m.d.env.now(), m.d.stamp.moment(), recording.In, p[:n])
			}
			m.count(p[:n])
			return n, nil
		}
		if err != nil && (!errors.Is(err, os.ErrDeadlineExceeded) || m.expired()) {
			return 0, err
		}
	}
}

// Write lets who follows see what the driver sends. Commands write from a goroutine of
// their own.
func (m *monitor) Write(p []byte) (int, error) {
	n, err := m.Line.Write(p)
	if n > 0 && m.d.tap.followed() {
		m.d.tap.hand(m.d.env.now(), m.d.env.Clock.Now(), recording.Out, p[:n])
	}
	return n, err
}

// arm sees to it that the line's deadline is no later than the next look. One that is
// sooner stays: to move it for each reading would cost more than to pass it once.
func (m *monitor) arm(now time.Time) (until time.Time, err error) {
	until = m.next(now)
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.driver.IsZero() && m.driver.Before(until) {
		until = m.driver
	}
	if m.line.After(now) && !m.line.After(until) {
		return m.line, nil
	}
	return until, m.setLine(until)
}

// expired says whether the driver's own deadline has passed.
func (m *monitor) expired() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return !m.driver.IsZero() && !m.d.env.now().Before(m.driver)
}

// next is when judge can come to another result without a byte.
func (m *monitor) next(now time.Time) time.Time {
	until := now.Add(passEvery)
	sooner := func(at time.Time) {
		if at.After(now) && at.Before(until) {
			until = at
		}
	}
	sooner(m.good.Add(m.limit))
	sooner(m.byteAt.Add(m.limit))
	if !m.ever {
		sooner(m.good.Add(garbageAfter))
	}
	return until
}

func (m *monitor) count(p []byte) {
	m.d.bytes.Add(uint64(len(p)))
	m.bytes += len(p)
	m.byteAt = m.d.env.now()
	if m.ever && m.byteAt.Sub(m.good) < time.Second {
		return // healthy: no need to look at every byte
	}
	m.d.last.add(p)
	p = p[max(0, len(p)-sampleSize):]
	over := max(0, len(m.sample)+len(p)-sampleSize)
	m.sample = append(m.sample[:copy(m.sample, m.sample[over:])], p...)
}

// judge runs before every Read, and whenever next said so.
func (m *monitor) judge(now time.Time) {
	if n := m.d.decoded(); n != m.seen {
		m.seen, m.good, m.ever = n, now, true
		m.bytes, m.judged, m.sample = 0, 0, m.sample[:0]
		m.unknowns, m.bads = m.d.frames[Unknown].Load(), m.d.bad()
		m.d.become(Fine, "", nil)
		return
	}
	quiet := now.Sub(m.good)
	noise := m.bytes > 0 && now.Sub(m.byteAt) < m.limit
	if m.d.kind.Open != nil {
		noise = false // its form is ours, so what is not for us cannot be another kind's, nor garbage
	}
	switch {
	case noise && (quiet >= m.limit || !m.ever && quiet >= garbageAfter && m.bytes >= garbageBytes):
		if m.judged == m.bytes {
			return // nothing has come since
		}
		m.judged = m.bytes
		if m.unheard() {
			if quiet >= m.limit {
				m.d.become(Silent, m.d.kind.Silent, nil)
			}
			return
		}
		onlyUnknown := m.d.frames[Unknown].Load() != m.unknowns && m.d.bad() == m.bads
		m.d.garbage(diagnose(m.d.kinds, m.sample, m.d.kind, m.d.baud(), onlyUnknown))
		m.astray = m.auto && !m.familiar()
	case quiet >= m.limit && !noise:
		code := CodeSilent
		if m.d.kind.Open != nil {
			code = cmp.Or(m.d.kind.Silent, code)
		}
		m.d.become(Silent, code, nil)
		m.astray = m.auto // much slower than its sender, a port may hear nothing
	}
}

// unheard says that what comes has the kind's own form, from a receiver that is well and
// hears nothing that is for us.
func (m *monitor) unheard() bool {
	if m.d.kind.Silent == "" {
		return false
	}
	_, share := m.d.kind.Recognise(m.sample)
	return share > 0.6
}

// familiar says that what cannot be read has a form that is known, so that the speed is
// not to blame.
func (m *monitor) familiar() bool {
	if name, _ := recogniseOther(m.d.kinds, m.sample, m.d.kind.Name); name != "" {
		return true
	}
	_, share := m.d.kind.Recognise(m.sample)
	return share >= hearWeak
}
