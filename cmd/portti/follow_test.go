package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"portti/cmd/portti/testbed"
	"portti/cross/testkit"
	"portti/device/recording"
)

// bench is a configuration with two ports, one of them missing, and no server.
type bench struct {
	*testing.T
	dir, config string
	pty         *testbed.Pty
}

func newBench(t *testing.T) *bench {
	t.Helper()
	dir, err := os.MkdirTemp("", "eyes-") // short, for the socket's path
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	b := &bench{T: t, dir: dir, config: filepath.Join(dir, "portti.toml")}
	if b.pty, err = testbed.OpenPty(filepath.Join(dir, "tty"), 0); err != nil {
		t.Skipf("no pseudo-terminals here: %v", err)
	}
	t.Cleanup(func() { b.pty.Close() })
	text := fmt.Sprintf(`[gateway]
id = "XXXX00GTW00000001"
[paths]
state = "%[1]s/state"
run = "%[1]s/run"
[uplink]
url = "ws://127.0.0.1:9/"
auth = "none"
insecure = true
[metrics]
listen = ""
[web]
listen = ""
[[device]]
name = "panel"
type = "lines"
port = "%[1]s/tty"
id = "XXXX03PNL00000001"
map = { t = "temp" }
[[device]]
name = "gone"
type = "lines"
port = "%[1]s/tty-gone"
id = "XXXX03PNL00000002"
enabled = false
`, dir)
	if err := os.WriteFile(b.config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return b
}

func (b *bench) start(args ...string) *runningVerb {
	b.Helper()
	return startVerb(b.T, "", append([]string{"-c", b.config}, args...)...)
}

func (b *bench) say(text string) {
	b.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), testkit.Patience)
	defer cancel()
	if _, err := b.pty.Write(ctx, []byte(text)); err != nil {
		b.Fatal(err)
	}
}

// prints waits until a verb has printed text.
func (s *runningVerb) prints(t *testing.T, text string) {
	t.Helper()
	testkit.Eventually(t, "it prints "+text, func() bool { return strings.Contains(s.out.String(), text) }, s.out.String, s.err.String)
}

// daemon starts the gateway.
func (b *bench) daemon() *runningVerb {
	b.Helper()
	d := b.start("run")
	testkit.Eventually(b, "the gateway runs", func() bool {
		s := b.start("status", "--short")
		return testkit.Receive(b.T, "status ends", s.code) == exitOK
	}, d.err.String)
	return d
}

func TestTailWithoutADaemon(t *testing.T) {
	b := newBench(t)
	tail := b.start("tail", "panel", "--raw")
	tail.says(t, "portti is not running: reading the port here")
	tail.says(t, "panel is open")
	b.say("t=21.5\r\n")
	tail.prints(t, `  <  t=21.5\r\n`+"\n")
	b.say("\x1b[2J\x07half")
	tail.prints(t, `  <  \x1b[2J\ahalf`+"\n")
	b.say("\xb5\x62\x00\xff\x80\x81")
	tail.prints(t, "  <  b5 62 00 ff 80 81\n")
	if strings.ContainsAny(tail.out.String(), "\x1b\x07") {
		t.Error("what a device sends reaches the terminal as it is")
	}
	tail.cancel()
	tail.ends(t, exitOK)
}

