package buffer

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// What is known of earlier boots comes back with the next one: how long they
// lasted, and where they stood in wall time by a trusted clock or as decided.
func TestStartsAreKept(t *testing.T) {
	dir := fastDir(t)
	const day = 1_795_000_000_000
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		boot := func(id byte, live func(q *Queue)) (now int64) {
			o := testOptions(dir)
			begun = time.Now()
			o.BootID = [16]byte{id}
			o.Mono = func() int64 { return time.Since(begun).Milliseconds() }
			q := mustOpen(t, o)
			live(q)
			now = o.Mono()
			mustClose(t, q)
			return now
		}
		lasted := boot(1, func(q *Queue) {
			time.Sleep(time.Hour)
			q.SetLastGood(day + 3_600_000)
		})
		second := boot(2, func(*Queue) { time.Sleep(time.Minute) })
		third := boot(3, func(q *Queue) {
			if err := q.SetOffset(q.Boot(), Offset{Unix: 77, Err: 5}); err != nil {
				t.Error(err)
			}
		})
		boot(4, func(q *Queue) {
			time.Sleep(time.Second)
			want := []Start{
				{Boot: 1, Lasted: lasted, Offset: Offset{Unix: day}, Known: true},
				{Boot: 2, Lasted: second},
				{Boot: 3, Lasted: third, Offset: Offset{Unix: 77, Err: 5}, Known: true},
				{Boot: 4, Lasted: 1000},
			}
			if got := q.Starts(); !slices.Equal(got, want) {
				t.Errorf("got  %+v\nwant %+v", got, want)
			}
		})
		boot(4, func(q *Queue) {
			if got := q.Starts(); !got[3].Again || got[3].Boot != 4 || got[2].Again {
				t.Errorf("the same boot again: %+v", got)
			}
		})
	})
}

// Time does not go back in one boot: a virtual machine that was set back, or a
// container with another's id, is in a boot of its own, and knows no time.
func TestSameBootIDWithLessTime(t *testing.T) {
	dir := fastDir(t)
	mono := int64(3600_000)
	open := func() *Queue {
		o := testOptions(dir)
		o.BootID = [16]byte{7}
		o.Mono = func() int64 { return mono }
		return mustOpen(t, o)
	}
	q := open()
	q.SetLastGood(1_795_000_000_000)
	first := q.Boot()
	mustClose(t, q)
	for _, step := range []struct {
		mono  int64
		again bool
	}{{3600_500, true}, {60_000, false}, {61_000, true}} {
		mono = step.mono
		q = open()
		starts := q.Starts()
		last := starts[len(starts)-1]
		if last.Again != step.again || (q.Boot() == first) != (step.mono > 3600_000) || last.Known != (step.mono > 3600_000) {
			t.Errorf("at %d ms: boot %d after %d, %+v", step.mono, q.Boot(), first, starts)
		}
		mustClose(t, q)
	}
}

func TestTrustedOffsetsAreKept(t *testing.T) {
	st := state{ledger: ledger{gen: 7}, epoch: 9, reserved: 5, starts: []start{{index: 1, seen: -3}, {index: 2}, {index: 3, seen: 1 << 45}}}
	slot := make([]byte, pageSize)
	copy(slot, st.encode(pageSize))
	got, err := decodeState(slot)
	if err != nil || !slices.Equal(got.starts, st.starts) {
		t.Fatalf("%+v %v", got.starts, err)
	}
}
