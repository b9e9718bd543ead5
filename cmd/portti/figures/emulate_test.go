//go:build figures

package figures

import (
	"bufio"
	"bytes"
	"cmp"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// program is a room's tests for an ARMv6.
type program struct {
	room, file, ranges string
	symbols            []symbol
}

type symbol struct {
	at, end int64
	name    string
}

func emulated(t *testing.T, room, file string) *program {
	build := exec.Command("go", "test", "-vet=off", "-c", "-o", file, "portti/"+room)
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOARCH=arm", "GOARM=6")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	out, err := exec.Command("go", "tool", "nm", "-n", "-size", file).Output()
	fatal(t, err)
	p := &program{room: room, file: file, symbols: functions(string(out))}
	p.ranges = filter(p.symbols)
	return p
}

// functions reads what go tool nm -n -size prints.
func functions(text string) (all []symbol) {
	for text := range strings.Lines(text) {
		f := strings.Fields(text)
		if len(f) < 4 || !strings.EqualFold(f[2], "t") {
			continue
		}
		at, _ := strconv.ParseInt(f[0], 16, 64)
		size, _ := strconv.ParseInt(f[1], 10, 64)
		all = append(all, symbol{at, at + size, strings.Join(f[3:], " ")})
	}
	return all
}

// shares is how many instructions a turn each function and each package takes, those
// that take most.
func (p *program) shares(many, few map[uint32]int64, turns int64) string {
	functions, packages := map[string]int64{}, map[string]int64{}
	for at, n := range many {
		i, exact := slices.BinarySearchFunc(p.symbols, int64(at), func(s symbol, at int64) int { return cmp.Compare(s.at, at) })
		if !exact {
			i--
		}
		if i >= 0 {
			name := p.symbols[i].name
			functions[name] += n - few[at]
			packages[packageOf(name)] += n - few[at]
		}
	}
	return top(packages, turns, 30) + "\n" + top(functions, turns, 80)
}

// packageOf is the package of a function's name as the linker has it.
func packageOf(name string) string {
	dir, base := path.Split(name)
	base, _, _ = strings.Cut(base, ".")
	return dir + base
}

func top(n map[string]int64, turns int64, most int) string {
	names := slices.SortedFunc(maps.Keys(n), func(a, b string) int { return cmp.Or(cmp.Compare(n[b], n[a]), strings.Compare(a, b)) })
	var b strings.Builder
	for _, name := range names[:min(most, len(names))] {
		fmt.Fprintf(&b, "%9.1f  %s\n", float64(n[name])/float64(turns), name)
	}
	return b.String()
}

// filter is the addresses of everything but the scheduler, the collector and
// the test's own work, as qemu's -dfilter takes them: what those do
// depends on how long it takes, not on what is done.
func filter(symbols []symbol) string {
	var ranges []string
	var from, to int64
	flush := func() {
		if to > from {
			ranges = append(ranges, fmt.Sprintf("0x%x..0x%x", from, to-1))
		}
		from, to = 0, 0
	}
	for _, s := range symbols {
		if !counted(s.name) {
			flush()
			continue
		}
		if to == 0 {
			from = s.at
		}
		to = max(to, s.end)
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
		harness(name),
		strings.HasPrefix(name, "arm"), strings.HasPrefix(name, "time."), strings.HasPrefix(name, "syscall."), strings.HasPrefix(name, "os."), strings.HasPrefix(name, "fmt."):
		return false
	}
	return true
}

// harness says whether a function stands for the world around a gateway.
func harness(name string) bool {
	for _, part := range []string{"uplink/uplinktest.", "cmd/portti/gateway.whole", "cmd/portti/gateway.(*whole", "cmd/portti/gateway.(*simLine)", "device/clock.(*fake)"} {
		if strings.HasPrefix(name, "portti/"+part) {
			return true
		}
	}
	return false
}

// executed runs the program and adds up, by the address of a block, what
// qemu's log says was run. Each block is listed once, when it is translated.
func (p *program) executed(t *testing.T, args ...string) map[uint32]int64 {
	read, write, err := os.Pipe()
	fatal(t, err)
	defer read.Close()
	cmd := exec.Command(emulator, append([]string{"-d", "in_asm,exec,nochain", "-dfilter", p.ranges, "-D", "/dev/fd/3", p.file}, args...)...)
	cmd.Dir = filepath.Join("../../..", p.room)
	cmd.ExtraFiles = []*os.File{write}
	_, err = unix.FcntlInt(write.Fd(), unix.F_SETPIPE_SZ, pipeSize)
	fatal(t, err)
	cmd.Env = append(os.Environ(), "GOMAXPROCS=1", "GOGC=off", "GODEBUG=asyncpreemptoff=1")
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	fatal(t, cmd.Start())
	write.Close()
	n, err := count(bulk{read})
	fatal(t, err)
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v\n%s", err, said.Bytes())
	}
	return n
}

// bulk reads a pipe that is filled by small writes, when it is rather full: to be woken for
// each of them takes longer than all the rest.
type bulk struct{ pipe *os.File }

const pipeSize = 1 << 20

func (b bulk) Read(p []byte) (int, error) {
	waiting, err := unix.IoctlGetInt(int(b.pipe.Fd()), unix.TIOCINQ)
	if err == nil && waiting < pipeSize/2 {
		time.Sleep(2 * time.Millisecond)
	}
	return b.pipe.Read(p)
}

// count reads qemu's log: instructions by the address of the block they are in.
func count(log io.Reader) (map[uint32]int64, error) {
	type block struct{ length, total int64 }
	blocks := map[uint32]*block{}
	var listed *block // the block that is being listed
	begins, in := false, bufio.NewReaderSize(log, 1<<20)
	for {
		text, err := in.ReadSlice('\n')
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
		switch {
		case bytes.HasPrefix(text, []byte("Trace ")):
			// Trace 0: 0x7fbfb4000ac0 [00000480/000839f4/00000000/00000200] name
			listed, begins = nil, false
			if i := bytes.IndexByte(text, '['); i > 0 && len(text) > i+18 {
				if b := blocks[hex(text[i+10:i+18])]; b != nil {
					b.total += b.length
				}
			}
		case bytes.HasPrefix(text, []byte("IN:")):
			begins = true
		case bytes.HasPrefix(text, []byte("0x")) && len(text) > 10:
			if begins {
				at := hex(text[2:10])
				if blocks[at] == nil {
					blocks[at] = &block{}
				}
				listed, begins = blocks[at], false
				listed.length = 0
			}
			if listed != nil {
				listed.length++
			}
		default:
			listed, begins = nil, false
		}
	}
	n := map[uint32]int64{}
	for at, b := range blocks {
		n[at] = b.total
	}
	return n, nil
}

func hex(text []byte) (n uint32) {
	for _, c := range text {
		if c >= 'a' {
			c -= 'a' - '0' - 10
		}
		n = n<<4 | uint32(c-'0')
	}
	return n
}
