package device

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"portti/cross/testkit"
	"portti/device/clock"
	"portti/device/thingsee"
	"portti/device/thingsee/thingseetest"
)

// blePort is a line that says in and then ends, in pieces of a given size.
type blePort struct {
	in    []byte
	piece int
	wrote bytes.Buffer
	fail  error // of Write
}

func (p *blePort) Read(b []byte) (int, error) {
	if len(p.in) == 0 {
		return 0, io.EOF
	}
	n := copy(b[:min(len(b), max(p.piece, 1))], p.in)
	p.in = p.in[n:]
	return n, nil
}

func (p *blePort) Write(b []byte) (int, error) {
	if p.fail != nil {
		return 0, p.fail
	}
	return p.wrote.Write(b)
}

func (p *blePort) SetReadDeadline(time.Time) error { return nil }

// bleOut keeps what came out as lines of text.
type bleOut struct {
	messages []string
	ids      map[int]int
	frames   [Results]int
	detail   string
}

func (o *bleOut) Emit(m *thingsee.Message) {
	o.messages = append(o.messages, string(m.Append(nil)))
	if o.ids == nil {
		o.ids = map[int]int{}
	}
	o.ids[m.ID]++
}
func (o *bleOut) Frame(r Result)     { o.frames[r]++ }
func (o *bleOut) Detail(text string) { o.detail = text }

func (o *bleOut) text(p *blePort) string {
	var b strings.Builder
	for _, m := range o.messages {
		b.WriteString(m + "\n")
	}
	f := o.frames
	fmt.Fprintf(&b, "ok %d, unknown %d, too long %d, malformed %d, range %d\n", f[OK], f[Unknown], f[TooLong], f[Malformed], f[Range])
	fmt.Fprintf(&b, "detail %q, wrote %q\n", o.detail, p.wrote.String())
	return b.String()
}

func bleConfig() Config {
	return Config{Name: "ble", Type: "ble-bridge", ID: "XXXX03BLE00000001",
		Options: &BridgeOptions{TagOptions: TagOptions{Tags: map[string]string{"C4:64:E3:00:00:01": "XXXX03TAG00000001"}}}}
}

