package gateway_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"portti/cmd/portti/gateway"
	"portti/cmd/portti/machine"
	"portti/cmd/portti/rig"
	"portti/cmd/portti/status"
	"portti/cmd/portti/testbed"
)

func isGone(st *status.Document) bool { return rig.HasProblem(st, "BUF-GONE") }

// unbounded counts the statements of a loss that nobody can count; repeats of one
// message count once.
func (l *lines) unbounded(t *testing.T) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	seen := map[float64]bool{}
	for line := range bytes.Lines(l.text.Bytes()) {
		var m struct {
			ID      int     `json:"tsmId"`
			Ts      float64 `json:"tsmTs"`
			Reason  string  `json:"reason"`
			Count   int     `json:"count"`
			AtLeast bool    `json:"atLeast"`
			AtMost  *int    `json:"atMost"`
		}
		if json.Unmarshal(line, &m) != nil || m.ID != 90300 {
			continue
		}
		if m.Reason != "corrupt" || m.Count != 0 || !m.AtLeast || m.AtMost != nil {
			t.Errorf("loss report %s", line)
		}
		seen[m.Ts] = true
	}
	return len(seen)
}

func clearFolder(dir string) error {
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		err = errors.Join(err, os.RemoveAll(filepath.Join(dir, e.Name())))
	}
	return err
}

// Row 14: the whole buffer goes while the gateway is stopped. The next start says so,
// and every one after it until the server knows, which is told once.
func TestBufferTakenAway(t *testing.T) {
	for name, take := range map[string]func(dir string) error{
		"the folder":        os.RemoveAll,
		"all that is in it": clearFolder,
		"all but what was set aside": func(dir string) error {
			return errors.Join(clearFolder(dir), os.WriteFile(filepath.Join(dir, "quarantine.log"), nil, 0o600))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out := &lines{}
			s := rig.New(t, testbed.Options{Out: out})
			s.Down()
			g := s.Run(gateway.Options{})
			s.Line().Feed(50)
			g.Until("50 are on disk", saved(50))
			g.Halt()
			dir := s.Load().Paths.BufferDir()
			if err := take(dir); err != nil {
				t.Fatal(err)
			}
			for range 2 {
				g = s.Run(gateway.Options{})
				st := g.Until("it is shown", isGone)
				for _, p := range st.Problems {
					if p.Code == "BUF-GONE" && (!strings.Contains(p.Sentence, dir+" ") || !strings.Contains(strings.Join(p.Actions, " "), "remove "+filepath.Join(s.State, "machine.json"))) {
						t.Errorf("%+v", p)
					}
				}
				g.Halt()
			}
			s.Up()
			g = s.Run(gateway.Options{})
			g.Until("it is stated", func(*status.Document) bool { return out.unbounded(t) == 1 })
			g.Until("and the report is proven", rig.Drained)
			if !isGone(g.Halt()) {
				t.Error("not shown any more in the run that told it")
			}
			g = s.Run(gateway.Options{})
			s.Line().Feed(1)
			g.Until("a reading arrives after the next start", func(st *status.Document) bool {
				return st.Link.State == status.LinkOnline && st.Totals.Acked > 0 && st.UptimeS > 2
			})
			if isGone(g.Halt()) || out.unbounded(t) != 1 {
				t.Errorf("told %d times, and shown again", out.unbounded(t))
			}
		})
	}
}

// A buffer that was never there, or is not missed, is not called gone.
func TestBufferThatIsNotMissed(t *testing.T) {
	for name, c := range map[string]struct {
		never   bool // no gateway was there before
		between func(t *testing.T, s *rig.Site, dir, note string) error
	}{
		"a first start": {never: true, between: func(*testing.T, *rig.Site, string, string) error { return nil }},
		"a first start on another version's state": {never: true, between: func(_ *testing.T, s *rig.Site, _, note string) error {
			old := filepath.Join(s.State, "buffer")
			return errors.Join(os.MkdirAll(old, 0o700), os.WriteFile(filepath.Join(old, "0000000000000001.seg"), []byte("x"), 0o600),
				machine.NewNote("XXXX00TEST0000001", machine.Read(boardWith("1a")), time.Now()).Save(note))
		}},
		"started afresh": {between: func(_ *testing.T, _ *rig.Site, dir, note string) error {
			return errors.Join(os.RemoveAll(dir), os.Remove(note))
		}},
		"portti identity new, and the buffer removed": {between: func(t *testing.T, s *rig.Site, dir, note string) error {
			id, err := gateway.NewIdentity(s.State)
			return errors.Join(err, os.RemoveAll(dir), machine.NewNote(id, machine.Read(boardWith("1a")), time.Now()).Save(note))
		}},
		"the other version's advice": {between: func(_ *testing.T, s *rig.Site, dir, _ string) error {
			old := filepath.Join(s.State, "buffer")
			return errors.Join(os.RemoveAll(dir), os.MkdirAll(old, 0o700), os.WriteFile(filepath.Join(old, "0000000000000001.seg"), []byte("x"), 0o600))
		}},
		"the whole state moved": {between: func(t *testing.T, s *rig.Site, _, _ string) error {
			from := s.State
			s.State = filepath.Join(rig.Folder(t), "elsewhere")
			return os.Rename(from, s.State)
		}},
		"a note that cannot be read": {between: func(_ *testing.T, _ *rig.Site, dir, note string) error {
			return errors.Join(os.RemoveAll(dir), os.Remove(note), os.Symlink(note, note))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out := &lines{}
			s := rig.New(t, testbed.Options{Out: out})
			s.ID = "auto"
			o := gateway.Options{Machine: boardWith("1a")}
			if !c.never {
				g := s.Run(o)
				s.Line().Feed(10)
				g.Until("they arrive", s.Delivered)
				g.Halt()
			}
			paths := s.Load().Paths
			if err := c.between(t, s, paths.BufferDir(), gateway.MachineFile(paths)); err != nil {
				t.Fatal(err)
			}
			g := s.Run(o)
			g.Until("it has looked, and is online", func(st *status.Document) bool {
				return st.Link.State == status.LinkOnline && st.UptimeS > 2
			})
			if st := g.Halt(); isGone(st) || out.unbounded(t) != 0 {
				t.Errorf("called gone: %+v", st.Problems)
			}
		})
	}
}
