//go:build faults

package faults

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"portti/cmd/portti/rig"
	"portti/cmd/portti/rig/faultfs"
	"portti/cmd/portti/status"
	"portti/cmd/portti/testbed"
	"portti/cross/testkit"
)

// stutter is a disk that does not answer for a while when the gateway starts.
type stutter struct {
	calls  []faultfs.Op
	suffix string // of the files; "" = all, and the folder
	errno  syscall.Errno
	share  int // one call in so many
	lasts  time.Duration
	killed bool // the life before, or else stopped in order
}

// short is a stutter that is over before anything could arrive meanwhile.
const short = 50 * time.Millisecond

func stutterCalls() []faultfs.Op {
	return []faultfs.Op{faultfs.Open, faultfs.Stat, faultfs.Read, faultfs.ReadDir}
}

// stutters are all that there are: 340.
func stutters() (all []stutter) {
	calls := [][]faultfs.Op{stutterCalls()}
	for _, op := range stutterCalls() {
		calls = append(calls, []faultfs.Op{op})
	}
	for _, c := range calls {
		for _, errno := range []syscall.Errno{syscall.EIO, syscall.EAGAIN, syscall.ENOMEM, syscall.EMFILE, syscall.ENOSPC} {
			for _, lasts := range []time.Duration{short, 3 * time.Second} {
				for _, killed := range []bool{false, true} {
					all = append(all, stutter{c, "", errno, 1, lasts, killed})
					if !slices.Equal(c, []faultfs.Op{faultfs.ReadDir}) { // a folder is listed too rarely for a share, and is no file
						all = append(all, stutter{c, "", errno, 5, lasts, killed}, stutter{c, ".seg", errno, 1, lasts, killed}, stutter{c, ".seg", errno, 5, lasts, killed})
					}
				}
			}
		}
	}
	return all
}

func (c stutter) String() string {
	calls := "all"
	if len(c.calls) == 1 {
		calls = c.calls[0].String()
	}
	errno := map[syscall.Errno]string{syscall.EIO: "EIO", syscall.EAGAIN: "EAGAIN", syscall.ENOMEM: "ENOMEM", syscall.EMFILE: "EMFILE", syscall.ENOSPC: "ENOSPC"}[c.errno]
	end := "a stop"
	if c.killed {
		end = "a kill"
	}
	files := "everything"
	if c.suffix != "" {
		files = c.suffix
	}
	return fmt.Sprintf("%s of %s calls, %s, one in %d, for %v after %s", errno, calls, files, c.share, c.lasts, end)
}

// A card that stutters while it gets its power: 8,000 accepted readings are in eight
// sound files or more when the gateway starts, and calls in its folder are answered
// with an error for a while. It reads and sends new readings meanwhile. Afterwards
// all 8,000 arrive: what cannot be read now is waited for, and no file was renamed,
// removed or counted as damaged that was not read and found so. Rows 12 and 14.
//
// A handful in each run, PORTTI_STUTTERS (4) others by chance, and with PORTTI_LONG
// four that last five minutes.
func TestStutterAtStart(t *testing.T) {
	seed := uint64(number("PORTTI_SEED", int(time.Now().UnixNano()&0xffffff)))
	t.Logf("PORTTI_SEED=%d", seed)
	all, open := stutterCalls(), []faultfs.Op{faultfs.Open}
	cases := []stutter{
		{all, "", syscall.EIO, 1, 3 * time.Second, true},
		{all, "", syscall.EIO, 5, 3 * time.Second, false},
		{all, ".seg", syscall.EIO, 5, short, true},
		{open, ".seg", syscall.EIO, 1, short, false},
	}
	others, r := stutters(), rand.New(rand.NewPCG(seed, 0))
	r.Shuffle(len(others), func(i, k int) { others[i], others[k] = others[k], others[i] })
	cases = append(cases, others[:min(len(others), number("PORTTI_STUTTERS", 4))]...)
	if os.Getenv("PORTTI_LONG") != "" {
		for _, share := range []int{1, 5} {
			for _, killed := range []bool{true, false} {
				cases = append(cases, stutter{all, "", syscall.EIO, share, 5 * time.Minute, killed})
			}
		}
	}
	for _, c := range cases {
		t.Run(c.String(), func(t *testing.T) {
			t.Parallel()
			stutterAtStart(t, c, seed)
		})
	}
}

