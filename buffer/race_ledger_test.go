package buffer

import (
	"errors"
	"fmt"
	"io"
	"math/rand"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"portti/cross/testkit"
)

// TestLedgerUnderRaces: four devices write as fast as they can while a link
// reads, acknowledges, breaks and refuses, and a face looks on. Every reading is
// in the account of its device, once, and nothing runs on after Close.
func TestLedgerUnderRaces(t *testing.T) {
	before := goleak.IgnoreCurrent()
	o := testOptions(fastDir(t))
	o.CommitEvery, o.FenceHold = 5*time.Millisecond, 20*time.Millisecond
	o.tune = smallSizes()
	o.MaxSize, o.tune.numbers = 1<<20, 1<<12
	q := mustOpen(t, o)
	const devices, each = 4, 2000
	read := make([]uint64, devices)
	var inputs, others sync.WaitGroup
	for d := range devices {
		dev, err := q.Device(fmt.Sprint("d", d))
		if err != nil {
			t.Fatal(err)
		}
		inputs.Go(func() {
			for i := range each {
				for errors.Is(q.Append(0, dev, 1, []byte(text(i))), ErrFull) {
					<-q.NotFull()
				}
				read[d]++
				if i%100 == 0 {
					q.Lose(dev, "rate", 3)
					read[d] += 3
				}
			}
		})
	}
	looked := make(chan struct{})
	others.Go(func() {
		for {
			select {
			case <-looked:
				return
			default:
				checkLedger(t, q)
				q.Stats()
				time.Sleep(time.Millisecond)
			}
		}
	})
	others.Go(func() { raceLink(t, q) })
	inputs.Wait()
	q.Seal()
	close(looked)
	others.Wait()
	_, after := q.Ledger()
	for d, n := range read {
		c := after[fmt.Sprint("d", d)]
		if c.Read != n || c.Waiting != 0 || c.Lost["rate"] != 60 || c.Acked == 0 {
			t.Errorf("device %d read %d: %+v", d, n, c)
		}
	}
	mustClose(t, q)
	o.FS = nil
	q = mustOpen(t, o)
	_, again := q.Ledger()
	for name, c := range after {
		if a := again[name]; a.Read != c.Read || a.LostAll() != c.LostAll() || a.Quarantined != c.Quarantined {
			t.Errorf("%s after a restart: %+v, was %+v", name, a, c)
		}
	}
	mustClose(t, q)
	testkit.Eventually(t, "nothing runs on after Close", func() bool { return goleak.Find(before) == nil })
}

// raceLink delivers until the stream ends, with every kind of trouble.
func raceLink(t *testing.T, q *Queue) {
	rnd := rand.New(rand.NewSource(1))
	at, _ := q.Bounds()
	for {
		changed := q.Changed()
		first, recs, err := q.readRecords(at, 4000, 30)
		switch {
		case errors.Is(err, io.EOF):
			if err := q.Forget(); err != nil {
				t.Error(err)
			}
			return
		case err != nil:
			t.Error(err)
			return
		case len(recs) == 0:
			<-changed
			continue
		}
		at = first + uint64(len(recs))
		switch rnd.Intn(60) {
		case 0:
			at, err = q.Rewind()
		case 1:
			if err = q.Quarantine(first, "refused"); err == nil && len(recs) > 1 {
				err = q.Ack(first+1, at-1)
			}
		default:
			err = q.Ack(first, at-1)
		}
		if err != nil {
			t.Error(err)
		}
	}
}
