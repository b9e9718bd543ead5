package formattest_test

import (
	"encoding/binary"
	"fmt"
	"math/rand"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"

	bolt "go.etcd.io/bbolt"

	"portti/buffer"
	"portti/buffer/formattest"
)

// damaged damages one place in a folder, and says how.
func damaged(t *testing.T, dir string, rnd *rand.Rand) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) < 3 {
		t.Fatal(len(entries), err)
	}
	pick := func() string { return filepath.Join(dir, entries[rnd.Intn(len(entries))].Name()) }
	path := pick()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	what := ""
	switch at := rnd.Intn(len(b)); rnd.Intn(8) {
	case 0:
		what = fmt.Sprintf("cut at %d", at)
		b = b[:at]
	case 1, 2, 3:
		bit := rnd.Intn(8)
		for try := 0; b[at] == 0 && try < 9; try++ { // rather where something is
			at = rnd.Intn(len(b))
		}
		what = fmt.Sprintf("bit %d of byte %d flipped", bit, at)
		b[at] ^= 1 << bit
	case 4, 5:
		at -= at % 4096
		what = fmt.Sprintf("zeros at %d", at)
		clear(b[at:min(len(b), at+4096)])
	case 6:
		other := pick()
		what = "swapped with " + filepath.Base(other)
		o, err := os.ReadFile(other)
		if err == nil {
			err = os.WriteFile(other, b, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		b = o
	case 7:
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		return filepath.Base(path) + " removed"
	}
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return filepath.Base(path) + " " + what
}

// harmful is what the two say of a folder that is more than a power cut may leave.
func harmful(dir string) (ours []formattest.Problem, theirs []string) {
	problems, _ := formattest.Verify(dir)
	for _, p := range problems {
		// A line has no checksum: the program looks only whether it is a record.
		content := strings.HasPrefix(p.Field, "log.") && p.Field != "log.line" && p.Field != "log.number"
		if !p.Harmless && !content {
			ours = append(ours, p)
		}
	}
	l, err := buffer.Inspect(dir)
	if err != nil {
		return ours, []string{err.Error()}
	}
	for _, f := range l.Faults {
		if !f.Harmless {
			theirs = append(theirs, f.String())
		}
	}
	return ours, theirs
}

// TestDamagedQueues: of damaged folders the page and the program say the same:
// sound, or not.
func TestDamagedQueues(t *testing.T) {
	base := fastDir(t)
	dirs := []string{copied(t, "../testdata/golden/v2", filepath.Join(base, "golden"))}
	if err := os.Remove(filepath.Join(dirs[0], "want.txt")); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		dir := filepath.Join(base, "running")
		q := begin(t, dir, 1, nil)
		fill(t, q, 0, 4500)
		dirs = append(dirs, copied(t, dir, filepath.Join(base, "killed")))
		end(t, q)
	})
	dirs = append(dirs, filepath.Join(base, "rich"))
	rich(t, dirs[2])
	bad := 0
	n := 300
	if testing.Short() || raceDetector {
		n = 60
	}
	seed, _ := strconv.ParseInt(os.Getenv("PORTTI_SEED"), 10, 64)
	for i := range int64(n) {
		rnd := rand.New(rand.NewSource(seed<<32 + i))
		from := dirs[rnd.Intn(len(dirs))]
		dir := copied(t, from, filepath.Join(base, "bad"))
		what := damaged(t, dir, rnd)
		ours, theirs := harmful(dir)
		if (len(ours) > 0) != (len(theirs) > 0) {
			t.Errorf("damage %d with PORTTI_SEED=%d, %s: %s: by the page %+v, by the program %v", i, seed, filepath.Base(from), what, ours, theirs)
		}
		bad += min(1, len(ours))
	}
	if bad < n/4 || bad > n*3/4 {
		t.Errorf("%d of %d damages did harm", bad, n)
	}
}

// TestDamageInOnePlace: what a random damage seldom meets is seen by both.
func TestDamageInOnePlace(t *testing.T) {
	base := filepath.Join(fastDir(t), "rich")
	rich(t, base)
	flipFact := func(name string) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			inSegment(t, segments(t, dir)[0], func(_, m *bolt.Bucket) error {
				v := slices.Clone(m.Get([]byte(name)))
				v[len(v)/2] ^= 4
				return m.Put([]byte(name), v)
			})
		}
	}
	for what, damage := range map[string]func(*testing.T, string){
		"format": flipFact("format"), "ledger": flipFact("ledger"), "summary": flipFact("summary"), "rows": flipFact("rows"), "thinned": flipFact("thinned"),
		"rows missing": func(t *testing.T, dir string) {
			inSegment(t, segments(t, dir)[0], func(_, m *bolt.Bucket) error { return m.Delete([]byte("rows")) })
		},
		"an older state": func(t *testing.T, dir string) { change(t, dir, "slot.reserved", number(2)) },
		"a key of a branch page": func(t *testing.T, dir string) {
			edit(t, segments(t, dir)[0], func(b []byte) []byte {
				for at := 2 * 4096; at < len(b); at += 4096 {
					if p := b[at:]; p[8] == 1 && p[10] > 2 && newer(b, at) {
						key := 16 + 16 + int(binary.LittleEndian.Uint32(p[16+16:])) // of the second element
						p[key+7] ^= 0x20
						return b
					}
				}
				t.Fatal("no branch page")
				return nil
			})
		},
	} {
		t.Run(what, func(t *testing.T) {
			dir := copied(t, base, filepath.Join(fastDir(t), "q"))
			damage(t, dir)
			if ours, theirs := harmful(dir); len(ours) == 0 || len(theirs) == 0 {
				t.Errorf("by the page %+v, by the program %v", ours, theirs)
			}
		})
	}
}

// newer says that no later page of the file is a copy of the one at this place, and
// so that it may be in use.
func newer(b []byte, at int) bool {
	for next := at + 4096; next < len(b); next += 4096 {
		if b[next+8] == 1 {
			return false
		}
	}
	return true
}

// TestStateNamesWhatWasThinned: a start removes the files that went into a thinned
// one before it writes the state anew. After a cut between these two the state names
// files that are not there, and nothing is missing.
func TestStateNamesWhatWasThinned(t *testing.T) {
	base := fastDir(t)
	synctest.Test(t, func(t *testing.T) {
		dir := filepath.Join(base, "q")
		q := begin(t, dir, 1, nil)
		var old []byte
		for i := 0; q.Stats().Thinnings == 0; i += 100 {
			var err error
			if old, err = os.ReadFile(filepath.Join(dir, "state")); err != nil {
				t.Fatal(err)
			}
			fill(t, q, i, 100)
		}
		dir = copied(t, dir, filepath.Join(base, "copy"))
		end(t, q)
		edit(t, filepath.Join(dir, "state"), func([]byte) []byte { return old })
		if ours, theirs := harmful(dir); len(ours) > 0 || len(theirs) > 0 {
			t.Errorf("by the page %+v, by the program %v", ours, theirs)
		}
		q = begin(t, dir, 1, nil)
		if total, _ := q.Ledger(); total.LostAll() != total.Lost[buffer.LostFull] {
			t.Errorf("%+v", total)
		}
		end(t, q)
		sound(t, dir)
	})
}
