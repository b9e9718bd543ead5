package nmea

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// sum completes a sentence.
func sum(body string) string {
	var x byte
	for i := range len(body) {
		x ^= body[i]
	}
	return fmt.Sprintf("$%s*%02X\r\n", body, x)
}

// scanAll gives all events, and the good sentences as text.
func scanAll(sc *Scanner, pieces ...[]byte) (events []Event, good []string) {
	for _, b := range pieces {
		for len(b) > 0 {
			n, ev := sc.Scan(b)
			b = b[n:]
			if ev == More {
				continue
			}
			events = append(events, ev)
			if ev == Good {
				s := sc.Sentence()
				good = append(good, s.Type.String()+" "+string(s.body))
			}
		}
	}
	return events, good
}

func TestScanner(t *testing.T) {
	const vtg = "$GPVTG,,T,,M,0.016,N,0.030,K,A*27"
	const gll = "$GPGLL,,,,,143251.00,V,N*4E"
	long := "$GPTXT," + strings.Repeat("x", 2000)
	tests := []struct {
		name    string
		in      string
		lenient bool
		want    []Event
		good    int
	}{
		{"one with CR LF", vtg + "\r\n", false, []Event{Good}, 1},
		{"one with LF", vtg + "\n", false, []Event{Good}, 1},
		{"one with CR", vtg + "\r", false, []Event{Good}, 1},
		{"complete before its line ends", vtg, false, []Event{Good}, 1},
		{"small letters in the checksum", sumLower("GPZDA,,,,,00,00"), false, []Event{Good}, 1},
		{"two without a line end between", vtg + vtg, false, []Event{Good, Good}, 2},
		{"glued", "$GPGG" + vtg + "\r\n", false, []Event{Cut, Good}, 1},
		{"glued in the checksum", "$GPGLL,,*4" + vtg, false, []Event{Cut, Good}, 1},
		{"AIS is handed over", "!AIVDM,1,1,,A,14eG;o@034o8sd<L9i:a;WF>062D,0*7D\r\n", false, []Event{Good}, 1},
		{"wrong checksum", strings.Replace(vtg, "*27", "*28", 1) + "\r\n" + gll, false, []Event{BadSum, BadSum}, 0},
		{"no checksum", "$GPGLL,4002.1,N,07531.2,W\r\n", false, []Event{NoSum}, 0},
		{"no checksum, lenient", "$GPGLL,4002.1,N,07531.2,W\r\n", true, []Event{Good}, 1},
		{"star without digits", "$GPGLL,4002.1,N,07531.2,W*\r\n", false, []Event{NoSum}, 0},
		{"star and one digit", "$GPGLL,4002.1*4\r\n" + vtg, false, []Event{Cut, Good}, 1},
		{"bytes after the checksum", vtg + " \r\n" + vtg + "junk\r\n", false, []Event{Good, Good, Noise}, 2},
		{"tag block", "\\s:GP1,c:1241544035*4A\\" + vtg, false, []Event{Good}, 1},
		{"tag block that never ends", "\\s:GP1,c:12\r\n" + vtg, false, []Event{Good}, 1},
		{"tag block cut by a sentence", "\\s:GP1" + vtg, false, []Event{Good}, 1},
		{"too long", long + "\r\n" + vtg, false, []Event{Long, Good}, 1},
		{"too long, then a start", long + vtg, false, []Event{Long, Good}, 1},
		{"noise before", "abc" + vtg, false, []Event{Noise, Good}, 1},
		{"a line of noise", "# comment\r\n" + vtg, false, []Event{Noise, Good}, 1},
		{"zero byte in a sentence", "$GPVTG,\x00,T" + vtg, false, []Event{Cut, Noise, Good}, 1},
		{"high byte in a sentence", "$GPVTG,\xff\r\n" + vtg, false, []Event{Cut, Noise, Good}, 1},
		{"empty lines", "\r\n\r\n\n" + vtg + "\r\n\r\n", false, []Event{Good}, 1},
		{"a lone start", "$\r\n" + vtg, false, []Event{Cut, Good}, 1},
		{"nothing but a checksum", "$*00\r\n" + vtg, false, []Event{Cut, Good}, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			sc := NewScanner(0)
			sc.Lenient = tt.lenient
			events, good := scanAll(sc, []byte(tt.in))
			if strings.HasPrefix(tt.name, "wrong checksum") {
				events = events[:2]
			}
			if !slices.Equal(events, tt.want) || len(good) != tt.good {
				t.Errorf("got events %v, sentences %q; want %v and %d sentences", events, good, tt.want, tt.good)
			}
			// The same, a byte at a time.
			sc = NewScanner(0)
			sc.Lenient = tt.lenient
			slow, slowGood := scanAll(sc, bytes.SplitAfter([]byte(tt.in), nil)...)
			if strings.HasPrefix(tt.name, "wrong checksum") {
				slow = slow[:2]
			}
			if !slices.Equal(slow, events) || !slices.Equal(slowGood, good) {
				t.Errorf("a byte at a time: %v %q, at once: %v %q", slow, slowGood, events, good)
			}
		})
	}
}

