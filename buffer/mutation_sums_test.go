package buffer

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"hash/fnv"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"portti/buffer/boltfile"
)

// A checksum earns its place as a flush does: a bit goes bad on the medium, and the
// checksum is made to fit, as if nobody looked at it. Then something wrong comes out
// that does not come out as long as the checksum is held against the bytes.

// covered is bytes under a checksum, and how to make it fit.
type covered struct {
	file     string
	from, to int // the bytes that may go bad
	refit    func(b []byte)
}

// check is one checksum without which something is lost.
type check struct {
	name  string
	life  string
	loss  string // what the bits are looked through for
	known func(k *known)
	at    func(t *testing.T, dir string) []covered
}

func allChecks() []check {
	return []check{
		{name: "value", life: "sums", loss: wrongBytes, at: values(4), known: oneSetAside},
		{name: "value, over its key", life: "sums", loss: wrongBytes, at: values(-8), known: oneSetAside},
		{name: "ledger", life: "cut", loss: untrue, at: factOf("ledger")},
		{name: "summary", life: "sums", loss: untrue, at: factOf("summary")},
		{name: "rows", life: "sums", loss: nameTaken, at: factOf("rows")},
		{name: "format", life: "sums", loss: goneUnsaid, at: factOf("format")},
		{name: "thinned", life: "full", loss: goneSaid, at: factOf("thinned")},
		{name: "slot", life: "sums", loss: untrue, at: slotsOf},
		{name: "slot, numbers", life: "killed", loss: numberReused, at: numbersOf},
		{name: "meta page", life: "sums", loss: goneSaid, at: metaPages},
	}
}

// oneSetAside is known where a record that went bad may be missing.
func oneSetAside(k *known) {
	k.counts.Quarantined++
	k.spare = 1
}

// values are the records of a queue, or with from -8 their keys.
func values(from int) func(t *testing.T, dir string) []covered {
	return func(t *testing.T, dir string) (out []covered) {
		for _, file := range segmentFiles(t, dir) {
			for _, e := range elementsOf(t, file, recordsBucket()) {
				at, n, end := int(e.Offset), binary.BigEndian.Uint64(e.Key), int(e.Offset)+len(e.Value)
				c := covered{file: file, from: at + headerLen, to: end}
				if from < 0 {
					c.from, c.to = at+from, at
				}
				c.refit = func(b []byte) {
					n = binary.BigEndian.Uint64(b[at-8:])
					binary.BigEndian.PutUint32(b[at:], valueSum(n, b[at+4:end]))
				}
				out = append(out, c)
			}
		}
		return out
	}
}

