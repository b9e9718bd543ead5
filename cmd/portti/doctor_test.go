package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"portti/cmd/portti/console"
	"portti/cmd/portti/doctor"
)

// findings are some results as a check gives them.
func findings(t *testing.T) []doctor.Result {
	return doctor.Examine(t.Context(), &doctor.Host{UID: 1000}, []doctor.Check{
		{ID: "C11", Family: "HW", Title: "ports are there", Run: func(_ context.Context, _ *doctor.Host, r *doctor.Report) {
			r.Fail("pump-temp", "The adapter of pump-temp is not at /dev/ttyUSB0 any more, but there is one at /dev/ttyUSB1 that no device has.",
				`If it is that one, write in /etc/portti/conf.d/10-devices.toml:7: port = "/dev/serial/by-id/usb-FTDI_FT232R_USB_UART_A50285BI-if00-port0"`, "Then: `sudo portti reload`")
		}},
		{ID: "C27", Family: "BUF", Title: "room on the disk", Run: func(_ context.Context, _ *doctor.Host, r *doctor.Report) {
			r.Warn("/var/lib/portti", "The card is 91 % full…", "Make room, which is best begun with the journal: `sudo journalctl --vacuum-size=50M && sudo apt-get clean`, and look again")
		}},
		{ID: "C10", Title: "holders", Run: func(_ context.Context, _ *doctor.Host, r *doctor.Report) { r.WantRoot("only root sees it") }},
		{ID: "C14", Title: "log", Run: func(_ context.Context, _ *doctor.Host, r *doctor.Report) { r.WantRoot("only root sees it") }},
		{ID: "C03", Title: "a port for each device", Run: func(_ context.Context, _ *doctor.Host, r *doctor.Report) { r.Pass("2 devices") }},
	})
}

func TestDoctorIsReadable(t *testing.T) {
	all := findings(t)
	for name, c := range map[string]struct {
		o    console.Options
		want string
	}{
		"80 columns": {console.Options{Width: 80, Verbose: true}, `portti doctor: 5 checks, 1 failed, 1 warning, 2 skipped (not root: run with sudo for these)

✗ C11  The adapter of pump-temp is not at /dev/ttyUSB0 any more, but there is
       one at /dev/ttyUSB1 that no device has.
       → If it is that one, write in /etc/portti/conf.d/10-devices.toml:7: port
         = "/dev/serial/by-id/usb-FTDI_FT232R_USB_UART_A50285BI-if00-port0"
       → Then: sudo portti reload
▲ C27  /var/lib/portti: The card is 91 % full…
       → Make room, which is best begun with the journal:
         sudo journalctl --vacuum-size=50M && sudo apt-get clean, and look again

○ Not looked at: C10 C14, since only root sees it.

● C03  a port for each device: 2 devices
`},
		"a phone, ASCII, quiet": {console.Options{Width: 44, ASCII: true, Quiet: true, Verbose: true}, `X C11  The adapter of pump-temp is not at
       /dev/ttyUSB0 any more, but there is
       one at /dev/ttyUSB1 that no device
       has.
       -> If it is that one, write in
          /etc/portti/conf.d/10-devices.toml:7:
          port =
          "/dev/serial/by-id/usb-FTDI_FT232R_USB_UART_A50285BI-if00-port0"
       -> Then: sudo portti reload
! C27  /var/lib/portti: The card is 91 %
       full~
       -> Make room, which is best begun
          with the journal:
          sudo journalctl --vacuum-size=50M && sudo apt-get clean,
          and look again
`},
	} {
		if got := prescription(diagnosisOf(5, all), all, c.o); got != c.want {
			t.Errorf("%s: got\n%s\nwanted\n%s", name, got, c.want)
		}
	}
	if got := prescription(diagnosisOf(5, all), all, console.Options{Colour: true}); !strings.Contains(got, "\x1b[31m✗\x1b[0m C11") {
		t.Errorf("no colour: %q", got)
	}
	if got := prescription(diagnosisOf(50, nil), nil, console.Options{}); got != "portti doctor: 50 checks, 0 failed, 0 warnings\n" {
		t.Errorf("a healthy machine: %q", got)
	}
}

// atDoctor is a configuration in a folder of its own, and portti doctor with it.
func atDoctor(t *testing.T) (file string, ask func(args ...string) (code int, out, errs string)) {
	dir := t.TempDir()
	file = filepath.Join(dir, "portti.toml")
	text := "[[device]]\nname = \"gps\"\ntype = \"gps\"\nport = \"" + dir + "/gps\"\nid = \"XXXX03GPS00000001\"\n[paths]\nstate = \"" + dir + "/state\"\nrun = \"" + dir + "/run\"\n[uplink]\nurl = \"wss://gw.acme.fi/ws\"\nauth = \"none\"\n"
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(file, 0o666); err != nil {
		t.Fatal(err)
	}
	return file, func(args ...string) (int, string, string) {
		var out, errs bytes.Buffer
		code := runOn(t.Context(), os.DirFS(dir), append([]string{"doctor", "-c", file}, args...), strings.NewReader(""), &out, &errs)
		return code, out.String(), errs.String()
	}
}

