package web

import (
	"strings"

	"portti/cmd/portti/status"
)

// actions are the buttons of the overview; who may only look reads what they would be.
func (v *view) actions() *node {
	w := v.w
	if !v.acts() {
		return section("actions", w.Actions, el("p", w.ActHow, " ", el("code", "portti web link --act")))
	}
	var device *node
	if len(v.s.Devices) > 0 {
		var options []*node
		for i := range v.s.Devices {
			name := v.s.Devices[i].Name
			options = append(options, el("option", at("value", name), clean(name)))
		}
		device = v.form("test", w.Test, w.TestText, el("label", at("for", "act-device"), w.Device), el("select", id("act-device"), at("name", "device"), options))
	}
	return section("actions", w.Actions, el("div", class("acts"), v.form("ping", w.Ping, w.PingText), v.form("reconnect", w.Reconnect, w.ReconnectText), device))
}

// form is a button with what it does, and what it has to know.
func (v *view) form(act, name, text string, more ...*node) *node {
	return el("form", class("act"), at("method", "post"), at("action", v.to("/act/"+act, "lang", v.ask.Get("lang"))),
		el("p", text), el("div", class("row"), more, el("button", at("type", "submit"), name)))
}

// done is what came of the act that led here; nil = none did, or it was seen before.
func (v *view) done() *node {
	o := v.page.guests.takeOutcome(v.who, v.ask.Get("done"))
	if o == nil {
		return nil
	}
	kind, text, lines := v.outcome(o)
	said := el("p", mark(kind), " "+text)
	var more []*node
	if o.err != nil {
		lines = strings.Split(strings.TrimSpace(o.err.Error()), "\n")
	}
	for _, l := range lines {
		more = append(more, el("li", at("lang", "en"), status.Clean(l, 2000)))
	}
	var list *node
	if len(more) > 0 {
		list = el("ul", class("said"), more)
	}
	return el("section", id("done"), class("done "+kind), at("role", "status"), at("aria-label", v.w.Done), said, list)
}

// outcome is the sentence of one, and the lines below it.
func (v *view) outcome(o *outcome) (kind, text string, lines []string) {
	w := v.w
	if o.err != nil {
		return "bad", map[string]string{"ping": w.PingFailed, "reconnect": w.ReconnectFailed, "reload": w.ReloadFailed, "test": w.TestFailed}[o.act], nil
	}
	switch {
	case o.act == "ping":
		return "good", fill(w.PingDone, "ms", w.decimal(o.ms)), nil
	case o.act == "reload" && len(o.lines) == 0:
		return "good", w.ReloadSame, nil
	case o.act == "reload":
		return "good", w.ReloadDone, o.lines
	case o.act == "test":
		return "good", fill(w.TestDone, "device", clean(o.device)), o.lines
	case o.was == status.LinkOnline:
		return "good", w.ReconnectOnline, nil
	case o.was == status.LinkConnecting:
		return "unsure", w.ReconnectBusy, nil
	}
	return "good", w.ReconnectWaited, nil
}
