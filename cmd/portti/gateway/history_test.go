package gateway

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"portti/buffer"
	"portti/cmd/portti/status"
	"portti/device"
	"portti/uplink"
)

// past is a history with a link and a ledger that a test turns, looked at once a second.
type past struct {
	history
	l glimpse
}

func newPast() *past {
	now := time.Now()
	p := &past{l: glimpse{at: now, started: now, counts: buffer.Counts{Lost: map[string]uint64{}}}}
	p.link(uplink.Online, "")
	return p
}

// link has the link change its state now.
func (p *past) link(state uplink.State, code string) {
	now := time.Now()
	p.l.link = uplink.Status{State: state, Since: now, Problem: code, LastError: "the reason of " + code, Connects: p.l.link.Connects}
	switch {
	case state == uplink.Online:
		p.l.away = time.Time{}
		p.l.link.Connects++
	case p.l.away.IsZero():
		p.l.away = now
	}
}

// pass lets time go by; each second a reading comes in, and out too while the link is up.
func (p *past) pass(d time.Duration) {
	for range int(d / time.Second) {
		time.Sleep(time.Second) // of the bubble
		p.l.counts.Read++
		p.l.counts.Waiting++
		if p.l.online() {
			n := min(p.l.counts.Waiting, 10)
			p.l.counts.Acked += n
			p.l.counts.Waiting -= n
		}
		p.look()
	}
}

func (p *past) look() {
	p.l.at = time.Now()
	p.l.counts.Lost = maps.Clone(p.l.counts.Lost)
	p.note(p.l)
}

func (p *past) lose(reason string, n uint64) {
	p.l.counts.Lost[reason] += n
	p.l.counts.Waiting -= n
}

func (p *past) statement() string {
	o := p.lastOutage(time.Now(), time.Now(), true)
	if o == nil {
		return ""
	}
	return o.Statement(status.Wording{Group: ","})
}

