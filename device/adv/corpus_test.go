package adv

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// corpus reads vectors of others that are not part of the project.
func corpus(t *testing.T, name string, into any) {
	t.Helper()
	b, err := os.ReadFile("../../../shared/corpora/ble/" + name)
	if err != nil {
		t.Skipf("no published vectors: %v", err)
	}
	if err := json.Unmarshal(b, into); err != nil {
		t.Fatal(err)
	}
}

// TestRuuviOfficialVectors holds every number that Ruuvi's pages print.
func TestRuuviOfficialVectors(t *testing.T) {
	var vectors []struct {
		Format, Case string
		Payload      string            `json:"payload_hex"`
		Expected     map[string]string `json:"expected_as_documented"`
	}
	corpus(t, "ruuvi_official.json", &vectors)
	names := map[string]string{"Temperature": "temp", "Pressure": "airp", "Humidity": "humd", "Acceleration X": "accx", "Acceleration Y": "accy",
		"Acceleration Z": "accz", "Voltage": "voltage", "TX Power": "txPower", "Movement counter": "count", "PM 1.0": "pm1", "PM 2.5": "pm25", "PM 4.0": "pm4",
		"PM 10.0": "pm10", "CO2": "carbonDioxide", "VOC": "vocIndex", "NOX": "noxIndex", "Luminosity": "lght"}
	d, formats, compared := NewDecoder(), map[string]int{}, 0
	for _, v := range vectors {
		formats[v.Format]++
		a, r := one("M", Ruuvi, unhex(strings.ReplaceAll(v.Payload, "X", "5"))), Reading{}
		if d.Decode(&a, nil, &r) != Good {
			t.Errorf("%s, %s: not decoded", v.Format, v.Case)
			continue
		}
		for title, want := range v.Expected {
			got := r.Value(names[title])
			switch title {
			case "Data format", "Flags":
				continue
			case "MAC":
				text := "NAN"
				if r.HasAddress {
					text = strings.ToUpper(fmt.Sprintf("% x", r.Address))
				}
				if v.Format != "DF6" && text != want && v.Case != "Invalid values" {
					t.Errorf("%s, %s: address %s, documented %s", v.Format, v.Case, text, want)
				}
				continue
			case "Measurement Sequence":
				got = r.Sequence
			}
			compared++
			if strings.HasPrefix(strings.ToUpper(want), "NAN") {
				if got.Known {
					t.Errorf("%s, %s: %s is %v, documented none", v.Format, v.Case, title, got)
				}
				continue
			}
			x := got.Float()
			if strings.HasPrefix(title, "Acceleration") {
				x /= 1000 // G
			}
			number := strings.ReplaceAll(regexp.MustCompile(`^-?[0-9][0-9 ]*(\.[0-9]+)?`).FindString(want), " ", "")
			y, err := strconv.ParseFloat(number, 64)
			if err != nil || !got.Known || math.Abs(x-y) > 1e-9 {
				t.Errorf("%s, %s: %s is %v, documented %q (%v)", v.Format, v.Case, title, x, want, err)
			}
		}
	}
	t.Logf("%d numbers of %v compared", compared, formats)
	if len(formats) < 4 || compared < 40 {
		t.Error("too few to mean anything")
	}
}

// TestBTHomeDocumentedObjects holds every row of the tables of bthome.io.
func TestBTHomeDocumentedObjects(t *testing.T) {
	var page struct {
		Rows []struct {
			ID       string `json:"object_id"`
			Property string
			Cells    []string
			Data     string `json:"service_data_hex"`
		}
		Plain struct {
			Adv string `json:"adv_hex"`
		} `json:"plain_example"`
		Encrypted struct {
			MAC, Bindkey string
			Data         string `json:"service_data_hex_with_uuid"`
		} `json:"encrypted_example"`
	}
	corpus(t, "bthome_doc_objects.json", &page)
	d, compared := NewDecoder(), 0
	for _, row := range page.Rows {
		a, r := one("S", 0xFCD2, unhex(row.Data)), Reading{}
		if d.Decode(&a, nil, &r) != Good || r.Damaged {
			t.Errorf("%s %s: not decoded", row.ID, row.Property)
			continue
		}
		// Numbers stand in the last cell but the unit; what is a word is a byte.
		want, err := 0.0, error(nil)
		switch {
		case len(row.Cells) == 5 && strings.Contains(row.Cells[0], "int") && row.Property != "timestamp" && row.Property != "light level":
			want, err = strconv.ParseFloat(row.Cells[3], 64)
		default:
			b := unhex(row.Data)
			if len(b) != 3 || row.Property == "packet id" {
				continue // text, raw bytes, versions, events
			}
			want = float64(b[2])
		}
		if row.Property == "pressure" || row.Property == "distance (m)" {
			want = math.Round(want * map[string]float64{"pressure": 100, "distance (m)": 1000}[row.Property])
		}
		if row.Property == "volume" && row.Cells[4] == "mL" {
			want /= 1000
		}
		if row.Property == "settings revision" {
			continue
		}
		compared++
		// 0x58 is documented as -7.7, and 0x60 as 01.
		if v := r.Values(); err != nil || len(v) != 1 || math.Abs(v[0].Float()-want) > 1e-9 {
			t.Errorf("%s %s is %s, documented %v (%v)", row.ID, row.Property, words(&r), want, err)
		}
	}
	var a Advert
	var r Reading
	a.Payload(unhex(page.Plain.Adv))
	if d.Decode(&a, nil, &r); words(&r) != "temp 25, humd 50.55" {
		t.Errorf("the example is %s", words(&r))
	}
	a = one("S", 0xFCD2, unhex(page.Encrypted.Data)[2:])
	a.Address, a.HasAddress = mac(page.Encrypted.MAC), true
	if d.Decode(&a, key(t, page.Encrypted.Bindkey), &r); words(&r) != "temp 25.06, humd 50.55" {
		t.Errorf("the encrypted example is %s", words(&r))
	}
	t.Logf("%d of %d objects compared", compared, len(page.Rows))
	if compared < 75 {
		t.Error("too few to mean anything")
	}
}

