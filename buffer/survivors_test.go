package buffer

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestSurvivorsGetNewIdentities: a record is known by its epoch and its number
// together. Whatever happens to the state file, what survives is handed out
// under an epoch that never was before, so no identity is given twice: numbers
// stay, those of new records lie above all of them, and the alarm is raised. Row 14.
func TestSurvivorsGetNewIdentities(t *testing.T) {
	for name, hurt := range map[string]func(state string, older []byte) error{
		"lost":      func(state string, _ []byte) error { return os.Remove(state) },
		"emptied":   func(state string, _ []byte) error { return os.WriteFile(state, nil, 0o600) },
		"damaged":   func(state string, _ []byte) error { return os.WriteFile(state, make([]byte, sidecarSize), 0o600) },
		"set back":  func(state string, older []byte) error { return os.WriteFile(state, older, 0o600) },
		"cut short": func(state string, older []byte) error { return os.WriteFile(state, older[:100], 0o600) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(fastDir(t), "q")
			o := testOptions(dir)
			o.tune = smallSizes()
			state := filepath.Join(dir, sidecarName)
			q := mustOpen(t, o)
			mustClose(t, q)
			older, err := os.ReadFile(state) // reserves nothing of what follows
			if err != nil {
				t.Fatal(err)
			}
			type identity struct{ epoch, number uint64 }
			given := map[identity]string{}
			note := func(q *Queue) (numbers []uint64) {
				numbers, recs := drain(t, q)
				for i, n := range numbers {
					id := identity{q.Epoch(), n}
					if was, twice := given[id]; twice && was != recs[i] {
						t.Errorf("%v was %q and is %q", id, was, recs[i])
					}
					given[id] = recs[i]
				}
				return numbers
			}
			q = mustOpen(t, o)
			dev, _ := q.Device("a")
			appendN(t, q, dev, 0, 300)
			flushNow(t, q)
			before, first := note(q), q.Epoch()
			mustClose(t, q)
			if err := hurt(state, older); err != nil {
				t.Fatal(err)
			}
			var log bytes.Buffer
			o.Log = slog.New(slog.NewTextHandler(&log, nil))
			q = mustOpen(t, o)
			dev, _ = q.Device("a")
			appendN(t, q, dev, 300, 10)
			flushNow(t, q)
			after, second := note(q), q.Epoch()
			if second == first || len(after) != 310 || len(given) != 610 {
				t.Errorf("epoch %x after %x, %d records, %d identities", second, first, len(after), len(given))
			}
			for i, n := range before {
				if after[i] != n {
					t.Fatalf("survivor %d became %d", n, after[i])
				}
			}
			if after[300] <= before[299] {
				t.Errorf("a new record has number %d, a survivor %d", after[300], before[299])
			}
			s := q.Stats()
			mustClose(t, q)
			if s.NewEpochs != 1 || s.Rollbacks != 1 || !strings.Contains(log.String(), "code=BUF-ROLLBACK") {
				t.Errorf("no alarm: %+v\n%s", s, log.String())
			}
			q = mustOpen(t, o) // and the new epoch stays
			if note(q); q.Epoch() != second || len(given) != 610 {
				t.Errorf("epoch %x, then %x; %d identities", second, q.Epoch(), len(given))
			}
			mustClose(t, q)
		})
	}
}
