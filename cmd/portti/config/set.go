package config

import (
	"fmt"
	"reflect"
	"sort"
	"strings"

	"portti/device"
)

// field is one key a table may have, and the place of its value.
type field struct {
	name   string
	value  reflect.Value
	secret bool // it is never shown
}

// fieldsOf lists the keys of a struct in the order they are declared. The keys
// of embedded structs belong to the table itself, and so do the options of a
// device.
func fieldsOf(v reflect.Value) []field {
	var all []field
	for i := range v.NumField() {
		f := v.Type().Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("toml"), ",")
		switch {
		case f.Anonymous && name == "":
			all = append(all, fieldsOf(v.Field(i))...)
		case name != "" && name != "-":
			all = append(all, field{name, v.Field(i), f.Tag.Get("secret") != ""})
		}
	}
	if v.Type() == reflect.TypeFor[device.Config]() {
		if options := v.Interface().(device.Config).Options; options != nil {
			all = append(all, fieldsOf(reflect.ValueOf(options).Elem())...)
		}
	}
	return all
}

// keysOf lists the keys that a struct of one type can have.
func keysOf(t reflect.Type) []field { return fieldsOf(reflect.New(t).Elem()) }

func namesOf(fields []field) []string {
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = f.name
	}
	return names
}

// apply puts what one file says over what was there.
func (l *loader) apply(src *source, tree map[string]any) {
	if devices, ok := tree["device"]; ok {
		delete(tree, "device")
		l.devices(src, devices)
	}
	l.table(src, reflect.ValueOf(l.cfg).Elem(), tree, "", "")
}

// table sets the keys of one table. inFile is its path in the index of the
// file, key the path it has in the whole configuration.
func (l *loader) table(src *source, dst reflect.Value, tree map[string]any, inFile, key string) {
	fields := fieldsOf(dst)
	for _, name := range sortedKeys(tree) {
		known := false
		for _, f := range fields {
			if f.name == name {
				known = true
				l.value(src, f.value, tree[name], join(inFile, name), join(key, name))
			}
		}
		if !known {
			l.unknown(src, name, inFile, key, namesOf(fields))
		}
	}
}

// value sets one key, going into tables.
func (l *loader) value(src *source, dst reflect.Value, v any, inFile, key string) {
	at := src.place(inFile)
	if l.set == nil {
		l.set = map[string]setting{}
	}
	l.set[key] = setting{src, at}
	if dst.Kind() == reflect.Pointer {
		if dst.IsNil() {
			dst.Set(reflect.New(dst.Type().Elem()))
		}
		dst = dst.Elem()
	}
	inner, isTable := v.(map[string]any)
	switch {
	case isTable && dst.Kind() == reflect.Struct:
		l.table(src, dst, inner, inFile, key)
		return
	case isTable && dst.Kind() == reflect.Map && dst.Type().Key().Kind() == reflect.String:
		if dst.IsNil() {
			dst.Set(reflect.MakeMap(dst.Type()))
		}
		for _, name := range sortedKeys(inner) {
			elem := reflect.New(dst.Type().Elem()).Elem()
			l.value(src, elem, inner[name], join(inFile, name), join(key, name))
			dst.SetMapIndex(reflect.ValueOf(name).Convert(dst.Type().Key()), elem)
		}
		return
	}
	if text, hint := assign(dst, v); text != "" {
		where := at.value
		if where == (span{}) {
			where = at.key
		}
		l.add(src.fault(where, key, fmt.Sprintf("%q %s", lastOf(key), text), hint))
	}
}

// place looks path up; a source without an index, the environment, has none.
func (src *source) place(path string) place {
	if src.x == nil {
		return place{}
	}
	return src.x.places[path]
}

func sortedKeys[V any](tree map[string]V) []string {
	keys := make([]string, 0, len(tree))
	for k := range tree {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}

// lastOf is the last part of a key path.
func lastOf(key string) string {
	if strings.HasSuffix(key, `"`) {
		return strings.Trim(key[strings.LastIndex(key[:len(key)-1], `"`):], `"`)
	}
	return key[strings.LastIndexByte(key, '.')+1:]
}
