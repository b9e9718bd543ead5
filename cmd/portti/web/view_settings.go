package web

import "strings"

// Settings is the configuration as it may be shown.
type Settings struct {
	File    string // the one to edit
	Tables  []SettingsTable
	Same    bool            // the files say what runs
	Error   string          // of the files: every mistake with its place; empty = they have none
	Changes []SettingChange // what the files say otherwise
}

// SettingsTable is a table of the file.
type SettingsTable struct {
	Header   string // [uplink]; empty = its settings stand before the first
	Settings []Setting
}

// Setting is one of them.
type Setting struct {
	Name, Value string
	Origin      string // file:line, or a variable; empty = it is built in
}

// SettingChange is a setting that the files have otherwise, and what a reload does about it.
type SettingChange struct{ Key, Running, File, Reload string }

// settings are the sections of that page.
func (v *view) settings() []*node {
	s := v.page.opt.Settings()
	return []*node{v.differences(&s), v.change(&s), v.inForce(&s)}
}

func (v *view) change(s *Settings) *node {
	w := v.w
	folder := s.File[:strings.LastIndexByte(s.File, '/')+1] + "conf.d/"
	edit := strings.Split(w.ChangeEdit, "{file}")
	more := strings.Split(edit[len(edit)-1], "{folder}")
	return section("change", w.ChangeTitle, el("ol",
		el("li", edit[0], el("code", clean(s.File)), more[0], el("code", clean(folder)), more[len(more)-1]),
		el("li", w.ChangeCheck+" ", el("code", "sudo portti config check")),
		el("li", w.ChangeReload+" ", el("code", "sudo portti reload"))))
}

// differences are what the files say otherwise than what runs.
func (v *view) differences(s *Settings) *node {
	w := v.w
	reload := el("p", w.ChangeReload+" ", el("code", "sudo portti reload"))
	if v.acts() {
		reload = v.form("reload", w.ReloadNow, w.ReloadText)
	}
	switch {
	case s.Error != "":
		var lines []*node
		for _, l := range strings.Split(strings.TrimSpace(s.Error), "\n") {
			lines = append(lines, el("li", clean(l)))
		}
		return section("differences", w.Differences, el("p", class("state bad"), mark("bad"), " ", el("strong", w.FilesWrong)), el("ul", class("said"), at("lang", "en"), lines))
	case s.Same:
		return section("differences", w.Differences, el("p", class("none"), mark("good"), " "+w.FilesSame))
	}
	effects := map[string]string{"holds at once": w.EffectNow, "device is added": w.EffectAdded, "device is removed": w.EffectRemoved,
		"device is opened again": w.EffectDevice, "link is made anew": w.EffectLink, "holds after a restart": w.EffectRestart}
	var rows []*node
	for _, c := range s.Changes {
		effect, known := effects[c.Reload]
		if !known {
			effect = c.Reload
		}
		file := clean(c.File)
		if c.File == c.Running {
			file += " " + w.HiddenDiffers
		}
		rows = append(rows, el("tr", rowRole("row"), el("th", rowRole("rowheader"), at("scope", "row"), class("id"), clean(c.Key)),
			v.cell(w.Running, class("id"), clean(c.Running)), v.cell(w.InFile, class("id"), file), v.cell(w.AtReload, clean(effect))))
	}
	return section("differences", w.Differences, el("p", class("state warn"), mark("warn"), " ", el("strong", w.FilesDiffer)),
		v.table(w.DifferencesCaption, rows, w.Setting, w.Running, w.InFile, w.AtReload), reload)
}

// inForce is the configuration by which the gateway runs: what was set, or on demand all.
func (v *view) inForce(s *Settings) *node {
	w, all := v.w, v.ask.Get("all") != ""
	parts := []any{el("p", class("filter"), v.choice(w.OnlySet, !all, "/settings"), v.choice(w.AllSettings, all, "/settings", "all", "1")), el("p", class("soft"), w.SecretsHidden)}
	for _, t := range s.Tables {
		var rows []*node
		for _, set := range t.Settings {
			if set.Origin == "" && !all {
				continue
			}
			origin := v.cell(w.Origin, class("soft"), w.BuiltIn)
			if set.Origin != "" {
				origin = v.cell(w.Origin, clean(set.Origin))
			}
			rows = append(rows, el("tr", rowRole("row"), el("th", rowRole("rowheader"), at("scope", "row"), class("id"), clean(set.Name)), v.cell(w.Value, class("id"), clean(set.Value)), origin))
		}
		if len(rows) > 0 {
			header := clean(t.Header)
			if header == "" {
				header = w.TopTable
			}
			parts = append(parts, v.table(header, rows, w.Setting, w.Value, w.Origin))
		}
	}
	return section("settings", w.InForce, parts...)
}

// choice is one of several views of a page.
func (v *view) choice(name string, taken bool, path string, pairs ...string) *node {
	a := el("a", at("href", v.to(path, append(pairs, "lang", v.ask.Get("lang"))...)), name)
	if taken {
		a.attrs = append(a.attrs, at("aria-current", "true"))
	}
	return a
}

// rowRole keeps a table that is laid out otherwise on a phone one for who hears it.
func rowRole(name string) *attr { return at("role", name) }

func (v *view) cell(name string, parts ...any) *node {
	return el("td", append([]any{rowRole("cell"), at("data-name", name)}, parts...)...)
}

// table becomes a list of blocks on a phone.
func (v *view) table(caption string, rows []*node, columns ...string) *node {
	var heads []*node
	for _, name := range columns {
		heads = append(heads, el("th", rowRole("columnheader"), at("scope", "col"), name))
	}
	kind := ""
	if strings.HasPrefix(caption, "[") { // it is the header of a table of the file
		kind = "id"
	}
	return el("table", rowRole("table"), class("blocks"), el("caption", class(kind), caption),
		el("thead", rowRole("rowgroup"), el("tr", rowRole("row"), heads)), el("tbody", rowRole("rowgroup"), rows))
}