func bleDriver(t testing.TB, c Config) *bleBridge {
	t.Helper()
	d, err := bleBridgeKind().New(c, Env{Gateway: "XXXX00GTW00000001", Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	b := d.(*bleBridge)
	b.tags.now = func() int64 { return 1000 }
	return b
}

func bleRun(t testing.TB, c Config, in []byte, piece int) (*bleOut, *blePort) {
	t.Helper()
	out, port := &bleOut{}, &blePort{in: in, piece: piece}
	if err := bleDriver(t, c).Run(port, out); !errors.Is(err, io.EOF) {
		t.Fatalf("Run ended with %v", err)
	}
	return out, port
}

func bleRecordings(t testing.TB) map[string][]byte {
	t.Helper()
	names, _ := filepath.Glob("testdata/ble-bridge/*.txt")
	if len(names) == 0 {
		t.Fatal("no recordings")
	}
	all := map[string][]byte{}
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all[name] = b
	}
	return all
}

// forget is as if nothing had been heard yet.
func (b *bleTags) forget() {
	b.heard, b.full = bleTable{}, false
	for i := range b.known {
		b.known[i].forms, b.known[i].spoke = [bleForms]bleForm{}, false
	}
}

func TestBLEBridgeGolden(t *testing.T) {
	for name, in := range bleRecordings(t) {
		t.Run(filepath.Base(name), func(t *testing.T) {
			out, port := bleRun(t, bleConfig(), in, 1024)
			got := out.text(port)
			testkit.Golden(t, strings.TrimSuffix(name, ".txt")+".golden", got)
			for _, m := range out.messages {
				r, err := thingseetest.Parse([]byte(m))
				if err != nil {
					t.Fatal(err)
				}
				for _, p := range thingseetest.Check(r) {
					if p.Place != "tsmTs" { // the stamp's work
						t.Errorf("%s in %s", p, m)
					}
				}
			}
			for _, piece := range []int{1, 7} {
				if again, port := bleRun(t, bleConfig(), in, piece); again.text(port) != got {
					t.Errorf("pieces of %d bytes give something else", piece)
				}
			}
		})
	}
}

// TestBLEBridgeSurvives cuts and corrupts every byte: nothing may crash, and
// nothing may come out that the catalogue would refuse.
func TestBLEBridgeSurvives(t *testing.T) {
	step := 1
	if testing.Short() || raceDetector {
		step = 7
	}
	tail := []byte("\r\n" + `{"mac":"D0:00:00:00:00:01","tempc":1}` + "\r\n")
	for name, in := range bleRecordings(t) {
		if strings.Contains(name, "noise") {
			continue // it is that already
		}
		t.Run(filepath.Base(name), func(t *testing.T) {
			b := bleDriver(t, bleConfig())
			whole, _ := bleRun(t, bleConfig(), in, 1024)
			for i := 0; i < len(in); i += step {
				for _, bad := range [][]byte{in[:i], append(append(bytes.Clone(in[:i]), in[i]^0x55), in[i+1:]...), append(bytes.Clone(in[:i]), in[i+1:]...)} {
					b.framer.buf, b.framer.over = b.framer.buf[:0], false
					b.tags.forget()
					out := &bleOut{}
					_ = b.Run(&blePort{in: append(bytes.Clone(bad), tail...), piece: 1024}, out)
					if n := len(out.messages); n == 0 || !strings.Contains(out.messages[n-1], `"tsmTuid":"XXXX0300000000001"`) {
						t.Fatalf("byte %d: the line after it was lost: %q", i, out.messages)
					}
					if len(out.messages) > len(whole.messages)+8 {
						t.Fatalf("byte %d: %d messages were made up", i, len(out.messages)-len(whole.messages))
					}
				}
			}
		})
	}
}

func TestBLEBridgeRepeats(t *testing.T) {
	c := bleConfig()
	b := bleDriver(t, c)
	now := int64(1000)
	b.tags.now = func() int64 { return now }
	const df5 = `{"mac":"CB:B8:33:4C:88:4F","manufacturerdata":"99040512fc5394c37c0004fffc040cac3642%scbb8334c884f"}`
	for i, step := range []struct {
		wait int64
		line string
		want int
	}{
		{0, fmt.Sprintf(df5, "00cd"), 3},
		{0, fmt.Sprintf(df5, "00cd"), 0},
		{100_000, fmt.Sprintf(df5, "00cd"), 0}, // an equal number is the same measurement for ever
		{0, fmt.Sprintf(df5, "00ce"), 3},
		{0, fmt.Sprintf(df5, "00cd"), 3}, // a restarted tag
		{0, fmt.Sprintf(df5, "ffff"), 3}, // no number: by its data
		{0, fmt.Sprintf(df5, "ffff"), 0},
		{bleRepeat, fmt.Sprintf(df5, "ffff"), 3},
		{0, `{"id":"A4:C1:38:00:00:01","tempc":20}`, 1},
		{0, `{"id":"A4:C1:38:00:00:02","tempc":20}`, 1}, // another tag
		{0, `{"id":"A4:C1:38:00:00:01","tempc":20,"rssi":-60}`, 0},
		{0, `{"id":"A4:C1:38:00:00:01","tempc":20.5,"rssi":-60}`, 2},
		{bleRepeat - 1, `{"id":"A4:C1:38:00:00:01","tempc":20.5,"rssi":-60}`, 0},
		{1, `{"id":"A4:C1:38:00:00:01","tempc":20.5,"rssi":-60}`, 2},
		{0, `{"id":"C4:64:E3:00:00:01","rssi":-60}`, 1}, // named, so its presence counts
		{0, `{"id":"C4:64:E3:00:00:01","rssi":-50}`, 0},
		{0, `{"id":"C4:64:E3:00:00:01","rssi":-50,"servicedata":"00"}`, 1},
	} {
		now += step.wait
		out := &bleOut{}
		_ = b.Run(&blePort{in: []byte(step.line + "\n"), piece: 999}, out)
		if len(out.messages) != step.want || out.frames[OK] != 1 {
			t.Errorf("step %d: %d messages, want %d: %q", i, len(out.messages), step.want, out.messages)
		}
	}
}

func TestBLEBridgeRemembers512Tags(t *testing.T) {
	b := bleDriver(t, bleConfig())
	say := func(i int) int {
		out := &bleOut{}
		_ = b.Run(&blePort{in: fmt.Appendf(nil, `{"mac":"A4C138%06X","tempc":20}`+"\n", i), piece: 999}, out)
		return len(out.messages)
	}
	for i := range bleHeard {
		if say(i) != 1 {
			t.Fatalf("tag %d was not heard", i)
		}
	}
	if say(0) != 0 || say(bleHeard) != 1 || say(0) != 0 || say(2) != 0 || say(1) != 1 {
		t.Error("not the tag unheard for longest made room")
	}
	if len(b.tags.heard.tags) != bleHeard {
		t.Errorf("%d tags are kept", len(b.tags.heard.tags))
	}
}

func TestBLEBridgeFraming(t *testing.T) {
	text := func(s string) *string { return &s }
	const line = `{"mac":"A4:C1:38:00:00:01","tempc":20}`
	for _, c := range []struct {
		name, in   string
		prefix     *string
		terminator string
		ok         int
		wrote      string
	}{
		{"as built", "00" + line + "\r00{\"type\":\"heartbeat\"}\r", nil, "", 2, "00{\"type\":\"heartbeat_ack\"}\r"},
		{"bare lines", line + "\n{ \"type\" : \"heartbeat\" }\n", nil, "", 2, "{\"type\":\"heartbeat_ack\"}\n"},
		{"own prefix", "BLE:" + line + "\nBLE:{\"type\":\"heartbeat\"}\n" + line + "\n00" + line + "\n", text("BLE:"), "", 2, "BLE:{\"type\":\"heartbeat_ack\"}\n"},
		{"no prefix", line + "\n00" + line + "\n", text(""), "", 1, ""},
		{"own terminator", "00" + line + "#\r\n00{\"type\":\"heartbeat\"}#\r\n", nil, "#\r\n", 2, "00{\"type\":\"heartbeat_ack\"}#\r\n"},
		{"terminator after a line too long", strings.Repeat("x", 5000) + "#\r\n" + line + "#\r\n", nil, "#\r\n", 1, ""},
		{"a heartbeat that is none", `{"type":"heartbeat_ack"}` + "\n" + `{"type":["heartbeat"]}` + "\n", nil, "", 0, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			conf := bleConfig()
			own[BridgeOptions](&conf).Prefix, own[BridgeOptions](&conf).Terminator = c.prefix, c.terminator
			out, port := bleRun(t, conf, []byte(c.in), 3)
			if out.frames[OK] != c.ok || port.wrote.String() != c.wrote {
				t.Errorf("ok %d, want %d; wrote %q, want %q", out.frames[OK], c.ok, port.wrote.String(), c.wrote)
			}
		})
	}
}

