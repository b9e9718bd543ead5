package buffer

import (
	"math/rand"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"
)

// TestDamageOverFullSegments damages full segments at random, one place at a
// time: a bit, a sector or a page that is zeroed, filled with noise or with
// another page. The queue always opens, hands out nothing that was not put in,
// and its ledger admits to exactly what is missing. PORTTI_DAMAGES says how
// many times. Rows 13, 15 and 16 of the failure matrix.
func TestDamageOverFullSegments(t *testing.T) {
	const records = 900
	n := number("PORTTI_DAMAGES", 400)
	if sampled() {
		n = 40
	}
	seed := int64(number("PORTTI_SEED", 1))
	base := fastDir(t)
	good := filepath.Join(base, "good")
	texts := filled(t, good, records, func(o *Options) { o.tune.segment = 64 << 10 })
	if len(segmentFiles(t, good)) < 2 {
		t.Fatal("no segment is full")
	}
	workers := runtime.GOMAXPROCS(0)
	for w := range workers {
		t.Run(strconv.Itoa(w), func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(base, "bad"+strconv.Itoa(w))
			for i := w; i < n; i += workers {
				rnd := rand.New(rand.NewSource(seed<<32 + int64(i)))
				copyDir(t, good, dir)
				segs := segmentFiles(t, dir)
				what := damageSomewhere(t, segs[rnd.Intn(len(segs))], rnd)
				survive(t, dir, texts, records)
				if t.Failed() {
					t.Fatalf("damage %d with PORTTI_SEED=%d: %s", i, seed, what)
				}
			}
		})
	}
}

// damageSomewhere damages one place among the pages in use and says how.
func damageSomewhere(t *testing.T, path string, rnd *rand.Rand) string {
	used := int(usedBytes(t, path))
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	size, what := 1, "bit"
	switch rnd.Intn(10) {
	case 0, 1:
		size, what = 512, "sector"
	case 2, 3:
		size, what = pageSize, "page"
	}
	at := rnd.Intn(used/size) * size
	piece := b[at : at+size]
	switch {
	case size == 1:
		piece[0] ^= 1 << rnd.Intn(8)
	case rnd.Intn(3) == 0:
		clear(piece)
	case rnd.Intn(2) == 0:
		rnd.Read(piece)
	default:
		copy(piece, b[rnd.Intn(used/size)*size:][:size])
	}
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return what + " at " + strconv.Itoa(at) + " of " + filepath.Base(path)
}
