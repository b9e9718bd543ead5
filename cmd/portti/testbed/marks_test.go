package testbed

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

const day = 24 * time.Hour

// opened is a store on a file, as of one run of a receiver.
func opened(t *testing.T, file string) *store {
	t.Helper()
	s, err := newStore(Options{Ack: "envelope", OutFile: file, MaxAge: 90 * day}.withDefaults())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (t *store) uses(tb testing.TB, name row, through uint64) {
	tb.Helper()
	if err := t.writeMarked([]element{{raw: []byte(msg(int(through)))}}, name, mark{Through: through}); err != nil {
		tb.Fatal(err)
	}
}

// A numbering stays max_age and 30 days after its last use, over restarts, and
// is then gone from the file as well.
func TestNumberingsExpire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "out")
		idle, used, asked := row{"idle", epoch}, row{"used", epoch}, row{"asked", epoch}
		s := opened(t, file)
		for _, name := range []row{idle, used, asked} {
			s.uses(t, name, 1)
		}
		time.Sleep(100 * day)
		s.uses(t, used, 2)
		if through, _ := s.resume(asked, 1); through != 1 {
			t.Errorf("asked: %d", through)
		}
		for _, c := range []struct {
			sleep time.Duration
			there map[row]uint64
		}{
			{20*day - time.Second, map[row]uint64{idle: 1, used: 2, asked: 1}},
			{2 * time.Second, map[row]uint64{idle: 0, used: 2, asked: 1}},
			{100 * day, map[row]uint64{idle: 0, used: 0, asked: 0}},
		} {
			time.Sleep(c.sleep)
			if err := errors.Join(s.marks.journal.rewrite(s.marks), s.close()); err != nil { // as after a megabyte
				t.Fatal(err)
			}
			s = opened(t, file)
			for name, want := range c.there {
				if got := s.marks.get(name).Through; got != want {
					t.Errorf("after %v: %s is at %d, want %d", c.sleep, name.gw, got, want)
				}
				if want == 0 && strings.Contains(content(t, file+".marks"), name.gw) {
					t.Errorf("after %v: %s is still in the file", c.sleep, name.gw)
				}
			}
		}
		if err := s.close(); err != nil {
			t.Fatal(err)
		}
	})
}

// In memory room is made when a new numbering comes, and a batch that holds
// nothing new is a use too.
func TestNumberingsExpireInMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &Receiver{store: &store{keys: newKeys(100), marks: newMarks(60 * day)}}
		for _, gw := range []string{"idle", "again"} {
			r.store.uses(t, row{gw, epoch}, 3)
		}
		b, err := readBatch([]byte(strings.Replace(packet(3, msg(3)), `"G"`, `"again"`, 1)))
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(50 * day)
		if _, err := r.takeBatch(b, 100); err != nil {
			t.Fatal(err)
		}
		time.Sleep(11 * day)
		r.store.uses(t, row{"new", epoch}, 1)
		if n := len(r.store.marks.rows); n != 2 || r.store.marks.get(row{"again", epoch}).Through != 3 {
			t.Errorf("%d numberings: %+v", n, r.store.marks.rows)
		}
	})
}

// A journal of an older version has no times, and a clock that was ahead wrote
// times to come: both count from now.
func TestNumberingsOfUnknownAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMarks(60 * day)
		m.put(entry{GW: "old", Epoch: epoch, mark: mark{Through: 1}})
		m.put(entry{GW: "ahead", Epoch: epoch, mark: mark{Through: 1}, Used: time.Now().Add(1000 * day).Unix()})
		time.Sleep(59 * day)
		if m.expire(time.Now()); len(m.rows) != 2 {
			t.Errorf("%d are left after 59 days", len(m.rows))
		}
		time.Sleep(2 * day)
		if m.expire(time.Now()); len(m.rows) != 0 {
			t.Errorf("%d are left after 61 days", len(m.rows))
		}
	})
}
