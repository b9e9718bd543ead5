package web

import "time"

// support is what somebody takes along: a file for whoever helps, and the readings that wait.
func (v *view) support() []*node {
	return []*node{v.supportFile(), v.supportReadings()}
}

// download is a form that brings a file, for sessions that may act.
func (v *view) download(path, label string, more *node) *node {
	if !v.acts() {
		return el("p", v.w.SupportOnlyActs+" ", el("code", "portti web link --act"))
	}
	return el("form", class("download"), at("method", "post"), at("action", v.to(path, "lang", v.w.Lang)), more,
		el("button", at("type", "submit"), class("main"), label))
}

// byHand is a command on the gateway, and what it is for.
func byHand(text, command string) *node {
	return el("p", class("hand"), text+" ", el("code", command))
}

func (v *view) supportFile() *node {
	w := v.w
	private := el("label", el("input", at("type", "checkbox"), at("name", "private"), at("value", "yes")), " "+w.SupportPrivate)
	return section("support-file", w.SupportFile, el("p", w.SupportFileText),
		v.download("/support/file", w.SupportFileGet, private),
		el("p", class("hand"), w.SupportLook),
		byHand(w.SupportMore, "sudo portti bundle"))
}

func (v *view) supportReadings() *node {
	w, b, t := v.w, v.s.Buffer, v.s.Totals
	var get *node
	label := fill(w.SupportReadingsGet, "n", number(b.Waiting+b.Held))
	if b.Waiting+b.Held > 0 {
		get = v.download("/support/readings", label, nil)
	} else {
		get = el("p", class("none"), mark("good"), " "+w.SupportNothing)
	}
	var undated *node
	if !v.s.Clock.Trusted {
		undated = el("p", class("hand"), w.SupportUndated)
	}
	held, from, aside := "", "", ""
	if b.Held > 0 {
		held = number(b.Held)
	}
	if b.Waiting > 0 {
		layout := "2006-01-02 15:04"
		from = fill(w.SupportFromTo, "from", v.s.Time.Add(-time.Duration(b.OldestAgeS*float64(time.Second))).Local().Format(layout), "to", v.s.Time.Local().Format(layout))
	}
	if t.Quarantined > 0 {
		aside = number(t.Quarantined)
	}
	return section("support-readings", w.SupportReadings, el("p", w.SupportReadingsText),
		facts(w.WaitingN, number(b.Waiting), w.SupportRead, from, w.SupportHeld, held,
			w.Read, number(t.Read), w.Delivered, number(t.Acked), w.Lost, number(t.Lost.Sum()), w.SetAside, aside),
		get, undated,
		el("p", class("hand"), w.SupportCut),
		byHand(w.SupportImport, "sudo portti queue import portti-*.jsonl"),
		byHand(w.SupportStick, "sudo portti queue export --out /media/stick"))
}
