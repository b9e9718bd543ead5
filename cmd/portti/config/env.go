package config

import (
	"encoding"
	"fmt"
	"reflect"
	"sort"
	"strconv"
	"strings"
)

// envPrefix begins the name of every variable that is a setting; the parts of
// the key follow, joined by two underscores: PORTTI_UPLINK__URL.
const envPrefix = "PORTTI_"

// environment puts settings from the environment over those of the files. A
// name with the prefix that is no setting is an error: a mistyped one would
// otherwise do nothing, silently.
func (l *loader) environment(environ []string) {
	var found []string
	for _, e := range environ {
		if strings.HasPrefix(e, envPrefix) {
			found = append(found, e)
		}
	}
	sort.Strings(found)
	for _, e := range found {
		name, text, _ := strings.Cut(e, "=")
		l.variable(name, text)
	}
}

// EnvironFaults are the mistakes in the variables of an environment that set something,
// without any file.
func EnvironFaults(environ []string) []Fault {
	l := loader{cfg: Defaults()}
	l.environment(environ)
	return l.faults
}

func (l *loader) variable(name, text string) {
	src := &source{name: "environment " + name}
	path := strings.Split(strings.ToLower(strings.TrimPrefix(name, envPrefix)), "__")
	if path[0] == "device" {
		l.add(Fault{File: src.name, Text: "a device cannot be set from the environment", Hint: "write a file in conf.d"})
		return
	}
	dst := reflect.ValueOf(l.cfg).Elem()
	for _, part := range path {
		next, ok := child(dst, part)
		if !ok {
			l.unknownVariable(src, name)
			return
		}
		dst = next
	}
	if dst.Kind() == reflect.Struct {
		l.unknownVariable(src, name)
		return
	}
	key := strings.Join(path, ".")
	if key == "uplink.url" || key == "uplink.urls" || key == "uplink.proxy" {
		if RedactURL(text) != text {
			l.add(Fault{File: src.name, Key: key, Text: "an address with a secret in it is not taken from the environment, where every process of the user can read it",
				Hint: "write it in the configuration file, or the token in a file of its own (token_file)"})
			return
		}
	}
	l.value(src, dst, fromText(dst, text), key, key)
}

// child finds one part of a key in a table.
func child(dst reflect.Value, name string) (reflect.Value, bool) {
	if dst.Kind() != reflect.Struct {
		return dst, false
	}
	for _, f := range fieldsOf(dst) {
		if f.name == name {
			return f.value, true
		}
	}
	return dst, false
}

// fromText reads a variable as the kind of value its setting has. What cannot
// be read stays text and is refused as such.
func fromText(dst reflect.Value, text string) any {
	if _, ok := dst.Addr().Interface().(encoding.TextUnmarshaler); ok {
		return text
	}
	switch dst.Kind() {
	case reflect.Bool:
		if b, err := strconv.ParseBool(text); err == nil {
			return b
		}
	case reflect.Int, reflect.Int64:
		if n, err := strconv.ParseInt(text, 10, 64); err == nil {
			return n
		}
	}
	return text
}

func (l *loader) unknownVariable(src *source, name string) {
	f := Fault{File: src.name, Text: "no setting has this name"}
	known := variables(reflect.TypeFor[Config](), envPrefix)
	switch near := Nearest(name, known); {
	case near != "" && (!secretWord(name) || strings.Contains(near, "TOKEN")):
		f.Hint = fmt.Sprintf("did you mean %s?", near)
	case secretWord(name):
		f.Hint = "secrets are not taken from the environment: write the token in a file and name it in PORTTI_UPLINK__TOKEN_FILE"
	default:
		f.Hint = "names are made like PORTTI_UPLINK__URL"
	}
	l.add(f)
}

// variables lists the name of every setting the environment may change.
func variables(t reflect.Type, prefix string) []string {
	var all []string
	for _, f := range keysOf(t) {
		inner, name := f.value.Type(), prefix+strings.ToUpper(f.name)
		switch inner.Kind() {
		case reflect.Struct:
			all = append(all, variables(inner, name+"__")...)
		case reflect.Slice:
		default:
			all = append(all, name)
		}
	}
	return all
}
