package gateway

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"

	"portti/cmd/portti/config"
	"portti/cmd/portti/status"
	"portti/device"
	"portti/device/clock"
	"portti/device/thingsee"
	"portti/device/thingsee/thingseetest"
	"portti/uplink"
	"portti/uplink/uplinktest"
)

// commandServer is a WebSocket server that takes arrays, answers pings, and
// sends what a test wants.
type commandServer struct {
	net    *uplinktest.Listener
	server http.Server

	mu       sync.Mutex
	conn     *websocket.Conn // the present one
	connects int
	got      []thingseetest.Received
	keys     map[string]bool
	bad      []string
}

func newCommandServer() *commandServer {
	s := &commandServer{net: uplinktest.Listen(), keys: map[string]bool{}}
	s.server.Handler = s
	return s
}

func (s *commandServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	conn, err := new(websocket.Upgrader).Upgrade(w, r, nil)
	if err != nil {
		return
	}
	defer conn.Close()
	s.mu.Lock()
	s.conn = conn
	s.connects++
	s.mu.Unlock()
	for {
		_, frame, err := conn.ReadMessage()
		if err != nil {
			return
		}
		s.take(frame)
	}
}

func (s *commandServer) take(frame []byte) {
	all, err := thingseetest.ParseAll(frame)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.bad = append(s.bad, string(frame))
	}
	for _, m := range all {
		key := fmt.Sprint(m.Tuid, m.ID, m.Time)
		if s.keys[key] {
			continue
		}
		s.keys[key] = true
		s.got = append(s.got, m)
		for _, p := range thingseetest.Check(m) {
			s.bad = append(s.bad, fmt.Sprintf("%d: %s", m.ID, p))
		}
	}
}

// say sends one text message.
func (s *commandServer) say(t *testing.T, text string) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.conn.WriteMessage(websocket.TextMessage, []byte(text)); err != nil {
		t.Error(err)
	}
}

// cut breaks the present connection.
func (s *commandServer) cut() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.conn.Close()
}

// new gives what came since the last call, as "1402/36", and keeps it in last.
func (s *commandServer) new(last *[]thingseetest.Received) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var words []string
	for _, m := range s.got {
		words = append(words, fmt.Sprintf("%d/%d", m.ID, m.Event))
	}
	*last, s.got = s.got, nil
	return strings.Join(words, " ")
}

// lampDriver is the driver of a device that takes settings.
type lampDriver struct{ set []string }

func (l *lampDriver) Run(port device.Port, out device.Out) error {
	p := make([]byte, 64)
	for {
		if _, err := port.Read(p); err != nil {
			return err
		}
		out.Frame(device.OK)
		var m thingsee.Message
		m.Reset(2100, 7)
		m.Int("state", 1)
		out.Emit(&m)
	}
}

func (l *lampDriver) Command(port io.Writer, c thingsee.Command, answer *thingsee.Message) error {
	profile, err := c.Number("profileId", 0, 1)
	if err != nil {
		return err
	}
	l.set = append(l.set, fmt.Sprint(profile))
	if _, err := io.WriteString(port, "profile\n"); err != nil {
		return err
	}
	answer.Reset(c.ID, 31)
	answer.Float("profileId", profile, 0)
	return nil
}

// downlinkSite is a whole gateway that reports of itself and takes commands: one
// lamp, one server, in a bubble.
type downlinkSite struct {
	t       *testing.T
	dir     string
	accept  string
	every   string
	clock   *clock.Clock
	level   slog.LevelVar
	log     strings.Builder
	server  *commandServer
	line    *simLine
	lamp    lampDriver
	loads   int
	gateway *Gateway
	stop    context.CancelFunc
	ended   chan error
	last    []thingseetest.Received
}

// onDownlinkSite runs test on a site.
func onDownlinkSite(t *testing.T, accept, every string, test func(s *downlinkSite)) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "run"), 0o700); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		s := &downlinkSite{t: t, dir: dir, accept: accept, every: every, server: newCommandServer()}
		s.clock = clock.Fake(clock.Now{Mono: 60_000, Unix: buildDay.AddDate(0, 1, 0).UnixMilli(), Trusted: true}, buildDay)
		s.clock.Flow()
		served := make(chan struct{})
		go func() { _ = s.server.server.Serve(s.server.net); close(served) }()
		defer func() {
			if s.stop != nil {
				s.halt()
			}
			s.server.server.Close()
			<-served
			if len(s.server.bad) > 0 {
				t.Errorf("the server cannot use %q", s.server.bad)
			}
			if t.Failed() {
				t.Log(s.log.String())
			}
		}()
		test(s)
	})
}

