package nmea

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// joinAll gives the fixes of sentences that come without a pause; "idle" in
// place of a sentence is a pause.
func joinAll(t testing.TB, opts Options, sentences ...string) []Fix {
	t.Helper()
	var fixes []Fix
	j := NewJoiner(opts, func(f *Fix) { fixes = append(fixes, *f) })
	sc := NewScanner(0)
	for _, s := range sentences {
		if s == "idle" {
			j.Idle()
			continue
		}
		b := []byte(sum(s))
		if n, ev := sc.Scan(b); ev != Good || n != len(b)-2 {
			t.Fatalf("cannot scan %q: event %d", s, ev)
		}
		j.Add(sc.Sentence())
	}
	j.Idle()
	return fixes
}

// burst is the sentences of one epoch of a receiver that sends them all.
func burst(clock, lat string) []string {
	return []string{
		"GNRMC," + clock + ",A," + lat + ",N,02528.0860,E,10.0,57.3,221126,,,A",
		"GNGGA," + clock + "," + lat + ",N,02528.0860,E,1,09,0.9,12.3,M,19.2,M,,",
		"GNGLL," + lat + ",N,02528.0860,E," + clock + ",A,A",
		"GNVTG,57.3,T,,M,10.0,N,18.5,K,A",
		"GNGSA,A,3,03,06,09,17,19,22,,,,,,,1.90,0.90,1.60",
		"GNGST," + clock + ",18,,,,3.0,4.0,2.4",
	}
}

func at(clock string) int64 {
	t, err := time.Parse("2006-01-02T150405.999", clock)
	if err != nil {
		panic(err)
	}
	return t.UnixMilli()
}

// permute calls f with every order of s.
func permute(s []string, n int, f func([]string)) {
	if n == 1 {
		f(s)
		return
	}
	for i := range n {
		permute(s, n-1, f)
		if n%2 == 0 {
			s[i], s[n-1] = s[n-1], s[i]
		} else {
			s[0], s[n-1] = s[n-1], s[0]
		}
	}
}

// TestOrder: whatever the order of its sentences, an epoch gives the same fix,
// at once or after a pause.
func TestOrder(t *testing.T) {
	order := []string{"0", "1", "2", "3", "4", "5"}
	permute(order, len(order), func(order []string) {
		var in []string
		for s := range 5 {
			b := burst(fmt.Sprintf("1200%02d.00", s), fmt.Sprintf("6500.%04d", s))
			for _, o := range order {
				in = append(in, b[o[0]-'0'])
			}
			in = append(in, "idle")
		}
		fixes := joinAll(t, Options{}, in...)
		if len(fixes) != 5 {
			t.Fatalf("order %v: %d fixes, want 5", order, len(fixes))
		}
		for s, f := range fixes {
			want := Fix{Time: at(fmt.Sprintf("2026-11-22T1200%02d", s)), Clock: TimeOfDay(43200000 + s*1000), Mode: 3,
				Position: Position{Coord(65e9 + (int64(s)*1e5+30)/60), 25468100000, true}, Alt: dec(123, 1), Speed: dec(5144, 3), Course: dec(573, 1),
				Sats: 9, Quality: 1, HDOP: dec(9, 1), ErrLat: dec(30, 1), ErrLon: dec(40, 1), End: f.End}
			f.HDOP = dec(f.HDOP.Scaled(1), 1) // 0.9 or 0.90
			if (s == 0 || s == 4) && f.ErrLat == (Decimal{}) {
				want.ErrLat, want.ErrLon = Decimal{}, Decimal{}
				t.Errorf("order %v: second %d lost its error", order, s)
			}
			if f != want {
				t.Fatalf("order %v, second %d:\n got %+v\nwant %+v", order, s, f, want)
			}
		}
	})
}

