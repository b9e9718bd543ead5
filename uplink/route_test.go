package uplink

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"portti/uplink/uplinktest"
)

// hosts is a network of several servers by name.
type hosts struct {
	mu    sync.Mutex
	up    map[string]bool
	dials []string
	nets  map[string]*memNet
}

func newHosts(serve map[string]func(n int, w *wire)) *hosts {
	h := &hosts{up: map[string]bool{}, nets: map[string]*memNet{}}
	for name, f := range serve {
		h.nets[name], h.up[name] = &memNet{serve: f}, true
	}
	return h
}

func (h *hosts) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	name, _, _ := net.SplitHostPort(addr)
	h.mu.Lock()
	h.dials = append(h.dials, name)
	up := h.up[name]
	h.mu.Unlock()
	if !up {
		return nil, syscall.ECONNREFUSED
	}
	return h.nets[name].dial(ctx, network, addr)
}

func (h *hosts) set(name string, up bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.up[name] = up
}

func (h *hosts) log() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return strings.Join(h.dials, " ")
}

func (h *hosts) wait() {
	for _, n := range h.nets {
		n.wg.Wait()
	}
}

// several starts a link to a.test, b.test and c.test.
func several(t *testing.T, o Options, h *hosts) *world {
	w := &world{t: t, net: &memNet{}, src: newFakeSource(t), logs: &logBook{}, done: make(chan error, 1)}
	o.URLs, o.Insecure = []string{"ws://a.test/s", "ws://b.test/s", "ws://c.test/s"}, true
	o.Auth = AuthNone
	o.Dial = h.dial
	o.Rand = func() float64 { return 0.999999 }
	link, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	w.link = link
	return w
}

// Addresses are tried in order without a pause between them, with one after
// the last; from another than the first the link comes back in order, and
// nothing is lost or left on the way.
func TestSeveralAddresses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		led := newLedger()
		take := func(_ int, w *wire) {
			if w.accept() == nil {
				w.pump(func(text []byte) bool { led.process(text); return true })
			}
		}
		h := newHosts(map[string]func(int, *wire){"a.test": take, "b.test": take, "c.test": take})
		for name := range h.nets {
			h.set(name, false)
		}
		w := several(t, Options{}, h)
		w.src.hold = true
		w.src.add(10)
		w.run()
		time.Sleep(20 * time.Second)
		synctest.Wait()
		if log := h.log(); !strings.HasPrefix(log, "a.test b.test c.test a.test b.test c.test a.test b.test c.test") || strings.Count(log, "a.test") > 5 {
			t.Errorf("dials %s: want rounds, a few in 20 s", log)
		}
		h.set("b.test", true)
		time.Sleep(time.Minute)
		w.state(Online)
		if st := w.link.Status(); st.Server != "ws://b.test" {
			t.Errorf("server %s", st.Server)
		}
		w.src.add(10)
		time.Sleep(time.Minute)
		before := h.log()
		h.set("a.test", true)
		time.Sleep(15 * time.Minute) // preferredMin and a quarter
		w.state(Online)
		if st := w.link.Status(); st.Server != "ws://a.test" || st.Failures == 0 {
			t.Errorf("server %s", st.Server)
		}
		if more := strings.TrimPrefix(h.log(), before); more != " a.test" {
			t.Errorf("dials on the way home: %s", more)
		}
		w.src.add(10)
		w.src.seal()
		if err := <-w.done; err != nil {
			t.Fatal(err)
		}
		led.check(t, 30)
		if w.src.count(released) != 30 || len(led.got) != 30 {
			t.Errorf("%d released", w.src.count(released))
		}
		for n, times := range led.got {
			if times != 1 {
				t.Errorf("record %d came %d times although nothing broke", n, times)
			}
		}
		w.stop()
		h.wait()
	})
}

// While the preferred address stays away, the link leaves a good one for it
// ever more rarely.
func TestHomeIsTriedMoreAndMoreRarely(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHosts(map[string]func(int, *wire){"a.test": polite, "b.test": polite, "c.test": polite})
		h.set("a.test", false)
		w := several(t, Options{}, h)
		w.run()
		time.Sleep(48 * time.Hour)
		synctest.Wait()
		if n := strings.Count(h.log(), "a.test"); n < 5 || n > 14 {
			t.Errorf("the absent first address was tried %d times in two days", n)
		}
		w.end()
		h.wait()
	})
}

