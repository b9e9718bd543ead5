package gateway_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"portti/cmd/portti/config"
	"portti/cmd/portti/gateway"
	"portti/cmd/portti/rig"
	"portti/cmd/portti/status"
	"portti/cmd/portti/testbed"
	"portti/cross/testkit"
)

// debugLog logs everything that can be logged to w.
func debugLog(w io.Writer) *slog.Logger {
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

func TestReadingsReachTheServer(t *testing.T) {
	for name, c := range map[string]struct{ ack, uplink, buffer string }{
		"fence":        {ack: "fence"},
		"strict fence": {ack: "fence", buffer: `commit_every = "0s"`},
		"count":        {ack: "count"},
		"none":         {ack: "none", buffer: `commit_every = "100ms"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := rig.New(t, testbed.Options{Ack: c.ack})
			s.Uplink, s.Buffer = fmt.Sprintf("ack = %q", c.ack), c.buffer
			g := s.Run(gateway.Options{})
			s.Line().Feed(1)
			g.Until("one reading arrives by itself", s.Arrived)
			s.Line().Feed(999)
			g.Until("a thousand are delivered", s.Delivered)
			s.Settled(g.Halt())
		})
	}
}

func TestReadingsWaitForTheServer(t *testing.T) {
	t.Parallel()
	s := rig.New(t, testbed.Options{})
	g := s.Run(gateway.Options{})
	s.Line().Feed(100)
	g.Until("the first hundred arrive", s.Arrived)
	s.Down()
	s.Line().Feed(2000)
	st := g.Until("they wait on disk", func(st *status.Document) bool {
		return st.Totals.Read == 2100 && st.Buffer.WaitingDisk >= 2000
	})
	if st.Link.State == status.LinkOnline || st.Link.LastError == "" {
		t.Errorf("link: %+v", st.Link)
	}
	s.Up()
	g.Until("the rest is delivered", s.Delivered)
	s.Settled(g.Halt())
}

func TestStopWithoutAServerKeepsEverything(t *testing.T) {
	t.Parallel()
	s := rig.New(t, testbed.Options{})
	s.Down()
	g := s.Run(gateway.Options{})
	s.Line().Feed(500)
	g.Until("500 are read", rig.Read(500))
	if st := g.Halt(); st.Buffer.WaitingDisk != 500 || st.Totals.Waiting != 500 {
		t.Fatalf("after the stop: %+v %+v", st.Buffer, st.Totals)
	}
	s.Up()
	g = s.Run(gateway.Options{})
	g.Until("they are delivered after the restart", s.Delivered)
	s.Settled(g.Halt())
}

// The server takes everything and answers nothing: nothing may count as
// delivered, and the gateway must find out.
func TestSilentServerProvesNothing(t *testing.T) {
	t.Parallel()
	s := rig.New(t, testbed.Options{})
	s.Server.Mute(true)
	s.Uplink = "ping_interval = \"1s\"\npong_timeout = \"1s\""
	g := s.Run(gateway.Options{})
	s.Line().Feed(50)
	g.Until("the server has some", func(*status.Document) bool { return s.Server.Stats().Distinct > 0 })
	st := g.Until("the link is given up", func(st *status.Document) bool { return st.Link.Problem == "UP-NO-PONG" })
	if st.Totals.Acked != 0 {
		t.Fatalf("acknowledged without proof: %+v", st.Totals)
	}
	s.Server.Mute(false)
	g.Until("they are delivered", s.Delivered)
	s.Settled(g.Halt())
}

func TestTokenReplacedWhileRefused(t *testing.T) {
	t.Parallel()
	s := rig.New(t, testbed.Options{Auth: "header", Token: "right-token-5f3a"})
	file := filepath.Join(s.Dir, "token")
	if err := os.WriteFile(file, []byte("wrong-token-77c1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.Uplink = fmt.Sprintf("auth = \"header\"\ntoken_file = %q", file)
	var log strings.Builder
	g := s.Run(gateway.Options{Log: debugLog(&log)})
	s.Line().Feed(10)
	st := g.Until("the token is refused", func(st *status.Document) bool { return st.Link.Problem == "UP-AUTH-REJECTED" })
	g.Until("collecting goes on", rig.Read(10))
	if err := os.WriteFile(file, []byte("right-token-5f3a\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	g.Until("they are delivered", s.Delivered)
	last := g.Halt()
	s.Settled(last)
	for _, doc := range []*status.Document{st, last} {
		text, err := json.Marshal(doc)
		if err != nil {
			t.Fatal(err)
		}
		log.Write(text)
	}
	if strings.Contains(log.String(), "-token-") {
		t.Error("a token stands in the log or in the status")
	}
}

func TestAdapterComesBackUnderAnotherName(t *testing.T) {
	t.Parallel()
	s := rig.New(t, testbed.Options{})
	g := s.Run(gateway.Options{})
	s.Line().Feed(20)
	g.Until("20 arrive", s.Arrived)
	s.Line().Unplug()
	g.Until("the port is gone", func(st *status.Document) bool { return st.Devices[0].State == status.DeviceMissing })
	s.Line().Plug()
	g.Until("it is read again", s.Reading)
	s.Line().Feed(20)
	g.Until("40 are delivered", s.Delivered)
	s.Settled(g.Halt())
}

func TestControlSocket(t *testing.T) {
	t.Parallel()
	s := rig.New(t, testbed.Options{})
	g := s.Run(gateway.Options{})
	s.Line().Feed(3)
	g.Until("3 arrive", s.Arrived)
	socket := filepath.Join(s.Dir, "run", config.SocketName)
	client := http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}}}
	defer client.CloseIdleConnections()
	r, err := client.Get("http://portti/api/v1/status")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	var st status.Document
	if err := errors.Join(json.NewDecoder(r.Body).Decode(&st), st.CheckLedger()); err != nil {
		t.Fatal(err)
	}
	if st.Totals.Read != 3 || st.Gateway.ID != "XXXX00TEST0000001" || st.Link.State != status.LinkOnline {
		t.Errorf("%+v", st)
	}
	if r, err := client.Post("http://portti/api/v1/status", "text/plain", nil); err != nil || r.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("a change was not refused: %v %v", r, err)
	}
	g.Halt()
	if _, err := os.Stat(socket); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket is left behind: %v", err)
	}
}

func TestSecondDaemonNamesTheFirst(t *testing.T) {
	t.Parallel()
	s := rig.New(t, testbed.Options{})
	cfg := s.Load()
	ctx, cancel := context.WithCancel(context.Background())
	first := make(chan error, 1)
	go func() { first <- gateway.Run(ctx, cfg, gateway.Options{}) }()
	defer func() { cancel(); <-first }()
	socket := cfg.Paths.Socket()
	testkit.Eventually(t, "the first has started", func() bool { _, err := os.Stat(socket); return err == nil })
	err := gateway.Run(ctx, cfg, gateway.Options{})
	if !errors.Is(err, gateway.ErrRunning) || !strings.Contains(err.Error(), fmt.Sprintf("process %d", os.Getpid())) {
		t.Errorf("got %v", err)
	}
}

func TestSecondDaemonInTheSameRunFolderIsRefused(t *testing.T) {
	t.Parallel()
	s := rig.New(t, testbed.Options{})
	g := s.Run(gateway.Options{})
	cfg := s.Load()
	cfg.Paths.State = filepath.Join(s.Dir, "other")
	if err := gateway.Run(t.Context(), cfg, gateway.Options{}); !errors.Is(err, gateway.ErrRunning) {
		t.Errorf("got %v", err)
	}
	s.Line().Feed(1)
	g.Until("the first works on", s.Arrived)
	g.Halt()
}
