package buffer

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// carried is a file of records of another gateway: rising numbers with holes.
type carried struct {
	src     Name
	numbers []uint64
}

func (c carried) text(n uint64) string {
	return fmt.Sprintf(`{"gw":%q,"n":%d,"pad":"%060d"}`, c.src.Gateway, n, 0)
}

// take imports the records from first on and says how many were new.
func (c carried) take(t testing.TB, q *Queue, dev uint16, numbers []uint64) (fresh int) {
	t.Helper()
	for i, n := range numbers {
		after := n - 1
		if i > 0 {
			after = numbers[i-1]
		}
		ok, err := q.Import(c.src, after, n, 1, dev, 9, []byte(c.text(n)))
		if err != nil {
			t.Fatal("import ", n, ": ", err)
		}
		if ok {
			fresh++
		}
	}
	return fresh
}

func evens(from, to uint64) (out []uint64) {
	for n := from; n <= to; n += 2 {
		out = append(out, n)
	}
	return out
}

// TestImportTakesEachRecordOnce: the same file again, a file that overlaps, a
// file with what another one lacked: each record is here once, and the device's
// account says so.
func TestImportTakesEachRecordOnce(t *testing.T) {
	dir := fastDir(t)
	synctest.Test(t, func(t *testing.T) {
		o := testOptions(dir)
		q := mustOpen(t, o)
		own, _ := q.Device("gps")
		appendN(t, q, own, 0, 5)
		dev, _ := q.Device("import:B/gps")
		c := carried{src: Name{"B", 77}}
		other := carried{src: Name{"B", 78}}
		steps := []struct {
			name    string
			c       carried
			numbers []uint64
			fresh   int
		}{
			{"a file", c, evens(2, 200), 100},
			{"the same again", c, evens(2, 200), 0},
			{"one that goes on", c, evens(100, 300), 50},
			{"one with a hole", c, append(evens(402, 410), evens(420, 440)...), 16},
			{"what the hole may have held", c, []uint64{412, 413}, 0},
			{"another numbering of the same gateway", other, evens(2, 200), 100},
		}
		want := uint64(0)
		for _, s := range steps {
			if got := s.c.take(t, q, dev, s.numbers); got != s.fresh {
				t.Errorf("%s: %d new, want %d", s.name, got, s.fresh)
			}
			want += uint64(s.fresh)
			mustClose(t, q)
			q = mustOpen(t, o)
		}
		total := checkLedger(t, q)
		if _, devices := q.Ledger(); devices["import:B/gps"].Waiting != want || total.Waiting != want+5 {
			t.Errorf("%d imported: %+v", want, devices)
		}
		mustClose(t, q)
	})
}

// TestAFalseNumberCoversNothing: a record whose number is far above all others
// stands for itself, and what its source really wrote is taken over afterwards.
func TestAFalseNumberCoversNothing(t *testing.T) {
	dir := fastDir(t)
	synctest.Test(t, func(t *testing.T) {
		q := mustOpen(t, testOptions(dir))
		dev, _ := q.Device("import:B/gps")
		c := carried{src: Name{"B", 77}}
		c.take(t, q, dev, []uint64{10, maxNumber})
		// Each start after a power cut skips a million.
		c.take(t, q, dev, []uint64{20, 20 + maxSkip, maxNumber - 1})
		if got := c.take(t, q, dev, []uint64{15, 20, 1 << 20, 21 + maxSkip, 1 << 40}); got != 3 {
			t.Errorf("%d new, want 15, %d and %d", got, 21+maxSkip, uint64(1<<40))
		}
		for _, n := range []uint64{0, maxNumber + 1, 1<<64 - 1} {
			if ok, err := q.Import(c.src, n-1, n, 1, dev, 9, []byte("x")); ok || err == nil {
				t.Errorf("record %d: %v, %v", n, ok, err)
			}
		}
		mustClose(t, q)
	})
}

// TestImportGivesNothingUp: a queue without space for it refuses, whatever it is
// told to do with its own readings when it is full.
func TestImportGivesNothingUp(t *testing.T) {
	for _, policy := range []WhenFull{Thin, DropOldest, DropNewest} {
		dir := fastDir(t)
		synctest.Test(t, func(t *testing.T) {
			o := testOptions(dir)
			o.MaxSize, o.WhenFull = 4<<20, policy
			q := mustOpen(t, o)
			dev, _ := q.Device("import:B/gps")
			var err error
			n := uint64(0)
			rec := make([]byte, 10_000)
			for n < 1000 && err == nil {
				n++
				var ok bool
				ok, err = q.Import(Name{"B", 1}, n-1, n, 1, dev, 1, rec)
				if errors.Is(err, ErrFull) {
					<-q.NotFull()
					n, err = n-1, nil
				} else if err == nil && !ok {
					t.Fatal("taken twice: ", n)
				}
				synctest.Wait()
			}
			if !errors.Is(err, ErrNoSpace) || n < 50 {
				t.Errorf("%s: record %d: %v", policy, n, err)
			}
			if c := checkLedger(t, q); c.LostAll() != 0 || c.Waiting != n-1 {
				t.Errorf("%s: %+v", policy, c)
			}
			mustClose(t, q)
		})
	}
}

// TestImportNeedsTheDisk: what cannot be made durable must stay on the stick.
func TestImportNeedsTheDisk(t *testing.T) {
	f := newFake(filepath.Join(fastDir(t), "q"))
	synctest.Test(t, func(t *testing.T) {
		o := testOptions(f.dir)
		o.FS = f
		q := mustOpen(t, o)
		dev, _ := q.Device("a")
		synctest.Wait()
		f.failAt, f.always, f.err = f.count+1, true, errors.New("no disk")
		appendN(t, q, dev, 0, 1)
		time.Sleep(2 * time.Second)
		if _, err := q.Import(Name{"B", 1}, 0, 1, 1, dev, 1, []byte("x")); !errors.Is(err, ErrMemoryOnly) {
			t.Error(err)
		}
		f.heal()
		time.Sleep(time.Minute)
		if ok, err := q.Import(Name{"B", 1}, 0, 1, 1, dev, 1, []byte("x")); !ok || err != nil {
			t.Error(ok, err)
		}
		mustClose(t, q)
	})
}

// TestImportsAreBounded: what is kept of imports stays small, and the latest
// stays.
func TestImportsAreBounded(t *testing.T) {
	var l ledger
	for g := range 100 {
		for n := range uint64(100) {
			l.takeOver(Name{fmt.Sprint("XXXX00EFS805604", g), uint64(g) << 50}, span{n * 1000, n*1000 + 500})
		}
	}
	l2, err := decodeLedger(l.encode())
	if err != nil || !slices.EqualFunc(l.imports, l2.imports, func(a, b taken) bool { return a.Name == b.Name && slices.Equal(a.set, b.set) }) {
		t.Fatal(err, "does not survive")
	}
	if n := len(l.encode()); n > 8<<10 {
		t.Error(n, " bytes in every commit")
	}
	last := Name{"XXXX00EFS80560499", uint64(99) << 50}
	if !l.hasImported(last, 99_500) || l.hasImported(last, 99_501) || l.hasImported(Name{"XXXX00EFS8056040", 0}, 1) {
		t.Error("the wrong ones were forgotten")
	}
}
