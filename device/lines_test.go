package device

import (
	"encoding/json"
	"io"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

const tuid = "XXXX03PNL00000001"

// script is a Port that plays chunks, each after its pause, and then ends.
type script struct {
	chunks   []chunk
	deadline time.Time
}

type chunk struct {
	after time.Duration
	data  string
}

func (s *script) Read(p []byte) (int, error) {
	if len(s.chunks) == 0 {
		return 0, io.EOF
	}
	c := &s.chunks[0]
	if left := time.Until(s.deadline); !s.deadline.IsZero() && left < c.after {
		time.Sleep(left)
		c.after -= max(left, 0)
		return 0, os.ErrDeadlineExceeded
	}
	time.Sleep(c.after)
	c.after = 0
	n := copy(p, c.data)
	if c.data = c.data[n:]; c.data == "" {
		s.chunks = s.chunks[1:]
	}
	return n, nil
}
func (s *script) Write(p []byte) (int, error)       { return len(p), nil }
func (s *script) SetReadDeadline(t time.Time) error { s.deadline = t; return nil }

// readLines runs the driver over text as if it came after a pause.
func readLines(t testing.TB, c LinesOptions, text string) *collect {
	t.Helper()
	out := &collect{}
	l := newLines(t, Config{ID: tuid, Options: &c})
	runLines(l, out, text)
	return out
}

func newLines(t testing.TB, c Config) *lines {
	t.Helper()
	d, err := linesKind().New(c, Env{})
	if err != nil {
		t.Fatal(err)
	}
	return d.(*lines)
}

// runLines gives the driver an end of line first, so that nothing is in doubt.
func runLines(l *lines, out Out, text string) {
	_ = l.Run(&script{chunks: []chunk{{0, "\n"}, {0, text}}}, out)
}

// payload is the messages without the header, which is the same in all.
func payload(c *collect) string {
	text := c.String()
	for _, cut := range []string{`,"tsmEv":10`, `,"tsmTuid":"` + tuid + `"`, `"tsmId":`} {
		text = strings.ReplaceAll(text, cut, "")
	}
	return strings.ReplaceAll(text, "\n", " ")
}

func TestLinesMessages(t *testing.T) {
	separate := LinesOptions{}
	keep := LinesOptions{Extra: "keep"}
	drop := LinesOptions{Extra: "drop"}
	for _, row := range []struct {
		name string
		c    LinesOptions
		line string
		want string
		bad  int
	}{
		{"json", separate, `{"temp":21.50,"humd":40}`, `{12100,"temp":21.50,"humd":40}`, 0},
		{"pairs", separate, `temp=21.50 humd=40`, `{12100,"temp":21.50,"humd":40}`, 0},
		{"pairs by comma", separate, `temp=21.50,humd=40`, `{12100,"temp":21.50,"humd":40}`, 0},
		{"pairs by semicolon and tab", separate, "temp=21.50;\thumd=40;", `{12100,"temp":21.50,"humd":40}`, 0},
		{"pairs with blanks", separate, `temp = 21.50 , humd= 40`, `{12100,"temp":21.50,"humd":40}`, 0},
		{"quoted pairs", separate, `temp="21.50" humd='40'`, `{12100,"temp":21.50,"humd":40}`, 0},
		{"quoted numbers", separate, `{"temp":"21.50","x":"7"}`, `{12100,"temp":21.50} {90200,"x":7}`, 0},
		{"label", separate, `node1: temp=3`, `{12100,"temp":3}`, 0},
		{"every message", separate, `{"temp":1,"batl":2,"carbonDioxide":3,"tvoc":4,"dist":5,"hall":1,"moveCount":7,"x":8}`,
			`{12100,"temp":1} {1110,"batl":2} {24100,"carbonDioxide":3,"status":0} {24101,"tvoc":4} {17100,"dist":5} {12101,"hall":1} {13100,"moveCount":7} {90200,"x":8}`, 0},
		{"companions", separate, `{"chrg":1,"batl":2,"status":1,"carbonDioxide":3}`, `{1110,"batl":2,"chrg":1} {24100,"carbonDioxide":3,"status":1}`, 0},
		{"companions alone", separate, `{"chrg":1,"status":1}`, `{90200,"chrg":1,"status":1}`, 0},
		{"booleans", separate, `{"hall":true,"open":false}`, `{12101,"hall":1} {90200,"open":0}`, 0},
		{"booleans in pairs", separate, `hall=true open=false`, `{12101,"hall":1} {90200,"open":0}`, 0},
		{"null and nothing", separate, `{"temp":null,"humd":4}`, `{12100,"humd":4}`, 0},
		{"no value", separate, `temp= humd=4 batl=`, `{12100,"humd":4}`, 0},
		{"text dropped", separate, `{"name":"kitchen","temp":4}`, `{12100,"temp":4}`, 0},
		{"text kept", keep, `{"name":"kitchen","temp":4,"v":"7"}`, `{12100,"temp":4,"name":"kitchen","v":"7"}`, 0},
		{"extra kept in one", keep, `x=1 temp=4`, `{12100,"temp":4,"x":1}`, 0},
		{"extra kept next to several", keep, `x=1 temp=4 batl=5`, `{12100,"temp":4} {1110,"batl":5} {90200,"x":1}`, 0},
		{"extra alone kept", keep, `x=1 name=bob`, `{90200,"x":1,"name":"bob"}`, 0},
		{"extra dropped", drop, `x=1 temp=4`, `{12100,"temp":4}`, 0},
		{"message", LinesOptions{Message: 17200}, `dist=5 status=0 temp=4`, `{17200,"dist":5,"status":0} {90200,"temp":4}`, 0},
		{"message and keep", LinesOptions{Message: 17200, Extra: "keep"}, `temp=4 dist=5`, `{17200,"dist":5,"temp":4}`, 0},
		{"unknown message", LinesOptions{Message: 91000}, `temp=4 x=5`, `{91000,"temp":4,"x":5}`, 0},
		{"generic message", LinesOptions{Message: 90200}, `temp=4 x=5`, `{90200,"temp":4,"x":5}`, 0},
		{"text by definition", LinesOptions{Message: 1100}, `{"swVersion":"1.2","modelCode":7}`, `{1100,"swVersion":"1.2","modelCode":"7"}`, 0},
		{"map", LinesOptions{Map: map[string]string{"t": "temp", "rh": "humd"}}, `t=1 rh=2`, `{12100,"temp":1,"humd":2}`, 0},
		{"scale", LinesOptions{Scale: map[string]float64{"temp": 0.1}}, `temp=213`, `{12100,"temp":21.3}`, 0},
		{"scale under both names", LinesOptions{Map: map[string]string{"t": "temp"}, Scale: map[string]float64{"temp": 10, "t": 0.1}}, `t=213`, `{12100,"temp":21.3}`, 0},
		{"hPa", LinesOptions{Scale: map[string]float64{"airp": 100}}, `airp=1013.25`, `{12100,"airp":101325}`, 0},
		{"offset", LinesOptions{Offset: map[string]float64{"temp": -273.15}}, `temp=300`, `{12100,"temp":26.85}`, 0},
		{"fahrenheit", LinesOptions{Scale: map[string]float64{"temp": 0.5}, Offset: map[string]float64{"temp": -16}}, `temp=70.5`, `{12100,"temp":19.25}`, 0},
		{"nested", separate, `{"a":{"b":1},"temp":4,"c":[1,2]}`, `{12100,"temp":4}`, 0},
		{"escaped key", separate, `{"te\u006dp":4}`, `{12100,"temp":4}`, 0},
		{"unit", separate, `temp=21.5C humd=4`, `{12100,"humd":4}`, 1},
		{"unit apart", separate, `temp=21.5 C humd=4`, `{12100,"humd":4}`, 1},
		{"decimal comma", separate, `temp=21,5;humd=4`, `{12100,"humd":4}`, 1},
		{"junk after quotes", separate, `temp="21.5"x humd=4`, `{12100,"humd":4}`, 1},
		{"nan", separate, `{"temp":"nan","humd":4}`, `{12100,"humd":4}`, 1},
		{"nan in pairs", separate, `temp=nan humd=4`, `{12100,"humd":4}`, 1},
		{"range", separate, `humd=101 temp=4`, `{12100,"temp":4}`, 1},
		{"range after scale", LinesOptions{Scale: map[string]float64{"humd": 100}}, `humd=0.5 temp=4`, `{12100,"humd":50,"temp":4}`, 0},
		{"below absolute zero", separate, `temp=-300 humd=4`, `{12100,"humd":4}`, 1},
		{"whole", separate, `hall=1.0`, `{12101,"hall":1}`, 0},
		{"not whole", separate, `hall=0.5 temp=4`, `{12100,"temp":4}`, 1},
		{"twice", separate, `{"temp":1,"temp":2}`, `{12100,"temp":1}`, 1},
		{"reserved", separate, `{"tsmId":1,"tsmTs":5,"temp":2}`, `{12100,"temp":2}`, 2},
		{"bad key", separate, `te"mp=1 humd=4`, `{12100,"humd":4}`, 1},
		{"huge", separate, `{"temp":1e999,"humd":4}`, `{12100,"humd":4}`, 1},
		{"many digits", separate, `x=1234567890123456789012.50`, `{90200,"x":1234567890123456789012.50}`, 0},
		{"exponent", separate, `{"x":1.50e3}`, `{90200,"x":1.50e3}`, 0},
		{"exponent scaled", LinesOptions{Scale: map[string]float64{"x": 0.1}}, `{"x":1.50e3}`, `{90200,"x":150}`, 0},
		{"overflow scaled", LinesOptions{Scale: map[string]float64{"x": 1000}}, `x=123456789012345678`, `{90200,"x":1.2345678901234568e+20}`, 0},
		{"broken object", separate, `{"temp":1,"humd":`, ``, 1},
		{"two objects", separate, `{"temp":1}{"humd":2}`, `{12100,"temp":1} {12100,"humd":2}`, 0},
		{"two objects apart", separate, `{"temp":1} {"humd":2} `, `{12100,"temp":1} {12100,"humd":2}`, 0},
		{"an object and half of one", separate, `{"temp":1}{"humd":`, `{12100,"temp":1}`, 1},
		{"the end of an object that was nested", separate, `{"b":1},"temp":2}`, ``, 1},
		{"an object and something else", separate, `{"temp":1} ok`, ``, 1},
		{"an object and the end of a C string", separate, "{\"temp\":1}\x00", `{12100,"temp":1}`, 0},
		{"no pairs", separate, `booting ...`, ``, 1},
		{"csv", separate, `1,2,3`, ``, 1},
		{"binary", separate, "temp=1\x01", ``, 1},
		{"high bytes", separate, "\xf3\xf4\xf5\xf6temp=1", ``, 1},
		{"comment", separate, `# temp=1`, ``, 0},
		{"empty object", separate, `{}`, ``, 0},
		{"exponent that may be hexadecimal", separate, `x=12E4 y=1e3 humd=4 z=1e+3 v=1.0E3`, `{12100,"humd":4} {90200,"z":1e+3,"v":1.0E3}`, 2},
	} {
		got := readLines(t, row.c, row.line+"\r\n")
		if payload(got) != row.want || got.bad() != row.bad {
			t.Errorf("%s: %s\n got %s and %d bad %v\nwant %s and %d bad", row.name, row.line, payload(got), got.bad(), got.frames, row.want, row.bad)
		}
		for _, m := range got.messages {
			if !json.Valid([]byte(m)) {
				t.Errorf("%s: not JSON: %s", row.name, m)
			}
		}
	}
}

// TestLinesPhysics: what a name alone says of a value holds in every message.
func TestLinesPhysics(t *testing.T) {
	for _, c := range []LinesOptions{{}, {Message: 90200}, {Message: 91000}, {Extra: "keep"}} {
		got := readLines(t, c, "temp=3276.7\nhumd=-1\nhumd=101\nbatl=255\nlat=91 lon=181\nairp=1e+9\ncarbonDioxide=-1\ntemp=-273.16\n")
		if len(got.messages) != 0 || got.frames[Range] != 9 {
			t.Errorf("%+v: %v, %v", c, got.messages, got.frames)
		}
	}
	if got := readLines(t, LinesOptions{Message: 91000}, "temp=3000 humd=100 lat=-90 rssi=-61 level=-5\n"); got.bad() != 0 {
		t.Errorf("%v", got.frames)
	}
}

func TestLinesFrames(t *testing.T) {
	got := readLines(t, LinesOptions{}, "temp=1\n\r\n  \n#c\n{\"a\":{}}\nnoise\ntemp=2\rtemp=3\nhumd=200\n")
	// The refused field makes one bad frame, its line an unknown one.
	if want := [Results]int{OK: 3, Unknown: 3, Malformed: 1, Range: 1}; got.frames != want {
		t.Errorf("frames %v, want %v", got.frames, want)
	}
}

// TestLinesKeysOfTheLineBefore: the short cut must not take one key for
// another that looks like it before its escapes are resolved.
func TestLinesKeysOfTheLineBefore(t *testing.T) {
	got := readLines(t, LinesOptions{}, `{"a\\u0062":1}
{"a\u0062":2}
{"ab":3}
{"ab":4}
{"b":5,"ab":6}
`)
	eq(t, "keys", payload(got), `{90200,"ab":2} {90200,"ab":3} {90200,"ab":4} {90200,"b":5,"ab":6}`)
	if got.frames[Malformed] != 1 { // a backslash cannot be in a name
		t.Errorf("%v", got.frames)
	}
}

func TestLinesIdentity(t *testing.T) {
	run := func(c Config, text string) *collect {
		out := &collect{}
		runLines(newLines(t, c), out, text)
		return out
	}
	both := Config{ID: "DEV", Options: &LinesOptions{IDField: "id"}}
	got := run(both, "id=A1 temp=1\n{\"temp\":2,\"id\":\"B2\"}\n{\"id\":77,\"temp\":3}\ntemp=4\nid=\"a b\" temp=5\n")
	eq(t, "identities", got.String(), `{"tsmId":12100,"tsmEv":10,"tsmTuid":"A1","temp":1}
{"tsmId":12100,"tsmEv":10,"tsmTuid":"B2","temp":2}
{"tsmId":12100,"tsmEv":10,"tsmTuid":"77","temp":3}
{"tsmId":12100,"tsmEv":10,"temp":4}`)
	if got.frames[Malformed] != 1 {
		t.Errorf("a line of nobody: %v", got.frames)
	}
	only := Config{Options: &LinesOptions{IDField: "id"}}
	if got := run(only, "temp=4\n{\"\":1,\"id\":\"X\"}\n"); got.frames[Malformed] != 2 || len(got.messages) != 0 {
		t.Errorf("no identity at all: %v %v", got.frames, got.messages)
	}
}

func TestLinesTime(t *testing.T) {
	c := LinesOptions{TimeField: "ts"}
	got := readLines(t, c, `ts=1700000000.1239 temp=1
{"ts":"2023-11-14T22:13:20.5Z","temp":2}
{"ts":"2023-11-15 00:13:20+02:00","temp":3}
{"ts":"yesterday","temp":4}
{"ts":-5,"temp":5}
temp=6
`)
	want := []int64{1700000000123, 1700000000500, 1700000000000, 0, 0, 0}
	for i, w := range want {
		if i >= len(got.times) || got.times[i] != w {
			t.Errorf("times %v, want %v", got.times, want)
			break
		}
	}
	if got.frames[Malformed] != 2 || got.frames[OK] != 6 {
		t.Errorf("frames %v", got.frames)
	}
}

func TestLinesTooLong(t *testing.T) { synctest.Test(t, linesTooLong) }

func linesTooLong(t *testing.T) {
	for _, size := range []int{linesMax + 1, 1 << 20} {
		long := "x=1 " + strings.Repeat("temp=1 ", size/7) + strings.Repeat("z", 8)
		got := readLines(t, LinesOptions{}, "temp=1\n"+long+"\ntemp=2\n")
		if got.frames[TooLong] != 1 || payload(got) != `{12100,"temp":1} {12100,"temp":2}` {
			t.Errorf("%d bytes: %v %s", size, got.frames, payload(got))
		}
	}
	fits := "temp=1 " + strings.Repeat("#", 64-len("temp=1 ")-len(" humd=2")) + " humd=2"
	out := &collect{}
	runLines(newLines(t, Config{ID: tuid, MaxLine: 64}), out, fits+"\n"+fits+"2\n")
	if out.frames[TooLong] != 1 || payload(out) != `{12100,"humd":2}` {
		t.Errorf("at the limit: %v %s", out.frames, payload(out))
	}
}

func TestLinesHalfLines(t *testing.T) {
	const quiet, stale = linesQuiet, linesStale
	for _, row := range []struct {
		name   string
		chunks []chunk
		want   string
		frames [Results]int
	}{
		{"begins in mid-line", []chunk{{0, "1.5 humd=4\ntemp=2\n"}}, `{12100,"temp":2}`, [Results]int{OK: 1, Unknown: 1}},
		{"begins with a line like the next", []chunk{{0, "temp=1 humd=4\ntemp=2 humd=4\n"}}, `{12100,"temp":1,"humd":4} {12100,"temp":2,"humd":4}`, [Results]int{OK: 2}},
		{"begins with a line and is quiet", []chunk{{0, "foo=1\n"}, {stale + 1, "temp=2\n"}}, `{90200,"foo":1} {12100,"temp":2}`, [Results]int{OK: 2}},
		{"begins with a line that ends with CR LF and is quiet", []chunk{{0, "foo=1\r\n"}, {stale + 1, "temp=2\r\n"}}, `{90200,"foo":1} {12100,"temp":2}`, [Results]int{OK: 2}},
		{"begins with a line like one much later", []chunk{{0, "temp=1\n"}, {time.Hour, "temp=2\n"}}, `{12100,"temp":1} {12100,"temp":2}`, [Results]int{OK: 2}},
		{"begins with a line, then the port ends", []chunk{{0, "temp=1\n"}}, ``, [Results]int{Unknown: 1}},
		{"half, silence, the rest, silence", []chunk{{quiet, "te"}, {stale, "mp=5\n"}, {2 * stale, "humd=3\n"}}, `{12100,"humd":3}`, [Results]int{OK: 1, Malformed: 1, Unknown: 1}},
		{"begins with an object", []chunk{{0, `{"temp":1}` + "\n"}}, `{12100,"temp":1}`, [Results]int{OK: 1}},
		{"begins within an object", []chunk{{0, `{"b":1}}` + "\n"}}, ``, [Results]int{Unknown: 1}},
		{"begins after a pause", []chunk{{quiet, "temp=1\n"}}, `{12100,"temp":1}`, [Results]int{OK: 1}},
		{"one byte at a time", []chunk{{quiet, "t"}, {1, "emp="}, {1, "2"}, {1, "1"}, {1, "\r"}, {1, "\n"}}, `{12100,"temp":21}`, [Results]int{OK: 1}},
		{"half, silence, the rest", []chunk{{quiet, "temp=2"}, {stale, "1.5 humd=4\ntemp=3\n"}}, `{12100,"temp":3}`, [Results]int{OK: 1, Malformed: 1, Unknown: 1}},
		{"half, silence, an object", []chunk{{quiet, "temp=2"}, {stale, `{"temp":4}` + "\n"}}, `{12100,"temp":4}`, [Results]int{OK: 1, Malformed: 1}},
		{"half, silence, the rest, an object without an end of line", []chunk{{quiet, "temp=2"}, {stale, "1.5 humd=4\n"}, {quiet, `{"temp":4}`}, {quiet + 1, "\n"}}, `{12100,"temp":4}`, [Results]int{OK: 1, Malformed: 1, Unknown: 1}},
		{"late end of line", []chunk{{quiet, "temp=2"}, {stale, "\r\ntemp=3"}, {stale, "\n"}}, `{12100,"temp":2} {12100,"temp":3}`, [Results]int{OK: 2}},
		{"slow but not stale", []chunk{{quiet, "temp=2"}, {stale - 1, "1\n"}}, `{12100,"temp":21}`, [Results]int{OK: 1}},
		{"end without an end of line", []chunk{{quiet, "temp=2"}}, ``, [Results]int{Malformed: 1}},
		{"end in doubt", []chunk{{0, "emp=2"}}, ``, [Results]int{Unknown: 1}},
		{"end of half an object", []chunk{{0, "\n{\"temp\":2"}}, ``, [Results]int{Malformed: 1}},
		{"end of an object without an end of line", []chunk{{0, "\n{\"temp\":2} "}}, `{12100,"temp":2}`, [Results]int{OK: 1}},
		{"an object without an end of line", []chunk{{quiet, `{"temp":2}`}, {quiet + 1, "\r\n"}}, `{12100,"temp":2}`, [Results]int{OK: 1}},
		{"objects without any end of line", []chunk{{quiet, `{"temp":2}{"temp":3} {"te`}, {1, `mp":4}`}, {1, `{"temp":5}`}}, `{12100,"temp":2} {12100,"temp":3} {12100,"temp":4} {12100,"temp":5}`, [Results]int{OK: 4}},
		{"the end of one that was nested", []chunk{{0, `{"b":1}`}, {1, `}{"temp":2}`}, {1, "\n"}}, ``, [Results]int{Unknown: 1}},
		{"end of a line too long", []chunk{{0, "\n" + strings.Repeat("x", linesMax+1)}}, ``, [Results]int{TooLong: 1}},
	} {
		synctest.Test(t, func(t *testing.T) {
			out := &collect{}
			_ = newLines(t, Config{ID: tuid}).Run(&script{chunks: row.chunks}, out)
			if payload(out) != row.want || out.frames != row.frames {
				t.Errorf("%s: %s %v, want %s %v", row.name, payload(out), out.frames, row.want, row.frames)
			}
		})
	}
}

// TestLinesObjectsAtOnce: where no end of line ever comes, each object leaves when
// the next one begins, or after a moment of silence, and the line never gets too long.
func TestLinesObjectsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const object = `{"temp":21.5,"humd":40}`
		chunks := []chunk{{linesQuiet, object}}
		for range 3 * linesMax / len(object) {
			chunks = append(chunks, chunk{time.Second, object})
		}
		begun := time.Now()
		out := &gpsTimes{start: begun}
		_ = newLines(t, Config{ID: tuid}).Run(&script{chunks: chunks}, out)
		if len(out.at) != len(chunks) || out.framed != len(chunks) {
			t.Fatalf("%d readings of %d objects, %d frames", len(out.at), len(chunks), out.framed)
		}
		for i, at := range out.at[:len(out.at)-1] {
			if want := 2*linesQuiet + time.Duration(i)*time.Second; at != want {
				t.Fatalf("object %d left after %v, want %v", i, at, want)
			}
		}
	})
}

