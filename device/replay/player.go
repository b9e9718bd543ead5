package replay

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"portti/device"
	"portti/device/clock"
	"portti/device/recording"
)

// player is the port that a recording plays, with the time and the clock that go with
// it. All of it belongs to the goroutine of the device.
type player struct {
	ctx      context.Context
	records  []recording.Record // those still to come
	rest     []byte             // of the piece being read
	clock    *clock.Clock
	over     func() // ends the replay
	speed    float64
	mono     int64     // milliseconds since boot at the recording's time 0
	zero     time.Time // stands for that time
	deadline time.Time

	at      time.Duration   // how far the recording has played
	shown   recording.Clock // by the last record
	shownAt time.Duration
}

var errOver = errors.New("the recording is over")

func newPlayer(ctx context.Context, f *recording.File, speed float64, over func()) *player {
	p := &player{ctx: ctx, records: f.Records, over: over, speed: speed, mono: f.Header.Mono, zero: time.Unix(0, 0)}
	p.shown.Unix = f.Header.Started.UnixMilli()
	if len(p.records) > 0 {
		p.shown = p.records[0].Clock
		p.shownAt = p.records[0].At
	}
	p.clock = clock.Fake(clock.Now{}, time.UnixMilli(f.Header.Floor))
	p.show()
	return p
}

// now is the time by which the driver measures pauses.
func (p *player) now() time.Time { return p.zero.Add(p.at) }

// show sets the gateway's clock.
func (p *player) show() {
	p.clock.Set(clock.Now{Mono: p.mono + p.at.Milliseconds(), Unix: p.shown.Unix + (p.at - p.shownAt).Milliseconds(),
		Trusted: p.shown.Trusted, Err: p.shown.Err})
}

// advance lets time pass until at, as fast as was asked for.
func (p *player) advance(at time.Duration) error {
	if wait := at - p.at; p.speed > 0 && wait > 0 {
		timer := time.NewTimer(time.Duration(float64(wait) / p.speed))
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-p.ctx.Done():
		}
	}
	p.at = max(p.at, at)
	p.show()
	return p.ctx.Err()
}

// next takes the record that comes next.
func (p *player) next() (recording.Record, error) {
	r := p.records[0]
	p.records = p.records[1:]
	p.shown, p.shownAt = r.Clock, r.At
	return r, p.advance(r.At)
}

// open is device.OpenFunc: it waits for the port to be opened in the recording.
func (p *player) open(context.Context, device.Config) (device.Opened, error) {
	path := "a port that was open before the recording began"
	for len(p.records) > 0 {
		p.deadline = time.Time{}
		what := p.records[0].What
		if what == recording.In || what == recording.Out {
			return device.Opened{Line: p, Path: path}, nil
		}
		r, err := p.next()
		switch {
		case err != nil:
			return device.Opened{}, err
		case what == recording.Opened:
			return device.Opened{Line: p, Path: string(r.Data)}, nil
		}
	}
	p.over()
	return device.Opened{}, errOver
}

// Read is part of device.Port: what was read then, in the same pieces as far as there
// is room. A deadline passes when it passes in the recording.
func (p *player) Read(b []byte) (int, error) {
	for len(p.rest) == 0 {
		if len(p.records) == 0 {
			return 0, errOver
		}
		if at := p.deadline.Sub(p.zero); !p.deadline.IsZero() && at <= p.records[0].At {
			if err := p.advance(at); err != nil {
				return 0, err
			}
			return 0, os.ErrDeadlineExceeded
		}
		if p.asksNext() {
			return 0, os.ErrDeadlineExceeded
		}
		if r := p.records[0]; r.What == recording.Opened { // of a port that did not end: open takes it
			if err := p.advance(r.At); err != nil {
				return 0, err
			}
			return 0, fmt.Errorf("%w: the driver was begun anew", device.ErrGone)
		}
		r, err := p.next()
		switch {
		case err != nil:
			return 0, err
		case r.What == recording.In:
			p.rest = r.Data
		case r.What == recording.Ended:
			return 0, fmt.Errorf("%w: %s", device.ErrGone, r.Data)
		}
	}
	n := copy(b, p.rest)
	p.rest = p.rest[n:]
	return n, nil
}

// slack is how far the time of a record may be off what the driver saw: records are
// dated by whole milliseconds of the gateway's clock.
const slack = 3 * time.Millisecond

// asksNext says that the driver wrote next, and so had waited for long enough, though by
// the times in the recording its deadline is a little later. It lets that pass.
func (p *player) asksNext() bool {
	at := p.deadline.Sub(p.zero)
	if p.deadline.IsZero() || p.records[0].What != recording.Out || at > p.records[0].At+slack {
		return false
	}
	return p.advance(at) == nil
}

// Write is part of device.Port. Where the same was written next in the recording, time
// goes on to that moment: so a driver that asks keeps in step with the answers.
func (p *player) Write(b []byte) (int, error) {
	for i, r := range p.records {
		if r.What == recording.In || r.What == recording.Ended {
			break
		}
		if r.What == recording.Out && bytes.Equal(r.Data, b) {
			p.records = p.records[i:]
			_, err := p.next()
			return len(b), err
		}
	}
	return len(b), nil
}

// SetReadDeadline is part of device.Port.
func (p *player) SetReadDeadline(t time.Time) error {
	p.deadline = t
	return nil
}

// Interrupt is part of device.Line. Whoever waits hears of it through ctx.
func (p *player) Interrupt() {}

// Close is part of device.Line.
func (p *player) Close() error { return nil }
