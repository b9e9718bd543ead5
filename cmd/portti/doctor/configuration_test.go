package doctor

import (
	"os"
	"strings"
	"testing"

	"portti/cmd/portti/config"
	"portti/cmd/portti/status"
)

func TestConfigurationChecks(t *testing.T) {
	none := func(*world) {}
	try(t, []row{
		{"C01", "in order", func(w *world) { w.devices("/dev/ttyUSB0") }, Pass, "1 file, 1 device", ""},
		{"C01", "not asked", none, Skip, "no configuration was looked for", ""},
		{"C01", "not there", func(w *world) {
			w.service("dialout")
			_, w.host.ConfigErr = config.Load(w.host.ConfigPath, config.LoadOptions{})
		}, Fail, "There is no configuration.", "sudo portti setup"},
		{"C01", "mistake", func(w *world) { w.config("[buffer]\nmax_sice = \"1GB\"\n") }, Fail, `Unknown setting "max_sice"`, "sudo portti -c /srv/portti/portti.toml config check"},
		{"C01", "mistake of the service", func(w *world) { w.service("dialout"); w.config("[buffer]\nmax_sice = \"1GB\"\n") }, Fail, `Unknown setting "max_sice"`, "sudo portti config check"},
		{"C01", "no right to read", func(w *world) {
			w.host.UID = 1000
			w.host.ConfigErr = &config.Error{Faults: []config.Fault{{File: "/etc/portti/portti.toml", Text: "cannot be read: permission denied"}}}
		}, Skip, "root and the service alone", ""},
		{"C01", "unfit", func(w *world) {
			w.devices("/dev/ttyUSB0")
			w.problem("CFG-UNFIT", status.Warning, "", "The gateway does not run as it is configured.")
			w.host.Config.Unfit = []config.Fault{{File: "/srv/p.toml", Line: 3, Column: 1, Text: "the folder /data cannot be written: permission denied", Hint: "let the service's user write there: sudo chown portti: /data; until it can, readings wait"}}
		}, Fail, "The folder /data cannot be written", "sudo chown portti: /data"},
		{"C01", "the gateway goes on with the old one", func(w *world) {
			w.devices("/dev/ttyUSB0")
			w.problem("CFG-TAKEN-BACK", status.Warning, "", "The changed configuration was taken back.")
		}, Warn, "taken back", ""},

		{"C01", "no device", func(w *world) { w.service(""); w.config("") }, Warn, "No device is configured", "sudo portti discover --add"},
		{"C01", "no device, told by the gateway", func(w *world) {
			w.config("")
			w.problem("CFG-NO-DEVICE", status.Warning, "", "No device is configured, so nothing is read.")
		}, Warn, "so nothing is read", ""},

		{"C02", "in order", func(w *world) { w.devices("/dev/ttyUSB0") }, Pass, "1 file", ""},
		{"C02", "no configuration", none, Skip, "C01", ""},
		{"C02", "everybody may write", func(w *world) { w.devices("/dev/ttyUSB0"); w.mode("/srv/portti/portti.toml", 0o666) }, Fail, "may change the configuration", "sudo chmod 644 /srv/portti/portti.toml"},
		{"C02", "everybody may add", func(w *world) {
			w.devices("/dev/ttyUSB0")
			w.file("/srv/portti/conf.d/1.toml", "")
			w.mode("/srv/portti/conf.d", 0o777)
		}, Fail, "put files into the folder", "sudo chmod 755 /srv/portti/conf.d"},
		{"C02", "a key in it", func(w *world) {
			w.config("[[device]]\nname = \"t\"\ntype = \"ble-bridge\"\nport = \"/dev/ttyUSB0\"\nid = \"XXXX03BLE00000001\"\nkeys = {\"A4:C1:38:8D:18:B2\" = \"00112233445566778899aabbccddeeff\"}\n")
		}, Warn, "holds a secret", "sudo chmod 640 /srv/portti/portti.toml"},
		{"C02", "token", func(w *world) {
			w.config("token_file = \"/srv/portti/token\"\n")
			w.file("/srv/portti/token", "x")
		}, Warn, "read this secret", "sudo chmod 640 /srv/portti/token"},
		{"C02", "token that the service would lose", func(w *world) {
			w.service("dialout")
			w.config("token_file = \"/srv/portti/token\"\n")
			w.file("/srv/portti/token", "x")
		}, Warn, "read this secret", "sudo chgrp portti /srv/portti/token && sudo chmod 640 /srv/portti/token"},

		{"C03", "in order", func(w *world) { w.usb("ttyUSB0", "1-1", "0403", "A1"); w.devices("/dev/ttyUSB0", "/dev/ttyUSB1") }, Pass, "1 device at", ""},
		{"C03", "no configuration", none, Skip, "C01", ""},
		{"C03", "two names of one port", func(w *world) {
			w.usb("ttyUSB0", "1-1", "0403", "A1")
			w.devices("/dev/ttyUSB0", "/dev/serial/by-id/usb-FTDI_A1-if00-port0")
		}, Fail, "d1 and d2 are both at /dev/ttyUSB0", "sudo portti discover"},

		{"C04", "in order", func(w *world) {
			w.usb("ttyUSB0", "1-1", "0403", "A1")
			w.devices("/dev/serial/by-id/usb-FTDI_A1-if00-port0", "/dev/ttyAMA0")
		}, Pass, "in order", ""},
		{"C04", "no configuration", none, Skip, "C01", ""},
		{"C04", "a number", func(w *world) { w.usb("ttyUSB0", "1-1", "0403", "A1"); w.devices("/dev/ttyUSB0") }, Warn, "goes by a number", "sudo portti -c /srv/portti/portti.toml reload"},
		{"C04", "a number of what is not there", func(w *world) { w.devices("/dev/ttyACM3") }, Warn, "goes by a number", "sudo portti discover"},

		{"C05", "in order", none, Pass, "in order", ""},
		{"C05", "only here", func(w *world) { w.service("dialout"); w.host.Environ = []string{"PORTTI_LOG__LEVEL=debug"} }, Warn, "not so for the service", "unset PORTTI_LOG__LEVEL"},
		{"C05", "used here", func(w *world) { w.host.Environ = []string{"PORTTI_LOG__LEVEL=debug", "HOME=/"} }, Pass, "1 in this shell", ""},
		{"C05", "mistyped here", func(w *world) { w.host.Environ = []string{"PORTTI_LOG__LEVLE=debug"} }, Fail, "no setting has this name", "unset PORTTI_LOG__LEVLE"},
		{"C05", "mistyped for the service", func(w *world) {
			w.service("dialout")
			w.file("/etc/systemd/system/portti.service.d/1.conf", "[Service]\nEnvironment=PORTTI_LOG__LEVLE=debug\n")
		}, Fail, "does not start with it", "systemctl cat portti"},
	})
}

