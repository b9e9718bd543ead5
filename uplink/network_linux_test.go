package uplink

import (
	"context"
	"encoding/binary"
	"errors"
	"net/netip"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"
)

// netlinkMessage is one message of rtnetlink.
func netlinkMessage(kind uint16, body ...byte) []byte {
	b := binary.NativeEndian.AppendUint32(nil, uint32(unix.NLMSG_HDRLEN+len(body)))
	b = binary.NativeEndian.AppendUint16(b, kind)
	b = append(append(b, make([]byte, unix.NLMSG_HDRLEN-6)...), body...)
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	return b
}

func linkBody(index, flags uint32) []byte {
	b := binary.NativeEndian.AppendUint32(make([]byte, 4), index)
	b = binary.NativeEndian.AppendUint32(b, flags)
	return append(b, 0xff, 0xff, 0xff, 0xff)
}

func routeBody(dstLen, table, kind byte, flags uint32) []byte {
	return binary.NativeEndian.AppendUint32([]byte{unix.AF_INET, dstLen, 0, 0, table, 3, 0, kind}, flags)
}

// Row 50: what the kernel says, and whether it is worth an attempt.
func TestNetworkChanges(t *testing.T) {
	const up = unix.IFF_UP | unix.IFF_RUNNING
	r := networkReader{running: map[uint32]bool{}}
	for _, c := range []struct {
		name string
		msg  []byte
		want networkChange
	}{
		{"lo comes up", netlinkMessage(unix.RTM_NEWLINK, linkBody(1, up|unix.IFF_LOOPBACK)...), 0},
		{"switched on, no carrier", netlinkMessage(unix.RTM_NEWLINK, linkBody(2, unix.IFF_UP)...), 0},
		{"carrier", netlinkMessage(unix.RTM_NEWLINK, linkBody(2, up)...), networkAppeared},
		{"said again", netlinkMessage(unix.RTM_NEWLINK, linkBody(2, up)...), 0},
		{"a bridge's word", netlinkMessage(unix.RTM_NEWLINK, append([]byte{7}, linkBody(3, up)[1:]...)...), 0},
		{"cable out", netlinkMessage(unix.RTM_NEWLINK, linkBody(2, unix.IFF_UP)...), networkVanished},
		{"cable in", netlinkMessage(unix.RTM_NEWLINK, linkBody(2, up)...), networkAppeared},
		{"stick pulled", netlinkMessage(unix.RTM_DELLINK, linkBody(2, up)...), networkVanished},
		{"address", netlinkMessage(unix.RTM_NEWADDR, unix.AF_INET, 24, 0, 0, 2, 0, 0, 0), networkAppeared},
		{"address of this host only", netlinkMessage(unix.RTM_NEWADDR, unix.AF_INET, 8, 0, unix.RT_SCOPE_HOST, 1, 0, 0, 0), 0},
		{"IPv6 address said again", netlinkMessage(unix.RTM_NEWADDR, 10, 64, 0, 0, 2, 0, 0, 0), 0},
		{"address gone", netlinkMessage(unix.RTM_DELADDR, unix.AF_INET, 24, 0, 0, 2, 0, 0, 0), networkVanished},
		{"default route", netlinkMessage(unix.RTM_NEWROUTE, routeBody(0, unix.RT_TABLE_MAIN, unix.RTN_UNICAST, 0)...), networkAppeared},
		{"default route gone", netlinkMessage(unix.RTM_DELROUTE, routeBody(0, unix.RT_TABLE_MAIN, unix.RTN_UNICAST, 0)...), networkVanished},
		{"route to one network", netlinkMessage(unix.RTM_NEWROUTE, routeBody(24, unix.RT_TABLE_MAIN, unix.RTN_UNICAST, 0)...), 0},
		{"route of a clone", netlinkMessage(unix.RTM_NEWROUTE, routeBody(0, unix.RT_TABLE_MAIN, unix.RTN_UNICAST, unix.RTM_F_CLONED)...), 0},
		{"prohibited", netlinkMessage(unix.RTM_NEWROUTE, routeBody(0, unix.RT_TABLE_MAIN, 8, 0)...), 0},
		{"somebody's own table", netlinkMessage(unix.RTM_NEWROUTE, routeBody(0, 100, unix.RTN_UNICAST, 0)...), 0},
		{"several at once", append(netlinkMessage(unix.RTM_DELADDR, 0), netlinkMessage(unix.RTM_NEWROUTE, routeBody(0, unix.RT_TABLE_MAIN, unix.RTN_UNICAST, 0)...)...), networkAppeared | networkVanished},
		{"neighbour", netlinkMessage(28, make([]byte, 12)...), 0},
		{"half a message", netlinkMessage(unix.RTM_NEWROUTE, routeBody(0, unix.RT_TABLE_MAIN, unix.RTN_UNICAST, 0)...)[:20], 0},
		{"a short one", netlinkMessage(unix.RTM_NEWROUTE, 2, 0), 0},
		{"no length", make([]byte, 64), 0},
		{"nothing", nil, 0},
	} {
		if got := r.read(c.msg); got != c.want {
			t.Errorf("%s: %b, want %b", c.name, got, c.want)
		}
	}
}

