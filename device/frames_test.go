package device

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// five are frames of five bytes: AA 05, two of data, the sum of all before.
func five() frames {
	return frames{size: 5, start: []byte{0xAA, 5}, sound: func(b []byte) bool { return b[4] == b[0]+b[1]+b[2]+b[3] }}
}

// five1 is such a frame.
func five1(a, b byte) []byte { return []byte{0xAA, 5, a, b, 0xAF + a + b} }

// pieces is a Port that gives bytes in pieces of the lengths that cuts names, in
// turn, and then ends.
type pieces struct {
	data, cuts []byte
	i          int
}

func (p *pieces) Read(b []byte) (int, error) {
	if len(p.data) == 0 {
		return 0, io.EOF
	}
	k := len(p.data)
	if len(p.cuts) > 0 {
		k = 1 + int(p.cuts[p.i%len(p.cuts)])
		p.i++
	}
	n := copy(b[:min(len(b), k)], p.data)
	p.data = p.data[n:]
	return n, nil
}
func (p *pieces) Write(b []byte) (int, error)     { return len(b), nil }
func (p *pieces) SetReadDeadline(time.Time) error { return nil }

// told is an Out that keeps the order of what it is told of frames.
type told struct {
	nothing
	text []string
}

func (o *told) Frame(r Result) {
	o.text = append(o.text, [...]string{"ok", "unknown", "checksum", "long", "malformed", "range"}[r])
}

// playFrames plays data and lists what came of it.
func playFrames(t testing.TB, data, cuts []byte) []string {
	t.Helper()
	var o told
	err := five().run(&pieces{data: data, cuts: cuts}, &o, func(b []byte) Result {
		o.text = append(o.text, fmt.Sprintf("%d-%d", b[2], b[3]))
		if b[2] == 99 {
			return Range
		}
		return OK
	})
	if !errors.Is(err, io.EOF) {
		t.Fatalf("run ended with %v", err)
	}
	return o.text
}

func TestFrames(t *testing.T) {
	a, b, c := five1(1, 2), five1(3, 4), five1(99, 6)
	wrong := five1(7, 7)
	wrong[3]++
	inner := slices.Concat([]byte{0xAA, 5}, a) // bytes were lost, and a frame begins within
	for name, k := range map[string]struct {
		in   [][]byte
		want string
	}{
		"nothing":                  {nil, ""},
		"frames":                   {[][]byte{a, b, c}, "1-2 ok 3-4 ok 99-6 range"},
		"opened within one":        {[][]byte{b[2:], a}, "unknown 1-2 ok"},
		"opened at the last byte":  {[][]byte{b[4:], a}, "unknown 1-2 ok"},
		"noise first":              {[][]byte{[]byte("noise"), a}, "malformed 1-2 ok"},
		"only noise":               {[][]byte{bytes.Repeat([]byte("noise"), 900)}, "malformed"},
		"too little to be noise":   {[][]byte{[]byte("nois")}, ""},
		"noise between":            {[][]byte{a, []byte("much noise"), b, []byte("n"), a}, "1-2 ok malformed 3-4 ok malformed 1-2 ok"},
		"wrong checksum":           {[][]byte{a, wrong, b}, "1-2 ok checksum 3-4 ok"},
		"wrong checksums in a row": {[][]byte{a, wrong, wrong, wrong, b}, "1-2 ok checksum 3-4 ok"},
		"wrong checksums at first": {[][]byte{wrong, wrong, b}, "malformed 3-4 ok"},
		"a frame within":           {[][]byte{b, inner, b}, "3-4 ok checksum 1-2 ok 3-4 ok"},
		"a byte lost":              {[][]byte{b, a[:3], a[4:], b}, "3-4 ok checksum 3-4 ok"},
		"a byte too many":          {[][]byte{b, a, {0xAA}, b}, "3-4 ok 1-2 ok malformed 3-4 ok"},
		"half a frame at the end":  {[][]byte{a, b[:4]}, "1-2 ok"},
		"noise at the end":         {[][]byte{a, []byte("much noise")}, "1-2 ok malformed"},
	} {
		in := slices.Concat(k.in...)
		for _, cuts := range [][]byte{nil, {0}, {1}, {2, 0, 6}} {
			if got := strings.Join(playFrames(t, in, cuts), " "); got != k.want {
				t.Errorf("%s, in pieces of %v: got %q, want %q", name, cuts, got, k.want)
			}
		}
	}
}

