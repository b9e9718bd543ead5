package ais

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"portti/cross/testkit"
	"portti/device/nmea"
)

// TestSentencesOfOurOwn: the recordings that the driver is tested with are what the
// encoder makes, and come back as they went in.
func TestSentencesOfOurOwn(t *testing.T) {
	var text strings.Builder
	for i, r := range harbour() {
		for _, s := range sentencesOf(bitsOf(r), "AB"[i/2%2:i/2%2+1], i%10, false) {
			text.WriteString(s)
		}
	}
	testkit.Golden(t, "../testdata/ais/harbour.nmea", text.String())
	got := messagesOf([]byte(text.String()))
	if len(got) != len(harbour()) {
		t.Fatalf("%d messages of %d", len(got), len(harbour()))
	}
	for i, r := range harbour() {
		m := &got[i]
		if m.Type != r.kind || m.MMSI != r.mmsi || m.Own {
			t.Errorf("type %d of %d came back as type %d of %d", r.kind, r.mmsi, m.Type, m.MMSI)
		}
		for f, want := range r.numbers {
			l := layoutOf(r.kind, r.mmsi, uint32(r.numbers[Part]))
			row := l.rows[slices.IndexFunc(l.rows, func(row row) bool { return row.field == f })]
			v, ok := m.Value(f)
			if want == row.none && ok || want != row.none && (!ok || v != want*row.scale) {
				t.Errorf("type %d: field %d is %d %v, want %d", r.kind, f, v, ok, want)
			}
		}
		for f, want := range r.texts {
			if string(m.Text(f)) != want {
				t.Errorf("type %d: text %q, want %q", r.kind, m.Text(f), want)
			}
		}
	}
}

// TestNotAvailable: what is named nowhere is absent in every type.
func TestNotAvailable(t *testing.T) {
	for _, kind := range []uint8{1, 2, 3, 4, 5, 9, 11, 18, 19, 21, 27} {
		got := messagesOf([]byte(strings.Join(sentencesOf(bitsOf(report{kind: kind, mmsi: 290000001}), "A", 1, false), "")))
		if len(got) != 1 {
			t.Fatalf("type %d: %d messages", kind, len(got))
		}
		for _, f := range []Field{Lat, Lon, Speed, Course, Heading, Status, Turn, Alt, IMO, ShipType, Draught, Month, Day, Hour, Minute, Year} {
			if v, ok := got[0].Value(f); ok {
				t.Errorf("type %d: field %d is there: %d", kind, f, v)
			}
		}
		if got[0].Position() {
			t.Errorf("type %d has a position", kind)
		}
	}
}

// add gives what becomes of sentences.
func add(a *Assembler, now int64, sentences ...string) (found []Message, faults []Fault) {
	sc := nmea.NewScanner(0)
	for _, s := range sentences {
		b := []byte(s)
		for len(b) > 0 {
			n, ev := sc.Scan(b)
			b = b[n:]
			if ev != nmea.Good {
				continue
			}
			done, fault := a.Add(sc.Sentence(), now)
			if done {
				found = append(found, *a.Message())
			}
			faults = append(faults, fault)
		}
	}
	return found, faults
}

// static5 is a type 5 as two sentences.
func static5(name, channel string, sequence int) []string {
	return sentencesOf(bitsOf(report{5, 290000001, false, nil, map[Field]string{Name: name}}), channel, sequence, false)
}

