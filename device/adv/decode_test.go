package adv

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// words writes a reading as "temp 24.3, temp2 5".
func words(r *Reading) string {
	var b strings.Builder
	for i, v := range r.Values() {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(v.Name)
		if v.Number > 1 {
			fmt.Fprint(&b, v.Number)
		}
		b.WriteString(" " + strconv.FormatFloat(v.Float(), 'f', -1, 64))
	}
	return b.String()
}

// one is an advertisement of one element.
func one(kind string, id int, data []byte) (a Advert) {
	if kind == "S" {
		a.Service(uint16(id), data)
	} else {
		a.Manufacturer(append(binary.LittleEndian.AppendUint16(nil, uint16(id)), data...))
	}
	return a
}

func mac(text string) (m [6]byte) {
	copy(m[:], unhex(strings.ReplaceAll(text, ":", "")))
	return m
}

func key(t testing.TB, text string) *Key {
	t.Helper()
	k, err := NewKey(text)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// vectors are advertisements whose meaning others published, or that we made
// from the description ("O").
type vector struct {
	family, kind string
	id           int
	data         string
	name, mac    string
	uuid         uint16
	key          string
	want         string
}

func vectors() []vector {
	return []vector{
		// docs.ruuvi.com
		{family: "ruuvi-5", kind: "M", id: Ruuvi, data: "0512FC5394C37C0004FFFC040CAC364200CDCBB8334C884F",
			want: "temp 24.3, humd 53.49, airp 100044, accx 4, accy -4, accz 1036, voltage 2.977, txPower 4, count 66, index 205"},
		{family: "ruuvi-5", kind: "M", id: Ruuvi, data: "057FFFFFFEFFFE7FFF7FFF7FFFFFDEFEFFFECBB8334C884F",
			want: "temp 163.835, humd 163.835, airp 115534, accx 32767, accy 32767, accz 32767, voltage 3.646, txPower 20, count 254, index 65534"},
		{family: "ruuvi-5", kind: "M", id: Ruuvi, data: "058001000000008001800180010000000000CBB8334C884F",
			want: "temp -163.835, humd 0, airp 50000, accx -32767, accy -32767, accz -32767, voltage 1.6, txPower -40, count 0, index 0"},
		{family: "ruuvi-5", kind: "M", id: Ruuvi, data: "058000FFFFFFFF800080008000FFFFFFFFFFFFFFFFFFFFFF", want: ""},
		{family: "ruuvi-3", kind: "M", id: Ruuvi, data: "03291A1ECE1EFC18F94202CA0B53",
			want: "humd 20.5, airp 102766, accx -1000, accy -1726, accz 714, voltage 2.899, temp 26.3"},
		{family: "ruuvi-3", kind: "M", id: Ruuvi, data: "0300FF6300008001800180010000", want: "humd 0, airp 50000, accx -32767, accy -32767, accz -32767, voltage 0, temp -127.99"},
		{family: "ruuvi-6", kind: "M", id: Ruuvi, data: "06170C5668C79E007000C90501D900CD004C884F",
			want: "temp 29.5, humd 55.3, airp 101102, pm25 11.2, carbonDioxide 201, vocIndex 10, noxIndex 2, lght 13026.67"},
		{family: "ruuvi-e1", kind: "M", id: Ruuvi, data: "E1170C5668C79E0065007004BD11CA00C90A0213E0AC000000DECDEE010000000000CBB8334C884F",
			want: "temp 29.5, humd 55.3, airp 101102, pm1 10.1, pm25 11.2, pm4 121.3, pm10 455.4, carbonDioxide 201, lght 13027, index 14601710, vocIndex 20, noxIndex 4"},
		// bthome.io
		{family: "bthome", kind: "S", id: 0xFCD2, data: "4002C40903BF13", want: "temp 25, humd 50.55"},
		{family: "bthome", kind: "S", id: 0xFCD2, data: "41E445F3C9962B332211006C7C4519", mac: "54:48:E6:8F:80:A5", key: "231d39c1d7cc1ab1aee224cd096db932", want: "temp 25.06, humd 50.55"},
		{family: "bthome", kind: "S", id: 0xFCD2, data: "403B010305", want: "command 3"},
		{family: "bthome", kind: "S", id: 0xFCD2, data: "403C0103", want: "dimmer -3"},
		{family: "bthome", kind: "S", id: 0xFCD2, data: "403C020A", want: "dimmer 10"},
		// bleparser's tests (MIT), a packet that its author received
		{family: "pvvx-encrypted", kind: "S", id: 0x181A, data: "11D603FBFA7B6DFB1E26FD", mac: "A4:C1:38:8D:18:B2", key: "b9ea895fac7eea6d30532432a516f3a3", want: "temp 23.45, humd 41.73, batl 61"},
		// xiaomi-ble's tests (Apache-2.0)
		{family: "mibeacon", kind: "S", id: 0xFE95, data: "5858480B685F1234 2D585A 0B1841E2AA 000E00 A4964FB5", mac: "5A:58:2D:34:12:5F", key: "814aac74c4f17b6c1581e1ab87816b99", want: "humd 59.6"},
		// made by us from the descriptions
		{family: "pvvx", kind: "S", id: 0x181A, data: "0100 0038C1A4 0807 8813 B80B 64 2A 0E", want: "temp 18, humd 50, voltage 3, batl 100"},
		{family: "atc1441", kind: "S", id: 0x181A, data: "A4C138000001 FFE7 32 64 0BB8 2A", want: "temp -2.5, humd 50, batl 100, voltage 3"},
		{family: "ibeacon", kind: "M", id: 0x004C, data: "0215 000102030405060708090A0B0C0D0E0F 0001 0002 C5", want: "major 1, minor 2, measuredPower -59"},
		{family: "ibeacon", kind: "M", id: 0x004C, data: "0215 A495BB40C5B14B44B5121370F02D74DE 0044 0413 C5", want: "temp 20, gravity 1.043"},
		{family: "ibeacon", kind: "M", id: 0x004C, data: "0215 A495BB40C5B14B44B5121370F02D74DE 02A8 28BE C5", want: "temp 20, gravity 1.043"},
		{family: "eddystone-uid", kind: "S", id: 0xFEAA, data: "00EE 00010203040506070809 AABBCCDDEEFF 0000", want: "txPower -18"},
		{family: "eddystone-url", kind: "S", id: 0xFEAA, data: "10EE 03 6578616D706C6507", want: "txPower -18"},
		{family: "eddystone-tlm", kind: "S", id: 0xFEAA, data: "2000 0BB8 1580 00000064 000003E8", want: "voltage 3, temp 21.5, count 100, uptime 100"},
		{family: "eddystone-tlm", kind: "S", id: 0xFEAA, data: "2000 0000 8000 00000064 000003E8", want: "count 100, uptime 100"},
		{family: "kkm", kind: "S", id: 0xFEAA, data: "2101 0F 0BB8 FEC0 3240 0001 FFFF 03E8", want: "voltage 3, temp -1.25, humd 50.25, accx 1, accy -1, accz 1000"},
		{family: "govee-h5075", kind: "M", id: 0xEC88, data: "00 8418EE 64 00", want: "temp -26.8, humd 52.6, batl 100"},
		{family: "govee-h5075", kind: "M", id: 0xEC88, data: "00 8418EE E4 00", want: "batl 100"},
		{family: "govee-h5178", kind: "M", id: 0x0001, data: "0100 01 0418EE 64 0000", want: "temp2 26.8, humd2 52.6, batl2 100"},
		{family: "govee-h5179", kind: "M", id: 0x8801, data: "EC000101 D204 8813 64", want: "temp 12.34, humd 50, batl 100"},
		{family: "govee-h510x", kind: "M", id: 0x0001, data: "0101 03590E 64", name: "GVH5102_1234", want: "temp 21.9, humd 40.6, batl 100"},
		{family: "", kind: "M", id: 0x0001, data: "0101 03590E 64"}, // whose it is, nobody can say
		{family: "switchbot", kind: "S", id: 0xFD3D, data: "54 00 64 05 99 38", want: "temp 25.5, humd 56, batl 100"},
		{family: "switchbot", kind: "S", id: 0xFD3D, data: "69 00 3A 03 19 38", want: "temp -25.3, humd 56, batl 58"},
		{family: "aranet2", kind: "M", id: 0x0702, data: "01 21 04 03 01 00 0C 0F 0000 0402 0000 F401 00 62 05 2C01 8C00 B9", want: "temp 25.8, humd 50, batl 98"},
		{family: "aranet-radon", kind: "M", id: 0x0702, data: "03 21 04 03 01 00 0C 0F 2A00 0402 7827 F401 00 62 05 2C01 8C00 B9", want: "radon 42, temp 25.8, airp 101040, humd 50, batl 98"},
		{family: "mopeka", kind: "M", id: 0x0059, data: "03 5D 41 A4C1 000001 0003", uuid: 0xFEE5, want: "voltage 2.90625, temp 25, echo 420, quality 3"},
		{family: "", kind: "M", id: 0x0059, data: "03 5D 41 A4C1 000001 0003"},
		{family: "gatt", kind: "S", id: 0x2A6E, data: "0A02", want: "temp 5.22"},
		{family: "gatt", kind: "S", id: 0x2A19, data: "55", want: "batl 85"},
		{family: "tempo-disc-thpd", kind: "M", id: 0x0133, data: "1B 3A 0E10 061E FFDF 02F7 2797 0100", want: "batl 58, temp -3.3, humd 75.9, airp 101350"},
		{family: "qingping", kind: "S", id: 0xFDCD, data: "0804 010000342D58 020160 0F012B 040100", want: "batl 96, opening 1"},
	}
}

func (v vector) advert(t testing.TB) (Advert, *Key) {
	a := one(v.kind, v.id, unhex(strings.ReplaceAll(v.data, " ", "")))
	a.Name = []byte(v.name)
	if v.mac != "" {
		a.Address, a.HasAddress = mac(v.mac), true
	}
	if v.uuid != 0 {
		a.announce(v.uuid)
	}
	if v.key == "" {
		return a, nil
	}
	return a, key(t, v.key)
}

func TestVectors(t *testing.T) {
	d := NewDecoder()
	for _, v := range vectors() {
		t.Run(v.family+"/"+v.data[:2], func(t *testing.T) {
			a, k := v.advert(t)
			var r Reading
			outcome := d.Decode(&a, k, &r)
			if (outcome == Good) != (v.family != "") || r.Family != v.family || words(&r) != v.want {
				t.Errorf("%d, %s: %s\nwant %s: %s", outcome, r.Family, words(&r), v.family, v.want)
			}
			if k != nil && v.want != "" {
				if got := d.Decode(&a, nil, &r); got != Locked || len(r.Values()) > 0 {
					t.Errorf("without a key: %d, %s", got, words(&r))
				}
			}
		})
	}
}

// TestEveryFamilyHasAVector counts those too that the corpora hold.
func TestEveryFamilyHasAVector(t *testing.T) {
	elsewhere := []string{"flower-pot", "sensorpush-ht", "sensorpush-htp", "atc1441-encrypted", "b-parasite", "govee-h5074", "govee-h5051", "govee-h5106", "govee-h5055", "inkbird-ibs", "inkbird-ibbq", "thermopro", "thermobeacon", "aranet4", "sensirion", "tempo-disc-thd"}
	for _, name := range Families() {
		if !slices.ContainsFunc(vectors(), func(v vector) bool { return v.family == name }) && !slices.Contains(elsewhere, name) {
			t.Errorf("%s has no vector", name)
		}
	}
}

// TestRowsAreSound: no row of a table is one that Check refuses.
func TestRowsAreSound(t *testing.T) {
	check := func(where string, rows []row) {
		for i := range rows {
			if err := rows[i].Check(); err != nil {
				t.Errorf("%s: %s: %v", where, rows[i].Name, err)
			}
		}
	}
	for _, f := range families() {
		check(f.name, f.rows)
		for i := range f.rows {
			if r := &f.rows[i]; r.Offset+max(r.Size, 1) > f.min {
				t.Errorf("%s: %s lies beyond the shortest frame", f.name, r.Name)
			}
		}
	}
	for id, o := range bthomeObjects() {
		check(fmt.Sprintf("object %#x", id), []row{o.row})
	}
	for id, rows := range miObjects() {
		check(fmt.Sprintf("object %#x", id), rows)
	}
}

// TestCCM is example 1 of NIST SP 800-38C, whose checksum has four bytes.
func TestCCM(t *testing.T) {
	k := key(t, "404142434445464748494a4b4c4d4e4f")
	nonce, extra, sealed := unhex("10111213141516"), unhex("0001020304050607"), unhex("7162015b4dac255d")
	plain, ok := k.open(nonce, extra, sealed)
	if !ok || fmt.Sprintf("%x", plain) != "20212223" {
		t.Errorf("%x, %v", plain, ok)
	}
	for i := range sealed {
		for bit := range 8 {
			sealed[i] ^= 1 << bit
			if _, ok := k.open(nonce, extra, sealed); ok {
				t.Errorf("bit %d of byte %d was spoiled, and it was taken", bit, i)
			}
			sealed[i] ^= 1 << bit
		}
	}
	for _, bad := range [][]byte{nil, sealed[:3]} {
		if _, ok := k.open(nonce, extra, bad); ok {
			t.Errorf("%x was opened", bad)
		}
	}
}

// seal is the other direction of open.
func (k *Key) seal(nonce, extra, plain []byte) []byte {
	n := len(plain)
	out := make([]byte, n+tagSize)
	k.authenticate(nonce, extra, plain)
	sum := k.mac
	for i := range n {
		if i%16 == 0 {
			k.stream(nonce, i/16+1)
		}
		out[i] = plain[i] ^ k.out[i%16]
	}
	k.stream(nonce, 0)
	for i := range tagSize {
		out[n+i] = sum[i] ^ k.out[i]
	}
	return out
}

func TestSealedLengths(t *testing.T) {
	k := key(t, "00112233445566778899aabbccddeeff")
	r := rand.New(rand.NewPCG(3, 4))
	for n := range 100 {
		plain := make([]byte, n)
		for i := range plain {
			plain[i] = byte(r.Uint32())
		}
		nonce := plain[:0:0]
		for range 7 + n%7 {
			nonce = append(nonce, byte(r.Uint32()))
		}
		got, ok := k.open(nonce, []byte{0x11}, k.seal(nonce, []byte{0x11}, plain))
		if !ok || string(got) != string(plain) {
			t.Fatalf("%d bytes: %x, %v", n, got, ok)
		}
	}
}

// sealedBTHome is an encrypted advertisement of ours.
func sealedBTHome(k *Key, address [6]byte, counter uint32, plain string) Advert {
	nonce := append(slices.Clone(address[:]), 0xD2, 0xFC, 0x41)
	nonce = binary.LittleEndian.AppendUint32(nonce, counter)
	sealed := k.seal(nonce, nil, unhex(plain))
	n := len(sealed) - tagSize
	data := append([]byte{0x41}, sealed[:n]...)
	data = append(binary.LittleEndian.AppendUint32(data, counter), sealed[n:]...)
	a := one("S", 0xFCD2, data)
	a.Address, a.HasAddress = address, true
	return a
}

func TestRefusals(t *testing.T) {
	const text = "00112233445566778899aabbccddeeff"
	d, address := NewDecoder(), mac("A4:C1:38:00:00:01")
	k, theirs := key(t, text), key(t, text)
	var r Reading
	for i, c := range []struct {
		counter uint32
		want    Outcome
	}{{7, Good}, {7, Good}, {8, Good}, {7, Replayed}, {0, Replayed}, {1 << 31, Good}, {8, Replayed}} {
		a := sealedBTHome(theirs, address, c.counter, "0203090361 13"[:6]+"03BF13")
		got := d.Decode(&a, k, &r)
		if got != c.want || got == Good && (r.Value("humd").Mantissa != 5055 || r.Sequence.Mantissa != int64(c.counter)) || got != Good && len(r.Values()) > 0 {
			t.Errorf("step %d: %d, want %d: %s", i, got, c.want, words(&r))
		}
	}
	for name, c := range map[string]struct {
		a    Advert
		k    *Key
		want Outcome
	}{
		"in the clear":         {one("S", 0xFCD2, unhex("4002C409")), k, Exposed},
		"of another family":    {one("M", Ruuvi, unhex("0512FC5394C37C0004FFFC040CAC364200CDCBB8334C884F")), k, Exposed},
		"of no family":         {one("M", 0x1234, unhex("0512")), k, None},
		"another key":          {sealedBTHome(theirs, address, 1<<31+1, "02C409"), key(t, "ffeeddccbbaa99887766554433221100"), WrongKey},
		"another's address":    {sealedBTHome(theirs, mac("A4:C1:38:00:00:02"), 1<<31+1, "02C409"), key(t, "ffeeddccbbaa99887766554433221100"), WrongKey},
		"no key":               {sealedBTHome(theirs, address, 1<<31+1, "02C409"), nil, Locked},
		"no address":           {one("S", 0xFCD2, unhex("41E445F3C9962B332211006C7C4519")), k, Locked},
		"nothing but checksum": {one("S", 0xFCD2, unhex("410011")), nil, Locked},
	} {
		if got := d.Decode(&c.a, c.k, &r); got != c.want || len(r.Values()) > 0 {
			t.Errorf("%s: %d, want %d: %s", name, got, c.want, words(&r))
		}
	}
	// Next to what is encrypted, nothing in the clear is taken.
	a := sealedBTHome(theirs, address, 1<<31+1, "02C409")
	a.Manufacturer(unhex("88EC 008418EE6400"))
	if got := d.Decode(&a, k, &r); got != Exposed || len(r.Values()) > 0 {
		t.Errorf("both: %d: %s", got, words(&r))
	}
	for _, bad := range []string{"", "00112233445566778899aabbccddee", "00112233445566778899aabbccddeeffff", "00112233445566778899aabbccddeezz"} {
		if _, err := NewKey(bad); err == nil || bad != "" && strings.Contains(err.Error(), bad) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// TestStates: whatever BTHome has a single bit for is a state.
func TestStates(t *testing.T) {
	for id, o := range bthomeObjects() {
		binary := id == 0x0F || id == 0x10 || id == 0x11 || id >= 0x15 && id <= 0x2D
		press := id >= 0x3A && id <= 0x3C
		m := Measured{Name: o.Name}
		if m.State() != (binary || press) || m.Press() != press {
			t.Errorf("%#x, %q: state %v, press %v", id, o.Name, m.State(), m.Press())
		}
	}
}

// A tag whose battery was changed counts from nought again. A recording of it that
// is played while it is heard is never taken.
func TestCounterBeginsAnew(t *testing.T) {
	const text = "00112233445566778899aabbccddeeff"
	d, address := NewDecoder(), mac("A4:C1:38:00:00:01")
	k, theirs := key(t, text), key(t, text)
	var r Reading
	for i, c := range []struct {
		at      time.Duration // minutes
		counter uint32
		want    Outcome
	}{
		{0, 5000, Good},
		{1, 10, Replayed}, {5, 11, Replayed}, {9, 12, Replayed}, {10, 5001, Good}, // the tag is still there
		{11, 13, Replayed}, {12, 14, Replayed}, {20, 15, Replayed}, // so it begins again
		{60, 5002, Good},
		{61, 10, Replayed}, {71, 10, Replayed}, {72, 10, Replayed}, // one recording over and over
		{80, 1, Replayed}, {85, 2, Replayed}, {90, 2, Replayed}, // the new battery
		{91, 3, Good}, {92, 4, Good}, {92, 3, Replayed}, {93, 5, Good},
	} {
		k.At(c.at * time.Minute)
		a := sealedBTHome(theirs, address, c.counter, "03BF13")
		if got := d.Decode(&a, k, &r); got != c.want {
			t.Errorf("step %d: %d, want %d", i, got, c.want)
		}
	}
}

// TestMiBeaconStates: what is sent because something happened says so whatever its byte is,
// and of what is no state nothing is made.
func TestMiBeaconStates(t *testing.T) {
	d := NewDecoder()
	for data, want := range map[string]string{
		"4030DD0324 03000100":        "motion 1",
		"403083A60A 0F00030001 00":   "motion 1",
		"4030F60701 0710 03640000":   "light 1",
		"40308B0901 0710 03010000":   "light 0",
		"4030980001 0710 03640000":   "lght 100",
		"40308B0901 19100100":        "opening 1",
		"40308B0901 19100101":        "opening 0",
		"40308B0901 19100102":        "opening 1",
		"40308B0901 19100103":        "",
		"40308B0901 191000":          "",
		"40308D0A01 1B1004 78000000": "motion 0",
		"4050000001 04480101":        "opening 1",
		"4050000001 124A0102":        "opening 0",
		"4050000001 124A0100":        "",
		"4050000001 084A0400002841":  "lght 10.5, motion 1",
	} {
		a, r := one("S", 0xFE95, unhex(strings.ReplaceAll(data, " ", ""))), Reading{}
		if got := d.Decode(&a, nil, &r); words(&r) != want || (got == Good) != (want != "") {
			t.Errorf("%s: %d, %q, want %q", data, got, words(&r), want)
		}
	}
}

func TestMiBeaconSealed(t *testing.T) {
	const text = "00112233445566778899aabbccddeeff"
	d, k, theirs, address := NewDecoder(), key(t, text), key(t, text), mac("A4:C1:38:00:00:01")
	back := backward(address[:])
	send := func(frame, high byte) Outcome {
		head := append([]byte{0x58, 0x58, 0x5B, 0x05, frame}, back[:]...)
		ext := []byte{high, 0, 0}
		nonce := append(append(slices.Clone(back[:]), head[2:5]...), ext...)
		sealed := theirs.seal(nonce, []byte{0x11}, unhex("0D1004ED005B02"))
		n := len(sealed) - tagSize
		data := append(append(append(head, sealed[:n]...), ext...), sealed[n:]...)
		a, r := one("S", 0xFE95, data), Reading{}
		outcome := d.Decode(&a, k, &r)
		if outcome == Good && words(&r) != "temp 23.7, humd 60.3" {
			t.Error(words(&r))
		}
		return outcome
	}
	for i, c := range []struct {
		frame, high byte
		want        Outcome
	}{
		// An old sensor, which has a random number above the frame's.
		{250, 200, Good}, {251, 17, Good}, {252, 90, Good}, {253, 3, Good}, {250, 200, Good}, {255, 250, Good}, {0, 1, Good},
		// One that counts, as soon as it has been seen to.
		{252, 0, Good}, {253, 0, Good}, {254, 0, Good}, {255, 0, Good}, {255, 0, Good}, {0, 1, Good}, {255, 0, Replayed}, {5, 1, Good}, {4, 1, Replayed},
	} {
		if got := send(c.frame, c.high); got != c.want {
			t.Errorf("step %d: %d, want %d", i, got, c.want)
		}
	}
	// Version 3 has no checksum that would tell a wrong key.
	a, r := one("S", 0xFE95, unhex("5830B603D28B98C54124F8C3491476757E00000099")), Reading{}
	if got := d.Decode(&a, k, &r); got != Locked {
		t.Errorf("version 3: %d", got)
	}
}

func TestATC1441Sealed(t *testing.T) {
	const text = "00112233445566778899aabbccddeeff"
	k, address := key(t, text), mac("A4:C1:38:00:00:01")
	back := backward(address[:])
	nonce := append(slices.Clone(back[:]), 11, 0x16, 0x1A, 0x18, 42)
	a, r := one("S", 0x181A, append([]byte{42}, k.seal(nonce, []byte{0x11}, []byte{125, 101, 0x80 | 77})...)), Reading{}
	a.Address, a.HasAddress = address, true
	if got := NewDecoder().Decode(&a, k, &r); got != Good || words(&r) != "temp 22.5, humd 50.5, batl 77" {
		t.Errorf("%d: %s", got, words(&r))
	}
}

func TestParseUUID(t *testing.T) {
	for text, want := range map[string]int{
		"fcd2": 0xFCD2, "0xFCD2": 0xFCD2, "0Xfe95": 0xFE95, "0000fcd2-0000-1000-8000-00805f9b34fb": 0xFCD2, "0000FCD2-0000-1000-8000-00805F9B34FB": 0xFCD2,
		"": -1, "fcd": -1, "fcdg": -1, "0xfcd": -1, "1000fcd2-0000-1000-8000-00805f9b34fb": -1, "cba20d00-224d-11e6-9fb8-0002a5d5c51b": -1,
	} {
		if got, ok := ParseUUID([]byte(text)); ok != (want >= 0) || ok && int(got) != want {
			t.Errorf("%q is %#x, %v", text, got, ok)
		}
	}
}

// TestPayload takes a whole payload apart: name, list of services, service data
// in its three forms.
func TestPayload(t *testing.T) {
	d := NewDecoder()
	for _, c := range []struct{ payload, want string }{
		{"020106 0B094449592D73656E736F72 0A16D2FC4002C40903BF13", "temp 25, humd 50.55"},
		{"0C20D2FC00004002C40903BF13", "temp 25, humd 50.55"},
		{"1821FB349B5F80000080001000 00D2FC0000 4002C40903BF13", "temp 25, humd 50.55"},
		{"0303E5FE 0DFF5900035D41A4C10000010003", "voltage 2.90625, temp 25, echo 420, quality 3"},
		// bleparser's tests (MIT), received by its author
		{"020106 1106B00A09ECD79DB893BA42D611000009EF 06FF04E9187D39", "temp 27.69, humd 36.5325"},
		{"020106 1106B00A09ECD79DB893BA42D611000009EF 08FF0089E456BEA6B4", "temp 22.6625, humd 46.0675, airp 98965"},
		{"06FF04E9187D39", ""},
		{"050947564835 0DFF5900035D41A4C10000010003", ""},
	} {
		var a Advert
		var r Reading
		if cut := a.Payload(unhex(c.payload)); cut > 0 {
			t.Errorf("%s: cut %d", c.payload, cut)
		}
		if d.Decode(&a, nil, &r); words(&r) != c.want {
			t.Errorf("%s: %s, want %s", c.payload, words(&r), c.want)
		}
	}
}

func TestIdentity(t *testing.T) {
	for _, c := range []struct{ data, name, text string }{
		{"00EE 00010203040506070809 AABBCCDDEEFF 0000", "uid", "00010203040506070809aabbccddeeff"},
		{"10EE 03 6578616D706C6507", "url", "https://example.com"},
		{"10EE 00 676F00", "url", "http://www.go.com/"},
		{"10EE 03 20", "", ""},
	} {
		a, r := one("S", 0xFEAA, unhex(c.data)), Reading{}
		NewDecoder().Decode(&a, nil, &r)
		if name, text := r.Text(); name != c.name || string(text) != c.text || r.Beacon != (name != "") {
			t.Errorf("%s: %q %q %v", c.data, name, text, r.Beacon)
		}
	}
}

func TestNoAllocations(t *testing.T) {
	d := NewDecoder()
	type sent struct {
		a Advert
		k *Key
	}
	var all []sent
	for _, v := range vectors() {
		a, k := v.advert(t)
		all = append(all, sent{a, k})
	}
	var r Reading
	if n := testing.AllocsPerRun(100, func() {
		for i := range all {
			d.Decode(&all[i].a, all[i].k, &r)
		}
	}); n != 0 {
		t.Errorf("%v allocations for %d advertisements, want 0", n, len(all))
	}
}

// TestDF5EveryNumber goes through all raw values of each two-byte field, and
// compares with the formula of the table in floating point.
func TestDF5EveryNumber(t *testing.T) {
	b := unhex("0512FC5394C37C0004FFFC040CAC364200CDCBB8334C884F")
	d, r := NewDecoder(), Reading{}
	near := func(name string, known bool, want float64) bool {
		v := r.Value(name)
		return v.Known == known && (!known || math.Abs(v.Float()-want) < 1e-9)
	}
	for raw := range 1 << 16 {
		for _, at := range []int{1, 3, 5, 7, 13, 16} {
			b[at], b[at+1] = byte(raw>>8), byte(raw)
		}
		a := one("M", Ruuvi, b)
		outcome := d.Decode(&a, nil, &r)
		u, s := float64(raw), float64(int16(raw))
		power := raw & 31
		if outcome != Good || !near("temp", raw != 0x8000, s*0.005) || !near("accx", raw != 0x8000, s) || !near("humd", raw != 0xFFFF, u*0.0025) ||
			!near("airp", raw != 0xFFFF, u+50000) || !near("index", raw != 0xFFFF, u) || !near("voltage", raw>>5 != 2047, float64(raw>>5+1600)/1000) ||
			!near("txPower", power != 31, float64(power*2-40)) {
			t.Fatalf("raw %#04x: %s", raw, words(&r))
		}
	}
}

// FuzzDecode: whatever comes, what is read fits the table that read it.
func FuzzDecode(f *testing.F) {
	for _, v := range vectors() {
		b := unhex(strings.ReplaceAll(v.data, " ", ""))
		id := binary.LittleEndian.AppendUint16(nil, uint16(v.id))
		typ := byte(maker)
		if v.kind == "S" {
			typ = service16
		}
		f.Add(append([]byte{byte(len(b) + 3), typ, id[0], id[1]}, b...), v.mac != "", v.name)
	}
	d := NewDecoder()
	k := key(f, "231d39c1d7cc1ab1aee224cd096db932")
	f.Fuzz(func(t *testing.T, payload []byte, keyed bool, name string) {
		if len(payload) > 128 {
			return
		}
		var a Advert
		var r Reading
		a.Name = []byte(name)
		a.Payload(payload)
		a.Address, a.HasAddress = mac("54:48:E6:8F:80:A5"), true
		var with *Key
		if keyed {
			k.heard, with = false, k
		}
		outcome := d.Decode(&a, with, &r)
		if outcome != Good && len(r.Values()) > 0 || outcome == Good && r.Family == "" {
			t.Fatalf("%d, %s: %s", outcome, r.Family, words(&r))
		}
		for _, v := range r.Values() {
			if !v.Known || v.Name == "" || v.Decimals < 0 || v.Decimals > 18 || v.Name == "batl" && (v.Float() < 0 || v.Float() > 255) {
				t.Fatalf("%s: %+v", r.Family, v)
			}
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	d := NewDecoder()
	for _, v := range vectors() {
		if v.family == "ruuvi-5" && strings.HasPrefix(v.data, "0512") || v.key != "" && v.family == "bthome" || v.family == "govee-h5075" && strings.HasSuffix(v.data, "64 00") {
			b.Run(v.family+v.key[:min(3, len(v.key))], func(b *testing.B) {
				a, k := v.advert(b)
				var r Reading
				b.ReportAllocs()
				for b.Loop() {
					if d.Decode(&a, k, &r) != Good {
						b.Fatal(r.Family)
					}
				}
			})
		}
	}
}
