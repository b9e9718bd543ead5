package web

import (
	"time"

	"portti/cmd/portti/status"
)

// LogFilter is which lines of the log are asked for.
type LogFilter struct {
	Level        string    // of this weight and more: debug, info, warn or error; "" = all
	Device       string    // "" = any, and what is about none
	Since, Until time.Time // zero = no bound
	Most         int       // lines; 0 = all that are kept
}

const (
	logLines  = 200         // on the page
	logAround = time.Minute // before and after an outage, that belongs to it
)

// logs are the sections of that page.
func (v *view) logs() []*node {
	f, outage := LogFilter{Level: v.ask.Get("level"), Device: v.ask.Get("device"), Most: logLines}, v.s.Link.LastOutage
	if v.ask.Get("outage") == "" {
		outage = nil
	}
	if o := outage; o != nil {
		f.Since = o.Began.Add(-logAround)
		if o.Ended != nil {
			f.Until = o.Ended.Add(logAround)
			if o.Done != nil {
				f.Until = o.Done.Add(logAround)
			}
		}
	}
	doc := v.page.opt.Logs(f)
	return []*node{v.logFilter(), v.logList(&doc, outage)}
}

// logFilter leads to other choices of lines: each link changes one of what is asked.
func (v *view) logFilter() *node {
	w := v.w
	level, device, outage := v.ask.Get("level"), v.ask.Get("device"), v.ask.Get("outage")
	to := func(name string, taken bool, level, device, outage string) *node {
		return v.choice(name, taken, "/logs", "level", level, "device", device, "outage", outage)
	}
	group := func(name string, links ...*node) *node {
		if len(links) == 1 {
			return nil // nothing to choose
		}
		return el("div", class("filter"), at("role", "group"), at("aria-label", name), el("span", class("soft"), name), links)
	}
	levels := []*node{to(w.LevelAll, level == "" || level == "debug", "", device, outage)}
	for _, l := range []string{"info", "warn", "error"} {
		_, word := v.level(l)
		levels = append(levels, to(word, level == l, l, device, outage))
	}
	when := []*node{to(w.TimeAll, outage == "", level, device, "")}
	if v.s.Link.LastOutage != nil {
		when = append(when, to(w.LastEnd, outage != "", level, device, "1"))
	}
	devices := []*node{to(w.DeviceAll, device == "", level, "", outage)}
	for i := range v.s.Devices {
		name := v.s.Devices[i].Name
		devices = append(devices, to(clean(name), device == name, level, name, outage))
	}
	return section("log-filter", w.LogFilter, group(w.LevelFrom, levels...), group(w.LogTime, when...), group(w.Devices, devices...))
}

// level is how one is marked, and its word.
func (v *view) level(name string) (kind, word string) {
	switch name {
	case "error":
		return "bad", v.w.LevelError
	case "warn":
		return "warn", v.w.LevelWarn
	case "info":
		return "unsure", v.w.LevelInfo
	}
	return "soft", v.w.LevelDebug
}

func (v *view) logList(doc *status.LogDocument, outage *status.Outage) *node {
	w := v.w
	var lines []*node
	for i := range doc.Lines {
		lines = append(lines, v.logLine(&doc.Lines[i]))
	}
	var kept, list, more *node
	switch {
	case doc.Oldest == nil:
		kept = el("p", class("soft"), w.LogNone+" ", el("code", "portti logs"))
	case outage != nil && outage.Began.Before(*doc.Oldest):
		kept = el("p", class("soft"), fill(w.LogKept, "time", v.clock(*doc.Oldest))+" ", el("code", "portti logs --last-outage"))
	default:
		kept = el("p", class("soft"), fill(w.LogKept, "time", v.clock(*doc.Oldest))+" ", el("code", "portti logs --since 24h"))
	}
	if len(lines) == 0 {
		list = el("p", class("none"), w.LogEmpty)
	} else {
		list = el("ol", class("log"), lines)
	}
	if doc.More {
		more = el("p", class("soft"), fill(w.LogMore, "n", number(uint64(len(lines)))))
	}
	return section("log", w.LogTitle, list, more, kept)
}

func (v *view) logLine(l *status.LogLine) *node {
	kind, word := v.level(l.Level)
	tags := []any{class("tags"), el("time", at("datetime", l.At.UTC().Format(time.RFC3339Nano)), l.At.Local().Format("2006-01-02 15:04:05")), " ", mark(kind), " ", el("strong", word)}
	for _, text := range []string{l.Component, l.Device, l.Code} {
		if text != "" {
			tags = append(tags, " · ", el("span", class("code"), clean(text)))
		}
	}
	var rest *node
	if l.Rest != "" {
		rest = el("p", class("rest"), status.Clean(l.Rest, 4000))
	}
	return el("li", class(kind), el("p", tags...), el("p", at("lang", "en"), status.Clean(l.Message, 4000)), rest)
}
