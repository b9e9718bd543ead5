package gateway_test

import (
	"context"
	"os"
	"slices"
	"strings"
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

// A reload takes over the limits of the buffer, names what needs a restart, and
// changes nothing where there is a mistake.
func TestReload(t *testing.T) {
	t.Parallel()
	s := rig.New(t, testbed.Options{})
	s.Server.Refuse(true)
	s.Buffer = `max_size = "64MB"`
	g := s.Run(reloads(s))
	s.Line().Feed(100)
	g.Until("they wait", rig.Read(100))
	file := s.ConfigFile()
	reload := func(edits ...string) gateway.Reloaded {
		t.Helper()
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(strings.NewReplacer(edits...).Replace(string(text))), 0o600); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), testkit.Patience)
		defer cancel()
		r, err := g.Instance.Reload(ctx)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	capacity := func() int64 { return g.Instance.Status().Buffer.CapacityBytes }

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
	invalid := func(st *status.Document) bool {
		return slices.ContainsFunc(st.Problems, func(p status.Problem) bool { return p.Code == "CFG-INVALID" })
	}
	g.Until("the mistake is a problem", invalid)
	if r = reload("\ngatway = 1", ""); r.Error != "" || !slices.Equal(r.Applied, []string{"buffer.max_size"}) {
		t.Errorf("mended: %+v", r)
	}
	g.Until("no more", func(st *status.Document) bool { return !invalid(st) && st.Buffer.CapacityBytes == 16_000_000 })
	s.Server.Refuse(false)
	g.Until("the readings are delivered", s.Delivered)
	s.Settled(g.Halt())
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
