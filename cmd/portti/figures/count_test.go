package figures

import (
	"bufio"
	"bytes"
	"cmp"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// symbol is a function and where it stands.
type symbol struct {
	at, end int64
	name    string
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
func shares(symbols []symbol, many, few map[uint32]int64, turns int64) string {
	functions, packages := map[string]int64{}, map[string]int64{}
	for at, n := range many {
		i, exact := slices.BinarySearchFunc(symbols, int64(at), func(s symbol, at int64) int { return cmp.Compare(s.at, at) })
		if !exact {
			i--
		}
		if i >= 0 {
			name := symbols[i].name
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

func total(many, few map[uint32]int64) (n int64) {
	for at, m := range many {
		n += m - few[at]
	}
	return n
}

func TestCount(t *testing.T) {
	const nm = "   10000       8 T portti/device.(*lines).read\n   10008       4 t runtime.schedule\n   1000c       4 T go.etcd.io/bbolt.Open\n   20000       4 D data\n"
	all := functions(nm)
	if got := filter(all); got != "0x10000..0x10007,0x1000c..0x1000f" {
		t.Errorf("filter: %s", got)
	}
	const log = "IN: portti/device.(*lines).read\n0x00010000:  e59a1008  ldr r1\n0x00010004:  e15d0001  cmp\n\n" +
		"Trace 0: 0x7fbfb4000ac0 [00000480/00010000/00000000/00000200] read\n" +
		"IN: bbolt.Open\n0x0001000c:  e59a1008  ldr r1\n\n" +
		"Trace 0: 0x7fbfb4000ac1 [00000480/0001000c/00000000/00000200] Open\n" +
		"Trace 0: 0x7fbfb4000ac0 [00000480/00010000/00000000/00000200] read\n"
	n, err := count(strings.NewReader(log))
	if err != nil || len(n) != 2 || n[0x10000] != 4 || n[0x1000c] != 1 {
		t.Fatalf("%v %v", n, err)
	}
	few := map[uint32]int64{0x10000: 2}
	if got := total(n, few); got != 3 {
		t.Errorf("total %d, want 3", got)
	}
	want := "      1.0  portti/device\n      0.5  go.etcd.io/bbolt\n\n      1.0  portti/device.(*lines).read\n      0.5  go.etcd.io/bbolt.Open\n"
	if got := shares(all, n, few, 2); got != want {
		t.Errorf("shares:\n%s\nwant:\n%s", got, want)
	}
}
