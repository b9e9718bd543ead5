package adv

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
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

func TestReader(t *testing.T) {
	for _, c := range []struct {
		name, payload, want string
		cut                 int
	}{
		{"nothing", "", "", 0},
		{"flags and name", "020106 0441626364", "01:06 41:626364", 0},
		{"padding ends it", "020106 00 0201", "01:06", 0},
		{"type without data", "0109 020106", "09: 01:06", 0},
		{"beyond the end", "020106 0541 6263", "01:06", 4},
		{"length alone", "020106 05", "01:06", 1},
		{"one too long", "0301", "", 2},
		{"exactly full", "0301aabb", "01:aabb", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			var r Reader
			var got []string
			for r.Reset(unhex(c.payload)); r.Next(); {
				got = append(got, fmt.Sprintf("%02x:%x", r.typ, r.data))
			}
			if strings.Join(got, " ") != c.want || r.Cut() != c.cut {
				t.Errorf("got %q, cut %d; want %q, %d", got, r.Cut(), c.want, c.cut)
			}
			if r.Next() || r.typ != 0 {
				t.Error("went on after the end")
			}
		})
	}
}

func TestManufacturer(t *testing.T) {
	var r Reader
	r.Reset(unhex("0309 6869  05FF 9904 0503  0416 D2FC 44  02FF01  03FF 5900  0308 4142"))
	var got []string
	for r.Next() {
		if company, data, ok := r.Manufacturer(); ok {
			got = append(got, fmt.Sprintf("maker %04x %x", company, data))
		}
	}
	want := []string{"maker 0499 0503", "maker 0059 "}
	if strings.Join(got, "; ") != strings.Join(want, "; ") || r.Cut() != 0 {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

// text writes a measurement in the words of Ruuvi's page, accelerations in G
// and voltage in V.
func (d DF5) text() map[string]string {
	m := map[string]string{"Data format": "5", "MAC": "NAN"}
	put := func(name string, v Value, more int, unit string) {
		m[name] = "NAN"
		if v.Known {
			m[name] = strconv.FormatFloat(float64(v.Mantissa)/math.Pow10(v.Decimals+more), 'f', -1, 64) + unit
		}
	}
	put("Temperature", d.Temp, 0, " C")
	put("Humidity", d.Humidity, 0, " RH-%")
	put("Pressure", d.Pressure, 0, "")
	put("Acceleration X", d.AccX, 3, " G")
	put("Acceleration Y", d.AccY, 3, " G")
	put("Acceleration Z", d.AccZ, 3, " G")
	put("Voltage", d.Voltage, 3, " V")
	put("TX Power", d.TxPower, 0, " dBm")
	put("Movement counter", d.Movement, 0, "")
	put("Measurement Sequence", d.Sequence, 0, "")
	if d.HasMAC {
		m["MAC"] = strings.ToUpper(fmt.Sprintf("% x", d.MAC))
	}
	return m
}

// TestDF5 holds Ruuvi's three documented situations, and one of our own.
func TestDF5(t *testing.T) {
	for _, c := range []struct{ name, payload, want string }{
		{"valid", "0512FC5394C37C0004FFFC040CAC364200CDCBB8334C884F",
			"24.3 C|53.49 RH-%|100044|0.004 G|-0.004 G|1.036 G|2.977 V|4 dBm|66|205|CB B8 33 4C 88 4F"},
		{"greatest", "057FFFFFFEFFFE7FFF7FFF7FFFFFDEFEFFFECBB8334C884F",
			"163.835 C|163.835 RH-%|115534|32.767 G|32.767 G|32.767 G|3.646 V|20 dBm|254|65534|CB B8 33 4C 88 4F"},
		{"least", "058001000000008001800180010000000000CBB8334C884F",
			"-163.835 C|0 RH-%|50000|-32.767 G|-32.767 G|-32.767 G|1.6 V|-40 dBm|0|0|CB B8 33 4C 88 4F"},
		{"not available", "058000FFFFFFFF800080008000FFFFFFFFFFFFFFFFFFFFFF",
			"NAN|NAN|NAN|NAN|NAN|NAN|NAN|NAN|NAN|NAN|NAN"},
		{"voltage without power", "05800000000000800080008000003F00000000000000000000"[:48],
			"NAN|0 RH-%|50000|NAN|NAN|NAN|1.601 V|NAN|0|0|00 00 00 00 00 00"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, ok := DecodeDF5(unhex(c.payload))
			m := d.text()
			got := strings.Join([]string{m["Temperature"], m["Humidity"], m["Pressure"], m["Acceleration X"], m["Acceleration Y"], m["Acceleration Z"],
				m["Voltage"], m["TX Power"], m["Movement counter"], m["Measurement Sequence"], m["MAC"]}, "|")
			if !ok || got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestDF5Refuses(t *testing.T) {
	good := unhex("0512FC5394C37C0004FFFC040CAC364200CDCBB8334C884F")
	for n := range len(good) {
		if _, ok := DecodeDF5(good[:n]); ok {
			t.Errorf("%d bytes were decoded", n)
		}
	}
	if _, ok := DecodeDF5(append(bytes.Clone(good), 0)); ok {
		t.Error("a byte too many was decoded")
	}
	good[0] = 6
	if _, ok := DecodeDF5(good); ok {
		t.Error("format 6 was decoded as 5")
	}
}

func TestDF5OfficialVectors(t *testing.T) {
	const path = "../../../shared/corpora/ble/ruuvi_official.json"
	b, err := os.ReadFile(path)
	if err != nil {
		t.Skipf("no published vectors: %v", err)
	}
	var vectors []struct {
		Format   string            `json:"format"`
		Case     string            `json:"case"`
		Payload  string            `json:"payload_hex"`
		Expected map[string]string `json:"expected_as_documented"`
	}
	if err := json.Unmarshal(b, &vectors); err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, v := range vectors {
		if v.Format != "DF5" {
			continue
		}
		n++
		d, ok := DecodeDF5(unhex(v.Payload))
		if !ok {
			t.Errorf("%s was not decoded", v.Case)
			continue
		}
		got := d.text()
		for name, want := range v.Expected {
			if number, unit, ok := strings.Cut(want, " "); ok && strings.Contains(number, ".") {
				want = strings.TrimRight(strings.TrimRight(number, "0"), ".") + " " + unit
			}
			if got[name] != want {
				t.Errorf("%s: %s is %s, documented %s", v.Case, name, got[name], want)
			}
		}
	}
	if n < 3 {
		t.Errorf("only %d vectors of format 5", n)
	}
}

var sink DF5

func TestNoAllocations(t *testing.T) {
	payload := unhex("020106 1BFF9904 0512FC5394C37C0004FFFC040CAC364200CDCBB8334C884F")
	if n := testing.AllocsPerRun(100, func() { sink = tag(payload) }); n != 0 {
		t.Errorf("%v allocations an advertisement, want 0", n)
	}
	if !sink.Temp.Known {
		t.Error("not decoded")
	}
}

func tag(payload []byte) (d DF5) {
	var r Reader
	for r.Reset(payload); r.Next(); {
		if company, data, ok := r.Manufacturer(); ok && company == Ruuvi {
			d, _ = DecodeDF5(data)
		}
	}
	return d
}

// FuzzReader: the elements given and the bytes cut or padded are the payload.
func FuzzReader(f *testing.F) {
	f.Add(unhex("0201061BFF99040512FC5394C37C0004FFFC040CAC364200CDCBB8334C884F"))
	f.Add(unhex("0201060041"))
	f.Add(unhex("0309686905FF9904"))
	f.Fuzz(func(t *testing.T, payload []byte) {
		if len(payload) > 128 { // minimising an input takes quadratic time
			return
		}
		var r Reader
		var back []byte
		for r.Reset(payload); r.Next(); {
			back = append(append(back, byte(len(r.data)+1), r.typ), r.data...)
			if _, data, ok := r.Manufacturer(); ok {
				DecodeDF5(data)
			}
		}
		rest := payload[min(len(back), len(payload)):]
		if !bytes.HasPrefix(payload, back) || r.Cut() != 0 && r.Cut() != len(rest) || r.Cut() == 0 && len(rest) > 0 && rest[0] != 0 {
			t.Fatalf("%x gave %x and cut %d", payload, back, r.Cut())
		}
	})
}

func BenchmarkDF5(b *testing.B) {
	payload := unhex("0201061BFF99040512FC5394C37C0004FFFC040CAC364200CDCBB8334C884F")
	b.ReportAllocs()
	for b.Loop() {
		sink = tag(payload)
	}
}

// TestDF5EveryNumber goes through all raw values of each two-byte field, and
// compares with the formula of the table in floating point.
func TestDF5EveryNumber(t *testing.T) {
	b := unhex("0512FC5394C37C0004FFFC040CAC364200CDCBB8334C884F")
	near := func(v Value, want float64) bool { return v.Known && math.Abs(v.Float()-want) < 1e-9 }
	for raw := range 1 << 16 {
		for _, at := range []int{1, 3, 5, 7, 13, 16} {
			b[at], b[at+1] = byte(raw>>8), byte(raw)
		}
		d, ok := DecodeDF5(b)
		u, s := float64(raw), float64(int16(raw))
		power := raw & 31
		for name, bad := range map[string]bool{
			"decoded":     !ok,
			"temperature": raw != 0x8000 && !near(d.Temp, s*0.005) || raw == 0x8000 && d.Temp.Known,
			"accX":        raw != 0x8000 && !near(d.AccX, s) || raw == 0x8000 && d.AccX.Known,
			"humidity":    raw != 0xFFFF && !near(d.Humidity, u*0.0025) || raw == 0xFFFF && d.Humidity.Known,
			"pressure":    raw != 0xFFFF && !near(d.Pressure, u+50000) || raw == 0xFFFF && d.Pressure.Known,
			"sequence":    raw != 0xFFFF && !near(d.Sequence, u) || raw == 0xFFFF && d.Sequence.Known,
			"voltage":     raw>>5 != 2047 && !near(d.Voltage, float64(raw>>5+1600)) || raw>>5 == 2047 && d.Voltage.Known,
			"power":       power != 31 && !near(d.TxPower, float64(power*2-40)) || power == 31 && d.TxPower.Known,
		} {
			if bad {
				t.Fatalf("raw %#04x: %s is wrong in %+v", raw, name, d)
			}
		}
	}
}
