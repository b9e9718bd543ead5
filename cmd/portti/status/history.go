package status

import "time"

// History is what the gateway remembers of its last day, in memory alone: a restart
// forgets it. Every moment is in Unix seconds by today's wall clock, worked out from the
// monotonic one, so that a step of the clock moves all of them together.
type History struct {
	Schema int       `json:"schema"`
	Time   time.Time `json:"time"`    // now
	Began  int64     `json:"began"`   // when the history begins: a day ago, or at the start
	Clock  bool      `json:"trusted"` // the wall clock may be believed; else only differences of moments
	// Minutes has a point for each minute that was looked at. Seconds has those of the
	// last hour, from when somebody first asked for them; it is empty for all others.
	Minutes Series `json:"minutes"`
	Seconds Series `json:"seconds"`
	// Links are the states of the link, one after the other, oldest first; the last one
	// lasts. Where there were too many for the memory the oldest are left out.
	Links []LinkSpan `json:"links"`
	// Outages are the times without a connection, oldest first.
	Outages []Outage `json:"outages"`
	// Devices are those of the configuration, 64 at the most.
	Devices []DeviceHour `json:"devices"`
}

// DeviceHour is how many readings a device gave in each of the last 60 minutes, or since
// it is known. The last of them is the last of History.Minutes.
type DeviceHour struct {
	Name string   `json:"name"`
	In   []uint64 `json:"in"`
}

// Series is a plot: all columns have the same length.
type Series struct {
	At      []int64  `json:"at"` // the end of the point's time
	Waiting []uint64 `json:"waiting"`
	Bytes   []int64  `json:"bytes"` // of the buffer
	In      []uint64 `json:"in"`    // readings since the point before
	Out     []uint64 `json:"out"`   // delivered since then
	Lost    []uint64 `json:"lost"`  // for whatever reason since then
	Online  []int    `json:"online"`
}

// LinkSpan is a time in which the link was in one state for one reason. An attempt to
// connect that fails does not end one.
type LinkSpan struct {
	State string `json:"state"`
	From  int64  `json:"from"`
	To    int64  `json:"to"`   // of the last one: now
	Code  string `json:"code"` // of the catalogue, "" where nothing was wrong
	Why   string `json:"why"`
	// Planned says that the uplink hours were waited for.
	Planned bool `json:"planned"`
}

// Outage is a time without a connection and what became of the readings meanwhile. Ages
// are by the monotonic clock.
type Outage struct {
	Began  time.Time  `json:"began"`
	BeganS float64    `json:"began_s"` // seconds ago
	Ended  *time.Time `json:"ended"`   // nil while it lasts
	EndedS float64    `json:"ended_s"`
	// Trusted says that the moments may be believed, and not only the ages.
	Trusted bool `json:"trusted"`
	// FromStart says that there was no connection since the gateway started; how long
	// there had been none before, it does not know.
	FromStart bool   `json:"from_start"`
	Planned   bool   `json:"planned"` // outside the uplink hours
	Code      string `json:"code"`    // of the catalogue: why, by the last that was known of it
	Why       string `json:"why"`
	// Waited is the most that waited at once. Of those that waited when it ended,
	// Delivered have arrived since and Left have not.
	Waited    uint64     `json:"waited"`
	Delivered uint64     `json:"delivered"`
	Left      uint64     `json:"left"`
	Done      *time.Time `json:"done"` // when the last of them had arrived; nil before
	DoneS     float64    `json:"done_s"`
	Lost      Losses     `json:"lost"`         // from the beginning until Done; a rate limit loses by order and does not count
	LostMore  bool       `json:"lost_unknown"` // more may be lost than Lost says
}

// Seconds is how long it lasted, or has lasted.
func (o *Outage) Seconds() float64 { return o.BeganS - o.EndedS }

// Short says that it is not worth a word: what a network does in less than a minute is
// its everyday life, unless it cost something.
func (o *Outage) Short() bool {
	return o.Seconds() < 60 && o.Lost.Sum() == 0 && !o.LostMore
}

// Recent says whether a face that shows the present should still tell of it.
func (o *Outage) Recent() bool {
	const shown = 12 * 3600
	return o != nil && !o.Short() && (o.Ended == nil || o.EndedS <= shown || o.Done == nil || o.DoneS <= shown)
}

// RoundTrip is what a ping over the live link measured.
type RoundTrip struct {
	Schema int     `json:"schema"`
	Server string  `json:"server"`
	RTTms  float64 `json:"rtt_ms"`
}
