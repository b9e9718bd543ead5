//go:build faults

package faults

import (
	"bufio"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"portti/cmd/portti/bench"
	"portti/cmd/portti/daemon"
)

// receiver is `portti receive` as a process of its own.
type receiver struct {
	t    *testing.T
	addr string
	out  string
	in   []string // words before it, such as those that enter a namespace
	args []string // words behind it
	cmd  *exec.Cmd
}

func (r *receiver) start() {
	r.t.Helper()
	argv := append(append([]string{}, r.in...), os.Getenv(binaryVar), "receive", "--listen", r.addr, "--auth", "none", "--out", r.out)
	argv = append(argv, r.args...)
	r.cmd = exec.Command(argv[0], argv[1:]...)
	said, err := r.cmd.StderrPipe()
	if err == nil {
		err = r.cmd.Start()
	}
	if err != nil {
		r.t.Fatal(err)
	}
	lines := bufio.NewReader(said)
	first, err := lines.ReadString('\n')
	_, rest, ok := strings.Cut(first, "receiving on ")
	if err != nil || !ok {
		r.kill()
		r.t.Fatalf("portti receive said %q: %v", first, err)
	}
	r.addr, _, _ = strings.Cut(rest, " ")
	go func() { _, _ = io.Copy(io.Discard, lines) }()
	r.t.Cleanup(r.kill)
}

// kill is kill -9.
func (r *receiver) kill() {
	_ = r.cmd.Process.Kill()
	_ = r.cmd.Wait()
}

// The server is killed again and again while readings flow. It proves only
// what it has written, so nothing may be missing at all.
func TestServerKilled(t *testing.T) {
	t.Parallel()
	s := newSite(t, bench.Options{})
	r := &receiver{t: t, addr: "127.0.0.1:0", out: filepath.Join(s.dir, "received")}
	r.start()
	s.url = "ws://" + r.addr + "/socket"
	g := s.start()
	stop := s.line().flow(t, 2*time.Millisecond)
	for range 15 {
		time.Sleep(time.Duration(100+rand.IntN(300)) * time.Millisecond)
		r.kill()
		r.start()
	}
	stop()
	s.line().feed(t, 1)
	st := g.until("all are delivered", func(st *daemon.Status) bool {
		return drained(st) && st.Totals.Read == uint64(s.line().count())
	})
	g.stop()
	r.kill()
	s.oracle.takeFile(t, r.out)
	s.whole(st)
	t.Logf("%d fed, %d came again over 16 lives of the server", s.line().count(), s.oracle.repeats)
}

// A pong proves that the endpoint has a reading, not that the handler behind
// it is done. What was in the handler's queue when the server died comes again
// because of fence_hold.
func TestLaggingServerKilled(t *testing.T) {
	t.Parallel()
	s := newSite(t, bench.Options{})
	server := newLaggard(t, s.oracle, false, 200*time.Millisecond)
	s.url, s.uplink = server.url(), "fence_hold = \"1s\""
	g := s.start()
	stop := s.line().flow(t, 2*time.Millisecond)
	for range 8 {
		// One death is covered by the hold, two in a row are not: let the
		// handler catch up in between.
		time.Sleep(time.Duration(1200+rand.IntN(300)) * time.Millisecond)
		server.kill()
		server.revive()
	}
	stop()
	g.until("all are delivered", drained)
	g.until("the handler is done", s.arrived)
	s.whole(g.status())
	g.stop()
	t.Logf("%d fed, %d were lost in the server's queue and came again", s.line().count(), len(server.dropped))
}

// Server and gateway die together. In the default mode that may cost what was
// ponged and not yet handled, and nothing else: the one hole of fence, which
// the README names. Mode count and strict have none.
func TestServerAndGatewayKilled(t *testing.T) {
	for name, c := range map[string]struct {
		count          bool
		uplink, buffer string
		hole           bool
	}{
		"fence":  {uplink: "fence_hold = \"5s\"", hole: true},
		"strict": {uplink: "fence_hold = \"5s\"", buffer: "commit_every = \"0s\""},
		"count":  {uplink: "ack = \"count\"", count: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, bench.Options{})
			server := newLaggard(t, s.oracle, c.count, 200*time.Millisecond)
			s.url, s.uplink, s.buffer = server.url(), c.uplink, c.buffer
			k := killer{site: s, every: time.Second}
			for range 4 {
				k.bothDie(server)
			}
			g := s.start()
			g.until("all are delivered", drained)
			g.until("the handler is done", func(*daemon.Status) bool {
				return time.Since(k.lives[len(k.lives)-1].killed) > time.Second
			})
			k.judgeHole(server, c.hole)
			g.stop()
		})
	}
}

// bothDie is one life with both ends killed in the middle of it.
func (k *killer) bothDie(server *laggard) {
	k.t.Helper()
	g := k.start()
	before := g.until("the link is up", func(st *daemon.Status) bool { return st.Link.State == daemon.LinkOnline && st.Totals.Waiting == 0 })
	l := life{first: k.line().count() + 1}
	stop := k.line().flow(k.t, 2*time.Millisecond)
	time.Sleep(time.Duration(600+rand.IntN(300)) * time.Millisecond)
	now := g.status()
	server.kill()
	g.kill()
	l.killed = time.Now()
	stop()
	k.line().clear(k.t)
	server.revive()
	l.last = k.line().count()
	l.accepted = l.first - 1 + int(now.Totals.Accepted-before.Totals.Accepted)
	k.lives = append(k.lives, l)
}

func (k *killer) judgeHole(server *laggard, hole bool) {
	k.t.Helper()
	tuid, fell, accepted := k.line().tuid, 0, 0
	for i, l := range k.lives {
		accepted += l.accepted - l.first + 1
		for _, n := range k.oracle.missing(tuid, l.first, l.accepted) {
			fell++
			if !hole {
				k.t.Errorf("life %d: accepted reading %d is missing", i, n)
			} else if !server.lostInQueue(tuid, n) {
				k.t.Errorf("life %d: accepted reading %d is missing, and it was not in the server's queue", i, n)
			}
		}
	}
	k.oracle.honest(k.t, k.lines...)
	if accepted == 0 {
		k.t.Error("nothing was ever accepted: the test tested nothing")
	}
	k.t.Logf("%d fed, %d accepted; %d of those fell into the hole", k.line().count(), accepted, fell)
}
