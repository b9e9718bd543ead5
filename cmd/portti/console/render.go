package console

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"portti/cmd/portti/status"
)

// Options say what the terminal can show.
type Options struct {
	Plain    bool           // no table: fields separated by tabs, one thing a line; implies ASCII, no colour
	ASCII    bool           // no character beyond ASCII of our own
	Colour   bool           // the 16-colour set
	Terminal bool           // a person looks on: numbers are grouped, which a program could not read
	Width    int            // columns; 0 = 80
	Quiet    bool           // problems only
	Verbose  bool           // with what a specialist asks for
	Zone     *time.Location // times of day are shown in it; nil = UTC
}

// usualWidth is what every terminal has. Outside of the others nothing is readable:
// a narrower terminal breaks the lines itself.
const (
	usualWidth = 80
	minWidth   = 60
	maxWidth   = 240
)

func (d *drawing) width() int {
	if d.o.Width <= 0 {
		return usualWidth
	}
	return min(max(d.o.Width, cmp.Or(d.least, minWidth)), maxWidth)
}

// below is where a line goes on that does not fit next to its title.
const below = "                   "

// Render draws s as one screen.
func Render(w io.Writer, s *status.Document, o Options) error {
	d := drawing{s: s, o: o}
	if o.Plain {
		d.o.ASCII, d.o.Colour = true, false
		d.plain()
	} else {
		d.screen()
	}
	_, err := io.WriteString(w, d.written())
	return err
}

// Short says it in one line, for a prompt or a login message.
func Short(s *status.Document) string {
	fine := 0
	for _, d := range s.Devices {
		if d.State == status.DeviceOK {
			fine++
		}
	}
	word := "ok"
	if s.Degraded() {
		word = "degraded"
	}
	return fmt.Sprintf("portti %s %s buf=%d lost=%d dev=%d/%d", word, status.Clean(s.Link.State, 20),
		s.Buffer.Waiting, s.Totals.Lost.Sum(), fine, len(s.Devices))
}

type drawing struct {
	s *status.Document
	o Options
	b strings.Builder

	least int // columns; 0 = minWidth
}

// screen is the picture for people.
func (d *drawing) screen() {
	if d.o.Quiet {
		d.problems()
		return
	}
	d.head()
	if text := status.Clean(d.s.Started.Sentence(), 300); text != "" {
		d.line(d.cut(text, d.width()))
	}
	d.b.WriteByte('\n')
	d.link()
	d.buffer()
	d.data()
	d.devices()
	d.problems()
}

func (d *drawing) head() {
	s := d.s
	name := s.Gateway.Name
	if name == "" {
		name = s.Gateway.ID
	}
	clock := "clock ok (" + status.Clean(s.Clock.Source, 8) + ")"
	if !s.Clock.Trusted {
		clock = "clock not set"
	}
	left := fmt.Sprintf("portti %s on %s", status.Clean(s.Version, 24), status.Clean(name, 64))
	middle := "up " + span(s.UptimeS)
	if d.width() < 80 {
		d.line(d.cut(left, d.width()))
		d.line(d.cut(middle, 14), "   ", d.cut(clock, 18))
		return
	}
	first := d.width() - 33
	d.line(pad(d.cut(left, first-2), first), pad(d.cut(middle, 14), min(16, max(15, 33-len(clock)))), d.cut(clock, 18))
}

func (d *drawing) link() {
	l := d.s.Link
	mark, word := d.mark(good), status.Clean(l.State, 10)
	switch l.State {
	case status.LinkOnline:
	case status.LinkWaiting, status.LinkParked:
		if mark, word = d.mark(bad), "offline"; l.OpensS > 0 {
			mark, word = d.mark(unsure), "resting"
		}
	case status.LinkStopped:
		if mark = d.mark(unsure); l.Problem == "CFG-NO-SERVER" {
			d.status("LINK", mark, word, "no server is set", d.since(l.Since, l.SinceS))
			return
		}
	default:
		mark = d.mark(unsure)
	}
	fits := d.width() - 22
	address := status.Clean(cmp.Or(l.URL, l.URLHost), 300)
	first := []string{address, d.since(l.Since, l.SinceS)}
	if utf8.RuneCountInString(address) > fits {
		first[0] = d.cut(status.Clean(l.URLHost, 80), fits)
	}
	if l.State == status.LinkOnline && l.RTTms > 0 {
		first = append(first, "rtt "+milliseconds(l.RTTms))
	}
	switch {
	case l.OpensS > 0:
		first = append(first, "uplink hours begin in "+span(l.OpensS))
	case l.State == status.LinkWaiting || l.State == status.LinkParked:
		first = append(first, "next try in "+span(l.NextTryS))
	}
	if l.Ack == "none" {
		first = append(first, "delivery not proven")
	}
	d.status("LINK", mark, word, first...)
	if utf8.RuneCountInString(address) > fits && l.URL != "" {
		d.wrap(below, address)
	}
	if l.Backlog && l.DrainRate > 0 {
		d.wrap(below, "The backlog is held to "+bytesOf(int64(l.DrainRate))+" a second (drain_rate).")
	}
	if n := d.s.Totals.LeftOut; n > 0 {
		d.wrap(below, fmt.Sprintf("%s not sent: the encoding has no place for what is in them (encoding, docs/http.md).", d.count(n, "reading")))
	}
	if l.State != status.LinkOnline && l.OpensS == 0 && l.LastError != "" {
		d.wrap(below, status.Clean(l.LastError, 300))
	}
	if d.o.Verbose {
		d.wrap(below, fmt.Sprintf("dialect %s, ack %s, %s since the start, %s sent, %s sent again, %s on the network",
			status.Clean(l.Dialect, 20), status.Clean(l.Ack, 20), d.count(l.Connects, "connection"), d.count(l.SentMessages, "reading"),
			grouped(d.s.Totals.Resent, d.space()), bytesOf(int64(l.WireBytes))))
		if l.LastError != "" && l.State == status.LinkOnline {
			d.wrap(below, "the last end: "+status.Clean(l.LastError, 300))
		}
	}
}

