package console

import (
	"strings"
	"testing"

	"portti/cmd/portti/status"
)

func queueSample() *status.Queue {
	lost := status.Losses{"full": 40, "age": 2}
	return &status.Queue{
		Running: true, Gateway: "G",
		Buffer:  status.Buffer{Waiting: 6480, WaitingMemory: 12, WaitingDisk: 6468, Held: 152, Bytes: 3_800_000, CapacityBytes: 200_000_000, OldestAgeS: 362, HeadroomS: 18_720},
		Totals:  status.Ledger{Read: 1_210_853, Acked: 1_204_331, Waiting: 6480, Lost: lost},
		Devices: []status.QueueDevice{{Name: "", Ledger: status.Ledger{Read: 1, Lost: status.Losses{"corrupt": 1}}}, {Name: "gps\x1b[2J", Ledger: status.Ledger{Read: 9, Waiting: 9}}},
		Segment: []status.QueueSegment{{File: "0000000000000001.seg", First: 1, Last: 9, Records: 9, Waiting: 9, Bytes: 100}},
		Damaged: []string{"0000000000000001.seg.damaged-1"},
		Imports: []status.QueueImport{{Gateway: "OTHER"}},
		Faults:  []string{"state: slot 1 of 2 is damaged"},
	}
}

// TestQueuePicture is what a technician sees of the buffer.
func TestQueuePicture(t *testing.T) {
	var b strings.Builder
	if err := Queue(&b, queueSample(), Options{ASCII: true, Terminal: true}); err != nil {
		t.Fatal(err)
	}
	want := `Waiting     6 480 readings   oldest 6 min   12 in memory, 6 468 on disk
Held        152 readings delivered, and kept until fence_hold is over
Size        3.8 MB of 200 MB (1.9 %)   segments: 1
Room left   196 MB, for about 5 h 12 min at the inflow of the last 15 minutes
Delivered   1 204 331
Set aside   0
Lost        42 (full 40, age 2)
Imported    from OTHER
Damaged     0000000000000001.seg.damaged-1
  ! state: slot 1 of 2 is damaged

DEVICE                             READ   DELIVERED    WAITING   ASIDE     LOST
(not known)                           1           0          0       0        1
gps\x1b[2J                            9           0          9       0        0
`
	if b.String() != want {
		t.Errorf("%s\nwant\n%s", b.String(), want)
	}
}

// TestQueueFitsEveryTerminal: 80 columns, no escape of a foreign name, and in
// plain form one thing a line.
func TestQueueFitsEveryTerminal(t *testing.T) {
	for _, o := range []Options{{}, {ASCII: true}, {Plain: true}, {Colour: true}} {
		s := queueSample()
		for _, running := range []bool{true, false} {
			s.Running = running
			var b strings.Builder
			if err := Queue(&b, s, o); err != nil {
				t.Fatal(err)
			}
			for line := range strings.Lines(b.String()) {
				if n := len([]rune(line)) - 1; n > usualWidth && !o.Plain && !o.Colour {
					t.Errorf("%d columns: %s", n, line)
				}
				if strings.Contains(line, "\x1b[2J") || strings.HasSuffix(line, " \n") {
					t.Errorf("%q", line)
				}
			}
		}
	}
}
