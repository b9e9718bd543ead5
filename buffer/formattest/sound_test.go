package formattest_test

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"portti/buffer"
	"portti/buffer/formattest"
)

// fastDir is a folder in memory where there is one: these tests sync often.
func fastDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "portti-format-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// begin opens a queue of small files in a boot of its own.
func begin(t *testing.T, dir string, boot byte, edit func(*buffer.Options)) *buffer.Queue {
	t.Helper()
	start := time.Now()
	o := buffer.Options{Dir: dir, MaxSize: 1 << 20, CommitEvery: time.Second, Gateway: "XXXX00EFS80560445", BootID: [16]byte{boot},
		Mono: func() int64 { return 1000 + time.Since(start).Milliseconds() }}
	if edit != nil {
		edit(&o)
	}
	q, err := buffer.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	return q
}

func end(t *testing.T, q *buffer.Queue) {
	t.Helper()
	if err := q.Close(); err != nil {
		t.Fatal(err)
	}
}

// fill appends n records of two devices, and commits now and then.
func fill(t *testing.T, q *buffer.Queue, from, n int) {
	t.Helper()
	gps, err := q.Device("gps")
	if err != nil {
		t.Fatal(err)
	}
	panel, _ := q.Device("panel \"ä\"")
	for i := from; i < from+n; i++ {
		dev := gps
		if i%3 == 0 {
			dev = panel
		}
		class := byte(0)
		if i%50 == 49 {
			class = 1
		}
		rec := fmt.Appendf(nil, `{"i":%d,"pad":"%s"}`, i, strings.Repeat("0", 150+i%90))
		if err := q.Append(class, dev, uint32(i%5), rec); err != nil {
			t.Fatal(i, err)
		}
		if i%100 == 99 {
			settle(q)
		}
	}
	settle(q)
}

// settle lets the queue write what is due.
func settle(q *buffer.Queue) {
	q.CommitNow()
	time.Sleep(2 * time.Second)
	synctest.Wait()
}

func ack(t *testing.T, q *buffer.Queue, first, last uint64) {
	t.Helper()
	if err := q.Ack(first, last); err != nil {
		t.Fatal(err)
	}
}

// copied is a copy of a folder as it is now.
func copied(t *testing.T, from, to string) string {
	t.Helper()
	if err := os.RemoveAll(to); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	return to
}

// edit changes a file.
func edit(t *testing.T, path string, f func(b []byte) []byte) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err == nil {
		err = os.WriteFile(path, f(b), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func segments(t *testing.T, dir string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "????????????????.seg"))
	if err != nil || len(files) == 0 {
		t.Fatal("no segments: ", err)
	}
	return files
}

// sound fails where there is a problem, and holds what was counted against what
// the program itself sees.
func sound(t *testing.T, dir string) formattest.Summary {
	t.Helper()
	problems, s := formattest.Verify(dir)
	for _, p := range problems {
		if !p.Harmless {
			t.Errorf("%+v", p)
		}
	}
	l, err := buffer.Inspect(dir)
	if err != nil {
		t.Fatal(err)
	}
	var records uint64
	for _, one := range l.Segments {
		records += one.Records
	}
	harmful := slices.DeleteFunc(l.Faults, func(f buffer.Fault) bool { return f.Harmless })
	if len(harmful) > 0 || uint64(s.Waiting) != l.Waiting || uint64(s.Records) != records || s.Segments != len(l.Segments) ||
		s.Clean != l.Clean || uint64(s.Kept) != l.Kept {
		t.Errorf("%+v, by package buffer %d segments, %d records, %d waiting, %d set aside, clean %v, %v",
			s, len(l.Segments), records, l.Waiting, l.Kept, l.Clean, harmful)
	}
	return s
}

func TestGoldenQueue(t *testing.T) {
	dir := copied(t, "../testdata/golden/v2", filepath.Join(fastDir(t), "q"))
	if s := sound(t, dir); s.Records == 0 || s.Kept != 1 || !s.Clean {
		t.Errorf("%+v", s)
	}
}

// TestSoundQueues: in whatever state a queue was left, its folder is what the page
// says, while it runs, as after kill -9, and after a stop.
// fullest is where the leaf page with the most records begins, which no commit has
// replaced by a fuller one.
func fullest(b []byte) (at int) {
	most := uint16(0)
	for p := 4 * 4096; p < len(b); p += 4096 {
		if count := binary.LittleEndian.Uint16(b[p+10:]); b[p+8] == 2 && count > most {
			at, most = p, count
		}
	}
	return at
}

