package gateway

import (
	"testing"
	"testing/synctest"
	"time"

	"portti/buffer"
)

// Row 103: what docs/promise.md says a break costs with a fence: the readings of the hold,
// and of the step in which it is let go.
func TestWhatOneBreakRepeats(t *testing.T) {
	const rate = 150 // readings a second
	for hold, want := range map[time.Duration][2]uint64{30 * time.Second: {4500, 4600}, 2 * time.Second: {300, 310}, 0: {0, 0}} {
		dir := t.TempDir()
		synctest.Test(t, func(t *testing.T) {
			began := time.Now()
			q, err := buffer.Open(buffer.Options{Dir: dir, FenceHold: hold, CommitEvery: time.Second, MaxSize: 50_000_000,
				BootID: [16]byte{1}, Mono: func() int64 { return time.Since(began).Milliseconds() }})
			if err != nil {
				t.Fatal(err)
			}
			dev, err := q.Device("panel")
			if err != nil {
				t.Fatal(err)
			}
			var n uint64
			for range 60 * rate {
				if err := q.Append(0, dev, 1, []byte(`{"tsmId":12100,"tsmEv":10,"tsmTuid":"XXXX03PNL00000001","temp":21.5}`)); err != nil {
					t.Fatal(err)
				}
				n++
				if err := q.Ack(n, n); err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Second / rate)
			}
			synctest.Wait()
			from, err := q.Rewind()
			if err != nil {
				t.Fatal(err)
			}
			if again := n + 1 - from; again < want[0] || again > want[1] {
				t.Errorf("hold %v: %d readings are sent again, want %d to %d", hold, again, want[0], want[1])
			}
			if err := q.Close(); err != nil {
				t.Fatal(err)
			}
		})
	}
}