// Row 38: an overloaded server is left for the next address at once; a token
// that is refused is not carried around before it was fetched anew.
func TestOverloadedServerIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHosts(map[string]func(int, *wire){"a.test": func(_ int, w *wire) {
			if w.accept() == nil {
				w.close(1013, "")
			}
		}, "b.test": polite, "c.test": polite})
		w := several(t, Options{}, h)
		w.run()
		time.Sleep(3 * time.Second)
		w.state(Online)
		if h.log() != "a.test b.test" {
			t.Errorf("dials %s", h.log())
		}
		w.end()
		h.wait()
	})
}

// The limit of a frame is a server's own: one that takes little does not make
// frames small for the others. It is kept over a restart.
func TestLimitsAreKeptByServer(t *testing.T) {
	file := filepath.Join(t.TempDir(), "limits.json")
	run := func(t *testing.T) (refused int, w *world) {
		synctest.Test(t, func(t *testing.T) {
			var mu sync.Mutex
			small := func(_ int, w *wire) {
				if w.accept() == nil {
					w.pump(func(text []byte) bool {
						if len(text) > 5_000 {
							mu.Lock()
							refused++
							mu.Unlock()
							w.close(1009, "too big")
							return false
						}
						return true
					})
				}
			}
			h := newHosts(map[string]func(int, *wire){"a.test": small, "b.test": polite, "c.test": polite})
			w = several(t, Options{LimitsFile: file}, h)
			w.src.add(2_000)
			w.src.seal()
			w.run()
			if err := <-w.done; err != nil {
				t.Fatal(err)
			}
			if n := w.src.count(released); n != 2_000 {
				t.Errorf("%d released", n)
			}
			w.stop()
			h.wait()
		})
		return refused, w
	}
	refused, w := run(t)
	if refused == 0 || w.link.routes[0].poison.maxBytes >= 5_000 || w.link.routes[1].poison.maxBytes != 30_000 {
		t.Errorf("%d refused, limits %d and %d", refused, w.link.routes[0].poison.maxBytes, w.link.routes[1].poison.maxBytes)
	}
	if again, _ := run(t); again != 0 {
		t.Errorf("%d frames refused after a restart", again)
	}
	raw, err := os.ReadFile(file)
	if err != nil || strings.Contains(string(raw), "test") {
		t.Errorf("the file holds %s, %v", raw, err)
	}
	for _, bad := range []string{"", "{", `{"x":"y"}`, strings.Repeat(" ", maxLimitsFile+1)} {
		if err := os.WriteFile(file, []byte(bad), 0o600); err != nil {
			t.Fatal(err)
		}
		if again, _ := run(t); again == 0 {
			t.Errorf("with %.10q in the file nothing was learnt anew", bad)
		}
	}
}

// A file of limits that the disk does not deliver is not written over: what it says
// of other servers is taken up when it can be read.
func TestLimitsThatCannotBeReadAreKept(t *testing.T) {
	dir := t.TempDir()
	file, sound := filepath.Join(dir, "limits.json"), filepath.Join(dir, "sound")
	fresh := func() *Link { return several(t, Options{LimitsFile: file}, newHosts(nil)).link }
	first := fresh()
	first.routes[1].poison.maxBytes = 7_000
	first.keepLimits()
	<-first.saved
	// A regular file whose first byte gives EIO, also to root.
	if err := errors.Join(os.Rename(file, sound), os.Symlink("/proc/self/mem", file)); err != nil {
		t.Fatal(err)
	}
	l := fresh()
	l.routes[0].poison.maxBytes = 5_000
	l.keepLimits()
	<-l.saved
	if to, err := os.Readlink(file); err != nil || to != "/proc/self/mem" {
		t.Fatalf("it was written over: %q, %v", to, err)
	}
	if err := os.Rename(sound, file); err != nil {
		t.Fatal(err)
	}
	l.keepLimits()
	<-l.saved
	if again := fresh(); again.routes[0].poison.maxBytes != 5_000 || again.routes[1].poison.maxBytes != 7_000 {
		t.Errorf("limits %d and %d", again.routes[0].poison.maxBytes, again.routes[1].poison.maxBytes)
	}
}