func TestSeveralSentences(t *testing.T) {
	a, b := static5("ONE", "A", 3), static5("TWO", "B", 3)
	noChannel := strings.Replace(a[1], ",A,", ",,", 1)
	noChannel = sum(noChannel[1:strings.Index(noChannel, "*")])
	single := sentencesOf(bitsOf(moving()), "A", 0, false)[0]
	for name, c := range map[string]struct {
		in     []string
		want   string
		orphan int
	}{
		"in order":                    {[]string{a[0], a[1]}, "ONE", 0},
		"mixed with another channel":  {[]string{a[0], b[0], a[1], b[1]}, "ONE TWO", 0},
		"a single one between":        {[]string{a[0], single, a[1]}, "- ONE", 0},
		"no channel in the second":    {[]string{a[0], noChannel}, "ONE", 0},
		"the second alone":            {[]string{a[1], a[0], a[1]}, "ONE", 1},
		"the second twice":            {[]string{a[0], a[1], a[1]}, "ONE", 1},
		"begun anew":                  {[]string{a[0], a[0], a[1]}, "ONE", 0},
		"the second of another":       {[]string{a[0], b[1]}, "", 1},
		"the first lost, then a good": {[]string{a[0], b[0], b[1]}, "TWO", 0},
	} {
		t.Run(name, func(t *testing.T) {
			var as Assembler
			found, faults := add(&as, 1000, c.in...)
			var names []string
			for i := range found {
				if n := string(found[i].Text(Name)); n != "" {
					names = append(names, n)
				} else {
					names = append(names, "-")
				}
			}
			orphans := 0
			for _, f := range faults {
				if f == Orphan {
					orphans++
				}
			}
			if got := strings.Join(names, " "); got != c.want || orphans != c.orphan {
				t.Errorf("found %q with %d orphans, want %q with %d", got, orphans, c.want, c.orphan)
			}
		})
	}
}

func TestPatienceAndSlots(t *testing.T) {
	var as Assembler
	a := static5("ONE", "A", 3)
	add(&as, 1000, a[0])
	if found, _ := add(&as, 1000+Patience, a[1]); len(found) != 1 {
		t.Error("it was given up too early")
	}
	add(&as, 10_000, a[0])
	if found, faults := add(&as, 10_001+Patience, a[1]); len(found) != 0 || faults[0] != Orphan {
		t.Error("it was not given up")
	}
	// More begun than there are slots: the oldest is lost.
	for i := range Slots + 1 {
		add(&as, 20_000+int64(i), static5(fmt.Sprint("N", i), "A", i)[0])
	}
	for i := range Slots + 1 {
		if found, _ := add(&as, 20_100, static5(fmt.Sprint("N", i), "A", i)[1]); (len(found) == 1) != (i > 0) {
			t.Errorf("message %d: %d found", i, len(found))
		}
	}
}

func TestFaults(t *testing.T) {
	good := "AIVDM,1,1,,A,15RTgt0PAso;90TKcjM8h6g208CQ,0"
	for body, want := range map[string]Fault{
		good:                                                                       0,
		strings.Replace(good, ",0", ",6", 1):                                       Malformed, // fill bits
		strings.Replace(good, ",0", ",013", 1):                                     Malformed,
		strings.Replace(good, ",0", ",", 1):                                        0, // some leave it out
		strings.Replace(good, ",1,1", ",0,1", 1):                                   Malformed,
		strings.Replace(good, ",1,1", ",1,2", 1):                                   Malformed,
		strings.Replace(good, ",1,1", ",2,2", 1):                                   Orphan,
		strings.Replace(good, "TK", "TX", 1):                                       Malformed, // not of the alphabet
		strings.Replace(good, "15RTgt0PAso;90TKcjM8h6g208CQ", "", 1):               Malformed,
		strings.Replace(good, "15R", "i5R", 1):                                     Malformed, // type 49
		strings.Replace(good, "15RTgt0PAso;90TKcjM8h6g208CQ", "15RTgt0PAso;90", 1): Malformed, // too short
		"AIVDM,1,1,,A," + strings.Repeat("0", 178) + ",0":                          TooLong,
		"AIVDM,1,1,,A": Malformed,
	} {
		var as Assembler
		if _, faults := add(&as, 0, sum(body)); len(faults) != 1 || faults[0] != want {
			t.Errorf("%s: %v, want %v", body, faults, want)
		}
	}
	r := moving()
	r.numbers[Heading] = 400
	found, faults := add(new(Assembler), 0, sentencesOf(bitsOf(r), "A", 0, false)...)
	if faults[0] != OutOfRange || len(found) != 1 || !found[0].Position() {
		t.Errorf("a heading of 400: %v, %d found", faults, len(found))
	}
	if _, ok := found[0].Value(Heading); ok {
		t.Error("and it is there")
	}
}

