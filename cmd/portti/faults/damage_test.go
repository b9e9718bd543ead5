//go:build faults

package faults

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"portti/cmd/portti/bench"
	"portti/cmd/portti/daemon"
)

func (s *site) segments() []string {
	names, _ := filepath.Glob(filepath.Join(s.state, "buffer", "*.seg"))
	return names
}

// accounted is the end of a story in which files were damaged: what did not
// arrive stands in the ledger as lost or set aside, or the gateway says that
// it does not know how much.
func (s *site) accounted(st *daemon.Status) {
	s.t.Helper()
	s.oracle.honest(s.t, s.lines...)
	missing := len(s.oracle.missing(s.line().tuid, 1, s.line().count()))
	gone := int(st.Totals.Lost.Sum() + st.Totals.Quarantined)
	s.t.Logf("%d fed, %d missing, the ledger has %d lost %v and %d set aside", s.line().count(), missing, st.Totals.Lost.Sum(), st.Totals.Lost, st.Totals.Quarantined)
	if missing > gone {
		s.t.Errorf("%d are missing, the ledger knows of %d", missing, gone)
	}
}

// A file of the buffer becomes shorter under the running gateway, as
// when a disk can no longer deliver what it held. Touching its map is a
// SIGBUS. Whether the process dies of it or not, the next start is good, the
// file is set aside or its loss counted, and new readings flow. Row 12.
func TestFileCutUnderTheGateway(t *testing.T) {
	t.Parallel()
	s := newSite(t, bench.Options{})
	s.buffer = "commit_every = \"100ms\""
	s.down()
	g := s.start()
	s.line().feed(t, 5000)
	g.until("5000 are on disk", func(st *daemon.Status) bool { return st.Buffer.WaitingDisk == 5000 })
	g.stop()
	g = s.start() // nothing of them is in memory now
	for _, name := range s.segments() {
		if err := os.Truncate(name, 8192); err != nil {
			t.Fatal(err)
		}
	}
	s.up() // now it reads what is gone
	lives := 1
	for end := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		if g.gone() { // systemd would
			t.Logf("life %d ended with: %v", lives, g.err)
			if lives++; lives > 4 {
				t.Fatal("it dies at every start")
			}
			s.line().clear(t)
			g = s.spawn()
		}
		if st, err := g.ask(); err == nil && drained(st) && st.Link.State == daemon.LinkOnline {
			break
		}
		if time.Now().After(end) {
			t.Fatal("never came true: nothing waits any more")
		}
	}
	g.until("the line is read", reading)
	from := s.line().count() + 1
	s.line().feed(t, 100)
	g.until("new readings arrive", func(*daemon.Status) bool {
		return len(s.oracle.missing(s.line().tuid, from, from+99)) == 0
	})
	g.until("the damage shows", func(st *daemon.Status) bool { return hasProblem(st, "BUF-CORRUPT", "BUF-LOST") })
	st := g.until("all are acknowledged", drained)
	s.accounted(st)
	g.stop()
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
			each(t, []string{filepath.Join(s.state, "buffer", "state")}, os.Remove)
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
			s := newSite(t, bench.Options{})
			s.buffer = "commit_every = \"100ms\""
			s.down()
			g := s.start()
			s.line().feed(t, 2000)
			g.until("2000 are on disk", func(st *daemon.Status) bool { return st.Buffer.WaitingDisk == 2000 })
			g.stop()
			hurt(t, s)
			s.up()
			g = s.start()
			from := s.line().count() + 1
			s.line().feed(t, 100)
			g.until("new readings arrive", func(*daemon.Status) bool {
				return len(s.oracle.missing(s.line().tuid, from, from+99)) == 0
			})
			st := g.until("nothing waits", drained)
			if !strings.Contains(g.said(), "BUF-") {
				t.Error("the log does not name the damage")
			}
			s.accounted(st)
			g.stop()
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