func TestTestVerb(t *testing.T) {
	b := newBench(t)
	try := b.start("test", "panel", "--for", "0")
	b.say("t=21.5\r\nt=21.6 humd=140\r\n{broken\r\n")
	try.prints(t, `"temp":21.6`)
	try.says(t, "rejected: a value out of range\nrejected: malformed")
	try.cancel()
	try.ends(t, exitOK)
	try.says(t, "2 readings, 2 rejected (1 a value out of range, 1 malformed), 0 sent")

	try = b.start("test", "panel", "--for", "0", "--json")
	b.say("t=1\n")
	b.say("t=2\n")
	b.say("{broken\n")
	try.says(t, "malformed")
	try.cancel()
	try.ends(t, exitOK)
	var doc struct{ Readings, Rejected, Sent uint64 }
	if err := json.Unmarshal([]byte(try.out.String()), &doc); err != nil || doc.Readings == 0 || doc.Rejected != 1 || doc.Sent != 0 {
		t.Errorf("%v %s", err, try.out.String())
	}

	for _, c := range []struct {
		say, device, talk string
		code              int
	}{
		{"", "panel", "panel sent nothing: check the cable", exitFailed},
		{"what is this?\n", "panel", `14 bytes came from panel and no reading was in it; the last: what is this?`, exitFailed},
		{"", "gone", "cannot test gone: cannot open " + b.dir + "/tty-gone: no such device", exitFailed},
		{"", "pannel", `there is no device "pannel"; did you mean "panel"?`, exitUsage},
		{"", "x", `there is no device "x"; configured are panel, gone`, exitUsage},
	} {
		try := b.start("test", c.device, "--for", "300ms")
		if c.say != "" {
			try.says(t, "reading panel")
			b.say(c.say)
		}
		try.ends(t, c.code)
		try.says(t, c.talk)
	}
}

// The port is another program's: the verb says whose.
func TestTestNamesWhoHasThePort(t *testing.T) {
	b := newBench(t)
	other := b.start("tail", "panel")
	other.says(t, "panel is open")
	try := b.start("test", "panel", "--for", "5s")
	try.ends(t, exitFailed)
	try.says(t, "cannot test panel: cannot open")
	try.says(t, "in use by")
}

func TestVerbsAskTheDaemon(t *testing.T) {
	b := newBench(t)
	d := b.daemon()
	all, raw, try := b.start("tail"), b.start("tail", "panel", "--raw", "--json"), b.start("test", "panel", "--for", "0")
	for _, v := range []*runningVerb{all, raw} {
		testkit.Eventually(t, "it follows", func() bool { return strings.Contains(v.err.String()+v.out.String(), "open") })
	}
	try.says(t, "reading panel")
	testkit.Eventually(t, "three follow", func() bool {
		s := b.start("status", "--json")
		s.ends(t, exitOK)
		return strings.Contains(s.out.String(), `"followers": 3`)
	})
	b.say("t=21.5\r\n")
	all.prints(t, `  panel  =  {"tsmId":12100`)
	raw.prints(t, `"what":"in","text":"t=21.5\r\n","hex":"743d32312e350d0a"}`)
	try.prints(t, `"temp":21.5}`)
	if strings.Contains(raw.err.String()+try.err.String(), "not running") {
		t.Error("the daemon was not asked")
	}
	try.cancel()
	try.ends(t, exitOK)
	try.says(t, "1 reading, 0 rejected, 0 sent")

	missing := b.start("tail", "nobody")
	missing.ends(t, exitUsage)
	missing.says(t, `there is no device "nobody": the running gateway has panel`)
	// one that is configured and switched off can be tried all the same
	off := b.start("test", "gone", "--for", "1s")
	off.ends(t, exitFailed)
	off.says(t, "The running gateway does not have this device yet: reading the port here")
	off.says(t, "no such device")

	d.cancel()
	d.ends(t, exitOK)
	all.ends(t, exitFailed)
	all.says(t, "this device was ended or opened again by a reload, or the gateway stops: begin anew")
	raw.ends(t, exitFailed)
}

