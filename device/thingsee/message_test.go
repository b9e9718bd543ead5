package thingsee

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"
)

func weather(m *Message) {
	m.Reset(12100, 10)
	m.Tuid, m.Gateway, m.Time = "TSEN01ABC12345678", "TSGW01ABC123456", 1520416221123
	m.Decimal("temp", 213, 1)
	m.Number("humd", []byte("40.50"))
	m.Int("lght", 270)
}

func TestAppend(t *testing.T) {
	var m Message
	weather(&m)
	want := `{"tsmId":12100,"tsmEv":10,"tsmTs":1520416221.123,"tsmTuid":"TSEN01ABC12345678","tsmGw":"TSGW01ABC123456","temp":21.3,"humd":40.50,"lght":270}`
	if got := string(m.Append([]byte("x"))); got != "x"+want {
		t.Errorf("got  %s\nwant x%s", got, want)
	}
	m.Reset(1000, 17)
	if m.Len() != 0 || m.Time != 0 || m.Tuid == "" || m.Gateway == "" {
		t.Errorf("Reset cleared the wrong things: %+v", m)
	}
	m.Tuid, m.Gateway = "", ""
	if got := string(m.Append(nil)); got != `{"tsmId":1000,"tsmEv":17}` {
		t.Errorf("bare message: %s", got)
	}
}

func TestTimes(t *testing.T) {
	for ms, want := range map[int64]string{
		1520416221000: "1520416221", 1520416221120: "1520416221.12", 1520416221001: "1520416221.001",
		1: "0.001", -1: "-0.001", -1500: "-1.5", 10: "0.01",
		math.MaxInt64: "9223372036854775.807", math.MinInt64: "-9223372036854775.808",
	} {
		m := Message{ID: 1000, Time: ms}
		if got := string(m.Append(nil)); got != `{"tsmId":1000,"tsmEv":0,"tsmTs":`+want+`}` {
			t.Errorf("%d ms: %s", ms, got)
		}
	}
}

// value gives what one adder wrote for the field x.
func value(add func(m *Message) bool) string {
	var m Message
	if !add(&m) {
		if m.Len() != 0 || len(m.body) != 0 {
			return "refused, but left something"
		}
		return "refused"
	}
	return strings.TrimPrefix(string(m.body), `,"x":`)
}

func TestDecimal(t *testing.T) {
	for _, c := range []struct {
		mantissa int64
		decimals int
		want     string
	}{
		{213, 1, "21.3"}, {-213, 1, "-21.3"}, {2130, 2, "21.3"}, {2100, 2, "21"}, {5, 3, "0.005"}, {-5, 3, "-0.005"},
		{0, 0, "0"}, {0, 5, "0"}, {100, 0, "100"}, {1, 18, "0.000000000000000001"},
		{math.MaxInt64, 18, "9.223372036854775807"}, {math.MinInt64, 18, "-9.223372036854775808"}, {math.MinInt64, 0, "-9223372036854775808"},
		{1, -1, "refused"}, {1, 19, "refused"},
	} {
		if got := value(func(m *Message) bool { return m.Decimal("x", c.mantissa, c.decimals) }); got != c.want {
			t.Errorf("Decimal(%d, %d) = %s, want %s", c.mantissa, c.decimals, got, c.want)
		}
	}
}

func TestFloat(t *testing.T) {
	for _, c := range []struct {
		v        float64
		decimals int
		want     string
	}{
		{21.25, 1, "21.2"}, {21.0, 3, "21"}, {-0.001, 1, "0"}, {math.Copysign(0, -1), 0, "0"}, {1e21, 2, "1e+21"},
		{-math.MaxFloat64, 0, "-1.7976931348623157e+308"}, {5e-324, 18, "0"}, {60.17, 7, "60.17"}, {999999.96, 1, "1000000"},
		{math.NaN(), 1, "refused"}, {math.Inf(1), 1, "refused"}, {math.Inf(-1), 1, "refused"}, {1, 19, "refused"}, {1, -1, "refused"},
	} {
		got := value(func(m *Message) bool { return m.Float("x", c.v, c.decimals) })
		if got != c.want {
			t.Errorf("Float(%v, %d) = %s, want %s", c.v, c.decimals, got, c.want)
		}
	}
}

