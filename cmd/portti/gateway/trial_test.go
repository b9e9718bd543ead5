package gateway

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"portti/cmd/portti/config"
	"portti/cmd/portti/status"
	"portti/cmd/portti/testbed"
	"portti/cross/testkit"
	"portti/device"
	"portti/device/clock/clocktest"
	"portti/uplink"
	"portti/uplink/uplinktest"
)

// trialSite is a gateway on whose files a technician works: port 1 of its network has a
// server, the others have not.
type trialSite struct {
	t       *testing.T
	dir     string
	boots   byte
	machine *clocktest.Machine
	log     strings.Builder
	net     *uplinktest.Listener
	line    *simLine

	gateway *Gateway
	stop    context.CancelFunc
	ended   chan error
}

// onTrialSite runs test on a site whose gateway is up and online.
func onTrialSite(t *testing.T, test func(s *trialSite)) {
	t.Helper()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s := &trialSite{t: t, dir: dir, net: uplinktest.Listen(), line: newSimLine()}
		server, err := testbed.NewReceiver(testbed.Options{Listener: s.net, Ack: "fence"})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		served := make(chan error, 1)
		go func() { served <- server.Run(ctx) }()
		defer func() {
			if s.stop != nil {
				s.halt()
			}
			cancel()
			<-served
			if t.Failed() {
				t.Log(s.log.String())
			}
		}()
		s.write(1, "20s")
		s.boot()
		s.runs("at first", 1)
		s.state("at first", status.LinkOnline)
		test(s)
	})
}

func (s *trialSite) path() string { return filepath.Join(s.dir, "portti.toml") }

