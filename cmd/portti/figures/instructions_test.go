//go:build figures

package figures

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// work is a benchmark of a room that stands for a promise.
type work struct {
	what, room, bench string
	budget            int
}

func works() []work {
	return []work{
		{"one message encoded", "device/thingsee", "^BenchmarkAppend$", 3000},
		{"the same by encoding/json", "device/thingsee", "^BenchmarkMarshal$", 0},
		{"one JSON line of 7 fields read", "device", "^BenchmarkLines$/^json$", 7000},
		{"one line of 7 pairs read", "device", "^BenchmarkLines$/^pairs$", 8000},
		{"one NMEA sentence read", "device/nmea", "^BenchmarkSentence$", 8000},
		{"one reading stamped", "device", "^BenchmarkStamp$", 0},
	}
}

// instructions counts what an ARMv6 executes for one turn.
func instructions(t *testing.T, _ plan) []row {
	const emulator = "qemu-arm-static"
	if _, err := exec.LookPath(emulator); err != nil {
		return skipped("ARMv6 instructions", "", emulator+" (package qemu-user-static) is not here")
	}
	var rows []row
	built := map[string]string{}
	for _, w := range works() {
		bin := built[w.room]
		if bin == "" {
			bin = filepath.Join(t.TempDir(), "room.test")
			build := exec.Command("go", "test", "-vet=off", "-c", "-o", bin, "portti/"+w.room)
			build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOARCH=arm", "GOARM=6")
			if out, err := build.CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			built[w.room] = bin
		}
		const few, many = 100, 600
		ranges := tasks(t, bin)
		n := executed(t, bin, ranges, w, many) - executed(t, bin, ranges, w, few)
		budget := ""
		if w.budget > 0 {
			budget = strconv.Itoa(w.budget)
		}
		rows = append(rows, row{"ARMv6 instructions, " + w.what, budget, strconv.FormatInt(n/(many-few), 10), emulator + ", " + w.bench})
	}
	return rows
}

// tasks are the addresses of everything but the scheduler, the collector and
// the benchmark's own loop, as qemu's -dfilter takes them: what those do
// depends on how long it takes, not on what is done.
func tasks(t *testing.T, bin string) string {
	out, err := exec.Command("go", "tool", "nm", "-n", "-size", bin).Output()
	fatal(t, err)
	var ranges []string
	var from, to int64
	flush := func() {
		if to > from {
			ranges = append(ranges, fmt.Sprintf("0x%x..0x%x", from, to-1))
		}
		from, to = 0, 0
	}
	for text := range strings.Lines(string(out)) {
		f := strings.Fields(text)
		if len(f) < 4 || !strings.EqualFold(f[2], "t") {
			continue
		}
		at, _ := strconv.ParseInt(f[0], 16, 64)
		size, _ := strconv.ParseInt(f[1], 10, 64)
		if !counted(f[3]) {
			flush()
			continue
		}
		if to == 0 {
			from = at
		}
		to = max(to, at+size)
	}
	flush()
	return strings.Join(ranges, ",")
}

// counted says whether a function belongs to the work. Of the runtime these are
// the helpers that compiled code calls: copies, comparisons, divisions, maps,
// allocation.
func counted(name string) bool {
	switch {
	case strings.HasPrefix(name, "runtime."):
		name = strings.TrimPrefix(name, "runtime.")
		for _, helper := range []string{"mem", "map", "udiv", "div", "mod", "_div", "_mod", "int64", "uint64", "float64", "slow", "duff",
			"growslice", "mallocgc", "newobject", "makeslice", "convT", "slicebyte", "string", "concat", "intstring", "strhash", "typedmem", "dodiv", "fadd", "fmul", "_udiv"} {
			if strings.HasPrefix(name, helper) {
				return true
			}
		}
		return false
	case strings.HasPrefix(name, "testing."), strings.HasPrefix(name, "internal/runtime/") && !strings.HasPrefix(name, "internal/runtime/maps"),
		strings.HasPrefix(name, "arm"), strings.HasPrefix(name, "time."), strings.HasPrefix(name, "syscall."), strings.HasPrefix(name, "os."), strings.HasPrefix(name, "fmt."):
		return false
	}
	return true
}

// executed runs a benchmark for so many turns and adds up the blocks that
// qemu's log says were run. Each block is listed once, when it is translated.
func executed(t *testing.T, bin, ranges string, w work, turns int) int64 {
	read, write, err := os.Pipe()
	fatal(t, err)
	defer read.Close()
	cmd := exec.Command("qemu-arm-static", "-d", "in_asm,exec,nochain", "-dfilter", ranges, "-D", "/dev/fd/3",
		bin, "-test.run", "^$", "-test.bench", w.bench, "-test.benchtime", strconv.Itoa(turns)+"x")
	cmd.Dir = filepath.Join("../../..", w.room)
	cmd.ExtraFiles = []*os.File{write}
	cmd.Env = append(os.Environ(), "GOMAXPROCS=1", "GOGC=off", "GODEBUG=asyncpreemptoff=1")
	fatal(t, cmd.Start())
	write.Close()
	n := count(t, read)
	fatal(t, cmd.Wait())
	return n
}

func count(t *testing.T, log io.Reader) (n int64) {
	length := map[string]int64{}
	block, in := "", bufio.NewReaderSize(log, 1<<20)
	for {
		text, err := in.ReadSlice('\n')
		if err == io.EOF {
			return n
		}
		fatal(t, err)
		switch {
		case bytes.HasPrefix(text, []byte("IN:")):
			block = "?"
		case bytes.HasPrefix(text, []byte("0x")) && block != "":
			if block == "?" {
				block = string(text[2:10])
				length[block] = 0
			}
			length[block]++
		case bytes.HasPrefix(text, []byte("Trace ")):
			block = ""
			// Trace 0: 0x7fbfb4000ac0 [00000480/000839f4/00000000/00000200] name
			i := bytes.IndexByte(text, '[')
			n += length[string(text[i+10:i+18])]
		default:
			block = ""
		}
	}
}
