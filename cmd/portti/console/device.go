package console

import (
	"fmt"
	"io"
	"strings"

	"portti/cmd/portti/status"
)

// Devices draws the table of the devices alone.
func Devices(w io.Writer, s *status.Document, o Options) error {
	d := drawing{s: s, o: o}
	if o.Plain {
		d.o.ASCII, d.o.Colour = true, false
		for _, v := range s.Devices {
			d.plainDevice(v)
		}
	} else {
		d.table()
	}
	_, err := io.WriteString(w, d.written())
	return err
}

// DeviceView is everything about one device.
type DeviceView struct {
	Device   status.Device
	Problems []status.Problem // of this device
	// Settings are those of the configuration, as they may be shown, and Unread is why
	// they are not there.
	Settings []Setting
	Unread   string
}

// Setting is one of the configuration.
type Setting struct {
	Key    string `json:"key"`
	Value  string `json:"value"`
	Origin string `json:"origin"` // file:line, or default
}

// Device draws everything about one device.
func Device(w io.Writer, v DeviceView, o Options) error {
	d := drawing{s: &status.Document{Problems: v.Problems}, o: o}
	if o.Plain {
		d.o.ASCII, d.o.Colour = true, false
		d.plainDevice(v.Device)
		l := v.Device.Ledger
		d.row("ledger", "read", l.Read, "delivered", l.Acked, "waiting", l.Waiting, "set_aside", l.Quarantined, "lost", l.Lost.Sum())
		for _, s := range v.Settings {
			if s.Origin == "default" && !o.Verbose {
				continue
			}
			d.row("setting", s.Key, s.Value, s.Origin)
		}
		d.plainProblems()
	} else {
		d.device(v)
	}
	_, err := io.WriteString(w, d.written())
	return err
}

// field writes a title and, beside it, a text that may take several lines.
func (d *drawing) field(title, text string) {
	const indent = "             "
	if text != "" {
		d.hang(pad(title, len(indent)), indent, text)
	}
}

func (d *drawing) device(v DeviceView) {
	dev := v.Device
	kind, word := d.deviceState(dev)
	d.wrap("", d.mark(kind)+" "+status.Clean(dev.Name, 64)+", type "+status.Clean(dev.Type, 20)+": "+word)
	d.b.WriteByte('\n')
	port := status.Clean(dev.Port, 200)
	if dev.Resolved != "" && dev.Resolved != dev.Port && dev.State != status.DeviceMissing {
		port += " (now " + status.Clean(dev.Resolved, 64) + ")"
	}
	if dev.Baud > 0 {
		port += fmt.Sprintf(", %d baud, found out", dev.Baud)
	}
	d.field("Port", port)
	d.field("State", status.Clean(dev.State, 20)+" for "+span(dev.SinceS))
	last := "never"
	if dev.LastAgeS >= 0 {
		last = span(dev.LastAgeS) + " ago"
	}
	d.field("Last reading", last+", "+number(dev.RateHz)+" a second now")
	l, sp := dev.Ledger, d.space()
	d.field("Readings", fmt.Sprintf("%s read, %s delivered, %s waiting, lost %s", grouped(l.Read, sp), grouped(l.Acked, sp), grouped(l.Waiting, sp), grouped(l.Lost.Sum(), sp)))
	if l.Lost.Sum() > 0 {
		d.field("Lost", d.reasons(l.Lost))
	}
	if l.Quarantined > 0 {
		d.field("Set aside", grouped(l.Quarantined, sp)+", which the server refused")
	}
	if dev.Withheld > 0 {
		d.field("Not sent", grouped(dev.Withheld, sp)+", as the configuration asks")
	}
	d.field("Frames", fmt.Sprintf("%s unusable, %s with nothing to send", grouped(dev.Bad, sp), grouped(dev.Unknown, sp)))
	d.field("Last line", status.Clean(dev.LastLine, 200))
	d.field("Last error", status.Clean(dev.LastError, 300))
	if sh := dev.Share; sh != nil {
		text := "at " + status.Clean(sh.Address, 100) + ", " + d.count(uint64(max(sh.Clients, 0)), "client")
		if sh.Error != "" {
			text = "at " + status.Clean(sh.Address, 100) + ": " + status.Clean(sh.Error, 200)
		}
		d.field("Shared", text)
	}
	d.settings(v)
	d.problems()
	if len(v.Problems) == 0 && dev.State == status.DeviceOK {
		d.b.WriteString("\nNothing is wrong with it. See its readings:\nportti tail " + status.Clean(dev.Name, 64) + "\n")
	}
}