func sumLower(body string) string { return "$" + body + "*" + strings.ToLower(sum(body)[len(body)+2:]) }

func TestScannerBounds(t *testing.T) {
	for _, limit := range []int{0, 1, 82, 200, 1 << 20} {
		sc := NewScanner(limit)
		want := max(min(max(limit, 82), maxLimit), 82)
		if limit == 0 {
			want = DefaultMax
		}
		fits := sum("GPTXT," + strings.Repeat("x", want-7))
		over := sum("GPTXT," + strings.Repeat("x", want-6))
		if ev, _ := scanAll(sc, []byte(fits)); !slices.Equal(ev, []Event{Good}) {
			t.Errorf("limit %d: a sentence of %d bytes gives %v", limit, want, ev)
		}
		if ev, _ := scanAll(sc, []byte(over)); !slices.Equal(ev, []Event{Long}) {
			t.Errorf("limit %d: a sentence of %d bytes gives %v", limit, want+1, ev)
		}
		if cap(sc.buf) != want {
			t.Errorf("limit %d: the buffer has %d bytes", limit, cap(sc.buf))
		}
	}
}

// TestScannerNoise: noise without a line's end is counted in bounded lumps.
func TestScannerNoise(t *testing.T) {
	ev, _ := scanAll(NewScanner(0), make([]byte, 10*noiseMax))
	if len(ev) != 10 || ev[0] != Noise {
		t.Errorf("%d events from %d bytes of noise, want 10 of noise", len(ev), 10*noiseMax)
	}
	ev, _ = scanAll(NewScanner(0), []byte("$"+strings.Repeat("A", 1<<20)))
	if ev[0] != Long || len(ev) > 1+(1<<20)/noiseMax {
		t.Errorf("a megabyte without a line's end gives %d events", len(ev))
	}
}

func TestSentence(t *testing.T) {
	tests := []struct {
		in     string
		kind   Type
		talker string
		fields int
	}{
		{"$GPGGA,1,2", GGA, "GP", 3},
		{"$BDRMC,1", RMC, "BD", 2},
		{"$GIGSA", GSA, "GI", 1},
		{"$PQGSA,A,3", GSA, "PQ", 3},
		{"$PGRMC,A", Other, "P\x00", 2},
		{"$PUBX,00,1", Other, "P\x00", 3},
		{"$XXGLL,", GLL, "XX", 2},
		{"$HEHDT,341.8,T", HDT, "HE", 3},
		{"$GPXYZ", Other, "GP", 1},
		{"$GPGGAX", Other, "GP", 1},
		{"!AIVDM,1,1", Foreign, "AI", 3},
		{"$" + strings.Repeat("GPGGA,", 200), GGA, "GP", maxFields},
	}
	for _, tt := range tests {
		var s Sentence
		s.split(tt.in[0], []byte(tt.in[1:]))
		if s.Type != tt.kind || string(s.Talker[:]) != tt.talker || s.Fields() != tt.fields {
			t.Errorf("%.40s: type %v, talker %q, %d fields; want %v, %q, %d", tt.in, s.Type, s.Talker, s.Fields(), tt.kind, tt.talker, tt.fields)
		}
		for i := -1; i <= s.Fields()+1; i++ {
			want := ""
			if all := strings.Split(tt.in[1:], ","); i >= 0 && i < s.Fields() {
				want = all[i]
			}
			if got := string(s.Field(i)); got != want {
				t.Errorf("%.40s: field %d is %q, want %q", tt.in, i, got, want)
			}
		}
	}
	for k := range Types {
		if k.String() == "" {
			t.Errorf("type %d has no name", k)
		}
	}
	if Type(200).String() != "unknown" || GBS.String() != "GBS" || Foreign.String() != "Foreign" {
		t.Error("types are misnamed")
	}
}
