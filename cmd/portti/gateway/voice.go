package gateway

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"portti/cmd/portti/config"
	"portti/cmd/portti/status"
	"portti/device/thingsee"
)

const (
	// slotsPerReport is how many slots of heartbeats one report has.
	slotsPerReport = slotsKept / 2
	// awayReport is the shortest time between two reports while the link is
	// away: what was the matter then is of little use afterwards, and each is a
	// write to the card.
	awayReport = time.Hour
)

// voice is what the gateway says of itself unasked: that it starts and stops
// (1100, 1112, 1000), that its link comes and goes (1000), how it is (90310),
// and which devices it hears (11200, 11201). With an interval of 0 it is mute.
//
// It belongs to the goroutine that supervises, but for what it says of its
// interval and its heartbeats.
type voice struct {
	say     func(*thingsee.Message) bool
	log     *slog.Logger
	version string
	gateway string
	mono    func() int64 // milliseconds since the machine started
	running string       // path of the note that a run has not ended

	interval atomic.Int64 // between two reports, nanoseconds
	m        thingsee.Message
	began    bool
	report   time.Time // when health was told last; at first, a slot after the start is due
	slot     time.Time // when the present slot began
	outages  outages

	mu    sync.Mutex
	beats beats // guarded by mu
}

func newVoice(cfg *config.Config, gateway, version string, mono func() int64, say func(*thingsee.Message) bool, log *slog.Logger) *voice {
	tuids := map[string]string{}
	for _, d := range cfg.ActiveDevices() {
		if d.ID != "" {
			tuids[d.Name] = d.ID
		}
	}
	v := &voice{say: say, log: log, version: version, gateway: gateway, mono: mono,
		running: filepath.Join(cfg.Paths.State, "running"), beats: newBeats(tuids)}
	v.interval.Store(int64(cfg.Gateway.ReportInterval))
	return v
}

// every is the time between two reports, 0 = mute.
func (v *voice) every() time.Duration { return time.Duration(v.interval.Load()) }

// setEvery changes it; it may be called from any goroutine.
func (v *voice) setEvery(d time.Duration) { v.interval.Store(int64(d)) }

// slotInterval is how long a slot of the heartbeats is.
func (v *voice) slotInterval() time.Duration { return v.every() / slotsPerReport }

// look is called about every second with the status of that moment, and says
// what is due.
func (v *voice) look(now time.Time, s *status.Document) {
	every := v.every()
	if every <= 0 {
		return
	}
	if !v.began {
		v.began = true
		v.start()
		v.slot, v.report = now, now.Add(v.slotInterval()-every)
	}
	online := s.Link.State == status.LinkOnline
	if event, age := v.outages.look(online, now); event != 0 {
		v.m.Reset(idHeader, event)
		v.m.Age = age.Milliseconds()
		v.say(&v.m)
	}
	if slot := v.slotInterval(); now.Sub(v.slot) >= slot {
		v.slot = now
		v.mu.Lock()
		tell := v.beats.pass(s.Devices, slot)
		v.mu.Unlock()
		for i := range tell {
			v.say(&tell[i])
		}
	}
	if !online {
		every = max(every, awayReport)
	}
	if now.Sub(v.report) >= every {
		v.report = now
		health(&v.m, evTimed, s)
		v.say(&v.m)
		if v.summary(&v.m, evTimed, s) {
			v.say(&v.m)
		}
	}
}

// summary makes a 11200 of this moment; it may be called from any goroutine.
func (v *voice) summary(m *thingsee.Message, event int, s *status.Document) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.beats.summary(m, event, s.Devices, v.slotInterval())
}

// start tells that the gateway has started, and first of all where the run
// before did not end in order: by a power cut, a kill or a crash.
func (v *voice) start() {
	_, err := os.Lstat(v.running)
	if err == nil {
		v.m.Reset(idHeader, evUncontrolled)
		v.say(&v.m)
	} else if errors.Is(err, fs.ErrNotExist) {
		err = writeDurably(v.running, nil, 0o600)
	}
	if err != nil {
		v.log.Warn("whether this run ends in order will not be known", "component", "daemon", "event", "voice.unnoted",
			"err", fmt.Errorf("cannot keep a note of it: %w", err))
	}
	systemInfo(&v.m, evPowerOn, v.version, v.gateway)
	v.say(&v.m)
	uptime(&v.m, evPowerOn, v.mono())
	v.say(&v.m)
}

// last is the last word before a stop, nil for none.
func (v *voice) last() *thingsee.Message {
	if v.every() <= 0 {
		return nil
	}
	m := new(thingsee.Message)
	m.Reset(idHeader, evPowerOff)
	return m
}

// ended notes that this run has ended in order.
func (v *voice) ended() {
	if err := os.Remove(v.running); err != nil && !errors.Is(err, fs.ErrNotExist) {
		v.log.Warn("the next start will be told as one after a power cut", "component", "daemon", "event", "voice.unnoted", "err", err)
	}
}