func TestNumber(t *testing.T) {
	for literal, good := range map[string]bool{
		"0": true, "-0": true, "21.50": true, "1e3": true, "1E-3": true, "1e+308": true, "1e-400": true, "-12.5e0": true,
		strings.Repeat("9", MaxNumber): true, strings.Repeat("9", MaxNumber+1): false,
		"": false, "-": false, "+1": false, "01": false, "-01": false, ".5": false, "5.": false, "1e": false, "1e+": false,
		"1e309": false, "-1e999999999": false, "NaN": false, "Infinity": false, "0x10": false, "1_0": false, " 1": false, "1 ": false, "1,2": false,
	} {
		want := literal
		if !good {
			want = "refused"
		}
		if got := value(func(m *Message) bool { return m.Number("x", []byte(literal)) }); got != want {
			t.Errorf("Number(%s) = %s, want %s", literal, got, want)
		}
	}
}

func TestText(t *testing.T) {
	for in, want := range map[string]string{
		"plain": `"plain"`, "": `""`, "ä€😀": `"ä€😀"`, "a\"b\\c": `"a\"b\\c"`,
		"\x00\n\x1f\x7f": `"\u0000\u000a\u001f\u007f"`, "a\xffb\xc3": "\"a\ufffdb\ufffd\"", "\xed\xa0\x80": "\"\ufffd\ufffd\ufffd\"",
		strings.Repeat("a", 300):             `"` + strings.Repeat("a", 200) + `"`,
		strings.Repeat("a", 199) + "ä" + "b": `"` + strings.Repeat("a", 199) + `"`,
		strings.Repeat("a", 198) + "ä" + "b": `"` + strings.Repeat("a", 198) + `ä"`,
	} {
		if got := value(func(m *Message) bool { return m.Text("x", []byte(in)) }); got != want {
			t.Errorf("Text(%q) = %s, want %s", in, got, want)
		}
	}
}

func TestNamesRefused(t *testing.T) {
	var m Message
	m.Reset(Generic, 10)
	m.Int("temp", 1)
	for _, name := range []string{
		"", "temp", "tsmId", "tsmTs", "tsmAnything", "TSMTUID", "tsErr", "tserr", "deploymentGroupId",
		"a\"b", "a\\b", "a\nb", "a\x7f", "a\xff", strings.Repeat("n", MaxName+1),
	} {
		if m.Int(name, 2) || m.Decimal(name, 2, 0) || m.Float(name, 2, 0) || m.Number(name, []byte("2")) || m.Text(name, nil) {
			t.Errorf("name %q was taken", name)
		}
	}
	if !m.Int("lämpö", 2) || !m.Int("ts", 3) || !m.Int("Temp", 4) || !m.Int(strings.Repeat("n", MaxName), 5) {
		t.Error("a good name was refused")
	}
	for i := m.Len(); i < MaxFields; i++ {
		if !m.Int(strings.Repeat("f", i), 0) {
			t.Fatalf("field %d was refused", i)
		}
	}
	if m.Int("one", 1) || m.Len() != MaxFields || !json.Valid(m.Append(nil)) {
		t.Error("a full message took one more")
	}
}

func TestValidTuid(t *testing.T) {
	for id, want := range map[string]bool{"TSEN01ABC12345678": true, "a": true, "x:y/z": true, "": false, "a b": false, "a\"": false, "ä": false, "a\x00": false, strings.Repeat("a", 65): false} {
		if ValidTuid([]byte(id)) != want {
			t.Errorf("ValidTuid(%q) is %v", id, !want)
		}
	}
}

