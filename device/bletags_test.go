package device

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"portti/cross/testkit"
	"portti/device/adv"
	"portti/device/thingsee"
)

// tagOut keeps what came out, and the flags.
type tagOut struct {
	bleOut
	flags map[string]bool
}

func (o *tagOut) Flag(code string, on bool) {
	if o.flags == nil {
		o.flags = map[string]bool{}
	}
	o.flags[code] = on
}

// tagRig is a bleTags with a clock of its own.
type tagRig struct {
	*bleTags
	t   *testing.T
	now int64
	out tagOut
}

func newTagRig(t *testing.T, o TagOptions, expect string) *tagRig {
	t.Helper()
	b, err := newBLETags(o, Config{ID: "XXXX03BLE00000001", ExpectEvery: expect}, Env{Gateway: "XXXX00GTW00000001", Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	r := &tagRig{bleTags: b, t: t, now: 1000}
	b.now = func() int64 { return r.now }
	return r
}

// say hands a line over after a pause, and gives what it was and its messages.
func (r *tagRig) say(wait int64, line string) (Result, string) {
	r.t.Helper()
	r.now += wait
	flags := r.out.flags
	r.out = tagOut{flags: flags}
	r.take([]byte(line), &r.out)
	for result, n := range r.out.frames {
		if n > 0 {
			return Result(result), strings.Join(r.out.messages, "\n")
		}
	}
	r.t.Fatalf("%s was not counted", line)
	return 0, ""
}

// The advertisement of bthome.io, encrypted with its key, counter 1122867.
const (
	sealedMAC  = "54:48:E6:8F:80:A5"
	sealedKey  = "231d39c1d7cc1ab1aee224cd096db932"
	sealedLine = `{"mac":"54:48:E6:8F:80:A5","adv":"0201061216D2FC41E445F3C9962B332211006C7C4519"}`
	openLine   = `{"mac":"54:48:E6:8F:80:A5","adv":"0201060A16D2FC4002C40903BF13"}`
)

func TestTagsWithKeys(t *testing.T) {
	r := newTagRig(t, TagOptions{Keys: map[string]string{sealedMAC: sealedKey}}, "")
	for i, c := range []struct {
		line    string
		want    Result
		sent    string
		refused string
	}{
		{sealedLine, OK, `"temp":25.06,"humd":50.55`, ""},
		{sealedLine, OK, "", ""}, // heard twice
		{openLine, Malformed, "", "not encrypted"},
		{`{"mac":"54:48:E6:8F:80:A5","tempc":99}`, Unknown, "", "not encrypted"}, // a bridge's word is in the clear as well
		{strings.Replace(sealedLine, "4519", "4518", 1), Checksum, "", "another key"},
		{`{"mac":"A4:C1:38:00:00:01","adv":"0201060A16D2FC4002C40903BF13"}`, OK, `"temp":25,"humd":50.55`, "another key"},
	} {
		got, sent := r.say(0, c.line)
		r.tell(&r.out)
		if got != c.want || c.sent == "" && sent != "" || !strings.Contains(sent, c.sent) {
			t.Errorf("step %d: %v, %s", i, got, sent)
		}
		if r.out.flags[codeRefused] != (c.refused != "") || !strings.Contains(r.out.detail, c.refused) {
			t.Errorf("step %d: %v, %q", i, r.out.flags, r.out.detail)
		}
	}
	r.now += bleTrouble
	if r.tell(&r.out); r.out.flags[codeRefused] || strings.Contains(r.out.detail, "refused") {
		t.Errorf("not taken back: %q", r.out.detail)
	}
	// Whoever leaves the address out is not the tag.
	k := newTagRig(t, TagOptions{Keys: map[string]string{"CB:B8:33:4C:88:4F": sealedKey}}, "")
	if got, sent := k.say(0, `{"adv":"0201061BFF99040512FC5394C37C0004FFFC040CAC364200CECBB8334C884F"}`); got != Malformed || sent != "" {
		t.Errorf("without address: %v, %s", got, sent)
	}
}

func TestTagWithoutItsKey(t *testing.T) {
	r := newTagRig(t, TagOptions{Tags: map[string]string{sealedMAC: "XXXX03TAG00000001"}}, "")
	if got, sent := r.say(0, sealedLine); got != Unknown || sent != "" {
		t.Errorf("%v, %s", got, sent)
	}
	r.tell(&r.out)
	if !r.out.flags[codeLocked] || !strings.Contains(r.out.detail, "without a key: XXXX03TAG00000001") {
		t.Errorf("%v, %q", r.out.flags, r.out.detail)
	}
	other := newTagRig(t, TagOptions{}, "")
	if got, _ := other.say(0, sealedLine); got != Unknown || other.out.flags[codeLocked] {
		t.Error("a neighbour's tag is a problem of ours")
	}
}

func TestTagKeysFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys")
	write := func(text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("# our tags\n\n54:48:E6:8F:80:A5 = \"" + sealedKey + "\" # the cellar\nA4C138000001\t" + strings.ToUpper(sealedKey) + "\n")
	r := newTagRig(t, TagOptions{KeysFile: path}, "")
	if _, sent := r.say(0, sealedLine); !strings.Contains(sent, `"temp":25.06`) || len(r.known) != 2 {
		t.Errorf("%s, %d keys", sent, len(r.known))
	}
	for text, line := range map[string]string{
		"54:48:E6:8F:80:A5\n":                                       "line 1",
		"\n54:48:E6:8F:80 " + sealedKey + "\n":                      "line 2",
		"54:48:E6:8F:80:A5 " + sealedKey[1:] + "\n":                 "line 1",
		"54:48:E6:8F:80:A5 " + sealedKey + " more\n":                "line 1",
		"A4C138000001 " + sealedKey + "\nA4C138000001 " + sealedKey: "line 2",
		"#\n#" + strings.Repeat("-", 1<<17):                         "line 2",
	} {
		write(text)
		_, err := TagOptions{KeysFile: path}.check(false)
		var key *KeyError
		if !errors.As(err, &key) || key.Key != "keys_file" || !strings.Contains(err.Error(), line) || strings.Contains(err.Error(), sealedKey[1:]) {
			t.Errorf("%q: %v", text, err)
		}
	}
	pipe := path + "-pipe"
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	waited := make(chan error, 1)
	go func() { _, err := TagOptions{KeysFile: pipe}.check(true); waited <- err }()
	if err := testkit.Receive(t, "a pipe is refused", waited); err == nil || !strings.Contains(err.Error(), "is no file of") {
		t.Error("a pipe:", err)
	}
	o := TagOptions{KeysFile: path + "-missing"}
	if _, err := o.check(false); err != nil {
		t.Errorf("on another machine: %v", err)
	}
	if _, err := o.check(true); err == nil {
		t.Error("a missing file is none")
	}
}

func TestTagOptionsRefused(t *testing.T) {
	for key, o := range map[string]TagOptions{
		"rssi_floor": {RSSIFloor: 1}, "tag_interval": {TagInterval: "soon"}, "only_tags": {OnlyTags: true},
		"keys.A4:C1": {Keys: map[string]string{"A4:C1": sealedKey}}, "keys.a4c138000001": {Keys: map[string]string{"a4c138000001": "12"}},
	} {
		_, err := o.check(true)
		var wrong *KeyError
		if !errors.As(err, &wrong) || wrong.Key != key {
			t.Errorf("%s: %v", key, err)
		}
	}
	_, err := TagOptions{Keys: map[string]string{"A4C138000001": sealedKey, "A4:C1:38:00:00:01": sealedKey}}.check(true)
	if err == nil || strings.Contains(err.Error(), sealedKey) {
		t.Errorf("twice: %v", err)
	}
	_, err = TagOptions{Keys: map[string]string{sealedKey: "A4:C1:38:00:00:01"}}.check(true)
	if err == nil || strings.Contains(err.Error(), sealedKey) || !strings.Contains(err.Error(), "changed places") {
		t.Errorf("swapped: %v", err)
	}
}

// TestTagFloorAndInterval: what is faint is not taken; each kind of reading of a
// tag comes once in the interval.
func TestTagFloorAndInterval(t *testing.T) {
	r := newTagRig(t, TagOptions{RSSIFloor: -90, TagInterval: "1m"}, "")
	line := func(rssi int, objects string) string {
		return fmt.Sprintf(`{"mac":"A4:C1:38:00:00:01","rssi":%d,"adv":"%02X16D2FC40%s"}`, rssi, 4+len(objects)/2, objects)
	}
	for i, c := range []struct {
		wait int64
		line string
		want Result
		sent string
	}{
		{0, line(-91, "02C409"), Unknown, ""},
		{0, line(-90, "02C409"), OK, `"temp":25}`},
		{20_000, line(-60, "02C509"), OK, ""},
		{0, line(-60, "0161"), OK, `"batl":97}`}, // of another kind
		{20_000, line(-60, "02C609"), OK, ""},
		{20_000, line(-60, "02C709"), OK, `"temp":25.03}`},
	} {
		got, sent := r.say(c.wait, c.line)
		if got != c.want || (sent == "") != (c.sent == "") || !strings.Contains(sent, c.sent) {
			t.Errorf("step %d: %v, %s", i, got, sent)
		}
	}
}

// TestTagIntervalKeepsChanges: a door that closes within the interval is not kept back, since
// it may say so once only.
func TestTagIntervalKeepsChanges(t *testing.T) {
	r := newTagRig(t, TagOptions{TagInterval: "1h"}, "")
	for i, c := range []struct{ objects, sent string }{
		{"00011A0002C409", `"temp":25}`}, {"00021A0102C509", `"door":1}`}, {"00031A0102C609", ""}, {"00041A0002C609", `"door":0}`}, {"00051A0002C709", ""},
		{"00063A01", `"button":1}`}, {"00063A01", ""}, {"00073A01", `"button":1}`}, // pressed again
	} {
		_, sent := r.say(5_000, fmt.Sprintf(`{"mac":"A4:C1:38:00:00:01","adv":"%02X16D2FC40%s"}`, 4+len(c.objects)/2, c.objects))
		if (sent == "") != (c.sent == "") || !strings.Contains(sent, c.sent) {
			t.Errorf("step %d: %s", i, sent)
		}
	}
}

// TestTagKindsAreComparedApart: two frames in turn, each always the same, are
// nothing new after the first of each.
func TestTagKindsAreComparedApart(t *testing.T) {
	r := newTagRig(t, TagOptions{}, "")
	count := 0
	for range 5 {
		for _, frame := range []string{"0616D2FC400161", "0716D2FC4002C409", "0616D2FC402E32"} {
			_, sent := r.say(100, `{"mac":"A4:C1:38:00:00:01","adv":"`+frame+`"}`)
			count += strings.Count(sent, "tsmId")
		}
	}
	if count != 3 {
		t.Errorf("%d messages, want 3", count)
	}
	// A packet's number decides, where there is one.
	for i, c := range []struct{ packet, want int }{{1, 1}, {1, 0}, {2, 1}, {2, 0}, {1, 1}} {
		_, sent := r.say(60_000, fmt.Sprintf(`{"mac":"A4:C1:38:00:00:02","adv":"0916D2FC4000%02X02C409"}`, c.packet))
		if got := strings.Count(sent, "tsmId"); got != c.want {
			t.Errorf("step %d: %d messages, want %d", i, got, c.want)
		}
	}
}

// TestRuuviTwins: of one device's two formats the one that says more is taken.
func TestRuuviTwins(t *testing.T) {
	const (
		e1  = `{"mac":"CB:B8:33:4C:88:4F","adv":"2BFF9904E1170C5668C79E0065007004BD11CA00C90A0213E0AC000000DECD%02X010000000000CBB8334C884F"}`
		df6 = `{"mac":"CB:B8:33:4C:88:4F","adv":"17FF990406170C5668C79E007000C90501D900%02X004C884F"}`
	)
	r := newTagRig(t, TagOptions{}, "")
	for i, c := range []struct {
		wait   int64
		line   string
		number int
		sent   bool
	}{
		{0, df6, 1, true}, {100, e1, 1, false}, {1000, df6, 2, false}, {0, e1, 2, true}, {1000, e1, 3, true}, {0, df6, 3, false}, {bleTwin, df6, 9, true},
	} {
		if _, sent := r.say(c.wait, fmt.Sprintf(c.line, c.number)); strings.Contains(sent, "tsmId") != c.sent {
			t.Errorf("step %d: %s", i, sent)
		}
	}
}

func TestTagIsMissed(t *testing.T) {
	r := newTagRig(t, TagOptions{Tags: map[string]string{"A4:C1:38:00:00:01": "XXXX03TAG00000001", "A4:C1:38:00:00:02": "XXXX03TAG00000002"}}, "10s")
	const one, two = `{"mac":"A4:C1:38:00:00:01","tempc":%d}`, `{"mac":"A4:C1:38:00:00:02","tempc":%d}`
	r.say(0, fmt.Sprintf(one, 1))
	for i, c := range []struct {
		wait    int64
		line    string
		missing string
	}{
		{29_000, one, ""}, {6_000, one, "not heard: XXXX03TAG00000002"}, {6_000, two, ""}, {40_000, `{"type":"heartbeat"}`, "not heard: XXXX03TAG00000001, XXXX03TAG00000002"},
	} {
		line := c.line
		if strings.Contains(line, "%d") {
			line = fmt.Sprintf(line, i)
		}
		r.say(c.wait, line)
		if r.out.flags[codeUnheard] != (c.missing != "") || !strings.Contains(r.out.detail, c.missing) {
			t.Errorf("step %d: %v, %q", i, r.out.flags, r.out.detail)
		}
	}
	if got := few([]string{"a", "b", "c", "d", "e"}, ", "); got != "a, b, c and 2 more" {
		t.Error(got)
	}
}

// TestTagsOfBridges: raw data with a UUID beside it, the name in another line, the
// probes of a bridge's own decoding, and beacons.
func TestTagsOfBridges(t *testing.T) {
	r := newTagRig(t, TagOptions{Tags: map[string]string{"A4:C1:38:00:00:09": "XXXX03TAG00000009"}}, "")
	for _, c := range []struct {
		line string
		want Result
		sent []string
	}{
		{`{"id":"A4:C1:38:00:00:01","servicedatauuid":"0xfcd2","servicedata":"4002c40902c509"}`, OK, []string{`"temp":25}`, `"temp2":25.01}`}},
		{`{"id":"A4:C1:38:00:00:02","servicedatauuid":"0000fcd2-0000-1000-8000-00805f9b34fb","servicedata":"4002c409"}`, OK, []string{`"temp":25}`}},
		{`{"id":"A4:C1:38:00:00:03","servicedata":"4002c409","tempc":19}`, OK, []string{`"temp":19}`}},
		{`{"id":"A4:C1:38:00:00:04","tempc":19,"tempc2":20,"moi":12,"fer":99,"packet":7}`, OK, []string{`"temp":19}`, `"moisture":12,"conductivity":99,"temp2":20}`}},
		{`{"id":"A4:C1:38:00:00:04","tempc":19,"tempc2":20,"moi":12,"fer":99,"packet":7}`, OK, nil},
		{`{"id":"A4:C1:38:00:00:05","manufacturerdata":"4c000215000102030405060708090a0b0c0d0e0f00010002c5"}`, Unknown, nil},
		{`{"id":"A4:C1:38:00:00:09","manufacturerdata":"4c000215000102030405060708090a0b0c0d0e0f00010002c5"}`, OK, []string{`"major":1,"minor":2,"measuredPower":-59,"uuid":"000102030405060708090a0b0c0d0e0f"`}},
		{`{"id":"A4:C1:38:00:00:09","name":"GVH5102_1234","manufacturerdata":"ffff00"}`, OK, nil},
		{`{"id":"A4:C1:38:00:00:09","manufacturerdata":"0100010103590e64"}`, OK, []string{`"temp":21.9,"humd":40.6`, `"batl":100`}},
		{`{"id":"A4:C1:38:00:00:06","manufacturerdata":"0100010103590e64"}`, Unknown, nil},
		{`{"id":"A4:C1:38:00:00:07","manufacturerdata":"99040300FF6400008001800180010000","tempc":19}`, OK, []string{`"temp":19}`}}, // not what Ruuvi sends
		{`{"id":"A4:C1:38:00:00:08","manufacturerdata":"99040300FF6400008001800180010000"}`, Malformed, nil},
	} {
		got, sent := r.say(0, c.line)
		if got != c.want || len(c.sent) == 0 && sent != "" {
			t.Errorf("%s: %v, %s", c.line, got, sent)
		}
		for _, want := range c.sent {
			if !strings.Contains(sent, want) {
				t.Errorf("%s: %s\nwant %s", c.line, sent, want)
			}
		}
	}
}

// TestTagFlood: ten thousand strangers between one advertisement of a tag of the
// list and the next cost it nothing, and no memory.
func TestTagFlood(t *testing.T) {
	for _, only := range []bool{false, true} {
		tags := map[string]string{}
		for i := range 20 {
			tags[fmt.Sprintf("C464E3%06X", i)] = fmt.Sprintf("XXXX03TAG%08d", i)
		}
		r := newTagRig(t, TagOptions{Tags: tags, OnlyTags: only}, "10m")
		random := rand.New(rand.NewPCG(5, 6))
		out := &floodOut{ours: map[string]int{}}
		rounds := 5
		if raceDetector {
			rounds = 2
		}
		flood := func(round int) {
			for i := range 10_000 {
				r.now += int64(i % 2)
				r.take(fmt.Appendf(nil, `{"mac":"%012X","rssi":-70,"adv":"0716D2FC4002%04X"}`, random.Uint64()>>16|0xC00000000000, i), out)
				if i%500 == 0 {
					r.take(fmt.Appendf(nil, `{"mac":"C464E3%06X","rssi":-70,"adv":"0716D2FC4002%02X09"}`, i/500, round), out)
				}
			}
		}
		flood(0)
		before := inUse()
		for round := range rounds {
			flood(round + 1)
		}
		// Kept, they would take 20 MB.
		if grown := int64(inUse()) - int64(before); grown > 4<<20 {
			t.Errorf("only_tags %v: %d bytes more are in use after %d strangers", only, grown, rounds*10_000)
		}
		if len(r.heard.tags) > bleHeard || len(r.named) > 100 {
			t.Errorf("%d tags are kept", len(r.heard.tags))
		}
		for address, tuid := range tags {
			if n := out.ours[tuid]; n != rounds+1 {
				t.Errorf("only_tags %v: %s was sent %d times of %d", only, address, n, rounds+1)
			}
		}
		if strangers := out.others > 0; strangers == only {
			t.Errorf("only_tags %v: %d readings of strangers", only, out.others)
		}
	}
}

func inUse() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// floodOut counts the temperatures of each tag of the list.
type floodOut struct {
	ours   map[string]int
	others int
}

func (o *floodOut) Emit(m *thingsee.Message) {
	switch {
	case m.ID != thingsee.WeatherInfo:
	case strings.HasPrefix(m.Tuid, "XXXX03TAG"):
		o.ours[m.Tuid]++
	default:
		o.others++
	}
}
func (o *floodOut) Frame(Result)  {}
func (o *floodOut) Detail(string) {}

func TestTagsNoAllocations(t *testing.T) {
	r := newTagRig(t, TagOptions{Tags: map[string]string{"A4:C1:38:00:00:01": "XXXX03TAG00000001"}, Keys: map[string]string{sealedMAC: sealedKey}}, "10m")
	out := &bleNull{}
	lines := [][]byte{[]byte(sealedLine), []byte(openLine), []byte(`{"mac":"A4:C1:38:00:00:01","name":"GVH5102_1234","rssi":-60,"adv":"0916D2FC4002C40902C509"}`)}
	one := func() {
		for _, line := range lines {
			r.take(line, out)
		}
		r.known[0].forms[0].used = false // so that it is new each time
	}
	one()
	if n := testing.AllocsPerRun(100, one); n != 0 || out.count < 200 {
		t.Errorf("%v allocations for %d lines, want 0; %d messages", n, len(lines), out.count)
	}
}

// TestProblemsOfTags: each flag is one of those that the kind explains.
func TestProblemsOfTags(t *testing.T) {
	for _, p := range bleProblems() {
		if p.Code != codeBLESilent && !strings.Contains(p.Sentence, "{detail}") {
			t.Errorf("%s does not name the tag", p.Code)
		}
	}
	for _, o := range []adv.Outcome{adv.Replayed, adv.Exposed, adv.WrongKey, adv.Broken} {
		if refusals(o) == "" {
			t.Errorf("outcome %d has no words", o)
		}
	}
}

// quietPort gives its lines at once, and waits then; it fails after an hour.
type quietPort struct {
	blePort
	began, until time.Time
}

func (p *quietPort) SetReadDeadline(t time.Time) error { p.until = t; return nil }

func (p *quietPort) Read(b []byte) (int, error) {
	if len(p.in) > 0 {
		return p.blePort.Read(b)
	}
	end := p.began.Add(time.Hour)
	if p.until.IsZero() || p.until.After(end) {
		time.Sleep(time.Until(end))
		return 0, io.EOF
	}
	time.Sleep(time.Until(p.until))
	return 0, os.ErrDeadlineExceeded
}

// TestTagsMissedInSilence: that a tag of the list is not heard shows though no line
// comes at all, and what the scan says of itself stays.
func TestTagsMissedInSilence(t *testing.T) {
	tag := TagOptions{Tags: map[string]string{sealedMAC: "CELLAR"}}
	for name, c := range map[string]struct {
		kind   Kind
		option any
		in     string
		detail string
		missed bool
	}{
		"bridge":               {bleBridgeKind(), &BridgeOptions{TagOptions: tag}, "", "0 tags heard; not heard: CELLAR", true},
		"dongle":               {bleBridgeKind(), &BridgeOptions{TagOptions: tag, Dialect: bleuioDialect}, "", "0 tags heard; not heard: CELLAR", true},
		"scan":                 {bleKind(), &BLEOptions{TagOptions: tag}, "", "0 tags heard; not heard: CELLAR", true},
		"scan that has halted": {bleKind(), &BLEOptions{TagOptions: tag}, "{\"note\":\"stalled\",\"seconds\":90}\n", "0 tags heard; not heard: CELLAR; nothing heard for 90 s, whatever was done", true},
		"no tag is expected":   {bleBridgeKind(), &BridgeOptions{}, "", "", false},
	} {
		synctest.Test(t, func(t *testing.T) {
			d, err := c.kind.New(Config{Name: "tags", ID: "XXXX03BLE00000001", ExpectEvery: "1m", Options: c.option}, Env{Gateway: "XXXX00GTW00000001"})
			if err != nil {
				t.Fatal(err)
			}
			out := &tagOut{flags: map[string]bool{}}
			_ = d.Run(&quietPort{blePort: blePort{in: []byte(c.in), piece: 99}, began: time.Now()}, out)
			if out.detail != c.detail || out.flags[codeUnheard] != c.missed {
				t.Errorf("%s: %q, %v", name, out.detail, out.flags)
			}
		})
	}
}
