//go:build faults

package faults

import (
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"portti/cmd/portti/rig"
	"portti/cmd/portti/status"
	"portti/cmd/portti/testbed"
	"portti/cross/testkit"
)

// manager stands where systemd does and hears what the service says of itself.
type manager struct {
	t    *testing.T
	name string
	conn *net.UnixConn
}

func newManager(t *testing.T) *manager {
	t.Helper()
	m := &manager{t: t, name: filepath.Join(rig.Folder(t), "notify")}
	var err error
	if m.conn, err = net.ListenUnixgram("unixgram", &net.UnixAddr{Name: m.name, Net: "unixgram"}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.conn.Close() })
	return m
}

// fed waits for the watchdog to be fed, and says whether it was.
func (m *manager) fed(within time.Duration) bool {
	m.t.Helper()
	b := make([]byte, 4096)
	_ = m.conn.SetReadDeadline(time.Now().Add(within))
	for {
		n, err := m.conn.Read(b)
		if err != nil {
			return false
		}
		if strings.Contains(string(b[:n]), "WATCHDOG=1") {
			return true
		}
	}
}

// Row 31: the process is stopped and goes on later, as in a machine that was
// paused: every limit has passed meanwhile and the server is gone. It connects
// once, nothing is lost or sent twice without need, and the watchdog is fed.
func TestPausedProcess(t *testing.T) {
	t.Parallel()
	const watchdog = 2 * time.Second
	m := newManager(t)
	s := newSite(t, testbed.Options{})
	s.Uplink = "ping_interval = \"1s\"\npong_timeout = \"500ms\"\nfence_hold = \"1s\""
	s.Env = append(rig.PlainEnv(), "NOTIFY_SOCKET="+m.name, fmt.Sprintf("WATCHDOG_USEC=%d", watchdog.Microseconds()))
	g := s.Start()
	s.Line().Feed(100)
	g.Until("100 are delivered and forgotten", func(st *status.Document) bool {
		return st.Totals.Acked == 100 && st.Buffer.Held == 0 && st.Link.State == status.LinkOnline
	})
	before := g.Status()
	if !m.fed(testkit.Patience) {
		t.Fatal("the watchdog is never fed: the test tests nothing")
	}

	g.Signal(syscall.SIGSTOP)
	s.Server.Cut()
	s.Line().Feed(40) // as much as the line holds by itself
	for m.fed(3 * watchdog / 2) {
		// until the watchdog's time has passed without a word
	}
	g.Signal(syscall.SIGCONT)

	g.Until("all are delivered", func(st *status.Document) bool { return s.Arrived(st) && st.Totals.Acked == 140 })
	if !m.fed(testkit.Patience) {
		t.Error("the watchdog is not fed after the pause")
	}
	s.Line().Feed(10)
	st := g.Until("the link works on", func(st *status.Document) bool { return s.Arrived(st) && st.Totals.Acked == 150 })
	if st.Link.Connects != before.Link.Connects+1 || st.Totals.Resent > 40 || rig.HasProblem(st, "SYS-WATCHDOG") || st.Clock.Steps != 0 {
		t.Errorf("%+v %+v %+v", st.Link, st.Totals, st.Clock)
	}
	if said := g.Said(); strings.Contains(said, "SYS-WATCHDOG") {
		t.Errorf("a part looked stuck:\n%s", rig.Tail(said, 2000))
	}
	if got := s.Server.Stats(); got.Connections != int64(st.Link.Connects) {
		t.Errorf("%d connections, the gateway knows of %d", got.Connections, st.Link.Connects)
	}
	s.Whole(st)
	g.Stop()
}