func (s *downlinkSite) start() {
	s.t.Helper()
	path := filepath.Join(s.dir, "portti.toml")
	text := fmt.Sprintf(`config_version = 1
[gateway]
id = %q
report_interval = %q
[paths]
state = %q
run = %q
[uplink]
url = "ws://127.0.0.1:1/"
auth = "none"
accept_commands = [%s]
[[device]]
name = "lamp"
type = "lamp"
port = "/sim/lamp"
id = "LAMP"
expect_every = "24h"
`, me, s.every, filepath.Join(s.dir, "state"), filepath.Join(s.dir, "run"), s.accept)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
	kinds := device.Table{{Name: "lamp", New: func(device.Config, device.Env) (device.Driver, error) { return &s.lamp, nil }}}
	load := func() (*config.Config, error) {
		s.loads++
		return config.Load(path, config.LoadOptions{Kinds: kinds})
	}
	cfg, err := load()
	if err != nil {
		s.t.Fatal(err)
	}
	s.line = newSimLine()
	s.gateway, err = New(cfg, Options{
		Version: "spoken", Built: buildDay, Clock: s.clock, Load: load, Level: &s.level,
		Log: slog.New(slog.NewTextHandler(&s.log, &slog.HandlerOptions{Level: &s.level})),
		Device: device.Tuning{
			Open: func(_ context.Context, c device.Config) (device.Opened, error) {
				return device.Opened{Line: s.line, Path: c.Port}, nil
			},
			Kinds: kinds,
		},
		Dial: uplink.Options{Dial: s.server.net.Dial, Rand: func() float64 { return 0.5 }},
	})
	if err != nil {
		s.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	s.stop, s.ended = cancel, make(chan error, 1)
	go func() { s.ended <- s.gateway.work(ctx) }()
	s.pass(3 * time.Second)
}

// pass lets time go by; the books must balance at the end.
func (s *downlinkSite) pass(d time.Duration) status.Document {
	s.t.Helper()
	time.Sleep(d)
	synctest.Wait()
	st := s.gateway.Status()
	if err := st.CheckLedger(); err != nil {
		s.t.Error(err)
	}
	return st
}

func (s *downlinkSite) halt() status.Document {
	s.t.Helper()
	s.stop()
	s.stop = nil
	if err := <-s.ended; err != nil {
		s.t.Errorf("the gateway ended with %v", err)
	}
	return s.pass(0)
}

// heard checks what the server got since the last check.
func (s *downlinkSite) heard(what, want string) {
	s.t.Helper()
	if got := s.server.new(&s.last); got != want {
		s.t.Errorf("%s: the server got %q, want %q", what, got, want)
	}
}

// ask sends a request and checks the answer: what is in it, and the number of
// the request.
func (s *downlinkSite) ask(message, want string) {
	s.t.Helper()
	s.server.say(s.t, message)
	s.pass(2 * time.Second)
	s.heard(message, want)
	asked, _, err := thingsee.ParseCommands([]byte(message))
	if err != nil || len(asked) != 1 {
		s.t.Fatal(message, err)
	}
	for _, m := range s.last {
		a := sentMessage{Received: m}
		if m.Tuid != asked[0].Target || m.Gateway != me || !m.Dated || a.number("transactionId") != float64(asked[0].Transaction) {
			s.t.Errorf("%s was answered by %+v", message, m)
		}
	}
}

// result is the result of the last answer.
func (s *downlinkSite) result() float64 {
	return sentMessage{Received: s.last[len(s.last)-1]}.number("result")
}

func everything() string { return `"` + strings.Join(config.CommandNames(), `", "`) + `"` }

// Threat U5: every command through a whole gateway; each is answered under its
// transactionId through the buffer, does what it says, and leaves its trace.
func TestCommandsThroughAGateway(t *testing.T) {
	onDownlinkSite(t, everything(), "1h", func(s *downlinkSite) {
		s.start()
		s.heard("at the start", "1100/11 1112/11 1000/17")
		s.ask(command(1, "status", ""), "90310/33 1402/36")
		if payload := (sentMessage{Received: s.last[1]}).text("payload"); !strings.HasPrefix(payload, "Readings reach the server, nothing lost. ") {
			t.Error(payload)
		}
		s.ask(command(2, "flush", ""), "1402/36")
		s.ask(command(3, "reconnect", ""), "1402/36")
		s.pass(5 * time.Second)
		if st := s.gateway.Status(); st.Link.Connects != 2 || st.Link.State != status.LinkOnline || st.Totals.Resent != 0 {
			t.Errorf("after reconnect: %+v", st.Link)
		}
		s.ask(command(4, "log-level", `,"payload":"debug 5m"`), "1402/36")
		if s.level.Level() != slog.LevelDebug {
			t.Error("the level is", s.level.Level())
		}
		s.ask(command(5, "reload", ""), "1402/36")
		if s.loads != 2 || s.result() != 0 {
			t.Errorf("loaded %d times", s.loads)
		}
		s.ask(command(6, "report-interval", `,"payload":"2h"`), "1402/36")
		if every := s.gateway.selfReport.every(); every != 2*time.Hour {
			t.Error("reports come every", every)
		}
		s.ask(to(me, 1500, 30, `,"transactionId":7,"reportInterval":3600`), "1500/31")
		s.ask(to(me, 1000, 32, `,"transactionId":8`), "1100/33")
		s.ask(to("LAMP", 18200, 30, `,"transactionId":9,"profileId":1`), "18200/31")
		if len(s.lamp.set) != 1 {
			t.Errorf("the lamp was set to %q", s.lamp.set)
		}
		s.ask(command(10, "reboot", ""), "1402/36")
		if s.result() != -1 {
			t.Error("a machine that has just started was started again")
		}
		s.ask(command(1, "status", ""), "") // the eleventh of this minute
		s.pass(6 * time.Minute)
		if s.level.Level() != slog.LevelInfo {
			t.Error("the level has not fallen back:", s.level.Level())
		}
		s.ask(command(3, "reconnect", ""), "1402/36")
		if st := s.gateway.Status(); st.Link.Connects != 2 {
			t.Error("a repeat was carried out")
		}

		st := s.halt()
		s.heard("at the end", "1000/12")
		if st.Downlink != (status.Downlink{Received: 12, Executed: 9, Refused: 2, Repeated: 1}) {
			t.Errorf("counted %+v", st.Downlink)
		}
		if n := uint64(len(s.server.keys)); st.Totals.Read != n || st.Totals.Acked != n || st.Totals.Waiting != 0 || st.Totals.Lost.Sum() != 0 {
			t.Errorf("the server has %d messages, the ledger %+v", n, st.Totals)
		}
		for event, n := range map[string]int{"command.executed": 9, "command.refused": 1, "command.limited": 1, "command.repeated": 1, "log.level-changed": 1, "log.level-restored": 1} {
			if got := strings.Count(s.log.String(), "event="+event+" "); got != n {
				t.Errorf("the log has %d lines of %s, want %d", got, event, n)
			}
		}
		if !strings.Contains(s.log.String(), "event=command.executed remote=ws://127.0.0.1:1 tuid="+me+" tsm_id=1402 tsm_ev=35 transaction=3 command=reconnect") {
			t.Error("who asked for what is not in the log")
		}
	})
}

// The machine is started again by the unit of root's that waits for the
// request, and once: a repeat of the request after the start does nothing.
func TestRebootThroughAGateway(t *testing.T) {
	onDownlinkSite(t, `"reboot"`, "0s", func(s *downlinkSite) {
		s.start()
		s.pass(10 * time.Minute)
		request := filepath.Join(s.dir, "run", rebootRequest)
		s.server.say(t, command(1, "REBOOT", ""))
		s.pass(12 * time.Second)
		s.heard("without the unit", "1402/36")
		if _, err := os.Stat(request); s.result() != -1 || err == nil {
			t.Errorf("result %v, and the request is left: %v", s.result(), err == nil)
		}
		rebooted := 0
		unit := func() {
			for range 100 {
				time.Sleep(50 * time.Millisecond)
				if os.Remove(request) == nil {
					rebooted++
					return
				}
			}
		}
		go unit()
		s.ask(command(2, "REBOOT", ""), "1402/36")
		if s.result() != 0 || rebooted != 1 {
			t.Errorf("result %v, rebooted %d times", s.result(), rebooted)
		}
		s.halt()
		s.clock.Set(clock.Now{Mono: 30_000, Unix: s.clock.Now().Unix + 60_000, Trusted: true})
		s.start()
		s.ask(command(2, "REBOOT", ""), "1402/36")
		if s.result() != 0 {
			t.Errorf("the repeat after the start was answered %v", s.result())
		}
		s.ask(command(3, "REBOOT", ""), "1402/36")
		if _, err := os.Stat(request); s.result() != -1 || err == nil || rebooted != 1 {
			t.Errorf("half a minute after the start: %v, rebooted %d times", s.result(), rebooted)
		}
		s.halt()
	})
}

// By default nothing that a server says is more than counted, and the gateway
// that is told to be mute is.
func TestDeafAndMute(t *testing.T) {
	onDownlinkSite(t, "", "0s", func(s *downlinkSite) {
		s.start()
		for i, c := range []string{"status", "flush", "reconnect", "log-level", "reload", "report-interval", "reboot"} {
			s.server.say(t, command(i, c, ""))
			s.server.say(t, to("LAMP", 18200, 30, `,"profileId":1`))
		}
		st := s.pass(10 * time.Minute)
		s.heard("a gateway that is deaf and mute", "")
		if st.Downlink != (status.Downlink{}) || st.Link.Connects != 1 || s.loads != 1 || len(s.lamp.set) > 0 || st.Totals.Read != 0 {
			t.Errorf("%+v", st)
		}
	})
}

// The gateway speaks for itself through a day with an outage and a power cut.
func TestSelfReportThroughAGateway(t *testing.T) {
	onDownlinkSite(t, "", "5m", func(s *downlinkSite) {
		s.start()
		s.heard("at the start", "1100/11 1112/11 1000/17")
		if up := (sentMessage{Received: s.last[1]}); up.number("uptime") < 60 || up.number("uptime") > 62 || up.Tuid != me || up.Gateway != me {
			t.Errorf("%+v", up)
		}
		s.line.change(func() { s.line.buf = append(s.line.buf, '\n') })
		s.pass(20 * time.Minute)
		words := s.server.new(&s.last)
		if n := strings.Count(words, "90310/10"); n != 4 && n != 5 || strings.Count(words, "11200/10") != n || strings.Contains(words, "11201") {
			t.Errorf("in 20 minutes: %s", words)
		}
		h := sentMessage{Received: s.last[len(s.last)-2]}
		st := s.gateway.Status()
		if h.ID != thingsee.GatewayHealth || h.number("devicesOk") != 1 || h.number("devices") != 1 || h.number("clockTrusted") != 1 || h.number("read") < 5 || h.number("read") > float64(st.Totals.Read) {
			t.Errorf("%+v", h)
		}
		if st.Buffer.Commits > 3 {
			t.Errorf("%d commits in 20 minutes with a link", st.Buffer.Commits)
		}
		s.server.net.Close() // nobody is there
		s.server.cut()
		s.pass(65 * time.Minute)
		waiting := s.gateway.Status().Totals.Waiting
		if waiting < 3 || waiting > 5 { // that the link went, and one report of two messages
			t.Errorf("%d messages wait after an hour", waiting)
		}
		st = s.halt()
		if st.Totals.Waiting != waiting+1 || st.Totals.Lost.Sum() != 0 {
			t.Errorf("at the end %+v", st.Totals)
		}
	})
}

// How often the gateway reports is taken over by a reload, and only when it was
// changed there: what the server has set holds otherwise.
func TestReportIntervalIsReloaded(t *testing.T) {
	onDownlinkSite(t, everything(), "1h", func(s *downlinkSite) {
		s.start()
		every := func(what string, want time.Duration) {
			t.Helper()
			if got := s.gateway.selfReport.every(); got != want {
				t.Errorf("%s: reports come every %v, want %v", what, got, want)
			}
		}
		path := filepath.Join(s.dir, "portti.toml")
		reload := func(from, to string) Reloaded {
			t.Helper()
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(strings.Replace(string(text), from, to, 1)), 0o600); err != nil {
				t.Fatal(err)
			}
			r, err := s.gateway.Reload(s.t.Context())
			if err != nil {
				t.Fatal(err)
			}
			return r
		}
		s.server.say(t, command(1, "report-interval", `,"payload":"2m"`))
		s.pass(2 * time.Second)
		every("set by the server", 2*time.Minute)
		reload("", "")
		every("after a reload without a change", 2*time.Minute)
		if r := reload(`report_interval = "1h"`, `report_interval = "30m"`); fmt.Sprint(r.Applied) != "[gateway.report_interval]" {
			t.Errorf("%+v", r)
		}
		every("after a change", 30*time.Minute)
		if r := reload(`"status", `, ""); fmt.Sprint(r.Applied) != "[uplink.accept_commands]" {
			t.Errorf("%+v", r)
		}
		s.server.say(t, command(2, "status", ""))
		s.pass(2 * time.Second)
		if st := s.gateway.Status(); st.Downlink.Executed != 1 {
			t.Errorf("what is not accepted any more was carried out: %+v", st.Downlink)
		}
		s.halt()
	})
}