// TestEndings: the first cycles end by the next one's time, then by what was
// learnt; a pause ends one too.
func TestEndings(t *testing.T) {
	var in []string
	for s := range 6 {
		in = append(in, burst(fmt.Sprintf("1200%02d.00", s), "6500.0000")...)
	}
	fixes := joinAll(t, Options{}, in...)
	var got []Ending
	for _, f := range fixes {
		got = append(got, f.End)
	}
	if want := []Ending{ByTime, ByTime, ByTime, ByLast, ByLast, ByLast}; fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("endings %v, want %v", got, want)
	}
	fixes = joinAll(t, Options{}, append(burst("120000.00", "6500.0000"), "idle")...)
	if len(fixes) != 1 || fixes[0].End != ByIdle {
		t.Errorf("got %+v", fixes)
	}
}

// TestLate: a receiver that adds a sentence to its cycle now and then must not
// make two fixes of one epoch, and what was learnt is given up.
func TestLate(t *testing.T) {
	var in []string
	for s := range 20 {
		b := burst(fmt.Sprintf("1200%02d.00", s), "6500.0000")
		if s%5 != 4 {
			b = b[:3]
		}
		in = append(in, b...)
		if s%5 == 4 {
			in = append(in, fmt.Sprintf("GNGLL,6500.0000,N,02528.0860,E,1200%02d.00,A,A", s))
		}
	}
	fixes := joinAll(t, Options{}, in...)
	if len(fixes) != 20 {
		t.Fatalf("%d fixes, want 20", len(fixes))
	}
	for i, f := range fixes {
		if want := at(fmt.Sprintf("2026-11-22T1200%02d", i)); f.Time != want {
			t.Errorf("fix %d has time %d, want %d", i, f.Time, want)
		}
	}
}

