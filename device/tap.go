package device

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"portti/device/clock"
	"portti/device/recording"
)

const (
	// followRoom is how much a follower may be behind, in bytes: ten seconds of a line
	// at full 115200 baud, with what each piece costs in addition.
	followRoom = 256 << 10
	pieceCost  = 64
	// maxFollowers is how many may follow one device at once.
	maxFollowers = 16
)

// overText is why a follower sees nothing more of a device.
const overText = "this device was ended or opened again by a reload, or the gateway stops: begin anew"

// Why a device cannot be followed.
var (
	ErrNoDevice  = errors.New("there is no such device")
	ErrFollowers = fmt.Errorf("%d already follow this device, which is as many as may", maxFollowers)
)

// View says what a follower wants to see. It always sees the port open and end.
type View struct {
	Raw      bool // bytes that are read and written
	Readings bool // finished messages, and the frames that were refused
}

// tap is where those who want to see what happens on a port stand. Nobody can hold up
// the device: each has a queue, and who lets it run full is dropped. While nobody
// follows it costs one look at an atomic.
type tap struct {
	followers atomic.Pointer[[]*Follower] // nil = nobody; never changed, only replaced
	dropped   atomic.Uint64               // followers that were too slow

	mu    sync.Mutex
	how   recording.What // the port is Opened or has Ended; 0 = not tried yet
	why   string         // its path, or the reason
	ended bool           // the device is not read any more
}

// followed says whether it is worth making a record.
func (t *tap) followed() bool { return t.followers.Load() != nil }

// hand gives everyone a copy of data. at is when it happened, by a clock that does not
// step, and now what the gateway's clock showed.
func (t *tap) hand(at time.Time, now clock.Now, what recording.What, data []byte) {
	all := t.followers.Load()
	if all == nil {
		return
	}
	data = bytes.Clone(data)
	for _, f := range *all {
		if f.view.wants(what) && f.put(at, now, what, data) {
			t.dropped.Add(1)
		}
	}
}

func (v View) wants(what recording.What) bool {
	switch what {
	case recording.In, recording.Out:
		return v.Raw
	case recording.Reading, recording.Rejected:
		return v.Readings
	}
	return true
}

// set notes that the port opened or ended, and tells it unless it was so before.
func (t *tap) set(at time.Time, now clock.Now, how recording.What, why string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.how == how && how == recording.Ended && t.why == why {
		return // tried again, with the same result
	}
	t.how, t.why = how, why
	t.hand(at, now, how, []byte(why))
}

// add lets f follow from now on.
func (t *tap) add(f *Follower, at time.Time, now clock.Now) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	var all []*Follower
	if old := t.followers.Load(); old != nil {
		all = slices.Clone(*old)
	}
	if len(all) >= maxFollowers {
		return ErrFollowers
	}
	if t.how != 0 {
		f.put(at, now, t.how, []byte(t.why))
	}
	if t.ended {
		f.end()
		return nil
	}
	all = append(all, f)
	t.followers.Store(&all)
	return nil
}

func (t *tap) remove(f *Follower) {
	t.mu.Lock()
	defer t.mu.Unlock()
	old := t.followers.Load()
	if old == nil {
		return
	}
	all := slices.DeleteFunc(slices.Clone(*old), func(o *Follower) bool { return o == f })
	if len(all) == 0 {
		t.followers.Store(nil)
		return
	}
	t.followers.Store(&all)
}

// end tells everyone that nothing more comes.
func (t *tap) end() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ended = true
	if all := t.followers.Swap(nil); all != nil {
		for _, f := range *all {
			f.end()
		}
	}
}

// begin lets the next Run be followed as the first was.
func (t *tap) begin() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ended = false
}

// count is how many follow.
func (t *tap) count() int {
	if all := t.followers.Load(); all != nil {
		return len(*all)
	}
	return 0
}

