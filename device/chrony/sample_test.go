package chrony

import (
	"encoding/binary"
	"encoding/hex"
	"math"
	"slices"
	"testing"
	"time"
)

// TestAppend: the bytes of a sample taken at half a second past 1970-01-01 00:01:40
// UTC, by a clock that is 1.75 s behind, as a little-endian machine has them.
func TestAppend(t *testing.T) {
	if binary.NativeEndian.Uint16([]byte{1, 0}) != 1 {
		t.Skip("this machine is big-endian, and the bytes of this test are not")
	}
	s := Sample{At: time.UnixMilli(100_500), Ahead: 1750 * time.Millisecond}
	for bits, want := range map[int]string{
		64: "6400000000000000" + "20a1070000000000" + "000000000000fc3f" + "00000000" + "00000000" + "00000000" + "4b434f53",
		32: "64000000" + "20a10700" + "000000000000fc3f" + "00000000" + "00000000" + "00000000" + "4b434f53",
	} {
		if got := hex.EncodeToString(s.Append(nil, bits)); got != want {
			t.Errorf("%d bits:\n got %s\nwant %s", bits, got, want)
		}
	}
}

func TestFarOff(t *testing.T) {
	noon := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	for _, at := range []time.Time{time.UnixMilli(-1), time.UnixMilli(1), noon.AddDate(100, 0, 0)} {
		b := Sample{At: at, Ahead: noon.Sub(at)}.Append(nil, 64)
		micros := int64(binary.NativeEndian.Uint64(b))*1e6 + int64(binary.NativeEndian.Uint64(b[8:]))
		ahead := math.Float64frombits(binary.NativeEndian.Uint64(b[16:]))
		if micro := int64(binary.NativeEndian.Uint64(b[8:])); micro < 0 || micro >= 1e6 {
			t.Errorf("%v: %d microseconds", at, micro)
		}
		if got := float64(micros)/1e6 + ahead; math.Abs(got-float64(noon.Unix())) > 1e-5 {
			t.Errorf("%v: the true time comes out as %v", at, got)
		}
	}
}

func TestAllocatesNothing(t *testing.T) {
	b := make([]byte, 0, 40)
	if n := testing.AllocsPerRun(10, func() { b = Sample{At: time.UnixMilli(1)}.Append(b[:0], 64) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if sizes := Sizes(); !slices.Contains(sizes, 64) {
		t.Errorf("sizes %v", sizes)
	}
}
