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

// work is a benchmark or a test of a room that stands for a promise.
type work struct {
	what, room, bench string
	budget            int
}

func works() []work {
	return []work{
		{what: "one message encoded", room: "device/thingsee", bench: "^BenchmarkAppend$", budget: 3000},
		{what: "the same by encoding/json", room: "device/thingsee", bench: "^BenchmarkMarshal$"},
		{what: "one JSON line of 7 fields read", room: "device", bench: "^BenchmarkLines$/^json$", budget: 7000},
		{what: "one line of 7 pairs read", room: "device", bench: "^BenchmarkLines$/^pairs$", budget: 8000},
		{what: "one NMEA sentence read", room: "device/nmea", bench: "^BenchmarkSentence$", budget: 8000},
		{what: "one UBX epoch of three messages", room: "device/ubx", bench: "^BenchmarkEpoch$"},
		{what: "one AIS position", room: "device/ais", bench: "^BenchmarkPosition$"},
		{what: "one RuuviTag advertisement", room: "device/adv", bench: "^BenchmarkDecode$/^ruuvi-5$"},
		{what: "one frame of a Wirepas sink", room: "device/dualmcu", bench: "^BenchmarkScan$"},
		{what: "one Modbus poll, planned and read", room: "device/modbus", bench: "^BenchmarkPoll$"},
		{what: "twelve frames of a declared dust sensor", room: "device", bench: "^BenchmarkDeclared$/^pms5003$"},
		{what: "one reading stamped", room: "device", bench: "^BenchmarkStamp$"},
	}
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
	w := work{"a whole JSON line, port to acknowledgement", "cmd/portti/gateway", "^TestWholeLine$", 14000}
	if _, err := exec.LookPath(emulator); err != nil {
		return skipped("ARMv6 instructions, "+w.what, strconv.Itoa(w.budget), emulator+" (package qemu-user-static) is not here")
	}
	p := emulated(t, w.room, filepath.Join(t.TempDir(), "whole"))
	run := func(thousands int) map[uint32]int64 {
		return p.executed(t, "-test.run", w.bench, "-whole.lots", strconv.Itoa(thousands))
	}
	few, many := run(2), run(5)
	t.Logf("instructions of a whole line by package and function:\n%s", shares(p.symbols, many, few, 3000))
	return []row{w.row(total(many, few) / 3000)}
}

// name is the benchmark's or the test's.
func (w work) name() string {
	return w.room + ", " + strings.NewReplacer("^", "", "$", "").Replace(w.bench)
}

func (w work) row(n int64) row {
	budget := ""
	if w.budget > 0 {
		budget = strconv.Itoa(w.budget)
	}
	return row{"ARMv6 instructions, " + w.what, budget, strconv.FormatInt(n, 10), w.name()}
}
