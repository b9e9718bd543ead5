package buffer

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	bolt "go.etcd.io/bbolt"
)

// Version 1 is the first that was given out, so there is no real one before it.
// The frame is proved with the layout that the buffer had on its first day: the
// released mark was the sequence of bucket r, the format had no checksum, and
// the state file had no ledger. It is called version 0 here.

func versionZero() migration {
	return migration{
		version: 0,
		format:  func(fact []byte) bool { return bytes.Equal(fact, []byte{0, 0}) },
		segment: func(from, to *bolt.Tx) error {
			r, m := from.Bucket(recordsBucket()), from.Bucket(factsBucket())
			out, err := to.CreateBucketIfNotExists(recordsBucket())
			if err != nil {
				return err
			}
			out.FillPercent = 1
			if err := r.ForEach(func(k, v []byte) error { return out.Put(k, v) }); err != nil {
				return err
			}
			return putFacts(to, r.Sequence(), m.Get([]byte("summary")), m.Get([]byte("ledger")), m.Get([]byte("before")))
		},
		state: func(slot []byte) (state, error) {
			body, err := unseal(slot[:slotHeader+4+int(binary.LittleEndian.Uint16(slot[10:]))])
			if err != nil {
				return state{}, err
			}
			// Parse it with what version 1 has behind: no accounts.
			body = append(bytes.Clone(body), 0, 0, 0)
			binary.LittleEndian.PutUint16(body[8:], 1)
			binary.LittleEndian.PutUint16(body[10:], uint16(len(body)-slotHeader))
			return decodeState(seal(body))
		},
	}
}

// makeOld turns a directory of version 1 into one of version 0.
func makeOld(t *testing.T, dir string) {
	t.Helper()
	for _, path := range segmentFiles(t, dir) {
		db, err := bolt.Open(path, 0o600, &bolt.Options{NoFreelistSync: true, FreelistType: bolt.FreelistMapType, PageSize: pageSize})
		if err != nil {
			t.Fatal(err)
		}
		err = db.Update(func(tx *bolt.Tx) error {
			r, m := tx.Bucket(recordsBucket()), tx.Bucket(factsBucket())
			released := decodeReleased(m.Get([]byte("released")))
			return errors.Join(r.SetSequence(released), m.Delete([]byte("released")), m.Put([]byte("format"), []byte{0, 0}))
		})
		if err := errors.Join(err, db.Close()); err != nil {
			t.Fatal(err)
		}
	}
	st, err := readSidecar(OS(dir))
	if err != nil {
		t.Fatal(err)
	}
	st.ledger, st.only = ledger{}, nil
	full := st.encode()
	body, err := unseal(full)
	if err != nil {
		t.Fatal(err)
	}
	// Behind the list of segments stand, in version 1, empty accounts and the
	// trusted offset of each boot.
	body = body[:len(body)-3-len(appendSeen(nil, st.starts))]
	binary.LittleEndian.PutUint16(body[8:], 0)
	binary.LittleEndian.PutUint16(body[10:], uint16(len(body)-slotHeader))
	text := make([]byte, sidecarSize)
	copy(text[st.gen%2*slotSize:], seal(body))
	damageFile(t, filepath.Join(dir, sidecarName), func([]byte) []byte { return text })
}

// oldQueue is a directory of version 0 with several segments, partly delivered.
func oldQueue(t *testing.T) (dir string, texts map[uint64]string) {
	t.Helper()
	return oldQueueOf(t, 1200)
}

func oldQueueOf(t *testing.T, records int) (dir string, texts map[uint64]string) {
	t.Helper()
	dir = filepath.Join(fastDir(t), "old")
	texts = filled(t, dir, records, func(o *Options) { o.tune.segment = 64 << 10 })
	o := testOptions(dir)
	o.tune = smallSizes()
	q := mustOpen(t, o)
	mustAck(t, q, 1, 100)
	mustAck(t, q, 300, 320)
	mustClose(t, q)
	for n := range texts {
		if n <= 100 || n >= 300 && n <= 320 {
			delete(texts, n)
		}
	}
	makeOld(t, dir)
	return dir, texts
}

