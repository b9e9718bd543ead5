//go:build faults

package faults

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"portti/cmd/portti/rig"
	"portti/cmd/portti/status"
	"portti/cmd/portti/testbed"
	"portti/cross/testkit"
)

// Row 71: too little memory. A backlog is made fast while the server is away,
// then it returns. Either the gateway lives within its control group, or the
// kernel kills it, it is started again, and as after any kill -9 nothing that
// was accepted is missing. In the end all of it has arrived, and the ledger
// balances.
func TestLittleMemory(t *testing.T) {
	needRoot(t)
	for _, megabytes := range []int{24, 32, 48} {
		for _, shared := range []bool{false, true} {
			t.Run(fmt.Sprintf("%d MB, shared %v", megabytes, shared), func(t *testing.T) {
				t.Parallel()
				littleMemory(t, megabytes, number("PORTTI_READINGS", 100_000), shared)
			})
		}
	}
}

// littleMemory is one story; where the memory is shared, another process takes
// nearly all of it in mid-backlog, and the kernel has nobody to kill but the
// gateway.
func littleMemory(t *testing.T, megabytes, readings int, shared bool) {
	s := newSite(t, testbed.Options{})
	c := newCgroup(t, megabytes)
	s.wrap(c.wrap()...)
	const every = 200 * time.Millisecond
	s.Buffer = "commit_every = \"" + every.String() + "\""
	s.Uplink = "fence_hold = \"0s\""
	s.Down()
	k := killer{site: s}
	var squeeze func(*rig.Process)
	if shared {
		squeeze = func(g *rig.Process) { c.squeeze(g, megabytes-2); squeeze = nil }
	}
	lives := 0
	var last *rig.Process
	for last == nil {
		if lives++; lives > 100 {
			t.Fatal("not at its end after 100 lives")
		}
		last = k.lifeWithin(readings, squeeze)
	}
	if shared && lives == 1 {
		t.Error("it was not killed: the test tested nothing")
	}
	k.judge(last.Status())
	last.Stop()
	t.Logf("%d lives, the highest use %.1f MB: %d fed, %d accepted at the time of a kill or the end, %d missing (never accepted)",
		lives, c.highest(), s.Line().Count(), k.accepted, k.lost)
}

// lifeWithin is one life: what is left to feed, then the server returns. It gives
// the gateway if that outlasted it.
func (k *killer) lifeWithin(readings int, squeeze func(*rig.Process)) *rig.Process {
	k.Helper()
	g := k.Spawn()
	before := g.UntilGone("every line is read", k.Reading)
	ok := before != nil
	l := life{first: k.Line().Count() + 1}
	l.accepted, l.last = l.first-1, l.first-1
	note := func(st *status.Document) bool {
		if ok && st != nil {
			l.accepted = max(l.accepted, l.first-1+int(st.Totals.Accepted-before.Totals.Accepted))
		}
		return true
	}
	for ok && k.Line().Count() < readings {
		if ok = k.feedAlive(g, min(1000, readings-k.Line().Count())); ok {
			ok = g.UntilGone("there is room", func(st *status.Document) bool { return note(st) && st.Buffer.WaitingMemory < 10_000 }) != nil
		}
		if ok && squeeze != nil && k.Line().Count() >= readings/2 {
			squeeze(g)
			ok = false
		}
	}
	if ok {
		ok = g.UntilGone("all are read", func(st *status.Document) bool {
			return note(st) && st.Totals.Read-before.Totals.Read == uint64(k.Line().Count()-l.first+1)
		}) != nil
	}
	if ok {
		k.Up()
		ok = g.UntilGone("nothing waits", func(st *status.Document) bool { return note(st) && rig.Drained(st) }) != nil
	}
	l.killed, l.last = time.Now(), k.Line().Count()
	k.lives = append(k.lives, l)
	if !ok {
		if g.Await(); g.Err == nil || !strings.Contains(g.Err.Error(), "killed") {
			k.Fatalf("the gateway ended with: %v", g.Err)
		}
		k.Line().Clear()
		return nil
	}
	return g
}

