package device

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// fakeRoot builds the parts of a file system that finding a port looks at.
type fakeRoot struct {
	t   *testing.T
	dir string
}

func newRoot(t *testing.T) fakeRoot {
	r := fakeRoot{t, t.TempDir()}
	r.folder("/sys/class/tty")
	return r
}

func (r fakeRoot) folder(path string) {
	r.t.Helper()
	if err := os.MkdirAll(r.dir+path, 0o755); err != nil {
		r.t.Fatal(err)
	}
}

func (r fakeRoot) file(path, text string) {
	r.t.Helper()
	r.folder(filepath.Dir(path))
	if err := os.WriteFile(r.dir+path, []byte(text), 0o644); err != nil {
		r.t.Fatal(err)
	}
}

func (r fakeRoot) link(path, to string) {
	r.t.Helper()
	r.folder(filepath.Dir(path))
	if err := os.Symlink(to, r.dir+path); err != nil {
		r.t.Fatal(err)
	}
}

// usb adds an adapter in a socket. A cdc device (ttyACM) hangs one folder
// higher than a converter (ttyUSB), as in a real tree.
func (r fakeRoot) usb(tty, socket, vid, pid, serial string, ifaces ...string) {
	r.t.Helper()
	top := "/sys/devices/usb1/" + socket
	r.file(top+"/idVendor", vid+"\n")
	r.file(top+"/idProduct", pid+"\n")
	if serial != "" {
		r.file(top+"/serial", serial+"\n")
	}
	for i, iface := range ifaces {
		name := tty + string(rune('0'+i))
		dir := top + "/" + socket + ":1." + iface
		r.file(dir+"/bInterfaceNumber", iface+"\n")
		if strings.HasPrefix(tty, "ttyUSB") {
			dir += "/" + name
			r.folder(dir)
		}
		r.link("/sys/class/tty/"+name+"/device", r.dir+dir)
		r.link("/dev/serial/by-path/pci-usb-"+socket+":1."+iface, "../../"+name)

	}
}

func TestMatchFinds(t *testing.T) {
	r := newRoot(t)
	r.usb("ttyUSB", "1-1", "0403", "6001", "A50285BI", "00")
	r.usb("ttyACM", "1-2", "1546", "01a7", "", "00", "02")
	r.folder("/sys/class/tty/tty0") // without hardware
	r.folder("/sys/devices/platform/serial8250")
	r.link("/sys/class/tty/ttyS0/device", r.dir+"/sys/devices/platform/serial8250")
	o := opener{root: r.dir}
	for _, row := range []struct {
		m    Match
		want string
	}{
		{Match{VID: "0403"}, "/dev/ttyUSB0"},
		{Match{Serial: "A50285BI"}, "/dev/ttyUSB0"},
		{Match{VID: "1546", PID: "01A7", Interface: "00"}, "/dev/ttyACM0"},
		{Match{PID: "01a7", Interface: "02"}, "/dev/ttyACM1"},
		{Match{VID: "0403", Serial: "other"}, ""},
		{Match{VID: "0403", PID: "01a7"}, ""},
		{Match{VID: "dead"}, ""},
	} {
		got, err := o.find(row.m)
		if row.want == "" {
			var e *OpenError
			if !errors.As(err, &e) || e.State != Missing || e.Code != CodeGone || !strings.Contains(err.Error(), row.m.String()) {
				t.Errorf("%v: %q %v", row.m, got, err)
			}
			continue
		}
		if err != nil || got != r.dir+row.want {
			t.Errorf("%v: %q %v, want %s", row.m, got, err, row.want)
		}
	}
}

func TestMatchRefusesToGuess(t *testing.T) {
	r := newRoot(t)
	r.usb("ttyACM", "1-1", "1a86", "7523", "", "00", "02")
	_, err := opener{root: r.dir}.open(context.Background(), Config{Match: &Match{VID: "1a86", PID: "7523"}})
	var e *OpenError
	if !errors.As(err, &e) || e.State != Missing || e.Code != CodeAmbiguous {
		t.Fatalf("%v", err)
	}
	for _, want := range []string{"2 adapters", "/dev/serial/by-path/pci-usb-1-1:1.00", "/dev/serial/by-path/pci-usb-1-1:1.02"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q lacks %q", err, want)
		}
	}
	if err := os.RemoveAll(r.dir + "/dev/serial"); err != nil {
		t.Fatal(err)
	}
	if _, err = (opener{root: r.dir}).find(Match{VID: "1a86"}); !strings.Contains(err.Error(), "/dev/ttyACM0, /dev/ttyACM1") {
		t.Errorf("without udev: %v", err)
	}
}

