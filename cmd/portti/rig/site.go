// Package rig sets up whole gateways for tests, and judges what comes of them:
//
//	s := rig.New(t, testbed.Options{})
//	g := s.Run(gateway.Options{}) // in this process; s.Start() runs the built program
//	s.Line().Feed(100)
//	g.Until("all are delivered", s.Delivered)
//	s.Settled(g.Halt())
//
// A site is a folder with a configuration, one or more serial lines
// (pseudo-terminals), one server, and a gateway, which comes and goes. Whatever a
// site has started has ended when its test has, however the test ends.
//
// Every reading carries the name of its line and a running number, so that what
// was fed is held against what arrived at the server, not only against what the
// gateway says: see Whole and Settled. The ledger must balance each time a gateway
// is asked for its status.
//
// Only tests import it; cross/arrows_test.go holds that.
package rig

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"portti/cmd/portti/config"
	"portti/cmd/portti/status"
	"portti/cmd/portti/testbed"
	"portti/device"
)

// Site is one place. Its exported fields may be changed before a gateway starts.
type Site struct {
	testing.TB
	Dir    string       // short, since the path of a control socket has 107 bytes
	ID     string       // [gateway] id
	State  string       // [paths] state
	URL    string       // [uplink] url
	Uplink string       // further keys of [uplink]
	Buffer string       // further keys of [buffer]
	Device string       // further keys of each [[device]]
	Type   string       // of each device
	Kinds  device.Table // the types there are; nil = those of this version
	More   string       // further tables
	Lines  []*Line
	Oracle *Oracle           // what came to the server
	Server *testbed.Receiver // in this process: it never dies, but can look so

	Program []string // how the built program is called, words in front of its path included
	Env     []string // its environment
}

// New makes a site with a line for each name, or one called panel, and a server.
func New(t testing.TB, o testbed.Options, names ...string) *Site {
	t.Helper()
	if len(names) == 0 {
		names = []string{"panel"}
	}
	s := Bare(t)
	for _, name := range names {
		s.Lines = append(s.Lines, NewLine(t, s.Dir, name))
	}
	s.Serve(o)
	return s
}

// Bare is a site with neither line nor server.
func Bare(t testing.TB) *Site {
	t.Helper()
	dir := Folder(t)
	return &Site{TB: t, Dir: dir, ID: "XXXX00TEST0000001", State: filepath.Join(dir, "state"), Type: "lines", Oracle: NewOracle(), Env: PlainEnv()}
}

// Folder is a temporary folder with a short name.
func Folder(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "rig-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// PlainEnv is the environment without what portti would take for settings.
func PlainEnv() []string {
	var env []string
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "PORTTI_") {
			env = append(env, v)
		}
	}
	return env
}

// Serve starts a server and makes it the gateway's.
func (s *Site) Serve(o testbed.Options) {
	s.Helper()
	o.Listen, o.OnMessage = "127.0.0.1:0", s.Oracle.Take
	server, err := testbed.NewReceiver(o)
	if err != nil {
		s.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Run(ctx) }()
	s.Cleanup(func() { cancel(); <-done })
	s.Server, s.URL = server, server.URL()
}

// Down makes the server unreachable, Up reachable again.
func (s *Site) Down() { s.Server.Refuse(true); s.Server.Cut() }
func (s *Site) Up()   { s.Server.Refuse(false) }

// Line is the first one.
func (s *Site) Line() *Line { return s.Lines[0] }

// ConfigFile is where Configure writes.
func (s *Site) ConfigFile() string { return filepath.Join(s.Dir, "portti.toml") }

