package web

import (
	"cmp"
	"fmt"
	"strconv"

	"portti/cmd/portti/status"
)

// facts is a list of names and values, in turn; a value "" is left out.
func facts(pairs ...string) *node {
	var rows []*node
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			rows = append(rows, el("div", el("dt", pairs[i]), el("dd", pairs[i+1])))
		}
	}
	return el("dl", rows)
}

func (v *view) link() *node {
	l, w := v.s.Link, v.w
	word, kind := w.Online, "good"
	switch l.State {
	case status.LinkOnline:
	case status.LinkConnecting:
		word, kind = w.Linking, "unsure"
	case status.LinkStopped:
		word, kind = w.Off, "unsure"
	case status.LinkParked:
		word, kind = w.Parked, "bad"
	default:
		if word, kind = w.Waiting, "bad"; l.OpensS > 0 {
			kind = "unsure"
		}
	}
	rtt, next, opens := "", "", ""
	if l.State == status.LinkOnline && l.RTTms > 0 {
		rtt = w.decimal(l.RTTms) + " ms"
	}
	switch {
	case l.OpensS > 0:
		opens = w.span(l.OpensS)
	case l.State == status.LinkWaiting || l.State == status.LinkParked:
		next = w.span(l.NextTryS)
	}
	proof := map[string]string{"fence": w.ProofFence, "count": w.ProofCount, "envelope": w.ProofEnvelope, "none": w.ProofNone, "answer": w.ProofAnswer}[l.Ack]
	return section("link", w.Link,
		el("p", class("state "+kind), mark(kind), " ", el("strong", word), " · "+v.moment(l.Since, l.SinceS)),
		facts(w.Server, clean(cmp.Or(l.URL, l.URLHost)), w.RoundTrip, rtt, w.NextTry, next, w.Opens, opens, w.Proof, proof,
			w.LastEnd, v.lastEnd(), w.Connects, number(l.Connects), w.Sent, w.bytes(int64(l.SentBytes))),
		v.plots.link)
}

// lastEnd is why the connection ended last, and when it was back.
func (v *view) lastEnd() string {
	l := v.s.Link
	switch {
	case l.LastError == "" && l.Connects <= 1:
		return v.w.LastEndNone
	case l.LastError == "":
		return v.w.Unknown
	case l.State == status.LinkOnline && l.Since.Year() >= 2000:
		return fill(v.w.LastEndAt, "time", l.Since.Local().Format("15:04"), "why", clean(l.LastError))
	}
	return clean(l.LastError)
}

func (v *view) readings() *node {
	b, t, w := v.s.Buffer, v.s.Totals, v.w
	figure := func(kind, name, value string) *node {
		return el("div", class("figure "+kind), el("dt", name), el("dd", value))
	}
	lost, oldest, room := "good", "", ""
	if t.Lost.Sum() > 0 {
		lost = "bad"
	}
	if b.Waiting > 0 {
		oldest = w.span(b.OldestAgeS)
	}
	switch {
	case b.NoRoom():
		room = w.NoRoom
	case b.HeadroomS > 0:
		room = w.spoken(status.InSeconds(b.HeadroomS))
	}
	percent := 0.0
	if b.CapacityBytes > 0 {
		percent = 100 * float64(b.Bytes) / float64(b.CapacityBytes)
	}
	fillText := fill(w.FillOf, "used", w.bytes(b.Bytes), "all", w.bytes(b.CapacityBytes), "percent", w.decimal(percent))
	var aside string
	if t.Quarantined > 0 {
		aside = number(t.Quarantined)
	}
	kind := "good"
	if cmp.Or(b.State, status.BufferOK) != status.BufferOK {
		kind = "bad"
	}
	return section("buffer", w.Buffer,
		el("dl", class("figures"), figure("", w.WaitingN, number(b.Waiting)), figure("", w.Delivered, number(t.Acked)), figure(lost, w.Lost, number(t.Lost.Sum()))),
		el("p", class("fill"), el("span", id("fill-name"), w.Fill+": "+fillText),
			el("meter", class(kind), at("min", "0"), at("max", "100"), at("high", "80"), at("value", strconv.FormatFloat(percent, 'f', 1, 64)), at("aria-labelledby", "fill-name"))),
		facts(w.Oldest, oldest, w.Room, room, w.Read, number(t.Read), w.Resent, number(t.Resent), w.SetAside, aside),
		v.plots.buffer, v.losses())
}