func TestBLEBridgeLineLimit(t *testing.T) {
	for terminator, end := range map[string]string{"": "\n", "##": "##"} {
		for over, want := range []Result{OK, TooLong, TooLong} {
			c := bleConfig()
			c.MaxLine, own[BridgeOptions](&c).Terminator = 64, terminator
			line := `{"mac":"A4C138000001","tempc":20}`
			line += strings.Repeat(" ", c.MaxLine+over-len(line))
			out, _ := bleRun(t, c, []byte(line+end), 99)
			if out.frames[want] != 1 {
				t.Errorf("%d bytes of 64, terminator %q: %v", len(line), end, out.frames)
			}
		}
	}
}

func TestBLEBridgeAnswerFails(t *testing.T) {
	gone := errors.New("gone")
	err := bleDriver(t, bleConfig()).Run(&blePort{in: []byte(`{"type":"heartbeat"}` + "\n"), piece: 99, fail: gone}, &bleOut{})
	if !errors.Is(err, gone) || !strings.Contains(err.Error(), "heartbeat") {
		t.Errorf("Run ended with %v", err)
	}
}

func TestBLEBridgeOnlyTags(t *testing.T) {
	c := bleConfig()
	own[BridgeOptions](&c).OnlyTags = true
	out, _ := bleRun(t, c, []byte(`{"mac":"A4C138000001","tempc":20}`+"\n"+`{"mac":"c464e3000001","tempc":20}`+"\n"), 99)
	if len(out.messages) != 1 || !strings.Contains(out.messages[0], "XXXX03TAG00000001") || out.frames[Unknown] != 1 {
		t.Errorf("%q, %v", out.messages, out.frames)
	}
}

