//go:build faults

package faults

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"portti/cmd/portti/bench"
	"portti/cmd/portti/daemon"
)

// tracer is strace, answering some system calls of a gateway itself. Only the
// buffer uses the calls named in the tests below; sockets and ports are read
// and written with others. strace counts calls per thread and Go moves work
// between threads, so "when=N" is a sample, not exactly the N-th call.
func tracer(log, what string) []string {
	calls, _, _ := strings.Cut(what, ":")
	return []string{"strace", "-f", "-qq", "-o", log, "-e", "trace=" + calls, "-e", "inject=" + what}
}

// inject makes the next gateway begin under strace.
func (s *site) inject(what string) { s.wrap = tracer(filepath.Join(s.dir, "strace"), what) }

// disturb lets strace loose on a gateway that runs, until heal is called,
// which gives how often it struck.
func (g *gateway) disturb(what string) (heal func() int) {
	g.t.Helper()
	log := filepath.Join(folder(g.t), "strace")
	argv := append(tracer(log, what), "-p", strconv.Itoa(g.pid()))
	cmd := exec.Command(argv[0], argv[1:]...)
	if err := cmd.Start(); err != nil {
		g.t.Fatal(err)
	}
	var once sync.Once
	end := func() {
		once.Do(func() {
			// It lets go when asked, but not of a call that it delays.
			_ = cmd.Process.Signal(os.Interrupt)
			defer time.AfterFunc(2*time.Second, func() { _ = cmd.Process.Kill() }).Stop()
			_ = cmd.Wait()
		})
	}
	g.t.Cleanup(end)
	g.until("it is traced", func(*daemon.Status) bool { return traced(g.pid()) })
	return func() int {
		end()
		b, _ := os.ReadFile(log)
		return strings.Count(string(b), "(INJECTED)")
	}
}

// Rows 6, 9, 10 and 11: operations of the disk fail. Live sending goes on, the
// gateway does not end, the fault shows with its code, and when it is over the
// gateway recovers without a restart. Nothing that was fed is lost.
func TestDiskCallsFail(t *testing.T) {
	needTool(t, "strace")
	for _, c := range []struct {
		what string
		code string
	}{
		{what: "fdatasync,fsync:error=EIO", code: "BUF-IO"},
		{what: "pwrite64:error=ENOSPC", code: "BUF-IO"},
		{what: "pwrite64:error=EIO", code: "BUF-IO"},
		{what: "pwrite64:error=EROFS", code: "BUF-READONLY"},
		{what: "ftruncate:error=ENOSPC", code: "BUF-IO"},
		{what: "renameat,renameat2,rename:error=EROFS", code: "BUF-READONLY"},
		{what: "unlinkat,unlink:error=EIO"},
	} {
		name := strings.NewReplacer(",", "-", ":", " ").Replace(c.what)
		t.Run(name+" from the start", func(t *testing.T) {
			t.Parallel()
			diskFailsFromTheStart(t, c.what, c.code)
		})
		t.Run(name+" for a while", func(t *testing.T) {
			t.Parallel()
			diskFailsForAWhile(t, c.what, c.code)
		})
	}
}

func diskFailsFromTheStart(t *testing.T, what, code string) {
	s := newSite(t, bench.Options{})
	s.buffer = "commit_every = \"100ms\""
	s.inject(what)
	g := s.start()
	s.line().feed(t, 200)
	g.until("the first 200 arrive", s.arrived)
	s.down()
	s.line().feed(t, 500)
	g.until("700 are read", read(700))
	if code != "" {
		g.until("it shows "+code, func(st *daemon.Status) bool {
			return hasProblem(st, code) && st.Buffer.State == daemon.BufferDegraded && st.Buffer.LastError != ""
		})
	}
	s.up()
	g.until("all arrive", s.arrived)
	st := g.until("all are acknowledged", drained)
	if hasProblem(st, "BUF-ROLLBACK") {
		t.Error("a disk that fails is called one that was set back")
	}
	s.whole(st)
	if took := g.stopAnyhow(); took >= stopLimit {
		t.Errorf("stopping took %v", took)
	}
	if lines := strings.Count(g.said(), "\n"); lines > 40 {
		t.Errorf("the log has %d lines", lines)
	}
	// The next start, on a good disk, works.
	s.wrap = nil
	s.line().clear(t)
	g = s.start()
	s.line().feed(t, 10)
	g.until("it works", s.arrived)
	s.oracle.honest(t, s.lines...)
	g.stop()
}

