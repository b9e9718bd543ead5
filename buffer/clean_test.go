package buffer

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	bolt "go.etcd.io/bbolt"
)

// cleanFS is a file system that takes the pages which a failed sync could not write
// for clean, as Linux does: reads still show them, later syncs succeed, and the disk
// never gets them. The folder is what reads show; disk is what a power cut leaves.
type cleanFS struct {
	osFS

	mu      sync.Mutex
	names   map[string]int         // files by name
	durable map[string]int         // as of the last sync of the directory
	disk    map[int][]byte         // what the disk has of a file
	dirty   map[int]map[int64]bool // pages that the next sync writes
	seen    map[int][]byte         // a bbolt file after its last commit
	syncs   int
	fail    int  // the sync that fails, 0 for none
	dead    bool // the process was killed
	kills   bool // by the failing sync
	cutAt   int  // the sync at which the power goes: what it writes is torn
	onCut   func()
	image   map[string][]byte // what the disk has then
}

func newCleanFS(dir string) *cleanFS {
	return &cleanFS{osFS: osFS{dir}, names: map[string]int{}, durable: map[string]int{}, disk: map[int][]byte{},
		dirty: map[int]map[int64]bool{}, seen: map[int][]byte{}}
}

func (f *cleanFS) alive() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.dead {
		return syscall.EIO
	}
	return nil
}

func (f *cleanFS) inode(name string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	id, ok := f.names[name]
	if !ok {
		id = len(f.disk) + 1
		f.names[name], f.disk[id], f.dirty[id] = id, nil, map[int64]bool{}
	}
	return id
}

// sync writes what is dirty, or fails and takes it for clean.
func (f *cleanFS) sync(id int, content func() ([]byte, error)) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.dead {
		return syscall.EIO
	}
	f.syncs++
	pages := f.dirty[id]
	f.dirty[id] = map[int64]bool{}
	if f.syncs == f.fail {
		f.dead = f.kills
		return syscall.EIO
	}
	b, err := content()
	if err != nil {
		return err
	}
	have := f.disk[id]
	if f.syncs == f.cutAt {
		torn := bytes.Clone(have)
		torn = append(torn, make([]byte, max(0, len(b)-len(torn)))...)
		for p := range pages {
			at := min(p*pageSize, int64(len(b)))
			copy(torn[at:], b[at:min(at+pageSize/16, int64(len(b)))])
		}
		f.disk[id] = torn
		f.image = f.contents()
		f.disk[id] = have
		f.onCut()
	}
	have = append(have, make([]byte, max(0, len(b)-len(have)))...)
	for p := range pages {
		at := min(p*pageSize, int64(len(b)))
		copy(have[at:], b[at:min(at+pageSize, int64(len(b)))])
	}
	f.disk[id] = have
	return nil
}

func (f *cleanFS) Open(name string, flag int) (File, error) {
	if err := f.alive(); err != nil {
		return nil, err
	}
	file, err := f.osFS.Open(name, flag)
	if err != nil {
		return nil, err
	}
	return &cleanFile{file, f, f.inode(name), f.path(name)}, nil
}

type cleanFile struct {
	File
	fs   *cleanFS
	id   int
	path string
}

func (f *cleanFile) WriteAt(p []byte, off int64) (int, error) {
	if err := f.fs.alive(); err != nil {
		return 0, err
	}
	f.fs.mu.Lock()
	for at := off / pageSize; at*pageSize < off+int64(len(p)); at++ {
		f.fs.dirty[f.id][at] = true
	}
	f.fs.mu.Unlock()
	return f.File.WriteAt(p, off)
}

func (f *cleanFile) Sync() error {
	return f.fs.sync(f.id, func() ([]byte, error) { return os.ReadFile(f.path) })
}

func (f *cleanFS) Rename(from, to string) error {
	if err := f.alive(); err != nil {
		return err
	}
	err := f.osFS.Rename(from, to)
	f.mu.Lock()
	defer f.mu.Unlock()
	if err == nil {
		f.names[to] = f.names[from]
		delete(f.names, from)
	}
	return err
}

func (f *cleanFS) Remove(name string) error {
	if err := f.alive(); err != nil {
		return err
	}
	err := f.osFS.Remove(name)
	f.mu.Lock()
	defer f.mu.Unlock()
	if err == nil {
		delete(f.names, name)
	}
	return err
}

func (f *cleanFS) SyncDir() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.syncs++; f.dead || f.syncs == f.fail {
		return syscall.EIO
	}
	clear(f.durable)
	for name, id := range f.names {
		f.durable[name] = id
	}
	return nil
}

func (f *cleanFS) CreateDB(name string, limit int) (DB, error) {
	if err := f.alive(); err != nil {
		return nil, err
	}
	db, err := f.osFS.CreateDB(name, limit)
	if err != nil {
		return nil, err
	}
	d := &cleanDB{db, f, f.inode(name), f.path(name)}
	// Making the file is a write and a sync of bbolt's own.
	return d, d.settle()
}

type cleanDB struct {
	DB
	fs   *cleanFS
	id   int
	path string
}

func (d *cleanDB) Update(f func(*bolt.Tx) error) error {
	if err := d.fs.alive(); err != nil {
		return err
	}
	if err := d.DB.Update(f); err != nil {
		return err
	}
	return d.settle()
}

