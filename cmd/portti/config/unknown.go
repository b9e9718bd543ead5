package config

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
	if l.foreign(src, name, inFile, table) {
		return
	}
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
		l.add(src.fault(where, key, text, fmt.Sprintf("a secret belongs in a file of its own: write its path as %s_file", name)))
	case name == "pin_sha256":
		l.add(src.fault(where, key, text, `did you mean pins = ["sha256/…"]?`))
	case secretWord(name):
		l.add(src.fault(where, key, text, "a secret belongs in a file of its own: see token_file in [uplink]"))
	default:
		l.add(src.fault(where, key, text, l.elsewhere(name, table)))
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
func (l *loader) elsewhere(name, table string) string {
	if l.owner(name) != "" && table != "device" {
		return "it belongs below a [[device]]"
	}
	for _, f := range keysOf(reflect.TypeFor[Config]()) {
		t := f.value.Type()
		if f.name == "device" {
			t = reflect.TypeFor[device.Config]()
		}
		if t.Kind() != reflect.Struct || f.name == table {
			continue
		}
		for _, inner := range keysOf(t) {
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

// owner is the type of device whose own key this is, "" for none.
func (l *loader) owner(key string) string {
	for _, k := range l.kinds {
		if k.Options == nil {
			continue
		}
		for _, f := range fieldsOf(reflect.ValueOf(k.Options()).Elem()) {
			if f.name == key {
				return k.Name
			}
		}
	}
	return ""
}

// foreign reports a key of a device that belongs to a device of another type. It
// is silent where the type itself is wrong, which is reported already.
func (l *loader) foreign(src *source, name, inFile, table string) bool {
	owner := l.owner(name)
	i := slices.IndexFunc(l.cfg.Devices, func(d device.Config) bool { return join("device", d.Name) == table })
	if owner == "" || i < 0 {
		return false
	}
	kind := l.types[l.cfg.Devices[i].Name]
	if _, known := l.kinds.Named(kind); !known {
		return true
	}
	at := src.place(join(inFile, name))
	if at.value == (span{}) {
		at.value = at.key
	}
	l.add(src.fault(at.value, join(table, name), belongs(name, owner, kind), ""))
	return true
}

func belongs(key, owner, kind string) string {
	return fmt.Sprintf("%q belongs to type %q, not to %q", key, owner, kind)
}