// TestAdviceIsToBePasted: the line to write, and where.
func TestAdviceIsToBePasted(t *testing.T) {
	w := newWorld(t)
	w.usb("ttyUSB0", "1-1", "0403", "A50285BI")
	w.devices("/dev/ttyUSB0")
	if got := w.look("C04")[0].Actions[0]; got != `Write in /srv/portti/portti.toml:7, instead of port: port = "/dev/serial/by-id/usb-FTDI_A50285BI-if00-port0"` {
		t.Error(got)
	}
}

// TestModesAreMended: the fix does what the advice says, and the check passes then.
func TestModesAreMended(t *testing.T) {
	w := newWorld(t)
	w.devices("/dev/ttyUSB0")
	w.mode("/srv/portti/portti.toml", 0o666)
	found := w.look("C02")[0]
	if found.Fix == nil || found.Fix.Undo != "sudo chmod 666 /srv/portti/portti.toml" {
		t.Fatalf("%+v", found)
	}
	if err := found.Fix.Do(t.Context(), w.host); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(w.host.below("/srv/portti/portti.toml"))
	if err != nil || info.Mode().Perm() != 0o644 || w.look("C02")[0].Verdict != Pass {
		t.Errorf("%v %v %+v", info.Mode(), err, w.look("C02"))
	}
}

func TestManyMistakesAreCut(t *testing.T) {
	w := newWorld(t)
	w.config(strings.Repeat("[[device]]\nname = \"a\"\ntype = \"gpss\"\n", 1) + "x = 1\ny = 2\nz = 3\nu = 4\nv = 5\nw = 6\n")
	got := w.look("C01")
	if last := got[len(got)-1]; len(got) != 6 || !strings.Contains(last.Finding, "more mistakes") {
		t.Errorf("%d: %+v", len(got), last)
	}
}

// TestFixesFollowNoLink: the service's user may write where its token lies, and root mends
// there. Another file keeps its mode, whether the link was there before or came meanwhile.
func TestFixesFollowNoLink(t *testing.T) {
	w := newWorld(t)
	w.config("token_file = \"/srv/portti/token\"\n")
	w.file("/srv/portti/token", "x")
	w.file("/srv/else", "theirs")
	w.mode("/srv/else", 0o644)
	found := w.look("C02")[0]
	if found.Fix == nil {
		t.Fatalf("%+v", found)
	}
	token, other := w.host.below("/srv/portti/token"), w.host.below("/srv/else")
	if err := os.Remove(token); err != nil {
		t.Fatal(err)
	}
	kept := func(what string) {
		t.Helper()
		if err := found.Fix.Do(t.Context(), w.host); err == nil {
			t.Errorf("%s: the fix says that it worked", what)
		}
		if info, err := os.Stat(other); err != nil || info.Mode().Perm() != 0o644 {
			t.Errorf("%s: the other file has %v, %v", what, info.Mode(), err)
		}
	}
	if err := os.Symlink(other, token); err != nil {
		t.Fatal(err)
	}
	kept("a symbolic link")
	if again := w.look("C02")[0]; again.Verdict == Pass || again.Fix != nil {
		t.Errorf("through a link: %+v", again)
	}
	if err := os.Remove(token); err != nil {
		t.Fatal(err)
	}
	if err := os.Link(other, token); err != nil {
		t.Fatal(err)
	}
	kept("a hard link")
}