func TestDoctor(t *testing.T) {
	file, ask := atDoctor(t)
	for _, c := range []struct {
		args string
		code int
		says string // on either stream
	}{
		{"--only C01,c03", exitOK, "portti doctor: 2 checks, 0 failed, 0 warnings\n"},
		{"--only C02", exitFailed, "sudo chmod 644 " + file},
		{"--only C02 --plain", exitFailed, "fail\tC02\tCFG\t" + file + "\tEverybody may change the configuration.\tsudo chmod 644 " + file + "\n"},
		{"--only C02 --quiet", exitFailed, "C02"},
		{"--only GPS --verbose", exitOK, "Not looked at: C18 C19 C20, since the gateway does not run."},
		{"--only C99", exitUsage, `no family "C99"; portti doctor --list has them`},
		{"--list --only CLK", exitOK, "C23  CLK  clock synchronised\nC24  CLK  clock plausible\nC25  CLK  battery clock\n"},
		{"--fix", exitUsage, "here is no terminal"},
		{"--yes", exitUsage, "--yes goes with --fix"},
		{"--fix --json", exitUsage, "no JSON"},
		{"--fix --yes --only C03", exitOK, "There is nothing that could be mended"},
		{"--fix --yes --only C02,C03", exitOK, "Done. To undo: sudo chmod 666 " + file + "\nLooked again: 1 check, 0 failed, 0 warnings\n"},
	} {
		code, out, errs := ask(strings.Fields(c.args)...)
		if code != c.code || !strings.Contains(out+errs, c.says) {
			t.Errorf("doctor %s: exit code %d, wanted %d with %q\n%s%s", c.args, code, c.code, c.says, out, errs)
		}
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o644 {
		t.Errorf("not mended: %v %v", info, err)
	}
}

func TestDoctorForPrograms(t *testing.T) {
	_, ask := atDoctor(t)
	code, out, _ := ask("--only", "C02,C19", "--json")
	var got struct {
		Schema, Checks, Failed, Warnings, Skipped int
		Results                                   []struct{ ID, Verdict, Sentence string }
	}
	if err := json.Unmarshal([]byte(out), &got); err != nil || code != exitFailed {
		t.Fatalf("%d %v\n%s", code, err, out)
	}
	if got.Schema != 1 || got.Checks != 2 || got.Failed != 1 || got.Skipped != 1 || len(got.Results) != 2 || got.Results[0].ID != "C02" || got.Results[0].Verdict != "fail" {
		t.Errorf("%+v", got)
	}
	if _, out, _ = ask("--list", "--json"); !strings.Contains(out, `"schema": 1`) || !strings.Contains(out, `"HW-CONSOLE"`) {
		t.Error(out)
	}
}

// TestFixesAreAskedFor: what nobody agrees to is not done.
func TestFixesAreAskedFor(t *testing.T) {
	for answers, want := range map[string]string{"\n": "", "n\n": "", "yes\ny\n": "ab", "y\nnever\n": "a", "Y\n": "a", "": ""} {
		done := ""
		check := func(id string) doctor.Check {
			return doctor.Check{ID: id, Run: func(_ context.Context, _ *doctor.Host, r *doctor.Report) {
				r.Fail("", "Broken.").Fix = &doctor.Fix{Does: "mend " + id, Undo: "break " + id, Do: func(context.Context, *doctor.Host) error { done += id; return nil }}
			}}
		}
		checks := []doctor.Check{check("a"), check("b")}
		cmd := doctorCmd(os.DirFS(t.TempDir()))
		var out bytes.Buffer
		cmd.SetIn(strings.NewReader(answers))
		cmd.SetOut(&out)
		cmd.SetContext(t.Context())
		h := &doctor.Host{}
		_, err := mend(cmd, h, checks, doctor.Examine(t.Context(), h, checks), false)
		if done != want {
			t.Errorf("%q: did %q, wanted %q (%v)\n%s", answers, done, want, err, &out)
		}
		if want == "a" && answers == "y\nnever\n" && !strings.Contains(out.String(), "a: mend a. Do it? [y/N] Done. To undo: break a\nb: mend b. Do it? [y/N] Left as it is.") {
			t.Error(out.String())
		}
	}
}
