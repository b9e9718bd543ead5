package gateway_test

import (
	"slices"
	"strings"
	"syscall"
	"testing"

	"portti/cmd/portti/gateway"
	"portti/cmd/portti/rig"
	"portti/cmd/portti/status"
	"portti/cmd/portti/testbed"
)

func problem(st *status.Document, code string) (status.Problem, bool) {
	i := slices.IndexFunc(st.Problems, func(p status.Problem) bool { return p.Code == code })
	if i < 0 {
		return status.Problem{}, false
	}
	return st.Problems[i], true
}

// A small buffer that overflows is thinned, says so, and what is left arrives;
// the rest is in the ledger. Row 20.
func TestFullBufferIsThinned(t *testing.T) {
	t.Parallel()
	s := rig.New(t, testbed.Options{})
	s.Server.Refuse(true)
	s.Buffer = "max_size = \"1MiB\"\nmin_free_disk = \"0MB\"\ncommit_every = \"100ms\""
	g := s.Run(gateway.Options{})
	s.Line().Feed(30_000)
	g.Until("they are read", func(st *status.Document) bool { return st.Totals.Read >= 30_000 }) // it adds what it lost
	g.Until("it says so", func(st *status.Document) bool {
		full, open := problem(st, "BUF-FULL")
		if open && st.Buffer.State != status.BufferFull {
			t.Errorf("BUF-FULL is open, and the buffer is %s", st.Buffer.State)
		}
		lost, _ := problem(st, "BUF-LOST")
		return strings.Contains(full.Sentence, "are thinned, and of some only one in ") &&
			strings.Contains(lost.Sentence, "the buffer was full and the oldest were thinned")
	})
	s.Server.Refuse(false)
	st := g.Until("what is left arrives", func(st *status.Document) bool {
		return st.Totals.Waiting == 0 && st.Totals.Acked > 0
	})
	// What was shed while it was on its way counts as lost, also if it arrives.
	acked, lost, there := st.Totals.Acked, st.Totals.Lost["full"], uint64(s.Server.Stats().Distinct)
	if lost == 0 || acked+lost != st.Totals.Read || st.Totals.Read < 30_000 || there < acked || there > st.Totals.Read {
		t.Errorf("%+v, the server has %s", st.Totals, s.Server.Stats().Summary())
	}
	g.Halt()
}

// With less than min_free_disk free the gateway says so, until it is told to
// mind no more. Row 6.
func TestLowDiskIsAProblem(t *testing.T) {
	t.Parallel()
	var st syscall.Statfs_t
	if err := syscall.Statfs(t.TempDir(), &st); err != nil || int64(st.Bavail)*int64(st.Bsize) > 1_000_000_000_000 {
		t.Skip("more is free here than can be asked for: ", err)
	}
	s := rig.New(t, testbed.Options{})
	s.Buffer = `min_free_disk = "1000GB"`
	g := s.Run(gateway.Options{})
	s.Line().Feed(10)
	got := g.Until("it shows", func(st *status.Document) bool { _, ok := problem(st, "BUF-DISK-LOW"); return ok })
	if p, _ := problem(got, "BUF-DISK-LOW"); !strings.Contains(p.Sentence, "1000GB") && !strings.Contains(p.Sentence, "1TB") {
		t.Error(p.Sentence)
	}
	g.Until("the readings are delivered", s.Delivered)
	s.Settled(g.Halt())
}
