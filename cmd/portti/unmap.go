package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// unmapProgram gives back the pages of the program's own file that this process has
// looked at, most of which only a start needs: the kernel maps 64 KB around each byte
// that is touched. They stay in the page cache, where the kernel may take them first when
// memory gets short, since nobody has them mapped any more; what is needed again is
// mapped when it is touched, without a look at the card as long as the cache has it.
//
// That is safe for private mappings of the file that were never written: of those
// madvise(2) says that MADV_DONTNEED makes the next look see the file's contents again. A
// mapping with a page of its own is left alone, as a breakpoint makes one, or relocation
// in a program built with -buildmode=pie.
//
// Measured on amd64 with four quiet serial ports: 15.8 MB resident before, 9.5 MB 15 s
// later, 9.7 after a minute, and 12.9 from the next collection on, which looks at the
// tables of each function that waits. With a device of each kind that listens 17.7, 10.6,
// 10.7 and 14.2. It costs 300 page faults in the first minute, none of them from the card;
// wake-ups stay what they were.
func unmapProgram() error {
	self, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return fmt.Errorf("cannot tell which file this program is: %w", err)
	}
	maps, err := os.ReadFile("/proc/self/smaps")
	if err != nil {
		return fmt.Errorf("cannot read what is mapped: %w", err)
	}
	var errs []error
	for _, m := range unwritten(string(maps), self) {
		if _, _, e := unix.Syscall(unix.SYS_MADVISE, m.from, m.to-m.from, unix.MADV_DONTNEED); e != 0 {
			errs = append(errs, fmt.Errorf("cannot give back %x-%x: %w", m.from, m.to, e))
		}
	}
	return errors.Join(errs...)
}

// mapping is a part of the address space, and how much of it is resident.
type mapping struct {
	from, to uintptr
	resident int // KB
}

// unwritten finds, in /proc/PID/smaps, the private mappings of a file that may not be
// written and have no page that differs from the file, in memory or swapped out.
func unwritten(smaps, file string) (all []mapping) {
	var m mapping
	named := false
	for line := range strings.Lines(smaps) {
		word, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		if from, to, head := strings.Cut(word, "-"); head {
			named = (strings.HasPrefix(rest, "r-xp ") || strings.HasPrefix(rest, "r--p ")) && strings.HasSuffix(rest, " "+file)
			a, badFrom := strconv.ParseUint(from, 16, 64)
			b, badTo := strconv.ParseUint(to, 16, 64)
			m, named = mapping{from: uintptr(a), to: uintptr(b)}, named && badFrom == nil && badTo == nil
			continue
		}
		if !named {
			continue
		}
		kb, _ := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(rest), " kB"))
		switch word {
		case "Rss:":
			m.resident = kb
		case "Anonymous:", "Swap:":
			named = kb == 0
		case "VmFlags:": // the last line of each
			all = append(all, m)
		}
	}
	return all
}
