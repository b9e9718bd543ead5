package machine_test

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"
	"time"

	"portti/cmd/portti/machine"
)

// root is a machine made of files.
func root(files map[string]string) fstest.MapFS {
	m := fstest.MapFS{}
	for name, text := range files {
		m[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return m
}

const (
	tree  = "proc/device-tree/serial-number"
	base  = "sys/firmware/devicetree/base/serial-number"
	cpu   = "proc/cpuinfo"
	board = "sys/class/dmi/id/board_serial"
	prod  = "sys/class/dmi/id/product_serial"
	etc   = "etc/machine-id"
	dbus  = "var/lib/dbus/machine-id"
	id    = "3d1219c7c4c5404aaa1f6d2a48adfda4"
)

func TestRead(t *testing.T) {
	const pi = "processor\t: 0\nHardware\t: BCM2835\nRevision\t: a020d3\nSerial\t\t: 00000000F0E1D2C3\nModel\t\t: Raspberry Pi 3\n"
	for name, c := range map[string]struct {
		files map[string]string
		want  map[string]string
	}{
		"nothing":        {nil, map[string]string{}},
		"a Raspberry Pi": {map[string]string{tree: "00000000f0e1d2c3\x00", cpu: pi, etc: id + "\n"}, map[string]string{"device-tree": "00000000f0e1d2c3", "cpuinfo": "00000000f0e1d2c3", "machine-id": id}},
		"sysfs alone":    {map[string]string{base: "F0E1\x00"}, map[string]string{"device-tree": "f0e1"}},
		"two trees":      {map[string]string{tree: "\x00", base: "F0E1\x00"}, map[string]string{"device-tree": "f0e1"}},
		"a PC":           {map[string]string{board: " .7QX2Z53.CNF00.\n", prod: "7QX2Z53\n"}, map[string]string{"dmi-board": ".7qx2z53.cnf00.", "dmi-product": "7qx2z53"}},
		"zeros":          {map[string]string{tree: "0000000000000000\x00", cpu: "Serial : 0000000000000000\n", etc: strings.Repeat("0", 32)}, map[string]string{}},
		"one character":  {map[string]string{tree: "ffffffffffffffff", board: "........", prod: "0-0-0"}, map[string]string{}},
		"placeholders 1": {map[string]string{tree: "Default string", board: "To Be Filled By O.E.M.", prod: "To be filled by O.E.M.\n"}, map[string]string{}},
		"placeholders 2": {map[string]string{tree: "None", board: "System Serial Number", prod: "Not Specified"}, map[string]string{}},
		"placeholders 3": {map[string]string{tree: "123456789", board: "N/A", prod: " \n"}, map[string]string{}},
		"no serial":      {map[string]string{cpu: "model name : Serial thing\nSerial2 : 5\n"}, map[string]string{}},
		"not booted":     {map[string]string{etc: "uninitialized\n"}, map[string]string{}},
		"D-Bus":          {map[string]string{etc: "", dbus: id}, map[string]string{"machine-id": id}},
		"no machine-id":  {map[string]string{etc: id[1:], dbus: "../../" + id[6:]}, map[string]string{}},
	} {
		if got := machine.Read(root(c.files)).Values; !maps.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// A source that cannot be read, or only in part, is not there.
func TestReadOfWhatCannotBeRead(t *testing.T) {
	m := machine.Read(deaf{root(map[string]string{tree: "00000000f0e1d2c3", etc: id})})
	if len(m.Values) != 0 {
		t.Errorf("%q", m.Values)
	}
}

// deaf gives half of a file and then an error.
type deaf struct{ fs.FS }

func (d deaf) Open(name string) (fs.File, error) {
	f, err := d.FS.Open(name)
	return half{f}, err
}

type half struct{ fs.File }

func (h half) Read(b []byte) (int, error) {
	n, _ := h.File.Read(b[:5])
	return n, syscall.EIO
}

func TestCards(t *testing.T) {
	m := machine.Read(root(map[string]string{"sys/class/net/lo/address": "00:00:00:00:00:00\n", "sys/class/net/wlan0/address": "B8:27:EB:00:00:02\n", "sys/class/net/eth0/address": "b8:27:eb:00:00:01\n"}))
	if want := []machine.Card{{"eth0", "b8:27:eb:00:00:01"}, {"wlan0", "b8:27:eb:00:00:02"}}; !slices.Equal(m.Cards, want) || len(m.Values) != 0 {
		t.Errorf("%+v", m)
	}
}

func TestJudge(t *testing.T) {
	for name, c := range map[string]struct {
		noted, here string // source=value
		want        string // what decides, ! in front: it is another board
	}{
		"the same":                        {"device-tree=1a cpuinfo=1a machine-id=x", "device-tree=1a cpuinfo=1a machine-id=x", "device-tree"},
		"another board":                   {"device-tree=1a machine-id=x", "device-tree=2b machine-id=x", "!device-tree"},
		"installed anew":                  {"device-tree=1a machine-id=x", "device-tree=1a machine-id=y", "device-tree"},
		"the tree is not there today":     {"device-tree=1a cpuinfo=1a", "cpuinfo=2b", "!cpuinfo"},
		"two sources, the first decides":  {"cpuinfo=1a dmi-product=5", "cpuinfo=1a dmi-product=6", "cpuinfo"},
		"no serial, the same":             {"machine-id=x", "machine-id=x", "machine-id"},
		"no serial, another":              {"machine-id=x", "machine-id=y", "!machine-id"},
		"a serial then and none now":      {"device-tree=1a machine-id=x", "machine-id=y", ""},
		"a serial now and none then":      {"machine-id=x", "device-tree=1a machine-id=y", ""},
		"serials of sources in no common": {"device-tree=1a machine-id=x", "dmi-board=1a machine-id=y", ""},
		"the firmware is for root alone":  {"dmi-board=1 machine-id=x", "machine-id=x", ""},
		"nothing":                         {"", "device-tree=1a", ""},
	} {
		v := machine.NewNote("G", marks(c.noted), time.Now()).Judge(marks(c.here))
		got := v.Decides
		if v.Other {
			got = "!" + got
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q; %+v", name, got, c.want, v)
		}
	}
}

// marks are written as source=value.
func marks(s string) machine.Marks {
	m := machine.Marks{Values: map[string]string{}}
	for _, f := range strings.Fields(s) {
		source, value, _ := strings.Cut(f, "=")
		m.Values[source] = value
	}
	return m
}

// What is learnt decides later. Nothing is learnt from another board, or from one of
// which nothing says that it is the same.
func TestLearn(t *testing.T) {
	for name, c := range map[string]struct {
		noted, here string
		learns      bool
	}{
		"a new kernel tells a serial":   {"machine-id=x", "device-tree=1a machine-id=x", true},
		"nothing new":                   {"device-tree=1a", "device-tree=1a", false},
		"less than before":              {"device-tree=1a machine-id=x", "machine-id=x", false},
		"another board":                 {"device-tree=1a", "device-tree=2b cpuinfo=2b", false},
		"perhaps another board":         {"machine-id=x", "device-tree=1a machine-id=y", false},
		"nothing was known":             {"", "device-tree=1a", true},
		"nothing is known of either":    {"", "", false},
		"an installation without an id": {"device-tree=1a", "device-tree=1a machine-id=x", true},
	} {
		n := machine.NewNote("G", marks(c.noted), time.Now())
		if got := n.Learn(marks(c.here)); got != c.learns {
			t.Errorf("%s: %v", name, got)
		}
		for _, k := range n.Judge(marks(c.here)).Marks {
			if c.learns && !k.Same {
				t.Errorf("%s: %+v after it was learnt", name, k)
			}
		}
	}
}

func TestNoteIsKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "machine.json")
	if _, err := machine.Load(path); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("no note: %v", err)
	}
	here := marks("device-tree=00000000f0e1d2c3 machine-id=" + id)
	n := machine.NewNote("G", here, time.Unix(1_796_000_000, 5))
	if err := n.Save(path); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	info, _ := os.Stat(path)
	if err != nil || strings.Contains(string(text), "f0e1d2c3") || strings.Contains(string(text), id) || info.Mode() != 0o600 {
		t.Errorf("%v %v: %s", err, info.Mode(), text)
	}
	again, err := machine.Load(path)
	if err != nil || again.Gateway != "G" || again.Noted.Unix() != 1_796_000_000 {
		t.Fatalf("%+v: %v", again, err)
	}
	if v := again.Judge(here); v.Other || v.Decides != machine.DeviceTree {
		t.Errorf("%+v", v)
	}
	if v := again.Judge(marks("device-tree=00000000f0e1d2c4")); !v.Other {
		t.Errorf("%+v", v)
	}
	if err := machine.NewNote("G", here, time.Now()).Save(path); err != nil {
		t.Fatal(err)
	}
	if other, _ := os.ReadFile(path); len(other) != len(text) || strings.Contains(string(other), string(text[len(text)-70:])) {
		t.Error("two notes of one board have one hash")
	}
}

// A note that cannot be read, one that is damaged and one of later are three things.
func TestNoteThatIsNone(t *testing.T) {
	dir := t.TempDir()
	for text, want := range map[string]error{
		"":                                       machine.ErrDamaged,
		`{"version":`:                            machine.ErrDamaged,
		`{}`:                                     machine.ErrDamaged,
		`{"version":1,"gateway":"G","marks":{}}`: machine.ErrDamaged, // no salt
		`{"version":2,"marks":[1]}`:              machine.ErrNewer,
	} {
		path := filepath.Join(dir, "machine.json")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := machine.Load(path); !errors.Is(err, want) {
			t.Errorf("%q: %v", text, err)
		}
	}
	_, err := machine.Load(dir) // a folder cannot be read
	if err == nil || errors.Is(err, fs.ErrNotExist) || errors.Is(err, machine.ErrDamaged) {
		t.Errorf("a folder: %v", err)
	}
}
