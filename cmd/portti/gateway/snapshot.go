package gateway

import (
	"cmp"
	"time"

	"portti/buffer"
	"portti/cmd/portti/config"
	"portti/cmd/portti/status"
	"portti/device"
	"portti/device/clock"
	"portti/uplink"
)

// snapshot is how every part stands at one moment. The status document and the
// list of problems are functions of a snapshot and the configuration alone.
type snapshot struct {
	cfg     *config.Config
	id      string // tsmGw
	start   string // this start's epoch
	name    string // for people
	config  string // the hash of cfg
	version string
	at      time.Time
	uptime  time.Duration
	began   status.Started

	stats    buffer.Stats
	total    buffer.Counts
	byDevice map[string]buffer.Counts
	devices  []device.Status
	link     uplink.Status
	outage   *status.Outage     // the latest that is worth a word; nil = none since the start
	away     time.Time          // since when there is no connection; zero = there is one, or nobody has looked yet
	token    *uplink.TokenState // nil where the uplink needs none
	downlink status.Downlink

	clock    clock.Now
	source   string
	distrust string // why the clock is not trusted
	step     clock.Step
	dispute  clock.Dispute // sources of time that contradict each other
	wall     time.Time     // what certificates are judged by
	offset   buffer.Offset // of this boot, where it is fixed
	fixed    bool

	room        int64   // bytes
	headroom    float64 // seconds, 0 = not known
	left        leftover
	gone        bool  // the buffer was, at the start
	lastLoss    *loss // one that is fresh enough to be shown
	headroomLow bool
	otherBoard  bool   // the state was made on another one
	noControl   string // why the control socket is not there
	noMetrics   string // why the metrics are not served
	noPage      string // why the local page is not
	stuck       string // the part that does not move
	rejected    *rejection
	trial       *trialNote // nil = there is none
	trialLeft   time.Duration
}

// loss is one the queue had to make, with its times in words.
type loss struct {
	buffer.Loss
	from, to string
}

func (g *Gateway) snapshot() *snapshot {
	now := time.Now()
	s := &snapshot{cfg: g.cfg.Load(), id: g.id, start: g.start, version: g.opt.Version, at: now, uptime: now.Sub(g.started), began: g.began}
	s.config = g.configHash(s.cfg)
	s.name = cmp.Or(s.cfg.Gateway.Name, g.host)
	way := g.way.Load()
	// The queue's two answers are not of one moment. Statistics first, so that what they
	// call waiting can at most have been delivered by the time of the ledger;
	// the ledger's number then replaces theirs, and the document is consistent.
	s.stats = g.queue.Stats()
	s.total, s.byDevice = g.queue.Ledger()
	s.link = way.link.Status()
	if away := g.away.Load(); away != nil {
		s.away = *away
	}
	s.devices = g.devices.Status()
	if r, ok := way.token.(uplink.TokenReporter); ok {
		state := r.State()
		s.token = &state
	}
	s.downlink = g.downlink.status()
	s.clock, s.source, s.distrust, s.step = g.clock.Now(), g.clock.Source(), g.clock.Reason(), g.clock.Stepped()
	s.dispute = g.clock.Dispute()
	s.wall = g.wallTime()
	s.outage = g.history.lastOutage(now, s.wall, s.clock.Trusted)
	s.offset, s.fixed = g.queue.Offset(g.queue.Boot())
	s.room = roomIn(s.stats, g.disk.free())
	s.headroom = g.inflow.headroom(s.total.Read, s.stats, s.room)
	s.rejected = g.rejected.Load()
	if s.trial = g.trial.shown.Load(); s.trial != nil {
		s.trialLeft = s.trial.remaining(bootOf(g.clock))
	}
	s.left, s.gone, s.lastLoss = g.left, g.gone, g.lastLoss.Load() // the last look's
	s.noControl, s.noMetrics, s.noPage = g.doors.why(doorControl), g.doors.why(doorMetrics), g.doors.why(doorPage)
	return s
}

// full says that the buffer gives something up, or has done so a moment ago and is not half
// empty yet: between two such moments there is room for a reading or two. The state of the
// buffer and BUF-FULL go by it.
func (s *snapshot) full() bool {
	last := s.lastLoss
	return s.stats.Full || last != nil && last.Reason == status.LossFull && s.stats.Bytes > s.stats.Limit/2
}

// hashed is a configuration and its hash.
type hashed struct {
	cfg  *config.Config
	hash string
}

// configHash works the hash of a configuration out once.
func (g *Gateway) configHash(cfg *config.Config) string {
	h := g.hashed.Load()
	if h == nil || h.cfg != cfg {
		h = &hashed{cfg, cfg.Hash()}
		g.hashed.Store(h)
	}
	return h.hash
}
