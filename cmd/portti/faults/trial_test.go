//go:build faults

package faults

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"portti/cmd/portti/rig"
	"portti/cmd/portti/status"
	"portti/cmd/portti/testbed"
)

// Row 162: a gateway that was told to try another server is killed again and again within the
// window. It tries on, takes back what does not come online by the end of the same
// window, stays with that over another kill, and loses nothing.
func TestTrialIsKilled(t *testing.T) {
	s := newSite(t, testbed.Options{})
	good := s.URL
	g := s.Start()
	s.Line().Feed(50)
	g.Until("all arrive", s.Arrived)

	s.URL = "ws://127.0.0.1:9/nobody"
	s.Configure()
	begun, window := time.Now(), 12*time.Second
	verb(t, s, "reload", "--confirm", window.String())
	for range 3 {
		g.Kill()
		g = s.Spawn()
		st := g.Until("it tries on", func(st *status.Document) bool {
			return rig.HasProblem(st, "CFG-ON-TRIAL") && strings.HasSuffix(st.Link.URL, "/nobody")
		})
		if time.Since(begun) > window {
			t.Fatalf("it took too long to kill it three times: %+v", st.Link)
		}
		s.Line().Feed(10)
	}
	st := g.Until("it is taken back, and the readings arrive", func(st *status.Document) bool {
		return rig.HasProblem(st, "CFG-TAKEN-BACK") && rig.Drained(st)
	})
	if took := time.Since(begun); took < window || took > window+5*time.Second || !strings.HasPrefix(good, st.Link.URL) {
		t.Errorf("after %v, and to %s", took, st.Link.URL)
	}
	g.Kill()
	g = s.Start()
	s.Line().Feed(10)
	g.Until("the files are still not in force", func(st *status.Document) bool {
		return rig.HasProblem(st, "CFG-TAKEN-BACK") && st.Link.State == status.LinkOnline && rig.Drained(st)
	})
	s.URL = good
	s.Configure()
	verb(t, s, "reload")
	g.Until("the files are as what runs", func(st *status.Document) bool { return !rig.HasProblem(st, "CFG-TAKEN-BACK") })
	if _, err := os.Stat(filepath.Join(s.State, "config-before.toml")); err == nil {
		t.Error("the way back is left")
	}
	g.Stop()
	s.Oracle.Honest(s, s.Lines...)
}

// verb asks the gateway of a site.
func verb(t *testing.T, s *site, args ...string) {
	t.Helper()
	cmd := exec.Command(os.Getenv(binaryVar), append(args, "-c", s.ConfigFile())...)
	cmd.Env = s.Env
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", args, err, out)
	}
}
