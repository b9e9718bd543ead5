package doctor

import (
	"os"
	"strings"
	"testing"

	"portti/cmd/portti/status"
)

// process runs a program with these files open.
func (w *world) process(pid, name string, open ...string) {
	w.file("/proc/"+pid+"/comm", name+"\n")
	for i, path := range open {
		w.link("/proc/"+pid+"/fd/"+string(rune('3'+i)), path)
	}
}

func (w *world) plugged() { w.usb("ttyUSB0", "1-1", "0403", "A1"); w.devices("/dev/ttyUSB0") }

func (w *world) pi(firmware string, devices ...string) {
	w.file("/proc/device-tree/model", "Raspberry Pi 4 Model B Rev 1.4\x00")
	w.file("/boot/firmware/config.txt", firmware)
	w.file("/boot/firmware/cmdline.txt", "console=tty1 root=/dev/mmcblk0p2\n")
	w.devices(devices...)
}

func TestPortChecks(t *testing.T) {
	try(t, []row{
		{"C09", "in order", func(w *world) { w.service("dialout"); w.plugged(); w.mode("/dev/ttyUSB0", 0o666) }, Pass, "1 port, all open", ""},
		{"C09", "no service", func(w *world) { w.plugged() }, Skip, "no service", ""},
		{"C09", "nobody may", func(w *world) { w.service("dialout"); w.plugged(); w.mode("/dev/ttyUSB0", 0o600) }, Fail, "may not open /dev/ttyUSB0 (-rw-------)",
			`echo 'KERNEL=="ttyUSB0", GROUP="dialout", MODE="0660"' | sudo tee /etc/udev/rules.d/99-portti.rules; sudo udevadm control --reload; sudo udevadm trigger`},
		{"C09", "told by the gateway", func(w *world) {
			w.service("dialout")
			w.plugged()
			w.mode("/dev/ttyUSB0", 0o600)
			w.problem("HW-PERMISSION", status.Error, "d1", "d1: portti may not open /dev/ttyUSB0.")
		}, Fail, "portti may not open", ""},

		{"C10", "in order", func(w *world) { w.plugged(); w.process("812", "portti", "/dev/ttyUSB0") }, Pass, "nobody else", ""},
		{"C10", "another file of that name, as a container has", func(w *world) {
			w.file("/dev/full", "")
			w.devices("/dev/full")
			w.process("812", "cat", "/dev/full")
		}, Pass, "nobody else", ""},
		{"C10", "nothing there", func(*world) {}, Pass, "no port", ""},
		{"C10", "not root", func(w *world) { w.plugged(); w.host.UID = 1000 }, Skip, "only root", ""},
		{"C10", "ModemManager", func(w *world) { w.plugged(); w.process("812", "ModemManager", "/dev/null", "/dev/ttyUSB0") }, Fail, "The program ModemManager (process 812) has /dev/ttyUSB0 open", "sudo systemctl mask --now ModemManager"},
		{"C10", "gpsd", func(w *world) { w.plugged(); w.process("812", "gpsd", "/dev/ttyUSB0") }, Fail, "gpsd", "sudo systemctl disable --now gpsd.socket gpsd.service"},
		{"C10", "getty", func(w *world) { w.plugged(); w.process("812", "agetty", "/dev/ttyUSB0") }, Fail, "agetty", "sudo systemctl mask --now serial-getty@ttyUSB0.service"},
		{"C10", "brltty", func(w *world) { w.plugged(); w.process("812", "brltty", "/dev/ttyUSB0") }, Fail, "brltty", "sudo systemctl mask --now brltty.service brltty-udev.service"},
		{"C10", "anything", func(w *world) { w.plugged(); w.process("812", "pi\x1bcocom", "/dev/ttyUSB0") }, Fail, `pi\x1bcocom`, "ps -fp 812"},
		{"C10", "told by the gateway and explained", func(w *world) {
			w.plugged()
			w.process("812", "gpsd", "/dev/ttyUSB0")
			w.problem("DEV-BUSY", status.Error, "d1", "d1: /dev/ttyUSB0 is in use by another program.")
		}, Fail, "in use by another program. The program gpsd", "sudo systemctl disable --now gpsd.socket gpsd.service"},
		{"C10", "the gateway's own", func(w *world) {
			w.usb("ttyUSB0", "1-1", "0403", "A1")
			w.devices("/dev/ttyUSB0", "/dev/serial/by-id/usb-FTDI_A1-if00-port0")
			w.problem("DEV-BUSY", status.Error, "d2", "d2: the port is in use by another program.")
		}, Fail, "It is the port of d1 as well", "sudo portti -c /srv/portti/portti.toml reload"},

		{"C11", "in order", func(w *world) { w.plugged() }, Pass, "1 port", ""},
		{"C11", "no configuration", func(*world) {}, Skip, "C01", ""},
		{"C11", "nothing plugged in", func(w *world) { w.devices("/dev/ttyUSB0") }, Fail, "d1 is to be at /dev/ttyUSB0, and there is nothing", "dmesg | tail"},
		{"C11", "under another number", func(w *world) { w.usb("ttyUSB1", "1-1", "0403", "A1"); w.devices("/dev/ttyUSB0") }, Fail, "is at /dev/ttyUSB1", "sudo portti -c /srv/portti/portti.toml reload"},
		{"C11", "several free ones", func(w *world) {
			w.usb("ttyUSB1", "1-1", "0403", "A1")
			w.usb("ttyUSB2", "1-2", "0403", "A2")
			w.devices("/dev/ttyUSB0")
		}, Fail, "Adapters that no device has: 2", "sudo portti discover"},
		{"C11", "told by the gateway", func(w *world) {
			w.devices("/dev/ttyUSB0")
			w.problem("DEV-GONE", status.Error, "d1", "d1: /dev/ttyUSB0 is not there.")
		}, Fail, "is not there", ""},
		{"C11", "two fit a match", func(w *world) {
			w.usb("ttyUSB1", "1-1", "0403", "A1")
			w.usb("ttyUSB2", "1-2", "0403", "A2")
			w.config("[[device]]\nname = \"d1\"\ntype = \"gps\"\nmatch = {vid = \"0403\"}\nid = \"XXXX03GPS00000001\"\n")
		}, Fail, "2 adapters", "ls -l /dev/serial/by-path/"},

		{"C12", "in order", func(w *world) { w.plugged(); w.file("/proc/cmdline", "console=tty1 root=/x\n") }, Pass, "no console", ""},
		{"C12", "now", func(w *world) {
			w.file("/dev/ttyS0", "")
			w.link("/dev/serial0", "ttyS0")
			w.pi("", "/dev/serial0")
			w.file("/proc/cmdline", "console=serial0,115200 root=/x\n")
		}, Fail, "is the system's console", "sudo portti service restart && sudo reboot"},
		{"C12", "elsewhere", func(w *world) {
			w.file("/dev/ttyS0", "")
			w.devices("/dev/ttyS0")
			w.file("/proc/cmdline", "console=ttyS0\n")
		}, Fail, "is the system's console", "sudo reboot"},
		{"C12", "after a boot", func(w *world) {
			w.file("/dev/ttyS0", "")
			w.pi("", "/dev/ttyS0")
			w.file("/boot/firmware/cmdline.txt", "console=ttyS0,115200 root=/dev/mmcblk0p2\n")
		}, Warn, "at the next boot", "sudo portti service restart && sudo reboot"},
		{"C12", "getty", func(w *world) {
			w.plugged()
			w.link("/etc/systemd/system/getty.target.wants/serial-getty@ttyUSB0.service", "/lib/x")
		}, Fail, "A login runs on /dev/ttyUSB0", "sudo systemctl disable --now serial-getty@ttyUSB0.service"},

		{"C13", "not there", func(w *world) { w.plugged() }, Pass, "does not run", ""},
		{"C13", "kept off", func(w *world) {
			w.plugged()
			w.process("700", "ModemManager")
			w.file("/usr/lib/udev/rules.d/61-portti.rules", `SUBSYSTEMS=="usb", ATTRS{idVendor}=="067b|0403", ENV{ID_MM_DEVICE_IGNORE}="1"`+"\n")
		}, Pass, "kept off", ""},
		{"C13", "free to ask", func(w *world) {
			w.plugged()
			w.process("700", "ModemManager")
			w.file("/etc/udev/rules.d/61-portti.rules", `# ATTRS{idVendor}=="0403", ENV{ID_MM_DEVICE_IGNORE}="1"`+"\n")
		}, Warn, "nothing keeps it from asking /dev/ttyUSB0",
			`echo 'ATTRS{idVendor}=="0403", ATTRS{idProduct}=="6001", ENV{ID_MM_DEVICE_IGNORE}="1"' | sudo tee -a /etc/udev/rules.d/99-portti-modem.rules && sudo udevadm control --reload && sudo udevadm trigger`},

		{"C14", "in order", func(w *world) {
			w.says["journalctl -k"] = "usb 1-1: new full-speed USB device number 4 using xhci_hcd\nftdi_sio ttyUSB0: FTDI USB Serial Device converter now disconnected from ttyUSB0\n"
		}, Pass, "nothing", ""},
		{"C14", "no log", func(*world) {}, Skip, "cannot be read", ""},
		{"C14", "not root", func(w *world) { w.host.UID = 1000; w.says["journalctl -k"] = "" }, Skip, "only root", ""},
		{"C14", "resets", func(w *world) {
			w.says["dmesg"] = strings.Repeat("[ 12.3] usb 1-1.2: reset full-speed USB device number 4 using xhci_hcd\n", 3)
		}, Warn, "USB 1-1.2 was reset 3 times", "journalctl -k --since -24h | grep -iE 'usb|tty'"},
		{"C14", "over-current", func(w *world) { w.says["journalctl -k"] = "usb 1-1-port2: over-current condition\n" }, Warn, "more current than allowed 1 time", "journalctl -k --since -24h | grep -iE 'usb|tty'"},
		{"C14", "comes and goes", func(w *world) {
			w.says["journalctl -k"] = strings.Repeat("ch341-uart ttyUSB0: ch341-uart converter now disconnected from ttyUSB0\n", 3)
		}, Warn, "ttyUSB0 lost its adapter 3 times", "journalctl -k --since -24h | grep -iE 'usb|tty'"},

		{"C22", "another board", func(w *world) { w.devices("/dev/ttyAMA0") }, Pass, "not a Raspberry Pi", ""},
		{"C22", "in order", func(w *world) { w.file("/dev/ttyAMA0", ""); w.pi("", "/dev/ttyAMA0", "/dev/ttyUSB0") }, Pass, "as needed", ""},
		{"C22", "off", func(w *world) { w.pi("# enable_uart=1\n", "/dev/serial0") }, Fail, "switched off", "echo enable_uart=1 | sudo tee -a /boot/firmware/config.txt && sudo reboot"},
		{"C22", "unreadable", func(w *world) { w.pi("", "/dev/serial0") }, Skip, "config.txt", ""},
		{"C22", "speed that changes", func(w *world) { w.file("/dev/ttyS0", ""); w.pi("a=b\n", "/dev/ttyS0") }, Warn, "changes with the processor", "echo enable_uart=1 | sudo tee -a /boot/firmware/config.txt && sudo reboot"},
		{"C22", "parity", func(w *world) {
			w.file("/dev/ttyS0", "")
			w.pi("enable_uart=1\n")
			w.config("[[device]]\nname = \"d1\"\ntype = \"gps\"\nport = \"/dev/ttyS0\"\nparity = \"even\"\nid = \"XXXX03GPS00000001\"\n")
		}, Fail, "has no parity", "echo dtoverlay=disable-bt | sudo tee -a /boot/firmware/config.txt && sudo reboot"},
	})
}

func TestModemRuleIsWritten(t *testing.T) {
	w := newWorld(t)
	w.plugged()
	w.process("700", "ModemManager")
	if err := os.MkdirAll(w.host.below("/etc/udev/rules.d"), 0o755); err != nil {
		t.Fatal(err)
	}
	w.says["udevadm"] = ""
	if err := w.look("C13")[0].Fix.Do(t.Context(), w.host); err != nil {
		t.Fatal(err)
	}
	if got := w.look("C13")[0]; got.Verdict != Pass || len(w.ran) != 2 {
		t.Errorf("%+v, ran %q", got, w.ran)
	}
}
