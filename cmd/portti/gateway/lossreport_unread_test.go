package gateway

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"portti/buffer"
	"portti/device/thingsee"
)

// What was told to the server is in a small file: absent, nothing was; damaged, it is
// told again; there and not to be read now, nothing is told until it can be.
func TestWhatWasTold(t *testing.T) {
	known := func(path string) error { return os.WriteFile(path, []byte(`{"panel":{"rate":5}}`), 0o600) }
	// A loop of links cannot be read, by root either, as a disk that fails cannot.
	unread := func(path string) error { return os.Symlink(path, path) }
	for name, c := range map[string]struct {
		put, mend func(path string) error
		told      int // messages before it is mended
		after     int // in all
		log       string
	}{
		"absent":              {put: func(string) error { return nil }, told: 1, after: 1},
		"known":               {put: known, told: 0, after: 0},
		"damaged":             {put: func(path string) error { return os.WriteFile(path, []byte(`{"panel":{"ra`), 0o600) }, told: 1, after: 1, log: "loss-report.load-failed"},
		"half of it":          {put: func(path string) error { return os.WriteFile(path, []byte(`{"panel":{"rate":5},"x":7}`), 0o600) }, told: 1, after: 1, log: "loss-report.load-failed"},
		"null":                {put: func(path string) error { return os.WriteFile(path, []byte("null\n"), 0o600) }, told: 1, after: 1, log: "loss-report.load-failed"},
		"a folder":            {put: func(path string) error { return os.MkdirAll(filepath.Join(path, "x"), 0o700) }, told: 1, after: 1, log: "loss-report.load-failed"},
		"unread, then known":  {put: unread, mend: known, told: 0, after: 0, log: "loss-report.read-failed"},
		"unread, then absent": {put: unread, mend: func(string) error { return nil }, told: 0, after: 1, log: "loss-report.read-failed"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "stated.json")
			if err := c.put(path); err != nil {
				t.Fatal(err)
			}
			synctest.Test(t, func(t *testing.T) {
				var log strings.Builder
				told := 0
				send := func(*thingsee.Message) bool { told++; return true }
				r := newLossReport(dir, send, slog.New(slog.NewTextHandler(&log, nil)))
				lost := map[string]buffer.Counts{"panel": {Lost: map[string]uint64{"rate": 5}}}
				minute := func() {
					for range 60 {
						r.update(lost, nil, nil, time.Now())
						time.Sleep(time.Second)
					}
				}
				minute()
				if told != c.told {
					t.Errorf("told %d times, want %d", told, c.told)
				}
				if c.mend != nil {
					if err := errors.Join(os.Remove(path), c.mend(path)); err != nil {
						t.Fatal(err)
					}
				}
				minute()
				if told != c.after {
					t.Errorf("told %d times in all, want %d", told, c.after)
				}
				if n := strings.Count(log.String(), "level=WARN"); c.log == "" && n > 0 || c.log != "" && strings.Count(log.String(), c.log) != 1 {
					t.Errorf("logged:\n%s", log.String())
				}
			})
		})
	}
}
