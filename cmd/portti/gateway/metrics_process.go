package gateway

import (
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// process tells what this process takes of the machine, under the names that every
// collector knows. What the system does not say has no sample.
func (e *exposition) process() {
	var used unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &used) == nil {
		e.one("process_cpu_seconds_total", counter, "Processor time of the process.", seconds64(used.Utime)+seconds64(used.Stime))
	}
	if resident, ok := residentBytes(); ok {
		e.one("process_resident_memory_bytes", gauge, "Memory that the process occupies, its program included.", float64(resident))
	}
	if open, err := os.ReadDir("/proc/self/fd"); err == nil {
		e.one("process_open_fds", gauge, "File descriptors that are open.", float64(len(open)-1)) // but for the one that counted
	}
	var limit unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &limit) == nil {
		e.one("process_max_fds", gauge, "File descriptors that may be open.", float64(limit.Cur))
	}
}

func seconds64(t unix.Timeval) float64 { return float64(t.Sec) + float64(t.Usec)/1e6 }

// residentBytes reads /proc/self/statm, whose second number is in pages.
func residentBytes() (uint64, bool) {
	text, err := os.ReadFile("/proc/self/statm")
	fields := strings.Fields(string(text))
	if err != nil || len(fields) < 2 {
		return 0, false
	}
	pages, err := strconv.ParseUint(fields[1], 10, 64)
	return pages * uint64(os.Getpagesize()), err == nil
}
