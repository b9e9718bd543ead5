//go:build figures

package figures

import (
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

const emulator = "qemu-arm-static"

// work is a benchmark of a room that stands for a promise, or a test that is told how
// much to do.
type work struct {
	what, room, bench string
	budget            int
	test              string // instead of bench
	few, many         int    // of its flag, each that many turns
	each              int
}

func works() []work {
	return []work{
		{what: "one message encoded", room: "device/thingsee", bench: "^BenchmarkAppend$", budget: 3000},
		{what: "the same by encoding/json", room: "device/thingsee", bench: "^BenchmarkMarshal$"},
		{what: "one JSON line of 7 fields read", room: "device", bench: "^BenchmarkLines$/^json$", budget: 7000},
		{what: "one line of 7 pairs read", room: "device", bench: "^BenchmarkLines$/^pairs$", budget: 8000},
		{what: "one NMEA sentence read", room: "device/nmea", bench: "^BenchmarkSentence$", budget: 8000},
		{what: "one reading stamped", room: "device", bench: "^BenchmarkStamp$"},
	}
}

// whole is the whole way of a JSON line: three thousand of them are counted.
func whole() work {
	return work{what: "a whole JSON line, port to acknowledgement", room: "cmd/portti/gateway", budget: 14000, test: "^TestWholeLine$", few: 2, many: 5, each: 1000}
}

// instructions counts what an ARMv6 executes for one turn.
func instructions(t *testing.T, _ plan) []row {
	if _, err := exec.LookPath(emulator); err != nil {
		return skipped("ARMv6 instructions", "", emulator+" (package qemu-user-static) is not here")
	}
	var rows []row
	dir, built := t.TempDir(), map[string]*program{}
	for _, w := range works() {
		p := built[w.room]
		if p == nil {
			p = emulated(t, w.room, filepath.Join(dir, strings.ReplaceAll(w.room, "/", "-")))
			built[w.room] = p
		}
		const few, many = 100, 600
		run := func(turns int) map[uint32]int64 {
			return p.executed(t, "-test.run", "^$", "-test.bench", w.bench, "-test.benchtime", strconv.Itoa(turns)+"x")
		}
		rows = append(rows, w.row(total(run(many), run(few))/(many-few)))
	}
	return rows
}

// wholeLine counts the same for a line's whole way, and says who takes them.
func wholeLine(t *testing.T, _ plan) []row {
	w := whole()
	if _, err := exec.LookPath(emulator); err != nil {
		return skipped("ARMv6 instructions, "+w.what, strconv.Itoa(w.budget), emulator+" (package qemu-user-static) is not here")
	}
	p := emulated(t, w.room, filepath.Join(t.TempDir(), "whole"))
	run := func(lots int) map[uint32]int64 {
		return p.executed(t, "-test.run", w.test, "-whole.lots", strconv.Itoa(lots))
	}
	few, turns := run(w.few), int64(w.many-w.few)*int64(w.each)
	many := run(w.many)
	t.Logf("instructions of a whole line by function:\n%s", p.shares(many, few, turns))
	return []row{w.row(total(many, few) / turns)}
}

func (w work) row(n int64) row {
	budget := ""
	if w.budget > 0 {
		budget = strconv.Itoa(w.budget)
	}
	return row{"ARMv6 instructions, " + w.what, budget, strconv.FormatInt(n, 10), emulator + ", " + w.bench + w.test}
}

func total(many, few map[uint32]int64) (n int64) {
	for at, m := range many {
		n += m - few[at]
	}
	return n
}
