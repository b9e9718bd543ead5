package uplink

import (
	"math/rand/v2"
	"net"
	"os"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// fleet is many gateways and one server in a time of its own: a heap of
// attempts, each of which asks the link's own rules when to try again.
type fleet struct {
	link  Link
	each  []backoff
	queue attempts
	made  int
	rates []int // attempts in each second
}

type attemptAt struct {
	at time.Duration
	id int32
}

// attempts is a binary heap, the next attempt first.
type attempts []attemptAt

func (h *attempts) push(a attemptAt) {
	*h = append(*h, a)
	q := *h
	for i := len(q) - 1; i > 0 && q[i].at < q[(i-1)/2].at; i = (i - 1) / 2 {
		q[i], q[(i-1)/2] = q[(i-1)/2], q[i]
	}
}

func (h *attempts) pop() attemptAt {
	q := *h
	first, last := q[0], len(q)-1
	q[0] = q[last]
	q = q[:last]
	*h = q
	for i := 0; ; {
		least := i
		for c := 2*i + 1; c <= 2*i+2 && c < last; c++ {
			if q[c].at < q[least].at {
				least = c
			}
		}
		if least == i {
			return first
		}
		q[i], q[least] = q[least], q[i]
		i = least
	}
}

// newFleet is n gateways whose links all end at time zero in that way.
func newFleet(n int, end finding) *fleet {
	rnd := rand.New(rand.NewPCG(100, 500))
	o := Options{Rand: rnd.Float64}
	o.setDefaults()
	f := &fleet{each: make([]backoff, n)}
	for i := range f.each {
		f.each[i] = backoff{base: o.BackoffBase, cap: o.BackoffCap, spread: o.Spread, rand: o.Rand}
		f.again(attemptAt{0, int32(i)}, end)
	}
	return f
}

// again lets gateway a.id wait as the link would after such an end.
func (f *fleet) again(a attemptAt, end finding) {
	f.link.backoff = f.each[a.id]
	d, _ := f.link.delay(&end)
	f.each[a.id] = f.link.backoff
	f.queue.push(attemptAt{a.at + d, a.id})
}

// run makes attempts until the time is up. answer says how one ends; ok: it
// does not.
func (f *fleet) run(until time.Duration, answer func(at time.Duration) (end finding, ok bool)) (back []time.Duration) {
	for len(f.queue) > 0 && f.queue[0].at < until {
		a := f.queue.pop()
		f.made++
		for second := int(a.at / time.Second); len(f.rates) <= second; {
			f.rates = append(f.rates, 0)
		}
		f.rates[a.at/time.Second]++
		if end, ok := answer(a.at); ok {
			back = append(back, a.at)
		} else {
			f.again(a, end)
		}
	}
	return back
}

func fleetEnds() (lost, refused finding) {
	o := Options{}
	o.setDefaults()
	err := &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
	return classifyEnd(nil, &websocket.CloseError{Code: 1006}), classifyDial(&dialError{phase: phaseConnect, err: err}, &o)
}

// fewer says whether long simulations are cut short and large tables sampled, as
// they are under the race detector and with -short, which emulation asks for. A
// run with neither has them whole.
func fewer() bool { return raceDetector || testing.Short() }

// 100,000 gateways lose a server that is away for 60 s and then accepts 500
// handshakes a second. Full jitter brings them back nearly as fast as that
// server can take them.
func TestFleetComesBack(t *testing.T) {
	const outage = 60 * time.Second
	gateways, capacity := 100_000, 500
	if fewer() {
		gateways, capacity = gateways/5, capacity/5
	}
	lost, refused := fleetEnds()
	f := newFleet(gateways, lost)
	accepted := map[time.Duration]int{} // by second
	back := f.run(time.Hour, func(at time.Duration) (finding, bool) {
		second := at / time.Second
		if at < outage || accepted[second] >= capacity {
			return refused, false
		}
		accepted[second]++
		return finding{}, true
	})
	if len(back) != gateways {
		t.Fatalf("%d of %d came back within an hour", len(back), gateways)
	}
	after := func(share int) time.Duration { return (back[gateways/100*share-1] - outage).Round(time.Second) }
	peak := slices.Max(f.rates[outage/time.Second:])
	each := float64(f.made) / float64(gateways)
	t.Logf("%d gateways, %d handshakes/s, %v outage: %.1f attempts per gateway, peak %d/s after recovery, half back after %v, 99 %% after %v",
		gateways, capacity, outage, each, peak, after(50), after(99))
	if after(99) > 400*time.Second || after(50) > 150*time.Second || peak > 8*capacity || each > 12 {
		t.Error("that is worse than full jitter gives")
	}
}

// A server that accepts every one of 100,000 gateways and closes at once, with
// each kind of end, does not draw a storm: backoff begins anew on proof
// only. Beginning anew when a link merely opens was measured to draw 199,000
// attempts a second.
func TestFleetAgainstAServerThatClosesAtOnce(t *testing.T) {
	for code, gateways := range map[int]int{1011: 100_000, 1006: 5_000, 1000: 5_000} {
		end := classifyEnd(nil, &websocket.CloseError{Code: code})
		if fewer() {
			gateways /= 5
		}
		f := newFleet(gateways, end)
		f.run(13*time.Minute, func(time.Duration) (finding, bool) { return end, false })
		late := f.rates[10*60:]
		sum := 0
		for _, n := range late {
			sum += n
		}
		mean := sum / len(late)
		t.Logf("%d gateways, close code %d: %d attempts/s in the long run, at most %d/s", gateways, code, mean, slices.Max(late))
		if mean > gateways/100 || slices.Max(late) > gateways/25 {
			t.Errorf("close code %d: %d attempts/s", code, mean)
		}
	}
}

// Row 46: the 400 gateways of a site lose a server that restarts and says so.
// They come back spread out, none sooner than 5 s, no second with much more
// than its share.
func TestFleetAfterARestart(t *testing.T) {
	const gateways = 400
	restart := classifyEnd(nil, &websocket.CloseError{Code: websocket.CloseServiceRestart})
	f := newFleet(gateways, restart)
	back := f.run(time.Hour, func(time.Duration) (finding, bool) { return finding{}, true })
	if len(back) != gateways || back[0] < 5*time.Second || back[gateways-1] > 31*time.Second {
		t.Fatalf("%d back, the first after %v, the last after %v", len(back), back[0], back[len(back)-1])
	}
	// A sixth draws less than the floor of 5 s and comes then.
	share := float64(gateways) / 30
	for s, n := range f.rates {
		if s > 5 && float64(n) > 2.5*share {
			t.Errorf("%d attempts in second %d", n, s)
		}
	}
	if mean := float64(gateways) / back[gateways-1].Seconds(); mean > 1.1*share {
		t.Errorf("%.1f attempts a second, want %.1f", mean, share)
	}
}
