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

	"portti/cmd/portti/rig"
	"portti/cmd/portti/status"
	"portti/cmd/portti/testbed"
	"portti/cross/testkit"
)

// fault is one way in which a call of the disk fails.
type fault struct {
	calls, errno string
	forever      bool
}

// nthFaults are all: six kinds of calls, four errors, once and for ever.
func nthFaults() (all []fault) {
	for _, calls := range []string{"pwrite64", "fdatasync,fsync", "ftruncate", "rename,renameat,renameat2", "unlink,unlinkat", "openat"} {
		for _, errno := range []string{"EIO", "ENOSPC", "EROFS", "EINTR"} {
			all = append(all, fault{calls, errno, false}, fault{calls, errno, true})
		}
	}
	return all
}

// inject is the fault at the n-th call, as strace wants it.
//
// For ever is the rest of the life, but for EINTR: Go repeats a write, a truncate, a
// rename, an unlink, an open and the fsync of a folder that was interrupted until it was
// not, as it must, and no kernel interrupts one for ever. So there it is each of
// the next 2,000 such calls of a thread, which Go asks for in a row.
func (f fault) inject(n int) string {
	when := fmt.Sprint(n)
	switch {
	case f.forever && f.errno == "EINTR":
		when = fmt.Sprintf("%d..%d", n, n+1999)
	case f.forever:
		when += "+"
	}
	return fmt.Sprintf("%s:error=%s:when=%s", f.calls, f.errno, when)
}

func (f fault) String() string {
	name := strings.ReplaceAll(f.calls, ",", "-") + " " + f.errno
	if f.forever {
		name += " for ever"
	}
	return name
}

// nthBudget is how long the test goes on in CI, where it begins no life later.
const nthBudget = 40 * time.Second

// nthMisses is how many N in a row must strike nothing before the whole loop
// takes a fault for exhausted: which thread makes a call is chance.
const nthMisses = 3

// Every call of the disk fails in turn, the N-th once or from the N-th on, in a
// short life: start, readings while the link is down, the link comes, all
// arrive, stop, and another start on a good disk. The gateway does not end of
// it, loses nothing, and its ledger balances each time it is asked. Rows 6, 9,
// 10 and 11.
//
// All faults are tried with N = 1, then those that struck with 2, and so on. With
// PORTTI_NTH=all, as in make nightly, N rises until no fault strikes any more,
// three times in a row; else until one does not strike, and for nthBudget at the
// most, in another order each time. N = 1 is tried in any case. The whole loop
// took 90 s four at a time on two x86-64 cores: 334 lives, N up to 17.
//
// strace counts for each thread, and Go moves work between threads: the N-th call
// of the disk is that of a thread, not of the process.
func TestNthDiskCallFails(t *testing.T) {
	testkit.NeedTool(t, "strace")
	whole := os.Getenv("PORTTI_NTH") == "all"
	seed := uint64(number("PORTTI_SEED", int(time.Now().UnixNano()&0xffffff)))
	r := rand.New(rand.NewPCG(seed, 0))
	t.Logf("PORTTI_SEED=%d", seed)
	began := time.Now()
	var runs, hits atomic.Int64
	left, n := nthFaults(), 1
	misses := map[fault]int{}
	met := map[string]bool{}
	for ; len(left) > 0 && n < 500; n++ {
		if n > 1 && !whole {
			if time.Since(began) > nthBudget {
				break
			}
			r.Shuffle(len(left), func(i, k int) { left[i], left[k] = left[k], left[i] })
		}
		struck := make([]bool, len(left))
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			for i, f := range left {
				t.Run(f.String(), func(t *testing.T) {
					t.Parallel()
					if n > 1 && !whole && time.Since(began) > nthBudget {
						return
					}
					runs.Add(1)
					if struck[i] = nthLife(t, f.inject(n)); struck[i] {
						hits.Add(1)
					}
					if t.Failed() {
						t.Errorf("%s, PORTTI_SEED=%d", f.inject(n), seed)
					}
				})
			}
		})
		if t.Failed() {
			break
		}
		var next []fault
		for i, f := range left {
			misses[f]++
			if struck[i] {
				met[f.calls], misses[f] = true, 0
			}
			if misses[f] == 0 || whole && misses[f] < nthMisses {
				next = append(next, f)
			}
		}
		left = next
	}
	for _, f := range nthFaults() {
		if !met[f.calls] && !t.Failed() {
			t.Errorf("%s: nothing was ever injected, the test tested nothing", f.calls)
		}
	}
	t.Logf("%d lives up to N < %d, in %d of them something failed, %d faults not at their end; %v",
		runs.Load(), n, hits.Load(), len(left), time.Since(began).Round(time.Second))
	if whole && len(left) > 0 && !t.Failed() {
		t.Errorf("%v strike without end", left)
	}
}

func nthLife(t *testing.T, what string) (hit bool) {
	s := newSite(t, testbed.Options{})
	s.Buffer = "commit_every = \"30ms\""
	s.Uplink = "fence_hold = \"0s\""
	s.Oracle.Retimed = true // where the state file is what cannot be written
	s.Down()
	var g *rig.Process
	heal := func() int {
		b, _ := os.ReadFile(filepath.Join(s.Dir, "strace"))
		return strings.Count(string(b), "(INJECTED)")
	}
	if strings.HasPrefix(what, "openat") { // also reads the configuration: only while it runs
		g = s.Start()
		heal = disturb(g, what)
	} else {
		s.inject(what)
		g = s.startOrEnd()
	}
	for range 3 {
		s.Line().Feed(40)
		time.Sleep(40 * time.Millisecond)
	}
	g.Until("120 are read", rig.Read(120))
	s.Up()
	g.Until("all arrive", s.Arrived)
	st := g.Until("all are acknowledged", rig.Drained)
	s.Whole(st)
	struck := heal()
	g.StopAnyhow()
	s.wrap()
	s.Line().Clear()
	g = s.Start()
	s.Line().Feed(10)
	g.Until("the next start works", func(st *status.Document) bool { return s.Arrived(st) && rig.Drained(st) })
	s.Oracle.Honest(t, s.Lines...)
	g.Stop()
	return struck > 0
}

// startOrEnd starts under a tracer. A start that cannot even keep its identity
// may end, in order and with a word; the next one is not disturbed then.
func (s *site) startOrEnd() *rig.Process {
	s.Helper()
	g := s.Spawn()
	if g.UntilGone("every line is read", s.Reading) != nil {
		return g
	}
	if text := g.Said(); strings.Contains(text, "panic:") || strings.Contains(text, "SIG") || text == "" {
		s.Fatalf("the start ended: %v\n%s", g.Err, rig.Tail(text, 2000))
	}
	s.wrap()
	return s.Start()
}
