package gateway_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"portti/cmd/portti/gateway"
	"portti/cmd/portti/rig"
	"portti/cmd/portti/status"
	"portti/cmd/portti/testbed"
	"portti/cross/testkit"
)

// lockedLog is a log that is read while it is written.
type lockedLog struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *lockedLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// TestNoStateFolder: a state folder that cannot be used, and with it an identity, is
// no reason not to read and send.
func TestNoStateFolder(t *testing.T) {
	for name, id := range map[string]string{"an id of the configuration": "XXXX00TEST0000001", "an id of its own": "auto"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := rig.New(t, testbed.Options{})
			s.ID = id
			s.Buffer = "max_size = \"1MB\"" // too small as well
			blocker := filepath.Join(s.Dir, "file")
			if err := os.WriteFile(blocker, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			s.State = filepath.Join(blocker, "state")
			g := runBehindItsSocket(t, s)
			s.Line().Feed(20)
			g.until("the readings arrive", func(*status.Document) bool { return s.Oracle.Count(s.Line().Tuid) == 20 })
			st := g.until("it is said", func(st *status.Document) bool {
				return rig.HasProblem(st, "CFG-UNFIT") && st.Buffer.State == status.BufferDegraded
			})
			if st.Gateway.ID == "" || id != "auto" && st.Gateway.ID != id {
				t.Errorf("the gateway calls itself %q", st.Gateway.ID)
			}
			if st.Buffer.WaitingDisk != 0 {
				t.Errorf("%+v", st.Buffer)
			}
		})
	}
}

// TestNoFolderForTheSocket: nobody can ask, and everything else works.
func TestNoFolderForTheSocket(t *testing.T) {
	t.Parallel()
	s := rig.New(t, testbed.Options{})
	cfg := s.Load()
	blocker := filepath.Join(s.Dir, "file")
	if err := os.WriteFile(blocker, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	cfg.Paths.Run = filepath.Join(blocker, "run")
	log := &lockedLog{}
	g, err := gateway.New(cfg, gateway.Options{Log: slog.New(slog.NewTextHandler(log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- g.Run(ctx) }()
	testkit.Eventually(t, "the line is read", func() bool { st := g.Status(); return s.Reading(&st) })
	s.Line().Feed(20)
	testkit.Eventually(t, "the readings arrive", func() bool { return s.Oracle.Count(s.Line().Tuid) == 20 })
	testkit.Eventually(t, "it is said", func() bool { st := g.Status(); return rig.HasProblem(&st, "SYS-SOCKET") }, log.String)
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// TestMetricsPortTaken: a problem says so, and that the port is free again takes it away.
func TestMetricsPortTaken(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	s := rig.New(t, testbed.Options{})
	s.More = fmt.Sprintf("[metrics]\nlisten = %q\n", l.Addr())
	g := s.Run(gateway.Options{})
	st := g.Until("it is a problem", func(st *status.Document) bool { return rig.HasProblem(st, "SYS-METRICS") })
	for _, p := range st.Problems {
		if p.Code == "SYS-METRICS" && (!strings.Contains(p.Sentence, l.Addr().String()) || !strings.Contains(p.Sentence, "address already in use") || !strings.Contains(p.Action, "fuser -vk ")) {
			t.Errorf("%+v", p)
		}
	}
	g.Halt()
}

// asked is a gateway that only its control socket is known of.
type asked struct {
	t      *testing.T
	socket string
	ended  chan struct{}
	err    error
}

func runBehindItsSocket(t *testing.T, s *rig.Site) *asked {
	t.Helper()
	cfg := s.Load()
	a := &asked{t: t, socket: cfg.Paths.Socket(), ended: make(chan struct{})}
	ctx, stop := context.WithCancel(context.Background())
	go func() {
		defer close(a.ended)
		a.err = gateway.Run(ctx, cfg, gateway.Options{})
	}()
	t.Cleanup(func() {
		stop()
		<-a.ended
		if a.err != nil {
			t.Log("it ended with ", a.err) // what only memory held is told
		}
	})
	a.until("every line is read", s.Reading)
	return a
}

func (a *asked) until(what string, ok func(*status.Document) bool) (st *status.Document) {
	a.t.Helper()
	err := errors.New("not asked")
	testkit.Eventually(a.t, what, func() bool {
		select {
		case <-a.ended:
			a.t.Fatal("the gateway ended: ", a.err)
		default:
		}
		st = new(status.Document)
		err = a.get("/api/v1/status", st)
		return err == nil && ok(st)
	}, func() string { return fmt.Sprintf("%+v %v", st, err) })
	return st
}

// get asks the socket.
func (a *asked) get(path string, answer any) error {
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", a.socket)
	}}}
	resp, err := client.Get("http://portti" + path)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	return json.NewDecoder(resp.Body).Decode(answer)
}