// settle finds the pages that bbolt wrote, and syncs them.
func (d *cleanDB) settle() error {
	name := d.fs.nameOf(d.id)
	b, err := os.ReadFile(d.fs.path(name))
	if err != nil {
		return err
	}
	was := d.fs.seen[d.id]
	for p := int64(0); p*pageSize < int64(len(b)); p++ {
		now := b[p*pageSize : min((p+1)*pageSize, int64(len(b)))]
		if at := p * pageSize; at >= int64(len(was)) || !bytes.Equal(now, was[at:min(at+pageSize, int64(len(was)))]) {
			d.fs.mu.Lock()
			d.fs.dirty[d.id][p] = true
			d.fs.mu.Unlock()
		}
	}
	d.fs.seen[d.id] = b
	return d.fs.sync(d.id, func() ([]byte, error) { return b, nil })
}

func (f *cleanFS) nameOf(id int) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	for name, i := range f.names {
		if i == id {
			return name
		}
	}
	return ""
}

// contents is what the disk has, by name.
func (f *cleanFS) contents() map[string][]byte {
	all := map[string][]byte{}
	for name, id := range f.durable {
		all[name] = bytes.Clone(f.disk[id])
	}
	return all
}

// failedSyncs is a life of two processes: at one sync of the first, or of the second,
// the disk fails; the first is killed, the second takes over what reads show of it,
// and then the power goes.
type failedSyncs struct {
	t         *testing.T
	fs        *cleanFS
	saved     map[string]bool // on disk, as the queue said at the time
	delivered map[string]bool
	names     map[string]string // of what a receiver may have: to the record
	n         int
}

func (l *failedSyncs) life(boot byte, rounds int, rnd *rand.Rand) {
	o := testOptions("")
	o.FS, o.BootID = l.fs, [16]byte{boot}
	o.tune = smallSizes()
	q := mustOpen(l.t, o)
	dev, _ := q.Device("gps")
	pending := []string{}
	for range rounds {
		if l.fs.alive() != nil {
			break
		}
		for range 20 + rnd.Intn(40) {
			if q.Append(0, dev, 1, []byte(text(l.n))) == nil {
				pending = append(pending, text(l.n))
			}
			l.n++
		}
		numbers, recs := drain(l.t, q)
		for i, n := range numbers {
			name, _ := q.Name(n)
			key := fmt.Sprint(name, n)
			if was, known := l.names[key]; known && was != recs[i] {
				l.t.Fatalf("%s was %q and is %q", key, was, recs[i])
			}
			l.names[key] = recs[i]
		}
		time.Sleep(time.Duration(2+rnd.Intn(20)) * time.Second)
		synctest.Wait()
		if s := q.Stats(); !s.Degraded && s.WaitingMemory == 0 {
			for _, p := range pending {
				l.saved[p] = true
			}
			pending = pending[:0]
		}
		if rnd.Intn(3) == 0 && len(numbers) > 10 {
			k := len(numbers) / 3
			mustAck(l.t, q, numbers[0], numbers[k])
			for _, r := range recs[:k+1] {
				l.delivered[r] = true
			}
		}
	}
	checkLedger(l.t, q)
	l.fs.mu.Lock()
	l.fs.dead = true
	l.fs.mu.Unlock()
	_ = q.Close()
	l.fs.mu.Lock()
	l.fs.dead, l.fs.fail, l.fs.kills = false, 0, false
	l.fs.mu.Unlock()
}

// TestFailedSyncThenKillThenCut (T1): nothing that was said to be saved is missing
// and uncounted, and no name is given to two records, whichever sync of the first
// process failed, and wherever the power goes in the second.
func TestFailedSyncThenKillThenCut(t *testing.T) {
	t.Parallel()
	const first, cuts = 60, 8
	cases, cut := chosen(t, 37, upTo(first*cuts)), 0
	for _, i := range cases {
		synctest.Test(t, func(t *testing.T) { cut += failedThenCut(t, i/cuts, i%cuts) })
	}
	if t.Logf("%d cuts", cut); cut < len(cases)/3 {
		t.Errorf("%d cuts: the test shows little", cut)
	}
}

// failedThenCut says how often the power was cut, which it is not where a life makes
// too few syncs.
func failedThenCut(t *testing.T, k, c int) int {
	l := &failedSyncs{t: t, fs: newCleanFS(fastDir(t)), saved: map[string]bool{}, delivered: map[string]bool{}, names: map[string]string{}}
	rnd := rand.New(rand.NewSource(int64(k)))
	l.fs.fail, l.fs.kills = k, c%2 == 1
	l.life(1, 12, rnd)
	l.fs.cutAt = l.fs.syncs + 1 + c*c/3
	var saved map[string]bool
	l.fs.onCut = func() { saved = maps.Clone(l.saved) }
	l.life(1+byte(k%2), 6, rnd)
	if l.fs.image == nil {
		return 0
	}
	dir := fastDir(t)
	for name, b := range l.fs.image {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	l.cameBack(dir, saved, fmt.Sprintf("sync %d failed, power cut at %d", k, l.fs.cutAt))
	return 1
}

func (l *failedSyncs) cameBack(dir string, saved map[string]bool, what string) {
	o := testOptions(dir)
	o.tune = smallSizes()
	q := mustOpen(l.t, o)
	_, recs := drain(l.t, q)
	there := map[string]bool{}
	for _, r := range recs {
		there[r] = true
	}
	missing := uint64(0)
	for s := range saved {
		if !there[s] && !l.delivered[s] {
			missing++
		}
	}
	if c := checkLedger(l.t, q); missing > c.LostAll()+c.Quarantined {
		l.t.Errorf("%s: %d missing, %+v", what, missing, c)
	}
	mustClose(l.t, q)
}
