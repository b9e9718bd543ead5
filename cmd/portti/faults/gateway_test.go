//go:build faults

package faults

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"portti/cmd/portti/daemon"
)

// gateway is one life of `portti run`.
type gateway struct {
	t      *testing.T
	socket string
	log    string // file with its standard error
	cmd    *exec.Cmd
	ended  chan struct{} // closed when the process has ended
	err    error         // how; after ended
	client *http.Client
}

// spawn starts the program and waits for nothing.
func (s *site) spawn(args ...string) *gateway {
	s.t.Helper()
	g := &gateway{t: s.t, socket: filepath.Join(s.dir, "run", daemon.SocketName), ended: make(chan struct{})}
	g.client = &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", g.socket)
		},
	}}
	argv := append(append([]string{}, s.wrap...), os.Getenv(binaryVar), "run", "-c", s.writeConfig())
	argv = append(argv, args...)
	log, err := os.CreateTemp(s.dir, "log-")
	if err != nil {
		s.t.Fatal(err)
	}
	defer log.Close()
	g.log = log.Name()
	g.cmd = exec.Command(argv[0], argv[1:]...)
	g.cmd.Stdout, g.cmd.Stderr, g.cmd.Env = log, log, s.env
	if s.env == nil {
		g.cmd.Env = plainEnv()
	}
	if err := g.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.now = g
	go func() { g.err = g.cmd.Wait(); close(g.ended) }()
	s.t.Cleanup(func() {
		if s.t.Failed() && !g.gone() {
			s.t.Logf("status: %s", g.picture())
		}
		g.kill()
		if s.t.Failed() {
			s.t.Logf("the end of the gateway's log:\n%s", tail(g.said(), 4000))
		}
	})
	return g
}

// plainEnv is our environment without what portti would take for settings.
func plainEnv() []string {
	var env []string
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "PORTTI_") {
			env = append(env, v)
		}
	}
	return env
}

func tail(text string, n int) string {
	if len(text) > n {
		return "…" + text[len(text)-n:]
	}
	return text
}

func (g *gateway) said() string {
	b, _ := os.ReadFile(g.log)
	return string(b)
}

func (g *gateway) gone() bool {
	select {
	case <-g.ended:
		return true
	default:
		return false
	}
}

// pid is the program's own, which under a tracer is not the child's.
func (g *gateway) pid() int {
	if pid, err := strconv.Atoi(g.children()); err == nil {
		return pid
	}
	return g.cmd.Process.Pid
}

// children lists the processes under the one we started.
func (g *gateway) children() string {
	p := strconv.Itoa(g.cmd.Process.Pid)
	b, _ := os.ReadFile("/proc/" + p + "/task/" + p + "/children")
	return strings.TrimSpace(string(b))
}

func (g *gateway) signal(sig syscall.Signal) {
	g.t.Helper()
	if err := syscall.Kill(g.pid(), sig); err != nil && !errors.Is(err, syscall.ESRCH) {
		g.t.Fatal(err)
	}
}

// kill is kill -9, also of what is around the program.
func (g *gateway) kill() {
	if g.gone() {
		return
	}
	for _, child := range strings.Fields(g.children()) {
		if pid, err := strconv.Atoi(child); err == nil {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
	_ = g.cmd.Process.Kill()
	<-g.ended
}

// stop is SIGTERM; it gives how long the process took to end in order.
func (g *gateway) stop() time.Duration {
	g.t.Helper()
	began := time.Now()
	g.signal(syscall.SIGTERM)
	g.await(patience)
	if g.err != nil {
		g.t.Fatalf("the gateway ended with: %v", g.err)
	}
	return time.Since(began)
}

// stopAnyhow is stop for a gateway whose disk cannot keep what is left: its
// exit code may say so.
func (g *gateway) stopAnyhow() time.Duration {
	g.t.Helper()
	began := time.Now()
	g.signal(syscall.SIGTERM)
	g.await(patience)
	return time.Since(began)
}

func (g *gateway) await(limit time.Duration) {
	g.t.Helper()
	select {
	case <-g.ended:
	case <-time.After(limit):
		g.t.Fatalf("the gateway has not ended within %v", limit)
	}
}

// ask gets the status document. Its ledger is checked.
func (g *gateway) ask() (*daemon.Status, error) {
	g.t.Helper()
	r, err := g.client.Get("http://portti/api/v1/status")
	if err != nil {
		return nil, err
	}
	defer r.Body.Close()
	var st daemon.Status
	if err := json.NewDecoder(r.Body).Decode(&st); err != nil {
		return nil, err
	}
	if err := st.CheckLedger(); err != nil {
		g.t.Fatal(err)
	}
	return &st, nil
}

func (g *gateway) status() *daemon.Status {
	g.t.Helper()
	st, err := g.ask()
	if err != nil {
		g.t.Fatal(err)
	}
	return st
}

func (g *gateway) picture() string {
	st, err := g.ask()
	if err != nil {
		return err.Error()
	}
	text, _ := json.MarshalIndent(st, "", " ")
	return string(text)
}

// until waits for a condition on the status.
func (g *gateway) until(what string, ok func(*daemon.Status) bool) *daemon.Status {
	g.t.Helper()
	return g.untilIn(patience, what, ok)
}

func (g *gateway) untilIn(limit time.Duration, what string, ok func(*daemon.Status) bool) *daemon.Status {
	g.t.Helper()
	for end := time.Now().Add(limit); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		st, err := g.ask()
		if err == nil && ok(st) {
			return st
		}
		if g.gone() {
			g.t.Fatalf("the gateway ended (%v) while waiting for: %s", g.err, what)
		}
	}
	g.t.Fatalf("never came true: %s", what)
	return nil
}

// processorTime is what the process has used so far.
func (g *gateway) processorTime() time.Duration {
	g.t.Helper()
	b, err := os.ReadFile("/proc/" + strconv.Itoa(g.pid()) + "/stat")
	if err != nil {
		g.t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(b), ") ")
	f := strings.Fields(rest)
	user, _ := strconv.Atoi(f[11])
	system, _ := strconv.Atoi(f[12])
	return time.Duration(user+system) * 10 * time.Millisecond // a tick is 10 ms to user space, everywhere
}

func hasProblem(st *daemon.Status, codes ...string) bool {
	for _, p := range st.Problems {
		for _, c := range codes {
			if p.Code == c {
				return true
			}
		}
	}
	return false
}

// field finds a value in a file of lines such as "TracerPid:  0".
func field(text, name string) string {
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(line, name); ok {
			return strings.TrimSpace(rest)
		}
	}
	return ""
}
