package status

import "time"

// Schema is the version of the status document. Fields are only ever
// added, so it stays 1 until one has to change its meaning.
const Schema = 1

// Document is the one truth about a running gateway: the control socket serves
// it, and every face (terminal, page, metrics) shows it without working out
// anything about health for itself.
//
// Times are RFC 3339 in UTC. Ages are seconds by the monotonic clock, so that
// a step of the wall clock does not show in them.
type Document struct {
	Schema  int       `json:"schema"`
	Running bool      `json:"running"`
	Version string    `json:"version"`
	Time    time.Time `json:"time"` // when the document was made
	UptimeS float64   `json:"uptime_s"`
	// Started says how the run before this one ended.
	Started Started `json:"started"`
	Gateway Gateway `json:"gateway"`
	Link    Link    `json:"link"`
	Buffer  Buffer  `json:"buffer"`
	Totals  Totals  `json:"totals"`
	Clock   Clock   `json:"clock"`
	// Downlink is what the server asked of the gateway.
	Downlink Downlink `json:"downlink"`
	// Devices are those of the configuration that are enabled, in its order.
	Devices []Device `json:"devices"`
	// Problems are the open ones, worst first; see Problems.Active.
	Problems []Problem `json:"problems"`
}

// Gateway says which gateway this is.
type Gateway struct {
	ID   string `json:"id"`   // tsmGw
	Name string `json:"name"` // for people
	// Start is the epoch under which this start records, as the server is told in
	// the header Portti-Start.
	Start string `json:"start"`
	// Config tells configurations in force apart: the same everywhere where they are.
	Config string `json:"config"`
	// Labels are the operator's own words about this gateway.
	Labels map[string]string `json:"labels,omitempty"`
}

// The states of the link.
const (
	LinkConnecting = "connecting"
	LinkOnline     = "online"
	LinkWaiting    = "waiting" // for the next attempt
	LinkParked     = "parked"  // as waiting, but a person has to act
	LinkStopped    = "stopped"
)

// Link is the way to the server.
type Link struct {
	State     string    `json:"state"`
	Since     time.Time `json:"since"`
	SinceS    float64   `json:"since_s"` // how long it is up, or without a connection; an attempt does not begin it anew
	Dialect   string    `json:"dialect"`
	URLHost   string    `json:"url_host"` // scheme, host and port; never path, query or user
	URL       string    `json:"url"`      // the whole address, with what is secret in it replaced
	RTTms     float64   `json:"rtt_ms"`   // 0 = not measured
	NextTryS  float64   `json:"next_try_s"`
	LastError string    `json:"last_error"` // one sentence without secrets about the last end; kept after recovery
	Problem   string    `json:"problem"`    // catalogue code behind LastError
	Ack       string    `json:"ack"`        // acknowledgement mode
	// Token is nil where the server wants none.
	Token *Token `json:"token,omitempty"`
	// Reached says that this server was online once, be it before this start: its address
	// is right.
	Reached  bool   `json:"reached"`
	Connects uint64 `json:"connects"`
	Failures uint64 `json:"failures"` // attempts that failed and connections that broke
	// OnlineS is how long the link was online in all since the start.
	OnlineS   float64 `json:"online_s"`
	SentBytes uint64  `json:"sent_bytes"`
	// WireBytes is what the network was given: with compression, framing and TLS.
	WireBytes uint64 `json:"wire_bytes"`
	Frames    uint64 `json:"sent_frames"`
	// OpensS is how long until the uplink hours begin; 0 = they are not waited for.
	OpensS float64 `json:"opens_s"`
	Order  string  `json:"order"`
	// Backlog says that readings older than the connection are being sent, and
	// DrainRate to how many bytes a second they are held; 0 = to none.
	Backlog    bool `json:"backlog"`
	DrainRate  int  `json:"drain_rate"`
	Compressed bool `json:"compressed"`
	// SentMessages are the readings in them, those sent again included.
	SentMessages   uint64 `json:"sent_messages"`
	ProvenMessages uint64 `json:"proven_messages"` // of these, proven to have arrived
	// ServerMessages are the server's own, acknowledgements not counted, and
	// ServerKinds those of them that the dialect knows, by kind.
	ServerMessages uint64            `json:"server_messages"`
	ServerKinds    map[string]uint64 `json:"server_kinds"`
	// LastOutage is the latest time without a connection that is worth a word, since the
	// start; nil where there was none. It may last.
	LastOutage *Outage `json:"last_outage,omitempty"`
}

// The states of the buffer.
const (
	BufferOK       = "ok"
	BufferFull     = "full"     // no room for more: shedding by its policy, or about to
	BufferDegraded = "degraded" // the disk does not do what it should
)

