package web

import (
	"maps"
	"net/http"
	"net/url"
	"time"
)

// tab is one of the pages that the header leads to.
type tab struct {
	path     string
	name     func(*words) string
	sections func(*view) []*node // each has an id of its own
	fresh    bool                // the script keeps the sections fresh: they are drawn anew every second, and sent where they look otherwise
}

// tabs are all of them, in the order of the header.
func tabs() []tab {
	return []tab{
		{"/", func(w *words) string { return w.Overview }, (*view).sections, true},
		{"/settings", func(w *words) string { return w.Settings }, (*view).settings, false},
		{"/logs", func(w *words) string { return w.Logs }, (*view).logs, true},
		{"/support", func(w *words) string { return w.Support }, (*view).support, true},
	}
}

// tabOf is the one at a path; the first where there is none.
func tabOf(path string) tab {
	all := tabs()
	for _, t := range all {
		if t.path == path {
			return t
		}
	}
	return all[0]
}

// route is where a tab is found. Only its own path is, not what is below.
func (t tab) route() string {
	if t.path == "/" {
		return "GET /{$}"
	}
	return "GET " + t.path
}

func (p *Page) showTab(t tab) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		doc := p.opt.Status()
		v := p.view(r, &doc)
		if t.path == "/" {
			v.plots, v.where = v.draw(p.feed.day()), p.feed.look(time.Now())
		}
		if r.Method != http.MethodGet {
			v.ask.Del("done") // nobody sees it
		}
		p.send(w, http.StatusOK, v.frame(t))
	}
}

// frame is a whole page: what all of them have, around the sections of one.
func (v *view) frame(t tab) *node {
	_, mark := v.w.verdict(v.s)
	role := v.w.RoleView
	if v.acts() {
		role = v.w.RoleAct
	}
	var heading *node
	var scripts []*node
	title, updated := v.name()+" · portti", fill(v.w.Updated, "time", v.clock(v.s.Time))+" "+v.w.Reload
	if t.path != "/" { // whose glance has one
		heading = el("h1", class("title"), t.name(v.w), el("small", v.name()))
		title = t.name(v.w) + " · " + title
	}
	attrs, foot := []any{at("data-state", mark)}, el("p", updated)
	if t.fresh {
		attrs = append(attrs, at("data-events", v.events(t)))
		scripts = v.page.scripts(t)
		foot = el("p", id("live"), at("role", "status"), at("data-live", v.w.Live), at("data-gone", v.w.Gone), at("data-ended", v.w.Ended), updated)
	}
	signOut := el("form", at("method", "post"), at("action", "/signout?lang="+v.w.Lang), el("button", at("type", "submit"), v.w.SignOut))
	return el("html", at("lang", v.w.Lang), v.head(title, scripts...),
		el("body", append(attrs,
			el("a", class("skip"), at("href", "#main"), v.w.SkipTo),
			el("header", class("top"), el("p", class("brand"), "portti"), el("div", class("tools"), v.otherLanguage(), signOut), v.nav(t)),
			el("main", id("main"), at("tabindex", "-1"), heading, v.done(), t.sections(v)),
			el("footer", foot, el("p", role)))...))
}

// scripts are what a page does without: one keeps it fresh, the others draw more.
func (p *Page) scripts(t tab) []*node {
	module := func(name string) *node { return el("script", at("type", "module"), at("src", p.url(name))) }
	all := []*node{module("live.js")}
	if t.path == "/" {
		all = append(all, el("link", at("rel", "stylesheet"), at("href", p.url("uPlot.css"))), el("script", at("defer", ""), at("src", p.url("uPlot.js"))), module("plot.js"))
	}
	return all
}

// events is where the script hears of what changes on this page, with all that was asked
// of it.
func (v *view) events(t tab) string {
	ask := maps.Clone(v.ask)
	ask.Del("done")
	ask.Set("lang", v.w.Lang)
	ask.Set("page", t.path)
	ask.Set("rarely", "devices")
	return "/api/v1/events?" + ask.Encode()
}

// acts says whether the session may do more than look.
func (v *view) acts() bool { return v.who != nil && v.who.role == Act }

// nav leads to all tabs.
func (v *view) nav(here tab) *node {
	var links []*node
	for _, t := range tabs() {
		a := el("a", at("href", v.to(t.path, "lang", v.ask.Get("lang"))), t.name(v.w))
		if t.path == here.path {
			a.attrs = append(a.attrs, at("aria-current", "page"))
		}
		links = append(links, a)
	}
	return el("nav", at("aria-label", v.w.Pages), links)
}

// to is an address here with what is asked of it: names and values, in turn; a value ""
// is left out.
func (v *view) to(path string, pairs ...string) string {
	ask := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			ask.Set(pairs[i], pairs[i+1])
		}
	}
	if len(ask) == 0 {
		return path
	}
	return path + "?" + ask.Encode()
}
