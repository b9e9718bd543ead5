package console

import (
	"fmt"
	"io"
	"strings"

	"portti/cmd/portti/status"
)

// Queue draws the buffer in detail.
func Queue(w io.Writer, s *status.Queue, o Options) error {
	d := drawing{s: &status.Document{}, o: o}
	if o.Plain {
		d.o.ASCII, d.o.Colour = true, false
		d.queuePlain(s)
	} else {
		d.queue(s)
	}
	_, err := io.WriteString(w, d.written())
	return err
}

func (d *drawing) queue(s *status.Queue) {
	b, t := s.Buffer, s.Totals
	row := func(title string, parts ...string) { d.line(pad(title, 12), strings.Join(parts, "   ")) }
	if !s.Running {
		d.b.WriteString("The gateway does not run; this is what its files say.\n\n")
	}
	waiting := []string{d.count(b.Waiting, "reading")}
	if b.Waiting > 0 && b.OldestAgeS > 0 {
		waiting = append(waiting, "oldest "+span(b.OldestAgeS))
	}
	if s.Running {
		waiting = append(waiting, fmt.Sprintf("%s in memory, %s on disk", grouped(b.WaitingMemory, d.space()), grouped(b.WaitingDisk, d.space())))
	}
	row("Waiting", waiting...)
	if b.Held > 0 {
		row("Held", d.count(b.Held, "reading")+" delivered, and kept until fence_hold is over")
	}
	row("Size", bytesOf(b.Bytes)+" of "+bytesOf(b.CapacityBytes)+" ("+percent(b.Bytes, b.CapacityBytes)+")", fmt.Sprintf("segments: %d", len(s.Segment)))
	left := max(0, b.CapacityBytes-b.Bytes)
	if b.RoomBytes != nil {
		left = *b.RoomBytes
	}
	room := bytesOf(left)
	switch {
	case left == 0:
		room = "none"
	case b.HeadroomS > 0:
		room += fmt.Sprintf(", for about %s at the inflow of the last 15 minutes", status.InSeconds(b.HeadroomS))
	case s.Running:
		room += ", for how long is not known yet"
	}
	row("Room left", room)
	row("Delivered", grouped(t.Acked, d.space()))
	row("Set aside", grouped(t.Quarantined, d.space()))
	lost := grouped(t.Lost.Sum(), d.space())
	if t.Lost.Sum() > 0 {
		lost += " (" + d.reasons(t.Lost) + ")"
	}
	row("Lost", lost)
	for _, i := range s.Imports {
		row("Imported", "from "+status.Clean(i.Gateway, 64))
	}
	for _, name := range s.Damaged {
		row("Damaged", status.Clean(name, 64))
	}
	for _, f := range s.Faults {
		d.hang("  "+d.mark(warn)+" ", "    ", status.Clean(f, 300))
	}
	d.queueDevices(s)
}

func (d *drawing) queueDevices(s *status.Queue) {
	if len(s.Devices) == 0 {
		return
	}
	d.b.WriteByte('\n')
	first := max(28+d.width()-usualWidth, 10)
	d.line(pad("DEVICE", first), padLeft("READ", 11), padLeft("DELIVERED", 12), padLeft("WAITING", 11), padLeft("ASIDE", 8), padLeft("LOST", 9))
	for _, v := range s.Devices {
		l := v.Ledger
		name := v.Name
		if name == "" {
			name = "(not known)"
		}
		n := func(v uint64) string { return grouped(v, d.space()) }
		d.line(pad(d.cut(status.Clean(name, 64), first-1), first), padLeft(n(l.Read), 11), padLeft(n(l.Acked), 12), padLeft(n(l.Waiting), 11),
			padLeft(n(l.Quarantined), 8), padLeft(n(l.Lost.Sum()), 9))
	}
}

func (d *drawing) queuePlain(s *status.Queue) {
	b, t := s.Buffer, s.Totals
	d.row("queue", "running", s.Running, "waiting", b.Waiting, "oldest_s", number(b.OldestAgeS), "bytes", b.Bytes, "capacity", b.CapacityBytes,
		"headroom_s", number(b.HeadroomS), "segments", len(s.Segment), "held", b.Held)
	d.row("totals", "read", t.Read, "delivered", t.Acked, "waiting", t.Waiting, "set_aside", t.Quarantined, "lost", t.Lost.Sum())
	for _, r := range t.Lost.Reasons() {
		if n := t.Lost[r]; n > 0 {
			d.row("lost", r, n)
		}
	}
	for _, v := range s.Devices {
		l := v.Ledger
		d.row("device", v.Name, "read", l.Read, "delivered", l.Acked, "waiting", l.Waiting, "set_aside", l.Quarantined, "lost", l.Lost.Sum())
	}
	for _, g := range s.Segment {
		d.row("segment", g.File, g.First, g.Last, g.Records, g.Waiting, g.Bytes)
	}
	for _, name := range s.Damaged {
		d.row("damaged", name)
	}
	for _, f := range s.Faults {
		d.row("fault", f)
	}
}
