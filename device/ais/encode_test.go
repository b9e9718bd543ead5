package ais

import (
	"fmt"
	"math"
	"strings"
)

// report is a message to be encoded: numbers as the bit fields have them.
type report struct {
	kind    uint8
	mmsi    uint32
	own     bool
	numbers map[Field]int32
	texts   map[Field]string
}

// bitsOf writes the bits of a report by the tables. What it does not name is "not
// available", or nought.
func bitsOf(r report) string {
	bits := fmt.Sprintf("%06b%02b%030b", r.kind, 0, r.mmsi)
	l := layoutOf(r.kind, r.mmsi, uint32(r.numbers[Part]))
	end := map[uint8]int{1: 168, 2: 168, 3: 168, 4: 168, 5: 424, 9: 168, 11: 168, 18: 168, 19: 312, 21: 272, 24: 168, 27: 96}[r.kind]
	all := []byte(bits + strings.Repeat("0", max(0, end-len(bits))))
	if l == nil {
		return string(all)
	}
	for _, row := range l.rows {
		var field string
		if int(row.field) >= numbers {
			for i := range row.bits / 6 {
				c := byte('@')
				if t := r.texts[row.field]; i < len(t) {
					c = t[i]
				}
				field += fmt.Sprintf("%06b", c&63)
			}
			if rest := r.texts[row.field]; row.field == Name && r.kind == 21 && len(rest) > 20 {
				for _, c := range []byte(rest[20:]) {
					all = fmt.Appendf(all, "%06b", c&63)
				}
			}
		} else {
			v, ok := r.numbers[row.field]
			if !ok && row.none != never {
				v = row.none
			}
			field = fmt.Sprintf("%0*b", row.bits, uint32(v)&(1<<row.bits-1))
		}
		copy(all[row.at:], field)
	}
	return string(all)
}

// sentencesOf armours bits into sentences of up to 60 characters.
func sentencesOf(bits, channel string, sequence int, own bool) (all []string) {
	fill := (6 - len(bits)%6) % 6
	bits += strings.Repeat("0", fill)
	var armour strings.Builder
	for i := 0; i < len(bits); i += 6 {
		v := byte(0)
		for _, c := range []byte(bits[i : i+6]) {
			v = v<<1 | (c - '0')
		}
		if v += '0'; v > 'W' {
			v += 8
		}
		armour.WriteByte(v)
	}
	text, address := armour.String(), "AIVDM"
	if own {
		address = "AIVDO"
	}
	total := (len(text) + 59) / 60
	for i := range total {
		part := text[60*i : min(60*i+60, len(text))]
		number, pad := "", 0
		if total > 1 {
			number = fmt.Sprint(sequence)
		}
		if i == total-1 {
			pad = fill
		}
		all = append(all, sum(fmt.Sprintf("%s,%d,%d,%s,%s,%s,%d", address, total, i+1, number, channel, part, pad)))
	}
	return all
}

// sum makes a sentence of its inside.
func sum(body string) string {
	var x byte
	for _, c := range []byte(body) {
		x ^= c
	}
	return fmt.Sprintf("!%s*%02X\r\n", body, x)
}

func degrees(v float64) int32 { return int32(math.Round(v * degree)) }

// The MMSIs below begin with 290, which no country has.

func moving() report {
	return report{1, 290000001, false, map[Field]int32{
		Status: 0, Turn: 20, Speed: 123, Accuracy: 1, Lon: degrees(24.94), Lat: degrees(60.17), Course: 2241, Heading: 222, Second: 14, RAIM: 1,
	}, nil}
}

func harbour() []report {
	return []report{
		moving(),
		{3, 290000002, false, map[Field]int32{Status: 5, Turn: -128, Speed: 0, Lon: degrees(24.95), Lat: degrees(60.16), Second: 15}, nil},
		{4, 2900001, false, map[Field]int32{Year: 2026, Month: 11, Day: 30, Hour: 3, Minute: 20, Second: 16, Accuracy: 1, Lon: degrees(24.9), Lat: degrees(60.1), EPFD: 7}, nil},
		{5, 290000001, false, map[Field]int32{IMO: 9000001, ShipType: 70, ToBow: 120, ToStern: 20, ToPort: 10, ToStarboard: 12, EPFD: 1, Month: 12, Day: 1, Hour: 6, Minute: 30, Draught: 71},
			map[Field]string{Name: "EXAMPLE TRADER", Callsign: "XX1234", Destination: "NOWHERE"}},
		{9, 111290001, false, map[Field]int32{Alt: 303, Speed: 82, Lon: degrees(-24.5), Lat: degrees(-60.25), Course: 1545, Second: 17}, nil},
		{18, 290000003, false, map[Field]int32{Speed: 61, Lon: degrees(25.01), Lat: degrees(60.11), Course: 899, Second: 18, ClassCS: 1}, nil},
		{24, 290000003, false, map[Field]int32{Part: 0}, map[Field]string{Name: "EXAMPLE YAWL"}},
		{24, 290000003, false, map[Field]int32{Part: 1, ShipType: 36, ToBow: 8, ToStern: 4, ToPort: 1, ToStarboard: 3, Model: 2, Serial: 77},
			map[Field]string{Vendor: "EXA", Callsign: "XX77"}},
		{19, 290000004, false, map[Field]int32{Speed: 250, Lon: degrees(25.02), Lat: degrees(60.12), Course: 3599, Heading: 359, Second: 19, ShipType: 37, ToBow: 9, ToStern: 3, ToPort: 2, ToStarboard: 2},
			map[Field]string{Name: "EXAMPLE SPEEDBOAT"}},
		{21, 992900001, false, map[Field]int32{AidType: 5, Accuracy: 1, Lon: degrees(25.03), Lat: degrees(60.13), Second: 61, OffPosition: 1, Virtual: 1, ToBow: 1, ToStern: 1, ToPort: 1, ToStarboard: 1},
			map[Field]string{Name: "EXAMPLE LIGHT NORTH WEST"}},
		{27, 290000005, false, map[Field]int32{Status: 1, Lon: -154 * 600, Lat: 20*600 + 3, Speed: 14, Course: 167}, nil},
		{8, 290000006, false, nil, nil}, // recognised, and no more
	}
}
