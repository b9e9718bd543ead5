//go:build faults

package faults

import (
	"context"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"portti/buffer"
	"portti/cmd/portti/gateway"
	"portti/cmd/portti/rig"
	"portti/cmd/portti/status"
	"portti/cmd/portti/testbed"
	"portti/cross/testkit"
)

// The layout of a bbolt file, as far as it is needed to ruin one by design: a
// page has id, flags, count; a meta page behind that the number of its list of
// free pages at 32, of pages at 40, of its commit at 48, and a checksum at 56.
const (
	pageLen    = 4096
	pageHead   = 16
	branchPage = 1
	leafPage   = 2
	freePage   = 16
)

// newestMeta is which of the two meta pages is in use.
func newestMeta(b []byte) int {
	at := func(i int) uint64 { return binary.NativeEndian.Uint64(b[i*pageLen+pageHead+48:]) }
	if at(0) > at(1) {
		return 0
	}
	return 1
}

// suspect makes the other meta page invalid, as a torn write does.
func suspect(b []byte) { clear(b[(1-newestMeta(b))*pageLen+pageHead:][:64]) }

// middle is a leaf in the middle of the records.
func middle(b []byte) []byte {
	var leaves []int
	for at := 4 * pageLen; at+pageLen <= len(b); at += pageLen {
		p := b[at : at+pageLen]
		sound := binary.NativeEndian.Uint64(p) == uint64(at/pageLen) && binary.NativeEndian.Uint16(p[8:]) == leafPage
		if sound && binary.NativeEndian.Uint16(p[10:]) > 3 && binary.NativeEndian.Uint32(p[pageHead+8:]) == 8 {
			leaves = append(leaves, at)
		}
	}
	return b[leaves[len(leaves)/2]:][:pageLen]
}

// circle makes a leaf a branch that leads to itself.
func circle(b []byte) {
	p := middle(b)
	clear(p[8:])
	binary.NativeEndian.PutUint16(p[8:], branchPage)
	binary.NativeEndian.PutUint16(p[10:], 1)
	binary.NativeEndian.PutUint32(p[pageHead:], 16)  // where the key is
	binary.NativeEndian.PutUint32(p[pageHead+4:], 8) // its length
	copy(p[pageHead+8:], p[:8])                      // its child
}

// swollen makes a leaf eight million pages long, which bbolt notes one by one.
func swollen(b []byte) { binary.NativeEndian.PutUint32(middle(b)[12:], 1<<31) }

// endless gives it a list of free pages that is as long as it says: n.
func endless(n uint64) func(b []byte) {
	return func(b []byte) {
		m := b[newestMeta(b)*pageLen+pageHead:]
		high := binary.NativeEndian.Uint64(m[40:])
		list := b[high*pageLen:][:pageLen]
		binary.NativeEndian.PutUint64(list, high)
		binary.NativeEndian.PutUint16(list[8:], freePage)
		binary.NativeEndian.PutUint16(list[10:], 0xFFFF)
		binary.NativeEndian.PutUint64(list[pageHead:], n)
		binary.NativeEndian.PutUint64(m[32:], high)
		binary.NativeEndian.PutUint64(m[40:], high+1)
		h := fnv.New64a()
		_, _ = h.Write(m[:56])
		binary.NativeEndian.PutUint64(m[56:], h.Sum64())
	}
}

