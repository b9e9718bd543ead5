package tsmcbor

import (
	"bytes"
	"compress/zlib"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
)

func unhex(s string) []byte {
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		panic(err)
	}
	return b
}

func pack(b []byte) []byte {
	var out bytes.Buffer
	w := zlib.NewWriter(&out)
	_, _ = w.Write(b)
	_ = w.Close()
	return out.Bytes()
}

// text writes what came of a payload.
func text(d *Decoder, b []byte) string {
	list, err := d.Decode(b)
	if err != nil {
		return "error: " + err.Error()
	}
	var out []string
	for _, m := range list {
		s := fmt.Sprintf("%d/%d", m.ID, m.Event)
		for _, f := range m.Fields {
			s += fmt.Sprintf(" %d:%s=%v/%d", f.Key, f.Name, f.Value, f.Decimals)
		}
		out = append(out, s)
	}
	return strings.Join(out, "; ")
}

func TestDecode(t *testing.T) {
	d := New()
	for _, c := range []struct{ name, payload, want string }{
		{"as printed, one", "9fa30119332c020a182c07ff", "13100/10 44:moveCount=7/0"},
		{"as printed, two", "9fa501196d6902071904ff190621182601182d190640ff", "28009/7 38:state=1/0 45:dist=1600/0 1279:echo=1569/0"},
		{"as printed, without array", "a5011905dc02181e18191a58916dae190100181e19010219012c", "1500/30 25:transactionId=1485925806/0 256:measurementInterval=30/0 258:reportInterval=300/0"},
		{"two in one", "82 a3 01192f44 020a 181e20 a2 0119044f 020a", "12100/10 30:temp=-1/1; 1103/10"},
		{"an unknown key", "a3 01192f44 020a 1903e6 05", "12100/10 998:=5/0"},
		{"all kinds of values", "a8 011905 dc 0201 1846 63 312e32 18b8 42 0102 182d 82 01 82 02 03 181e f97e00 181f f5 1820 f6", "1500/1 30:temp=NaN/1 31:lght=true/0 32:humd=<nil>/1 45:dist=[1 [2 3]]/0 70:swVersion=1.2/0 184:payload=[1 2]/0"},
		{"header of the gateway", "a5 01192f44 020a 031a58916dae 0461 41 1820 1901f4", "12100/10 32:humd=500/1"},
		{"no event", "a2 01192f44 182007", "12100/0 32:humd=7/1"},
		{"an event that cannot be", "a2 01192f44 021903e8", "12100/0"},
		{"nothing", "", "error: cannot read the payload: neither a map nor an array of maps"},
		{"an empty array", "80", ""},
		{"text", "6441424344", "error: cannot read the payload: neither a map nor an array of maps"},
		{"no id", "a1020a", "error: cannot read the payload: a message without tsmId"},
		{"an id of no use", "a10100", "error: cannot read the payload: a message without tsmId"},
		{"a key twice", "a301192f44 1820 05 1820 06", "error: cannot read the payload: cbor: found duplicate map key 0x20 at map element index 2"},
		{"cut off", "9fa30119332c020a182c07", "error: cannot read the payload: unexpected EOF"},
		{"more behind it", "a10119332c00", "error: cannot read the payload: cbor: 1 bytes of extraneous data starting at index 5"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := text(d, unhex(c.payload)); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
			if got := text(d, pack(unhex(c.payload))); !strings.HasPrefix(c.want, "error") && got != c.want {
				t.Errorf("compressed: got  %s\nwant %s", got, c.want)
			}
		})
	}
}

