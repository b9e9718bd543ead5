package rig

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
	"time"

	"portti/cmd/portti/config"
	"portti/cmd/portti/status"
)

// Process is a gateway that runs as the built program.
type Process struct {
	*Gateway
	Cmd     *exec.Cmd
	Started time.Time
	log     string // file with what it says
}

// Start starts the built program and waits until it reads every line.
func (s *Site) Start() *Process {
	s.Helper()
	g := s.Spawn()
	g.Until("every line is read", s.Reading)
	return g
}

// Spawn starts the built program and waits for nothing. It is killed when the test
// ends.
func (s *Site) Spawn() *Process {
	s.Helper()
	client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", filepath.Join(s.Dir, "run", config.SocketName))
		},
	}}
	g := &Process{Gateway: &Gateway{TB: s.TB, Ended: make(chan struct{}), ask: func() (*status.Document, error) { return ask(client) }}}
	argv := append(append([]string{}, s.Program...), "run", "-c", s.Configure())
	log, err := os.CreateTemp(s.Dir, "log-")
	if err != nil {
		s.Fatal(err)
	}
	defer log.Close()
	g.log = log.Name()
	g.Cmd = exec.Command(argv[0], argv[1:]...)
	g.Cmd.Stdout, g.Cmd.Stderr, g.Cmd.Env = log, log, s.Env
	g.Started = time.Now()
	if err := g.Cmd.Start(); err != nil {
		s.Fatal(err)
	}
	go func() { g.Err = g.Cmd.Wait(); close(g.Ended) }()
	s.Cleanup(func() {
		if s.Failed() && !g.Gone() {
			s.Log(g.Picture())
		}
		g.Kill()
		if s.Failed() {
			s.Logf("the end of the gateway's log:\n%s", Tail(g.Said(), 4000))
		}
	})
	return g
}

func ask(client *http.Client) (*status.Document, error) {
	r, err := client.Get("http://portti/api/v1/status")
	if err != nil {
		return nil, err
	}
	defer r.Body.Close()
	var st status.Document
	return &st, json.NewDecoder(r.Body).Decode(&st)
}

// Tail is the end of a text.
func Tail(text string, n int) string {
	if len(text) > n {
		return "…" + text[len(text)-n:]
	}
	return text
}

// Said is its log.
func (g *Process) Said() string {
	b, _ := os.ReadFile(g.log)
	return string(b)
}

// Pid is the program's own, which under a tracer is not the child's.
func (g *Process) Pid() int {
	if pid, err := strconv.Atoi(g.children()); err == nil {
		return pid
	}
	return g.Cmd.Process.Pid
}

// children lists the processes under the one we started.
func (g *Process) children() string {
	p := strconv.Itoa(g.Cmd.Process.Pid)
	b, _ := os.ReadFile("/proc/" + p + "/task/" + p + "/children")
	return strings.TrimSpace(string(b))
}

// Proc is a file of the program's in /proc.
func (g *Process) Proc(name string) string {
	g.Helper()
	b, err := os.ReadFile("/proc/" + strconv.Itoa(g.Pid()) + "/" + name)
	if err != nil {
		g.Fatal(err)
	}
	return string(b)
}

// Signal sends the program a signal.
func (g *Process) Signal(sig syscall.Signal) {
	g.Helper()
	if err := syscall.Kill(g.Pid(), sig); err != nil && !errors.Is(err, syscall.ESRCH) {
		g.Fatal(err)
	}
}

// Kill is kill -9, also of what is around the program.
func (g *Process) Kill() {
	if g.Gone() {
		return
	}
	for _, child := range strings.Fields(g.children()) {
		if pid, err := strconv.Atoi(child); err == nil {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
	_ = g.Cmd.Process.Kill()
	<-g.Ended
}

// Stop is SIGTERM; it gives how long the process took to end in order.
func (g *Process) Stop() time.Duration {
	g.Helper()
	took := g.StopAnyhow()
	if g.Err != nil {
		g.Fatalf("the gateway ended with: %v", g.Err)
	}
	return took
}

// StopAnyhow is Stop for a gateway whose disk cannot keep what is left: its
// exit code may say so.
func (g *Process) StopAnyhow() time.Duration {
	g.Helper()
	began := time.Now()
	g.Signal(syscall.SIGTERM)
	g.Await()
	return time.Since(began)
}