// change rewrites a file of the buffer.
func change(t *testing.T, path string, edits ...func([]byte)) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, edit := range edits {
		edit(b)
	}
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// Files that end a process which opens them with bbolt, or never let it go: the
// built program, called as its daemon calls it, says no or dies, or goes on until
// it is killed, and takes little memory. A sound one it calls sound. Row 12.
func TestProbeDies(t *testing.T) {
	for _, c := range []struct {
		name  string
		edits []func([]byte)
		code  int // 1 it says no, 2 the runtime gives up, -1 it never ends
	}{
		{"sound", nil, 0},
		{"circle", []func([]byte){circle}, 1}, // bbolt finds it while it looks for free pages
		// With a list of them it does not look, and goes round for ever.
		{"circle and a list", []func([]byte){circle, endless(0)}, -1},
		{"swollen", []func([]byte){swollen}, 1},
		{"a list without end", []func([]byte){endless(1 << 26)}, 2}, // 512 MB of numbers
		{"a list beyond all memory", []func([]byte){endless(1 << 50)}, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := rig.Folder(t)
			q, err := buffer.Open(buffer.Options{Dir: dir, Mono: func() int64 { return 1000 }, CommitEvery: time.Second})
			if err != nil {
				t.Fatal(err)
			}
			for i := range 20_000 {
				if err := q.Append(0, 0, 1, fmt.Appendf(nil, `{"i":%d,"pad":"%0100d"}`, i, i)); err != nil {
					t.Fatal(err)
				}
			}
			if err := q.Close(); err != nil {
				t.Fatal(err)
			}
			segs, _ := filepath.Glob(filepath.Join(dir, "*.seg"))
			change(t, segs[0], c.edits...)
			began := time.Now()
			limit := testkit.Patience
			if c.code < 0 {
				limit = 3 * time.Second
			}
			ctx, cancel := context.WithTimeout(t.Context(), limit)
			defer cancel()
			cmd := exec.CommandContext(ctx, os.Getenv(binaryVar), append(gateway.ProbeVerb(), segs[0])...)
			cmd.Env = []string{"GOTRACEBACK=none"}
			out, err := cmd.CombinedOutput()
			used := cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss // KB
			said := rig.Tail(string(out), 300)
			code := cmd.ProcessState.ExitCode()
			t.Logf("exit code %d after %v, %d KB: %s", code, time.Since(began).Round(time.Millisecond), used, said)
			// What goes round for ever may also meet its limit of memory before.
			if (err == nil) != (c.code == 0) || code != c.code && !(c.code < 0 && code == 2) {
				t.Errorf("exit code %d, want %d", code, c.code)
			}
			// The kernel counts the memory of whoever started a process as its own
			// until it has more.
			var mine syscall.Rusage
			if err := syscall.Getrusage(syscall.RUSAGE_SELF, &mine); err != nil {
				t.Fatal(err)
			}
			if !strings.HasPrefix(string(out), gateway.ProbeBegins+"\n") || used > max(200<<10, mine.Maxrss) {
				t.Errorf("%d KB were used, and it said %q", used, said)
			}
		})
	}
}

// A suspicious file that ends or deceives a process: the gateway lets one of its
// own die of it, lives itself, and delivers all but what was in the one page.
// Row 12.
func TestSuspiciousFileKillsOnlyTheProbe(t *testing.T) {
	for name, edit := range map[string]func([]byte){"circle": circle, "swollen": swollen} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			suspiciousFile(t, edit)
		})
	}
}

func suspiciousFile(t *testing.T, edit func([]byte)) {
	s := newSite(t, testbed.Options{})
	s.Buffer = "commit_every = \"100ms\""
	s.Down()
	g := s.Start()
	s.Line().Feed(3000)
	g.Until("3000 are on disk", func(st *status.Document) bool { return st.Buffer.WaitingDisk == 3000 })
	g.Stop()
	change(t, s.segments()[0], edit, suspect)
	s.Up()
	g = s.Start()
	if said := g.Said(); !strings.Contains(said, "buffer.probed") || !strings.Contains(said, "unsafe") {
		t.Errorf("the log does not tell of a probe that died: %s", rig.Tail(said, 2000))
	}
	s.Line().Feed(100)
	st := g.Until("nothing waits", func(st *status.Document) bool { return rig.Drained(st) && st.Totals.Read >= 3100 })
	s.accounted(st)
	if lost := st.Totals.Lost.Sum(); lost > 60 {
		t.Errorf("%d are lost, and one page holds some 40", lost)
	}
	if !rig.HasProblem(st, "BUF-CORRUPT", "BUF-LOST") {
		t.Error("the damage is not shown")
	}
	g.Stop()
}

// Killed twice within a minute of its start the gateway has its files probed
// before it opens them again, finds them sound, and goes on. Nothing is lost or
// set aside. Row 12.
func TestKilledTwiceIsProbed(t *testing.T) {
	t.Parallel()
	s := newSite(t, testbed.Options{})
	s.Buffer = "commit_every = \"100ms\""
	s.Down()
	g := s.Start()
	s.Line().Feed(1000)
	g.Until("1000 are on disk", func(st *status.Document) bool { return st.Buffer.WaitingDisk == 1000 })
	g.Stop()
	for range 2 {
		s.Line().Clear()
		g = s.Start()
		g.Kill()
	}
	s.Line().Clear()
	g = s.Start()
	if said := g.Said(); !strings.Contains(said, "buffer.probed") || !strings.Contains(said, "sound") || strings.Contains(said, "unsafe") {
		t.Errorf("the log does not tell of a probe that lived: %s", rig.Tail(said, 2000))
	}
	s.Up()
	st := g.Until("all arrive", func(st *status.Document) bool { return rig.Drained(st) && s.Arrived(st) })
	s.Whole(st)
	if rig.HasProblem(st, "BUF-CORRUPT") {
		t.Error("a sound file was set aside")
	}
	g.Stop()
	if _, err := os.Stat(filepath.Join(s.State, "buffer", "opening")); !os.IsNotExist(err) {
		t.Error("the note stays: ", err)
	}
}