func TestNoAllocations(t *testing.T) {
	var m Message
	var keys Keys
	name := []byte("carbonDioxide")
	buf := make([]byte, 0, 512)
	one := func() {
		weather(&m)
		m.Float("airp", 101325.25, 2)
		m.Text("note", []byte("ä\n"))
		m.Number("big", []byte("1.5e3"))
		m.Int(string(name), 538)
		m.Time = keys.Unique(m.Tuid, m.ID, m.Time)
		buf = m.Append(buf[:0])
		buf = m.AppendProvisional(buf[:0], 123456)
		out, err := FillTime(buf, buf, 1520416221000, 2)
		if err != nil || len(out) <= len(buf) {
			t.Error("not filled in")
		}
		d, _ := Lookup(24100)
		if f, ok := d.Field(name); !ok || !f.FitsDigits([]byte("538")) || MessageFor(name) != 24100 {
			t.Error("not found")
		}
	}
	if n := testing.AllocsPerRun(200, one); n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
}

// FuzzMessage drives the adders with foreign bytes and lets encoding/json judge.
func FuzzMessage(f *testing.F) {
	f.Add("TSEN01", "temp", []byte("21.50"), int64(1520416221123), 3, 21.5)
	f.Add("\x00\"\\", "tsmTs\xff", []byte("\xed\xa0\x80"), int64(-1), -1, math.NaN())
	f.Add("ä", "temp\",\"x", []byte(`1,"tsmTs":@5`), int64(math.MinInt64), 18, math.Inf(1))
	f.Fuzz(func(t *testing.T, tuid, name string, v []byte, n int64, decimals int, x float64) {
		if len(tuid)+len(name)+len(v) > 128 { // minimising an input takes quadratic time
			return
		}
		var m Message
		m.Reset(int(int32(n)), 10)
		m.Tuid, m.Gateway, m.Time = tuid, name, n
		m.Text(name, v)
		m.Number(name+"n", v)
		m.Number(string(v), []byte("1.50"))
		m.Decimal(name+"d", n, decimals)
		m.Float(name+"f", x, decimals)
		m.Int(name, n)
		m.Int("tsm"+name, n)
		rec := m.Append(nil)
		if !json.Valid(rec) || !utf8.Valid(rec) {
			t.Fatalf("not JSON: %q", rec)
		}
		seen := map[string]bool{}
		d := json.NewDecoder(bytes.NewReader(rec))
		d.UseNumber()
		_, _ = d.Token()
		for d.More() {
			key, _ := d.Token()
			if seen[key.(string)] {
				t.Fatalf("%q twice in %s", key, rec)
			}
			seen[key.(string)] = true
			var v any
			if err := d.Decode(&v); err != nil {
				t.Fatal(err)
			}
			if number, ok := v.(json.Number); ok {
				if _, err := number.Float64(); err != nil {
					t.Fatalf("%s is not finite", number)
				}
			}
		}
		if n != 0 {
			filled, err := FillTime(nil, m.AppendProvisional(nil, 0), n, 0)
			if err != nil || !bytes.Equal(filled, rec) {
				t.Fatalf("filled in %s (%v), dated %s", filled, err, rec)
			}
		}
	})
}

func BenchmarkAppend(b *testing.B) {
	var m Message
	buf := make([]byte, 0, 512)
	b.ReportAllocs()
	for b.Loop() {
		weather(&m)
		buf = m.Append(buf[:0])
	}
	b.SetBytes(int64(len(buf)))
}

