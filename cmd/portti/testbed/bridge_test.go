package testbed

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"
)

func newBridge(t *testing.T, o BridgeOptions) *Bridge {
	t.Helper()
	b, err := NewBridge(o)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The vectors printed in Ruuvi's page on data format 5.
func TestDF5AsRuuviDocumentsIt(t *testing.T) {
	mac := [6]byte{0xCB, 0xB8, 0x33, 0x4C, 0x88, 0x4F}
	for _, c := range []struct {
		name string
		m    DF5
		want string
	}{
		{"valid data", DF5{24.3, 53.49, 100044, 4, -4, 1036, 2.977, 4, 66, 205, mac},
			"0512FC5394C37C0004FFFC040CAC364200CDCBB8334C884F"},
		{"maximum", DF5{163.835, 163.835, 115534, 32767, 32767, 32767, 3.646, 20, 254, 65534, mac},
			"057FFFFFFEFFFE7FFF7FFF7FFFFFDEFEFFFECBB8334C884F"},
		{"minimum", DF5{-163.835, 0, 50000, -32767, -32767, -32767, 1.6, -40, 0, 0, mac},
			"058001000000008001800180010000000000CBB8334C884F"},
	} {
		if got := strings.ToUpper(hex.EncodeToString(c.m.Append(nil))); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.name, got, c.want)
		}
	}
}

func TestBridgeGolden(t *testing.T) {
	golden(t, "bridge.omg.txt", script(newBridge(t, BridgeOptions{Seed: 1, Log: true}), noon(), 8*time.Second))
	golden(t, "bridge.raw.txt", script(newBridge(t, BridgeOptions{Seed: 1, Format: "raw"}), noon(), 8*time.Second))
}

// heard is one advert as a reader of the line finds it.
type heard struct {
	ID   string `json:"id"`
	MAC  string `json:"mac"`
	RSSI int    `json:"rssi"`
	Man  string `json:"manufacturerdata"`
	Adv  string `json:"adv"`
}

func TestBridgeTagsAreSoundOverADay(t *testing.T) {
	b := newBridge(t, BridgeOptions{Seed: 3})
	sequences := map[string][]uint16{}
	for l := range bytes.SplitSeq(script(b, noon(), 2*time.Hour), []byte("\r")) {
		if len(l) == 0 {
			continue
		}
		var h heard
		if !bytes.HasPrefix(l, []byte("00{")) || json.Unmarshal(l[2:], &h) != nil {
			t.Fatalf("%q", l)
		}
		d, err := hex.DecodeString(h.Man)
		if err != nil || len(d) != 26 || d[0] != 0x99 || d[1] != 4 || d[2] != 5 {
			t.Fatalf("%q %v", l, err)
		}
		d = d[2:]
		temp := float64(int16(binary.BigEndian.Uint16(d[1:]))) * 0.005
		humidity := float64(binary.BigEndian.Uint16(d[3:])) * 0.0025
		pressure := int(binary.BigEndian.Uint16(d[5:])) + 50000
		if temp < -20 || temp > 95 || humidity < 5 || humidity > 95 || pressure < 98000 || pressure > 104000 || h.RSSI > -40 || h.RSSI < -100 {
			t.Fatalf("%s: %.1f C %.1f %% %d Pa %d dBm", h.ID, temp, humidity, pressure, h.RSSI)
		}
		if mac := strings.ReplaceAll(h.ID, ":", ""); !strings.EqualFold(mac, hex.EncodeToString(d[18:])) {
			t.Fatalf("%s carries %x", h.ID, d[18:])
		}
		sequences[h.ID] = append(sequences[h.ID], binary.BigEndian.Uint16(d[16:]))
	}
	if got := b.Addresses(); len(got) != 3 || len(sequences) != 3 {
		t.Fatal(got, len(sequences))
	}
	for id, s := range sequences {
		if !slices.IsSorted(s) || (len(s)+1)/2 != len(slices.Compact(slices.Clone(s))) {
			t.Errorf("%s: each measurement should come twice, in order", id)
		}
	}
}

func TestBridgeRawLineHoldsAWholeAdvert(t *testing.T) {
	b := newBridge(t, BridgeOptions{Seed: 3, Format: "raw"})
	for l := range bytes.Lines(script(b, noon(), 10*time.Second)) {
		var h heard
		if err := json.Unmarshal(l, &h); err != nil {
			t.Fatalf("%q: %v", l, err)
		}
		d, _ := hex.DecodeString(h.Adv)
		if len(d) != 31 || !bytes.HasPrefix(d, []byte{2, 1, 6, 27, 0xFF, 0x99, 4, 5}) || h.MAC == "" {
			t.Fatalf("%q", l)
		}
	}
}

// adverts runs the bridge for a while and counts what it says.
func adverts(b *Bridge, now *time.Time, length time.Duration, answer bool) (beats, ads int) {
	for end := now.Add(length); now.Before(end); {
		out, next := b.Append(nil, *now)
		n := bytes.Count(out, []byte(`{"type":"heartbeat"}`))
		beats += n
		ads += bytes.Count(out, []byte("manufacturerdata"))
		if n > 0 && answer {
			b.Hear([]byte(`00{"type":"hear`), *now)
			b.Hear([]byte("tbeat_ack\"}\r"), *now)
		}
		*now = next
	}
	return beats, ads
}

func TestBridgeIsSilentUnlessItsHeartbeatIsAnswered(t *testing.T) {
	b := newBridge(t, BridgeOptions{Seed: 1, Heartbeat: true})
	now := noon()
	beats, ads := adverts(b, &now, time.Minute, false)
	if ads != 0 || beats < 4 || beats > 9 {
		t.Fatalf("unanswered: %d beats, %d adverts", beats, ads)
	}
	adverts(b, &now, time.Minute, true) // the next beat is up to a minute away
	beats, ads = adverts(b, &now, time.Minute, true)
	if beats < 11 || beats > 13 || ads < 130 {
		t.Fatalf("answered: %d beats, %d adverts", beats, ads)
	}
	adverts(b, &now, 16*time.Second, false)
	if _, ads = adverts(b, &now, time.Minute, false); ads != 0 {
		t.Fatalf("no longer answered: %d adverts", ads)
	}
	b.Hear(bytes.Repeat([]byte("x"), 10_000), now) // noise without an end is not kept
	if len(b.in) > 256 {
		t.Fatal("keeps ", len(b.in))
	}
}

func TestBridgeRefusesNonsense(t *testing.T) {
	for _, o := range []BridgeOptions{{Format: "xml"}, {Format: "raw", Heartbeat: true}} {
		if _, err := NewBridge(o); err == nil {
			t.Errorf("%+v was taken", o)
		}
	}
}
