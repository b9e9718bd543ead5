package main

import (
	"os"
	"reflect"
	"testing"
)

// Only what is the program's own, private, not writable and as the file has it.
func TestUnwritten(t *testing.T) {
	one := func(head, anonymous, swap string) string {
		return head + "\nSize:   100 kB\nRss:    40 kB\nAnonymous:    " + anonymous + " kB\nSwap:      " + swap + " kB\nSwapPss:   7 kB\nLocked:   0 kB\nVmFlags: rd mr mw me\n"
	}
	const code, tables = "00011000-00738000 r-xp 00001000 b3:02 1234      /usr/bin/portti", "76f00000-76f01000 r--p 00730000 b3:02 1234    /usr/bin/portti"
	for name, c := range map[string]struct {
		smaps string
		want  []mapping
	}{
		"code and tables": {one(code, "0", "0") + one("00d30000-00d8a000 rw-p 00d20000 b3:02 1234   /usr/bin/portti", "0", "0") + one(tables, "0", "0"),
			[]mapping{{0x11000, 0x738000, 40}, {0x76f00000, 0x76f01000, 40}}},
		"a page of its own":          {smaps: one(code, "4", "0")},
		"one that is swapped out":    {smaps: one(code, "0", "4")},
		"shared":                     {smaps: one("00011000-00738000 r-xs 00001000 b3:02 1234  /usr/bin/portti", "0", "0")},
		"another file":               {smaps: one("00011000-00738000 r-xp 00001000 b3:02 1234  /opt/usr/bin/portti", "0", "0")},
		"what the kernel gives":      {smaps: one("7ffc1000-7ffc3000 r-xp 00000000 00:00 0  [vdso]", "0", "0")},
		"no file":                    {smaps: one("7f001000-7f003000 r--p 00000000 00:00 0 ", "0", "0")},
		"cut off":                    {smaps: code + "\nRss:    40 kB\n"},
		"a kernel that says nothing": {},
	} {
		if got := unwritten(c.smaps, "/usr/bin/portti"); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
}

// This very process goes on, with less of its file mapped.
func TestUnmapProgram(t *testing.T) {
	resident := func() (kb int) {
		self, err := os.Readlink("/proc/self/exe")
		if err != nil {
			t.Fatal(err)
		}
		maps, err := os.ReadFile("/proc/self/smaps")
		if err != nil {
			t.Skip("this kernel does not say what is mapped: ", err)
		}
		for _, m := range unwritten(string(maps), self) {
			kb += m.resident
		}
		return kb
	}
	rootCmd(os.DirFS("/")) // touches much
	before := resident()
	if err := unmapProgram(); err != nil {
		t.Fatal(err)
	}
	if after := resident(); after > before*2/3 {
		t.Errorf("%d KB of the program's file are mapped, %d before", after, before)
	} else {
		t.Logf("%d KB of the program's file are mapped, %d before", after, before)
	}
}