func (d *drawing) buffer() {
	b := d.s.Buffer
	mark, state := d.mark(good), cmp.Or(b.State, status.BufferOK)
	if state != status.BufferOK {
		mark = d.mark(bad)
	}
	parts := []string{grouped(b.Waiting, d.space()) + " waiting"}
	if b.Waiting > 0 {
		parts[0] += ", oldest " + span(b.OldestAgeS)
	}
	parts = append(parts, percent(b.Bytes, b.CapacityBytes)+" of "+bytesOf(b.CapacityBytes))
	switch {
	case b.NoRoom():
		parts = append(parts, "no room for more")
	case b.HeadroomS > 0 && d.s.Link.State != status.LinkOnline:
		parts = append(parts, "room for about "+status.InSeconds(b.HeadroomS))
	}
	d.status("BUFFER", mark, status.Clean(state, 10), parts...)
	if b.LastError != "" {
		d.wrap(below, status.Clean(b.LastError, 300))
	}
	if d.o.Verbose {
		d.wrap(below, fmt.Sprintf("%s in memory, %s on disk, %s delivered and held, %s", grouped(b.WaitingMemory, d.space()),
			grouped(b.WaitingDisk, d.space()), grouped(b.Held, d.space()), d.count(b.Commits, "commit")))
	}
}

// data keeps waiting, delivered and lost on the screen together, whatever else
// is there: they are what the promise is about.
func (d *drawing) data() {
	t := d.s.Totals
	rate := 0.0
	for _, dev := range d.s.Devices {
		rate += dev.RateHz
	}
	mark := d.mark(good)
	if t.Lost.Sum() > 0 || t.Quarantined > 0 {
		mark = d.mark(warn)
	}
	parts := []string{grouped(t.Acked, d.space()) + " delivered", "lost " + grouped(t.Lost.Sum(), d.space())}
	if t.Quarantined > 0 {
		parts = append(parts, grouped(t.Quarantined, d.space())+" set aside")
	}
	d.status("DATA", mark, number(rate)+"/s", parts...)
	if t.Lost.Sum() > 0 {
		d.wrap(below, "lost by reason: "+d.reasons(t.Lost))
	}
	if o := d.s.Link.LastOutage; o.Recent() && o.Ended != nil { // of one that lasts the lines above tell
		d.wrap(below, o.Statement(d.wording()))
	}
}

func (d *drawing) wording() status.Wording {
	if d.o.Plain {
		return status.Wording{}
	}
	return status.Wording{Zone: d.o.Zone, Group: d.space()}
}

// reasons lists why readings were lost.
func (d *drawing) reasons(l status.Losses) string {
	var parts []string
	for _, r := range l.Reasons() {
		if l[r] > 0 {
			parts = append(parts, status.Clean(r, 20)+" "+grouped(l[r], d.space()))
		}
	}
	return strings.Join(parts, ", ")
}

func (d *drawing) problems() {
	list := d.s.Problems
	if len(list) == 0 {
		return
	}
	title := fmt.Sprintf("%d problems", len(list))
	if len(list) == 1 {
		title = "1 problem"
	}
	if !d.o.Quiet {
		d.b.WriteByte('\n')
	}
	d.b.WriteString(title + "\n")
	for _, p := range list {
		code := status.Clean(p.Code, 20)
		d.line("  ", d.severity(p.Severity), " ", code, "  ", span(p.SinceS)+" ago")
		d.wrap("    ", status.Clean(p.Sentence, 400))
		for i, action := range actions(p) {
			command := ""
			if i < len(p.Commands) {
				command = p.Commands[i]
			}
			d.advise("    ", d.arrow()+" ", action, command)
		}
	}
}

// actions are what to do about a problem, in this order.
func actions(p status.Problem) []string {
	if len(p.Actions) == 0 {
		return []string{p.Action}
	}
	return p.Actions
}
