package config

import (
	"bytes"
	"regexp"
	"slices"
	"sort"
	"strings"
)

// Change is one setting to be written into a file.
type Change struct {
	Table, Key string // "uplink", "url"
	Value      any    // a string or bool
}

// Path is the setting as messages call it: uplink.url
func (c Change) Path() string { return c.Table + "." + c.Key }

// Edit gives a file's text with changes made in it: a value that is there is replaced where it
// stands, and one that is not comes right below the header of its table, which is added at the
// end where there is none. Every other byte stays, ends of line as the file has them included.
// What comes of it is for Load to judge.
func Edit(doc []byte, changes []Change) ([]byte, error) {
	plain, err := plainText(doc)
	if err != nil {
		return nil, err
	}
	mark := doc[:len(doc)-len(plain)]
	end := "\n"
	if bytes.Contains(plain, []byte("\r\n")) {
		end = "\r\n"
	}
	x := newIndex(plain)
	type cut struct {
		span
		text string
	}
	var cuts []cut
	missing := map[string]string{} // table -> lines
	var tables []string
	for _, c := range changes {
		value := tomlValue(c.Value)
		if at, ok := x.places[c.Path()]; ok && at.value != (span{}) {
			cuts = append(cuts, cut{at.value, value})
			continue
		}
		if missing[c.Table] == "" {
			tables = append(tables, c.Table)
		}
		missing[c.Table] += c.Key + " = " + value + end
	}
	var tail strings.Builder
	for _, table := range tables {
		if at := below(plain, table); at >= 0 {
			lead := ""
			if at > 0 && plain[at-1] != '\n' {
				lead = end
			}
			cuts = append(cuts, cut{span{at, at}, lead + missing[table]})
			continue
		}
		tail.WriteString(end + "[" + table + "]" + end + missing[table])
	}
	sort.SliceStable(cuts, func(i, j int) bool { return cuts[i].from > cuts[j].from })
	text := slices.Clone(plain)
	for _, c := range cuts { // from the end, so that places stay what they are
		text = slices.Concat(text[:c.from], []byte(c.text), text[c.to:])
	}
	if tail.Len() > 0 && len(text) > 0 && text[len(text)-1] != '\n' {
		text = append(text, end...)
	}
	return slices.Concat(mark, text, []byte(tail.String())), nil
}

// below is where the first line under a table's header begins; -1: it has none.
func below(doc []byte, table string) int {
	header := regexp.MustCompile(`(?m)^[ \t]*\[[ \t]*` + regexp.QuoteMeta(table) + `[ \t]*\][ \t]*(#[^\r\n]*)?\r?$`)
	at := header.FindIndex(doc)
	if at == nil {
		return -1
	}
	if n := bytes.IndexByte(doc[at[1]:], '\n'); n >= 0 {
		return at[1] + n + 1
	}
	return len(doc)
}

// Differences are the settings in which two configurations are not the same, by their paths.
func Differences(a, b *Config) []string {
	before, after := a.Settings(), b.Settings()
	var all []string
	for key := range before {
		if v, ok := after[key]; !ok || v != before[key] {
			all = append(all, key)
		}
	}
	for key := range after {
		if _, ok := before[key]; !ok {
			all = append(all, key)
		}
	}
	slices.Sort(all)
	return all
}

// Shown is one setting as it may be shown, secrets in it replaced; "" where there is none.
func (c *Config) Shown(key string) string { return c.ShownSettings()[key] }
