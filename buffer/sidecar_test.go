package buffer

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	bolt "go.etcd.io/bbolt"
)

func TestOffsetIsDurableAndFinal(t *testing.T) {
	dir := fastDir(t)
	synctest.Test(t, func(t *testing.T) {
		q := mustOpen(t, testOptions(dir))
		want := Offset{Unix: 1_520_416_221_123, Err: 3}
		if err := q.SetOffset(q.Boot(), want); err != nil {
			t.Fatal(err)
		}
		if st, err := readSidecar(q.fs); err != nil || !st.starts[0].set || st.starts[0].off != want {
			t.Fatalf("not on disk: %+v %v", st, err)
		}
		if err := q.SetOffset(q.Boot(), Offset{Unix: 5}); !errors.Is(err, ErrOffsetSet) {
			t.Error(err)
		}
		if err := q.SetOffset(77, want); err == nil {
			t.Error("a boot that never was")
		}
		q.SetLastGood(99)
		mustClose(t, q)
		q = mustOpen(t, testOptions(dir))
		if got, ok := q.Offset(1); !ok || got != want || q.LastGood() != 99 {
			t.Error(got, ok, q.LastGood())
		}
		mustClose(t, q)
	})
}

// TestTornSlotIsNone: no slot that is the beginning of one write and the rest of
// another counts, whatever differs between the two.
func TestTornSlotIsNone(t *testing.T) {
	old := state{ledger: ledger{gen: 200, accepted: 300, mark: 300, reasons: []string{"full"}, devices: []account{{name: "gps", read: 300, released: 300}}},
		epoch: 9, reserved: 700, starts: []start{{id: [16]byte{1}, index: 1, mono: 5000}}, segs: []segNote{{400, 20, false}}}
	young := old
	young.ledger = old.ledger.clone()
	young.ledger.gen, young.ledger.devices[0].released = 201, 301
	young.reserved, young.starts, young.segs = 800, []start{{id: [16]byte{1}, index: 1, mono: 5001}}, []segNote{{400, 30, true}}
	a, b := old.encode(0), young.encode(0)
	if len(a) != len(b) {
		t.Fatal("the lengths tell them apart:", len(a), len(b))
	}
	tries := 0
	for _, two := range [][2][]byte{{a, b}, {b, a}} {
		for at := range two[0] {
			torn := slices.Concat(two[0][:at], two[1][at:])
			if bytes.Equal(torn, a) || bytes.Equal(torn, b) {
				continue
			}
			tries++
			if s, err := decodeState(torn); err == nil {
				t.Errorf("cut at %d of %d: generation %d with reserved %d", at, len(a), s.ledger.gen, s.reserved)
			}
		}
	}
	if tries < len(a) {
		t.Error("tries:", tries)
	}
}

func TestBootsAreNumbered(t *testing.T) {
	dir := fastDir(t)
	var seen []uint32
	for i := range 40 {
		o := testOptions(dir)
		o.BootID = [16]byte{byte(i / 2)} // every boot starts twice
		q := mustOpen(t, o)
		seen = append(seen, q.Boot())
		mustClose(t, q)
	}
	for i, b := range seen {
		if b != uint32(i/2+1) {
			t.Fatal(seen)
		}
	}
}

