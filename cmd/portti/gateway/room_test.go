package gateway

import (
	"bytes"
	"strings"
	"testing"

	"portti/buffer"
	"portti/cmd/portti/config"
	"portti/cmd/portti/console"
	"portti/cmd/portti/status"
)

// TestRoomIsWhatTheDiskGives: room on paper is none where the disk is full.
func TestRoomIsWhatTheDiskGives(t *testing.T) {
	for name, c := range map[string]struct {
		limit, bytes, free, minFree int64
		low                         bool
		want                        int64
	}{
		"a large disk":             {limit: 200, bytes: 50, free: 10_000, minFree: 100, want: 150},
		"a disk that gives less":   {limit: 200, bytes: 50, free: 160, minFree: 100, want: 60},
		"nothing free":             {limit: 200, bytes: 50, free: 0, want: 0},
		"less than min_free_disk":  {limit: 200, bytes: 50, free: 40, minFree: 100, want: 0},
		"low, and the limit knows": {limit: 80, bytes: 50, free: 40, minFree: 100, low: true, want: 30},
		"low and full":             {limit: 80, bytes: 50, free: 0, minFree: 100, low: true, want: 0},
		"nobody knows":             {limit: 200, bytes: 50, free: unknownFree, minFree: 100, want: 150},
		"over the limit":           {limit: 40, bytes: 50, free: 10_000, want: 0},
	} {
		if got := roomOf(c.limit, c.bytes, c.free, c.minFree, c.low); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
	if freeOf(t.TempDir()) <= 0 || freeOf("/nowhere/at/all") != unknownFree {
		t.Error("what a disk has free is not known")
	}
}

// TestPressure: 1 is where readings begin to be shed, which is before the limit.
func TestPressure(t *testing.T) {
	for name, c := range map[string]struct {
		q    buffer.Stats
		free int64
		want float64
	}{
		"empty":                  {buffer.Stats{Soft: 150, Limit: 200}, 10_000, 0},
		"half":                   {buffer.Stats{Soft: 150, Limit: 200, Bytes: 75}, 10_000, 0.5},
		"shedding":               {buffer.Stats{Soft: 150, Limit: 200, Bytes: 151}, 10_000, 1},
		"a disk that gives less": {buffer.Stats{Soft: 150, Limit: 200, Bytes: 30, MinFree: 100}, 110, 0.75},
		"a disk that is full":    {buffer.Stats{Soft: 150, Limit: 200, MinFree: 100}, 100, 1},
		"nobody knows":           {buffer.Stats{Soft: 150, Limit: 200, Bytes: 75}, unknownFree, 0.5},
	} {
		if got := pressureOf(c.q, c.free); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

// TestNoRoomIsNotWell: a buffer that takes nothing more, for want of its own room or of the
// disk's, is not called ok by any face.
func TestNoRoomIsNotWell(t *testing.T) {
	shed := &loss{Loss: buffer.Loss{Reason: status.LossFull}}
	for name, c := range map[string]struct {
		room  int64
		stats buffer.Stats
		want  string
	}{
		"room":                      {1000, buffer.Stats{Bytes: 400, Limit: 1000}, status.BufferOK},
		"shedding":                  {1000, buffer.Stats{Full: true}, status.BufferFull},
		"shed a moment ago":         {1000, buffer.Stats{Bytes: 600, Limit: 1000}, status.BufferFull},
		"the disk gives no more":    {0, buffer.Stats{}, status.BufferFull},
		"the disk does not do well": {0, buffer.Stats{Degraded: true}, status.BufferDegraded},
	} {
		doc := status.Document{Link: status.Link{State: status.LinkOnline}, Buffer: bufferStatus(&snapshot{cfg: config.Defaults(), room: c.room, stats: c.stats, lastLoss: shed})}
		var b bytes.Buffer
		if err := console.Render(&b, &doc, console.Options{}); err != nil {
			t.Fatal(err)
		}
		mark := "✗ "
		if c.want == status.BufferOK {
			mark = "● "
		}
		if doc.Buffer.State != c.want || !strings.Contains(b.String(), "BUFFER  "+mark+c.want) || doc.Degraded() == (c.want == status.BufferOK) {
			t.Errorf("%s: %s\n%s", name, doc.Buffer.State, b.String())
		}
	}
}

// On the screen it is said in words, not as a time that nobody has.
func TestNoRoomIsSaid(t *testing.T) {
	none := int64(0)
	doc := status.Document{Link: status.Link{State: status.LinkWaiting}, Buffer: status.Buffer{Waiting: 5, HeadroomS: 26_580, CapacityBytes: 200_000_000, RoomBytes: &none}}
	var b bytes.Buffer
	if err := console.Render(&b, &doc, console.Options{}); err != nil {
		t.Fatal(err)
	}
	if err := console.Queue(&b, &status.Queue{Running: true, Buffer: doc.Buffer}, console.Options{}); err != nil {
		t.Fatal(err)
	}
	text := b.String() + doc.Glance()
	if strings.Contains(text, "room for about") || strings.Contains(text, "7 h") || strings.Count(text, "no room for more") != 2 || !strings.Contains(text, "Room left   none") {
		t.Error(text)
	}
}
