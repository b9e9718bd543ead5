package buffer

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"portti/buffer/boltfile"
)

// dirBytes is what all files of a queue take together: of a segment its pages in
// use, since nothing was ever written behind them.
func dirBytes(t testing.TB, dir string) (n int64) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			continue
		}
		n += info.Size()
		if isSegment(e.Name()) {
			f, err := os.Open(filepath.Join(dir, e.Name()))
			if err != nil {
				t.Fatal(err)
			}
			m, err := boltfile.NewestMeta(f, info.Size())
			if err = errors.Join(err, f.Close()); err != nil {
				t.Fatal(err)
			}
			n += int64(m.Pages)*pageSize - info.Size()
		}
	}
	return n
}

// TestMaxSizeCountsEveryFile: records set aside and damaged files count as the
// segments do, and files kept for a person go before readings that wait.
func TestMaxSizeCountsEveryFile(t *testing.T) {
	dir := fastDir(t)
	synctest.Test(t, func(t *testing.T) {
		o := testOptions(dir)
		o.MaxSize, o.WhenFull, o.tune = 2<<20, DropOldest, defaultSizes(2<<20)
		for i := range 4 {
			name := segmentName(uint64(i+1)) + damagedInfix + "1"
			if err := os.WriteFile(filepath.Join(dir, name), make([]byte, 200<<10), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		q := mustOpen(t, o)
		dev, _ := q.Device("dev")
		pad := strings.Repeat("x", 1000)
		at := uint64(1)
		for i := range 2500 {
			if err := q.Append(0, dev, 0, fmt.Appendf(nil, "%06d%s", i, pad)); err != nil {
				t.Fatal(err)
			}
			if i%10 == 0 {
				if err := q.Quarantine(at, "refused"); err != nil {
					t.Fatal(err)
				}
				at += 10
			}
			if i%50 == 49 {
				time.Sleep(1100 * time.Millisecond)
				synctest.Wait()
				s := q.Stats()
				if n := dirBytes(t, dir); n > o.MaxSize || s.Bytes != n {
					t.Fatalf("after %d records %d bytes in files, stats say %d, %d allowed", i, n, s.Bytes, o.MaxSize)
				}
				if c := checkLedger(t, q); c.Lost["full"] > 0 && len(s.Damaged) > 0 {
					t.Fatalf("readings were given up and %d damaged files kept", len(s.Damaged))
				}
			}
		}
		if c := checkLedger(t, q); c.Lost["full"] == 0 || c.Quarantined == 0 || c.Waiting < 800 {
			t.Errorf("%+v", c)
		}
		mustClose(t, q)
	})
}

// TestLaterVersions: what a later version may append is passed over; a version
// above ours, in whichever byte, is not ours to touch.
func TestLaterVersions(t *testing.T) {
	more := func(b []byte) []byte { return seal(append(b[:len(b)-4:len(b)-4], 1, 2, 3)) }
	sum := summary{count: 2, bytes: 20, first: 5, last: 6, devices: []uint64{0, 2}}
	if got, err := decodeSummary(more(sum.encode())); err != nil || got.count != 2 || len(got.devices) != 2 {
		t.Error("summary: ", got, err)
	}
	l := ledger{gen: 7}
	dev, _ := l.device("a")
	l.lose(dev, "full", 3)
	if got, err := decodeLedger(more(l.encode())); err != nil || got.gen != 7 || len(got.devices) != 2 {
		t.Error("ledger: ", got, err)
	}
	st := state{reserved: 9, segs: []segNote{{1, 2, false}}, ledger: l}
	b := st.encode(0)
	b = append(b[:len(b)-4], 1, 2, 3)
	binary.LittleEndian.PutUint32(b[10:], uint32(len(b)-slotHeader))
	got, err := decodeState(seal(b))
	if err != nil || got.reserved != 9 || len(got.segs) != 1 || got.ledger.devices[dev].lost[0] != 3 {
		t.Errorf("slot: %+v %v", got, err)
	}
	for version, want := range map[uint16]error{0: errDamaged, formatVersion: nil, formatVersion + 1: ErrNewer, 0x100 | formatVersion: ErrNewer} {
		if _, err := checkFormat(encodeFormat(version, 1)); !errors.Is(err, want) {
			t.Errorf("format %#x: %v", version, err)
		}
	}
}

// TestSlotLeavesOutNames: where a slot has no space for the names of all segments,
// it leaves out the oldest, and no count.
func TestSlotLeavesOutNames(t *testing.T) {
	big := uint64(1) << 62
	st := state{ledger: ledger{gen: big, mark: big}, epoch: ^uint64(0), reserved: 3 * big, clean: true, lastGood: -1 << 62}
	for i := range uint32(100) {
		st.starts = append(st.starts, start{index: 1<<31 + i, mono: 1 << 61, set: true, off: Offset{Unix: -1 << 62, Err: 1 << 62}})
	}
	for i := range uint64(500) {
		st.segs = append(st.segs, segNote{i << 50, big, false})
	}
	for i := range 20 {
		dev, _ := st.ledger.device(fmt.Sprint("a device with a long name ", i))
		st.ledger.read(dev, big)
	}
	b := st.encode(pageSize)
	if len(b) > pageSize {
		t.Fatal(len(b), " bytes")
	}
	got, err := decodeState(append(b, make([]byte, pageSize-len(b))...))
	if err != nil || len(got.starts) != maxStarts || len(got.segs) == 0 || got.segs[len(got.segs)-1].first != 499<<50 ||
		len(got.ledger.devices) != 21 || got.reserved != 3*big {
		t.Errorf("%d starts, %d segments, %d devices, %v", len(got.starts), len(got.segs), len(got.ledger.devices), err)
	}
}

// TestSlotsGrowWithTheDevices: the counts of all devices are one value, however
// many there are, and all of them survive a kill.
func TestSlotsGrowWithTheDevices(t *testing.T) {
	dir := fastDir(t)
	synctest.Test(t, func(t *testing.T) {
		o := testOptions(dir)
		q := mustOpen(t, o)
		for i := range 700 {
			dev, err := q.Device(fmt.Sprint("a device with a long name ", i))
			if err != nil {
				t.Fatal(err)
			}
			q.Lose(dev, "rate", 2)
		}
		time.Sleep(2 * time.Minute)
		killed := fastDir(t)
		copyDir(t, dir, killed)
		mustClose(t, q)
		q = mustOpen(t, testOptions(killed))
		total, devices := q.Ledger()
		if total.Lost["rate"] != 1400 || total.Read != 1400 || len(devices) != 700 {
			t.Errorf("%+v of %d devices", total, len(devices))
		}
		if size, _ := q.fs.Size(sidecarName); size <= sidecarSize || size%sidecarSize != 0 {
			t.Error("state file of ", size, " bytes")
		}
		mustClose(t, q)
	})
}

// TestDrainedFileStaysSmall: where each record is released before the next one is
// written, a commit is two pages of the file, however long that goes on; and the
// books are true over a stop.
func TestDrainedFileStaysSmall(t *testing.T) {
	dir := fastDir(t)
	synctest.Test(t, func(t *testing.T) {
		o := testOptions(dir)
		f := newFake(dir)
		o.FS, o.CommitEvery, o.FenceHold = f, 0, 0
		q := mustOpen(t, o)
		dev, _ := q.Device("a")
		const rounds = 100
		for n := range uint64(rounds) {
			if n == 1 {
				f.log = nil // the first commit makes the file
			}
			if err := q.Append(0, dev, 1, benchRecord()); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			if first, recs, err := q.readRecords(n+1, 1000, 10); err != nil || first != n+1 || len(recs) != 1 {
				t.Fatal(first, len(recs), err)
			}
			mustAck(t, q, n+1, n+1)
			synctest.Wait()
		}
		bytes := 0
		for _, op := range f.log {
			bytes += len(op.Data)
		}
		if each := bytes / (rounds - 1); each > 2*pageSize+slotReserve {
			t.Errorf("%d bytes written by each of %d commits", each, rounds-1)
		}
		mustClose(t, q)
		q = mustOpen(t, o)
		if total, _ := q.Ledger(); total.Read != rounds || total.Acked != rounds || total.Waiting != 0 || total.LostAll() != 0 {
			t.Errorf("%+v", total)
		}
		mustClose(t, q)
	})
}
