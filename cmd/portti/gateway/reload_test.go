package gateway_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"portti/cmd/portti/config"
	"portti/cmd/portti/gateway"
	"portti/cmd/portti/rig"
	"portti/cmd/portti/status"
	"portti/cmd/portti/testbed"
	"portti/cross/testkit"
)

// reloads are the options of a gateway that reads its configuration again.
func reloads(s *rig.Site) gateway.Options {
	return gateway.Options{Load: func() (*config.Config, error) { return config.Load(s.ConfigFile(), config.LoadOptions{}) }}
}

// reloading is a site whose gateway reads its configuration again.
type reloading struct {
	*rig.Site
	g *rig.Inside
}

func reloadable(s *rig.Site, more ...func(*gateway.Options)) *reloading {
	o := reloads(s)
	for _, f := range more {
		f(&o)
	}
	return &reloading{s, s.Run(o)}
}

// edit changes the file by pairs of an old and a new text, and reloads.
func (r *reloading) edit(pairs ...string) gateway.Reloaded {
	r.Helper()
	text, err := os.ReadFile(r.ConfigFile())
	if err != nil {
		r.Fatal(err)
	}
	for i := 0; i < len(pairs); i += 2 {
		if !strings.Contains(string(text), pairs[i]) {
			r.Fatalf("%q does not stand in\n%s", pairs[i], text)
		}
	}
	if err := os.WriteFile(r.ConfigFile(), []byte(strings.NewReplacer(pairs...).Replace(string(text))), 0o600); err != nil {
		r.Fatal(err)
	}
	return r.again()
}

func (r *reloading) again() gateway.Reloaded {
	r.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), testkit.Patience)
	defer cancel()
	done, err := r.g.Instance.Reload(ctx)
	if err != nil {
		r.Fatal(err)
	}
	return done
}

// said are the sentences of an answer.
func said(r gateway.Reloaded) string {
	var all []string
	for _, p := range r.Parts {
		all = append(all, p.Text)
	}
	return strings.Join(all, "; ")
}

// A reload takes over the limits of the buffer, names what needs a restart, and
// changes nothing where there is a mistake.
func TestReload(t *testing.T) {
	t.Parallel()
	s := rig.New(t, testbed.Options{})
	s.Server.Refuse(true)
	s.Buffer = `max_size = "64MB"`
	r := reloadable(s)
	s.Line().Feed(100)
	r.g.Until("they wait", rig.Read(100))
	capacity := func() int64 { return r.g.Instance.Status().Buffer.CapacityBytes }

	if done := r.again(); len(done.Applied)+len(done.Restart)+len(done.Parts) != 0 || done.Error != "" {
		t.Errorf("nothing was edited: %+v", done)
	}
	done := r.edit(`max_size = "64MB"`, `max_size = "32MB"`, `id = "XXXX00TEST0000001"`, `id = "XXXX00TEST0000002"`)
	if !slices.Equal(done.Applied, []string{"buffer.max_size"}) || !slices.Equal(done.Restart, []string{"gateway.id"}) || done.Error != "" {
		t.Errorf("two edits: %+v", done)
	}
	if got := said(done); got != "buffer: max_size changed; gateway: id, which waits for a restart" {
		t.Errorf("two edits: %s", got)
	}
	if got := capacity(); got != 32_000_000 {
		t.Errorf("room for %d bytes", got)
	}
	if done = r.again(); !slices.Equal(done.Restart, []string{"gateway.id"}) || len(done.Applied) != 0 {
		t.Errorf("what waits for a restart goes on to be said: %+v", done)
	}
	done = r.edit(`max_size = "32MB"`, `max_size = "16MB"`, `config_version = 1`, `config_version = 1`+"\ngatway = 1")
	if done.Error == "" || !strings.Contains(done.Error, "portti.toml:2:1") || len(done.Applied) != 0 {
		t.Errorf("a mistake: %+v", done)
	}
	if got := capacity(); got != 32_000_000 {
		t.Errorf("a configuration with a mistake was taken over: %d", got)
	}
	r.g.Until("the mistake is a problem", func(st *status.Document) bool { return rig.HasProblem(st, "CFG-INVALID") })
	if done = r.edit("\ngatway = 1", ""); done.Error != "" || !slices.Equal(done.Applied, []string{"buffer.max_size"}) {
		t.Errorf("mended: %+v", done)
	}
	r.g.Until("no more", func(st *status.Document) bool {
		return !rig.HasProblem(st, "CFG-INVALID") && st.Buffer.CapacityBytes == 16_000_000
	})
	s.Server.Refuse(false)
	r.g.Until("the readings are delivered", s.Delivered)
	s.Settled(r.g.Halt())
}

