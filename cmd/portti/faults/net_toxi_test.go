//go:build faults

package faults

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"portti/cmd/portti/rig"
	"portti/cmd/portti/status"
	"portti/cmd/portti/testbed"
	"portti/cross/testkit"
)

// toxic is a toxiproxy of a test's own, with one proxy in front of one server.
type toxic struct {
	t    *testing.T
	api  string // its control port
	addr string // where the gateway connects
}

var toxics atomic.Int32

func newToxic(t *testing.T, server string) *toxic {
	t.Helper()
	testkit.NeedTool(t, "toxiproxy-server")
	// It cannot choose a port by itself; a loopback address of its own is free.
	host := fmt.Sprintf("127.77.%d.%d", os.Getpid()%250, toxics.Add(1))
	x := &toxic{t: t, api: host + ":8474"}
	cmd := exec.Command("toxiproxy-server", "-host", host, "-port", "8474")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	testkit.Eventually(t, "toxiproxy answers", func() bool {
		r, err := http.Get("http://" + x.api + "/version")
		if err == nil {
			_ = r.Body.Close()
		}
		return err == nil
	})
	answer := x.do("POST", "/proxies", map[string]any{"name": "way", "listen": "127.0.0.1:0", "upstream": server, "enabled": true})
	x.addr, _ = answer["listen"].(string)
	return x
}

func (x *toxic) do(method, path string, body any) map[string]any {
	x.t.Helper()
	text, _ := json.Marshal(body)
	req, err := http.NewRequest(method, "http://"+x.api+path, bytes.NewReader(text))
	if err != nil {
		x.t.Fatal(err)
	}
	r, err := http.DefaultClient.Do(req)
	if err != nil {
		x.t.Fatal(err)
	}
	defer r.Body.Close()
	said, _ := io.ReadAll(r.Body)
	if r.StatusCode/100 != 2 {
		x.t.Fatalf("toxiproxy answered %s: %s", r.Status, said)
	}
	var answer map[string]any
	_ = json.Unmarshal(said, &answer)
	return answer
}

// poison puts a toxic on each of the streams, "upstream" or "downstream", and
// gives what takes them off.
func (x *toxic) poison(kind string, attributes map[string]any, streams ...string) (cure func()) {
	x.t.Helper()
	for _, s := range streams {
		x.do("POST", "/proxies/way/toxics", map[string]any{"name": kind + s, "type": kind, "stream": s, "toxicity": 1, "attributes": attributes})
	}
	return func() {
		x.t.Helper()
		for _, s := range streams {
			x.do("DELETE", "/proxies/way/toxics/"+kind+s, nil)
		}
	}
}

// enable lets connections through or refuses them.
func (x *toxic) enable(on bool) {
	x.t.Helper()
	x.do("POST", "/proxies/way", map[string]any{"enabled": on})
}

// newToxicSite is a gateway whose way to a server process leads through a
// toxiproxy.
func newToxicSite(t *testing.T, uplink string) (*site, *toxic, *receiver) {
	t.Helper()
	s := newSite(t, testbed.Options{})
	r := &receiver{t: t, addr: "127.0.0.1:0", out: filepath.Join(s.Dir, "received")}
	r.start()
	x := newToxic(t, r.addr)
	s.URL, s.Uplink = "ws://"+x.addr+"/socket", uplink
	return s, x, r
}

// settle is the end of each story: it is online, everything arrived, and the
// books balance.
func (s *site) settle(g *rig.Process, r *receiver) {
	s.Helper()
	s.Line().Feed(1)
	st := g.Until("it is online and all are delivered", func(st *status.Document) bool {
		return st.Link.State == status.LinkOnline && rig.Drained(st) && len(st.Devices) > 0 && st.Devices[0].Read == uint64(s.Line().Count())
	})
	g.Stop()
	r.kill()
	s.Oracle.TakeFile(s.TB, r.out)
	s.Whole(st)
	s.Logf("%d fed, %d came again", s.Line().Count(), s.Oracle.Repeats())
}

const quick = "ping_interval = \"2s\"\npong_timeout = \"2s\""

// Rows 33 and 34: the connection stands, but one direction of it, or both,
// swallow everything. It is found by the pings, and nothing is missing when the
// way is open again.
func TestToxicHalfOpen(t *testing.T) {
	for name, streams := range map[string][]string{
		"to the server": {"upstream"}, "to the gateway": {"downstream"}, "both": {"upstream", "downstream"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, x, r := newToxicSite(t, quick)
			g := s.Start()
			s.Line().Feed(100)
			g.Until("100 are acknowledged", func(st *status.Document) bool { return st.Totals.Acked >= 100 })
			cure := x.poison("timeout", map[string]any{"timeout": 0}, streams...)
			s.Line().Feed(200)
			st := g.Until("it is noticed", func(st *status.Document) bool { return st.Link.State != status.LinkOnline })
			if !strings.HasPrefix(st.Link.Problem, "UP-") {
				t.Errorf("link %+v", st.Link)
			}
			cure()
			s.settle(g, r)
		})
	}
}

// Row 33: what else can be wrong with a way, while readings flow. None of it
// may cost one of them.
func TestToxicWay(t *testing.T) {
	both := []string{"upstream", "downstream"}
	for name, c := range map[string]struct {
		uplink string
		spoil  func(x *toxic) (cure func())
	}{
		"resets": {quick, func(x *toxic) func() {
			for range 8 {
				cure := x.poison("reset_peer", map[string]any{"timeout": 20}, "downstream")
				time.Sleep(150 * time.Millisecond)
				cure()
				time.Sleep(250 * time.Millisecond)
			}
			return func() {}
		}},
		"cut after some bytes": {quick, func(x *toxic) func() {
			return x.poison("limit_data", map[string]any{"bytes": 20_000}, "upstream")
		}},
		"refused": {quick, func(x *toxic) func() {
			for range 4 {
				x.enable(false)
				time.Sleep(300 * time.Millisecond)
				x.enable(true)
				time.Sleep(300 * time.Millisecond)
			}
			return func() {}
		}},
		"narrow": {"", func(x *toxic) func() { return x.poison("bandwidth", map[string]any{"rate": 16}, both...) }},
		"in slices": {quick, func(x *toxic) func() {
			return x.poison("slicer", map[string]any{"average_size": 60, "size_variation": 40, "delay": 50}, both...)
		}},
		"far away": {quick, func(x *toxic) func() {
			return x.poison("latency", map[string]any{"latency": 250, "jitter": 100}, both...)
		}},
		"slow to end": {quick, func(x *toxic) func() { return x.poison("slow_close", map[string]any{"delay": 500}, both...) }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, x, r := newToxicSite(t, c.uplink)
			g := s.Start()
			stop := s.Line().Flow(4 * time.Millisecond)
			g.Until("some are acknowledged", func(st *status.Document) bool { return st.Totals.Acked > 50 })
			cure := c.spoil(x)
			time.Sleep(2 * time.Second)
			cure()
			time.Sleep(200 * time.Millisecond)
			stop()
			s.settle(g, r)
		})
	}
}