// TestPublishedMessages holds what Haltian's page prints.
func TestPublishedMessages(t *testing.T) {
	const path = "../../../shared/reference/thingsee-catalogue.json"
	b, err := os.ReadFile(path)
	if err != nil {
		t.Skipf("no published messages: %v", err)
	}
	var c struct {
		CBORVectors []struct {
			Hex     string
			Decoded json.RawMessage
		}
		CBORProperties []struct {
			Name       string
			Key        uint64
			Multiplier *int
		}
	}
	if err := json.Unmarshal(b, &c); err != nil {
		t.Fatal(err)
	}
	for _, v := range c.CBORVectors {
		want := string(v.Decoded)
		if !strings.HasPrefix(strings.TrimSpace(want), "[") {
			want = "[" + want + "]"
		}
		var maps []map[string]int64
		if err := json.Unmarshal([]byte(want), &maps); err != nil {
			t.Fatal(err)
		}
		list, err := New().Decode(unhex(v.Hex))
		if err != nil || len(list) != len(maps) {
			t.Fatalf("%s: %v, %v", v.Hex, list, err)
		}
		for i, m := range list {
			got := map[string]int64{"1": int64(m.ID), "2": int64(m.Event)}
			for _, f := range m.Fields {
				got[strconv.FormatUint(f.Key, 10)] = f.Value.(int64)
			}
			if fmt.Sprint(got) != fmt.Sprint(maps[i]) {
				t.Errorf("%s: got %v, printed %v", v.Hex, got, maps[i])
			}
		}
	}
	for _, p := range c.CBORProperties {
		name, decimals, ok := Property(p.Key)
		want := 0
		if p.Multiplier != nil {
			want = *p.Multiplier
		}
		if header := p.Key <= keyLast; ok == header || ok && (name != p.Name || decimals != want) {
			t.Errorf("key %d is %q with %d decimals (%v); published %q, %d", p.Key, name, decimals, ok, p.Name, want)
		}
	}
	if len(c.CBORVectors) < 3 || len(c.CBORProperties) < 100 {
		t.Errorf("only %d messages and %d keys", len(c.CBORVectors), len(c.CBORProperties))
	}
}

// TestBounds: little that says it is much is refused.
func TestBounds(t *testing.T) {
	deep := unhex("a2 01192f44 182d" + strings.Repeat("81", 40) + "00")
	many := append([]byte{0x98, 65}, bytes.Repeat(unhex("a10119332c"), 65)...)
	for name, b := range map[string][]byte{
		"a bomb":                     pack(append(unhex("a2 01192f44 18b8 5a 01000000"), make([]byte, 1<<24)...)),
		"deep":                       deep,
		"many messages":              many,
		"an array of four billion":   unhex("9a ffffffff a1"),
		"a map of four billion":      unhex("ba ffffffff 01"),
		"a text of four billion":     unhex("a2 01192f44 1846 7a ffffffff 41"),
		"compressed that is no zlib": unhex("789c 00112233"),
		"zlib within zlib":           pack(pack(unhex("a10119332c"))),
		"a tag":                      unhex("a2 01192f44 182d c2 41 01"),
		"a text for a key":           unhex("a2 01192f44 6141 01"),
		"beyond 64 bits":             unhex("a2 01192f44 182d 1b ffffffffffffffff"),
	} {
		if list, err := New().Decode(b); err == nil {
			t.Errorf("%s: %v", name, list)
		}
	}
}

func TestDecoderIsUsedAgain(t *testing.T) {
	d := New()
	good := unhex("9fa30119332c020a182c07ff")
	for i, b := range [][]byte{pack(good), unhex("789c 0011"), good, unhex("ff"), pack(good)} {
		if got := text(d, b); (i%2 == 0) != (got == "13100/10 44:moveCount=7/0") {
			t.Errorf("%d: %s", i, got)
		}
	}
}

func BenchmarkDecode(b *testing.B) {
	d, payload := New(), unhex("9fa601192f44020a181e18d71820190190182 11a0609d000 181f1864ff")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := d.Decode(payload); err != nil {
			b.Fatal(err)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, s := range []string{"9fa30119332c020a182c07ff", "a5011905dc02181e18191a58916dae190100181e19010219012c", "a3 01192f44 020a 182d 82 01 82 02 03"} {
		f.Add(unhex(s))
		f.Add(pack(unhex(s)))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		d := New()
		list, err := d.Decode(b)
		if len(list) > MaxMessages || err != nil && list != nil {
			t.Fatalf("%d messages, %v", len(list), err)
		}
		for _, m := range list {
			if m.ID <= 0 || m.Event < 0 || m.Event > 999 || len(m.Fields) > MaxFields {
				t.Fatalf("%+v", m)
			}
		}
	})
}
