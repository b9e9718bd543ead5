package buffer

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// countedFS counts what is done with segments.
type countedFS struct {
	osFS
	mu                        *sync.Mutex
	sizes, opens, reads, open *int
	most                      *int // that were open at one time
}

func countSegments(dir string) countedFS {
	return countedFS{osFS{dir}, new(sync.Mutex), new(int), new(int), new(int), new(int), new(int)}
}

func (c countedFS) add(n *int, by int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	*n += by
	*c.most = max(*c.most, *c.open)
}

func (c countedFS) Size(name string) (int64, error) {
	if strings.HasSuffix(name, segSuffix) {
		c.add(c.sizes, 1)
	}
	return c.osFS.Size(name)
}

func (c countedFS) Open(name string, flag int) (File, error) {
	f, err := c.osFS.Open(name, flag)
	if err != nil || !strings.HasSuffix(name, segSuffix) {
		return f, err
	}
	c.add(c.opens, 1)
	c.add(c.open, 1)
	return countedFile{f, c}, nil
}

type countedFile struct {
	File
	fs countedFS
}

func (f countedFile) ReadAt(p []byte, off int64) (int, error) {
	f.fs.add(f.fs.reads, 1)
	return f.File.ReadAt(p, off)
}

func (f countedFile) Close() error {
	f.fs.add(f.fs.open, -1)
	return f.File.Close()
}

// TestAStartLooksAtEachFileOnce: before a queue is open each of its files was opened
// once, and a few at a time. Two reads tell all of one that was filled by the
// megabyte: the meta pages, and the root with what was written before it. Commits of
// single records leave that further apart, and with many devices the facts have pages
// of their own.
func TestAStartLooksAtEachFileOnce(t *testing.T) {
	for _, how := range []struct {
		what           string
		segment        int64
		devices, batch int // batch: records a commit
		reads          int // of a file
	}{
		{"filled fast", 1 << 20, 1, 8000, 2},
		{"one record a commit", 256 << 10, 1, 1, 4},
		{"many devices", 1 << 20, 300, 8000, 4},
	} {
		t.Run(how.what, func(t *testing.T) {
			const segments = 10
			dir := fastDir(t)
			n := 0
			synctest.Test(t, func(t *testing.T) {
				o := testOptions(dir)
				o.tune = smallSizes()
				o.tune.segment, o.tune.soft, o.tune.hard, o.tune.commit = how.segment, 4<<20, 8<<20, 1<<20
				q := mustOpen(t, o)
				devices := make([]uint16, how.devices)
				for i := range devices {
					devices[i], _ = q.Device(fmt.Sprint("device ", i))
				}
				for q.Stats().Segments < segments {
					for range how.batch {
						appendN(t, q, devices[n%len(devices)], n, 1)
						n++
					}
					q.CommitNow()
					synctest.Wait()
				}
				mustClose(t, q)
			})
			c := countSegments(dir)
			o := testOptions(dir)
			o.FS = c
			q := mustOpen(t, o)
			sizes, opens, reads, most := *c.sizes, *c.opens, *c.reads, *c.most
			if s := q.Stats(); s.Segments != segments || s.Waiting != uint64(n) {
				t.Errorf("%d records in %d segments, %d expected", s.Waiting, s.Segments, n)
			}
			mustClose(t, q)
			if sizes > segments || opens != segments || most > surveyors || reads > how.reads*segments || reads < segments {
				t.Errorf("%d files took %d looks at their sizes, %d opens, %d at one time, and %d reads", segments, sizes, opens, most, reads)
			}
			t.Logf("%d opens, %d at one time, %d reads", opens, most, reads)
		})
	}
}

// TestAStartWaitsForSeveralFilesAtOnce: on a disk each read of which takes a while, a
// start does not wait for one file after the other.
func TestAStartWaitsForSeveralFilesAtOnce(t *testing.T) {
	dir := fastDir(t)
	filled(t, dir, 3000, func(o *Options) { o.tune.segment = 64 << 10 })
	files := len(segmentFiles(t, dir))
	synctest.Test(t, func(t *testing.T) {
		const each = 100 * time.Millisecond
		disk := newBadDisk(dir)
		disk.be(slow(each, nil, "read"))
		o := testOptions(dir)
		o.FS = disk
		began := time.Now()
		q := mustOpen(t, o)
		took := time.Since(began)
		if oneByOne := time.Duration(files) * 2 * each; files < 3*surveyors || took < 2*each || took > oneByOne/2 {
			t.Errorf("%d files took %v, two reads of each one after the other take %v", files, took, oneByOne)
		}
		disk.be(sound)
		mustClose(t, q)
	})
}