// Buffer is what waits and what room there is.
type Buffer struct {
	State         string  `json:"state"`
	Waiting       uint64  `json:"waiting"`
	WaitingMemory uint64  `json:"waiting_memory"`
	WaitingDisk   uint64  `json:"waiting_disk"`
	Held          uint64  `json:"held"`  // acknowledged, kept for fence_hold; not waiting
	Bytes         int64   `json:"bytes"` // on disk
	OldestAgeS    float64 `json:"oldest_age_s"`
	// HeadroomS is how long the room lasts at the inflow of the last 15
	// minutes with the link down. 0 = not known yet.
	HeadroomS     float64 `json:"headroom_s"`
	CapacityBytes int64   `json:"capacity_bytes"`
	// RoomBytes is what may still be added: up to the capacity, and no more than the
	// disk gives; nil where nobody knows.
	RoomBytes    *int64  `json:"room_bytes,omitempty"`
	CommitEveryS float64 `json:"commit_every_s"`
	Commits      uint64  `json:"commits"`
	HoldsCut     uint64  `json:"holds_cut"`  // holds ended early for want of room
	LastError    string  `json:"last_error"` // why State is degraded
}

// NoRoom says that nothing more can be kept without giving up something else.
func (b Buffer) NoRoom() bool { return b.RoomBytes != nil && *b.RoomBytes == 0 }

// Totals counts readings since the ledger was begun.
type Totals struct {
	Ledger
	Accepted uint64 `json:"accepted"` // ever committed or acknowledged, each once
	Resent   uint64 `json:"resent"`   // sent again because a connection ended
	LeftOut  uint64 `json:"left_out"` // not sent since the encoding has no place for them, since the start
	// LostUnknown says that more may be lost than the counts say, and how many nobody can
	// tell, since the files that would are gone.
	LostUnknown bool `json:"lost_unknown"`
}

// Clock says what the time in messages rests on.
type Clock struct {
	Trusted bool   `json:"trusted"`
	Source  string `json:"source"` // kernel | gnss | server | none
	Reason  string `json:"reason"` // why it is not trusted
	// WorstErrorS is how many seconds a trusted time may be wrong; 0 = less than one.
	WorstErrorS int64  `json:"worst_error_s"`
	Steps       uint64 `json:"steps"` // jumps of the wall clock that were seen
}

// The states of a device.
const (
	DeviceMissing = "missing"
	DeviceBusy    = "busy"
	DeviceSilent  = "silent"
	DeviceGarbage = "garbage"
	DeviceOK      = "ok"
)

// Device is one device.
type Device struct {
	Name     string  `json:"name"`
	Type     string  `json:"type"`
	Port     string  `json:"port"`           // as configured
	Resolved string  `json:"port_resolved"`  // what it is now, such as /dev/ttyUSB1; empty while missing
	Baud     int     `json:"baud,omitempty"` // the line's speed, where it was to be found out
	State    string  `json:"state"`
	Problem  string  `json:"problem"` // catalogue code behind State
	SinceS   float64 `json:"since_s"`
	// LastAgeS is how long ago it was last read; -1 = never.
	LastAgeS float64 `json:"last_age_s"`
	RateHz   float64 `json:"rate_hz"`
	Read     uint64  `json:"read"` // readings
	// Bytes came from the port since the start.
	Bytes uint64 `json:"bytes"`
	Bad   uint64 `json:"bad"` // frames that could not be used
	// Unknown are frames that were sound but held nothing to send, such as
	// text, foreign sentences and what came before the first whole line.
	Unknown uint64 `json:"unknown"`
	// Withheld are readings that the configuration asks not to send, such as those of
	// a parked vehicle. They are neither read nor lost.
	Withheld uint64 `json:"withheld,omitempty"`
	Detail   string `json:"detail"` // short text for people: "3D fix, 11 satellites"
	// LastLine is the last of what came, made visible, while nothing of it can be
	// read. Who may not see readings is not shown it.
	LastLine  string `json:"last_line,omitempty"`
	LastError string `json:"last_error"`
	// Followers look on at what the port gives at this moment; FollowersDropped were too
	// slow for it.
	Followers        int    `json:"followers"`
	FollowersDropped uint64 `json:"followers_dropped"`
	Share            *Share `json:"share,omitempty"` // nil = the port is not shared
	Ledger           Ledger `json:"ledger"`
}

// Share is how a port's bytes are given to other programs.
type Share struct {
	Address string `json:"address"`         // where it listens, or is to
	Clients int    `json:"clients"`         // at this moment; they count as followers too
	Refused uint64 `json:"refused"`         // connections beyond as many as may be
	Error   string `json:"error,omitempty"` // why nobody can connect
}

// Degraded says whether something is wrong that a person should know of.
func (s *Document) Degraded() bool {
	if s.Link.State == LinkWaiting && s.Link.OpensS == 0 || s.Link.State == LinkParked || (s.Buffer.State != BufferOK && s.Buffer.State != "") {
		return true
	}
	for _, p := range s.Problems {
		if p.Severity != Info {
			return true
		}
	}
	return false
}

// Seconds turns a duration into the document's form, rounded to milliseconds.
func Seconds(d time.Duration) float64 {
	return float64(d.Round(time.Millisecond).Milliseconds()) / 1000
}
