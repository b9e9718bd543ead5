package daemon_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"portti/cmd/portti/bench"
	"portti/cmd/portti/daemon"
)

// A reload takes over the limits of the buffer, names what needs a restart, and
// changes nothing where there is a mistake.
func TestReload(t *testing.T) {
	s := newSite(t, bench.Options{})
	s.server.Refuse(true)
	s.buffer = `max_size = "64MB"`
	s.load = true
	s.start()
	s.feed(100)
	s.until("they wait", read(100))
	file := filepath.Join(s.dir, "portti.toml")
	reload := func(edits ...string) daemon.Reloaded {
		t.Helper()
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(strings.NewReplacer(edits...).Replace(string(text))), 0o600); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		r, err := s.gateway.Reload(ctx)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	capacity := func() int64 { return s.gateway.Status().Buffer.CapacityBytes }

	if r := reload(); len(r.Applied)+len(r.Restart) != 0 || r.Error != "" {
		t.Errorf("nothing was edited: %+v", r)
	}
	r := reload(`max_size = "64MB"`, `max_size = "32MB"`, `base = "100ms"`, `base = "200ms"`)
	if !slices.Equal(r.Applied, []string{"buffer.max_size"}) || !slices.Equal(r.Restart, []string{"uplink.backoff.base"}) || r.Error != "" {
		t.Errorf("two edits: %+v", r)
	}
	if got := capacity(); got != 32_000_000 {
		t.Errorf("room for %d bytes", got)
	}
	r = reload(`max_size = "32MB"`, `max_size = "16MB"`, `config_version = 1`, `config_version = 1`+"\ngatway = 1")
	if r.Error == "" || !strings.Contains(r.Error, "portti.toml:2:1") || len(r.Applied) != 0 {
		t.Errorf("a mistake: %+v", r)
	}
	if got := capacity(); got != 32_000_000 {
		t.Errorf("a configuration with a mistake was taken over: %d", got)
	}
	invalid := func(st daemon.Status) bool {
		return slices.ContainsFunc(st.Problems, func(p daemon.Problem) bool { return p.Code == "CFG-INVALID" })
	}
	s.until("the mistake is a problem", invalid)
	if r = reload("\ngatway = 1", ""); r.Error != "" || !slices.Equal(r.Applied, []string{"buffer.max_size"}) {
		t.Errorf("mended: %+v", r)
	}
	s.until("no more", func(st daemon.Status) bool { return !invalid(st) && st.Buffer.CapacityBytes == 16_000_000 })
	s.server.Refuse(false)
	s.until("the readings arrive", s.arrived(100))
	s.until("proven", func(st daemon.Status) bool { return st.Totals.Waiting == 0 })
	s.settled(s.halt())
}

// A daemon that does not listen to reloads any more lets nobody wait for ever.
func TestReloadAfterTheEnd(t *testing.T) {
	s := newSite(t, bench.Options{})
	s.load = true
	s.start()
	s.halt()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := s.gateway.Reload(ctx); err == nil {
		t.Error("a daemon that has ended was reloaded")
	}
}
