package buffer

import (
	"math/rand"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"
)

// TestRowsAgainstATable: rows name each number as a table of numbers would.
func TestRowsAgainstATable(t *testing.T) {
	for seed := range int64(200) {
		rnd := rand.New(rand.NewSource(seed))
		var r rows
		table := make([]Name, 300)
		for range 40 {
			a := uint64(1 + rnd.Intn(290))
			s := span{a, a + uint64(rnd.Intn(int(299-a+1)))}
			name := Name{[]string{"g", "h"}[rnd.Intn(2)], uint64(rnd.Intn(9))}
			if rnd.Intn(4) == 0 {
				s.b = ^uint64(0)
			}
			r.set(s, name)
			for n := s.a; n <= min(s.b, 299); n++ {
				table[n] = name
			}
			if rnd.Intn(3) == 0 {
				of := span{uint64(1 + rnd.Intn(100)), uint64(150 + rnd.Intn(100))}
				again, err := decodeRows(r.within(of).encode())
				if err != nil {
					t.Fatal(err)
				}
				r.adopt(of, again, Name{"unknown", 1})
				for n := of.a; n <= of.b; n++ {
					if table[n] == (Name{}) {
						table[n] = Name{"unknown", 1}
					}
				}
			}
			for n := uint64(1); n < 300; n++ {
				name, last := r.at(n)
				if name != table[n] || last < n || last < 299 && table[last+1] == name {
					t.Fatalf("seed %d: %d is %v up to %d, want %v: %v", seed, n, name, last, table[n], r)
				}
			}
		}
	}
}

// TestReleasedRecordsKeepTheirName: what is released and still lies in the file being
// written has its name there. It waits again when the ledger is lost, and it had none.
func TestReleasedRecordsKeepTheirName(t *testing.T) {
	dir := filepath.Join(fastDir(t), "q")
	synctest.Test(t, func(t *testing.T) {
		o := testOptions(dir)
		o.Gateway = "G"
		q := mustOpen(t, o)
		dev, _ := q.Device("a")
		appendN(t, q, dev, 0, 500)
		time.Sleep(2 * time.Second)
		was := named(q, 1)
		if _, ok := q.Part(); !ok {
			t.Fatal("no new name")
		}
		appendN(t, q, dev, 500, 1)
		mustAck(t, q, 1, 500)
		time.Sleep(2 * time.Second) // a commit takes out as many of the released as it adds, or twice that
		if _, ok := q.Part(); !ok {
			t.Fatal("no new name")
		}
		appendN(t, q, dev, 501, 1)
		time.Sleep(2 * time.Second)
		synctest.Wait()
		q.mu.Lock()
		s := q.segs[len(q.segs)-1]
		q.mu.Unlock()
		out := q.outline(s)
		if out.err != nil || out.rowsErr != nil || out.sumErr != nil || out.sum.first > 400 {
			t.Fatalf("the test does not test what it is for: %v %v %v, first %d", out.err, out.rowsErr, out.sumErr, out.sum.first)
		}
		if name, _ := out.rows.at(out.sum.first); name != was {
			t.Errorf("in the file record %d is called %v, and was %v: %v", out.sum.first, name, was, out.rows)
		}
		mustClose(t, q)
	})
}

// TestNamesLastForEver: whatever becomes of the state file, of segments and of the
// process, a record keeps the name and the number that it was first given, and no
// name is given to two.
func TestNamesLastForEver(t *testing.T) {
	t.Parallel()
	live, dead := fastDir(t), filepath.Join(fastDir(t), "dead")
	synctest.Test(t, func(t *testing.T) {
		type called struct {
			Name
			n uint64
		}
		given, rev := map[string]called{}, map[called]string{}
		note := func(q *Queue) {
			numbers, recs := drain(t, q)
			for i, n := range numbers {
				name, last := q.Name(n)
				c := called{name, n}
				if was, known := given[recs[i]]; known && was != c {
					t.Fatalf("%q was %v, is %v", recs[i], was, c)
				}
				if was, known := rev[c]; known && was != recs[i] {
					t.Fatalf("%v was %q, is %q", c, was, recs[i])
				}
				if last < n || name.Epoch == 0 {
					t.Fatalf("record %d: %v up to %d", n, name, last)
				}
				given[recs[i]], rev[c] = c, recs[i]
			}
		}
		o := testOptions(live)
		o.tune = smallSizes()
		rnd := rand.New(rand.NewSource(3))
		at := 0
		for life := range 60 {
			o.Gateway = []string{"first", "second"}[life/40]
			q := mustOpen(t, o)
			note(q)
			dev, _ := q.Device("gps")
			for range 1 + rnd.Intn(3) {
				n := 1 + rnd.Intn(80)
				appendN(t, q, dev, at, n)
				at += n
				if rnd.Intn(2) == 0 {
					q.Part()
				}
				time.Sleep(2 * time.Second)
				note(q)
			}
			if first, next := q.Bounds(); next > first && rnd.Intn(2) == 0 {
				mustAck(t, q, first, first+(next-first)/3)
			}
			if rnd.Intn(2) == 0 { // killed
				appendN(t, q, dev, at, 5) // sent, and never on disk
				at += 5
				note(q)
				synctest.Wait() // nothing is unlinked meanwhile
				copyDir(t, live, dead)
				mustClose(t, q)
				copyDir(t, dead, live)
			} else {
				mustClose(t, q)
			}
			if rnd.Intn(3) == 0 {
				removeAll(filepath.Join(live, sidecarName))
			}
		}
		epochs := map[Name]bool{}
		for _, c := range given {
			epochs[c.Name] = true
		}
		if len(epochs) < 60 {
			t.Errorf("%d names in 60 starts", len(epochs))
		}
	})
}