// TestBTHomeReferenceVectors holds what the reference parser's tests expect.
func TestBTHomeReferenceVectors(t *testing.T) {
	var vectors []struct {
		Test     string
		Data     string `json:"service_data_hex"`
		MAC      string
		Bindkey  *string
		Expected []struct {
			Kind, Name string
			Native     any    `json:"native_value"`
			Event      string `json:"event_type"`
		}
	}
	corpus(t, "bthome_ble_tests.json", &vectors)
	d := NewDecoder()
	for _, v := range vectors {
		a, r := one("S", 0xFCD2, unhex(v.Data)), Reading{}
		a.Address, a.HasAddress = mac(v.MAC), true
		var k *Key
		if v.Bindkey != nil {
			k = key(t, *v.Bindkey)
		}
		if got := d.Decode(&a, k, &r); got != Good || len(r.Values()) != len(v.Expected) {
			t.Errorf("%s: %d, %s", v.Test, got, words(&r))
			continue
		}
		for i, want := range v.Expected {
			x, got := 0.0, r.Values()[i].Float()
			switch n := want.Native.(type) {
			case float64:
				x = n
			case bool:
				x = map[bool]float64{true: 1}[n]
			default:
				x = got // an event, by its word
			}
			if want.Name == "Pressure" {
				x = math.Round(x * 100)
			}
			if math.Abs(x-got) > 1e-9 {
				t.Errorf("%s: %s is %v, want %v", v.Test, want.Name, got, x)
			}
		}
	}
	if len(vectors) < 20 {
		t.Error("too few to mean anything")
	}
}

// TestTheengsVectors compares with what the Theengs decoder makes of
// advertisements of 100 models (its tests are GPL-3.0, and are read from beside
// the project only). An advertisement agrees when its temperature, humidity and
// battery do, as far as it has them; there are makers who round.
func TestTheengsVectors(t *testing.T) {
	var vectors []struct {
		Input    map[string]string
		Expected map[string]any
	}
	corpus(t, "theengs_vectors.json", &vectors)
	d, all, agree := NewDecoder(), 0, 0
	missing, wrong := map[string]int{}, []string(nil)
	for _, v := range vectors {
		if !slices.ContainsFunc([]string{"tempc", "hum", "batt"}, func(name string) bool { return v.Expected[name] != nil }) {
			continue
		}
		all++
		model := fmt.Sprint(v.Expected["model_id"])
		var a Advert
		if !theengs(&a, v.Input) {
			missing[model+" (blackened)"]++
			continue
		}
		var r Reading
		outcome := d.Decode(&a, nil, &r)
		if outcome != Good {
			missing[model]++
			continue
		}
		bad := false
		for from, to := range map[string]string{"tempc": "temp", "hum": "humd", "batt": "batl"} {
			if want, ok := v.Expected[from].(float64); ok {
				got := r.Value(to)
				bad = bad || !got.Known || math.Abs(got.Float()-want) > 0.011
			}
		}
		if bad {
			wrong = append(wrong, fmt.Sprintf("%s: %s, not %v", model, words(&r), v.Expected))
			continue
		}
		agree++
	}
	t.Logf("%d of %d agree; not decoded: %v", agree, all, missing)
	for _, w := range wrong {
		t.Log(w)
	}
	if agree*10 < all*6 {
		t.Errorf("%d of %d advertisements agree, which is under 60 %%", agree, all)
	}
}

// theengs fills an advertisement as a bridge of theirs describes it.
func theengs(a *Advert, in map[string]string) bool {
	if strings.ContainsAny(in["servicedata"]+in["manufacturerdata"], "xXyY") {
		return false
	}
	a.Name = []byte(in["name"])
	if id := in["id"]; id != "" {
		a.Address, a.HasAddress = mac(id), true
	}
	if uuid, ok := ParseUUID([]byte(in["servicedatauuid"])); ok {
		a.Service(uuid, unhex(in["servicedata"]))
	}
	if m := in["manufacturerdata"]; m != "" {
		a.Manufacturer(unhex(m))
	}
	return true
}