// losses is why readings were lost; nil = none was.
func (v *view) losses() *node {
	if v.s.Totals.Lost.Sum() == 0 {
		return nil
	}
	w := v.w
	names := map[string]string{status.LossFull: w.ReasonFull, status.LossAge: w.ReasonAge, status.LossRate: w.ReasonRate, status.LossMemory: w.ReasonMemory,
		status.LossIO: w.ReasonIO, status.LossCorrupt: w.ReasonCorrupt, status.LossRollback: w.ReasonRollback, status.LossShrink: w.ReasonShrink}
	var rows []*node
	for _, r := range v.s.Totals.Lost.Reasons() {
		if n := v.s.Totals.Lost[r]; n > 0 {
			rows = append(rows, el("tr", el("th", at("scope", "row"), cmp.Or(names[r], clean(r))), el("td", class("n"), number(n))))
		}
	}
	return el("table", class("plain"), el("caption", w.LostWhy),
		el("thead", el("tr", el("th", at("scope", "col"), w.Reason), el("th", at("scope", "col"), class("n"), w.Count))), el("tbody", rows))
}

func (v *view) devices() *node {
	w := v.w
	if len(v.s.Devices) == 0 {
		return section("devices", w.Devices, el("p", class("none"), w.NoDevices))
	}
	role := func(name string) *attr { return at("role", name) } // a table that is laid out otherwise stays one for who hears it
	var heads, rows []*node
	for _, name := range []string{w.Device, w.State, w.LastReading, w.Rate, w.ReadN, w.Unusable} {
		heads = append(heads, el("th", role("columnheader"), at("scope", "col"), name))
	}
	for i := range v.s.Devices {
		rows = append(rows, v.device(&v.s.Devices[i], role))
	}
	return section("devices", w.Devices, el("table", role("table"), el("caption", w.DevicesCaption),
		el("thead", role("rowgroup"), el("tr", role("row"), heads)), el("tbody", role("rowgroup"), rows)))
}

func (v *view) device(d *status.Device, role func(string) *attr) *node {
	w := v.w
	word, kind := w.DeviceStarting, "unsure"
	switch d.State {
	case status.DeviceOK:
		word, kind = w.DeviceOK, "good"
	case status.DeviceMissing:
		word, kind = w.DeviceMissing, "bad"
	case status.DeviceBusy:
		word, kind = w.DeviceBusy, "bad"
	case status.DeviceSilent:
		word, kind = w.DeviceSilent, "warn"
	case status.DeviceGarbage:
		word, kind = w.DeviceGarbage, "bad"
	}
	failed := d.LastError
	if d.State == status.DeviceOK || d.State == status.DeviceSilent || d.State == status.DeviceGarbage {
		failed = "" // of an earlier time: the port is open
	}
	age := w.Never
	if d.LastAgeS >= 0 {
		age = fill(w.Ago, "age", w.span(d.LastAgeS))
	}
	about := fill(w.PortAt, "type", clean(d.Type), "port", clean(cmp.Or(d.Port, d.Resolved)))
	if d.Baud > 0 {
		about = fill(w.AtSpeed, "type", clean(d.Type), "port", clean(cmp.Or(d.Port, d.Resolved)), "baud", fmt.Sprint(d.Baud))
	}
	small := func(text string) *node {
		if text == "" {
			return nil
		}
		return el("small", clean(text))
	}
	cell := func(name string, parts ...any) *node {
		return el("td", append([]any{role("cell"), at("data-name", name)}, parts...)...)
	}
	return el("tr", role("row"), class(kind),
		el("th", role("rowheader"), at("scope", "row"), el("span", class("name"), clean(d.Name)), small(about)),
		cell(w.State, el("span", class("state "+kind), mark(kind), " "+word), small(d.Detail), small(failed), small(d.LastLine)),
		cell(w.LastReading, age),
		cell(w.Rate, fill(w.PerSecond, "n", w.decimal(d.RateHz)), v.plots.sparks[d.Name]),
		cell(w.ReadN, number(d.Read)),
		cell(w.Unusable, number(d.Bad)))
}
