package device

import (
	"errors"
	"os"
	"time"
)

const (
	// passEvery is how long a driver stays in one Read before its loop is
	// seen to pass and its silence is judged.
	passEvery = 500 * time.Millisecond
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
	d        *device
	limit    time.Duration // of silence
	deadline deadline      // the driver's

	// The rest belongs to the reading goroutine.
	seen     uint64    // readings and good frames when last looked at
	good     time.Time // when they last rose, or the opening
	ever     bool      // they rose since the opening
	byteAt   time.Time // of the last byte
	bytes    int       // since good
	odd      int       // of them 0x00 or above ASCII, from about a second after good
	unknowns uint64    // frames by then
	bads     uint64
}

func newMonitor(d *device, line Line) *monitor {
	m := &monitor{Line: line, d: d, limit: d.silence(), good: time.Now(), seen: d.decoded()}
	m.unknowns, m.bads = d.frames[Unknown].Load(), d.bad()
	return m
}

func (m *monitor) SetReadDeadline(t time.Time) error {
	m.deadline.set(t)
	if t.IsZero() {
		return nil // the Read in progress looks again after passEvery
	}
	return m.Line.SetReadDeadline(t)
}

func (m *monitor) Read(p []byte) (int, error) {
	for {
		now := time.Now()
		m.judge(now)
		until, own := m.deadline.get(), true
		if pass := now.Add(passEvery); until.IsZero() || pass.Before(until) {
			until, own = pass, false
		}
		if err := m.Line.SetReadDeadline(until); err != nil {
			return 0, err
		}
		n, err := m.Line.Read(p)
		m.d.alive()
		if n > 0 {
			m.count(p[:n])
			return n, nil
		}
		if err != nil && (own || !errors.Is(err, os.ErrDeadlineExceeded)) {
			return 0, err
		}
	}
}

func (m *monitor) count(p []byte) {
	m.d.bytes.Add(uint64(len(p)))
	m.bytes += len(p)
	m.byteAt = time.Now()
	if m.ever && m.byteAt.Sub(m.good) < time.Second {
		return // healthy: no need to look at every byte
	}
	for _, c := range p {
		if c == 0 || c >= 0x80 {
			m.odd++
		}
	}
}

// judge runs before every Read, at least every passEvery.
func (m *monitor) judge(now time.Time) {
	if n := m.d.decoded(); n != m.seen {
		m.seen, m.good, m.ever = n, now, true
		m.bytes, m.odd = 0, 0
		m.unknowns, m.bads = m.d.frames[Unknown].Load(), m.d.bad()
		m.d.become(Fine, "", nil)
		return
	}
	quiet := now.Sub(m.good)
	noise := m.bytes > 0 && now.Sub(m.byteAt) < m.limit
	switch {
	case noise && (quiet >= m.limit || !m.ever && quiet >= garbageAfter && m.bytes >= garbageBytes):
		m.d.become(Garbage, m.diagnosis(), nil)
	case quiet >= m.limit && !noise:
		m.d.become(Silent, CodeSilent, nil)
	}
}

// diagnosis guesses what is wrong with bytes of which nothing decodes. At a
// wrong speed a UART sees ones and zeros where none were sent: text arrives as
// bytes above ASCII and zeros.
func (m *monitor) diagnosis() string {
	switch {
	case m.odd*4 >= m.bytes:
		return CodeWrongBaud
	case m.d.frames[Unknown].Load() != m.unknowns && m.d.bad() == m.bads:
		return CodeUnknown
	}
	return CodeGarbage
}