// TestReachedIsKept: an address that was online once is known to be right after a restart
// too, and no other is.
func TestReachedIsKept(t *testing.T) {
	file := filepath.Join(t.TempDir(), "limits.json")
	synctest.Test(t, func(t *testing.T) {
		o := Options{Auth: AuthNone, LimitsFile: file}
		w := start(t, o, func(_ int, w *wire) {
			if w.accept() == nil {
				w.pump(func([]byte) bool { return true })
			}
		})
		if w.link.Status().Reached {
			t.Error("reached before the first connection")
		}
		w.run()
		time.Sleep(time.Second)
		w.state(Online)
		before := w.link.Status()
		w.end()
		w.with(o)
		w.link.Inherit(before)
		if !before.Reached || !w.link.Status().Reached {
			t.Errorf("online: reached %v, after a restart %v", before.Reached, w.link.Status().Reached)
		}
		o.URL = "ws://localhost/other"
		w.with(o)
		if w.link.Inherit(before); w.link.Status().Reached {
			t.Error("another address counts as reached")
		}
	})
}

// TestLimitsOnADiskThatHangs: the link delivers while the disk holds the file up, and the
// end of Run waits for it no longer than said. What was learnt last is written last.
func TestLimitsOnADiskThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, Options{Auth: AuthNone, LimitsFile: "limits.json"}, polite)
		let, wrote := make(chan struct{}), []map[string]int{}
		w.link.save = func(_ string, known map[string]int) error {
			<-let
			wrote = append(wrote, known)
			return nil
		}
		w.src.add(500)
		w.run()
		time.Sleep(10 * time.Second)
		w.state(Online)
		if n := w.src.count(released); n != 500 {
			t.Errorf("%d of 500 delivered", n)
		}
		w.link.route.poison.maxBytes = 5_000
		began := time.Now()
		w.stop()
		if err := <-w.done; !errors.Is(err, context.Canceled) || time.Since(began) > 2*limitsWait {
			t.Errorf("ended after %v with %v", time.Since(began), err)
		}
		w.link.keepLimits()
		close(let)
		<-w.link.saved
		w.net.wg.Wait()
		if key := w.link.route.key; len(wrote) != 2 || wrote[0][key] != 0 || wrote[1][key] != 5_000 {
			t.Errorf("written: %v", wrote)
		}
	})
}

// A limit that cannot be kept stops nothing.
func TestLimitsThatCannotBeKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &memNet{serve: func(_ int, w *wire) {
			if w.accept() == nil {
				w.pump(func(text []byte) bool {
					if len(text) > 1_000 {
						w.close(1009, "")
						return false
					}
					return true
				})
			}
		}}
		logs := &logBook{}
		w := &world{t: t, net: n, src: newFakeSource(t), logs: logs, done: make(chan error, 1)}
		w.with(Options{LimitsFile: "/proc/no/such/folder/limits"})
		w.src.add(100)
		w.src.seal()
		w.run()
		if err := <-w.done; err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(strings.Join(logs.events(), " "), "uplink.limits-save-failed") {
			t.Errorf("events %v", logs.events())
		}
		w.stop()
		n.wg.Wait()
	})
}

// Each of several servers gets a numbering of its own, the same after a
// restart and whatever their order; a single one gets the queue's.
func TestEpochByServer(t *testing.T) {
	epochs := func(urls ...string) map[string]string {
		o := enveloped(Options{URLs: urls, Auth: AuthNone})
		l, err := New(o)
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]string{}
		for i, r := range l.routes {
			l.take(i)
			got[r.name] = r.numbering(testEpoch)
		}
		return got
	}
	one := epochs("wss://a.test/s")
	two := epochs("wss://a.test/s?x=1", "wss://b.test/s")
	turned := epochs("wss://b.test/s", "wss://a.test/s?x=2")
	if one["wss://a.test"] != testEpoch || two["wss://a.test"] == testEpoch || two["wss://a.test"] == two["wss://b.test"] ||
		two["wss://a.test"] != turned["wss://a.test"] || len(two["wss://b.test"]) != 16 {
		t.Errorf("%v %v %v", one, two, turned)
	}
}

// A server that took everything and never said so is left with what it was
// sent; the next one gets it all again.
func TestSwitchRewinds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		led := newLedger()
		h := newHosts(map[string]func(int, *wire){"a.test": func(_ int, w *wire) {
			if w.accept() == nil {
				for k := 0; k < 3; k++ {
					if _, err := w.read(); err != nil {
						return
					}
				}
				w.conn.(*uplinktest.Conn).Reset()
			}
		}, "b.test": func(_ int, w *wire) {
			if w.accept() == nil {
				w.pump(func(text []byte) bool { led.process(text); return true })
			}
		}, "c.test": polite})
		w := several(t, Options{}, h)
		w.src.hold = true
		w.src.add(500)
		w.src.seal()
		w.run()
		if err := <-w.done; err != nil && !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		led.check(t, 500)
		w.stop()
		h.wait()
	})
}