// BenchmarkMarshal is what the same message costs through encoding/json.
func BenchmarkMarshal(b *testing.B) {
	v := struct {
		ID   int     `json:"tsmId"`
		Ev   int     `json:"tsmEv"`
		Ts   float64 `json:"tsmTs"`
		Tuid string  `json:"tsmTuid"`
		Gw   string  `json:"tsmGw"`
		Temp float64 `json:"temp"`
		Humd float64 `json:"humd"`
		Lght int     `json:"lght"`
	}{12100, 10, 1520416221.123, "TSEN01ABC12345678", "TSGW01ABC123456", 21.3, 40.5, 270}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := json.Marshal(v); err != nil {
			b.Fatal(err)
		}
	}
}

// TestWhoFollows changes who speaks in every way that could be mistaken.
func TestWhoFollows(t *testing.T) {
	var m Message
	m.Reset(1000, 10)
	for _, who := range [][2]string{{"", ""}, {"ab", "c"}, {"a", "bc"}, {"", "abc"}, {"abc", ""}, {"ab", "d"}, {"", ""}, {"\"", "\n"}, {"\n", "\""}} {
		m.Tuid, m.Gateway = who[0], who[1]
		fresh := Message{ID: 1000, Event: 10, Tuid: who[0], Gateway: who[1]}
		for range 2 {
			if got, want := string(m.Append(nil)), string(fresh.Append(nil)); got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		}
	}
	if got := string(m.Append(nil)); got != `{"tsmId":1000,"tsmEv":10,"tsmTuid":"\u000a","tsmGw":"\""}` {
		t.Errorf("escaped: %s", got)
	}
}

// TestHeadFollows changes tsmId and tsmEv in every way that could be mistaken.
func TestHeadFollows(t *testing.T) {
	var m Message
	if got := string(m.Append(nil)); got != `{"tsmId":0,"tsmEv":0}` {
		t.Errorf("the zero value: %s", got)
	}
	for _, head := range [][2]int{{12, 3}, {1, 23}, {12, 3}, {12, -3}, {0, 0}, {math.MinInt32, math.MaxInt32}, {0, 12}, {12, 0}} {
		m.Reset(head[0], head[1])
		want := fmt.Sprintf(`{"tsmId":%d,"tsmEv":%d`, head[0], head[1])
		for range 2 {
			if got := string(m.Append(nil)); got != want+"}" {
				t.Errorf("got %s, want %s}", got, want)
			}
			if got := string(m.AppendProvisional(nil, 5)); got != want+`,"tsmTs":@5}` {
				t.Errorf("got %s, want %s and a provisional time", got, want)
			}
		}
	}
}

// TestNamesAgainstAFreshMessage adds random names to one message in use and to
// a new one each time: what is remembered of earlier messages must not show.
func TestNamesAgainstAFreshMessage(t *testing.T) {
	names := []string{"temp", "humd", "te", "mp", "t", "", "tsmId", "a\"b", "lämpö", "temp", strings.Repeat("n", MaxName), strings.Repeat("n", MaxName+1), "temperature", `x":1,"y`}
	r := rand.New(rand.NewPCG(11, 12))
	var m Message
	refused, order := 0, []string{}
	for range 6_000 {
		if r.IntN(3) == 0 { // else mostly as before
			order = order[:0]
			for range r.IntN(8) {
				order = append(order, names[r.IntN(len(names))])
			}
		} else if len(order) > 0 && r.IntN(2) == 0 {
			order[r.IntN(len(order))] = names[r.IntN(len(names))]
		}
		var fresh Message
		m.Reset(12100, 10)
		fresh.Reset(12100, 10)
		for i, name := range order {
			value := []byte(strconv.Itoa(i))
			if got, want := m.Number(name, value), fresh.Number(name, value); got != want {
				t.Fatalf("%q in %q: %v, want %v", name, order, got, want)
			} else if !got {
				refused++
			}
		}
		if got, want := string(m.Append(nil)), string(fresh.Append(nil)); got != want || m.Len() != fresh.Len() {
			t.Fatalf("%q: got %s, want %s", order, got, want)
		}
	}
	if refused < 1000 {
		t.Errorf("only %d names were refused: this tests little", refused)
	}
}