// Devices come, go and change while another is read on: its port is not opened again, and
// what was read of one that is gone is delivered.
func TestReloadOfDevices(t *testing.T) {
	t.Parallel()
	s := rig.New(t, testbed.Options{}, "a", "b", "c")
	s.Down()
	r := reloadable(s)
	for _, l := range s.Lines {
		l.Feed(50)
	}
	r.g.Until("they are read", rig.Read(150))
	b := fmt.Sprintf("[[device]]\nname = \"b\"\ntype = \"lines\"\nport = %q\nid = %q\n", s.Lines[1].Link, s.Lines[1].Tuid)
	if done := r.edit(b, ""); said(done) != "b: removed; what was read is still delivered" {
		t.Errorf("one removed: %+v", done)
	}
	st := r.g.Instance.Status()
	if names := namesOf(&st); names != "a c" {
		t.Errorf("devices %s", names)
	}
	s.Lines[0].Feed(50)
	done := r.edit(fmt.Sprintf("id = %q", s.Lines[2].Tuid), fmt.Sprintf("id = %q\nrate_limit = 1000.0", s.Lines[2].Tuid))
	if said(done) != "c: rate_limit changed, opened again" {
		t.Errorf("one changed: %+v", done)
	}
	if done = r.edit("name = \"c\"", "name = \"d\""); done.Error != "" || !strings.Contains(said(done), "d: added") || !strings.Contains(said(done), "c: removed") {
		t.Errorf("one renamed: %+v", done)
	}
	r.g.Until("the port passed to the other", s.Reading)
	s.Lines[2].Feed(50)
	if done = r.edit("[[device]]\nname = \"a\"", b+"[[device]]\nname = \"a\""); said(done) != "b: added" {
		t.Errorf("one back: %+v", done)
	}
	r.g.Until("it is read again", s.Reading)
	s.Lines[1].Feed(50)
	st = *r.g.Until("all are read", rig.Read(300))
	if names := namesOf(&st); names != "b a d" {
		t.Errorf("devices %s", names)
	}
	if done = r.edit("name = \"d\"", "name = \"a\""); done.Error == "" || len(done.Parts) != 0 {
		t.Errorf("one name twice: %+v", done)
	}
	s.Up()
	r.g.Until("all are delivered", s.Delivered)
	s.Settled(r.g.Halt())
}

func namesOf(st *status.Document) string {
	var all []string
	for _, d := range st.Devices {
		all = append(all, d.Name)
	}
	return strings.Join(all, " ")
}

// The link is made anew by another configuration while readings flow: none is lost, none
// comes twice, and the counters go on.
func TestReloadOfTheUplink(t *testing.T) {
	t.Parallel()
	s := rig.New(t, testbed.Options{})
	r := reloadable(s)
	base, total := 100, 0
	for i := range 5 {
		s.Line().Feed(200)
		total += 200
		done := r.edit(fmt.Sprintf(`base = "%dms"`, base), fmt.Sprintf(`base = "%dms"`, base+i+1))
		base += i + 1
		if text := said(done); !strings.HasPrefix(text, "uplink: backoff.base changed, connects to ws://127.0.0.1:") {
			t.Errorf("%+v", done)
		}
	}
	st := r.g.Until("all are delivered", s.Delivered)
	if st.Totals.Resent != 0 || st.Link.ProvenMessages < uint64(total) || st.Link.Connects < 2 {
		t.Errorf("sent again: %d, link %+v", st.Totals.Resent, st.Link)
	}
	if got := s.Server.Stats(); got.Repeats != 0 {
		t.Errorf("%d came twice", got.Repeats)
	}
	s.Settled(r.g.Halt())
}

// A link that does not close in order is left all the same, and what its server had proven
// a moment ago goes to the next one again: it may have died with it.
func TestReloadAwayFromASilentServer(t *testing.T) {
	t.Parallel()
	s := rig.New(t, testbed.Options{})
	r := reloadable(s)
	s.Line().Feed(10)
	r.g.Until("they are delivered", s.Delivered)
	first, silent := s.URL, s.Server
	silent.Mute(true)
	s.Line().Feed(10)
	r.g.Until("the server has all and says nothing", s.Arrived)
	s.Serve(testbed.Options{})
	s.Down()
	begun := time.Now()
	if done := r.edit(first, s.URL); done.Error != "" {
		t.Errorf("%+v", done)
	}
	if took := time.Since(begun); took > 4*time.Second {
		t.Errorf("it took %v", took)
	}
	r.g.Until("all wait", func(st *status.Document) bool { return st.Totals.Waiting == 20 })
	s.Up()
	r.g.Until("the other server has them all", func(st *status.Document) bool {
		return s.Server.Stats().Distinct == 20 && rig.Drained(st)
	})
	s.Whole(r.g.Halt())
}