func FuzzNetworkChanges(f *testing.F) {
	f.Add(netlinkMessage(unix.RTM_NEWLINK, linkBody(2, unix.IFF_UP|unix.IFF_RUNNING)...))
	f.Add(append(netlinkMessage(unix.RTM_DELADDR, 1), netlinkMessage(unix.RTM_NEWROUTE, routeBody(0, unix.RT_TABLE_MAIN, unix.RTN_UNICAST, 0)...)...))
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		r := networkReader{running: map[uint32]bool{}}
		r.read(b)
	})
}

// Row 50: an open link whose own address is gone ends at once and comes back,
// long before a ping would have shown it. One that still has its address stays.
func TestLinkLeavesAnAddressThatIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, Options{PingInterval: 5 * time.Minute, Rand: func() float64 { return 0.5 }}, polite)
		w.net.address = netip.MustParseAddr("10.1.1.1")
		w.src.hold = true
		w.src.add(3)
		w.run()
		time.Sleep(time.Second)
		w.state(Online)
		here := func(list ...string) func() ([]netip.Addr, error) {
			return func() (all []netip.Addr, err error) {
				for _, a := range list {
					all = append(all, netip.MustParseAddr(a))
				}
				return all, nil
			}
		}
		w.link.leaveLostAddress(here("127.0.0.1", "::ffff:10.1.1.1"))
		w.link.leaveLostAddress(func() ([]netip.Addr, error) { return nil, errors.New("not allowed") })
		w.state(Online)
		w.link.leaveLostAddress(here("127.0.0.1", "10.2.2.2"))
		w.state(Waiting)
		if st := w.link.Status(); st.LastError != "the link broke: "+errMoved.Error() || st.Problem != ProblemClosed {
			t.Errorf("status %+v", st)
		}
		w.net.address = netip.MustParseAddr("10.2.2.2")
		w.src.add(3)
		time.Sleep(2 * time.Second)
		w.state(Online)
		if n := w.net.count(); n != 2 || w.src.rewinds != 1 || w.src.count(waiting) != 0 {
			t.Errorf("%d dials, %d rewinds, %d waiting", n, w.src.rewinds, w.src.count(waiting))
		}
		w.end()
	})
}

// Row 50: a new way out cuts a long wait short, and a storm of hints makes one
// attempt in 5 s.
func TestHintCutsTheWaitShort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, Options{BackoffBase: 5 * time.Minute}, polite)
		var back atomic.Bool
		w.net.fail = func(int) error {
			if back.Load() {
				return nil
			}
			return syscall.ENETUNREACH
		}
		w.run()
		time.Sleep(time.Minute)
		w.state(Waiting)
		for range 1000 { // a modem that comes up says a lot
			w.link.Wake()
			time.Sleep(10 * time.Millisecond)
		}
		if n := w.net.count(); n > 4 {
			t.Errorf("%d attempts in 10 s", n)
		}
		back.Store(true)
		w.link.Wake()
		time.Sleep(wakeInterval)
		w.state(Online)
		w.end()
	})
}

// Row 50: another way out has appeared while the link stands. Whether it still
// does is found within the patience for a pong, not at the next ping; a storm
// of hints makes a ping in 5 s.
func TestHintMakesALinkProveItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var dead atomic.Bool
		var pings atomic.Int64
		w := start(t, Options{PingInterval: 5 * time.Minute, PongTimeout: 10 * time.Second}, func(_ int, w *wire) {
			if w.accept() != nil {
				return
			}
			for {
				f, err := w.read()
				if err != nil {
					return
				}
				if pings.Add(1); !dead.Load() {
					_ = w.send(fin|opPong, f.data)
				}
			}
		})
		w.run()
		time.Sleep(time.Minute)
		for range 1000 {
			w.link.Wake()
			time.Sleep(10 * time.Millisecond)
		}
		if n := pings.Load(); n > 4 {
			t.Errorf("%d pings in 10 s", n)
		}
		time.Sleep(time.Minute)
		w.state(Online)
		dead.Store(true)
		w.link.Wake()
		time.Sleep(10 * time.Second)
		w.state(Waiting)
		if st := w.link.Status(); st.Problem != ProblemNoPong {
			t.Errorf("status %+v", st)
		}
		w.end()
	})
}

// The subscription ends with its context, whether or not this machine allows
// one.
func TestWatchNetworkEnds(t *testing.T) {
	l := newLink(t, Options{URL: "ws://localhost/"})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); l.WatchNetwork(ctx) }()
	cancel()
	<-ended
}
