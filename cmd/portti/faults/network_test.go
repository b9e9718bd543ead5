//go:build faults

package faults

import (
	"errors"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"portti/cmd/portti/rig"
	"portti/cmd/portti/status"
	"portti/cmd/portti/testbed"
	"portti/cross/testkit"
)

// cable joins two network namespaces of the test: the gateway's, 10.77.0.1,
// and the server's, 10.77.0.2.
type cable struct {
	t               *testing.T
	gateway, remote string // names of namespaces
}

func newCable(t *testing.T) *cable {
	t.Helper()
	needRoot(t)
	testkit.NeedTool(t, "ip")
	id := strconv.FormatInt(time.Now().UnixNano()%1e8, 36)
	c := &cable{t: t, gateway: "pfg" + id, remote: "pfr" + id}
	if out, err := exec.Command("ip", "netns", "add", c.gateway).CombinedOutput(); err != nil {
		testkit.Need(t, "the right to make network namespaces", errors.New(string(out)))
	}
	t.Cleanup(func() { _ = exec.Command("ip", "netns", "del", c.gateway).Run() })
	command(t, "ip", "netns", "add", c.remote)
	t.Cleanup(func() { _ = exec.Command("ip", "netns", "del", c.remote).Run() })
	command(t, "ip", "link", "add", "eth0", "netns", c.gateway, "type", "veth", "peer", "name", "eth0", "netns", c.remote)
	for ns, addr := range map[string]string{c.gateway: "10.77.0.1/24", c.remote: "10.77.0.2/24"} {
		c.ip(ns, "addr", "add", addr, "dev", "eth0")
		c.ip(ns, "link", "set", "lo", "up")
		c.ip(ns, "link", "set", "eth0", "up")
	}
	return c
}

func (c *cable) ip(ns string, args ...string) {
	c.t.Helper()
	command(c.t, append([]string{"ip", "-n", ns}, args...)...)
}

func inside(ns string) []string { return []string{"ip", "netns", "exec", ns} }

// newFarSite is a gateway in one namespace with a server process in another.
func newFarSite(t *testing.T) (*site, *cable, *receiver) {
	c := newCable(t)
	s := newSite(t, testbed.Options{})
	r := &receiver{t: t, addr: "10.77.0.2:8080", out: filepath.Join(s.Dir, "received"), in: inside(c.remote)}
	r.start()
	s.URL = "ws://10.77.0.2:8080/socket"
	s.wrap(inside(c.gateway)...)
	s.Uplink = "ping_interval = \"2s\"\npong_timeout = \"2s\"\ninsecure = true"
	return s, c, r
}

// Rows 34 and 50: the path swallows everything and nobody says so, or the
// cable of the server or of the gateway itself is pulled. It is found within
// ping_interval and pong_timeout, everything waits, and when the path is back
// it all arrives, what was under way included.
func TestHalfOpen(t *testing.T) {
	for name, c := range map[string]struct{ cut, mend func(*cable) }{
		"address gone": {
			cut: func(c *cable) {
				// The link is up and the neighbour known: packets go and are dropped.
				c.ip(c.remote, "addr", "del", "10.77.0.2/24", "dev", "eth0")
				c.ip(c.gateway, "neigh", "replace", "10.77.0.2", "dev", "eth0", "nud", "permanent", "lladdr", c.mac())
			},
			mend: func(c *cable) { c.ip(c.remote, "addr", "add", "10.77.0.2/24", "dev", "eth0") },
		},
		"far cable": {
			cut:  func(c *cable) { c.ip(c.remote, "link", "set", "eth0", "down") },
			mend: func(c *cable) { c.ip(c.remote, "link", "set", "eth0", "up") },
		},
		"own cable": {
			cut:  func(c *cable) { c.ip(c.gateway, "link", "set", "eth0", "down") },
			mend: func(c *cable) { c.ip(c.gateway, "link", "set", "eth0", "up") },
		},
		"blackhole route": {
			cut:  func(c *cable) { c.ip(c.remote, "route", "add", "blackhole", "10.77.0.1/32") },
			mend: func(c *cable) { c.ip(c.remote, "route", "del", "blackhole", "10.77.0.1/32") },
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, cable, r := newFarSite(t)
			g := s.Start()
			s.Line().Feed(100)
			g.Until("100 are acknowledged", func(st *status.Document) bool { return st.Totals.Acked == 100 })
			c.cut(cable)
			s.Line().Feed(200)
			st := g.Until("it is noticed", func(st *status.Document) bool { return st.Link.State != status.LinkOnline })
			// What was acknowledged within the hold waits again.
			if st.Totals.Acked > 100 || st.Link.Problem == "" || st.Link.LastError == "" {
				t.Errorf("link %+v, totals %+v", st.Link, st.Totals)
			}
			s.Line().Feed(200)
			g.Until("500 are read", rig.Read(500))
			c.mend(cable)
			problem := st.Link.Problem
			st = g.Until("all are acknowledged", func(st *status.Document) bool { return st.Totals.Acked == 500 })
			g.Stop()
			r.kill()
			s.Oracle.TakeFile(t, r.out)
			s.Whole(st)
			t.Logf("noticed as %s", problem)
		})
	}
}

// mac is the address of the far end of the cable.
func (c *cable) mac() string {
	c.t.Helper()
	f := strings.Fields(command(c.t, "ip", "-n", c.remote, "-o", "link", "show", "eth0"))
	for i, w := range f {
		if w == "link/ether" {
			return f[i+1]
		}
	}
	c.t.Fatalf("no address in %q", f)
	return ""
}

// A real dead path: the stop is in time though nothing answers and
// no reset comes, and nothing is lost.
func TestStopOnDeadPath(t *testing.T) {
	t.Parallel()
	s, c, r := newFarSite(t)
	g := s.Start()
	s.Line().Feed(100)
	g.Until("100 are acknowledged", func(st *status.Document) bool { return st.Totals.Acked == 100 })
	c.ip(c.remote, "link", "set", "eth0", "down")
	s.Line().Feed(300)
	g.Until("400 are read", rig.Read(400))
	g.Stop()
	c.ip(c.remote, "link", "set", "eth0", "up")
	g = s.Start()
	st := g.Until("all are delivered", func(st *status.Document) bool { return rig.Drained(st) && st.Totals.Acked == 400 })
	g.Stop()
	r.kill()
	s.Oracle.TakeFile(t, r.out)
	s.Whole(st)
}