func TestRateOfTurn(t *testing.T) {
	for raw, want := range map[int64]int32{0: 0, 20: 179, -20: -179, 126: 7087, 4: 7} {
		var m Message
		m.Begin(1, 290000001)
		m.Set([]byte("turn"), raw)
		if got, ok := m.RateOfTurn(); got != want || !ok {
			t.Errorf("%d is %d, want %d", raw, got, want)
		}
	}
	for _, raw := range []int64{127, -127, -128} {
		var m Message
		m.Begin(1, 290000001)
		m.Set([]byte("turn"), raw)
		if got, ok := m.RateOfTurn(); ok {
			t.Errorf("%d is %d", raw, got)
		}
	}
}

// TestBits puts and reads random fields anywhere.
func TestBits(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 500 {
		var p payload
		var want []byte
		for p.n < MaxBits-12 {
			n := 1 + r.IntN(6)
			v := byte(r.IntN(1 << n))
			p.put(v, n)
			for i := range n {
				want = append(want, v>>(n-1-i)&1)
			}
		}
		for range 50 {
			n := 1 + r.IntN(30)
			at := r.IntN(len(want) - n)
			v := uint32(0)
			for _, b := range want[at : at+n] {
				v = v<<1 | uint32(b)
			}
			if got := p.unsigned(at, n); got != v {
				t.Fatalf("%d bits at %d: %d, want %d", n, at, got, v)
			}
		}
	}
}

func TestTypeNames(t *testing.T) {
	for kind := range uint8(28) {
		if (TypeName(kind) == "") != (kind == 0) {
			t.Errorf("type %d is %q", kind, TypeName(kind))
		}
	}
	if TypeName(28) != "" {
		t.Error("28 has a name")
	}
}

func TestNothingAllocates(t *testing.T) {
	var text bytes.Buffer
	for i, r := range harbour() {
		text.WriteString(strings.Join(sentencesOf(bitsOf(r), "A", i%10, false), ""))
	}
	var a Assembler
	sc := nmea.NewScanner(0)
	if n := testing.AllocsPerRun(20, func() {
		for b := text.Bytes(); len(b) > 0; {
			took, ev := sc.Scan(b)
			b = b[took:]
			if ev == nmea.Good {
				a.Add(sc.Sentence(), 0)
			}
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkPosition(b *testing.B) {
	s := []byte(sentencesOf(bitsOf(moving()), "A", 0, false)[0])
	var a Assembler
	sc := nmea.NewScanner(0)
	b.ReportAllocs()
	for b.Loop() {
		for in := s; len(in) > 0; {
			n, ev := sc.Scan(in)
			in = in[n:]
			if ev == nmea.Good {
				a.Add(sc.Sentence(), 0)
			}
		}
	}
}

// FuzzAssembler: nothing crashes, and no field is beyond its limits.
func FuzzAssembler(f *testing.F) {
	for i, r := range harbour() {
		f.Add([]byte(strings.Join(sentencesOf(bitsOf(r), "A", i%10, i%3 == 0), "")))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		var a Assembler
		sc := nmea.NewScanner(0)
		for now := int64(0); len(in) > 0; now += 100 {
			n, ev := sc.Scan(in)
			in = in[n:]
			if ev != nmea.Good || !Is(sc.Sentence()) {
				continue
			}
			done, fault := a.Add(sc.Sentence(), now)
			if !done {
				continue
			}
			m := a.Message()
			if TypeName(m.Type) == "" || fault&(Malformed|TooLong|Orphan) != 0 {
				t.Fatalf("type %d, fault %d", m.Type, fault)
			}
			for f := range Fields {
				if v, ok := m.Value(f); ok && (v < limits[f].min || v > limits[f].max) {
					t.Fatalf("field %d is %d", f, v)
				}
				for _, c := range m.Text(f) {
					if c < 32 || c > 95 {
						t.Fatalf("text %q", m.Text(f))
					}
				}
			}
		}
	})
}
