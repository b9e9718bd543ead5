package uplink

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// State is what a Link is doing.
type State string

// The states of a Link.
const (
	Connecting State = "connecting" // dialling
	Online     State = "online"     // the upgrade succeeded
	Waiting    State = "waiting"    // for the next attempt
	Parked     State = "parked"     // the same, rarely: a person has to act
	Stopped    State = "stopped"    // not running
)

// Status is a snapshot. It holds no secret and nothing of the server's text
// that is not cleaned. Counters begin at zero with the Link, or where Inherit has them go on.
type Status struct {
	State   State
	Since   time.Time // of State
	Dialect string
	Ack     string // "fence", "count" or "none"; none means that delivery is not proven
	Server  string // scheme and host

	RTT       time.Duration // smoothed round trip; 0: not known yet
	LastError string        // a plain sentence about the last end; kept after recovery
	Problem   string        // code of the present problem, "" when there is none
	NextTry   time.Time     // when waiting or parked
	Opens     time.Time     // outside the uplink hours: when they begin next; else zero
	Attempts  int           // dials since the last proof that the link works

	BatchBytes int  // present limit of a frame; falls when the server calls frames too big
	Shrunk     bool // to where it is because nothing larger got through
	InFlight   int  // bytes written and not proven

	LastProof time.Time // when this Link last had proof that it works: an acknowledgement, or a pong with nothing on the way; zero = never

	Reached bool // the server was online once, be it before this start: its address is right

	Takeover bool    // the server sees another gateway with this one's identity
	Setbacks uint64  // times a server had lost what it had acknowledged
	Setback  Setback // the last of them

	Backlog    bool // what is older than the connection is being sent
	Compressed bool // the server agreed to compression
	DrainRate  int  // bytes a second that the backlog is held to; 0: any

	Connects       uint64        // upgrades that succeeded
	OnlineTime     time.Duration // online in all, up to now
	Failures       uint64        // dials that failed and links that broke; an orderly close by the server is neither
	SentFrames     uint64
	SentRecords    uint64
	SentBytes      uint64 // payload of the frames, as it is before any compression
	WireBytes      uint64 // given to the network, with framing, pings and TLS
	Resent         uint64 // records among SentRecords that had been sent before
	Proven         uint64 // records among SentRecords that were proven
	LeftOut        uint64 // records among Proven that the body had no place for, see Options.Encode
	Quarantined    uint64
	TooBig         uint64            // those among them that the server refused for their size
	Refusal        string            // why the last of them was set aside
	ForeignPongs   uint64            // pongs that answer none of our pings
	ForeignAcks    uint64            // acknowledgements that prove nothing new
	ServerMessages uint64            // of the server, acknowledgements not counted
	Skipped        uint64            // those among them that were too long, or too many, to be looked at
	TooLong        uint64            // too long, those that ended the connection too
	BadUTF8        uint64            // of those that nothing here knows: no text
	BadJSON        uint64            // text and no JSON
	ServerKinds    map[string]uint64 // those among them that the dialect knows, by kind
	Ends           map[End]uint64    // dials that failed and connections that ended
	Unlogged       map[string]uint64 // lines that the log was spared since they repeat others, by event
}

// statusBoard keeps the status and logs its changes, repeats collapsed.
type statusBoard struct {
	log   *slog.Logger
	scrub scrubber // owned by the goroutine of Run

	mu       sync.Mutex
	s        Status
	takeover takeover
	pongs    []chan<- time.Duration // who waits for a round trip
	repeats  map[string]*repeat
}

// repeat collapses one kind of event: the first is logged, then one summary
// per interval, which doubles from a minute to an hour while it goes on. A
// link that flaps all day makes some dozens of lines.
type repeat struct {
	until    time.Time
	interval time.Duration
	held     int
}

const (
	firstRepeat = time.Minute
	lastRepeat  = time.Hour
)

func (b *statusBoard) snapshot() Status {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.s.cloned()
	now := time.Now()
	s.Takeover = b.takeover.shown(s.State, s.Since, now)
	if s.State == Online {
		s.OnlineTime += now.Sub(s.Since)
	}
	if s.Problem == "" && s.Shrunk {
		s.Problem = ProblemMTU
	}
	return s
}

func (b *statusBoard) update(f func(s *Status)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	f(&b.s)
}

// serverMessage counts a message of the server; foreignAck an acknowledgement that
// proves nothing new.
func (b *statusBoard) serverMessage(kind string) {
	b.update(func(s *Status) {
		s.ServerMessages++
		if kind != "" {
			s.ServerKinds[kind]++
		}
	})
}

// leftOut counts records that the body had no place for.
func (b *statusBoard) leftOut(n int) {
	b.update(func(s *Status) { s.LeftOut += uint64(n) })
	b.event(slog.LevelInfo, "uplink.left_out", "", "a reading was not sent: the encoding has no place for it", "readings", n)
}

func (b *statusBoard) foreignAck() { b.update(func(s *Status) { s.ForeignAcks++ }) }

// enter changes the state; Since moves only with it.
func (b *statusBoard) enter(state State) {
	b.update(func(s *Status) {
		if now := time.Now(); s.State != state {
			b.takeover.shown(s.State, s.Since, now) // it may have ended without anybody having looked
			if s.State == Online {
				s.OnlineTime += now.Sub(s.Since)
			}
			s.State, s.Since = state, now
		}
		if state != Waiting && state != Parked {
			s.NextTry = time.Time{}
		}
	})
	if state != Online {
		b.measured(0)
	}
}

// event logs one thing that happened. name is fixed, such as "uplink.closed";
// code tells problems apart.
func (b *statusBoard) event(level slog.Level, name, code, message string, args ...any) {
	held, show := b.collapse(name, code)
	if !show {
		return
	}
	all := append(make([]any, 0, len(args)+6), "event", name)
	if code != "" {
		all = append(all, "code", code)
	}
	if held > 0 {
		all = append(all, "count", held+1)
	}
	b.log.Log(context.Background(), level, message, append(all, args...)...)
}

func (b *statusBoard) collapse(name, code string) (held int, show bool) {
	key := name + " " + code
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	r := b.repeats[key]
	switch {
	case r == nil:
		r = &repeat{interval: firstRepeat}
		b.repeats[key] = r
	case now.Before(r.until):
		r.held++
		if b.s.Unlogged == nil {
			b.s.Unlogged = map[string]uint64{}
		}
		b.s.Unlogged[name]++
		return 0, false
	case now.Sub(r.until) > lastRepeat:
		r.interval = firstRepeat
	default:
		r.interval = min(2*r.interval, lastRepeat)
	}
	held, r.held = r.held, 0
	r.until = now.Add(r.interval)
	return held, true
}
