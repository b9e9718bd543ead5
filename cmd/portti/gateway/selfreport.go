package gateway

import (
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

// selfReport sends what the gateway reports of itself unasked: that it starts and stops
// (1100, 1112, 1000), that its link comes and goes (1000), how it is (90310),
// and which devices it hears (11200, 11201). With an interval of 0 it sends nothing.
//
// It belongs to the goroutine that supervises, except for its interval and its
// heartbeats.
type selfReport struct {
	send    appender
	version string
	gateway string
	mono    func() int64 // milliseconds since the machine started
	unclean bool         // the run before did not end in order

	interval atomic.Int64 // between two reports, nanoseconds
	m        thingsee.Message
	started  bool
	report   time.Time // when health was sent last; at first, a slot after the start is due
	slot     time.Time // when the present slot began
	outages  outages

	mu         sync.Mutex
	heartbeats heartbeats // guarded by mu
}

func newSelfReport(cfg *config.Config, gateway, version string, began status.Started, mono func() int64, send appender) *selfReport {
	r := &selfReport{send: send, version: version, gateway: gateway, mono: mono, unclean: began.Unclean(), heartbeats: newHeartbeats(tuidsOf(cfg))}
	r.interval.Store(int64(cfg.Gateway.ReportInterval))
	return r
}

// tuidsOf is whose heartbeats are followed.
func tuidsOf(cfg *config.Config) map[string]string {
	tuids := map[string]string{}
	for _, d := range cfg.ActiveDevices() {
		if d.ID != "" {
			tuids[d.Name] = d.ID
		}
	}
	return tuids
}

// follow takes the devices of another configuration; it may be called from any goroutine.
func (r *selfReport) follow(cfg *config.Config) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.heartbeats.follow(tuidsOf(cfg))
}

// every is the time between two reports, 0 = none.
func (r *selfReport) every() time.Duration { return time.Duration(r.interval.Load()) }

// setEvery changes it; it may be called from any goroutine.
func (r *selfReport) setEvery(d time.Duration) { r.interval.Store(int64(d)) }

// slotInterval is how long a slot of the heartbeats is.
func (r *selfReport) slotInterval() time.Duration { return r.every() / slotsPerReport }

// update is called every few seconds with the status of that moment, and sends
// what is due.
func (r *selfReport) update(now time.Time, s *status.Document) {
	every := r.every()
	if every <= 0 {
		return
	}
	if !r.started {
		r.started = true
		r.sendStart()
		r.slot, r.report = now, now.Add(r.slotInterval()-every)
	}
	online := s.Link.State == status.LinkOnline
	if event, age := r.outages.update(online, now); event != 0 {
		r.m.Reset(thingsee.HeaderOnly, event)
		r.m.Age = age.Milliseconds()
		r.send(&r.m)
	}
	if slot := r.slotInterval(); now.Sub(r.slot) >= slot {
		r.slot = now
		r.mu.Lock()
		due := r.heartbeats.endSlot(s.Devices, slot)
		r.mu.Unlock()
		for i := range due {
			r.send(&due[i])
		}
	}
	if !online {
		every = max(every, awayReport)
	}
	if now.Sub(r.report) >= every {
		r.report = now
		health(&r.m, thingsee.EventTimed, s)
		r.send(&r.m)
		if r.summary(&r.m, thingsee.EventTimed, s) {
			r.send(&r.m)
		}
	}
}

// summary makes a 11200 of this moment; it may be called from any goroutine.
func (r *selfReport) summary(m *thingsee.Message, event int, s *status.Document) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.heartbeats.summary(m, event, s.Devices, r.slotInterval())
}

// sendStart reports that the gateway has started, and first of all where the run
// before did not end in order: by a power cut, a kill or a crash.
func (r *selfReport) sendStart() {
	if r.unclean {
		r.m.Reset(thingsee.HeaderOnly, thingsee.EventUncontrolledReset)
		r.send(&r.m)
	}
	systemInfo(&r.m, thingsee.EventPowerOn, r.version, r.gateway)
	r.send(&r.m)
	uptime(&r.m, thingsee.EventPowerOn, r.mono())
	r.send(&r.m)
}

// lastMessage is the last message before a stop, nil for none.
func (r *selfReport) lastMessage() *thingsee.Message {
	if r.every() <= 0 {
		return nil
	}
	m := new(thingsee.Message)
	m.Reset(thingsee.HeaderOnly, thingsee.EventPowerOff)
	return m
}