func TestFramesShare(t *testing.T) {
	a := five1(1, 2)
	for name, k := range map[string]struct {
		in   [][]byte
		want float64
	}{
		"nothing":     {nil, 0},
		"half a one":  {[][]byte{a[:4]}, 0},
		"noise":       {[][]byte{[]byte("much noise")}, 0},
		"one":         {[][]byte{a}, 1},
		"from within": {[][]byte{a[2:], a, a, a[:2]}, 1},
		"half noise":  {[][]byte{a, []byte("noise"), a, []byte("noise"), a[:4]}, 0.5},
		"noise first": {[][]byte{[]byte("noise"), a, a[:3]}, 0.5},
	} {
		if got := five().share(slices.Concat(k.in...)); got != k.want {
			t.Errorf("%s: %v, want %v", name, got, k.want)
		}
	}
}

// slowFrames says the same as playFrames in the slowest way: at each place of the
// whole input, is there a frame?
func slowFrames(in []byte) (list []string) {
	f, ever, gap := five(), false, 0
	for i := 0; i < len(in); {
		if len(in)-i >= 5 && bytes.HasPrefix(in[i:], f.start) && f.sound(in[i:i+5]) {
			if gap > 0 && gap < 5 && !ever {
				list = append(list, "unknown")
			}
			result := "ok"
			if in[i+2] == 99 {
				result = "range"
			}
			list = append(list, fmt.Sprintf("%d-%d", in[i+2], in[i+3]), result)
			i, ever, gap = i+5, true, 0
			continue
		}
		if len(in)-i < 5 {
			break // it may go on
		}
		gap++
		switch {
		case ever && gap == 1 && bytes.HasPrefix(in[i:], f.start):
			list = append(list, "checksum")
		case ever && gap == 1, !ever && gap == 5:
			list = append(list, "malformed")
		}
		i++
	}
	return list
}

func judgeFrames(t *testing.T, in, cuts []byte) {
	t.Helper()
	if got, want := playFrames(t, in, cuts), slowFrames(in); !slices.Equal(got, want) {
		t.Fatalf("%x in pieces of %v:\n got %v\nwant %v", in, cuts, got, want)
	}
}

// TestFramesAgainstTheModel damages streams of frames in every way at random.
func TestFramesAgainstTheModel(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 5000 {
		var in []byte
		for range r.IntN(6) {
			f := five1(byte(r.Uint32()), byte(r.Uint32()))
			switch i := r.IntN(len(f)); r.IntN(5) {
			case 0:
				f[i] ^= 1 << r.IntN(8)
			case 1:
				f = slices.Delete(f, i, i+1)
			case 2:
				f = slices.Insert(f, i, byte(0xAA))
			case 3:
				f = append(f, 0xAA, 5)
			}
			in = append(in, f...)
		}
		judgeFrames(t, in, []byte{byte(r.IntN(4)), byte(r.IntN(9))})
	}
}

func FuzzFrames(f *testing.F) {
	f.Add(slices.Concat(five1(1, 2), five1(3, 4)), []byte{2})
	f.Add(slices.Concat([]byte{1}, five1(99, 4), []byte{0xAA, 5}, five1(0xAA, 5)), []byte{0, 6})
	f.Fuzz(func(t *testing.T, in, cuts []byte) {
		if len(in) > 256 { // the tool shortens finds in quadratic time
			return
		}
		judgeFrames(t, in, cuts)
	})
}

func TestFramesDoNotAllocate(t *testing.T) {
	in := slices.Concat(five1(1, 2), []byte("noise"), five1(3, 4), five1(5, 6)[:3])
	f := five()
	s, out, n := frameStream{finder: &f}, &nothing{}, 0
	take := func(frame []byte) Result { n += int(frame[2]); return OK }
	if allocs := testing.AllocsPerRun(100, func() { s.feed(in, out, take) }); allocs != 0 || n != 4*101 {
		t.Errorf("%v allocations, %d seen", allocs, n)
	}
}

func BenchmarkFrames(b *testing.B) {
	in := bytes.Repeat(five1(1, 2), 100)
	f := five()
	s, out := frameStream{finder: &f}, &nothing{}
	b.SetBytes(int64(len(in)))
	b.ReportAllocs()
	for b.Loop() {
		s.feed(in, out, func([]byte) Result { return OK })
	}
}
