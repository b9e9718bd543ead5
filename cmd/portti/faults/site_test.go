//go:build faults

package faults

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"portti/cmd/portti/bench"
	"portti/cmd/portti/daemon"
)

// site is one place: a gateway's folders and configuration, its lines, its
// server. The gateway process itself comes and goes.
type site struct {
	t      *testing.T
	dir    string
	id     string // [gateway] id
	state  string // [paths] state
	lines  []*line
	oracle *oracle
	server *bench.Receiver
	url    string
	uplink string   // further keys of [uplink]
	buffer string   // further keys of [buffer]
	device string   // further keys of each [[device]]
	wrap   []string // words before the program's own
	env    []string // the programs environment; nil = plainEnv
	now    *gateway
}

func newSite(t *testing.T, o bench.Options, names ...string) *site {
	t.Helper()
	s := &site{t: t, dir: folder(t), id: "XXXX00FAULTS00001", oracle: newOracle()}
	s.state = filepath.Join(s.dir, "state")
	if len(names) == 0 {
		names = []string{"panel"}
	}
	for _, name := range names {
		s.lines = append(s.lines, newLine(t, s.dir, name))
	}
	s.serve(o)
	return s
}

// serve starts a server in this process that never dies, but can be made to
// look so.
func (s *site) serve(o bench.Options) {
	s.t.Helper()
	if o.Listen == "" {
		o.Listen = "127.0.0.1:0"
	}
	o.OnMessage = s.oracle.take
	server, err := bench.NewReceiver(o)
	if err != nil {
		s.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { server.Run(ctx); close(done) }()
	s.t.Cleanup(func() { cancel(); <-done })
	s.server, s.url = server, server.URL()
}

func (s *site) line() *line { return s.lines[0] }

func (s *site) writeConfig() string {
	s.t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, `config_version = 1
[gateway]
id = %q
report_interval = "0s"
[paths]
state = %q
run = %q
[metrics]
listen = ""
[uplink]
url = %q
auth = "none"
%s
[uplink.backoff]
base = "100ms"
cap = "1s"
[buffer]
%s
[log]
format = "text"
[clock]
hold_until_synced = "0s"
`, s.id, s.state, filepath.Join(s.dir, "run"), s.url, s.uplink, s.buffer)
	for _, l := range s.lines {
		fmt.Fprintf(&b, "[[device]]\nname = %q\ntype = \"lines\"\nport = %q\nid = %q\n%s\n", l.name, l.link, l.tuid, s.device)
	}
	path := filepath.Join(s.dir, "portti.toml")
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		s.t.Fatal(err)
	}
	return path
}

// start starts the gateway and waits until it reads every line.
func (s *site) start() *gateway {
	s.t.Helper()
	g := s.spawn()
	g.until("every line is read", func(st *daemon.Status) bool { return reading(st) })
	return g
}

func reading(st *daemon.Status) bool {
	for _, d := range st.Devices {
		if d.Resolved == "" || d.State == daemon.DeviceMissing || d.State == daemon.DeviceBusy {
			return false
		}
	}
	return true
}

// down makes the server unreachable.
func (s *site) down() { s.server.Refuse(true); s.server.Cut() }

func (s *site) up() { s.server.Refuse(false) }

// arrived is a condition: the server has everything that was fed.
func (s *site) arrived(*daemon.Status) bool {
	for _, l := range s.lines {
		if s.oracle.count(l.tuid) != l.count() {
			return false
		}
	}
	return true
}

func drained(st *daemon.Status) bool { return st.Totals.Waiting == 0 }

func read(n int) func(*daemon.Status) bool {
	return func(st *daemon.Status) bool { return st.Totals.Read >= uint64(n) }
}

// whole is the end of a story in which nothing may have been lost.
func (s *site) whole(st *daemon.Status) {
	s.t.Helper()
	for _, l := range s.lines {
		if m := s.oracle.missing(l.tuid, 1, l.count()); len(m) > 0 {
			s.t.Errorf("%s: %d of %d missing, the first %d", l.name, len(m), l.count(), m[0])
		}
	}
	s.oracle.honest(s.t, s.lines...)
	if st != nil && (st.Totals.Lost.Sum() != 0 || st.Totals.Quarantined != 0) {
		s.t.Errorf("the ledger has losses: %+v", st.Totals)
	}
}
