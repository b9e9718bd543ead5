package config

import (
	"fmt"
	"reflect"
	"strconv"

	"portti/device"
)

// devices joins the [[device]] tables of one file with those of earlier files.
func (l *loader) devices(src *source, v any) {
	list, ok := v.([]any)
	if !ok {
		l.add(src.fault(src.place("device").key, "device", `"device" must be a list of tables`, "write [[device]] with two brackets"))
		return
	}
	here := map[string]bool{}
	for i, v := range list {
		inFile := "device[" + strconv.Itoa(i) + "]"
		tree, ok := v.(map[string]any)
		if !ok {
			l.add(src.fault(src.place("device").key, "device", `"device" must be a list of tables, found `+kindOf(v), "write [[device]] with two brackets"))
			return
		}
		l.device(src, tree, inFile, here)
	}
}

// device sets one [[device]]. here holds the names this file already used: a
// name twice in one file is a mistake, in two files it is meant.
func (l *loader) device(src *source, tree map[string]any, inFile string, here map[string]bool) {
	name, isText := tree["name"].(string)
	at := src.place(join(inFile, "name"))
	key := join("device", name)
	switch _, has := tree["name"]; {
	case !has && src.broken: // the name may stand on the line that could not be read
		return
	case !has:
		l.add(src.fault(src.place(inFile).key, "", "this device has no name", `add name = "…": it is shown to people, and files that set parts of one device are joined by it`))
		return
	case !isText || name == "":
		l.add(src.fault(at.value, "", `"name" of a device must be text and not empty`, typeHint(reflect.ValueOf(&name).Elem(), tree["name"])))
		return
	case here[name]:
		l.add(src.fault(at.value, key+".name", fmt.Sprintf("there are two devices %s in this file", quoteShort(name)), "give one of them another name"))
		return
	}
	here[name] = true
	n := -1
	for i := range l.cfg.Devices {
		if l.cfg.Devices[i].Name == name {
			n = i
		}
	}
	if n < 0 {
		n = len(l.cfg.Devices)
		d := device.Config{Name: name}
		if k, ok := l.kinds.Named(l.types[name]); ok && k.Options != nil {
			d.Options = k.Options()
		}
		l.cfg.Devices = append(l.cfg.Devices, d)
		if l.set == nil {
			l.set = map[string]setting{}
		}
		l.set[key] = setting{src, src.place(inFile)}
	}
	l.table(src, reflect.ValueOf(&l.cfg.Devices[n]).Elem(), tree, inFile, key)
}

// typesIn finds the type of each device before anything else is read of it: which
// keys it has depends on that, and a later file may name it.
func typesIn(sources []*source) map[string]string {
	types := map[string]string{}
	for _, src := range sources {
		list, _ := src.tree["device"].([]any)
		here := map[string]bool{} // of two with one name in one file only the first is read
		for _, v := range list {
			tree, _ := v.(map[string]any)
			name, _ := tree["name"].(string)
			if kind, ok := tree["type"].(string); ok && !here[name] {
				types[name] = kind
			}
			here[name] = true
		}
	}
	return types
}