func TestSoundQueues(t *testing.T) {
	for name, live := range map[string]func(t *testing.T, dir string) (*buffer.Queue, func(formattest.Summary) bool){
		"new": func(t *testing.T, dir string) (*buffer.Queue, func(formattest.Summary) bool) {
			return begin(t, dir, 1, nil), func(s formattest.Summary) bool { return s.Records == 0 }
		},
		"several files": func(t *testing.T, dir string) (*buffer.Queue, func(formattest.Summary) bool) {
			q := begin(t, dir, 1, nil)
			fill(t, q, 0, 1500)
			return q, func(s formattest.Summary) bool { return s.Segments > 2 && s.Waiting == 1500 }
		},
		"acknowledged out of order": func(t *testing.T, dir string) (*buffer.Queue, func(formattest.Summary) bool) {
			q := begin(t, dir, 1, nil)
			fill(t, q, 0, 1000)
			ack(t, q, 1, 40)
			ack(t, q, 60, 99)
			ack(t, q, 600, 699)
			return q, func(s formattest.Summary) bool { return s.Waiting == 1000 && !s.Clean || s.Records > s.Waiting }
		},
		"thinned": func(t *testing.T, dir string) (*buffer.Queue, func(formattest.Summary) bool) {
			q := begin(t, dir, 1, nil)
			fill(t, q, 0, 7000)
			if q.Stats().Thinnings == 0 {
				t.Error("nothing was thinned")
			}
			return q, func(s formattest.Summary) bool { return s.Records > 1000 && s.Records < 7000 }
		},
		"given up": func(t *testing.T, dir string) (*buffer.Queue, func(formattest.Summary) bool) {
			q := begin(t, dir, 1, func(o *buffer.Options) { o.WhenFull = buffer.DropOldest })
			fill(t, q, 0, 8000)
			return q, func(s formattest.Summary) bool { return s.Records < 8000 }
		},
		"many boots": func(t *testing.T, dir string) (*buffer.Queue, func(formattest.Summary) bool) {
			q := begin(t, dir, 1, nil)
			for boot := range byte(40) {
				end(t, q)
				q = begin(t, dir, boot+2, nil)
				fill(t, q, int(boot)*10, 10)
			}
			return q, func(s formattest.Summary) bool { return s.Waiting == 400 }
		},
		"imported": func(t *testing.T, dir string) (*buffer.Queue, func(formattest.Summary) bool) {
			q := begin(t, dir, 1, nil)
			fill(t, q, 0, 100)
			dev, _ := q.Device("import:B/gps")
			for n := uint64(10); n < 200; n += 10 {
				for _, from := range []buffer.Name{{Gateway: "B", Epoch: 1 << 63}, {Gateway: "C", Epoch: 7}} {
					if _, err := q.Import(from, n-5, n, 1, dev, 9, []byte(`{"other":1}`)); err != nil {
						t.Fatal(err)
					}
				}
			}
			settle(q)
			return q, func(s formattest.Summary) bool { return s.Waiting == 138 }
		},
		"set aside and lost": func(t *testing.T, dir string) (*buffer.Queue, func(formattest.Summary) bool) {
			q := begin(t, dir, 1, nil)
			fill(t, q, 0, 100)
			for _, n := range []uint64{5, 50, 100} {
				if err := q.Quarantine(n, "refused"); err != nil {
					t.Fatal(err)
				}
			}
			dev, _ := q.Device("gps")
			q.Lose(dev, "rate", 3)
			if err := q.Append(0, dev, 1, []byte{0xff, 0xfe}); err != nil {
				t.Fatal(err)
			}
			if err := q.Quarantine(101, "no text"); err != nil {
				t.Fatal(err)
			}
			settle(q)
			return q, func(s formattest.Summary) bool { return s.Kept == 4 }
		},
		"salvaged": func(t *testing.T, dir string) (*buffer.Queue, func(formattest.Summary) bool) {
			q := begin(t, dir, 1, nil)
			fill(t, q, 0, 1500)
			end(t, q)
			edit(t, segments(t, dir)[1], func(b []byte) []byte { clear(b[5*4096 : 6*4096]); return b })
			edit(t, segments(t, dir)[0], func(b []byte) []byte { b[fullest(b)+2048] ^= 1; return b })
			q = begin(t, dir, 2, nil)
			fill(t, q, 1500, 10)
			at, next := q.Bounds()
			for at < next {
				first, got, err := q.Read(at, 1<<20, 2000)
				if err != nil || len(got) == 0 {
					t.Fatal(at, next, err)
				}
				at = first + uint64(len(got))
			}
			settle(q)
			return q, func(s formattest.Summary) bool { return s.Kept == 1 && s.Records < 1510 && s.Records > 1200 }
		},
		"without its state": func(t *testing.T, dir string) (*buffer.Queue, func(formattest.Summary) bool) {
			q := begin(t, dir, 1, nil)
			fill(t, q, 0, 1000)
			end(t, q)
			if err := os.Remove(filepath.Join(dir, "state")); err != nil {
				t.Fatal(err)
			}
			q = begin(t, dir, 2, nil)
			fill(t, q, 1000, 10)
			return q, func(s formattest.Summary) bool { return s.Records == 1010 }
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := fastDir(t)
			synctest.Test(t, func(t *testing.T) {
				q, right := live(t, filepath.Join(dir, "q"))
				synctest.Wait()
				s := sound(t, copied(t, filepath.Join(dir, "q"), filepath.Join(dir, "copy")))
				if s.Clean || !right(s) {
					t.Errorf("while it runs %+v", s)
				}
				end(t, q)
				if s := sound(t, filepath.Join(dir, "q")); !s.Clean || !right(s) {
					t.Errorf("after a stop %+v", s)
				}
			})
		})
	}
}
