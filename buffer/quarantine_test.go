package buffer

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"
)

// Row 102: many records that a server refuses cost one sync and not a line of the
// log each, are all in the file, and are counted.
func TestManyRefusedRecordsCostOneSync(t *testing.T) {
	c := newBadDisk("")
	var log bytes.Buffer
	dir := ""
	edit := func(o *Options) {
		o.Dir = fastDir(t)
		dir = o.Dir
		c.osFS = osFS{o.Dir}
		o.FS, o.Log = c, slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelWarn}))
	}
	bubble(t, edit, func(t *testing.T, q *Queue, dev uint16) {
		appendN(t, q, dev, 0, 1000)
		time.Sleep(2 * time.Second)
		synctest.Wait()
		var ns []uint64
		for n := uint64(1); n <= 1000; n += 10 {
			ns = append(ns, n, n) // a server may say it twice
		}
		appendN(t, q, dev, 1000, 5)
		ns = append(ns, 1003) // in memory
		before, _ := c.counts()
		if err := q.QuarantineAll(ns, "rejected"); err != nil {
			t.Fatal(err)
		}
		if after, _ := c.counts(); after["sync"]-before["sync"] > 2 {
			t.Errorf("%d syncs", after["sync"]-before["sync"])
		}
		if k := checkLedger(t, q); k.Quarantined != 101 || k.Waiting != 1005-101 {
			t.Errorf("%+v", k)
		}
	})
	if log.Len() > 0 {
		t.Errorf("log: %s", log.String())
	}
	kept := map[uint64]bool{}
	text, err := os.ReadFile(filepath.Join(dir, quarantineName))
	if err != nil {
		t.Fatal(err)
	}
	for line := range bytes.Lines(text) {
		var q quarantined
		if err := json.Unmarshal(line, &q); err != nil || q.Record == "" || q.Reason != "rejected" {
			t.Fatalf("%s: %v", line, err)
		}
		kept[q.Number] = true
	}
	if len(kept) != 101 {
		t.Errorf("%d records kept", len(kept))
	}
}