// Configure writes the configuration and gives the name of its file.
func (s *Site) Configure() string {
	s.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "config_version = 1\n[gateway]\nid = %q\nreport_interval = \"0s\"\n", s.ID)
	fmt.Fprintf(&b, "[paths]\nstate = %q\nrun = %q\n", s.State, filepath.Join(s.Dir, "run"))
	if !strings.Contains(s.More, "[metrics]") {
		b.WriteString("[metrics]\nlisten = \"\"\n")
	}
	if !strings.Contains(s.More, "[web]") {
		b.WriteString("[web]\nlisten = \"\"\n")
	}
	fmt.Fprintf(&b, "[uplink]\nurl = %q\n%s\n", s.URL, s.Uplink)
	if !strings.Contains(s.Uplink, "auth = ") {
		b.WriteString("auth = \"none\"\n")
	}
	b.WriteString("[uplink.backoff]\nbase = \"100ms\"\ncap = \"1s\"\n")
	fmt.Fprintf(&b, "[buffer]\n%s\n[log]\nformat = \"text\"\n[clock]\nhold_until_synced = \"0s\"\n%s\n", s.Buffer, s.More)
	for _, l := range s.Lines {
		fmt.Fprintf(&b, "[[device]]\nname = %q\ntype = %q\nport = %q\nid = %q\n%s\n", l.Name, s.Type, l.Link, l.Tuid, s.Device)
	}
	if err := os.WriteFile(s.ConfigFile(), []byte(b.String()), 0o600); err != nil {
		s.Fatal(err)
	}
	return s.ConfigFile()
}

// Load writes the configuration and loads it.
func (s *Site) Load() *config.Config {
	s.Helper()
	cfg, err := config.Load(s.Configure(), config.LoadOptions{Kinds: s.Kinds})
	if err != nil {
		s.Fatal(err)
	}
	return cfg
}

// Fed is how many readings were put on all lines.
func (s *Site) Fed() (n int) {
	for _, l := range s.Lines {
		n += l.Count()
	}
	return n
}

// Reading is a condition: every device is read, and a line's by the pseudo-terminal
// that it has now. A gateway may keep the path of one that is gone.
func (s *Site) Reading(st *status.Document) bool {
	paths := map[string]string{}
	for _, l := range s.Lines {
		paths[l.Name] = l.Pty.Path()
	}
	for _, d := range st.Devices {
		if d.Resolved == "" || d.State == status.DeviceMissing || d.State == status.DeviceBusy {
			return false
		}
		if path := paths[d.Name]; path != "" && d.Resolved != path {
			return false
		}
	}
	return len(st.Devices) > 0 || len(s.Lines) == 0
}

// Arrived is a condition: the server has everything that was fed.
func (s *Site) Arrived(*status.Document) bool {
	for _, l := range s.Lines {
		if s.Oracle.Count(l.Tuid) != l.Count() {
			return false
		}
	}
	return true
}

// Delivered is a condition: the server has everything that was fed, and the gateway
// knows it.
func (s *Site) Delivered(st *status.Document) bool { return s.Arrived(st) && Drained(st) }

// Drained is a condition: nothing waits.
func Drained(st *status.Document) bool { return st.Totals.Waiting == 0 }

// Read is a condition: n readings were read.
func Read(n int) func(*status.Document) bool {
	return func(st *status.Document) bool { return st.Totals.Read >= uint64(n) }
}

// HasProblem says whether one of the problems is shown.
func HasProblem(st *status.Document, codes ...string) bool {
	for _, p := range st.Problems {
		for _, c := range codes {
			if p.Code == c {
				return true
			}
		}
	}
	return false
}

// Whole is the end of a story in which nothing may have been lost: every reading
// that was fed has arrived, nothing else has, and none came again with other bytes.
// The ledger, if there is one, knows of no loss.
func (s *Site) Whole(st *status.Document) {
	s.Helper()
	for _, l := range s.Lines {
		if m := s.Oracle.Missing(l.Tuid, 1, l.Count()); len(m) > 0 {
			s.Errorf("%s: %d of %d missing, the first %d", l.Name, len(m), l.Count(), m[0])
		}
	}
	s.Oracle.Honest(s, s.Lines...)
	if st != nil && (st.Totals.Lost.Sum() != 0 || st.Totals.Quarantined != 0) {
		s.Errorf("the ledger has losses: %+v", st.Totals)
	}
}

// Settled is Whole for a gateway that was never killed: its ledger has exactly
// what was fed, and all of it as acknowledged.
func (s *Site) Settled(st *status.Document) {
	s.Helper()
	s.Whole(st)
	if n := uint64(s.Fed()); st.Totals.Read != n || st.Totals.Acked != n {
		s.Errorf("%d were fed; the ledger has %+v", n, st.Totals)
	}
	if got := s.Server.Stats(); got.Distinct != int64(s.Fed()) || got.Changed != 0 || got.Bad != 0 {
		s.Errorf("%d were fed; the server has %s", s.Fed(), got.Summary())
	}
}
