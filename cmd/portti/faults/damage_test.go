//go:build faults

package faults

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"portti/cmd/portti/rig"
	"portti/cmd/portti/status"
	"portti/cmd/portti/testbed"
)

func (s *site) segments() []string {
	names, _ := filepath.Glob(filepath.Join(s.State, "buffer.v2", "*.seg"))
	return names
}

// accounted is the end of a story in which files were damaged: what did not
// arrive stands in the ledger as lost or set aside, or the gateway says that
// it does not know how much.
func (s *site) accounted(st *status.Document) {
	s.Helper()
	s.Oracle.Honest(s.TB, s.Lines...)
	missing := len(s.Oracle.Missing(s.Line().Tuid, 1, s.Line().Count()))
	gone := int(st.Totals.Lost.Sum() + st.Totals.Quarantined)
	s.Logf("%d fed, %d missing, the ledger has %d lost %v and %d set aside", s.Line().Count(), missing, st.Totals.Lost.Sum(), st.Totals.Lost, st.Totals.Quarantined)
	if missing > gone {
		s.Errorf("%d are missing, the ledger knows of %d", missing, gone)
	}
}

// A file of the buffer becomes shorter under the running gateway, as
// when a disk can no longer deliver what it held. Touching its map is a
// SIGBUS. Whether the process dies of it or not, the next start is good, the
// file is set aside or its loss counted, and new readings flow. Row 12.
func TestFileCutUnderTheGateway(t *testing.T) {
	t.Parallel()
	s := newSite(t, testbed.Options{})
	s.Buffer = "commit_every = \"100ms\""
	s.Down()
	g := s.Start()
	s.Line().Feed(5000)
	g.Until("5000 are on disk", func(st *status.Document) bool { return st.Buffer.WaitingDisk == 5000 })
	g.Stop()
	g = s.Start() // nothing of them is in memory now
	for _, name := range s.segments() {
		if err := os.Truncate(name, 8192); err != nil {
			t.Fatal(err)
		}
	}
	s.Up() // now it reads what is gone
	lives := 1
	for g.UntilGone("nothing waits any more", func(st *status.Document) bool {
		return rig.Drained(st) && st.Link.State == status.LinkOnline
	}) == nil {
		t.Logf("life %d ended with: %v", lives, g.Err)
		if lives++; lives > 4 {
			t.Fatal("it dies at every start")
		}
		s.Line().Clear()
		g = s.Spawn() // systemd would
	}
	g.Until("the line is read", s.Reading)
	from := s.Line().Count() + 1
	s.Line().Feed(100)
	g.Until("new readings arrive", func(*status.Document) bool {
		return len(s.Oracle.Missing(s.Line().Tuid, from, from+99)) == 0
	})
	g.Until("the damage shows", func(st *status.Document) bool { return rig.HasProblem(st, "BUF-CORRUPT", "BUF-LOST") })
	st := g.Until("all are acknowledged", rig.Drained)
	s.accounted(st)
	g.Stop()
	t.Logf("%d lives", lives)
}

// Rows 13 to 17: files of the buffer are damaged while the gateway is down.
// It always starts, and what is missing is accounted for.
func TestFilesDamagedWhileDown(t *testing.T) {
	for name, hurt := range map[string]func(t *testing.T, s *site){
		"emptied": func(t *testing.T, s *site) { each(t, s.segments(), func(n string) error { return os.Truncate(n, 0) }) },
		"cut": func(t *testing.T, s *site) {
			each(t, s.segments(), func(n string) error { return os.Truncate(n, 3*4096+512*int64(rand.IntN(16))) })
		},
		"overwritten": func(t *testing.T, s *site) {
			each(t, s.segments(), func(n string) error {
				return os.WriteFile(n, bytes.Repeat([]byte("not a database "), 5000), 0o600)
			})
		},
		"state file gone": func(t *testing.T, s *site) {
			each(t, []string{filepath.Join(s.State, "buffer.v2", "state")}, os.Remove)
		},
		"a folder instead": func(t *testing.T, s *site) {
			each(t, s.segments(), func(n string) error {
				if err := os.Remove(n); err != nil {
					return err
				}
				return os.Mkdir(n, 0o700)
			})
		},
		"a link to zeros": func(t *testing.T, s *site) {
			each(t, s.segments(), func(n string) error {
				if err := os.Remove(n); err != nil {
					return err
				}
				return os.Symlink("/dev/zero", n)
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, testbed.Options{})
			s.Buffer = "commit_every = \"100ms\""
			s.Down()
			g := s.Start()
			s.Line().Feed(2000)
			g.Until("2000 are on disk", func(st *status.Document) bool { return st.Buffer.WaitingDisk == 2000 })
			g.Stop()
			hurt(t, s)
			s.Up()
			g = s.Start()
			from := s.Line().Count() + 1
			s.Line().Feed(100)
			g.Until("new readings arrive", func(*status.Document) bool {
				return len(s.Oracle.Missing(s.Line().Tuid, from, from+99)) == 0
			})
			st := g.Until("nothing waits", rig.Drained)
			if !strings.Contains(g.Said(), "BUF-") {
				t.Error("the log does not name the damage")
			}
			s.accounted(st)
			g.Stop()
		})
	}
}

func each(t *testing.T, names []string, do func(string) error) {
	t.Helper()
	if len(names) == 0 {
		t.Fatal("there is no file to damage")
	}
	for _, n := range names {
		if err := do(n); err != nil {
			t.Fatal(err)
		}
	}
}
