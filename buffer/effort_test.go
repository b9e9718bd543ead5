package buffer

import (
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	bolt "go.etcd.io/bbolt"
)

// countFS counts what is done to the disk.
type countFS struct {
	osFS
	opens, reads, updates, syncs atomic.Int64
}

func (c *countFS) CreateDB(name string, step, limit int) (DB, error) {
	c.opens.Add(1)
	db, err := c.osFS.CreateDB(name, step, limit)
	return &countDB{db, c}, err
}

func (c *countFS) Open(name string, flag int) (File, error) {
	c.opens.Add(1)
	f, err := c.osFS.Open(name, flag)
	return &countFile{f, c}, err
}

type countDB struct {
	DB
	c *countFS
}

func (d *countDB) Update(f func(*bolt.Tx) error) error { d.c.updates.Add(1); return d.DB.Update(f) }

type countFile struct {
	File
	c *countFS
}

func (f *countFile) Sync() error { f.c.syncs.Add(1); return f.File.Sync() }

func (f *countFile) ReadAt(p []byte, off int64) (int, error) {
	f.c.reads.Add(1)
	return f.File.ReadAt(p, off)
}

// TestEffortGrowsWithTheRecords: what a backlog costs to drain, by the number of
// operations: small acknowledgements, a hold and a fresh lane far ahead do not
// make it dearer than in proportion.
func TestEffortGrowsWithTheRecords(t *testing.T) {
	n := 10_000
	if sampled() {
		n = 3000
	}
	for _, mode := range []string{"small acks", "hold", "fresh lane"} {
		c := &countFS{}
		edit := func(o *Options) {
			o.Dir = fastDir(t)
			c.osFS = osFS{o.Dir}
			o.FS, o.tune = c, smallSizes()
			o.tune.numbers, o.tune.progress, o.tune.soft = 1<<20, 1000, blockSize
			if mode == "hold" {
				o.FenceHold = 30 * time.Second
			}
		}
		bubble(t, edit, func(t *testing.T, q *Queue, dev uint16) {
			for i := range n / 500 {
				appendN(t, q, dev, i*500, 500)
				time.Sleep(1100 * time.Millisecond)
			}
			synctest.Wait()
			segments := q.Stats().Segments
			for _, n := range []*atomic.Int64{&c.opens, &c.reads, &c.updates, &c.syncs} {
				n.Store(0)
			}
			at, reads := uint64(1), 0
			if mode == "fresh lane" {
				at = uint64(n)/2 + 1
			}
			for {
				first, recs, err := q.readRecords(at, 1000, 5)
				if err != nil {
					t.Fatal(err)
				}
				if len(recs) == 0 {
					if first, _ := q.Bounds(); mode != "fresh lane" || first > 1 {
						break
					}
					at = 1
					mustAck(t, q, 1, 1)
					continue
				}
				reads++
				at = first + uint64(len(recs))
				for k := range recs {
					mustAck(t, q, first+uint64(k), first+uint64(k))
				}
				if reads%100 == 0 {
					time.Sleep(time.Second)
					synctest.Wait()
					q.mu.Lock()
					spans := len(q.fates) + len(q.counted)
					steps := len(q.hold.steps)
					q.mu.Unlock()
					if spans > 4 || steps > 70 {
						t.Fatalf("%s: %d spans and %d steps to keep in mind", mode, spans, steps)
					}
				}
			}
			time.Sleep(2 * time.Minute)
			synctest.Wait()
			if s := q.Stats(); s.Waiting != 0 || s.Segments > 1 || s.Bytes > 200<<10 {
				t.Errorf("%s: %d wait, %d segments, %d bytes left", mode, s.Waiting, s.Segments, s.Bytes)
			}
			opens, preads, updates, syncs := int(c.opens.Load()), int(c.reads.Load()), int(c.updates.Load()), int(c.syncs.Load())
			if opens > 4*segments+10 || preads > reads+20*segments+20 || updates > 10 || syncs > 2*segments+n/1000+10 {
				t.Errorf("%s: %d segments in %d reads took %d opens, %d reads of a file, %d commits, %d syncs", mode,
					segments, reads, opens, preads, updates, syncs)
			}
			for _, name := range segmentFiles(t, q.opt.Dir) {
				if strings.Contains(name, damagedInfix) {
					t.Error(name)
				}
			}
		})
	}
}