// A server is taken away and set again; one that is refused changes nothing.
func TestReloadOfTheServer(t *testing.T) {
	t.Parallel()
	s := rig.New(t, testbed.Options{})
	r := reloadable(s)
	s.Line().Feed(10)
	r.g.Until("they are delivered", s.Delivered)
	if done := r.edit(s.URL, "wss://u:p@127.0.0.1:1/x?token=S3CRET", `auth = "none"`, `auth = "header"`); done.Error == "" {
		t.Errorf("two logins: %+v", done)
	}
	if done := r.edit("wss://u:p@127.0.0.1:1/x?token=S3CRET", "", `auth = "header"`, `auth = "none"`); said(done) != "uplink: no server is set; readings wait in the buffer" {
		t.Errorf("no server: %+v", done)
	}
	s.Line().Feed(10)
	st := r.g.Until("they wait", func(st *status.Document) bool { return st.Buffer.Waiting == 10 })
	if st.Link.Problem != "CFG-NO-SERVER" || st.Link.Connects != 1 {
		t.Errorf("%+v", st.Link)
	}
	if done := r.edit(`url = ""`, fmt.Sprintf("url = %q", s.URL+"?token=S3CRET")); done.Error != "" || strings.Contains(said(done), "S3CRET") {
		t.Errorf("a server again: %+v", done)
	}
	r.g.Until("they are delivered", s.Delivered)
	s.Settled(r.g.Halt())
}

// The metrics move, and where they cannot nothing at all is changed.
func TestReloadOfTheMetrics(t *testing.T) {
	t.Parallel()
	s := rig.New(t, testbed.Options{})
	free := func() string {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		return l.Addr().String()
	}
	served := func(addr string) bool {
		r, err := http.Get("http://" + addr + "/metrics")
		if err != nil {
			return false
		}
		r.Body.Close()
		return r.StatusCode == http.StatusOK
	}
	first, second := free(), free()
	s.More = fmt.Sprintf("[metrics]\nlisten = %q", first)
	r := reloadable(s)
	testkit.Eventually(t, "they are served", func() bool { return served(first) })
	if done := r.edit(first, second); said(done) != "metrics: served on "+second+" now" {
		t.Errorf("%+v", done)
	}
	if !served(second) || served(first) {
		t.Error("they have not moved")
	}
	_, port, _ := net.SplitHostPort(second)
	text, err := os.ReadFile(r.ConfigFile())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(r.ConfigFile(), bytes.ReplaceAll(text, []byte(second), []byte("0.0.0.0:"+port)), 0o600); err != nil {
		t.Fatal(err)
	}
	if done, err := r.g.Instance.ReloadOnTrial(t.Context(), 2*gateway.MaxTrial); err != nil || done.Error == "" {
		t.Errorf("%v %+v", err, done)
	}
	testkit.Eventually(t, "what is refused leaves them where they are", func() bool { return served(second) })
	if err := os.WriteFile(r.ConfigFile(), text, 0o600); err != nil {
		t.Fatal(err)
	}
	if done := r.edit(second, "0.0.0.0:"+port); done.Error != "" || !served(second) {
		t.Errorf("the same port, every address: %+v", done)
	}
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	done := r.edit("0.0.0.0:"+port, taken.Addr().String(), `base = "100ms"`, `base = "200ms"`)
	if !strings.Contains(done.Error, "address already in use") || len(done.Applied) != 0 || !served(second) {
		t.Errorf("an address that is taken: %+v", done)
	}
	r.g.Until("it is said", func(st *status.Document) bool { return rig.HasProblem(st, "CFG-REFUSED") })
	if done = r.edit(taken.Addr().String(), ""); !strings.HasPrefix(said(done), "metrics: off now; uplink: ") || served(second) {
		t.Errorf("off: %+v", done)
	}
	s.Line().Feed(1)
	r.g.Until("it works on", s.Delivered)
	s.Settled(r.g.Halt())
}