func TestDates(t *testing.T) {
	gga := func(clock string) string {
		return "GPGGA," + clock + ",6500.0,N,02528.0,E,1,09,0.9,12.3,M,19.2,M,,"
	}
	rmc := func(clock, date string) string {
		return "GPRMC," + clock + ",A,6500.0,N,02528.0,E,10.0,57.3," + date + ",,,A"
	}
	floor := at("2026-11-01T000000")
	tests := []struct {
		name   string
		floor  int64
		in     []string
		want   []int64
		rolled bool
	}{
		{"no date", 0, []string{gga("120000")}, []int64{0}, false},
		{"date in the same epoch, later", 0, []string{gga("120000"), rmc("120000", "221126")}, []int64{at("2026-11-22T120000")}, false},
		{"date kept", 0, []string{rmc("120000", "221126"), gga("120001"), gga("120002.5")},
			[]int64{at("2026-11-22T120000"), at("2026-11-22T120001"), at("2026-11-22T120002.5")}, false},
		{"GGA passes midnight before RMC", 0, []string{gga("235959"), rmc("235959", "311226"), gga("000000"), rmc("000000", "010127"), gga("000001")},
			[]int64{at("2026-12-31T235959"), at("2027-01-01T000000"), at("2027-01-01T000001")}, false},
		{"midnight without a date", 0, []string{rmc("235959", "280228"), gga("000000"), gga("000001")},
			[]int64{at("2028-02-28T235959"), at("2028-02-29T000000"), at("2028-02-29T000001")}, false},
		{"time goes back a little: the same day", 0, []string{rmc("120000", "221126"), gga("115958")},
			[]int64{at("2026-11-22T120000"), at("2026-11-22T115958")}, false},
		{"time goes back across midnight", 0, []string{rmc("000001", "221126"), gga("235959")},
			[]int64{at("2026-11-22T000001"), at("2026-11-21T235959")}, false},
		{"ZDA of the same time", 0, []string{gga("120000"), "GPZDA,120000,22,11,2026,00,00"}, []int64{at("2026-11-22T120000")}, false},
		{"ZDA of the second before, over midnight", 0, []string{"GPZDA,235959,22,11,2026,00,00", gga("000000")}, []int64{at("2026-11-23T000000")}, false},
		{"date of a void RMC is not believed", 0, []string{"GPRMC,120000,V,,,,,,,060180,,,N", gga("120001")}, []int64{0, 0}, false},
		{"1024 weeks behind", floor, []string{rmc("120000", "080407")}, []int64{at("2026-11-22T120000")}, true},
		{"2048 weeks behind", floor, []string{rmc("120000", "230887")}, []int64{at("2026-11-22T120000")}, true},
		{"a recording: 1024 weeks on would be in the future", floor, []string{rmc("120000", "071020")}, []int64{at("2020-10-07T120000")}, false},
		{"no number of weeks explains it", floor, []string{rmc("120000", "060180"), rmc("120001", "060180")}, []int64{at("1980-01-06T120000"), at("1980-01-06T120001")}, false},
		{"1024 weeks on would be the past still", floor, []string{rmc("120000", "050505")}, []int64{at("2005-05-05T120000")}, false},
		{"a date a second late at midnight", 0, []string{rmc("235959", "281126"), rmc("000000", "281126"), rmc("000001", "291126")},
			[]int64{at("2026-11-28T235959"), at("2026-11-29T000000"), at("2026-11-29T000001")}, false},
		{"a date a second early", 0, []string{rmc("235958", "281126"), rmc("235959", "291126"), rmc("000000", "291126")},
			[]int64{at("2026-11-28T235958"), at("2026-11-28T235959"), at("2026-11-29T000000")}, false},
		{"a late date of ZDA between two epochs", 0, []string{rmc("235959", "281126"), "idle", "GPZDA,000000,28,11,2026,00,00", gga("000000"), gga("000001")},
			[]int64{at("2026-11-28T235959"), at("2026-11-29T000000"), at("2026-11-29T000001")}, false},
		{"a day later at midnight is a day later", 0, []string{rmc("000000", "281126"), rmc("000001", "291126")},
			[]int64{at("2026-11-28T000000"), at("2026-11-29T000001")}, false},
		{"right, with a floor", floor, []string{rmc("120000", "221126")}, []int64{at("2026-11-22T120000")}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			fixes := joinAll(t, Options{Floor: tt.floor, Latest: func() int64 { return at("2028-11-01T000000") }}, tt.in...)
			var got []int64
			for _, f := range fixes {
				got = append(got, f.Time)
				if f.Rollover != tt.rolled {
					t.Errorf("rollover %v", f.Rollover)
				}
			}
			if fmt.Sprint(got) != fmt.Sprint(tt.want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

// TestModes is the table of who says what about the kind of fix.
func TestModes(t *testing.T) {
	const pos = "6500.0,N,02528.0,E"
	gga := func(quality, sats, alt string) string {
		return "GPGGA,120000," + pos + "," + quality + "," + sats + ",0.9," + alt + ",M,19.2,M,,"
	}
	const rmcA, rmcV = "GPRMC,120000,A," + pos + ",10,57,221126,,,A", "GPRMC,120000,V," + pos + ",10,57,221126,,,N"
	gsa := func(mode string) string { return "GPGSA,A," + mode + ",03,06,,,,,,,,,,,1.9,0.9,1.6" }
	tests := []struct {
		name string
		in   []string
		want uint8
	}{
		{"RMC alone", []string{rmcA}, 2},
		{"RMC void", []string{rmcV}, 1},
		{"RMC valid without a position", []string{"GPRMC,120000,A,,,,,10,57,221126,,,A"}, 1},
		{"RMC without a status", []string{"GPRMC,120000,," + pos + ",10,57,221126,,,A"}, 1},
		{"RMC differential", []string{"GPRMC,120000,D," + pos + ",10,57,221126,,,A"}, 2},
		{"RMC estimated counts as a fix", []string{"GPRMC,120000,A," + pos + ",10,57,221126,,,E"}, 2},
		{"GGA, four satellites and an altitude", []string{gga("1", "04", "12.3")}, 3},
		{"GGA, three satellites", []string{gga("1", "03", "12.3")}, 2},
		{"GGA, no satellites: their number does not decide", []string{gga("1", "00", "12.3")}, 2},
		{"GGA by dead reckoning, no satellites", []string{gga("6", "00", "12.3")}, 2},
		{"GGA without an altitude", []string{gga("1", "09", "")}, 2},
		{"GGA quality 0 with a position", []string{gga("0", "09", "12.3")}, 1},
		{"GGA estimated", []string{gga("6", "09", "12.3")}, 3},
		{"GGA without a quality", []string{gga("", "09", "12.3")}, 3},
		{"GGA then RMC", []string{gga("1", "09", "12.3"), rmcA}, 3},
		{"GGA then void RMC", []string{gga("1", "09", "12.3"), rmcV}, 1},
		{"RMC then GSA 3", []string{rmcA, gsa("3")}, 3},
		{"RMC then GSA 1, which may be the next second's", []string{rmcA, gsa("1")}, 2},
		{"void RMC, then a GGA that has not noticed", []string{rmcV, gga("1", "09", "12.3"), gsa("3")}, 1},
		{"GGA, void RMC, then GSA that has not noticed", []string{gga("1", "09", "12.3"), rmcV, gsa("3")}, 1},
		{"RMC without a position, then GGA with one", []string{"GPRMC,120000,A,,,,,10,57,221126,,,A", gga("1", "09", "12.3")}, 3},
		{"GSA 3 without a position", []string{"GPGGA,120000,,,,,0,00,,,,,,,", gsa("3")}, 1},
		{"a stump of GSA is not heard", []string{rmcA, "GPGSA,A,1,,,,"}, 2},
		{"GPGSA 2 after GLGSA 3", []string{rmcA, "GLGSA,A,3,66,75,,,,,,,,,,,1.9,0.9,1.6", gsa("2")}, 3},
		{"GLL alone", []string{"GPGLL," + pos + ",120000,A,A"}, 2},
		{"GLL not valid", []string{"GPGLL," + pos + ",120000,V,N"}, 1},
		{"GLL with mode N", []string{"GPGLL," + pos + ",120000,A,N"}, 1},
		{"GNS, two systems", []string{"GNGNS,120000," + pos + ",AA,09,0.9,12.3,19.2,,"}, 3},
		{"GNS, the second system alone", []string{"GNGNS,120000," + pos + ",NA,09,0.9,12.3,19.2,,"}, 3},
		{"GNS, none", []string{"GNGNS,120000," + pos + ",NN,09,0.9,12.3,19.2,,"}, 1},
		{"GNS, no statement on navigation", []string{"GNGNS,120000," + pos + ",AA,09,0.9,12.3,19.2,,,V"}, 3},
		{"GNS, no system, and no statement on navigation", []string{"GNGNS,120000," + pos + ",NNNN,09,0.9,12.3,19.2,,,V"}, 1},
		{"GNS, the fourth system alone", []string{"GNGNS,120000," + pos + ",NNNA,09,0.9,12.3,19.2,,,V"}, 3},
		{"GNS, then each system's own", []string{"GNGNS,120000," + pos + ",RR,09,0.9,12.3,19.2,,", "GPGNS,120000,,,,,,8,,,,1.0,23"}, 3},
		{"GNS, three satellites", []string{"GNGNS,120000," + pos + ",AA,03,0.9,12.3,19.2,,"}, 2},
		{"the same GGA again: a receiver that is stuck", []string{gga("1", "09", "12.3"), gga("1", "09", "12.3"), gsa("3")}, 1},
		{"GGA of another talker with the same time", []string{gga("1", "09", "12.3"), "GL" + gga("1", "09", "12.3")[2:]}, 3},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			fixes := joinAll(t, Options{}, tt.in...)
			if len(fixes) != 1 {
				t.Fatalf("%d fixes, want one", len(fixes))
			}
			f := fixes[0]
			if f.Mode != tt.want || f.Valid() != (tt.want > 1) || f.Position.Present != (tt.want > 1) {
				t.Errorf("mode %d, valid %v, position %v; want mode %d", f.Mode, f.Valid(), f.Position.Present, tt.want)
			}
		})
	}
}

// TestValidInAnyOrder: whether there is a fix does not hang on the order in which
// sentences say so, and each that says there is none is heard.
func TestValidInAnyOrder(t *testing.T) {
	const pos = "6500.0,N,02528.0,E"
	rmc := func(status string) string {
		return "GPRMC,120000," + status + "," + pos + ",10,57,221126,,,E"
	}
	gga := func(quality, sats string) string {
		return "GPGGA,120000," + pos + "," + quality + "," + sats + ",0.9,12.3,M,19.2,M,,"
	}
	const gll, gllVoid = "GPGLL," + pos + ",120000,A,A", "GPGLL," + pos + ",120000,V,N"
	const gns, gnsVoid = "GNGNS,120000," + pos + ",AN,09,0.9,12.3,19.2,,,V", "GNGNS,120000," + pos + ",NN,00,,,,,,V"
	for _, row := range []struct {
		in    []string
		valid bool
	}{
		{[]string{rmc("A"), gga("1", "00"), gll}, true},
		{[]string{rmc("A"), gga("6", "00"), gns}, true},
		{[]string{rmc("D"), gga("7", "02")}, true},
		{[]string{gga("0", "00"), "GL" + gga("1", "05")[2:]}, true}, // each system by itself
		{[]string{rmc("V"), gga("1", "08"), gll}, false},
		{[]string{rmc("A"), gga("0", "08"), gll}, false},
		{[]string{rmc("A"), gga("1", "08"), gllVoid}, false},
		{[]string{rmc("A"), gll, gnsVoid}, false},
	} {
		permute(row.in, len(row.in), func(in []string) {
			if f := joinAll(t, Options{}, in...)[0]; f.Valid() != row.valid {
				t.Errorf("%q: valid is %v", in, f.Valid())
			}
		})
	}
}

// TestModesOverTime: what an epoch says of the next ones.
func TestModesOverTime(t *testing.T) {
	rmc := func(s int) string {
		return fmt.Sprintf("GPRMC,1200%02d,A,6500.0,N,02528.0,E,10,57,221126,,,A", s)
	}
	gga := func(s int, alt string) string {
		return fmt.Sprintf("GPGGA,1200%02d,6500.0,N,02528.0,E,1,09,0.9,%s,M,19.2,M,,", s, alt)
	}
	gsa := func(talker, sats string) string { return talker + "GSA,A,2," + sats + ",1.9,0.9,1.6" }
	const three, four = "03,06,09,,,,,,,,,", "03,06,09,12,,,,,,,,"
	tests := []struct {
		name string
		in   []string
		want string
	}{
		{"four satellites named make the next RMC 3", []string{rmc(0), gsa("GP", four), rmc(1)}, "[2 3]"},
		{"three do not", []string{rmc(0), gsa("GP", three), rmc(1)}, "[2 2]"},
		{"three named every second stay three", []string{rmc(0), gsa("GN", three), rmc(1), gsa("GN", three), rmc(2)}, "[2 2 2]"},
		{"two GSA of one second add up", []string{rmc(0), gsa("GN", three), gsa("GN", three), rmc(1)}, "[2 3]"},
		{"3 holds two epochs beyond the last altitude", []string{gga(0, "12.3"), rmc(1), gga(2, "")}, "[3 3 3]"},
		{"and RMC keeps what was", []string{gga(0, "12.3"), rmc(1), rmc(2), rmc(3)}, "[3 3 3 3]"},
		{"but not over a loss", []string{gga(0, "12.3"), "GPRMC,120001,V,,,,,,,221126,,,N", rmc(2), rmc(3)}, "[3 1 2 2]"},
	}
	for _, tt := range tests {
		var got []uint8
		for _, f := range joinAll(t, Options{}, tt.in...) {
			got = append(got, f.Mode)
		}
		if fmt.Sprint(got) != tt.want {
			t.Errorf("%s: %v, want %s", tt.name, got, tt.want)
		}
	}
}

// TestBothErrors: GST outweighs GBS, whichever comes first.
func TestBothErrors(t *testing.T) {
	const gst, gbs = "GPGST,120000.00,18,,,,3.0,4.0,2.4", "GPGBS,120000.00,6.0,8.0,3.9,,,,"
	for _, in := range [][]string{{gst, gbs}, {gbs, gst}} {
		f := joinAll(t, Options{}, append(burst("120000.00", "6500.0")[:2], in...)...)[0]
		if mm, ok := f.Error(); mm != 5000 || !ok {
			t.Errorf("%v: %d mm, want 5000", in, mm)
		}
	}
}

// TestRelearn: a receiver that begins to send more than it did loses only what
// came too late, and each mistake makes the joiner slower to trust.
func TestRelearn(t *testing.T) {
	var fixes []Fix
	j := NewJoiner(Options{}, func(f *Fix) { fixes = append(fixes, *f) })
	sc := NewScanner(0)
	add := func(s string) {
		if _, ev := sc.Scan([]byte(sum(s))); ev != Good {
			t.Fatal(s)
		}
		j.Add(sc.Sentence())
		sc.Scan([]byte("\r\n"))
	}
	for s := range 12 {
		b := burst(fmt.Sprintf("1200%02d.00", s), "6500.0")
		add(b[0])
		if s >= 5 {
			add(b[1])
		}
	}
	j.Idle()
	if len(fixes) != 12 || j.Late() != 1 || j.cycle.need != 2*agreeing {
		t.Fatalf("%d fixes, %d late, %d cycles to agree; want 12, 1, %d", len(fixes), j.Late(), j.cycle.need, 2*agreeing)
	}
	for s, f := range fixes {
		if got, want := f.Alt.Present, s >= 6; got != want {
			t.Errorf("second %d: altitude %v, want %v", s, got, want)
		}
	}
	for range 20 {
		j.cycle.forget()
	}
	if j.cycle.need != agreeingMax {
		t.Errorf("%d cycles to agree, want the limit %d", j.cycle.need, agreeingMax)
	}
}

// TestReceivers are receivers that send little, or fast.
func TestReceivers(t *testing.T) {
	const pos = "6500.0,N,02528.0,E"
	tests := []struct {
		name  string
		in    func(s int) []string
		times func(s int) string // "" = none
		speed bool
	}{
		{"only RMC", func(s int) []string {
			return []string{fmt.Sprintf("GPRMC,1200%02d,A,"+pos+",10,57,221126,,,A", s)}
		}, func(s int) string { return fmt.Sprintf("2026-11-22T1200%02d", s) }, true},
		{"GLL and VTG", func(s int) []string {
			return []string{fmt.Sprintf("GPGLL,"+pos+",1200%02d,A,A", s), "GPVTG,57,T,,M,10,N,18.5,K,A"}
		}, func(int) string { return "" }, true},
		{"GLL without time or status but A", func(int) []string {
			return []string{"GPGLL," + pos + ",,A"}
		}, func(int) string { return "" }, false},
		{"GNS and ZDA", func(s int) []string {
			return []string{fmt.Sprintf("GNGNS,1200%02d,"+pos+",AA,09,0.9,12.3,19.2,,", s), fmt.Sprintf("GNZDA,1200%02d,22,11,2026,00,00", s)}
		}, func(s int) string { return fmt.Sprintf("2026-11-22T1200%02d", s) }, false},
		{"10 Hz", func(s int) []string {
			return burst(fmt.Sprintf("12000%d.%d0", s/10, s%10), "6500.0")
		}, func(s int) string { return fmt.Sprintf("2026-11-22T12000%d.%d", s/10, s%10) }, true},
		{"times rounded and cut", func(s int) []string {
			return []string{fmt.Sprintf("GPGLL,"+pos+",1200%02d.297,A", s), fmt.Sprintf("GPRMC,1200%02d.30,A,"+pos+",10,57,221126,,,A", s)}
		}, func(s int) string { return fmt.Sprintf("2026-11-22T1200%02d.3", s) }, true},
		{"speed in km/h alone", func(s int) []string {
			return []string{fmt.Sprintf("GPGLL,"+pos+",1200%02d,A,A", s), "GPVTG,57,T,,M,,N,18.52,K,A"}
		}, func(int) string { return "" }, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var in []string
			for s := range 20 {
				in = append(in, tt.in(s)...)
			}
			fixes := joinAll(t, Options{}, in...)
			if len(fixes) != 20 {
				t.Fatalf("%d fixes, want 20", len(fixes))
			}
			for s, f := range fixes {
				want := int64(0)
				if tt.times(s) != "" {
					want = at(tt.times(s))
				}
				if f.Time != want || !f.Valid() || f.Speed.Present != tt.speed || tt.speed && f.Speed.Scaled(1) != 51 {
					t.Errorf("fix %d: %+v, want time %d", s, f, want)
				}
			}
		})
	}
}

// TestAhead: VTG after the learnt end belongs to the next epoch, unless a pause
// shows that the end was learnt wrong.
func TestAhead(t *testing.T) {
	rmc := func(s int) string {
		return fmt.Sprintf("GPRMC,1200%02d,A,6500.0,N,02528.0,E,,,221126,,,A", s)
	}
	var in []string
	for s := range 4 {
		in = append(in, rmc(s), "idle")
	}
	fixes := joinAll(t, Options{}, append(in, "GPVTG,57,T,,M,10,N,18.5,K,A", rmc(4))...)
	if f := fixes[4]; !f.Speed.Present || f.End != ByLast {
		t.Errorf("VTG before RMC is lost: %+v", f)
	}
	fixes = joinAll(t, Options{}, append(in, rmc(4), "GPVTG,57,T,,M,10,N,18.5,K,A", "idle", rmc(5), "GPVTG,57,T,,M,10,N,18.5,K,A", "idle")...)
	if f := fixes[5]; !f.Speed.Present || f.End != ByIdle {
		t.Errorf("VTG after RMC is lost still: %+v", f)
	}
	if fixes[4].Speed.Present {
		t.Error("an epoch that had been emitted has changed")
	}
}

func TestVoid(t *testing.T) {
	in := append(burst("120000", "6500.0"), "GPRMC,,V,,,,,,,,,,N", "GPGGA,,,,,,0,00,,,,,,,", "GPRMC,,V,,,,,,,,,,N", "GPGGA,,,,,,0,00,,,,,,,")
	fixes := joinAll(t, Options{}, in...)
	if len(fixes) != 3 || !fixes[0].Valid() || fixes[1].Valid() || fixes[2].Valid() || fixes[1].Time != 0 {
		t.Errorf("got %+v", fixes)
	}
}

func TestFixError(t *testing.T) {
	tests := []struct {
		lat, lon Decimal
		mm       int64
		ok       bool
	}{
		{dec(3, 0), dec(4, 0), 5000, true},
		{dec(12, 1), dec(9, 1), 1500, true},
		{Decimal{}, dec(4, 0), 0, false},
		{dec(0, 1), dec(0, 1), 0, false},
		{dec(-3, 0), dec(4, 0), 0, false},
		{dec(99999999999, 0), dec(4, 0), 0, false},
	}
	for _, tt := range tests {
		f := Fix{ErrLat: tt.lat, ErrLon: tt.lon}
		if mm, ok := f.Error(); mm != tt.mm || ok != tt.ok {
			t.Errorf("%+v and %+v: %d %v, want %d %v", tt.lat, tt.lon, mm, ok, tt.mm, tt.ok)
		}
	}
}

// stream is some seconds of a receiver as bytes.
func stream() []byte {
	var b strings.Builder
	for s := range 10 {
		for _, line := range burst(fmt.Sprintf("1200%02d.00", s), "6500.0000") {
			b.WriteString(sum(line))
		}
		b.WriteString(sum("GPGSV,3,2,11,09,27,201,18,11,25,054,14,17,55,292,28,20,30,116,15"))
		b.WriteString(sum("GPZDA,120000.00,22,11,2026,00,00"))
	}
	return []byte(b.String())
}

func TestAllocations(t *testing.T) {
	sc := NewScanner(0)
	fixes := 0
	j := NewJoiner(Options{}, func(*Fix) { fixes++ })
	in := stream()
	feed := func() {
		for b := in; len(b) > 0; {
			n, ev := sc.Scan(b)
			b = b[n:]
			if ev == Good {
				j.Add(sc.Sentence())
			}
		}
	}
	feed()
	if n := testing.AllocsPerRun(100, feed); n != 0 {
		t.Errorf("%v allocations for %d sentences, want none", n, 80)
	}
	if fixes < 1000 {
		t.Errorf("only %d fixes", fixes)
	}
}

func BenchmarkSentence(b *testing.B) {
	sc := NewScanner(0)
	j := NewJoiner(Options{}, func(*Fix) {})
	in := stream()
	const sentences = 80
	b.ReportAllocs()
	for i := 0; i < b.N; i += sentences {
		for rest := in; len(rest) > 0; {
			n, ev := sc.Scan(rest)
			rest = rest[n:]
			if ev == Good {
				j.Add(sc.Sentence())
			}
		}
	}
}