// TestNewerFormatIsNotTouched: a downgrade works from memory and leaves every
// byte as it was.
func TestNewerFormatIsNotTouched(t *testing.T) {
	for _, what := range []string{"state", "segment", "segment without a bucket of ours"} {
		dir := filepath.Join(fastDir(t), "q")
		filled(t, dir, 50, nil)
		if what == "state" {
			damageFile(t, filepath.Join(dir, sidecarName), func(b []byte) []byte {
				for at := 0; at < len(b); at += pageSize {
					n := slotHeader + int(b[at+10]) + int(b[at+11])<<8
					b[at+8] = formatVersion + 1
					copy(b[at:], seal(b[at:at+n:at+n]))
				}
				return b
			})
		} else {
			setFormat(t, segmentFiles(t, dir)[0], formatVersion+1, what != "segment")
			// what a start would put right otherwise
			for _, name := range []string{segmentName(1_000_000), segmentName(2) + tmpSuffix} {
				b, err := os.ReadFile(filepath.Join("testdata", "golden", "v2", segmentName(1)))
				if err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
					t.Fatal(err)
				}
			}
		}
		before := snapshot(t, dir)
		synctest.Test(t, func(t *testing.T) {
			o := testOptions(dir)
			o.FS = OS(dir)
			q := mustOpen(t, o)
			dev, _ := q.Device("a")
			appendN(t, q, dev, 0, 10)
			time.Sleep(time.Hour)
			if s := q.Stats(); !s.Degraded || s.Code != "BUF-NEWER" || s.Waiting != 10 {
				t.Errorf("%s: %+v", what, s)
			}
			if _, recs := drain(t, q); len(recs) != 10 {
				t.Error(what, ": does not work from memory")
			}
			if q.Close() == nil {
				t.Error(what, ": 10 readings were not saved, and Close does not say so")
			}
		})
		if after := snapshot(t, dir); after != before {
			t.Errorf("%s: the directory was changed", what)
		}
	}
}

// TestUnknownFormatIsSetAside: a segment whose format no version ever wrote is
// kept for a person, and the log says which format it has. What reads in it as
// records of this format is salvaged, the rest counted.
func TestUnknownFormatIsSetAside(t *testing.T) {
	dir := filepath.Join(fastDir(t), "q")
	filled(t, dir, 50, nil)
	setFormat(t, segmentFiles(t, dir)[0], 0, false)
	var log bytes.Buffer
	o := testOptions(dir)
	o.Log = slog.New(slog.NewTextHandler(&log, nil))
	q := mustOpen(t, o)
	_, recs := drain(t, q)
	c, s := checkLedger(t, q), q.Stats()
	mustClose(t, q)
	if len(s.Damaged) != 1 || c.Waiting != uint64(len(recs)) || c.Waiting+c.LostAll() != 50 || !strings.Contains(log.String(), "it has format 0") {
		t.Errorf("%d records, %+v %+v\n%s", len(recs), c, s, log.String())
	}
}

// setFormat has a segment say that it is of another format.
func setFormat(t *testing.T, path string, version uint16, bare bool) {
	t.Helper()
	db, err := bolt.Open(path, 0o600, &bolt.Options{Timeout: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bolt.Tx) error {
		err := tx.Bucket(factsBucket()).Put([]byte("format"), encodeFormat(version, 1))
		if bare {
			err = errors.Join(err, tx.DeleteBucket(recordsBucket()))
		}
		return err
	})
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
}

func snapshot(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "%s %x\n", e.Name(), data)
	}
	return b.String()
}

// TestLedgerIsCommittedOnAGoodDay: nothing is written for the records, and yet
// a crash costs the ledger half an hour at most.
func TestLedgerIsCommittedOnAGoodDay(t *testing.T) {
	dir := fastDir(t)
	synctest.Test(t, func(t *testing.T) {
		q := mustOpen(t, testOptions(dir))
		dev, _ := q.Device("a")
		for i := range 3600 {
			appendN(t, q, dev, i, 1)
			mustAck(t, q, uint64(i+1), uint64(i+1))
			time.Sleep(time.Second)
		}
		s := q.Stats()
		if s.CommittedRecords != 0 || s.Commits < 1 || s.Commits > 3 || s.SidecarWrites > 3 {
			t.Errorf("%+v", s)
		}
		// Look at it as a start after a crash would.
		crashed := filepath.Join(fastDir(t), "q")
		copyDir(t, dir, crashed)
		q2 := mustOpen(t, testOptions(crashed))
		if c := checkLedger(t, q2); c.Read < 1700 || c.Read != c.Acked {
			t.Errorf("%+v", c)
		}
		if _, next := q2.Bounds(); next <= 3600 {
			t.Error("numbers are used again after a crash: ", next)
		}
		mustClose(t, q2)
		mustClose(t, q)
	})
}