func TestBLEBridgeIdentity(t *testing.T) {
	for id, want := range map[string]string{"XXXX03BLE00000001": "XXXX034C138000001", "": "XXXX004C138000001", "AB": "AB4C138000001"} {
		c := bleConfig()
		c.ID = id
		out, _ := bleRun(t, c, []byte(`{"mac":"A4C138000001","tempc":20}`+"\n"), 99)
		if len(out.messages) != 1 || !strings.Contains(out.messages[0], `"tsmTuid":"`+want+`"`) {
			t.Errorf("device id %q: %q, want %s", id, out.messages, want)
		}
	}
}

func TestBLEBridgeOptions(t *testing.T) {
	prefix := "a{"
	c := bleConfig()
	c.ID, own[BridgeOptions](&c).Terminator, own[BridgeOptions](&c).Prefix = "a b", "123456789", &prefix
	own[BridgeOptions](&c).Tags = map[string]string{"A4:C1": "V", "A4:C1:38:00:00:01": "X", "A4:C1:38:00:00:03": "X", "a4c138000001": "Y", "A4:C1:38:00:00:02": "a b", "A4:C1:38:00:00-zz": "Z"}
	err := bleBridgeKind().check(c)
	var keys []string
	for line := range strings.Lines(err.Error()) {
		keys = append(keys, strings.Fields(line)[0])
	}
	want := []string{"id", "terminator", "prefix", "tags.A4:C1", "tags.A4:C1:38:00:00-zz", "tags.A4:C1:38:00:00:02", "tags.A4:C1:38:00:00:03", "tags.a4c138000001"}
	if !slices.Equal(keys, want) {
		t.Errorf("got %v\nwant %v", err, want)
	}
	c = bleConfig()
	own[BridgeOptions](&c).Tags, own[BridgeOptions](&c).OnlyTags = nil, true
	var key *KeyError
	if _, err := newBLEBridge(c, Env{}); !errors.As(err, &key) || key.Key != "only_tags" {
		t.Errorf("only_tags without tags: %v", err)
	}
	own[BridgeOptions](&c).OnlyTags, c.ID, prefix = false, "", ""
	if _, err := newBLEBridge(c, Env{}); err != nil {
		t.Error(err)
	}
}

func TestBLEBridgeCountsTimeByTheClock(t *testing.T) {
	fake := clock.Fake(clock.Now{Mono: 77}, time.Time{})
	d, err := newBLEBridge(bleConfig(), Env{Clock: fake})
	if err != nil {
		t.Fatal(err)
	}
	if got := d.(*bleBridge).tags.now(); got != 77 {
		t.Errorf("now is %d", got)
	}
}

// bleNull keeps nothing but the last message.
type bleNull struct {
	buf   []byte
	count int
}

