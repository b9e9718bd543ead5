//go:build figures

package figures

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// slowFlushes is what throughput becomes where each flush takes 10 ms more, as on a
// card. strace adds them; through a filter in the kernel, so that it stops at no other
// call. What it takes itself is measured too.
func slowFlushes(t *testing.T, p plan) []row {
	const what, budget = "the same with 10 ms added to each flush", "230,000/s"
	log := filepath.Join(t.TempDir(), "calls")
	trace := []string{"strace", "-f", "--seccomp-bpf", "-qq", "-o", log, "-e", "signal=none", "-e", "trace=fsync,fdatasync"}
	delay := append(trace[:len(trace):len(trace)], "-e", "inject=fsync,fdatasync:delay_exit=10000") // microseconds
	if out, err := exec.Command(delay[0], append(delay[1:], "true")...).CombinedOutput(); err != nil {
		return skipped(what, budget, fmt.Sprintf("strace: %v %s", err, strings.TrimSpace(string(out))))
	}
	run := func(around []string) string {
		p.around = around
		var rates []float64
		for range p.runs {
			rates = append(rates, thousand(flat(t, p, "", true).rate))
		}
		return spread("%.0f", rates) + "/s"
	}
	rate := run(delay)
	p.runs = 1
	beside := newPlain(t, p)
	beside.around, beside.records = delay, beside.records/5
	plainRate, _ := beside.throughput()
	alone := run(trace)
	calls, err := os.ReadFile(log)
	fatal(t, err)
	syncs := float64(strings.Count(string(calls), "sync(")) / float64(p.records) * 1e6
	return []row{
		{what, budget, rate, "dated by the device; strace alone leaves " + alone},
		{"  calls of fsync and fdatasync a million", "240", fmt.Sprintf("%.0f", syncs), "with start and stop"},
		{"  a plain program beside it", "", fmt.Sprintf("%.0f/s", plainRate), fmt.Sprintf("%d lines, with the same delay", beside.records)},
	}
}