// settings lists what the configuration says, and what is left as it is by default below.
func (d *drawing) settings(v DeviceView) {
	if v.Unread != "" {
		d.field("Settings", status.Clean(v.Unread, 300))
		return
	}
	title := "Settings"
	for _, s := range v.Settings {
		if s.Origin == "default" && !d.o.Verbose {
			continue
		}
		d.field(title, status.Clean(s.Key+" = "+s.Value, 200)+" ("+status.Clean(s.Origin, 120)+")")
		title = ""
	}
}

// Explanation is an entry of the catalogue in full.
type Explanation struct {
	Code     string   `json:"code"`
	Severity string   `json:"severity"`
	Title    string   `json:"title"`
	Sentence string   `json:"sentence"`
	Actions  []string `json:"actions"`
	Commands []string `json:"commands"`
	// HiddenBy are the problems while one of which this one is not shown, and AfterS is
	// how long it must last before it is.
	HiddenBy    []string `json:"hidden_by"`
	AfterS      float64  `json:"after_s"`
	ImpactsData bool     `json:"impacts_data"`
	// Open are the sentences of this problem as it is at this moment.
	Open []string `json:"open"`
}

// Explain draws entries of the catalogue, with words in front of them.
func Explain(w io.Writer, words string, all []Explanation, o Options) error {
	d := drawing{s: &status.Document{}, o: o}
	if o.Plain {
		d.o.ASCII, d.o.Colour = true, false
	} else if words != "" {
		d.wrap("", words)
	}
	for i, e := range all {
		if o.Plain {
			fields := []any{"problem", e.Code, e.Severity, e.Title, e.Sentence}
			for _, a := range e.Actions {
				fields = append(fields, a)
			}
			d.row(fields...)
			continue
		}
		if i > 0 || words != "" {
			d.b.WriteByte('\n')
		}
		d.explain(e)
	}
	_, err := io.WriteString(w, d.written())
	return err
}

func (d *drawing) explain(e Explanation) {
	d.line(d.severity(status.Severity(e.Severity)), " ", e.Code, "  ", e.Title, " (", e.Severity, ")")
	d.wrap("  ", e.Sentence)
	if e.ImpactsData {
		d.wrap("  ", "Readings are lost by it, or may be.")
	}
	for _, text := range e.Open {
		d.wrap("  ", "At this moment: "+status.Clean(text, 400))
	}
	d.b.WriteString("\n  What to do:\n")
	for i, a := range e.Actions {
		d.advise("  ", fmt.Sprintf("%d. ", i+1), a, e.Commands[i])
	}
	if e.AfterS > 0 || len(e.HiddenBy) > 0 {
		d.b.WriteByte('\n')
	}
	if e.AfterS > 0 {
		d.wrap("  ", "It is shown once it has lasted "+span(e.AfterS)+".")
	}
	if len(e.HiddenBy) > 0 {
		d.wrap("  ", "It is not shown while one of these is open, which it follows from: "+strings.Join(e.HiddenBy, ", ")+".")
	}
}

// ExplainAll lists the whole catalogue, a line each.
func ExplainAll(w io.Writer, all []Explanation, o Options) error {
	if o.Plain {
		return Explain(w, "", all, o)
	}
	d := drawing{s: &status.Document{}, o: o}
	for _, e := range all {
		open := ""
		if len(e.Open) > 0 {
			open = "  (open now)"
		}
		d.line(d.severity(status.Severity(e.Severity)), " ", pad(e.Code, 19), d.cut(e.Title, d.width()-21-len(open)), open)
	}
	d.b.WriteString("\nOne of them in full: portti explain CODE. Close codes, HTTP statuses and errors\nof the system are explained too: portti explain 4001, portti explain EACCES\n")
	_, err := io.WriteString(w, d.written())
	return err
}

// severity is the mark of a problem.
func (d *drawing) severity(s status.Severity) string {
	switch s {
	case status.Error:
		return d.mark(bad)
	case status.Info:
		return d.mark(unsure)
	}
	return d.mark(warn)
}