// feedAlive feeds a gateway that may be killed meanwhile.
func (k *killer) feedAlive(g *rig.Process, n int) (ok bool) {
	k.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), testkit.Patience)
	defer cancel()
	go func() {
		select {
		case <-g.Ended:
			cancel()
		case <-ctx.Done():
		}
	}()
	err := k.Line().Put(ctx, n)
	if err != nil && !g.Gone() {
		k.Fatal(err)
	}
	return err == nil
}

// cgroup is a control group with a limit on memory.
type cgroup struct {
	t   *testing.T
	dir string
	top string // the file with the highest use, empty where there is none
}

// newCgroup makes one below our own, or in version 2 beside it, since there a
// group with processes has no groups below.
func newCgroup(t *testing.T, megabytes int) *cgroup {
	t.Helper()
	c := &cgroup{t: t}
	var limits []string
	groups, err := os.ReadFile("/proc/self/cgroup")
	parent, swap := "/sys/fs/cgroup", "memory.swap.max"
	if _, v1 := os.Stat("/sys/fs/cgroup/memory/memory.limit_in_bytes"); v1 == nil {
		parent = "/sys/fs/cgroup/memory"
		for line := range strings.Lines(string(groups)) {
			if f := strings.SplitN(strings.TrimSpace(line), ":", 3); len(f) == 3 && f[1] == "memory" {
				if own := filepath.Join(parent, f[2]); isDir(own) {
					parent = own
				}
			}
		}
		limits, swap, c.top = []string{"memory.limit_in_bytes"}, "memory.memsw.limit_in_bytes", "memory.max_usage_in_bytes"
	} else {
		err = errors.Join(err, os.WriteFile(filepath.Join(parent, "cgroup.subtree_control"), []byte("+memory"), 0))
		limits, c.top = []string{"memory.max"}, "memory.peak"
	}
	if err == nil {
		c.dir, err = os.MkdirTemp(parent, "portti-faults-")
	}
	testkit.Need(t, "a control group", err)
	t.Cleanup(c.remove)
	for _, name := range limits {
		err = os.WriteFile(filepath.Join(c.dir, name), fmt.Append(nil, megabytes<<20), 0)
	}
	testkit.Need(t, "a limit on memory", err)
	text := fmt.Append(nil, megabytes<<20)
	if swap == "memory.swap.max" {
		text = []byte("0")
	}
	_ = os.WriteFile(filepath.Join(c.dir, swap), text, 0) // where there is swap
	return c
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// wrap is a shell that enters the group and becomes the program.
func (c *cgroup) wrap() []string {
	return []string{"/bin/sh", "-c", `echo $$ > "$0" && exec "$@"`, filepath.Join(c.dir, "cgroup.procs")}
}

// squeeze lets another process take so much of the group's memory, and the kernel
// kill the gateway first, until that has ended.
func (c *cgroup) squeeze(g *rig.Process, megabytes int) {
	c.t.Helper()
	if err := os.WriteFile(fmt.Sprintf("/proc/%d/oom_score_adj", g.Pid()), []byte("1000"), 0); err != nil {
		c.t.Fatal(err)
	}
	argv := append(c.wrap(), "dd", "if=/dev/zero", "of=/dev/null", fmt.Sprintf("bs=%dM", megabytes))
	hog := exec.Command(argv[0], argv[1:]...)
	if err := hog.Start(); err != nil {
		c.t.Fatal(err)
	}
	defer func() {
		_ = hog.Process.Kill()
		_ = hog.Wait()
	}()
	g.Await()
}

// highest is the most that was in use, in MB, what the disk caches included.
func (c *cgroup) highest() float64 {
	var n float64
	b, _ := os.ReadFile(filepath.Join(c.dir, c.top))
	_, _ = fmt.Sscan(string(b), &n)
	return n / (1 << 20)
}

// remove comes after the gateway was ended; the kernel may take a moment.
func (c *cgroup) remove() {
	testkit.Eventually(c.t, "the control group can be removed", func() bool {
		err := os.Remove(c.dir)
		return err == nil || errors.Is(err, os.ErrNotExist)
	})
}