// What was sent while a recording was made is what a replay of it would send.
func TestRecordAndReplay(t *testing.T) {
	for _, name := range []string{"without a daemon", "through the daemon"} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			file := filepath.Join(b.dir, "panel.wire")
			var sent *runningVerb
			if name == "through the daemon" {
				b.daemon()
				sent = b.start("tail", "panel", "--json")
				sent.prints(t, "opened")
			}
			rec := b.start("record", "panel", "-o", file)
			rec.says(t, "recording panel to "+file)
			testkit.Eventually(t, "it records", func() bool {
				text, _ := os.ReadFile(file)
				return strings.Contains(string(text), " + ")
			})
			for i := range 30 {
				b.say(fmt.Sprintf("{\"t\":%d.5,\"humd\":40}\n", i))
			}
			b.say("{broken\n")
			testkit.Eventually(t, "all of it is recorded", func() bool {
				text, _ := os.ReadFile(file)
				return strings.Contains(string(text), "{broken")
			})
			rec.cancel()
			rec.ends(t, exitOK)
			rec.prints(t, "from the device")

			again := b.start("record", "panel", "-o", file)
			again.ends(t, exitFailed)
			again.says(t, "is there already and is not overwritten")

			play := b.start("replay", file, "--update")
			play.ends(t, exitOK)
			play.says(t, "30 readings, 1 rejected (1 malformed), 0 sent")
			if n := strings.Count(play.out.String(), `"temp":`); n != 30 {
				t.Errorf("%d messages:\n%s", n, play.out.String())
			}
			golden, err := os.ReadFile(filepath.Join(b.dir, "panel.records"))
			if want := play.out.String() + "# ok 30, unknown 0, checksum 0, too long 0, malformed 1, range 0\n"; err != nil || string(golden) != want {
				t.Errorf("%v:\n%s\nwant\n%s", err, golden, want)
			}
			if sent == nil {
				return
			}
			sent.prints(t, `"temp":29.5`)
			var messages strings.Builder
			for _, m := range regexp.MustCompile(`(?m)"message":(.*)}$`).FindAllStringSubmatch(sent.out.String(), -1) {
				messages.WriteString(m[1] + "\n")
			}
			if messages.String() != play.out.String() {
				t.Errorf("sent\n%sreplayed\n%s", messages.String(), play.out.String())
			}
		})
	}
}