// elementsOf is what a bucket of a file holds.
func elementsOf(t *testing.T, file string, bucket []byte) (out []boltfile.Element) {
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	tx, err := boltfile.Begin(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	c, err := tx.Bucket(string(bucket))
	if err != nil {
		t.Fatal(err)
	}
	k, _, err := c.First()
	for ; k != nil && err == nil; k, _, err = c.Next() {
		e := c.Element()
		e.Key, e.Value = bytes.Clone(e.Key), bytes.Clone(e.Value)
		out = append(out, e)
	}
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// factOf is a fact of each segment that has it.
func factOf(name string) func(t *testing.T, dir string) []covered {
	return func(t *testing.T, dir string) (out []covered) {
		for _, file := range segmentFiles(t, dir) {
			for _, e := range elementsOf(t, file, factsBucket()) {
				if string(e.Key) == name {
					from, to := int(e.Offset), int(e.Offset)+len(e.Value)-4
					out = append(out, covered{file: file, from: from, to: to, refit: resealed(from, to)})
				}
			}
		}
		return out
	}
}

// resealed makes the CRC-32C behind some bytes fit.
func resealed(from, to int) func(b []byte) {
	return func(b []byte) { binary.LittleEndian.PutUint32(b[to:], crc32.Checksum(b[from:to], castagnoli)) }
}

// slotsOf is the newest slot of the state file.
func slotsOf(t *testing.T, dir string) []covered {
	file := filepath.Join(dir, sidecarName)
	read := readSlots(OS(dir))
	best, err := read.newest()
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(read.all[:], func(s state) bool { return s.ledger.gen == best.ledger.gen })
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	from := i * int(slotSizeOf(int64(len(b))))
	to := from + slotHeader + int(binary.LittleEndian.Uint32(b[from+10:]))
	return []covered{{file: file, from: from + slotHeader, to: to, refit: resealed(from, to)}}
}

// numbersOf is the reserved number in that slot.
func numbersOf(t *testing.T, dir string) []covered {
	c := slotsOf(t, dir)[0]
	b, err := os.ReadFile(c.file)
	if err != nil {
		t.Fatal(err)
	}
	d := decoder{b: b[c.from:c.to]}
	_, _ = d.text(), d.uint()
	end := c.to
	c.from = end - len(d.b)
	_ = d.uint()
	c.to = end - len(d.b)
	return []covered{c}
}

// metaPages are the older meta pages, from the newest file on.
func metaPages(t *testing.T, dir string) (out []covered) {
	for _, file := range slices.Backward(segmentFiles(t, dir)) {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		newest, err := boltfile.NewestMeta(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			t.Fatal(err)
		}
		older := int(1-newest.TxID%2) * pageSize
		at := older + boltfile.HeaderSize
		out = append(out, covered{file: file, from: at + 16, to: at + 56, refit: func(b []byte) {
			h := fnv.New64a()
			_, _ = h.Write(b[at : at+56])
			binary.NativeEndian.PutUint64(b[at+56:], h.Sum64())
		}})
	}
	return out
}

// liveSums: several short lives in one file, devices, deliveries, refused records.
func liveSums(w *witness) {
	w.opt.FenceHold = 0
	w.fs.record = false
	w.open()
	for round := range 8 {
		w.append(100)
		w.pass(1100 * time.Millisecond)
		if round == 3 {
			w.deliver(150)
		}
	}
	w.refuse(300, 301)
	for range 3 {
		w.close()
		w.open()
		w.append(15)
		w.pass(1100 * time.Millisecond)
	}
	w.close()
}

// liveCut: the newest ledger is that of a commit, as after a cut.
func liveCut(w *witness) {
	w.opt.FenceHold = 0
	w.fs.record = false
	w.open()
	for range 3 {
		w.append(60)
		w.pass(1100 * time.Millisecond)
		w.deliver(20)
	}
	path := filepath.Join(w.fs.dir, sidecarName)
	state, err := os.ReadFile(path)
	if err != nil {
		w.t.Fatal(err)
	}
	w.append(60)
	w.pass(1100 * time.Millisecond)
	w.left = w.fs.dir + "-left"
	copyDir(w.t, w.fs.dir, w.left)
	if err := os.WriteFile(filepath.Join(w.left, sidecarName), state, 0o600); err != nil {
		w.t.Fatal(err)
	}
	was := w.now
	mustClose(w.t, w.q)
	w.now = was
}

// liveKilled: readings were sent before they were due to be written.
func liveKilled(w *witness) {
	w.opt.FenceHold = 0
	w.fs.record = false
	w.open()
	for range 3 {
		w.append(60)
		w.pass(1100 * time.Millisecond)
		w.deliver(20)
	}
	w.append(150)   // so many that a number with one bit less can lie among them
	synctest.Wait() // until they are reserved, and then in both slots
	if err := w.q.SetOffset(w.q.Boot(), Offset{Unix: 1}); err != nil {
		w.t.Fatal(err)
	}
	_, next := w.q.Bounds()
	w.now.last = next - 1
	w.left = w.fs.dir + "-left"
	copyDir(w.t, w.fs.dir, w.left)
	was := w.now
	mustClose(w.t, w.q)
	w.now = was
}

// TestEachChecksumEarnsItsPlace: for each checksum there is a bit that goes bad with a
// loss that the checksum keeps away.
func TestEachChecksumEarnsItsPlace(t *testing.T) {
	dir := fastDir(t)
	lives := map[string]*witness{}
	for name, live := range map[string]func(w *witness){"sums": liveSums, "full": liveFull, "cut": liveCut, "killed": liveKilled} {
		synctest.Test(t, func(t *testing.T) {
			lives[name] = newWitness(t, dir, name)
			lives[name].left = lives[name].fs.dir
			live(lives[name])
		})
	}
	for _, c := range allChecks() {
		w := lives[c.life]
		if lost := w.verdict(spoiled(t, w.left, covered{}, -1, false), w.now, w.now); lost != "" {
			t.Fatalf("%s: with nothing wrong: %s", c.life, lost)
		}
		tries, with, without := c.search(t, w)
		t.Logf("%-20s %3d bits: with it: %.70s; without it: %.100s", c.name, tries, with, without)
		if without == "" {
			t.Errorf("%s: no bit is worse without the checksum", c.name)
		}
	}
}

// search looks for a bit that costs more when the checksum fits.
func (c *check) search(t *testing.T, w *witness) (tries int, with, without string) {
	places := c.at(t, w.left)
	if len(places) == 0 {
		t.Fatalf("%s: it is nowhere", c.name)
	}
	later := w.now
	if c.known != nil {
		c.known(&later)
	}
	for n := range 160 {
		p := places[len(places)-1-n%len(places)]
		bit := (n * 37) % (8 * (p.to - p.from))
		tries++
		worse := w.verdict(spoiled(t, w.left, p, bit, true), w.now, later)
		if !strings.HasPrefix(worse, c.loss) {
			continue
		}
		with = w.verdict(spoiled(t, w.left, p, bit, false), w.now, later)
		if with == "" || gravity(with) > gravity(worse) {
			return tries, with, worse
		}
	}
	return tries, "", ""
}

// spoiled is a copy of a folder with a bit gone bad, and with the checksum made to fit.
func spoiled(t *testing.T, dir string, c covered, bit int, fits bool) string {
	copied := dir + "-spoiled"
	copyDir(t, dir, copied)
	if bit < 0 {
		return copied
	}
	damageFile(t, filepath.Join(copied, filepath.Base(c.file)), func(b []byte) []byte {
		b[c.from+bit/8] ^= 1 << (bit % 8)
		if fits {
			c.refit(b)
		}
		return b
	})
	return copied
}