// TestOutageFromLooks: what the gateway says of an outage from its beginning until the last
// of what waited has arrived. The bubble's clock begins at midnight.
func TestOutageFromLooks(t *testing.T) {
	says := func(t *testing.T, p *past, want string) {
		t.Helper()
		if got := p.statement(); got != want {
			t.Errorf("%s, want\n%s", got, want)
		}
	}
	for name, f := range map[string]func(t *testing.T, p *past){
		"delivered": func(t *testing.T, p *past) {
			p.pass(10 * time.Minute)
			p.link(uplink.Waiting, uplink.ProblemDNS)
			p.pass(59 * time.Second)
			says(t, p, "")
			p.pass(29*time.Minute + time.Second)
			says(t, p, "Link down since 00:10, for 30 min (DNS). 1,800 readings wait, none lost so far.")
			p.link(uplink.Online, "")
			p.pass(20 * time.Second)
			says(t, p, "Link down 00:10-00:40 (DNS). 1,800 readings waited, 200 delivered so far, 1,600 still to go, none lost.")
			p.pass(10 * time.Minute)
			says(t, p, "Link down 00:10-00:40 (DNS). 1,800 readings waited, all delivered by 00:43, none lost.")
		},
		"lost": func(t *testing.T, p *past) {
			p.pass(time.Minute)
			p.link(uplink.Waiting, uplink.ProblemTimeout)
			p.pass(10 * time.Minute)
			p.lose("full", 500)
			p.l.counts.Lost["rate"] += 3
			p.l.counts.Read += 3
			p.pass(time.Minute)
			p.link(uplink.Online, "")
			p.pass(5 * time.Minute)
			says(t, p, "Link down 00:01-00:12 (no answer). 600 readings waited, the others delivered by 00:12, 500 lost (buffer full).")
		},
		"lost after it": func(t *testing.T, p *past) {
			p.pass(time.Minute)
			p.link(uplink.Waiting, uplink.ProblemTimeout)
			p.pass(10 * time.Minute)
			p.link(uplink.Online, "")
			p.pass(time.Second)
			p.lose("age", 590)
			p.pass(time.Second)
			says(t, p, "Link down 00:01-00:11 (no answer). 600 readings waited, the others delivered by 00:11, 590 lost (too old).")
		},
		"an unknown number": func(t *testing.T, p *past) {
			p.pass(time.Minute)
			p.link(uplink.Waiting, uplink.ProblemTimeout)
			p.pass(2 * time.Minute)
			p.l.loss = &buffer.Loss{Reason: "corrupt", AtLeast: true}
			p.pass(time.Second)
			says(t, p, "Link down since 00:01, for 2 min (no answer). 121 readings wait, an unknown number lost.")
		},
		"the cause that lasted": func(t *testing.T, p *past) {
			p.pass(time.Minute)
			p.link(uplink.Waiting, uplink.ProblemNoPong)
			p.pass(10 * time.Second)
			p.link(uplink.Waiting, uplink.ProblemDNS)
			p.pass(5 * time.Minute)
			p.link(uplink.Connecting, "")
			p.pass(2 * time.Second)
			p.link(uplink.Waiting, uplink.ProblemRefused)
			p.pass(10 * time.Second)
			says(t, p, "Link down since 00:01, for 5 min (DNS). 322 readings wait, none lost so far.")
		},
		"sent again after a second end": func(t *testing.T, p *past) {
			p.pass(time.Minute)
			p.link(uplink.Waiting, uplink.ProblemDNS)
			p.pass(2 * time.Minute)
			p.link(uplink.Online, "")
			p.pass(5 * time.Second)
			p.link(uplink.Waiting, uplink.ProblemDNS)
			p.l.counts.Acked, p.l.counts.Waiting = p.l.counts.Acked-50, p.l.counts.Waiting+50 // held ones wait again
			p.pass(10 * time.Second)
			says(t, p, "Link down 00:01-00:03 (DNS). 120 readings waited, 0 delivered so far, 120 still to go, none lost.")
			p.link(uplink.Online, "")
			p.pass(time.Minute)
			says(t, p, "Link down 00:01-00:03 (DNS). 120 readings waited, all delivered by 00:03, none lost.")
		},
		"fresh readings first": func(t *testing.T, p *past) {
			p.pass(time.Minute)
			p.link(uplink.Waiting, uplink.ProblemDNS)
			p.pass(2 * time.Minute)
			p.link(uplink.Online, "")
			p.l.link.Backlog = true
			p.l.counts.Acked += 500 // fresh ones
			p.l.counts.Read += 500
			p.pass(5 * time.Second)
			if o := p.outages[0]; o.left == 0 || !o.done.IsZero() {
				t.Errorf("the link says that old ones are on their way: %+v", o)
			}
			p.l.link.Backlog = false
			p.look()
			if o := p.outages[0]; o.left != 0 || o.done.IsZero() {
				t.Errorf("%+v", o)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPast()
				p.look()
				f(t, p)
			})
		})
	}
}

// TestOutageSinceTheStart, and one that is planned.
func TestOutageSinceTheStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPast()
		p.link(uplink.Connecting, "")
		p.look()
		p.link(uplink.Waiting, uplink.ProblemRefused)
		p.pass(5 * time.Minute)
		if got, want := p.statement(), "Link down since the start at 00:00, for 5 min (server refused the connection). 300 readings wait, none lost so far."; got != want {
			t.Errorf("%s, want %s", got, want)
		}
		if len(p.links) != 1 || p.links[0].code != uplink.ProblemRefused {
			t.Errorf("the first attempt belongs to it: %+v", p.links)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		p := newPast()
		p.link(uplink.Stopped, "")
		p.look()
		p.link(uplink.Online, "")
		p.pass(5 * time.Minute)
		if len(p.outages) != 0 || len(p.links) != 2 || p.links[0].state != status.LinkConnecting {
			t.Errorf("a start is no outage: %+v %+v", p.outages, p.links)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		p := newPast()
		p.look()
		p.link(uplink.Waiting, "")
		p.l.link.Opens = time.Now().Add(time.Hour)
		p.pass(5 * time.Minute)
		if got, want := p.statement(), "Outside the uplink hours since 00:00, for 5 min. 300 readings wait, none lost so far."; got != want {
			t.Errorf("%s, want %s", got, want)
		}
	})
}

