package daemon

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"portti/device"
)

// laterKey is a setting that is decided but not built yet. Naming it beats
// calling it unknown.
func laterKey(key string) bool {
	switch key {
	case "uplink.accept_commands",
		"buffer.on_corruption", "web.history", "log.components":
		return true
	}
	return false
}

// unknown reports a key that no table has, with the best guess at what was
// meant.
func (l *loader) unknown(src *source, name, inFile, table string, siblings []string) {
	key := join(table, name)
	where := src.place(join(inFile, name)).key
	text := fmt.Sprintf("unknown setting %s", quoteShort(name))
	if table != "" {
		text += " in " + shownTable(table)
	}
	switch near := Nearest(name, siblings); {
	case laterKey(key):
		text = fmt.Sprintf("%q in %s is not in this version", name, shownTable(table))
		l.add(src.fault(where, key, text, "remove the line"))
	case near != "":
		l.add(src.fault(where, key, text, fmt.Sprintf("did you mean %q?", near)))
	case slices.Contains(siblings, name+"_file"):
		l.add(src.fault(where, key, text, fmt.Sprintf("a secret stands in a file of its own: write its path as %s_file", name)))
	case name == "pin_sha256":
		l.add(src.fault(where, key, text, `did you mean pins = ["sha256/…"]?`))
	case secretWord(name):
		l.add(src.fault(where, key, text, "a secret stands in a file of its own: see token_file in [uplink]"))
	default:
		l.add(src.fault(where, key, text, elsewhere(name, table)))
	}
}

// shownTable writes the path of a table as its header would.
func shownTable(path string) string {
	if rest, ok := strings.CutPrefix(path, "device."); ok {
		return "[[device]] " + rest
	}
	return "[" + path + "]"
}

// elsewhere says where a setting belongs that exists in another table.
func elsewhere(name, table string) string {
	for _, f := range fieldsOf(reflect.TypeFor[Config]()) {
		t := reflect.TypeFor[Config]().FieldByIndex(f.index).Type
		if f.name == "device" {
			t = reflect.TypeFor[device.Config]()
		}
		if t.Kind() != reflect.Struct || f.name == table {
			continue
		}
		for _, inner := range fieldsOf(t) {
			switch {
			case inner.name != name:
			case f.name == "device":
				return "it belongs below a [[device]]"
			default:
				return "it belongs below [" + f.name + "]"
			}
		}
	}
	return ""
}
