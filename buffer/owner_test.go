package buffer

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// foreign is a folder in which something belongs to someone else.
type foreign struct {
	osFS
	what   string // "state", "segment" or "folder"
	healed atomic.Bool
}

func (f *foreign) refused(name string) error {
	mine := f.healed.Load() || f.what == "state" && name != sidecarName || f.what == "segment" && !strings.HasSuffix(name, segSuffix)
	if mine {
		return nil
	}
	return &fs.PathError{Op: "open", Path: f.path(name), Err: fs.ErrPermission}
}

// whole is what everything in a folder of someone else meets.
func (f *foreign) whole() error {
	if f.what != "folder" {
		return nil
	}
	return f.refused("")
}

func (f *foreign) Open(name string, flag int) (File, error) {
	if err := f.refused(name); err != nil {
		return nil, err
	}
	return f.osFS.Open(name, flag)
}

func (f *foreign) CreateDB(name string, limit int) (DB, error) {
	if err := f.refused(name); err != nil {
		return nil, err
	}
	return f.osFS.CreateDB(name, limit)
}

func (f *foreign) List() ([]string, error) {
	if err := f.whole(); err != nil {
		return nil, err
	}
	return f.osFS.List()
}

func (f *foreign) Size(name string) (int64, error) {
	if err := f.whole(); err != nil {
		return 0, err
	}
	return f.osFS.Size(name)
}

func (f *foreign) Rename(from, to string) error {
	if err := f.whole(); err != nil {
		return err
	}
	return f.osFS.Rename(from, to)
}

func (f *foreign) Remove(name string) error {
	if err := f.whole(); err != nil {
		return err
	}
	return f.osFS.Remove(name)
}

// Row 17: a file of the buffer that belongs to someone else. The queue works
// from memory, says why, touches nothing, and takes the file into use when it
// may.
func TestFilesOfSomeoneElse(t *testing.T) {
	for _, name := range []string{"state", "segment", "folder"} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(fastDir(t), "q")
			filled(t, dir, 20, nil)
			synctest.Test(t, func(t *testing.T) { someoneElses(t, dir, name) })
		})
	}
}

func someoneElses(t *testing.T, dir, what string) {
	before := snapshot(t, dir)
	f := &foreign{osFS: osFS{dir}, what: what}
	o := testOptions(dir)
	o.FS, o.tune, o.BootID = f, smallSizes(), [16]byte{2}
	q := mustOpen(t, o)
	dev, _ := q.Device("a")
	appendN(t, q, dev, 20, 10)
	time.Sleep(3 * time.Minute)
	synctest.Wait()
	// Handed out from memory, and the newest of it proven.
	if _, recs := drain(t, q); len(recs) != 10 || recs[0] != text(20) {
		t.Fatalf("%d records from memory: %v", len(recs), recs)
	}
	_, next := q.Bounds()
	mustAck(t, q, next-5, next-1)
	s := q.Stats()
	if c := checkLedger(t, q); c.Read != 10 || c.Acked != 5 || c.LostAll() != 0 {
		t.Errorf("%+v", c)
	}
	if !s.Degraded || s.Code != "BUF-READONLY" || !strings.Contains(s.Err, dir) || !strings.Contains(s.Err, os.ErrPermission.Error()) {
		t.Errorf("it shows %v %q %q", s.Degraded, s.Code, s.Err)
	}
	if snapshot(t, dir) != before {
		t.Error("the folder was changed")
	}
	f.healed.Store(true)
	time.Sleep(2 * time.Minute)
	synctest.Wait()
	if s := q.Stats(); s.Degraded || s.WaitingMemory != 0 {
		t.Errorf("it has not recovered: %+v", s)
	}
	_, recs := drain(t, q)
	if len(recs) != 25 || recs[0] != text(0) || recs[24] != text(24) {
		t.Errorf("%d records: %v", len(recs), recs)
	}
	if c := checkLedger(t, q); c.Read != 30 || c.Waiting != 25 || c.LostAll() != 0 {
		t.Errorf("%+v", c)
	}
	mustClose(t, q)
}
