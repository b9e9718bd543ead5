package daemon_test

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
	"time"

	"portti/cmd/portti/bench"
	"portti/cmd/portti/daemon"
)

// patience is how long a condition may take on a busy machine before a test
// says that it never came true. No test passes or fails by its speed.
const patience = 30 * time.Second

// site is a gateway with one serial line and one server: real configuration,
// real pseudo-terminal, real buffer, real WebSocket.
type site struct {
	t       *testing.T
	dir     string
	line    *bench.Pty
	server  *bench.Receiver
	uplink  string // further keys of [uplink]
	buffer  string // further keys of [buffer]
	device  string // further keys of [[device]]
	metrics string // where they listen; "" = nowhere
	load    bool   // a reload reads the file again
	log     io.Writer
	fed     int
	gateway *daemon.Daemon
	stop    context.CancelFunc
	ended   chan error
}

func newSite(t *testing.T, o bench.Options) *site {
	s := &site{t: t, dir: t.TempDir()}
	line, err := bench.OpenPty(filepath.Join(s.dir, "panel"), 0)
	if err != nil {
		t.Fatal(err)
	}
	s.line = line
	t.Cleanup(func() { s.line.Close() })
	s.serve(o)
	return s
}

// serve starts the server; given an address in o it comes back there.
func (s *site) serve(o bench.Options) {
	s.t.Helper()
	if o.Listen == "" {
		o.Listen = "127.0.0.1:0"
	}
	var err error
	if s.server, err = bench.NewReceiver(o); err != nil {
		s.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	server := s.server
	go func() { server.Run(ctx); close(done) }()
	s.t.Cleanup(func() { cancel(); <-done })
}

func (s *site) config() *daemon.Config {
	s.t.Helper()
	path := filepath.Join(s.dir, "portti.toml")
	text := fmt.Sprintf(`config_version = 1
[gateway]
id = "XXXX00TEST0000001"
report_interval = "0s"
[paths]
state = %q
run = %q
[metrics]
listen = %q
[uplink]
url = %q
%s
[uplink.backoff]
base = "100ms"
cap = "1s"
[buffer]
%s
[[device]]
name = "panel"
type = "lines"
port = %q
id = "XXXX03PNL00000001"
%s
`, filepath.Join(s.dir, "state"), filepath.Join(s.dir, "run"), s.metrics, s.server.URL(), s.uplink, s.buffer, s.line.Name(), s.device)
	if !strings.Contains(s.uplink, "auth") {
		text = strings.Replace(text, "[uplink]\n", "[uplink]\nauth = \"none\"\n", 1)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
	cfg, err := daemon.Load(path, daemon.LoadOptions{})
	if err != nil {
		s.t.Fatal(err)
	}
	return cfg
}

func (s *site) start() {
	s.t.Helper()
	var log *slog.Logger
	if s.log != nil {
		log = slog.New(slog.NewTextHandler(s.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	o := daemon.Options{Version: "test", Log: log}
	if s.load {
		o.Load = func() (*daemon.Config, error) {
			return daemon.Load(filepath.Join(s.dir, "portti.toml"), daemon.LoadOptions{})
		}
	}
	g, err := daemon.New(s.config(), o)
	if err != nil {
		s.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	s.gateway, s.stop, s.ended = g, cancel, make(chan error, 1)
	go func() { s.ended <- g.Run(ctx) }()
	s.t.Cleanup(cancel)
	s.until("the port is open", func(st daemon.Status) bool { return open(st, s.line) })
}

// open says whether the gateway has the line: it may keep the path of one that
// is gone, and a new one may get the same.
func open(st daemon.Status, line *bench.Pty) bool {
	d := st.Devices[0]
	return d.Resolved == line.Path() && d.State != daemon.DeviceMissing && d.State != daemon.DeviceBusy
}

// halt stops the gateway in order and gives its last word.
func (s *site) halt() daemon.Status {
	s.t.Helper()
	s.stop()
	select {
	case err := <-s.ended:
		if err != nil {
			s.t.Fatalf("the gateway ended with: %v", err)
		}
	case <-time.After(patience):
		s.t.Fatal("the gateway does not stop")
	}
	return s.checked(s.gateway.Status())
}

// checked holds a document against the ledger rule.
func (s *site) checked(st daemon.Status) daemon.Status {
	s.t.Helper()
	if err := st.CheckLedger(); err != nil {
		s.t.Fatal(err)
	}
	return st
}

// until waits for a condition on the status, checking the ledger each time.
func (s *site) until(what string, ok func(daemon.Status) bool) daemon.Status {
	s.t.Helper()
	end := time.Now().Add(patience)
	for {
		st := s.checked(s.gateway.Status())
		if ok(st) {
			return st
		}
		select {
		case err := <-s.ended:
			s.t.Fatalf("the gateway ended while waiting for: %s: %v", what, err)
		case <-time.After(5 * time.Millisecond):
		}
		if time.Now().After(end) {
			text, _ := json.MarshalIndent(st, "", " ")
			s.t.Fatalf("never came true: %s\nserver: %s\n%s", what, s.server.Stats().Summary(), text)
		}
	}
}

// feed puts n readings on the line.
func (s *site) feed(n int) {
	s.t.Helper()
	var b []byte
	for range n {
		s.fed++
		b = fmt.Appendf(b, "{\"temp\":%d.%02d,\"humd\":41.5}\n", s.fed/100%80, s.fed%100)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if _, err := s.line.Write(ctx, b); err != nil {
		s.t.Fatal(err)
	}
}

func (s *site) arrived(n int) func(daemon.Status) bool {
	return func(daemon.Status) bool { return s.server.Stats().Distinct == int64(n) }
}

func read(n int) func(daemon.Status) bool {
	return func(st daemon.Status) bool { return st.Totals.Read == uint64(n) }
}

// settled is the end of a good story: the server has every reading, no one
// with other bytes, and the gateway knows it.
func (s *site) settled(st daemon.Status) {
	s.t.Helper()
	if st.Totals.Read != uint64(s.fed) || st.Totals.Acked != uint64(s.fed) {
		s.t.Errorf("fed %d; the ledger has %+v", s.fed, st.Totals)
	}
	if got := s.server.Stats(); got.Distinct != int64(s.fed) || got.Changed != 0 || got.Bad != 0 {
		s.t.Errorf("fed %d; the server has %s", s.fed, got.Summary())
	}
}

func TestReadingsReachTheServer(t *testing.T) {
	for name, c := range map[string]struct{ ack, uplink, buffer string }{
		"fence":        {ack: "fence"},
		"strict fence": {ack: "fence", buffer: `commit_every = "0s"`},
		"count":        {ack: "count"},
		"none":         {ack: "none", buffer: `commit_every = "100ms"`},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, bench.Options{Ack: c.ack})
			s.uplink, s.buffer = fmt.Sprintf("ack = %q", c.ack), c.buffer
			s.start()
			s.feed(1)
			s.until("one reading arrives by itself", s.arrived(1))
			s.feed(999)
			s.until("a thousand arrive", s.arrived(1000))
			s.until("all are acknowledged", func(st daemon.Status) bool { return st.Totals.Acked == 1000 })
			s.settled(s.halt())
		})
	}
}

func TestReadingsWaitForTheServer(t *testing.T) {
	s := newSite(t, bench.Options{})
	s.start()
	s.feed(100)
	s.until("the first hundred arrive", s.arrived(100))
	s.server.Refuse(true)
	s.server.Cut()
	s.feed(2000)
	st := s.until("they wait on disk", func(st daemon.Status) bool {
		return st.Totals.Read == 2100 && st.Buffer.WaitingDisk >= 2000
	})
	if st.Link.State == daemon.LinkOnline || st.Link.LastError == "" {
		t.Errorf("link: %+v", st.Link)
	}
	s.server.Refuse(false)
	s.until("the rest arrives", s.arrived(2100))
	s.until("nothing waits", func(st daemon.Status) bool { return st.Buffer.Waiting == 0 })
	s.settled(s.halt())
}

func TestStopWithoutAServerKeepsEverything(t *testing.T) {
	s := newSite(t, bench.Options{})
	s.server.Refuse(true)
	s.start()
	s.feed(500)
	s.until("500 are read", read(500))
	if st := s.halt(); st.Buffer.WaitingDisk != 500 || st.Totals.Waiting != 500 {
		t.Fatalf("after the stop: %+v %+v", st.Buffer, st.Totals)
	}
	s.server.Refuse(false)
	s.start()
	s.until("they arrive after the restart", s.arrived(500))
	s.until("they are acknowledged", func(st daemon.Status) bool { return st.Totals.Acked == 500 })
	s.settled(s.halt())
}

// The server takes everything and answers nothing: nothing may count as
// delivered, and the gateway must find out.
func TestSilentServerProvesNothing(t *testing.T) {
	s := newSite(t, bench.Options{})
	s.server.Mute(true)
	s.uplink = "ping_interval = \"1s\"\npong_timeout = \"1s\""
	s.start()
	s.feed(50)
	s.until("the server has some", func(daemon.Status) bool { return s.server.Stats().Distinct > 0 })
	st := s.until("the link is given up", func(st daemon.Status) bool { return st.Link.Problem == "UP-NO-PONG" })
	if st.Totals.Acked != 0 {
		t.Fatalf("acknowledged without proof: %+v", st.Totals)
	}
	s.server.Mute(false)
	s.until("they are acknowledged", func(st daemon.Status) bool { return st.Totals.Acked == 50 })
	s.settled(s.halt())
}

func TestTokenReplacedWhileRefused(t *testing.T) {
	s := newSite(t, bench.Options{Auth: "header", Token: "right-token-5f3a"})
	file := filepath.Join(s.dir, "token")
	if err := os.WriteFile(file, []byte("wrong-token-77c1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.uplink = fmt.Sprintf("auth = \"header\"\ntoken_file = %q", file)
	var log strings.Builder
	s.log = &log
	s.start()
	s.feed(10)
	st := s.until("the token is refused", func(st daemon.Status) bool { return st.Link.Problem == "UP-AUTH-REJECTED" })
	s.until("collecting goes on", read(10))
	if err := os.WriteFile(file, []byte("right-token-5f3a\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.until("they arrive", s.arrived(10))
	last := s.halt()
	s.settled(last)
	for _, doc := range []daemon.Status{st, last} {
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
	s := newSite(t, bench.Options{})
	s.start()
	s.feed(20)
	s.until("20 arrive", s.arrived(20))
	name := s.line.Name()
	s.line.Close()
	s.until("the port is gone", func(st daemon.Status) bool { return st.Devices[0].State == daemon.DeviceMissing })
	line, err := bench.OpenPty(name, 0)
	if err != nil {
		t.Fatal(err)
	}
	s.line = line
	s.until("it is read again", func(st daemon.Status) bool { return open(st, line) })
	s.feed(20)
	s.until("40 arrive", s.arrived(40))
	s.settled(s.halt())
}

func TestControlSocket(t *testing.T) {
	s := newSite(t, bench.Options{})
	s.start()
	s.feed(3)
	s.until("3 arrive", s.arrived(3))
	socket := filepath.Join(s.dir, "run", daemon.SocketName)
	client := http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}}}
	defer client.CloseIdleConnections()
	r, err := client.Get("http://portti/api/v1/status")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	var st daemon.Status
	if err := json.NewDecoder(r.Body).Decode(&st); err != nil {
		t.Fatal(err)
	}
	if s.checked(st); st.Totals.Read != 3 || st.Gateway.ID != "XXXX00TEST0000001" || st.Link.State != daemon.LinkOnline {
		t.Errorf("%+v", st)
	}
	if r, err := client.Post("http://portti/api/v1/status", "text/plain", nil); err != nil || r.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("a change was not refused: %v %v", r, err)
	}
	s.halt()
	if _, err := os.Stat(socket); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket is left behind: %v", err)
	}
}

func TestSecondDaemonNamesTheFirst(t *testing.T) {
	s := newSite(t, bench.Options{})
	cfg := s.config()
	ctx, cancel := context.WithCancel(context.Background())
	first := make(chan error, 1)
	go func() { first <- daemon.Run(ctx, cfg, daemon.Options{}) }()
	defer func() { cancel(); <-first }()
	socket := cfg.Paths.Socket()
	for end := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		if _, err := os.Stat(socket); err == nil {
			break
		}
		if time.Now().After(end) {
			t.Fatal("the first never started")
		}
	}
	err := daemon.Run(ctx, cfg, daemon.Options{})
	if !errors.Is(err, daemon.ErrRunning) || !strings.Contains(err.Error(), fmt.Sprintf("process %d", os.Getpid())) {
		t.Errorf("got %v", err)
	}
}

func TestSecondDaemonInTheSameRunFolderIsRefused(t *testing.T) {
	s := newSite(t, bench.Options{})
	s.start()
	cfg := s.config()
	cfg.Paths.State = filepath.Join(s.dir, "other")
	if err := daemon.Run(t.Context(), cfg, daemon.Options{}); !errors.Is(err, daemon.ErrRunning) {
		t.Errorf("got %v", err)
	}
	s.feed(1)
	s.until("the first works on", s.arrived(1))
	s.halt()
}
