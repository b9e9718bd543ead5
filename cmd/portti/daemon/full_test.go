package daemon_test

import (
	"slices"
	"strings"
	"syscall"
	"testing"

	"portti/cmd/portti/bench"
	"portti/cmd/portti/daemon"
)

func problem(st daemon.Status, code string) (daemon.Problem, bool) {
	i := slices.IndexFunc(st.Problems, func(p daemon.Problem) bool { return p.Code == code })
	if i < 0 {
		return daemon.Problem{}, false
	}
	return st.Problems[i], true
}

// A small buffer that overflows is thinned, says so, and what is left arrives;
// the rest is in the ledger. Row 20.
func TestFullBufferIsThinned(t *testing.T) {
	s := newSite(t, bench.Options{})
	s.server.Refuse(true)
	s.buffer = "max_size = \"1MiB\"\nmin_free_disk = \"0MB\"\ncommit_every = \"100ms\""
	s.start()
	s.feed(30_000)
	s.until("they are read", func(st daemon.Status) bool { return st.Totals.Read >= 30_000 }) // it adds what it lost
	s.until("it says so", func(st daemon.Status) bool {
		full, _ := problem(st, "BUF-FULL")
		lost, _ := problem(st, "BUF-LOST")
		return strings.Contains(full.Sentence, "are thinned, of some one in ") &&
			strings.Contains(lost.Sentence, "the buffer was full and the oldest were thinned")
	})
	s.server.Refuse(false)
	st := s.until("what is left arrives", func(st daemon.Status) bool {
		return st.Totals.Waiting == 0 && st.Totals.Acked == uint64(s.server.Stats().Distinct)
	})
	if n := st.Totals.Lost["full"]; n == 0 || st.Totals.Acked+n != st.Totals.Read || st.Totals.Read < 30_000 {
		t.Errorf("%+v, the server has %s", st.Totals, s.server.Stats().Summary())
	}
	s.halt()
}

// With less than min_free_disk free the gateway says so, until it is told to
// mind no more. Row 6.
func TestLowDiskIsAProblem(t *testing.T) {
	var st syscall.Statfs_t
	if err := syscall.Statfs(t.TempDir(), &st); err != nil || int64(st.Bavail)*int64(st.Bsize) > 1_000_000_000_000 {
		t.Skip("more is free here than can be asked for: ", err)
	}
	s := newSite(t, bench.Options{})
	s.buffer = `min_free_disk = "1000GB"`
	s.start()
	s.feed(10)
	got := s.until("it shows", func(st daemon.Status) bool { _, ok := problem(st, "BUF-DISK-LOW"); return ok })
	if p, _ := problem(got, "BUF-DISK-LOW"); !strings.Contains(p.Sentence, "1000GB") && !strings.Contains(p.Sentence, "1TB") {
		t.Error(p.Sentence)
	}
	s.until("the readings arrive", s.arrived(10))
	s.settled(s.halt())
}
