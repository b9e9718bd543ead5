package device

import (
	"os"
	"strings"
	"testing"
)

// named gives a port its name by what it says of itself, which
// alike adapters share: the last one has it.
func (r fakeRoot) named(tty, byID string) { r.link("/dev/serial/by-id/"+byID, "../../"+tty) }

func portsByPath(r fakeRoot) map[string]SerialPort {
	all := map[string]SerialPort{}
	for _, p := range (opener{root: r.dir}).ports() {
		all[p.Path] = p
	}
	return all
}

func TestPorts(t *testing.T) {
	r := newRoot(t)
	r.folder("/sys/class/tty/tty0") // without hardware
	r.folder("/sys/devices/platform/serial8250")
	for tty, kind := range map[string]string{"ttyS0": "0", "ttyS1": "4", "ttyAMA0": "32"} {
		r.link("/sys/class/tty/"+tty+"/device", r.dir+"/sys/devices/platform/serial8250")
		r.file("/sys/class/tty/"+tty+"/type", kind+"\n")
	}
	r.usb("ttyUSB", "1-1", "0403", "6001", "A50285BI", "00")
	r.file("/sys/devices/usb1/1-1/product", "FT232R USB UART\n")
	r.named("ttyUSB0", "usb-FTDI_A50285BI-if00-port0")
	r.usb("ttyACM", "1-2", "1546", "01a7", "", "00", "02")
	r.named("ttyACM0", "usb-u-blox_7-if00")
	got := portsByPath(r)
	for path, name := range map[string]string{
		"/dev/ttyS1": "/dev/ttyS1", "/dev/ttyAMA0": "/dev/ttyAMA0",
		"/dev/ttyUSB0": "/dev/serial/by-id/usb-FTDI_A50285BI-if00-port0",
		"/dev/ttyACM0": "/dev/serial/by-id/usb-u-blox_7-if00",
		"/dev/ttyACM1": "/dev/serial/by-path/pci-usb-1-2:1.02",
	} {
		if got[path].Name != name {
			t.Errorf("%s: %+v", path, got[path])
		}
	}
	if len(got) != 5 {
		t.Errorf("%d ports: %v", len(got), got)
	}
	if u := got["/dev/ttyUSB0"].USB; u == nil || *u != (USB{VID: "0403", PID: "6001", Serial: "A50285BI", Interface: "00", Product: "FT232R USB UART", Hub: "1-1"}) {
		t.Errorf("%+v", u)
	}
	if n := got["/dev/ttyACM0"].Note; !strings.Contains(n, "no serial number") || !strings.Contains(n, "/dev/serial/by-path/pci-usb-1-2:1.00") {
		t.Errorf("without a serial number: %q", n)
	}
}

// TestAlikeAdaptersAreNotGuessed (row 241): two that say the same of themselves have one name by that,
// which leads to either of them. They go by their sockets, or have no name.
func TestAlikeAdaptersAreNotGuessed(t *testing.T) {
	for _, serial := range []string{"", "0001"} {
		r := newRoot(t)
		r.usb("ttyUSB", "1-1", "1a86", "7523", serial, "00")
		r.usb("ttyUSB1", "1-2", "1a86", "7523", serial, "00") // ttyUSB10
		r.named("ttyUSB10", "usb-1a86_USB_Serial-if00-port0")
		got := portsByPath(r)
		for path, name := range map[string]string{"/dev/ttyUSB0": "/dev/serial/by-path/pci-usb-1-1:1.00", "/dev/ttyUSB10": "/dev/serial/by-path/pci-usb-1-2:1.00"} {
			if p := got[path]; p.Name != name || p.Match != nil || !strings.Contains(p.Note, "leave it plugged in") {
				t.Errorf("serial %q: %+v", serial, p)
			}
		}
		bare := newRoot(t) // without udev
		bare.usb("ttyUSB", "1-1", "1a86", "7523", serial, "00")
		bare.usb("ttyUSB1", "1-2", "1a86", "7523", serial, "00")
		bare.usb("ttyUSB2", "1-3", "1a86", "7523", serial+"x", "00")
		if err := os.RemoveAll(bare.dir + "/dev/serial"); err != nil {
			t.Fatal(err)
		}
		got = portsByPath(bare)
		for _, path := range []string{"/dev/ttyUSB0", "/dev/ttyUSB10"} {
			if p := got[path]; p.Name != "" || p.Match != nil || !strings.Contains(p.Note, "leave only one") {
				t.Errorf("serial %q, no udev: %+v", serial, p)
			}
		}
		p := got["/dev/ttyUSB20"]
		if p.Name != "" || p.Match == nil || p.Match.Serial != serial+"x" {
			t.Fatalf("serial %q, no udev, the only one: %+v", serial, p)
		}
		if found, err := (opener{root: bare.dir}).find(*p.Match); err != nil || found != bare.dir+"/dev/ttyUSB20" {
			t.Errorf("its match leads to %q %v", found, err)
		}
	}
}

func TestPortAt(t *testing.T) {
	r := newRoot(t)
	r.usb("ttyUSB", "1-1", "0403", "6001", "A50285BI", "00")
	r.named("ttyUSB0", "usb-FTDI")
	r.file("/dev/ttyUSB0", "")
	r.file("/dev/pts/7", "")
	r.link("/dev/mine", "pts/7")
	o := opener{root: r.dir}
	for given, want := range map[string]SerialPort{
		"/dev/ttyUSB0":               {Path: "/dev/ttyUSB0", Name: "/dev/serial/by-id/usb-FTDI"},
		"/dev/serial/by-id/usb-FTDI": {Path: "/dev/ttyUSB0", Name: "/dev/serial/by-id/usb-FTDI"},
		"/dev/mine":                  {Path: "/dev/pts/7", Name: "/dev/mine"},
		"/dev/none":                  {Path: "/dev/none", Name: "/dev/none"},
	} {
		if got := o.portAt(given); got.Path != want.Path || got.Name != want.Name {
			t.Errorf("%s: %+v", given, got)
		}
	}
}