func diskFailsForAWhile(t *testing.T, what, code string) {
	s := newSite(t, bench.Options{})
	s.buffer = "commit_every = \"100ms\""
	s.down()
	g := s.start()
	s.line().feed(t, 200)
	g.until("200 are on disk", func(st *daemon.Status) bool { return st.Buffer.WaitingDisk == 200 })
	heal := g.disturb(what)
	s.line().feed(t, 300)
	g.until("500 are read", read(500))
	struck := false
	if code != "" && !strings.HasPrefix(what, "ftruncate") && !strings.HasPrefix(what, "rename") {
		struck = true
		g.until("it shows "+code, func(st *daemon.Status) bool { return hasProblem(st, code) && st.Buffer.State == daemon.BufferDegraded })
	}
	s.up()
	g.until("all arrive meanwhile", s.arrived)
	s.down()
	s.line().feed(t, 100)
	g.until("600 are read", read(600))
	if n := heal(); struck && n == 0 {
		t.Error("nothing was injected: the test tested nothing")
	}
	g.until("it is well again, and what waits is on disk", func(st *daemon.Status) bool {
		return st.Buffer.State == daemon.BufferOK && st.Buffer.WaitingMemory == 0 && !hasProblem(st, "BUF-IO", "BUF-READONLY")
	})
	s.line().feed(t, 50)
	g.until("and so is what comes", func(st *daemon.Status) bool { return st.Totals.Read == 650 && st.Buffer.WaitingMemory == 0 })
	g.kill() // what the status called accepted is on disk
	s.line().clear(t)
	s.up()
	g = s.start()
	st := g.until("all are delivered", func(st *daemon.Status) bool { return drained(st) && s.arrived(st) })
	s.whole(st)
	g.stop()
}

// The process is killed inside a call of
// the disk, at start-up, while committing and while draining. Rows 1 to 4 and 66.
func TestKilledInsideACall(t *testing.T) {
	needTool(t, "strace")
	for _, what := range []string{
		"fdatasync,fsync:signal=KILL:when=1", "fdatasync,fsync:signal=KILL:when=3", "fdatasync,fsync:signal=KILL:when=6",
		"pwrite64:signal=KILL:when=1", "pwrite64:signal=KILL:when=4", "pwrite64:signal=KILL:when=12",
		"renameat,renameat2,rename:signal=KILL:when=1", "ftruncate:signal=KILL:when=1", "unlinkat,unlink:signal=KILL:when=2",
	} {
		t.Run(strings.NewReplacer(",", "-", ":", " ").Replace(what), func(t *testing.T) {
			t.Parallel()
			killedInside(t, what)
		})
	}
}

func killedInside(t *testing.T, what string) {
	s := newSite(t, bench.Options{})
	const every = 50 * time.Millisecond
	s.buffer = "commit_every = \"" + every.String() + "\""
	k := killer{site: s, every: every}
	for range 3 {
		s.inject(what)
		s.down()
		k.untilKilled()
	}
	s.wrap = nil
	s.up()
	g := s.start()
	before := g.status()
	l := life{first: s.line().count() + 1}
	s.line().feed(t, 100)
	st := g.until("all are delivered", func(st *daemon.Status) bool { return drained(st) && st.Totals.Read == before.Totals.Read+100 })
	l.last, l.killed = s.line().count(), time.Now()
	l.accepted = l.last
	k.lives = append(k.lives, l)
	k.judge(st)
	g.stop()
	t.Logf("%d fed, %d accepted, %d missing", s.line().count(), k.accepted, k.lost)
}

// untilKilled is one life that ends in a call of the disk, with the link down
// for the first half second. One that outlives the test's interest is killed.
func (k *killer) untilKilled() {
	k.t.Helper()
	g := k.spawn()
	l := life{first: k.line().count() + 1}
	var before, now *daemon.Status
	stop := func() {}
	for began := time.Now(); !g.gone() && time.Since(began) < 2*time.Second; time.Sleep(2 * time.Millisecond) {
		st, err := g.ask()
		switch {
		case err != nil:
		case before != nil:
			now = st
		case reading(st):
			before, now = st, st
			stop = k.line().flow(k.t, 2*time.Millisecond)
		}
		if time.Since(began) > 500*time.Millisecond {
			k.up()
		}
	}
	g.kill()
	l.killed = time.Now()
	stop()
	k.line().clear(k.t)
	l.last, l.accepted = k.line().count(), l.first-1
	if now != nil {
		l.accepted += int(now.Totals.Accepted - before.Totals.Accepted)
	}
	k.lives = append(k.lives, l)
}