func TestReplayOfOtherFiles(t *testing.T) {
	dir := t.TempDir()
	path := func(name, text string) string {
		p := filepath.Join(dir, name)
		if err := os.WriteFile(p, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return p
	}
	var b strings.Builder
	w, err := recording.NewWriter(&b, recording.Header{Type: "lines", Name: "p", Withheld: []string{"tag_keys"},
		Keys: map[string]json.RawMessage{"id": json.RawMessage(`"T1"`), "of_tomorrow": json.RawMessage("1")}})
	for range 3 {
		if err == nil {
			err = w.Write(recording.Record{What: recording.In, Data: []byte("temp=1\n")})
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	whole := b.String()
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{path("whole.wire", whole)}, exitOK, "3 readings of a time when the clock was not set"},
		{[]string{path("whole.wire", whole)}, exitOK, "Secret settings are not in a recording: tag_keys"},
		{[]string{path("whole.wire", whole)}, exitOK, "does not have these settings of the recording: of_tomorrow"},
		{[]string{path("cut.wire", whole[:len(whole)-3])}, exitOK, "was cut off"},
		{[]string{path("bad.wire", strings.Replace(whole, "temp=1", "temp=2", 1))}, exitOK, "line 2 of the recording is damaged: its checksum is wrong; it is left out"},
		{[]string{path("head.wire", strings.Replace(whole, "lines", "linez", 1))}, exitFailed, "cannot read the head of the recording"},
		{[]string{path("plain.txt", "temp=1\n")}, exitUsage, "say with --type which driver"},
		{[]string{path("two.txt", "temp=1\ntemp=2\n"), "--type", "lines"}, exitOK, "2 readings, 0 rejected, 0 sent"},
		{[]string{path("plain.txt", "temp=1\n"), "--type", "linse"}, exitFailed, "must be one of"},
		{[]string{path("whole.wire", whole), "--type", "gps"}, exitOK, "0 readings, "},
		{[]string{path("plain.bin", "\x59\x07\x60\x59\x08\x60"), "--type", path("sensor.toml", "frame = \"fixed\"\nsize = 3\nstart = \"59\"\nchecksum = \"sum8\"\n[field.dist]\noffset = 1\n")}, exitOK, "1 reading, 1 rejected (1 wrong checksum), 0 sent"},
		{[]string{path("half.bin", "\x59"), "--type", path("wrong.toml", "frame = \"fixed\"\n")}, exitFailed, "wrong.toml: size must be"},
		{[]string{"-", "--type", "lines"}, exitOK, "0 readings, 0 rejected, 0 sent"},
		{[]string{"-", "--update"}, exitUsage, "needs a file"},
		{[]string{"x", "--speed", "-1"}, exitUsage, "backwards"},
		{[]string{"/nowhere/x"}, exitFailed, "cannot read the recording"},
	} {
		s := startVerb(t, "", append([]string{"replay"}, c.args...)...)
		s.ends(t, c.code)
		if !strings.Contains(s.err.String(), c.says) {
			t.Errorf("%v: %s", c.args, s.err.String())
		}
	}
}

func TestWhatAMessageLacks(t *testing.T) {
	for message, want := range map[string]string{
		`{"tsmId":12100,"temp":1}`:                     "",
		`{"tsmId":24100,"carbonDioxide":1,"status":0}`: "",
		`{"tsmId":1110}`:                               "batl, which message 1110 (",
		`{"tsmId":12999,"temp":1}`:                     "12999 is no message of the catalogue",
		`{"tsmId":"x"}`:                                "",
		`no object`:                                    "",
	} {
		if _, got := lacking([]byte(message)); !strings.HasPrefix(got, want) || (want == "") != (got == "") {
			t.Errorf("%s: %q, want %q", message, got, want)
		}
	}
}

func TestReplayForPrograms(t *testing.T) {
	s := startVerb(t, "temp=1\ntemp=2\ntemp=x1\n", "replay", "-", "--type", "lines", "--json", "-q")
	s.ends(t, exitOK)
	var doc struct {
		Messages []struct{ Temp float64 }
		Readings int
	}
	if err := json.Unmarshal([]byte(s.out.String()), &doc); err != nil || doc.Readings != 2 || len(doc.Messages) != 2 || doc.Messages[1].Temp != 2 || s.err.String() != "" {
		t.Errorf("%v\n%s\n%s", err, s.out.String(), s.err.String())
	}
}

// What was recorded comes out of simulate byte for byte, and is read as it was.
func TestSimulatePlaysARecording(t *testing.T) {
	b := newBench(t)
	file, again := filepath.Join(b.dir, "panel.wire"), filepath.Join(b.dir, "again.wire")
	record := func(path string) *runningVerb {
		rec := b.start("record", "panel", "-o", path)
		testkit.Eventually(t, "it records", func() bool {
			text, _ := os.ReadFile(path)
			return strings.Contains(string(text), " + ")
		})
		return rec
	}
	bytesOf := func(path string) string {
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		r, err := recording.Read(f)
		if err != nil {
			t.Fatal(err)
		}
		var all strings.Builder
		for _, rec := range r.Records {
			if rec.What == recording.In {
				all.Write(rec.Data)
			}
		}
		return all.String()
	}
	rec := record(file)
	const said = "t=21.5\n\xff\x00\xfe\x01t=22\n"
	b.say(said)
	testkit.Eventually(t, "it is recorded", func() bool { return bytesOf(file) == said })
	rec.cancel()
	rec.ends(t, exitOK)
	b.pty.Close()

	play := startVerb(t, "", "simulate", "--play", file, "--link", filepath.Join(b.dir, "tty"), "--speed", "0")
	play.says(t, "is ready")
	rec = record(again)
	play.ends(t, exitOK)
	play.says(t, fmt.Sprintf("played %d bytes", len(said)))
	testkit.Eventually(t, "it is recorded again", func() bool { return bytesOf(again) == said })
	rec.cancel()
	rec.ends(t, exitOK)
	empty := startVerb(t, "portti recording 1 {", "simulate", "--play", "-")
	empty.ends(t, exitFailed)
	empty.says(t, "cannot play -: cannot read the head")
}