func oldOptions(dir string, f FS) Options {
	o := testOptions(dir)
	o.tune, o.FS, o.older = smallSizes(), f, []migration{versionZero()}
	return o
}

// holdsAll opens a directory and sees that nothing is missing or there twice.
func holdsAll(t *testing.T, dir string, texts map[uint64]string) {
	t.Helper()
	q := mustOpen(t, oldOptions(dir, OS(dir)))
	synctest.Wait()
	numbers, recs := drain(t, q)
	got := map[uint64]string{}
	for i, n := range numbers {
		got[n] = recs[i]
	}
	sameTexts(t, got, texts)
	if c := checkLedger(t, q); c.Read != 1200 || c.Acked != 121 || c.LostAll() != 0 {
		t.Errorf("%+v", c)
	}
	mustClose(t, q)
	names, err := OS(dir).List()
	if err != nil || slices.ContainsFunc(names, func(n string) bool { _, old := parseOldName(n); return old || strings.HasSuffix(n, tmpSuffix) }) {
		t.Errorf("%v: left behind: %v", err, names)
	}
}

// TestMigration (row 22): the older format is taken over, once, with everything
// in it; a program that does not know it touches nothing of it.
func TestMigration(t *testing.T) {
	dir, texts := oldQueue(t)
	synctest.Test(t, func(t *testing.T) {
		holdsAll(t, dir, texts)
		holdsAll(t, dir, texts)
	})
	if l := looked(t, dir); len(l.Faults) > 0 {
		t.Error(l.Faults)
	}
}

// TestMigrationKeepsTheOldUntilItWorked: while the new state cannot be saved
// the old files stay.
func TestMigrationKeepsTheOldUntilItWorked(t *testing.T) {
	dir, texts := oldQueue(t)
	before := map[string][]byte{}
	for _, path := range segmentFiles(t, dir) {
		damageFile(t, path, func(b []byte) []byte { before[filepath.Base(path)] = bytes.Clone(b); return b })
	}
	f := &lateFS{osFS: osFS{dir}}
	synctest.Test(t, func(t *testing.T) {
		q := mustOpen(t, oldOptions(dir, f))
		for name, b := range before {
			damageFile(t, filepath.Join(dir, oldName(name, 0)), func(now []byte) []byte {
				if !bytes.Equal(now, b) {
					t.Errorf("the old %s was changed", name)
				}
				return now
			})
		}
		if _, recs := drain(t, q); len(recs) != len(texts) {
			t.Error(len(recs))
		}
		q.Close() // says that it could not save its state
		holdsAll(t, dir, texts)
	})
}

// lateFS lets the state file be made, and not be written from then on.
type lateFS struct{ osFS }

func (l *lateFS) Open(name string, flag int) (File, error) {
	f, err := l.osFS.Open(name, flag)
	if name == sidecarName && flag != 0 && err == nil {
		f.Close()
		return nil, fs.ErrPermission
	}
	return f, err
}

// TestMigrationTouchesNothingOfALaterFormat: one newer file among older ones.
func TestMigrationTouchesNothingOfALaterFormat(t *testing.T) {
	dir, _ := oldQueue(t)
	db, err := bolt.Open(segmentFiles(t, dir)[1], 0o600, &bolt.Options{PageSize: pageSize})
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bolt.Tx) error {
		return tx.Bucket(factsBucket()).Put([]byte("format"), encodeFormat(formatVersion+1))
	})
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	before := snapshot(t, dir)
	synctest.Test(t, func(t *testing.T) {
		q := mustOpen(t, oldOptions(dir, OS(dir)))
		if s := q.Stats(); s.Code != "BUF-NEWER" || !strings.Contains(s.Err, "format 2") {
			t.Errorf("%+v", s)
		}
		q.Close()
	})
	if snapshot(t, dir) != before {
		t.Error("the directory was changed")
	}
}
