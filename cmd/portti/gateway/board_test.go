package gateway

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"portti/cmd/portti/config"
	"portti/cmd/portti/machine"
	"portti/cmd/portti/status"
)

// boardOf is a machine with that serial number.
func boardOf(serial string) machine.Marks {
	return machine.Marks{Values: map[string]string{machine.DeviceTree: serial}}
}

// Row 79: each case is a start on a state folder that came to be on board 1a with
// the id G.
func TestBoardAtTheStart(t *testing.T) {
	for name, c := range map[string]struct {
		prepare func(path string)
		id      string
		here    string
		other   bool
		wrote   bool // the note
		says    string
	}{
		"the same board":              {id: "G", here: "1a"},
		"another board":               {id: "G", here: "2b", other: true},
		"a first start":               {prepare: func(p string) { os.Remove(p) }, id: "G", here: "2b", wrote: true},
		"another id on another board": {id: "H", here: "2b", wrote: true, says: "board.noted"},
		"a damaged note":              {prepare: func(p string) { os.WriteFile(p, []byte("{"), 0o600) }, id: "G", here: "2b", wrote: true, says: "board.note-damaged"},
		"a note of a newer version":   {prepare: func(p string) { os.WriteFile(p, []byte(`{"version":9}`), 0o600) }, id: "G", here: "2b", says: "board.read-failed"},
		"a note that cannot be read": {prepare: func(p string) {
			os.Remove(p)
			os.Mkdir(p, 0o700)
		}, id: "G", here: "2b", says: "board.read-failed"},
	} {
		path := filepath.Join(t.TempDir(), "machine.json")
		if err := machine.NewNote("G", boardOf("1a"), time.Now()).Save(path); err != nil {
			t.Fatal(err)
		}
		if c.prepare != nil {
			c.prepare(path)
		}
		before, _ := os.ReadFile(path)
		log, said := heard()
		b := noted(newBoard(path, c.id, boardOf(c.here), log))
		after, _ := os.ReadFile(path)
		if b.other != c.other || (string(before) != string(after)) != c.wrote {
			t.Errorf("%s: other %v, wrote %v\n%s", name, b.other, string(before) != string(after), said)
		}
		if c.says == "" && said.Len() > 0 || !strings.Contains(said.String(), c.says) || strings.Count(said.String(), "\n") > 1 {
			t.Errorf("%s: said %q", name, said)
		}
		if again := noted(newBoard(path, c.id, boardOf(c.here), log)); again.other != c.other {
			t.Errorf("%s: at the next start other is %v", name, again.other)
		}
	}
}

// What a new kernel tells is noted beside what was known, and decides from then on.
func TestBoardIsLearnt(t *testing.T) {
	path := filepath.Join(t.TempDir(), "machine.json")
	log, said := heard()
	old, now := boardOf("1a"), boardOf("1a")
	now.Values[machine.CPUInfo] = "1a"
	noted(newBoard(path, "G", old, log))
	noted(newBoard(path, "G", now, log))
	note, err := machine.Load(path)
	if err != nil || said.Len() > 0 {
		t.Fatalf("%v: %s", err, said)
	}
	other := machine.Marks{Values: map[string]string{machine.CPUInfo: "2b"}}
	if v := note.Judge(other); !v.Other {
		t.Errorf("%+v", v)
	}
}

// A running gateway hears of portti identity keep, and is not misled by what comes
// instead of it.
func TestBoardIsKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "machine.json")
	log, _ := heard()
	noted(newBoard(path, "G", boardOf("1a"), log))
	b := noted(newBoard(path, "G", boardOf("2b"), log))
	still := func(when string, do func() error) {
		t.Helper()
		if err := do(); err != nil {
			t.Fatal(err)
		}
		if b.look(); !b.other {
			t.Errorf("solved %s", when)
		}
	}
	save := func(id, serial string) func() error {
		return func() error { return machine.NewNote(id, boardOf(serial), time.Now()).Save(path) }
	}
	still("by nothing", func() error { return nil })
	still("by the note that was there", save("G", "1a"))
	still("by a third board", save("G", "3c"))
	still("by portti identity new, which holds from the next start", save("H", "2b"))
	still("by half a note", func() error { return os.WriteFile(path, []byte("{"), 0o600) })
	still("by no note", func() error { return os.Remove(path) })
	if err := save("G", "2b")(); err != nil {
		t.Fatal(err)
	}
	if b.look(); b.other {
		t.Error("not solved by portti identity keep")
	}
}

// A disk that cannot be written costs the note and nothing else.
func TestBoardCannotBeNoted(t *testing.T) {
	log, said := heard()
	if b := noted(newBoard(filepath.Join(t.TempDir(), "gone", "machine.json"), "G", boardOf("1a"), log)); b.other || strings.Count(said.String(), "board.save-failed") != 1 {
		t.Errorf("%v: %s", b.other, said)
	}
}

// Both problems name what a person types: the verb, or the line of the configuration.
func TestRenewal(t *testing.T) {
	cfg := config.Defaults()
	s := healthy()
	s.otherBoard, s.link.Takeover = true, true
	p := status.NewProblems()
	p.Sync(findings(s))
	if all := p.Active(); len(all) != 2 || !strings.Contains(all[0].Action, "another id: sudo portti identity new && sudo portti service restart") ||
		!strings.Contains(all[1].Action, "another id: sudo portti identity new && sudo portti service restart") {
		t.Errorf("%+v", all)
	}
	if all := p.Active(); all[1].Commands[0] != "sudo portti identity new && sudo portti service restart" {
		t.Errorf("one command does not do it: %q", all[1].Commands[0])
	}
	if got := Renewal(cfg); got != "sudo portti identity new" {
		t.Error(got)
	}
	file := filepath.Join(t.TempDir(), "portti.toml")
	if err := os.WriteFile(file, []byte("config_version = 1\n[gateway]\nid = \"G\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Lenient(file, config.LoadOptions{})
	if err != nil || Renewal(cfg) != "id in [gateway] ("+file+":3)" {
		t.Errorf("%q: %v", Renewal(cfg), err)
	}
}

// noted has what is due written.
func noted(b *board) *board {
	b.save()
	return b
}