// TestHistoryOfADay: a plot without holes, whose counts add up, in a memory that does not grow.
func TestHistoryOfADay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPast()
		p.look()
		for range 14 {
			p.pass(time.Hour)
			p.link(uplink.Waiting, uplink.ProblemDNS)
			p.pass(time.Hour)
			p.link(uplink.Online, "")
		}
		now := time.Now()
		h := p.of(now, now, false)
		if len(h.Minutes.At) != historyMinutes || cap(p.minutes.points) > 2*historyMinutes || len(h.Seconds.At) != 0 {
			t.Fatalf("%d points, room for %d, %d seconds", len(h.Minutes.At), cap(p.minutes.points), len(h.Seconds.At))
		}
		for i, at := range h.Minutes.At {
			if i > 0 && at-h.Minutes.At[i-1] != 60 {
				t.Fatalf("point %d is %d s after the one before", i, at-h.Minutes.At[i-1])
			}
			if h.Minutes.In[i] != 60 {
				t.Fatalf("point %d: %d came in", i, h.Minutes.In[i])
			}
		}
		if last := len(h.Minutes.At) - 1; h.Minutes.At[last] != now.Unix() || h.Minutes.Online[last] != 0 || h.Minutes.Online[last-60] != 100 {
			t.Errorf("the last point is of %d, it is %d; %v", h.Minutes.At[last], now.Unix(), h.Minutes.Online[last-61:])
		}
		out := uint64(0)
		for _, n := range h.Minutes.Out {
			out += n
		}
		if want := uint64(12 * 7200); out != want {
			t.Errorf("%d delivered in 24 h, want %d", out, want)
		}
		if len(h.Outages) < 12 || len(h.Outages) > 13 || len(h.Links) < 24 || len(h.Links) > 26 || h.Links[0].To < h.Began {
			t.Errorf("%d outages, %d states of the link: %+v", len(h.Outages), len(h.Links), h.Links)
		}
		for i, l := range h.Links[1:] {
			if l.From != h.Links[i].To {
				t.Errorf("a hole between %+v and %+v", h.Links[i], l)
			}
		}
	})
}

// TestHistoryIsBounded: a link that breaks every other second for days fills no memory.
func TestHistoryIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPast()
		for range 2000 {
			p.link(uplink.Waiting, uplink.ProblemDNS)
			p.pass(2 * time.Second)
			p.link(uplink.Online, "")
			p.pass(time.Second)
		}
		if len(p.links) > historyLinks || cap(p.links) > 2*historyLinks || len(p.outages) > historyOutages {
			t.Errorf("%d states in %d, %d outages", len(p.links), cap(p.links), len(p.outages))
		}
	})
}

// TestSecondsOnlyWhileAsked: single seconds are kept from the first question until some
// time after the last.
func TestSecondsOnlyWhileAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPast()
		p.pass(time.Minute)
		if h := p.of(time.Now(), time.Now(), true); len(h.Seconds.At) != 0 {
			t.Errorf("%d seconds before anybody asked", len(h.Seconds.At))
		}
		for range 90 {
			p.pass(time.Minute)
			p.of(time.Now(), time.Now(), true)
		}
		h := p.of(time.Now(), time.Now(), true)
		if n := len(h.Seconds.At); n != historySeconds || h.Seconds.At[n-1]-h.Seconds.At[0] != historySeconds-1 {
			t.Errorf("%d seconds of an hour", n)
		}
		p.pass(2 * secondsKept)
		if h := p.of(time.Now(), time.Now(), false); len(h.Seconds.At) != 0 || p.seconds.points != nil {
			t.Errorf("%d seconds for nobody", len(p.seconds.points))
		}
	})
}

// TestHistoryMovesWithTheClock: a step of the wall clock moves the past with it.
func TestHistoryMovesWithTheClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPast()
		p.look()
		p.pass(5 * time.Minute)
		p.link(uplink.Waiting, uplink.ProblemDNS)
		p.pass(5 * time.Minute)
		now := time.Now()
		before, after := p.of(now, now, false), p.of(now, now.AddDate(10, 0, 0), false)
		step := int64(now.AddDate(10, 0, 0).Sub(now).Seconds())
		for i, at := range before.Minutes.At {
			if after.Minutes.At[i]-at != step {
				t.Fatalf("point %d moved by %d s, want %d", i, after.Minutes.At[i]-at, step)
			}
		}
		if after.Links[1].From-before.Links[1].From != step || after.Outages[0].Began.Sub(before.Outages[0].Began) != now.AddDate(10, 0, 0).Sub(now) ||
			after.Outages[0].BeganS != before.Outages[0].BeganS {
			t.Errorf("%+v\n%+v", before, after)
		}
	})
}

