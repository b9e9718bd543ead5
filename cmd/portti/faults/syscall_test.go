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

	"portti/cmd/portti/rig"
	"portti/cmd/portti/status"
	"portti/cmd/portti/testbed"
	"portti/cross/testkit"
)

// tracer is strace, answering some system calls of a gateway itself. Only the
// buffer uses the calls named in the tests below; sockets and ports are read
// and written with others. strace counts calls per thread and Go moves work
// between threads, so "when=N" is a sample, not exactly the N-th call.
func tracer(log, what string) []string {
	calls, _, _ := strings.Cut(what, ":")
	return []string{"strace", "-f", "-qq", "-o", log, "-e", "trace=" + calls, "-e", "inject=" + what}
}

// inject makes the next gateway begin under strace. Further words go to that.
func (s *site) inject(what string, more ...string) {
	s.wrap(append(tracer(filepath.Join(s.Dir, "strace"), what), more...)...)
}

// disturb lets strace loose on a gateway that runs, until heal is called,
// which gives how often it struck.
func disturb(g *rig.Process, what string) (heal func() int) {
	g.Helper()
	log := filepath.Join(rig.Folder(g), "strace")
	argv := append(tracer(log, what), "-p", strconv.Itoa(g.Pid()))
	cmd := exec.Command(argv[0], argv[1:]...)
	if err := cmd.Start(); err != nil {
		g.Fatal(err)
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
	g.Cleanup(end)
	g.Until("it is traced", func(*status.Document) bool { return traced(g.Pid()) })
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
	testkit.NeedTool(t, "strace")
	for _, c := range []struct {
		what string
		code string
	}{
		{what: "fdatasync,fsync:error=EIO", code: "BUF-IO"},
		{what: "pwrite64:error=ENOSPC", code: "BUF-IO"},
		{what: "pwrite64:error=EIO", code: "BUF-IO"},
		{what: "pwrite64:error=EROFS", code: "BUF-READONLY"},
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
	s := newSite(t, testbed.Options{})
	s.Buffer = "commit_every = \"100ms\""
	s.inject(what)
	g := s.Start()
	s.Line().Feed(200)
	g.Until("the first 200 arrive", s.Arrived)
	s.Down()
	s.Line().Feed(500)
	g.Until("700 are read", rig.Read(700))
	if code != "" {
		g.Until("it shows "+code, func(st *status.Document) bool {
			return rig.HasProblem(st, code) && st.Buffer.State == status.BufferDegraded && st.Buffer.LastError != ""
		})
	}
	s.Up()
	g.Until("all arrive", s.Arrived)
	st := g.Until("all are acknowledged", rig.Drained)
	if rig.HasProblem(st, "BUF-ROLLBACK") {
		t.Error("a disk that fails is called one that was set back")
	}
	s.Whole(st)
	g.StopAnyhow()
	quiet(g, 40)
	// The next start, on a good disk, works.
	s.wrap()
	s.Line().Clear()
	g = s.Start()
	s.Line().Feed(10)
	g.Until("it works", s.Arrived)
	s.Oracle.Honest(t, s.Lines...)
	g.Stop()
}

func diskFailsForAWhile(t *testing.T, what, code string) {
	s := newSite(t, testbed.Options{})
	s.Buffer = "commit_every = \"100ms\""
	s.Down()
	g := s.Start()
	s.Line().Feed(200)
	g.Until("200 are on disk", func(st *status.Document) bool { return st.Buffer.WaitingDisk == 200 })
	heal := disturb(g, what)
	s.Line().Feed(300)
	g.Until("500 are read", rig.Read(500))
	struck := false
	if code != "" && !strings.HasPrefix(what, "rename") {
		struck = true
		g.Until("it shows "+code, func(st *status.Document) bool {
			return rig.HasProblem(st, code) && st.Buffer.State == status.BufferDegraded
		})
	}
	s.Up()
	g.Until("all arrive meanwhile", s.Arrived)
	s.Down()
	s.Line().Feed(100)
	g.Until("600 are read", rig.Read(600))
	if n := heal(); struck && n == 0 {
		t.Error("nothing was injected: the test tested nothing")
	}
	g.Until("it is well again, and what waits is on disk", func(st *status.Document) bool {
		return st.Buffer.State == status.BufferOK && st.Buffer.WaitingMemory == 0 && !rig.HasProblem(st, "BUF-IO", "BUF-READONLY")
	})
	s.Line().Feed(50)
	g.Until("and so is what comes", func(st *status.Document) bool { return st.Totals.Read == 650 && st.Buffer.WaitingMemory == 0 })
	g.Kill() // what the status called accepted is on disk
	s.Line().Clear()
	s.Up()
	g = s.Start()
	st := g.Until("all are delivered", func(st *status.Document) bool { return rig.Drained(st) && s.Arrived(st) })
	s.Whole(st)
	g.Stop()
}

// The process is killed inside a call of
// the disk, at start-up, while committing and while draining. Rows 1 to 4 and 66.
func TestKilledInsideACall(t *testing.T) {
	testkit.NeedTool(t, "strace")
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
	s := newSite(t, testbed.Options{})
	const every = 50 * time.Millisecond
	s.Buffer = "commit_every = \"" + every.String() + "\""
	k := killer{site: s}
	for range 3 {
		s.inject(what)
		s.Down()
		k.untilKilled()
	}
	s.wrap()
	s.Up()
	g := s.Start()
	before := g.Status()
	l := life{first: s.Line().Count() + 1}
	s.Line().Feed(100)
	st := g.Until("all are delivered", func(st *status.Document) bool { return rig.Drained(st) && st.Totals.Read == before.Totals.Read+100 })
	l.last, l.killed = s.Line().Count(), time.Now()
	l.accepted = l.last
	k.lives = append(k.lives, l)
	k.judge(st)
	g.Stop()
	t.Logf("%d fed, %d accepted, %d missing", s.Line().Count(), k.accepted, k.lost)
}

// untilKilled is one life that ends in a call of the disk, with the link down for
// its first 150 readings. One that outlives 700 is killed.
func (k *killer) untilKilled() {
	k.Helper()
	g := k.Spawn()
	l := life{first: k.Line().Count() + 1}
	l.accepted = l.first - 1
	stop := func() {}
	if before := g.UntilGone("every line is read", k.Reading); before != nil {
		stop = k.Line().Flow(2 * time.Millisecond)
		read := func(n uint64) func(*status.Document) bool {
			return func(st *status.Document) bool {
				l.accepted = l.first - 1 + int(st.Totals.Accepted-before.Totals.Accepted)
				return st.Totals.Read >= before.Totals.Read+n
			}
		}
		if g.UntilGone("150 are read without a link", read(150)) != nil {
			k.Up()
			g.UntilGone("700 are read, or it is killed", read(700))
		}
	}
	g.Kill()
	l.killed = time.Now()
	stop()
	k.Line().Clear()
	l.last = k.Line().Count()
	k.lives = append(k.lives, l)
}
