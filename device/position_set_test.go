package device

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"portti/device/clock/clocktest"
)

// twoReceivers is a gateway with a receiver on the roof, and one that stands in for it.
type twoReceivers struct {
	set      *Set
	sink     *memorySink
	dash     *fakeLine
	roof     atomic.Pointer[fakeLine]
	roofGone atomic.Bool
}

func (g *twoReceivers) open(_ context.Context, c Config) (Opened, error) {
	switch {
	case c.Name == "dash":
		return Opened{Line: g.dash, Path: c.Port}, nil
	case g.roofGone.Load():
		return Opened{}, &OpenError{State: Missing, Code: CodeGone, Err: errors.New("it is gone")}
	}
	g.roof.Store(newFakeLine())
	return Opened{Line: g.roof.Load(), Path: c.Port}, nil
}

func (g *twoReceivers) say(seconds int, at time.Time) time.Time {
	for range seconds {
		text := cycle(at.Format("150405.00"), "6500.74400", "0.10", "57.30")
		if !g.roofGone.Load() {
			g.roof.Load().feed <- text
		}
		g.dash.feed <- text
		time.Sleep(time.Second)
		synctest.Wait()
		at = at.Add(time.Second)
	}
	return at
}

// TestTwoReceiversOfOneGateway: the devices of a Set know of each other, what a fence was
// told outlives a port, and what is withheld is counted.
func TestTwoReceiversOfOneGateway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		env, _ := loggedEnv()
		env.Live = true
		g := &twoReceivers{sink: newSink(), dash: newFakeLine()}
		lat, lon := 65.0124, 25.4681
		o := PositionOptions{Detail: "off", MinInterval: "5s", Fence: map[string]FenceOptions{"yard": {Lat: &lat, Lon: &lon, Radius: 50}}}
		second := o
		second.FallbackFor = "roof"
		g.set = newSet(t, env, g.sink, Tuning{Open: g.open},
			Config{Name: "roof", Type: "gps", Port: "/dev/roof", ID: "ROOF", Options: &GPSOptions{PositionOptions: o}},
			Config{Name: "dash", Type: "gps", Port: "/dev/dash", ID: "DASH", Options: &GPSOptions{PositionOptions: second}})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { g.set.Run(ctx); close(done) }()
		defer func() { cancel(); <-done }()
		synctest.Wait()

		at := g.say(30, gpsNoon)
		roof, dash := g.set.Status()[0], g.set.Status()[1]
		if roof.Read != 7 || roof.Withheld < 23 || dash.Read != 0 || dash.Withheld < 29 || !strings.Contains(dash.Detail, "waits: in use is roof") {
			t.Errorf("both well: the first has read %d and withheld %d, the second %d and %d, %q", roof.Read, roof.Withheld, dash.Read, dash.Withheld, dash.Detail)
		}
		g.roofGone.Store(true)
		close(g.roof.Load().gone)
		at = g.say(30, at)
		if dash = g.set.Status()[1]; dash.Read < 4 || !strings.Contains(dash.Detail, "in use: roof has no position") {
			t.Errorf("the first is gone: the second has read %d, %q", dash.Read, dash.Detail)
		}
		g.roofGone.Store(false)
		time.Sleep(2 * time.Second)
		synctest.Wait()
		g.say(45, at.Add(2*time.Second))
		if dash = g.set.Status()[1]; !strings.Contains(dash.Detail, "waits: in use is roof") {
			t.Errorf("the first is back: %q", dash.Detail)
		}
		if told := strings.Count(strings.Join(g.sink.all(), "\n"), `"tsmId":90120`); told != 1 {
			t.Errorf("the fence was told %d times, want once:\n%s", told, strings.Join(g.sink.all(), "\n"))
		}
	})
}

// TestAStuckReceiverCrossesNothing: it says where it was, while the one that stands in says
// where the thing is.
func TestAStuckReceiverCrossesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := clocktest.NewMachine(1, 0).Clock(gpsFloor)
		known := newReceivers(c.Now().Mono)
		o := PositionOptions{Fence: map[string]FenceOptions{"yard": circleAt(100)}}
		first := newReceiverOn(c, known, "roof", o)
		o.FallbackFor = "roof"
		second := newReceiverOn(c, known, "dash", o)
		for i := range 200 {
			first.say(at(0, 0, 20, 0))
			second.say(at(20*float64(i), 0, 20, 0))
			time.Sleep(time.Second)
		}
		all := strings.Join(append(first.out.lines, second.out.lines...), "\n")
		if n := strings.Count(all, `"tsmId":90120,"tsmEv":7`); !first.out.flags[codeStuck] || n != 1 {
			t.Errorf("stuck %v, and the fence was crossed %d times, want once", first.out.flags[codeStuck], n)
		}
	})
}

// TestDwellOfAStandIn: a position that decided for the other side of a fence before the
// receiver had to wait is none that the side was kept since.
func TestDwellOfAStandIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := clocktest.NewMachine(1, 0).Clock(gpsFloor)
		known := newReceivers(c.Now().Mono)
		yard := circleAt(100)
		yard.Dwell = "10s"
		o := PositionOptions{Fence: map[string]FenceOptions{"yard": yard}}
		first := newReceiverOn(c, known, "roof", o)
		o.FallbackFor = "roof"
		second := newReceiverOn(c, known, "dash", o)
		run := func(seconds int, roof bool, north float64) {
			for range seconds {
				if roof {
					first.say(at(0, 0, 0, 0))
				}
				second.say(at(north, 0, 0, 0))
				time.Sleep(time.Second)
			}
		}
		run(20, false, 0)  // the second is in use, inside;
		run(29, true, 0)   // the first is back,
		run(1, true, 300)  // and the last that counts of the second is outside;
		run(20, true, 0)   // it waits,
		run(9, false, 0)   // and is in use again
		run(5, false, 300) // when it has left
		if text := strings.Join(second.out.lines, "\n"); strings.Contains(text, `"inside":0`) {
			t.Errorf("outside for five seconds is told, with a dwell of ten:\n%s", text)
		}
	})
}

// TestRateLimitLeavesACrossing: it is told once, where there is another position next.
func TestRateLimitLeavesACrossing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		env, _ := loggedEnv()
		line, sink := newFakeLine(), newSink()
		lat, lon := 65.0124, 25.4681
		o := PositionOptions{Fence: map[string]FenceOptions{"yard": {Lat: &lat, Lon: &lon, Radius: 50}}}
		open := func(context.Context, Config) (Opened, error) { return Opened{Line: line, Path: "/dev/gps"}, nil }
		set := newSet(t, env, sink, Tuning{Open: open}, Config{Name: "gps", Type: "gps", Port: "/dev/gps", ID: tuid, RateLimit: 1, Options: &GPSOptions{PositionOptions: o}})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { set.Run(ctx); close(done) }()
		defer func() { cancel(); <-done }()
		synctest.Wait()
		for i := range 10 {
			line.feed <- cycle(gpsNoon.Add(time.Duration(i)*time.Second).Format("150405.00"), []string{"6500.74400", "6500.84400"}[i/5], "0.10", "57.30")
			time.Sleep(time.Second)
			synctest.Wait()
		}
		if all := strings.Join(sink.all(), "\n"); strings.Count(all, `"inside":1`) != 1 || strings.Count(all, `"inside":0`) != 1 {
			t.Errorf("one entered and one left are not both told:\n%s", all)
		}
	})
}