func stutterAtStart(t *testing.T, c stutter, seed uint64) {
	s := newSite(t, testbed.Options{})
	f, real := s.below(t)
	s.Buffer = "commit_every = \"100ms\"\nmax_size = \"4MB\"" // files of 128 KB
	s.Down()
	g := s.Start()
	s.Line().Feed(8000)
	g.Until("8000 are accepted", func(st *status.Document) bool { return st.Totals.Accepted == 8000 && st.Buffer.WaitingDisk == 8000 })
	before := segmentsIn(real)
	if len(before) < 8 {
		t.Fatalf("there are %d files: %v", len(before), before)
	}
	if c.killed {
		g.Kill()
	} else {
		g.Stop()
	}
	s.Line().Clear()
	s.Up()
	plan := faultfs.Plan{Calls: c.calls, Suffix: c.suffix, Errno: c.errno, Share: c.share, Seed: seed}
	if c.lasts == short {
		plan.Lasts = short
	}
	f.On(plan)
	g = s.Start()
	s.Line().Feed(100)
	s.arrives(g, "new readings arrive meanwhile", 100)
	if c.lasts != short {
		testkit.Eventually(t, "a call fails", func() bool { return f.Struck() > 0 }, f.Report)
		for end := f.Since().Add(c.lasts); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
			s.untouched(g.Status(), f, c, before)
		}
		f.Off()
	}
	st := s.whenAnswered(g, func(st *status.Document) bool {
		s.untouched(st, f, c, before)
		return s.Delivered(st)
	})
	struck(t, f)
	s.Whole(st)
	g.Stop()
}

// whenAnswered waits for a disk that answers again to be used: an attempt may be due
// in a minute, and the rest is the rig's patience. What it gives may not fulfil ok.
func (s *site) whenAnswered(g *rig.Process, ok func(*status.Document) bool) *status.Document {
	s.Helper()
	for end := time.Now().Add(time.Minute + testkit.Patience); ; time.Sleep(10 * time.Millisecond) {
		if g.Gone() {
			s.Fatalf("the gateway ended: %v", g.Err)
		}
		if st := g.Status(); ok(st) || time.Now().After(end) {
			return st
		}
	}
}

// untouched fails the test if a file was given up that nobody could read, or all of
// which reads well.
func (s *site) untouched(st *status.Document, f *faultfs.FS, c stutter, before []string) {
	s.Helper()
	deaf := c.share == 1 && !slices.Equal(c.calls, []faultfs.Op{faultfs.ReadDir}) // nothing can be read
	var wrong []string
	for _, x := range f.Changes() {
		was, unread := slices.Contains(before, x.Name), x.InForce && deaf
		switch {
		case was && x.Op == faultfs.Rename, strings.Contains(x.To, ".damaged"), strings.Contains(x.To, ".salvage"):
			wrong = append(wrong, fmt.Sprintf("the sound file %s became %s", x.Name, x.To))
		case was && x.Op == faultfs.Unlink && unread:
			wrong = append(wrong, x.Name+" was removed while it could not be read")
		case slices.Contains(before, x.To) && unread:
			wrong = append(wrong, x.To+" was replaced while it could not be read")
		}
	}
	if rig.HasProblem(st, "BUF-CORRUPT", "BUF-LOST") || st.Totals.Lost.Sum() != 0 || st.Totals.Quarantined != 0 {
		wrong = append(wrong, fmt.Sprintf("sound files are called damaged: %+v", st.Totals))
	}
	if len(wrong) > 0 {
		s.Fatalf("%d times wrong: first %s, last %s; %d of %d arrived; %s", len(wrong), wrong[0], wrong[len(wrong)-1],
			s.Oracle.Count(s.Line().Tuid), s.Line().Count(), f.Report())
	}
}