func (o *bleNull) Emit(m *thingsee.Message) { o.buf = m.Append(o.buf[:0]); o.count++ }
func (o *bleNull) Frame(Result)             {}
func (o *bleNull) Detail(string)            {}

func TestBLEBridgeNoAllocations(t *testing.T) {
	b, out, port := bleDriver(t, bleConfig()), &bleNull{}, &blePort{}
	i := 0
	line := []byte(`{"id":"CB:B8:33:4C:88:4F","rssi":-61,"manufacturerdata":"99040512fc5394c37c0004fffc040cac364200cdcbb8334c884f"}`)
	at := bytes.Index(line, []byte("00cd")) // the number: another one each time, so that it is no repeat
	one := func() {
		i++
		line[at+3] = "cd"[i%2]
		if err := b.line(line, nil, port, out); err != nil {
			t.Error(err)
		}
	}
	one()
	if n := testing.AllocsPerRun(100, one); n != 0 || len(out.buf) == 0 || out.count < 4*100 {
		t.Errorf("%v allocations a line, want 0; %d messages", n, out.count)
	}
}

func FuzzBLEBridge(f *testing.F) {
	for name, in := range bleRecordings(f) {
		if strings.Contains(name, "noise") {
			continue // too big to be varied quickly
		}
		for line := range bytes.SplitAfterSeq(in, []byte("\n")) {
			f.Add(line)
		}
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		if len(in) > 256 { // minimising an input takes quadratic time
			return
		}
		out, _ := bleRun(t, bleConfig(), in, 64)
		for _, m := range out.messages {
			r, err := thingseetest.Parse([]byte(m))
			if err != nil {
				t.Fatalf("%s: %v", m, err)
			}
			for _, p := range thingseetest.Check(r) {
				if p.Place != "tsmTs" {
					t.Fatalf("%s in %s", p, m)
				}
			}
		}
	})
}

func BenchmarkBLEBridge(b *testing.B) {
	d, out, port := bleDriver(b, bleConfig()), &bleNull{}, &blePort{}
	line := []byte(`{"id":"CB:B8:33:4C:88:4F","rssi":-61,"manufacturerdata":"99040512fc5394c37c0004fffc040cac3642ffffcbb8334c884f"}`)
	var now int64
	d.tags.now = func() int64 { now += bleRepeat; return now }
	b.ReportAllocs()
	b.SetBytes(int64(len(line)))
	for b.Loop() {
		if err := d.line(line, nil, port, out); err != nil {
			b.Fatal(err)
		}
	}
}

// TestBLEBridgeHearsNoTag: a receiver that hears phones only, or a tag whose key is wrong, is
// no other kind of device; one that sends nothing is silent like any other.
func TestBLEBridgeHearsNoTag(t *testing.T) {
	keys := TagOptions{Keys: map[string]string{sealedMAC: "ffeeddccbbaa99887766554433221100"}}
	for line, code := range map[string]string{
		`{"mac":"60:87:57:4C:9B:C2","rssi":-78,"adv":"07FF4C0010020B00"}`: codeBLESilent,
		sealedLine:      codeBLESilent,
		"":              CodeSilent,
		`{"temp":21.5}`: CodeUnknown,
	} {
		synctest.Test(t, func(t *testing.T) {
			port := newFakeLine()
			w := watchOne(t, Config{Name: "b", Type: "ble-bridge", Port: "/dev/x", ID: "XXXX03BLE00000001", Options: &BridgeOptions{TagOptions: keys}}, always(port))
			defer w.stop()
			feed := func(seconds int) {
				for range seconds {
					if line != "" {
						port.feed <- line + "\n"
					}
					time.Sleep(time.Second)
				}
			}
			feed(170)
			if code != CodeUnknown {
				w.is("three minutes are not over", Silent, "")
			}
			feed(20)
			if s := w.set.Status()[0]; s.Code != code {
				t.Errorf("%s: %s, want %s", line, s.Code, code)
			}
		})
	}
}
