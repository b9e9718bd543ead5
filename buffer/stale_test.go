package buffer

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"portti/buffer/crashtest"
)

// TestStaleAndMisdirectedPages (T2): a page of a segment whose last synced write the
// disk dropped, or put elsewhere: it has an older text, that of another page, or that
// of the same page in another file. bbolt finds nothing wrong with such a page. No
// record ever comes under a wrong number or twice, and what is missing is counted.
func TestStaleAndMisdirectedPages(t *testing.T) {
	t.Parallel()
	base := fastDir(t)
	good := filepath.Join(base, "good")
	if err := os.Mkdir(good, 0o700); err != nil {
		t.Fatal(err)
	}
	f := newFake(good)
	texts := filled(t, good, 1500, func(o *Options) { o.FS, o.tune.segment = f, 64<<10 })
	segs := segmentFiles(t, good)
	if len(segs) < 3 {
		t.Fatal(len(segs), " files")
	}
	versions := map[string]map[int64][][]byte{} // of a page, by the name the file was made under
	for _, o := range f.log {
		if o.Kind != crashtest.Write || !strings.Contains(o.Name, segSuffix) {
			continue
		}
		name := strings.TrimSuffix(o.Name, tmpSuffix)
		if versions[name] == nil {
			versions[name] = map[int64][][]byte{}
		}
		for at := int64(0); at+pageSize <= int64(len(o.Data)); at += pageSize {
			p := (o.Off + at) / pageSize
			versions[name][p] = append(versions[name][p], o.Data[at:at+pageSize])
		}
	}
	dir := filepath.Join(base, "hurt")
	hurt, cost := 0, 0
	try := func(what, file string, page int64, text []byte) {
		copyDir(t, good, dir)
		damageFile(t, filepath.Join(dir, file), func(b []byte) []byte {
			if len(b) < int(page+1)*pageSize {
				return b
			}
			copy(b[page*pageSize:], text)
			return b
		})
		hurt++
		t.Run(fmt.Sprintf("%s, page %d: %s", file, page, what), func(t *testing.T) {
			out := survive(t, dir, texts, len(texts))
			if len(out.delivered) < len(texts) {
				cost++
			}
		})
	}
	stride := 1 + 2*int(bit(sampled()))
	for i, path := range segs[:3] {
		file := filepath.Base(path)
		other, err := os.ReadFile(segs[(i+1)%3])
		if err != nil {
			t.Fatal(err)
		}
		for p := int64(0); p < usedBytes(t, path)/pageSize; p += int64(stride) {
			if v := versions[file][p]; len(v) > 1 {
				try("an older text", file, p, v[len(v)-2])
				try("its first text", file, p, v[0])
			}
			if len(other) >= int(p+1)*pageSize {
				try("that of the same page in another file", file, p, other[p*pageSize:][:pageSize])
			}
			if b, err := os.ReadFile(path); err == nil && len(b) >= int(p+2)*pageSize {
				try("that of the next page", file, p, b[(p+1)*pageSize:][:pageSize])
			}
		}
	}
	if hurt < 60/stride || cost == 0 {
		t.Errorf("%d pages, %d of them cost a record: the test shows little", hurt, cost)
	}
	t.Logf("%d pages, %d of them cost a record", hurt, cost)
}
