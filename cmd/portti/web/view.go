package web

import (
	"cmp"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"time"

	"portti/cmd/portti/status"
)

// view draws one document in one language.
type view struct {
	page *Page
	w    *words
	who  *session
	ask  url.Values       // of the address
	s    *status.Document // nil for who is not signed in
	plots

	where, seen whereabouts // now, and as it was drawn last
}

func (p *Page) view(r *http.Request, s *status.Document) *view {
	return &view{page: p, w: languageOf(r), who: sessionOf(r), ask: r.URL.Query(), s: s}
}

// head is the same of every page.
func (v *view) head(title string, more ...*node) *node {
	return el("head",
		el("meta", at("charset", "utf-8")),
		el("meta", at("name", "viewport"), at("content", "width=device-width, initial-scale=1")),
		el("meta", at("name", "color-scheme"), at("content", "light dark")),
		el("title", title),
		el("link", at("rel", "icon"), at("type", "image/svg+xml"), at("href", v.page.url("icon.svg"))),
		el("link", at("rel", "stylesheet"), at("href", v.page.url("style.css"))),
		more)
}

// otherLanguage leads to the same page in it.
func (v *view) otherLanguage() *node {
	ask := maps.Clone(v.ask)
	ask.Del("done")
	ask.Set("lang", v.w.Other)
	return el("a", at("href", "?"+ask.Encode()), at("hreflang", v.w.Other), at("lang", v.w.Other), v.w.OtherName)
}

// outside is a page for who is not signed in; it tells nothing of the gateway.
func (v *view) outside(title, text string, more *node) *node {
	return el("html", at("lang", v.w.Lang), v.head(title+" · portti"),
		el("body",
			el("header", class("top"), el("p", class("brand"), "portti"), el("div", class("tools"), v.otherLanguage())),
			el("main", class("outside"), el("h1", title), el("p", text), more)))
}

// sections of the overview.
func (v *view) sections() []*node {
	return append([]*node{v.glance(), v.problems(), v.link(), v.readings(), v.devices(), v.actions()}, v.positions()...)
}

func section(name, title string, parts ...any) *node {
	return el("section", append([]any{id(name), at("aria-labelledby", name+"-title"), el("h2", id(name+"-title"), title)}, parts...)...)
}

func (v *view) name() string { return clean(cmp.Or(v.s.Gateway.Name, v.s.Gateway.ID, "portti")) }

// mark is a shape that says what its colour says; the word beside it says it too.
func mark(kind string) *node {
	shape := map[string]string{"good": "●", "unsure": "○", "warn": "▲", "bad": "✖", "soft": "·"}[kind]
	return el("span", class("mark "+kind), at("aria-hidden", "true"), shape)
}

// clock is a time of day here, with its offset.
func (v *view) clock(t time.Time) string { return t.Local().Format("2006-01-02 15:04:05 -07:00") }

// moment is since when something is so, by the clock and by its age.
func (v *view) moment(t time.Time, age float64) string {
	if t.Year() < 2000 {
		return fill(v.w.Since, "age", v.w.span(age))
	}
	layout := "15:04"
	if age >= 18*3600 {
		layout = "2006-01-02 15:04"
	}
	return fill(v.w.SinceClock, "time", t.Local().Format(layout), "age", v.w.span(age))
}

func (v *view) glance() *node {
	word, kind := v.w.verdict(v.s)
	clockText := v.w.ClockBad
	if v.s.Clock.Trusted {
		clockText = fill(v.w.ClockGood, "source", clean(v.s.Clock.Source))
	}
	return el("section", id("glance"), class(kind), at("aria-labelledby", "glance-title"),
		el("h1", id("glance-title"), v.name()),
		el("p", class("verdict "+kind), mark(kind), " "+word),
		el("p", class("sentence"), v.w.glance(v.s)),
		el("ul", class("facts"),
			el("li", v.w.Identity+": ", el("span", class("id"), clean(v.s.Gateway.ID))),
			el("li", v.w.Version+": "+clean(v.s.Version)),
			el("li", v.w.Up+": "+v.w.span(v.s.UptimeS)),
			el("li", clockText)))
}

func (v *view) problems() *node {
	if len(v.s.Problems) == 0 {
		return section("problems", v.w.Problems, el("p", class("none"), mark("good"), " "+v.w.NoProblems))
	}
	var list []*node
	for _, p := range v.s.Problems {
		list = append(list, v.problem(p))
	}
	return section("problems", v.w.Problems, list)
}

func (v *view) problem(p status.Problem) *node {
	kind, word := "warn", v.w.SeverityWarning
	switch p.Severity {
	case status.Error:
		kind, word = "bad", v.w.SeverityError
	case status.Info:
		kind, word = "unsure", v.w.SeverityInfo
	}
	e := v.explain(p)
	language := func(english bool) *attr {
		if english && v.w.Lang != "en" {
			return at("lang", "en")
		}
		return at("lang", v.w.Lang)
	}
	var steps []*node
	for _, a := range e.actions {
		steps = append(steps, el("li", language(e.english || a.english), withCommand(a)))
	}
	var impact *node
	if p.ImpactsData {
		impact = el("p", class("impact"), v.w.ImpactsData)
	}
	return el("article", class("problem "+kind),
		el("h3", language(e.english), e.title),
		el("p", class("tags"), mark(kind), " ", el("strong", word), " · ", el("span", class("code"), clean(p.Code)), " · "+fill(v.w.Since, "age", v.w.span(p.SinceS))),
		el("p", language(e.english), e.sentence),
		impact,
		el("h4", v.w.WhatToDo),
		el("ol", steps))
}

// withCommand sets the command apart, which one tap marks to be copied.
func withCommand(a advice) []*node {
	before, after, found := strings.Cut(a.text, a.command)
	if a.command == "" || !found {
		return el("", a.text).kids
	}
	return el("", before, el("code", a.command), after).kids
}
