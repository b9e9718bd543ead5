package device

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"portti/device/recording"
	"portti/device/thingsee"
)

// sampleEvery is the distance of the two samples from which the rate is
// computed; floodFor is how long the code of a flood stays.
const (
	sampleEvery = 10 * time.Second
	floodFor    = 10_000 // milliseconds
)

// sample is how many readings there had been at a time.
type sample struct {
	at   time.Duration // after start
	read uint64
}

// Emit is part of Out.
func (d *device) Emit(m *thingsee.Message) {
	o := d.stamp.put(m)
	if d.tap.followed() {
		d.show(o)
	}
	d.lastRead.Store(o.at + 1)
	if o.held {
		d.withheld.Add(1)
		return
	}
	d.read.Add(1)
	if o.badTime {
		d.badTimes.Add(1)
	}
	switch o.lost {
	case "":
		if d.sinkFailed {
			d.sinkFailed = false
			d.log.Info("readings are kept again", "event", "sink.recovered")
		}
		return
	case LostRate:
		d.lastFlood.Store(o.at + 1)
	}
	d.lost.Add(1)
}

// Frame is part of Out.
func (d *device) Frame(r Result) {
	if r < Results {
		d.frames[r].Add(1)
	}
	if r >= Checksum && d.tap.followed() {
		d.tap.hand(d.env.now(), d.env.Clock.Now(), recording.Rejected, []byte(r.String()))
	}
}

// show lets those who follow see the reading that was just stamped.
func (d *device) show(o outcome) {
	now := d.stamp.moment()
	if o.held {
		d.tap.hand(d.env.now(), now, recording.Rejected, []byte("a reading held back by [device.report]"))
		return
	}
	if o.lost == LostRate {
		d.tap.hand(d.env.now(), now, recording.Rejected, []byte("a reading over rate_limit"))
		return
	}
	rec := d.stamp.buf
	if dated, err := thingsee.FillTime(nil, rec, now.Unix-now.Mono, 0); err == nil {
		rec = dated // what the clock shows stands in for a time that is not known yet
	}
	d.tap.hand(d.env.now(), now, recording.Reading, rec)
}

// Detail is part of Out.
func (d *device) Detail(text string) {
	d.mu.Lock()
	d.detail = text
	d.mu.Unlock()
}

// sinkError logs the first of a row of errors of the sink.
func (d *device) sinkError(err error) {
	if !d.sinkFailed {
		d.sinkFailed = true
		d.log.Error("readings cannot be kept", "event", "sink.failed", "err", err)
	}
}

// decoded rises with everything that was understood.
func (d *device) decoded() uint64 {
	return d.read.Load() + d.withheld.Load() + d.frames[OK].Load()
}

// bad counts the frames that were refused.
func (d *device) bad() (n uint64) {
	for r := Checksum; r < Results; r++ {
		n += d.frames[r].Load()
	}
	return n
}

// become sets the state and logs it where it changed since last logged.
func (d *device) become(s State, code string, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err != nil {
		d.lastErr = err.Error()
	}
	d.change(s, code)
	now := string(s) + code
	if now == d.logged {
		return
	}
	d.logged = now
	level := slog.LevelWarn
	if s == Fine {
		level = slog.LevelInfo
	}
	args := []any{"event", "device.changed", "state", string(s)}
	if code != "" {
		args = append(args, "code", code)
	}
	if err != nil {
		args = append(args, "err", err)
	}
	d.log.Log(d.stamp.ctx, level, "device is "+string(s), args...)
}

// garbage is become for bytes of which nothing decodes.
func (d *device) garbage(g diagnosis) {
	d.mu.Lock()
	d.seems = g
	d.mu.Unlock()
	d.become(Garbage, g.code, nil)
}

// baud is the speed of the line, 0 where it is not ours to set or not found yet.
func (d *device) baud() int {
	if strings.HasPrefix(d.cfg.Port, tcpScheme) {
		return 0
	}
	if d.cfg.Baud == BaudAuto {
		return int(d.found.Load())
	}
	return int(d.cfg.Baud)
}

// change needs mu.
func (d *device) change(s State, code string) {
	if s != d.state {
		d.since = time.Now()
		if s == Missing || s == Busy {
			d.detail = "" // the driver that said it is gone
		}
	}
	d.state, d.code = s, code
}

// sample keeps two samples of the readings counted, the older of them between
// one and two sampleEvery old while somebody looks at least that often. It needs mu.
func (d *device) sample(now time.Duration) {
	if now-d.samples[1].at >= sampleEvery {
		d.samples[0], d.samples[1] = d.samples[1], sample{now, d.read.Load()}
	}
}

func (d *device) status() Status {
	now := d.env.Clock.Now().Mono + 1
	d.mu.Lock()
	defer d.mu.Unlock()
	s := Status{
		Name: d.cfg.Name, Type: d.cfg.Type, Port: d.portName(), Resolved: d.resolved,
		State: d.state, Code: d.code, Since: d.since, Detail: d.detail, LastErr: d.lastErr, Flags: slices.Clone(d.flags),
		LastAge: -1,
		Read:    d.read.Load(), Bad: d.bad(), Bytes: d.bytes.Load(), BadTimes: d.badTimes.Load(), Lost: d.lost.Load(), Withheld: d.withheld.Load(),
		Found: d.seems.found, Remedy: d.seems.remedy, Baud: d.baud(), Auto: d.cfg.Baud == BaudAuto,
		Followers: d.tap.count(), Dropped: d.tap.dropped.Load(), Share: d.share.status(d.cfg.Share),
		Opened: d.opens[OpenOK].Load(), Stuck: int(d.stuck.Load()), Heard: int(d.heard.Load()) - 1,
	}
	if d.state == Garbage {
		s.LastLine = d.last.seen()
	}
	for r := range s.Frames {
		s.Frames[r] = d.frames[r].Load()
	}
	for r := range s.Opens {
		s.Opens[r] = d.opens[r].Load()
	}
	if last := d.lastRead.Load(); last != 0 {
		s.LastAge = time.Duration(now-last) * time.Millisecond
	}
	if last := d.lastFlood.Load(); last != 0 && now-last < floodFor && s.Code == "" {
		s.Code = CodeFlood
	}
	gone := time.Since(d.start)
	d.sample(gone)
	old := d.samples[0]
	if span := gone - old.at; span > 0 {
		s.RateHz = float64(s.Read-old.read) / max(span, time.Second).Seconds()
	}
	return s
}

func (d *device) portName() string {
	if d.kind.Source != nil {
		return d.kind.Source(d.cfg)
	}
	if d.cfg.Port == "" && d.cfg.Match != nil {
		return fmt.Sprintf("usb (%s)", d.cfg.Match)
	}
	return d.cfg.Port
}