func TestMatchOpensWhatItFound(t *testing.T) {
	r := newRoot(t)
	_, path := newPty(t)
	r.usb("ttyUSB", "1-1", "0403", "6001", "A50285BI", "00")
	r.link("/dev/ttyUSB0", path)
	o, err := opener{root: r.dir}.open(t.Context(), Config{Type: "lines", Match: &Match{Serial: "A50285BI"}})
	if err != nil || o.Path != path {
		t.Fatalf("%+v %v", o, err)
	}
	_ = o.Line.Close()
}

func TestConsolesAreRefused(t *testing.T) {
	_, path := newPty(t)
	name := filepath.Base(path)
	for what, files := range map[string]map[string]string{
		"named in /proc/consoles": {"/proc/consoles": "tty0  -WU (EC p  )  4:7\n" + name + " -W- (EC p a)    4:64\n"},
		"by number":               {"/proc/consoles": "ttyAMA0 -W- (EC p a)    136:" + name + "\n"},
		"on the command line":     {"/proc/cmdline": "root=/dev/sda console=tty1 console=" + name + ",115200n8 quiet\n"},
	} {
		r := newRoot(t)
		for file, text := range files {
			r.file(file, text)
		}
		r.link("/dev/ttyX0", path)
		_, err := opener{root: r.dir}.open(t.Context(), Config{Type: "lines", Port: "/dev/ttyX0"})
		var e *OpenError
		if !errors.As(err, &e) || e.Code != CodeConsole || e.State != Busy {
			t.Errorf("%s: %v", what, err)
		}
	}
	r := newRoot(t)
	r.file("/proc/cmdline", "console=serial0,115200 console=tty1\n")
	r.link("/dev/serial0", path)
	if _, err := (opener{root: r.dir}).open(t.Context(), Config{Type: "lines", Port: "/dev/serial0"}); err == nil {
		t.Error("a console under its alias was opened")
	}
	r = newRoot(t)
	r.file("/proc/cmdline", "console=tty1 console="+name+"0\n")
	r.link("/dev/ttyX0", path)
	o, err := opener{root: r.dir}.open(t.Context(), Config{Type: "lines", Port: "/dev/ttyX0"})
	if err != nil {
		t.Fatalf("another console: %v", err)
	}
	_ = o.Line.Close()
}

func TestHolderByLocksAlone(t *testing.T) {
	// Descriptors of others cannot be looked at; /proc/locks can.
	r := newRoot(t)
	r.file("/dev/ttyX0", "")
	r.file("/proc/1234/comm", "gpsd\n")
	o := opener{root: r.dir}
	if who := o.holder(r.dir + "/dev/ttyX0"); who != "" {
		t.Errorf("nobody: %q", who)
	}
	r.file("/proc/locks", lockLine(t, r.dir+"/dev/ttyX0", 1234))
	if who := o.holder(r.dir + "/dev/ttyX0"); who != "gpsd (process 1234)" {
		t.Errorf("%q", who)
	}
	r.file("/proc/locks", lockLine(t, r.dir+"/dev/ttyX0", 99))
	if who := o.holder(r.dir + "/dev/ttyX0"); who != "process 99" {
		t.Errorf("%q", who)
	}
}

func TestHolderIsWhoLocksNotWhoLooks(t *testing.T) {
	r := newRoot(t)
	r.file("/dev/ttyX0", "")
	r.file("/proc/77/comm", "udevd\n")
	r.file("/proc/77/fd/.keep", "")
	if err := os.Symlink(r.dir+"/dev/ttyX0", r.dir+"/proc/77/fd/3"); err != nil {
		t.Fatal(err)
	}
	o := opener{root: r.dir}
	if who := o.holder(r.dir + "/dev/ttyX0"); who != "udevd (process 77)" {
		t.Errorf("%q", who)
	}
	r.file("/proc/1234/comm", "gpsd\n")
	r.file("/proc/locks", lockLine(t, r.dir+"/dev/ttyX0", 1234))
	if who := o.holder(r.dir + "/dev/ttyX0"); who != "gpsd (process 1234)" {
		t.Errorf("%q", who)
	}
}

func lockLine(t *testing.T, path string, pid int) string {
	t.Helper()
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("1: POSIX  ADVISORY  WRITE 7 00:01:5 0 EOF\n2: FLOCK  ADVISORY  WRITE %d %02x:%02x:%d 0 EOF\n",
		pid, unix.Major(uint64(st.Dev)), unix.Minor(uint64(st.Dev)), st.Ino)
}
