//go:build faults

package faults

import (
	"encoding/binary"
	"hash/fnv"
	"os"
	"strconv"
	"strings"
	"testing"

	"portti/cmd/portti/rig"
	"portti/cmd/portti/status"
	"portti/cmd/portti/testbed"
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

// tear makes the other meta page invalid, as a torn write does.
func tear(b []byte) { clear(b[(1-newestMeta(b))*pageLen+pageHead:][:64]) }

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
	b = append(b, make([]byte, pageLen)...) // zeros may lie behind the pages in use
	for _, edit := range edits {
		edit(b)
	}
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// Files with which bbolt ends the process that opens them, never lets it go, or
// takes all memory: the gateway lives, does not grow, and delivers all but what
// was in the one page that was damaged. Row 12.
func TestPagesThatMislead(t *testing.T) {
	for name, c := range map[string]struct {
		edits []func([]byte)
		lost  uint64 // at most
	}{
		"circle":                    {[]func([]byte){circle}, 60}, // one page holds some 40
		"circle and a torn commit":  {[]func([]byte){circle, tear}, 60},
		"circle and a list":         {[]func([]byte){circle, endless(0)}, 60}, // without one bbolt visits all pages first
		"swollen":                   {[]func([]byte){swollen}, 60},
		"swollen and a torn commit": {[]func([]byte){swollen, tear}, 60},
		"a list without end":        {[]func([]byte){endless(1 << 26)}, 0}, // 512 MB of numbers
		"a list beyond all memory":  {[]func([]byte){endless(1 << 50)}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			misled(t, c.lost, c.edits...)
		})
	}
}

func misled(t *testing.T, most uint64, edits ...func([]byte)) {
	s := newSite(t, testbed.Options{})
	s.Buffer = "commit_every = \"100ms\""
	s.Down()
	g := s.Start()
	s.Line().Feed(3000)
	g.Until("3000 are on disk", func(st *status.Document) bool { return st.Buffer.WaitingDisk == 3000 })
	g.Stop()
	change(t, s.segments()[0], edits...)
	s.Up()
	g = s.Start()
	s.Line().Feed(100)
	st := g.Until("nothing waits", func(st *status.Document) bool { return rig.Drained(st) && st.Totals.Read >= 3100 })
	s.accounted(st)
	if lost := st.Totals.Lost.Sum(); lost > most {
		t.Errorf("%d are lost, want %d at most", lost, most)
	}
	if most > 0 {
		g.Until("the damage shows", func(st *status.Document) bool { return rig.HasProblem(st, "BUF-CORRUPT", "BUF-LOST") })
	}
	// At its highest: 512 MB would be the list that one of them claims to have.
	if kb, err := strconv.Atoi(strings.TrimSuffix(field(g.Proc("status"), "VmHWM:"), " kB")); err != nil || kb > 200<<10 {
		t.Errorf("%d KB were used, %v", kb, err)
	}
	g.Stop()
}
