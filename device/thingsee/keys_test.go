package thingsee

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"unsafe"
)

func TestKeys(t *testing.T) {
	var k Keys
	for i, step := range []struct {
		tuid     string
		id       int
		ms, want int64
	}{
		{"a", 1, 1000, 1000},
		{"a", 1, 1000, 1001}, // a clash moves by one
		{"a", 1, 1000, 1002},
		{"a", 2, 1000, 1000}, // other message
		{"b", 1, 1000, 1000}, // other thing
		{"a", 1, 1001, 1003}, // a moved one is used too
		{"a", 1, 900, 900},   // the clock stepped back: its word stands
		{"a", 1, 900, 901},
		{"a", 1, 1002, 1004}, // and what was used before the step is still known
		{"a", 1, 899, 899},
		{"a", 1, 899, 902}, // passes over the run behind it
		{"a", 1, 0, 0},
		{"a", 1, -1, -1},
	} {
		if got := k.Unique(step.tuid, step.id, step.ms); got != step.want {
			t.Errorf("step %d: Unique(%s, %d, %d) = %d, want %d", i, step.tuid, step.id, step.ms, got, step.want)
		}
	}
}

// TestKeysNeverRepeat plays a clock that runs on with repeats and small steps
// back, against a map of everything that was given out.
func TestKeysNeverRepeat(t *testing.T) {
	var k Keys
	r := rand.New(rand.NewPCG(1, 2))
	used := map[string]bool{}
	now := int64(1_000_000)
	for range 50_000 {
		now += r.Int64N(3)
		tuid := fmt.Sprint("tag", r.IntN(5))
		ms := k.Unique(tuid, 12100, now-r.Int64N(2))
		key := fmt.Sprint(tuid, ms)
		if used[key] {
			t.Fatalf("%s at %d was given twice", tuid, ms)
		}
		used[key] = true
	}
}

func TestKeysRememberAllPairs(t *testing.T) {
	var k Keys
	name := func(i int) string { return fmt.Sprint("thing", i) }
	for i := range pairs {
		k.Unique(name(i), 1, 5)
	}
	k.Unique(name(0), 1, 50) // used again, so thing1 is now the oldest
	k.Unique("one more", 1, 5)
	if got := k.Unique(name(0), 1, 5); got != 6 {
		t.Errorf("a recent pair was forgotten: got %d", got)
	}
	for i := pairs - 1; i > 1; i-- {
		if got := k.Unique(name(i), 1, 5); got != 6 {
			t.Fatalf("pair %d was forgotten: got %d", i, got)
		}
	}
	if got := k.Unique(name(1), 1, 5); got != 5 {
		t.Errorf("the oldest pair was kept: got %d", got)
	}
	names := make([]string, 3*pairs)
	for i := range names {
		names[i] = name(i)
	}
	i := 0
	if n := testing.AllocsPerRun(2*pairs, func() { k.Unique(names[i%len(names)], 1, 5); i++ }); n != 0 {
		t.Errorf("%v allocations while pairs come and go, want 0", n)
	}
	if len(k.entries) != pairs {
		t.Errorf("%d entries", len(k.entries))
	}
}

// TestKeysFitAHarbour: 4,096 vessels with all their messages in one second are told
// apart in the next, and few things cost little.
func TestKeysFitAHarbour(t *testing.T) {
	var k Keys
	for range 100 {
		k.Unique("XXXX03PNL00000001", 12100, 5)
	}
	if size := cap(k.entries)*int(unsafe.Sizeof(pair{})) + 2*len(k.heads); size > 2048 {
		t.Errorf("one pair takes %d bytes", size)
	}
	for again := range int64(2) {
		for v := range 4096 {
			for _, id := range []int{1210, 90110, 90111} {
				if got := k.Unique(fmt.Sprintf("XXXX0300%09d", v), id, 5); got != 5+again {
					t.Fatalf("vessel %d got %d, want %d", v, got, 5+again)
				}
			}
		}
	}
	if size := cap(k.entries)*int(unsafe.Sizeof(pair{})) + 2*len(k.heads); size > 1_700_000 {
		t.Errorf("a harbour takes %d bytes", size)
	} else {
		t.Logf("a harbour takes %d bytes, %d a pair", size, unsafe.Sizeof(pair{}))
	}
}

func BenchmarkUnique(b *testing.B) {
	var k Keys
	b.ReportAllocs()
	for ms := int64(0); b.Loop(); ms++ {
		k.Unique("TSEN01ABC12345678", 12100, ms/2)
	}
}

// TestKeysAgainstModel compares the lists and hashes of Keys with the plainest
// thing that does the same: a map of what was used, and a slice in order of use.
func TestKeysAgainstModel(t *testing.T) {
	var k Keys
	r := rand.New(rand.NewPCG(7, 8))
	last := map[int]int64{} // of each remembered thing
	var order []int         // the one used last at the end
	for range 2 * pairs {
		thing := r.IntN(pairs + pairs/2)
		ms := int64(r.IntN(3)) + 100
		want := ms
		if l, ok := last[thing]; ok && ms <= l {
			want = l + 1
		}
		// Starting at the first free millisecond keeps one run, as the model does.
		if l, ok := last[thing]; ok && ms > l+1 {
			ms, want = l+1, l+1
		} else if !ok {
			ms, want = 100, 100
		}
		if got := k.Unique(fmt.Sprint(thing), 1, ms); got != want {
			t.Fatalf("thing %d at %d: got %d, want %d", thing, ms, got, want)
		}
		if at := slices.Index(order, thing); at >= 0 {
			order = slices.Delete(order, at, at+1)
		}
		order = append(order, thing)
		last[thing] = want
		if len(order) > pairs {
			delete(last, order[0])
			order = order[1:]
		}
	}
	if len(order) < pairs {
		t.Errorf("only %d things came up: nothing was forgotten", len(order))
	}
}
