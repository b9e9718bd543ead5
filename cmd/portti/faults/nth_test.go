//go:build faults

package faults

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"portti/cmd/portti/bench"
	"portti/cmd/portti/daemon"
)

// Every call of the disk fails in turn, the N-th once or from the N-th on, in a
// short life: start, readings while the link is down, the link comes, all
// arrive, stop, and another start on a good disk. N rises by one and later by
// leaps until a life ends without a hit. The gateway does not end of it, loses
// nothing, and its ledger balances each time it is asked. Rows 6, 9, 10 and 11.
//
// strace counts for each thread, so "the N-th" is a sample where Go moves work
// between threads. EINTR for ever is left out: no kernel does that, and Go
// repeats such calls until they succeed.
func TestNthDiskCallFails(t *testing.T) {
	needTool(t, "strace")
	seed := uint64(number("PORTTI_SEED", int(time.Now().UnixNano()&0xffffff)))
	t.Logf("PORTTI_SEED=%d", seed)
	var runs, hits atomic.Int64
	t.Run("all", func(t *testing.T) {
		for i, calls := range []string{"pwrite64", "fdatasync,fsync", "ftruncate", "rename,renameat,renameat2", "unlink,unlinkat", "openat"} {
			for k, errno := range []string{"EIO", "ENOSPC", "EROFS", "EINTR"} {
				for _, on := range []string{"", "+"} {
					if errno == "EINTR" && on == "+" || errno == "EROFS" && on == "" {
						continue
					}
					r := rand.New(rand.NewPCG(seed, uint64(8*i+2*k+len(on))))
					t.Run(strings.NewReplacer(",", "-").Replace(calls)+" "+errno+on, func(t *testing.T) {
						t.Parallel()
						for n, hit := 1, true; hit && n < 500; n = further(n, r) {
							what := fmt.Sprintf("%s:error=%s:when=%d%s", calls, errno, n, on)
							t.Run(fmt.Sprint(n), func(t *testing.T) { hit = nthLife(t, what) })
							runs.Add(1)
							if t.Failed() {
								t.Fatalf("%s, PORTTI_SEED=%d", what, seed)
							}
							if hit {
								hits.Add(1)
							}
						}
					})
				}
			}
		}
	})
	t.Logf("%d lives, in %d of them something failed", runs.Load(), hits.Load())
	if hits.Load() == 0 {
		t.Error("nothing was ever injected: the test tested nothing")
	}
}

// further is 2, 3, and then two to four times as far.
func further(n int, r *rand.Rand) int {
	if n < 3 {
		return n + 1
	}
	return 2*n + r.IntN(2*n)
}

func nthLife(t *testing.T, what string) (hit bool) {
	s := newSite(t, bench.Options{})
	s.buffer = "commit_every = \"30ms\""
	s.uplink = "fence_hold = \"0s\""
	s.oracle.retimed = true // where the state file is what cannot be written
	s.down()
	var g *gateway
	heal := func() int {
		b, _ := os.ReadFile(filepath.Join(s.dir, "strace"))
		return strings.Count(string(b), "(INJECTED)")
	}
	if strings.HasPrefix(what, "openat") { // also reads the configuration: only while it runs
		g = s.start()
		heal = g.disturb(what)
	} else {
		s.inject(what)
		g = s.startOrEnd()
	}
	for range 3 {
		s.line().feed(t, 40)
		time.Sleep(40 * time.Millisecond)
	}
	g.until("120 are read", read(120))
	s.up()
	g.until("all arrive", s.arrived)
	st := g.until("all are acknowledged", drained)
	s.whole(st)
	struck := heal()
	g.stopAnyhow()
	s.wrap = nil
	s.line().clear(t)
	g = s.start()
	s.line().feed(t, 10)
	g.until("the next start works", func(st *daemon.Status) bool { return s.arrived(st) && drained(st) })
	s.oracle.honest(t, s.lines...)
	g.stop()
	return struck > 0
}

// startOrEnd starts under a tracer. A start that cannot even keep its identity
// may end, in order and with a word; the next one is not disturbed then.
func (s *site) startOrEnd() *gateway {
	s.t.Helper()
	g := s.spawn()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if st, err := g.ask(); err == nil && reading(st) {
			return g
		}
		if !g.gone() {
			continue
		}
		if text := g.said(); strings.Contains(text, "panic:") || strings.Contains(text, "SIG") || text == "" {
			s.t.Fatalf("the start ended: %v\n%s", g.err, tail(text, 2000))
		}
		s.wrap = nil
		return s.start()
	}
	s.t.Fatal("it never starts")
	return nil
}