// Follower sees what happens on one device's port. Next and Close are for one
// goroutine.
type Follower struct {
	d      *device
	view   View
	header recording.Header
	began  time.Time
	ready  chan struct{} // something was put, or it is over

	mu     sync.Mutex
	queue  []recording.Record
	bytes  int
	last   time.Duration // the time of the newest record
	missed uint64        // bytes of records that found no room; what is queued is still good
	pieces uint64        // and those records
	over   bool
	told   bool // the last record was given
}

// Header describes the device, for a recording of it. The caller adds who records.
func (f *Follower) Header() recording.Header { return f.header }

// put queues a record, unless the queue is full or was; it says whether this one was
// the first without room.
func (f *Follower) put(at time.Time, now clock.Now, what recording.What, data []byte) (dropped bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.bytes += len(data) + pieceCost; f.pieces > 0 || f.bytes > followRoom {
		f.pieces++
		if what == recording.In || what == recording.Out {
			f.missed += uint64(len(data))
		}
		return f.pieces == 1
	}
	f.queue = append(f.queue, f.record(at, now, what, data))
	f.wake()
	return false
}

// record makes one. Its time lies in the very millisecond that the gateway's clock
// showed, so that a replay gives a reading the same time, and never before that of the
// record before. It needs mu.
func (f *Follower) record(at time.Time, now clock.Now, what recording.What, data []byte) recording.Record {
	shown := time.Duration(now.Mono-f.header.Mono) * time.Millisecond
	f.last = max(f.last, shown, min(at.Sub(f.began), shown+time.Millisecond-1))
	return recording.Record{At: f.last, What: what, Data: data,
		Clock: recording.Clock{Unix: now.Unix, Trusted: now.Trusted, Err: now.Err}}
}

// Drop counts a follower whose viewer takes nothing as too slow, unless its queue has
// said so already.
func (f *Follower) Drop() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.pieces == 0 {
		f.d.tap.dropped.Add(1)
	}
	f.pieces++
}

func (f *Follower) end() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.over = true
	f.wake()
}

func (f *Follower) wake() {
	select {
	case f.ready <- struct{}{}:
	default:
	}
}

// Next waits for the next record. The last one is Stopped, and says why where it was
// not ctx: the follower was too slow and how much it missed, or the device is not
// read any more. After that it is io.EOF.
func (f *Follower) Next(ctx context.Context) (recording.Record, error) {
	for {
		if r, err := f.take(ctx.Err() != nil); r.What != 0 || err != nil {
			return r, err
		}
		select {
		case <-f.ready:
		case <-ctx.Done():
		}
	}
}

// take gives what is there; nothing at all means to wait.
func (f *Follower) take(enough bool) (r recording.Record, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	why := ""
	switch {
	case f.told:
		return r, io.EOF
	case len(f.queue) > 0:
		r = f.queue[0]
		f.queue = f.queue[1:]
		f.bytes -= len(r.Data) + pieceCost
		return r, nil
	case f.pieces > 0:
		why = fmt.Sprintf("who followed was too slow: %d bytes in %d records were missed", f.missed, f.pieces)
	case enough:
	case f.over:
		why = overText
	default:
		return r, nil
	}
	f.told = true
	return f.record(f.d.env.now(), f.d.env.Clock.Now(), recording.Stopped, []byte(why)), nil
}

// Close ends the following.
func (f *Follower) Close() { f.d.tap.remove(f) }

// Follow shows what happens on the device of that name from now on, beginning with how
// its port is. It may be called at any time from any goroutine.
func (s *Set) Follow(name string, v View) (*Follower, error) {
	devices := s.all()
	i := slices.IndexFunc(devices, func(d *device) bool { return d.cfg.Name == name })
	if i < 0 {
		return nil, ErrNoDevice
	}
	return devices[i].follow(v)
}

func (d *device) follow(v View) (*Follower, error) {
	at, now := d.env.now(), d.env.Clock.Now()
	f := &Follower{d: d, view: v, began: at, header: d.header(now), ready: make(chan struct{}, 1)}
	return f, d.tap.add(f, at, now)
}
