package buffer

import (
	"bytes"
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

// A state file of a version that did not keep them loads, and a version that
// does not know them passes them over; a full one still fits its slot.
func TestTrustedOffsetsAreOptional(t *testing.T) {
	st := state{gen: 7, epoch: 9, reserved: 5, starts: []start{{index: 1, seen: -3}, {index: 2}, {index: 3, seen: 1 << 45}}}
	slot := make([]byte, slotSize)
	copy(slot, st.encode())
	got, err := decodeState(slot)
	if err != nil || !slices.Equal(got.starts, st.starts) {
		t.Fatalf("%+v %v", got.starts, err)
	}

	whole := st.encode()
	seen := appendSeen(nil, st.starts)
	body := whole[:len(whole)-4]
	if !bytes.HasSuffix(body, seen) {
		t.Fatal("they do not stand last")
	}
	old := slices.Clone(body[:len(body)-len(seen)])
	n := len(old) - slotHeader
	old[10], old[11] = byte(n), byte(n>>8)
	if got, err = decodeState(seal(old)); err != nil || len(got.starts) != 3 || got.starts[0].seen != 0 {
		t.Errorf("without them: %+v %v", got.starts, err)
	}

	full := state{released: 1 << 50, starts: make([]start, maxStarts)}
	for i := range full.starts {
		full.starts[i] = start{index: 1 << 31, mono: 1 << 60, set: true, off: Offset{1 << 60, 1 << 60}, seen: 1 << 60}
	}
	for i := range uint64(200) {
		full.segs = append(full.segs, segNote{i << 50, 1 << 50})
	}
	for range 300 {
		d, err := full.ledger.device(string(make([]byte, 40)) + string(rune(len(full.ledger.devices))))
		if err != nil {
			t.Fatal(err)
		}
		full.ledger.read(d, 1<<60)
		full.only = append(full.only, d)
	}
	b := full.encode()
	if len(b) > slotSize {
		t.Fatalf("%d bytes", len(b))
	}
	if got, err = decodeState(append(b, make([]byte, slotSize-len(b))...)); err != nil || !slices.Equal(got.starts, full.starts) || len(got.only) == 0 {
		t.Errorf("full: %v, %d starts, %d accounts", err, len(got.starts), len(got.only))
	}
}