// TestHistoryHoldsNoEmptyList: JSON has lists, not null.
func TestHistoryHoldsNoEmptyList(t *testing.T) {
	b, err := json.Marshal(new(history).of(time.Now(), time.Now(), true))
	if err != nil || strings.Contains(string(b), "null") {
		t.Errorf("%s %v", b, err)
	}
}

// BenchmarkHistory is what a look costs.
func BenchmarkHistory(b *testing.B) {
	p := newPast()
	for i := range deviceHours {
		p.l.devices = append(p.l.devices, device.Status{Name: fmt.Sprint(i)})
	}
	for b.Loop() {
		p.note(p.l)
	}
}

// TestHourOfDevices: what each device gave by the minute, where the minutes of the history
// end; a restart of the count is no flood, and who is gone is forgotten.
func TestHourOfDevices(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPast()
		p.l.devices = []device.Status{{Name: "gps"}, {Name: "panel"}}
		p.look()
		pass := func(minutes int) {
			for range minutes * 60 {
				p.l.devices = slices.Clone(p.l.devices)
				for i := range p.l.devices {
					p.l.devices[i].Read += uint64(len(p.l.devices[i].Name))
				}
				p.pass(time.Second)
			}
		}
		hours := func() []status.DeviceHour { return p.of(time.Now(), time.Now(), false).Devices }
		pass(30)
		if h := hours(); len(h) != 2 || len(h[0].In) != len(p.minutes.points) || h[0].In[5] != 180 || h[1].In[29] != 300 {
			t.Errorf("after half an hour: %+v", h)
		}
		p.l.devices[0].Read = 0
		pass(100)
		if h := hours(); len(h[0].In) != deviceMinutes || slices.Max(h[0].In) != 180 || slices.Min(h[1].In) != 300 {
			t.Errorf("after a restart of the device: %+v", h)
		}
		p.l.devices = []device.Status{{Name: "panel", Read: p.l.devices[1].Read}, {Name: "ble"}}
		pass(3)
		if h := hours(); len(h) != 2 || h[0].Name != "panel" || h[0].In[59] != 300 || h[1].Name != "ble" || len(h[1].In) != 3 || h[1].In[2] != 180 {
			t.Errorf("with another configuration: %+v", h)
		}
		p.l.devices = nil
		for i := range 100 {
			p.l.devices = append(p.l.devices, device.Status{Name: fmt.Sprint(i)})
		}
		pass(1)
		if n := len(hours()); n != deviceHours {
			t.Errorf("%d devices of 100 are remembered", n)
		}
	})
}

// TestLookAtDevicesAllocatesNothing, with as many of them as are remembered.
func TestLookAtDevicesAllocatesNothing(t *testing.T) {
	p := newPast()
	for i := range deviceHours {
		p.l.devices = append(p.l.devices, device.Status{Name: fmt.Sprint(i)})
	}
	p.note(p.l)
	if n := testing.AllocsPerRun(100, func() {
		p.noteDevices(p.l.devices)
		p.endMinute()
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// TestPlannedRestIsMarked in the states of the link.
func TestPlannedRestIsMarked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPast()
		p.pass(time.Minute)
		p.link(uplink.Waiting, "")
		p.l.link.Opens = time.Now().Add(time.Hour)
		p.pass(time.Minute)
		p.link(uplink.Waiting, uplink.ProblemDNS)
		p.l.link.Opens = time.Time{}
		p.pass(time.Minute)
		h := p.of(time.Now(), time.Now(), false)
		if len(h.Links) != 3 || h.Links[0].Planned || !h.Links[1].Planned || h.Links[2].Planned {
			t.Errorf("%+v", h.Links)
		}
	})
}