// write makes the files name the server on a port.
func (s *trialSite) write(port int, ping string) {
	s.t.Helper()
	text := fmt.Sprintf(`config_version = 1
[gateway]
id = "XXXX00TRIAL000001"
report_interval = "0s"
[paths]
state = %q
run = %q
[metrics]
listen = ""
[web]
listen = ""
[uplink]
url = "ws://127.0.0.1:%d/?token=S3CRET"
auth = "none"
ping_interval = %q
[uplink.backoff]
base = "1s"
cap = "10s"
[[device]]
name = "panel"
type = "lines"
port = "/sim/panel"
id = "P"
expect_every = "24h"
`, filepath.Join(s.dir, "state"), filepath.Join(s.dir, "run"), port, ping)
	if err := os.WriteFile(s.path(), []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// boot starts the machine, and the gateway on it.
func (s *trialSite) boot() {
	s.boots++
	s.machine = clocktest.NewMachine(s.boots, time.Now().UnixMilli())
	s.start()
}

func (s *trialSite) start() {
	s.t.Helper()
	o := Options{
		Version: "tried", Built: time.Now().AddDate(0, -1, 0), Clock: s.machine.Clock(time.Now().AddDate(0, -1, 0)),
		Log:  slog.New(slog.NewTextHandler(&s.log, nil)),
		Load: func() (*config.Config, error) { return config.Load(s.path(), config.LoadOptions{}) },
		Device: device.Tuning{Open: func(_ context.Context, c device.Config) (device.Opened, error) {
			return device.Opened{Line: s.line, Path: c.Port}, nil
		}},
		Dial: uplink.Options{Rand: func() float64 { return 0.5 }, Dial: func(ctx context.Context, network, addr string) (net.Conn, error) {
			if !strings.HasSuffix(addr, ":1") {
				return nil, errors.New("nobody is there")
			}
			return s.net.Dial(ctx, network, addr)
		}},
	}
	paths, err := config.PathsOf(s.path(), config.LoadOptions{})
	if err != nil {
		s.t.Fatal(err)
	}
	cfg, err := Begin(&o, paths)
	if err != nil {
		s.t.Fatal(err)
	}
	s.line = newSimLine()
	if s.gateway, err = New(cfg, o); err != nil {
		s.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	s.stop, s.ended = cancel, make(chan error, 1)
	go func() { s.ended <- s.gateway.work(ctx) }()
	s.pass(3 * time.Second)
}

func (s *trialSite) pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func (s *trialSite) halt() {
	s.t.Helper()
	s.stop()
	s.stop = nil
	if err := <-s.ended; err != nil {
		s.t.Errorf("the gateway ended with %v", err)
	}
}

// reload is what a person asks for: a window of 0 is without --confirm.
func (s *trialSite) reload(window time.Duration) Reloaded {
	s.t.Helper()
	ask := s.gateway.Reload
	if window > 0 {
		ask = func(ctx context.Context) (Reloaded, error) { return s.gateway.ReloadOnTrial(ctx, window) }
	}
	r, err := ask(s.t.Context())
	if err != nil || r.Error != "" {
		s.t.Fatalf("%v %s", err, r.Error)
	}
	s.pass(time.Second)
	return r
}

func (s *trialSite) confirm() Reloaded {
	s.t.Helper()
	r, err := s.gateway.Confirm(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	return r
}

// runs checks by which server the gateway goes, and shows checks what it says of that.
func (s *trialSite) runs(what string, port int) {
	s.t.Helper()
	if got := s.gateway.cfg.Load().Uplink.URL; !strings.Contains(got, fmt.Sprintf(":%d/", port)) {
		s.t.Errorf("%s: it goes by %s", what, got)
	}
}

func (s *trialSite) shows(what string, codes string) {
	s.t.Helper()
	var got []string
	st := s.gateway.Status()
	for _, p := range st.Problems {
		if strings.HasPrefix(p.Code, "CFG-") {
			got = append(got, p.Code)
		}
		if strings.Contains(p.Sentence, "S3CRET") {
			s.t.Errorf("%s: a secret in %s", what, p.Sentence)
		}
	}
	if strings.Join(got, " ") != codes {
		s.t.Errorf("%s: it shows %q, want %s", what, got, codes)
	}
}

func (s *trialSite) state(what, want string) {
	s.t.Helper()
	if got := s.gateway.Status().Link.State; got != want {
		s.t.Errorf("%s: the link is %s", what, got)
	}
}

// kept says whether there is a way back on disk.
func (s *trialSite) kept() bool {
	info, err := os.Stat(filepath.Join(s.dir, "state", trialFile))
	if err == nil && info.Mode().Perm() != 0o600 {
		s.t.Errorf("it has mode %v", info.Mode())
	}
	return !errors.Is(err, fs.ErrNotExist)
}

// Row 160: what does not come online is taken back at the end of its window, and over
// when the files are as what runs.
func TestTrialIsTakenBack(t *testing.T) {
	onTrialSite(t, func(s *trialSite) {
		s.write(2, "20s")
		if r := s.reload(5 * time.Minute); r.Trial == nil || r.Trial.State != onTrial || !s.kept() {
			t.Errorf("%+v", r)
		}
		s.runs("on trial", 2)
		s.shows("on trial", "CFG-ON-TRIAL")
		s.pass(5*time.Minute - 3*time.Second)
		s.runs("just before the end", 2)
		s.pass(5 * time.Second)
		s.runs("after the end", 1)
		s.state("after the end", status.LinkOnline)
		s.shows("after the end", "CFG-TAKEN-BACK")
		if r := s.confirm(); !strings.Contains(r.Error, "too late") {
			t.Errorf("%+v", r)
		}
		s.pass(time.Hour)
		s.shows("later", "CFG-TAKEN-BACK")
		if d := s.gateway.ConfigDiff(); len(d.Settings) != 1 || d.Settings[0].Key != "uplink.url" {
			t.Errorf("%+v", d)
		}
		s.write(1, "20s")
		s.pass(filesEvery + time.Second)
		s.shows("the files are as before", "")
		if s.kept() {
			t.Error("a way back is left")
		}
	})
}

// Row 161: what comes online stays, and so does what somebody confirms; a proof must be
// younger than the trial.
func TestTrialThatStays(t *testing.T) {
	onTrialSite(t, func(s *trialSite) {
		s.write(1, "10m") // the link is made anew, comes up, and proves nothing for ten minutes
		s.reload(20 * time.Minute)
		s.state("made anew", status.LinkOnline)
		s.pass(9 * time.Minute)
		s.shows("online without a proof", "CFG-ON-TRIAL")
		s.pass(2 * time.Minute)
		s.shows("a pong", "")
		if s.kept() {
			t.Error("a way back is left")
		}
		s.write(2, "10m")
		s.reload(time.Minute)
		if r := s.confirm(); r.Error != "" || r.Trial.Text != "Confirmed: the configuration stays." {
			t.Errorf("%+v", r)
		}
		s.pass(time.Hour)
		s.runs("confirmed", 2)
		s.shows("confirmed", "")
		if r := s.confirm(); s.kept() || r.Trial.Text != "Nothing is on trial: the configuration stays." {
			t.Errorf("%+v", r)
		}
		s.halt()
		s.boot()
		s.runs("after another start", 2)
	})
}

// What is read while something is on trial is on the same trial: neither another reload
// nor SIGHUP confirms it, and the way back is to what was confirmed last. Its time begins
// anew with another --confirm only.
func TestTrialGoesOnOverReloads(t *testing.T) {
	onTrialSite(t, func(s *trialSite) {
		s.write(2, "20s")
		s.reload(2 * time.Minute)
		s.pass(time.Minute)
		s.reload(0)
		s.write(3, "20s")
		if r := s.reload(0); r.Trial == nil || r.Trial.LeftS > 60 {
			t.Errorf("%+v", r.Trial)
		}
		s.runs("another one", 3)
		s.pass(30 * time.Second)
		s.write(4, "20s")
		s.reload(2 * time.Minute)
		s.pass(time.Minute)
		s.shows("a new window", "CFG-ON-TRIAL")
		s.pass(time.Minute)
		s.runs("after the end", 1)
		s.shows("after the end", "CFG-TAKEN-BACK")
		if r := s.reload(0); r.Trial != nil || s.kept() {
			t.Errorf("a reload for good: %+v", r)
		}
		s.runs("a reload for good", 4)
		s.shows("a reload for good", "")
	})
}

// A trial that cannot be taken back is not begun, and neither is one of nothing.
func TestTrialThatIsRefused(t *testing.T) {
	onTrialSite(t, func(s *trialSite) {
		if r := s.reload(time.Minute); r.Trial != nil || s.kept() {
			t.Errorf("nothing was edited: %+v", r)
		}
		text, err := os.ReadFile(s.path())
		if err != nil {
			t.Fatal(err)
		}
		edited := strings.NewReplacer("XXXX00TRIAL000001", "XXXX00TRIAL000002", ":1/", ":2/").Replace(string(text))
		if err := os.WriteFile(s.path(), []byte(edited), 0o600); err != nil {
			t.Fatal(err)
		}
		r, err := s.gateway.ReloadOnTrial(s.t.Context(), time.Minute)
		if err != nil || !strings.Contains(r.Error, "gateway.id") || s.kept() {
			t.Errorf("another id: %+v %v", r, err)
		}
		s.runs("another id", 1)
		if r, err = s.gateway.ReloadOnTrial(s.t.Context(), 48*time.Hour); err != nil || r.Error == "" {
			t.Errorf("two days: %+v %v", r, err)
		}
		s.shows("refused", "CFG-REFUSED")
		// The way back cannot be kept: a folder lies where it is written first.
		s.write(2, "20s")
		if err := os.MkdirAll(filepath.Join(s.dir, "state", trialFile+".new", "full"), 0o700); err != nil {
			t.Fatal(err)
		}
		if r, err = s.gateway.ReloadOnTrial(s.t.Context(), time.Minute); err != nil || !strings.Contains(r.Error, "way back") {
			t.Errorf("no way back: %+v %v", r, err)
		}
		s.runs("no way back", 1)
	})
}

// Row 162: the time goes on over starts of the gateway, and over starts of the machine, each of
// which counts as a quarter at least: a trial ends however often the power fails.
func TestTrialOverStarts(t *testing.T) {
	onTrialSite(t, func(s *trialSite) {
		s.write(2, "20s")
		s.reload(8 * time.Minute)
		s.pass(3 * time.Minute)
		s.halt()
		s.start() // the same boot
		s.runs("the gateway started", 2)
		s.shows("the gateway started", "CFG-ON-TRIAL")
		s.halt()
		for left := 2; left > 0; left-- { // of the three quarters that are left one is begun
			s.boot()
			s.runs("the machine started", 2)
			if got := s.gateway.trial.note.Left; got > int64(left)*2*60_000 || got <= int64(left-1)*2*60_000 {
				t.Errorf("%d ms are left before the %d. last start", got, left)
			}
			s.halt()
		}
		s.boot()
		s.runs("the machine started again", 1)
		s.shows("the machine started again", "CFG-TAKEN-BACK")
		s.state("the machine started again", status.LinkOnline)
		s.halt()
		s.boot()
		s.runs("taken back, and another start", 1)
		s.shows("taken back, and another start", "CFG-TAKEN-BACK")
		s.halt()
		s.write(3, "20s") // edited since
		s.boot()
		s.runs("edited files", 3)
		s.shows("edited files", "")
	})
}

// Row 163: files that cannot be used any more at a start within the window are not waited for.
func TestTrialOfFilesThatBreak(t *testing.T) {
	onTrialSite(t, func(s *trialSite) {
		s.write(2, "20s")
		s.reload(5 * time.Minute)
		s.halt()
		text, err := os.ReadFile(s.path())
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(s.path(), append(text, "nonsense"...), 0o600); err != nil {
			t.Fatal(err)
		}
		s.boot()
		s.runs("broken files", 1)
		s.shows("broken files", "CFG-INVALID CFG-TAKEN-BACK")
		s.halt()
		s.write(1, "20s")
		s.boot()
		s.runs("mended files", 1)
		s.shows("mended files", "")
	})
}

// A way back that cannot be read, as after a fault of the disk, keeps nobody from a start.
func TestTrialThatCannotBeRead(t *testing.T) {
	onTrialSite(t, func(s *trialSite) {
		for _, text := range []string{"", trialHead, trialHead + "{}\n", trialHead + `{"state":"trial","window_ms":1000}` + "\n nonsense"} {
			s.halt()
			if err := os.WriteFile(filepath.Join(s.dir, "state", trialFile), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			s.start()
			s.runs("what cannot be read", 1)
			s.shows("what cannot be read", "")
		}
		if !strings.Contains(s.log.String(), "config.trial-unread") {
			t.Error("and nobody says so")
		}
	})
}

// A configuration on trial with which a gateway cannot even be made is taken back at once.
func TestTrialThatCannotStart(t *testing.T) {
	dir := t.TempDir()
	s := &trialSite{t: t, dir: dir}
	s.write(1, "20s")
	before, err := config.Load(s.path(), config.LoadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	bad := *before
	bad.Devices = []device.Config{{Name: "panel", Type: "of no kind"}}
	note := &trialNote{State: onTrial, Window: 60_000, Left: 60_000, Tried: sumOf(&bad)}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	o := Options{Log: slog.New(slog.DiscardHandler), begun: &begun{note: note, before: before},
		Load: func() (*config.Config, error) { return &bad, nil },
		Dial: uplink.Options{Dial: func(context.Context, string, string) (net.Conn, error) { return nil, errors.New("nobody is there") }}}
	ended := make(chan error, 1)
	go func() { ended <- Run(ctx, &bad, o) }()
	testkit.Eventually(t, "it is noted that it was taken back", func() bool {
		kept, _, err := readTrial(trialPath(before.Paths), nil)
		return err == nil && kept.State == takenBack && strings.Contains(kept.Why, "could not start with it") && kept.Tried == sumOf(&bad)
	})
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("it ended with %v", err)
	}
}

// Row 162: files that are edited during a trial are on it too, over a start and after they
// were taken back; a way back of long ago does not bring anything back later.
func TestTrialOfEditedFiles(t *testing.T) {
	onTrialSite(t, func(s *trialSite) {
		s.write(2, "20s")
		s.reload(8 * time.Minute)
		s.halt()
		s.write(3, "20s")
		s.start()
		s.runs("edited while on trial", 3)
		s.pass(9 * time.Minute)
		s.runs("after its time", 1)
		s.halt()
		s.start()
		s.runs("a start after that", 1)
		s.shows("a start after that", "CFG-TAKEN-BACK")

		s.halt()
		s.write(4, "20s")
		s.start()
		s.runs("edited since", 4)
		s.pass(time.Minute)
		if s.kept() {
			t.Error("a way back is left, with what is secret in it")
		}
		s.write(3, "20s")
		s.reload(0)
		s.halt()
		s.start()
		s.runs("what was refused once, and was asked for since", 3)
	})
}

// Row 160: what was taken back is put in force by somebody who asks for it, and not by a
// token that is renewed or a device that is added.
func TestTakenBackStaysSo(t *testing.T) {
	onTrialSite(t, func(s *trialSite) {
		told := func() Reloaded {
			t.Helper()
			r, err := s.gateway.ask(s.t.Context(), reloadRequest{told: true})
			if err != nil {
				t.Fatal(err)
			}
			s.pass(time.Second)
			return r
		}
		s.write(2, "20s")
		s.reload(time.Minute)
		s.pass(2 * time.Minute)
		if r := told(); r.Error != "" || len(r.Applied) > 0 {
			t.Errorf("the same files: %+v", r)
		}
		s.write(2, "30s")
		if r := told(); !strings.Contains(r.Error, "portti reload") {
			t.Errorf("other files: %+v", r)
		}
		s.runs("told twice", 1)
		if !s.kept() {
			t.Error("the way back is gone")
		}
		s.reload(0)
		s.runs("asked for", 2)
	})
}

// A trial that begins while the file of the last one could not be removed has a way back
// all the same.
func TestTrialAfterOneThatIsOver(t *testing.T) {
	onTrialSite(t, func(s *trialSite) {
		s.write(1, "30s")
		s.reload(time.Minute)
		s.gateway.trial.over = true // as after a disk that refused to
		s.write(2, "20s")
		s.reload(time.Minute)
		s.shows("on trial", "CFG-ON-TRIAL")
		s.pass(2 * time.Minute)
		s.runs("after its time", 1)
	})
}