// TestGoodDayWritesLittle counts what a healthy link costs the card: 10
// readings a second, each acknowledged at once and held for 30 s.
func TestGoodDayWritesLittle(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(fastDir(t), "q")
	fs := newFake(dir)
	synctest.Test(t, func(t *testing.T) {
		o := testOptions(dir)
		o.FS, o.FenceHold = fs, 30*time.Second
		q := mustOpen(t, o)
		dev, _ := q.Device("a")
		hours := 4
		if sampled() {
			hours = 2 // of one hour the first file is too large a part
		}
		for i := range hours * 36000 {
			appendN(t, q, dev, i, 1)
			mustAck(t, q, uint64(i+1), uint64(i+1))
			time.Sleep(100 * time.Millisecond)
		}
		s := q.Stats()
		fs.mu.Lock()
		bytes := 0
		for _, op := range fs.log {
			bytes += len(op.Data)
		}
		fs.mu.Unlock()
		t.Logf("%d commits, %d notes, %d bytes in %d hours: %d KB a day", s.Commits, s.SidecarWrites, bytes, hours, bytes*24/hours/1000)
		if s.CommittedRecords != 0 || s.Commits > uint64(2*hours+1) || bytes*24/hours > 1_000_000 {
			t.Errorf("%d records written; %+v", s.CommittedRecords, s)
		}
		mustClose(t, q)
	})
}

// TestKilled kills a process that fills a queue and checks that what it said
// was accepted is there. The child is this test binary.
func TestKilled(t *testing.T) {
	const env = "PORTTI_BUFFER_CHILD"
	if dir := os.Getenv(env); dir != "" {
		killedChild(dir)
		return
	}
	dir := filepath.Join(fastDir(t), "q")
	kills := 15
	if sampled() {
		kills = 4
	}
	for i := range kills {
		cmd := exec.Command(os.Args[0], "-test.run=^TestKilled$")
		cmd.Env = append(os.Environ(), env+"="+dir)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); errors.Is(err, syscall.ENOEXEC) {
			t.Skip("this test's own program cannot be started again: it runs under an emulator")
		} else if err != nil {
			t.Fatal(err)
		}
		accepted := uint64(0)
		lines := bufio.NewScanner(out)
		for n := 0; (n < 20+7*i || accepted == 0) && lines.Scan(); n++ {
			if v, ok := strings.CutPrefix(lines.Text(), "accepted "); ok {
				accepted, _ = strconv.ParseUint(v, 10, 64)
			}
		}
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		o := testOptions(dir)
		o.CommitEvery = time.Hour
		q := mustOpen(t, o)
		numbers, recs := drain(t, q)
		there := map[string]bool{}
		for _, r := range recs {
			there[r] = true
		}
		for n := range accepted {
			if !there[text(int(n))] {
				t.Fatalf("kill %d: record %d of %d accepted is missing", i, n, accepted)
			}
		}
		c := checkLedger(t, q)
		if accepted == 0 || c.Waiting != uint64(len(recs)) {
			t.Fatalf("kill %d: accepted %d, %+v, %d there", i, accepted, c, len(recs))
		}
		if len(numbers) > 0 {
			mustAck(t, q, 1, numbers[len(numbers)-1])
		}
		mustClose(t, q)
	}
}

func killedChild(dir string) {
	o := testOptions(dir)
	o.CommitEvery = time.Millisecond
	q, err := Open(o)
	if err != nil {
		panic(err)
	}
	dev, _ := q.Device("a")
	start := q.Stats().Accepted
	for i := 0; ; i++ {
		if err := q.Append(0, dev, 1, []byte(text(i))); err != nil {
			<-q.NotFull()
			i--
			continue
		}
		if i%50 == 0 {
			fmt.Println("accepted", q.Stats().Accepted-start)
			time.Sleep(time.Millisecond)
		}
	}
}
