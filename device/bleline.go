package device

import (
	"bytes"
	"encoding/hex"
	"math"
	"strconv"

	"portti/device/adv"
	"portti/device/jsonline"
)

// bleAddress is a device address, the first byte the one written first.
type bleAddress [6]byte

// parseBLEAddress takes six pairs of hex digits with colons, dashes or nothing
// between, and BleuIO's mark of the kind of address before them, as in [1]AA:...
func parseBLEAddress(b []byte) (a bleAddress, ok bool) {
	if len(b) > 3 && b[0] == '[' && b[2] == ']' {
		b = b[3:]
	}
	step := 2
	if len(b) == 17 {
		step = 3
	} else if len(b) != 12 {
		return a, false
	}
	for i := range a {
		at := i * step
		if _, err := hex.Decode(a[i:i+1], b[at:at+2]); err != nil {
			return a, false
		}
		if step == 3 && i > 0 && b[at-1] != ':' && b[at-1] != '-' {
			return a, false
		}
	}
	return a, true
}

// tuid is the identity of a tag that nobody named.
func (a bleAddress) tuid(family string) string {
	const digits = "0123456789ABCDEF"
	var buf [12]byte
	for i, c := range a {
		buf[2*i], buf[2*i+1] = digits[c>>4], digits[c&15]
	}
	return family + string(buf[1:])
}

// bleAdvert is what one line says. Its slices are parts of the line, those of
// data in hex.
type bleAdvert struct {
	heartbeat bool
	address   bleAddress
	addressed int       // how good the address is, 0 = none
	rssi      adv.Value // dBm
	name      []byte
	raw       []byte // the whole advertising payload
	maker     []byte // manufacturer data, company first
	service   []byte // service data without UUID
	uuid      []byte
	packet    adv.Value                // the number of the advertisement, as decoded by the bridge
	decoded   [bleDecoded]adv.Measured // in the order of bleKey; those without a name are not there
	result    Result                   // Malformed where a value is not what it should be
}

// bleDecoded is how many values of bridges are known.
const bleDecoded = 17

// bleKey is what a key of OpenMQTTGateway's and Theengs' means: a place, and a
// name in our messages with the number of the probe. The units are the same but
// for the pressure, which is in hPa.
func bleKey(key string) (place int, name string, number int) {
	switch key {
	case "tempc":
		return 0, "temp", 0
	case "hum":
		return 1, "humd", 0
	case "pres":
		return 2, "airp", 0
	case "lux":
		return 3, "lght", 0
	case "co2":
		return 4, "carbonDioxide", 0
	case "batt":
		return 5, "batl", 0
	case "volt":
		return 6, "voltage", 0
	case "moi":
		return 7, "moisture", 0
	case "fer":
		return 8, "conductivity", 0
	case "pm25":
		return 9, "pm25", 0
	case "pm10":
		return 10, "pm10", 0
	}
	if len(key) == 6 && key[:5] == "tempc" && '1' <= key[5] && key[5] <= '6' {
		return 10 + int(key[5]-'0'), "temp", int(key[5] - '0')
	}
	return -1, "", 0
}

// parseBLELine reads a line. Keys that it does not know are passed over.
func parseBLELine(line []byte) (ad bleAdvert, ok bool) {
	if !jsonline.Valid(line) {
		return ad, false
	}
	var s jsonline.Scanner
	for s.Reset(line); s.Next(); {
		switch s.Kind() {
		case jsonline.String, jsonline.Number:
			ad.member(s.Key(), s.Raw(), s.Kind())
		}
	}
	return ad, true
}

func (ad *bleAdvert) member(key, raw []byte, kind jsonline.Kind) {
	if kind == jsonline.String {
		ad.text(key, raw)
	}
	switch string(key) {
	case "rssi":
		ad.rssi = ad.value(raw)
		return
	case "packet":
		ad.packet, _ = parseBLENumber(raw)
		return
	}
	place, name, number := bleKey(string(key))
	if place < 0 {
		return
	}
	v := ad.value(raw)
	if name == "airp" {
		v = hundredfold(v)
	}
	ad.decoded[place] = adv.Measured{Name: name, Number: number, Value: v}
}

func (ad *bleAdvert) text(key, raw []byte) {
	switch string(key) {
	case "type":
		ad.heartbeat = string(raw) == "heartbeat"
	case "mac":
		ad.identify(raw, 3)
	case "addr", "id":
		ad.identify(raw, 2)
	case "origin", "topic":
		ad.identify(raw[bytes.LastIndexByte(raw, '/')+1:], 1)
	case "adv", "data", "raw":
		ad.raw = raw
	case "name":
		ad.name = raw
	case "manufacturerdata":
		ad.maker = raw
	case "servicedata":
		ad.service = raw
	case "servicedatauuid":
		ad.uuid = raw
	}
}

// identify takes an address, the best of several: an id may also be the UUID
// of an iBeacon, and a topic may end with anything.
func (ad *bleAdvert) identify(raw []byte, good int) {
	if a, ok := parseBLEAddress(raw); ok && good > ad.addressed {
		ad.address, ad.addressed = a, good
	}
}

// value reads a number with the digits that it has.
func (ad *bleAdvert) value(raw []byte) adv.Value {
	v, ok := parseBLENumber(raw)
	if !ok {
		ad.result = Malformed
	}
	return v
}

// parseBLENumber keeps up to 16 digits as they are. More of them, and exponents,
// go through a float64 to six decimals; beyond 1e12 nothing was ever measured.
func parseBLENumber(b []byte) (adv.Value, bool) {
	v := adv.Value{Known: true}
	digits, point := 0, -1
	for i, c := range b {
		switch {
		case '0' <= c && c <= '9' && digits < 16:
			v.Mantissa = v.Mantissa*10 + int64(c-'0')
			digits++
		case c == '.' && point < 0 && digits > 0:
			point = digits
		case c == '-' && i == 0:
		default:
			return parseBLEFloat(b)
		}
	}
	if digits == 0 || point == digits {
		return adv.Value{}, false
	}
	if point >= 0 {
		v.Decimals = digits - point
	}
	if b[0] == '-' {
		v.Mantissa = -v.Mantissa
	}
	return v, true
}

func parseBLEFloat(b []byte) (adv.Value, bool) {
	if len(b) > 32 || bytes.ContainsAny(b, "xXpP_iInN") {
		return adv.Value{}, false
	}
	f, err := strconv.ParseFloat(string(b), 64)
	if err != nil || math.Abs(f) > 1e12 {
		return adv.Value{}, false
	}
	return adv.Value{Mantissa: int64(math.Round(f * 1e6)), Decimals: 6, Known: true}, true
}

func hundredfold(v adv.Value) adv.Value {
	for range 2 {
		if v.Decimals > 0 {
			v.Decimals--
		} else if v.Mantissa < math.MaxInt64/10 && v.Mantissa > math.MinInt64/10 {
			v.Mantissa *= 10
		}
	}
	return v
}