// The rest of what holds at once: names, log, intervals, times of the buffer. What is
// fixed at the start is said to wait, and does.
func TestReloadOfTheRest(t *testing.T) {
	t.Parallel()
	s := rig.New(t, testbed.Options{})
	level := new(slog.LevelVar)
	var format atomic.Value
	r := reloadable(s, func(o *gateway.Options) {
		o.Log, o.Level = slog.New(slog.DiscardHandler), level
		o.Relog = func(c config.Log) slog.Level {
			format.Store(c.Format)
			var l slog.Level
			_ = l.UnmarshalText([]byte(c.Level))
			return l
		}
	})
	done := r.edit("[gateway]", "[gateway]\nname = \"Attic\"", `format = "text"`, "format = \"json\"\nlevel = \"debug\"",
		`hold_until_synced = "0s"`, `hold_until_synced = "1m"`, "[buffer]\n", "[buffer]\ncommit_every = \"2s\"\n", "[uplink]\n", "[uplink]\nfence_hold = \"10s\"\naccept_commands = [\"status\"]\n")
	if done.Error != "" || len(done.Restart) != 0 || len(done.Applied) != 7 {
		t.Errorf("%+v", done)
	}
	st := r.g.Instance.Status()
	if st.Gateway.Name != "Attic" || st.Buffer.CommitEveryS != 2 || level.Level() != slog.LevelDebug || format.Load() != "json" {
		t.Errorf("%+v, level %s, format %v", st.Gateway, level, format.Load())
	}
	done = r.edit(`commit_every = "2s"`, `commit_every = "0s"`, `fence_hold = "10s"`, `ack = "none"`, `run = "`, `run = "/nonexistent`)
	if !slices.Equal(done.Restart, []string{"buffer.commit_every", "paths.run", "uplink.ack", "uplink.fence_hold"}) {
		t.Errorf("%+v", done)
	}
	s.Line().Feed(10)
	r.g.Until("it works on by the old rules", func(st *status.Document) bool { return s.Delivered(st) && st.Link.Ack == "fence" })
	s.Settled(r.g.Halt())
}

// A daemon that does not listen to reloads any more lets nobody wait for ever.
func TestReloadAfterTheEnd(t *testing.T) {
	t.Parallel()
	s := rig.New(t, testbed.Options{})
	g := s.Run(reloads(s))
	g.Halt()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := g.Instance.Reload(ctx); err == nil {
		t.Error("a daemon that has ended was reloaded")
	}
}

// What the files say otherwise is told with what a reload would do about it, and no secret
// with it.
func TestConfigDiff(t *testing.T) {
	t.Parallel()
	s := rig.New(t, testbed.Options{})
	s.URL += "?token=S3CRET"
	r := reloadable(s)
	if d := r.g.Instance.ConfigDiff(); !d.Same || len(d.Settings) != 0 || d.Error != "" {
		t.Errorf("nothing was edited: %+v", d)
	}
	write := func(old, text string) gateway.ConfigDiff {
		t.Helper()
		was, err := os.ReadFile(s.ConfigFile())
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(s.ConfigFile(), []byte(strings.Replace(string(was), old, text, 1)), 0o600); err != nil {
			t.Fatal(err)
		}
		return r.g.Instance.ConfigDiff()
	}
	write("S3CRET", "0THERS")
	write(`id = "XXXX00TEST0000001"`, `id = "XXXX00TEST0000002"`)
	write(`name = "panel"`, `name = "board"`)
	d := write("[buffer]\n", "[buffer]\nmax_size = \"64MB\"\n")
	var got []string
	for _, s := range d.Settings {
		got = append(got, s.Key+": "+s.Reload)
		if text := s.Running + s.File; strings.Contains(text, "S3CRET") || strings.Contains(text, "0THERS") {
			t.Errorf("a secret: %s", text)
		}
	}
	for _, want := range []string{"buffer.max_size: holds at once", "device.board.port: device is added", "device.panel.port: device is removed", "gateway.id: holds after a restart", "uplink.url: link is made anew"} {
		if !slices.Contains(got, want) {
			t.Errorf("%q is not said in %q", want, got)
		}
	}
	if d.Same || slices.Contains(got, "device.board.rate_limit: device is added") {
		t.Errorf("%q", got)
	}
	if d := write("[buffer]", "[bufer]"); d.Error == "" || d.Same || len(d.Settings) != 0 {
		t.Errorf("a mistake: %+v", d)
	}
	s.Line().Feed(1)
	r.g.Until("nothing was changed", s.Delivered)
	r.g.Halt()
}
