package main

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"portti/device/recording"
)

// syncedFile notes what was written and how much of it is on the disk.
type syncedFile struct {
	written, synced, syncs int
	fails                  error // what the next Sync ends with
}

func (f *syncedFile) Write(p []byte) (int, error) {
	f.written += len(p)
	return len(p), nil
}

func (f *syncedFile) Sync() (err error) {
	f.synced = f.written
	f.syncs++
	err, f.fails = f.fails, nil
	return err
}

// What came is saved within five seconds though nothing follows it, and silence costs no
// writes.
func TestRecordSavesWhatNothingFollows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		file, records, done := &syncedFile{}, make(chan recording.Record), make(chan error)
		s := &sight{Header: recording.Header{Type: "lines"}, next: func() (recording.Record, error) {
			r, more := <-records
			if !more {
				return r, io.EOF
			}
			return r, nil
		}}
		go func() { _, err := record(s, file); done <- err }()
		for n := range 3 {
			records <- recording.Record{At: time.Duration(n) * time.Hour, What: recording.In, Data: []byte("temp=1\n")}
			time.Sleep(saveEvery)
			synctest.Wait()
			if file.synced != file.written || file.syncs != n+1 {
				t.Errorf("%d of %d bytes are saved, in %d", file.synced, file.written, file.syncs)
			}
			time.Sleep(time.Hour)
		}
		if file.syncs != 3 {
			t.Errorf("saved %d times", file.syncs)
		}
		file.fails = errors.New("no such disk")
		close(records)
		if err := <-done; err == nil || file.synced != file.written {
			t.Errorf("%d of %d bytes are saved: %v", file.synced, file.written, err)
		}
	})
}

// A sync that failed in the silence is said, though the next one is well.
func TestRecordSaysThatASaveFailed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		file := &syncedFile{fails: errors.New("no such disk")}
		s := &saver{file: file}
		if _, err := s.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * saveEvery)
		if _, err := s.Write([]byte("y")); err == nil {
			t.Error("it goes on")
		}
		if s.end() == nil {
			t.Error("it is well")
		}
	})
}

// A recording holds positions: nobody else reads it, whatever file it takes the place of.
func TestRecordOverAFileIsForItsUserAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "gps.wire")
	if err := errors.Join(os.WriteFile(path, []byte("old"), 0o600), os.Chmod(path, 0o644)); err != nil {
		t.Fatal(err)
	}
	file, err := makeRecording(path, true)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if info, err := file.Stat(); err != nil || info.Mode().Perm() != 0o600 || info.Size() != 0 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}

// Under sudo a recording belongs to who called it, who could not read it else; one that was
// there stays whose it was, and so does what lies where he may not write.
func TestRecordIsOfWhoCalledSudo(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root gives files away")
	}
	t.Setenv("SUDO_UID", "4242")
	t.Setenv("SUDO_GID", "4243")
	for name, c := range map[string]struct {
		force bool
		mode  os.FileMode // of the folder
		want  uint32
	}{
		"where everybody may write": {false, 0o777, 4242},
		"one that was there":        {true, 0o777, 0},
		"in a folder of root's":     {false, 0o755, 0},
	} {
		dir := t.TempDir()
		path := filepath.Join(dir, "gps.wire")
		if err := errors.Join(os.Chmod(filepath.Dir(dir), 0o755), os.Chmod(dir, c.mode)); err != nil {
			t.Fatal(err)
		}
		if c.force {
			if err := os.WriteFile(path, nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		file, err := makeRecording(path, c.force)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		var of unix.Stat_t
		if err := unix.Fstat(int(file.Fd()), &of); err != nil || of.Uid != c.want {
			t.Errorf("%s: it is of user %d, wanted %d (%v)", name, of.Uid, c.want, err)
		}
	}
}
