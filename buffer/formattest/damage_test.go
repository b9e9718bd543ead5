package formattest_test

import (
	"fmt"
	"math/rand"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"

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
		if !p.Harmless {
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
	base := t.TempDir()
	dirs := []string{copied(t, "../testdata/golden/v2", filepath.Join(base, "golden"))}
	if err := os.Remove(filepath.Join(dirs[0], "want.txt")); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		dir := filepath.Join(base, "full")
		q := begin(t, dir, 1, nil)
		fill(t, q, 0, 4500)
		dirs = append(dirs, copied(t, dir, filepath.Join(base, "killed")))
		end(t, q)
		dirs = append(dirs, dir)
	})
	bad := 0
	const n = 300
	for seed := range int64(n) {
		rnd := rand.New(rand.NewSource(seed))
		from := dirs[rnd.Intn(len(dirs))]
		dir := copied(t, from, filepath.Join(base, "bad"))
		what := damaged(t, dir, rnd)
		ours, theirs := harmful(dir)
		if (len(ours) > 0) != (len(theirs) > 0) {
			t.Errorf("damage %d, %s: %s: by the page %+v, by the program %v", seed, filepath.Base(from), what, ours, theirs)
		}
		bad += min(1, len(ours))
	}
	if bad < n/4 || bad > n*3/4 {
		t.Errorf("%d of %d damages did harm", bad, n)
	}
}
