package daemon

import (
	"encoding"
	"fmt"
	"math"
	"reflect"
	"sort"
	"strconv"
	"strings"
	"time"

	"portti/device"
)

// field is one key a table may have.
type field struct {
	name  string
	index []int
}

// fieldsOf lists the keys of a struct in the order they are declared. The keys
// of embedded structs belong to the table itself.
func fieldsOf(t reflect.Type) []field {
	var all []field
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("toml"), ",")
		switch {
		case f.Anonymous && name == "":
			for _, inner := range fieldsOf(f.Type) {
				all = append(all, field{inner.name, append([]int{i}, inner.index...)})
			}
		case name != "" && name != "-":
			all = append(all, field{name, []int{i}})
		}
	}
	return all
}

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
	fields := fieldsOf(dst.Type())
	for _, name := range sortedKeys(tree) {
		known := false
		for _, f := range fields {
			if f.name == name {
				known = true
				l.value(src, dst.FieldByIndex(f.index), tree[name], join(inFile, name), join(key, name))
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

// assign converts v to what dst holds. Its answer is a clause about the key
// and advice, both empty where all went well.
func assign(dst reflect.Value, v any) (text, hint string) {
	if t, ok := dst.Addr().Interface().(encoding.TextUnmarshaler); ok {
		if s, ok := v.(string); ok {
			if err := t.UnmarshalText([]byte(s)); err != nil {
				return err.Error(), unitHint(dst, s)
			}
			return "", ""
		}
		if _, isUnit := quantityForms(dst); isUnit {
			return wants(dst) + ", found " + kindOf(v), unitHint(dst, fmt.Sprint(v))
		}
	}
	switch {
	case assignPlain(dst, v):
		return "", ""
	case dst.Kind() == reflect.Slice:
		if list, ok := v.([]any); ok {
			return assignList(dst, list)
		}
	}
	return wants(dst) + ", found " + kindOf(v), typeHint(dst, v)
}

func assignList(dst reflect.Value, list []any) (text, hint string) {
	all := reflect.MakeSlice(dst.Type(), len(list), len(list))
	for i, v := range list {
		if text, hint := assign(all.Index(i), v); text != "" {
			return fmt.Sprintf("element %d %s", i+1, text), hint
		}
	}
	dst.Set(all)
	return "", ""
}

// assignPlain handles text, booleans and numbers. A whole number may stand
// where a decimal one is meant, not the other way.
func assignPlain(dst reflect.Value, v any) bool {
	switch x := v.(type) {
	case string:
		if dst.Kind() == reflect.String {
			dst.SetString(x)
			return true
		}
	case bool:
		if dst.Kind() == reflect.Bool {
			dst.SetBool(x)
			return true
		}
	case int64:
		switch {
		case dst.CanInt() && !dst.OverflowInt(x):
			dst.SetInt(x)
			return true
		case dst.CanUint() && x >= 0 && !dst.OverflowUint(uint64(x)):
			dst.SetUint(uint64(x))
			return true
		case dst.CanFloat():
			dst.SetFloat(float64(x))
			return true
		}
	case float64:
		if dst.CanFloat() && !math.IsNaN(x) && !math.IsInf(x, 0) {
			dst.SetFloat(x)
			return true
		}
	}
	if dst.Kind() == reflect.Interface && dst.NumMethod() == 0 && v != nil {
		dst.Set(reflect.ValueOf(v))
		return true
	}
	return false
}

// wants is what a key of dst's type must be.
func wants(dst reflect.Value) string {
	if _, ok := dst.Addr().Interface().(*Duration); ok {
		return `must be a duration such as "20s", "5m" or "30d"`
	}
	if _, ok := dst.Addr().Interface().(*Size); ok {
		return `must be a size such as "200MB" or "64KiB"`
	}
	switch k := dst.Kind(); {
	case k == reflect.String:
		return "must be text"
	case k == reflect.Bool:
		return "must be true or false"
	case dst.CanUint():
		return "must be a whole number from 0"
	case dst.CanInt():
		return "must be a whole number"
	case dst.CanFloat():
		return "must be a number"
	case k == reflect.Slice:
		return "must be a list in [ ]"
	}
	return "must be a table"
}

// kindOf names what was found, as TOML calls it in plain words.
func kindOf(v any) string {
	switch x := v.(type) {
	case string:
		return "text"
	case bool:
		return strconv.FormatBool(x)
	case int64:
		return "the number " + strconv.FormatInt(x, 10)
	case float64:
		return "the number " + strconv.FormatFloat(x, 'g', -1, 64)
	case []any:
		return "a list"
	case map[string]any:
		return "a table"
	case time.Time:
		return "a date"
	}
	return "a date or time"
}

// typeHint advises where text and number were mixed up.
func typeHint(dst reflect.Value, v any) string {
	s, isText := v.(string)
	_, notNumber := strconv.ParseFloat(s, 64)
	switch {
	case isText && dst.Kind() == reflect.Bool && (s == "true" || s == "false"),
		isText && (dst.CanInt() || dst.CanUint() || dst.CanFloat()) && notNumber == nil:
		return "remove the quotes"
	case isText && s == "auto":
		return "this version does not find it out by itself: write the number"
	case !isText && dst.Kind() == reflect.String:
		return "put it in quotes"
	}
	return ""
}

// quantityForms says whether dst needs a unit, and which are usual.
func quantityForms(dst reflect.Value) ([]string, bool) {
	switch dst.Addr().Interface().(type) {
	case *Duration:
		return []string{"ms", "s", "m", "h", "d"}, true
	case *Size:
		return []string{"B", "kB", "MB", "GB", "KiB", "MiB"}, true
	}
	return nil, false
}

// unitHint offers a bare number with each unit it may have been meant in.
func unitHint(dst reflect.Value, number string) string {
	units, _ := quantityForms(dst)
	if _, err := strconv.ParseFloat(number, 64); err != nil || len(number) > 20 || len(units) == 0 {
		return ""
	}
	for i, u := range units {
		units[i] = number + u
	}
	return "say the unit: " + oneOf(units)
}

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
		l.add(src.fault(src.place(inFile).key, "", "this device has no name", `add name = "…": it is shown to people and joins the files`))
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
		l.cfg.Devices = append(l.cfg.Devices, device.Config{Name: name})
		if l.set == nil {
			l.set = map[string]setting{}
		}
		l.set[key] = setting{src, src.place(inFile)}
	}
	l.table(src, reflect.ValueOf(&l.cfg.Devices[n]).Elem(), tree, inFile, key)
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
