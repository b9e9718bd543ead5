package gateway

import (
	"bytes"
	"fmt"
	"os"
	"runtime/debug"
	"strconv"
	"syscall"
	"time"
)

// What a process may use that opens a file which may be anything. An honest
// walk needs 20 MB in addition to the file's own pages.
const (
	probeMemory  = 64 << 20
	probeStack   = 16 << 20
	probeSeconds = 20
)

// ConfineProbe limits this process, for good, to what a probe may use. Not all
// of it is allowed everywhere: under the unit's filter a process cannot lower
// its own limits, so it also watches itself, and offers itself first to the
// kernel when memory runs out. What cannot be set is left.
func ConfineProbe() {
	debug.SetMaxStack(probeStack)
	_ = os.WriteFile("/proc/self/oom_score_adj", []byte("1000"), 0)
	_ = syscall.Setrlimit(syscall.RLIMIT_CORE, &syscall.Rlimit{})
	_ = syscall.Setrlimit(syscall.RLIMIT_CPU, &syscall.Rlimit{Cur: probeSeconds, Max: probeSeconds})
	if m, err := memory(); err == nil {
		// Go has addresses reserved beyond what it uses, so what counts is what
		// comes on top: the map of the file, and this much.
		space(m.size + probeMemory)
	}
	go watchMemory()
}

// watchMemory ends the process when it holds too much memory of its own.
func watchMemory() {
	for range time.Tick(5 * time.Millisecond) {
		if m, err := memory(); err == nil && m.own > probeMemory {
			fmt.Fprintln(os.Stderr, "it takes memory without end")
			os.Exit(1)
		}
	}
}

// used is the memory of this process in bytes.
type used struct{ size, own uint64 }

func memory() (used, error) {
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return used{}, err
	}
	f := bytes.Fields(text)
	var n [3]uint64
	for i := range n {
		if i >= len(f) {
			return used{}, fmt.Errorf("%d numbers in statm", len(f))
		}
		if n[i], err = strconv.ParseUint(string(f[i]), 10, 64); err != nil {
			return used{}, err
		}
	}
	page := uint64(os.Getpagesize())
	return used{size: n[0] * page, own: (n[1] - min(n[1], n[2])) * page}, nil
}

// space limits the addresses that this process may have.
func space(n uint64) {
	_ = syscall.Setrlimit(syscall.RLIMIT_AS, &syscall.Rlimit{Cur: n, Max: n})
}