func TestLinesDoesNotAllocate(t *testing.T) {
	for name, line := range benchLines() {
		l := newLines(t, Config{ID: tuid, Options: &LinesOptions{
			IDField: "id", TimeField: "ts", Map: map[string]string{"t": "temp"}, Scale: map[string]float64{"rh": 0.1}, Offset: map[string]float64{"temp": 0.5},
		}})
		out := &nothing{}
		l.out = out
		data := []byte(line)
		l.read(data)
		if n := testing.AllocsPerRun(100, func() { l.read(data) }); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
		if out.emitted == 0 {
			t.Errorf("%s: nothing came out", name)
		}
	}
}

func benchLines() map[string]string {
	return map[string]string{
		"json":  `{"ts":1700000000.123,"id":"XXXX03PNL00000007","t":21.50,"humd":40.2,"airp":101325,"lght":120,"batl":97}`,
		"pairs": `ts=2023-11-14T22:13:20.5Z id=XXXX03PNL00000007 t=+21.50 humd=40.2 airp=101325 lght=.5 batl=97`,
		"scale": `{"t":-213,"rh":402,"x":true,"name":"kitchen"}`,
	}
}

func BenchmarkLines(b *testing.B) {
	for name, line := range benchLines() {
		b.Run(name, func(b *testing.B) {
			l := newLines(b, Config{ID: tuid, Options: &LinesOptions{IDField: "id", TimeField: "ts", Map: map[string]string{"t": "temp"}}})
			l.out = &nothing{}
			data := []byte(line)
			b.ReportAllocs()
			b.SetBytes(int64(len(data)))
			for b.Loop() {
				l.read(data)
			}
		})
	}
}

func FuzzLines(f *testing.F) {
	for _, line := range benchLines() {
		f.Add(line+"\n", byte(0))
	}
	f.Add("temp=1,5 humd=4\r\n{\"temp\":\"x\"}\n", byte(1))
	f.Add("t=1e400 a='b\" c==d =\n", byte(7))
	f.Fuzz(func(t *testing.T, text string, option byte) {
		if len(text) > 128 { // minimising an input takes quadratic time
			return
		}
		c := LinesOptions{Map: map[string]string{"t": "temp"}, Scale: map[string]float64{"t": 0.1}, Offset: map[string]float64{"humd": 1e-9}}
		c.Extra = []string{"separate", "keep", "drop"}[int(option)%3]
		if option&8 != 0 {
			c.Message = 12100
		}
		if option&16 != 0 {
			c.IDField, c.TimeField = "id", "ts"
		}
		for _, m := range readLines(t, c, text).messages {
			if !json.Valid([]byte(m)) {
				t.Errorf("not JSON: %s", m)
			}
		}
	})
}
