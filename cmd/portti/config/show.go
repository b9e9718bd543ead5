package config

import (
	"encoding"
	"fmt"
	"io"
	"reflect"
	"sort"
	"strconv"
	"strings"

	"portti/device"
)

// Origin is where a setting got its value. The zero value means that it is
// built in.
type Origin struct {
	File string // or "environment NAME"
	Line int    // 0 = no line
}

// String gives file:line, the variable, or "default".
func (o Origin) String() string {
	switch {
	case o.File == "":
		return "default"
	case o.Line == 0:
		return o.File
	}
	return o.File + ":" + strconv.Itoa(o.Line)
}

// Origin says where key got its value; key is a path such as
// uplink.ping_interval or device.gps.baud.
func (c *Config) Origin(key string) Origin { return c.origins[key] }

// DeviceOrigin is Origin of a key of the device of that name.
func (c *Config) DeviceOrigin(name, key string) Origin {
	return c.origins[join(join("device", name), key)]
}

// Show writes the configuration as it is after all layers, as TOML that can be
// loaded again: every setting of the daemon, and of each device what is set.
// With origins each line says where its value comes from. Secrets in addresses
// are replaced by their length.
func (c *Config) Show(w io.Writer, origins bool) error {
	_, err := io.WriteString(w, c.text(&printer{c: c, origins: origins, show: shown}))
	return err
}

// Text is Show with everything that is secret: a file from which the same configuration
// can be loaded. It is for the state folder alone.
func (c *Config) Text() string {
	return c.text(&printer{c: c, show: func(_ string, v any, _ bool) any { return v }})
}

func (c *Config) text(p *printer) string {
	v := reflect.ValueOf(c).Elem()
	p.table(v, "", "", true)
	for i := range c.Devices {
		p.begin("[[device]]")
		p.table(reflect.ValueOf(&c.Devices[i]).Elem(), join("device", c.Devices[i].Name), "device", false)
	}
	return p.b.String()
}

// printer writes tables. Tables inside tables come after the plain settings,
// as TOML needs it.
type printer struct {
	c       *Config
	origins bool
	show    show
	b       strings.Builder
	tables  []Table // the same, for who lays it out otherwise
}

// begin writes the header of a table.
func (p *printer) begin(header string) {
	p.b.WriteString("\n" + header + "\n")
	p.tables = append(p.tables, Table{Header: header})
}

// table writes the settings of v. key is the path origins are kept by, header
// the path table headers are written with; all also writes what has its zero
// value.
func (p *printer) table(v reflect.Value, key, header string, all bool) {
	var tables []field
	for _, f := range fieldsOf(v) {
		inner := f.value
		if inner.Kind() == reflect.Pointer {
			if inner.IsNil() {
				continue
			}
			inner = inner.Elem()
		} else if !all && inner.IsZero() {
			continue
		}
		if _, isText := inner.Addr().Interface().(encoding.TextMarshaler); !isText && (inner.Kind() == reflect.Struct || inner.Kind() == reflect.Map) {
			tables = append(tables, f)
			continue
		}
		if inner.Type() != reflect.TypeFor[[]device.Config]() {
			p.line(f.name, join(key, f.name), inner, f.secret)
		}
	}
	for _, f := range tables {
		p.inner(f, join(key, f.name), join(header, f.name), all)
	}
}

// inner writes a table inside another, or a map of tables.
func (p *printer) inner(f field, key, header string, all bool) {
	v := reflect.Indirect(f.value)
	if v.Kind() == reflect.Map && v.Type().Elem().Kind() == reflect.Struct {
		for _, k := range sortedNames(v) {
			path := join(header, k)
			p.begin("[" + path + "]")
			p.table(entry(v, k), join(key, k), path, all)
		}
		return
	}
	p.begin("[" + header + "]")
	if v.Kind() == reflect.Struct {
		p.table(v, key, header, all)
		return
	}
	for _, k := range sortedNames(v) {
		p.line(k, join(key, k), v.MapIndex(reflect.ValueOf(k)), f.secret)
	}
}

// entry is a copy of a map's value, of which the fields can be looked at.
func entry(m reflect.Value, key string) reflect.Value {
	v := reflect.New(m.Type().Elem()).Elem()
	v.Set(m.MapIndex(reflect.ValueOf(key).Convert(m.Type().Key())))
	return v
}

func (p *printer) line(name, key string, v reflect.Value, secret bool) {
	set := Setting{tomlKey(name), tomlValue(p.show(key, plain(v), secret)), p.c.Origin(key)}
	if len(p.tables) == 0 { // what stands before the first
		p.tables = append(p.tables, Table{})
	}
	last := &p.tables[len(p.tables)-1]
	last.Settings = append(last.Settings, set)
	line := set.Name + " = " + set.Value
	if p.origins {
		line = fmt.Sprintf("%-44s # %s", line, set.Origin)
	}
	p.b.WriteString(line + "\n")
}

// shown hides what may be secret in a value.
func shown(key string, v any, secret bool) any {
	if text, ok := v.(string); ok && (secret || strings.HasPrefix(key, "uplink.headers.")) {
		return fmt.Sprintf("[%d characters]", len(text))
	}
	switch key {
	case "uplink.url", "uplink.urls", "uplink.proxy", "uplink.oauth.token_url", "uplink.oauth.device_url", "uplink.login.url":
	default:
		return v
	}
	switch v := v.(type) {
	case string:
		return RedactURL(v)
	case []any:
		for i := range v {
			v[i] = shown(key, v[i], secret)
		}
	}
	return v
}

// plain turns a setting into what JSON and TOML both know.
func plain(v reflect.Value) any {
	if m, ok := v.Interface().(encoding.TextMarshaler); ok {
		text, _ := m.MarshalText()
		return string(text)
	}
	if b, ok := v.Interface().(device.Baud); ok && b == device.BaudAuto {
		return b.String()
	}
	switch {
	case v.Kind() == reflect.String:
		return v.String()
	case v.CanInt():
		return v.Int()
	case v.CanUint():
		return v.Uint()
	case v.CanFloat():
		return v.Float()
	case v.Kind() == reflect.Slice:
		list := make([]any, v.Len())
		for i := range list {
			list[i] = plain(v.Index(i))
		}
		return list
	}
	return v.Interface()
}

func sortedNames(m reflect.Value) []string {
	names := make([]string, 0, m.Len())
	for _, k := range m.MapKeys() {
		names = append(names, k.String())
	}
	sort.Strings(names)
	return names
}

func tomlKey(name string) string {
	if bare(name) {
		return name
	}
	return tomlString(name)
}

func tomlValue(v any) string {
	switch x := v.(type) {
	case string:
		return tomlString(x)
	case float64:
		s := strconv.FormatFloat(x, 'g', -1, 64)
		if !strings.ContainsAny(s, ".e") {
			s += ".0"
		}
		return s
	case []any:
		parts := make([]string, len(x))
		for i := range x {
			parts[i] = tomlValue(x[i])
		}
		return "[" + strings.Join(parts, ", ") + "]"
	}
	return fmt.Sprint(v)
}

// tomlString writes a basic string: TOML knows fewer escapes than Go.
func tomlString(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteRune('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case r < ' ' || r == 0x7f:
			fmt.Fprintf(&b, `\u%04X`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// Tree is the configuration for `config show --json`: tables as maps, values
// in the form the file has them, secrets in addresses replaced.
func (c *Config) Tree() map[string]any {
	tree := treeOf(reflect.ValueOf(c).Elem(), "", true)
	devices := make([]any, len(c.Devices))
	for i := range c.Devices {
		devices[i] = treeOf(reflect.ValueOf(&c.Devices[i]).Elem(), "device", false)
	}
	tree["device"] = devices
	return tree
}

// Origins lists every setting that is not built in with the place it was set.
func (c *Config) Origins() map[string]string {
	all := make(map[string]string, len(c.origins))
	for k, o := range c.origins {
		all[k] = o.String()
	}
	return all
}

func treeOf(v reflect.Value, key string, all bool) map[string]any {
	tree := map[string]any{}
	for _, f := range fieldsOf(v) {
		inner := f.value
		if inner.Type() == reflect.TypeFor[[]device.Config]() || (!all || inner.Kind() == reflect.Pointer) && inner.IsZero() {
			continue
		}
		inner = reflect.Indirect(inner)
		path := join(key, f.name)
		_, isText := inner.Interface().(encoding.TextMarshaler)
		switch {
		case !isText && inner.Kind() == reflect.Struct:
			tree[f.name] = treeOf(inner, path, all)
		case !isText && inner.Kind() == reflect.Map:
			m := map[string]any{}
			for _, k := range sortedNames(inner) {
				if inner.Type().Elem().Kind() == reflect.Struct {
					m[k] = treeOf(entry(inner, k), join(path, k), all)
					continue
				}
				m[k] = shown(join(path, k), plain(inner.MapIndex(reflect.ValueOf(k))), f.secret)
			}
			tree[f.name] = m
		default:
			tree[f.name] = shown(path, plain(inner), f.secret)
		}
	}
	return tree
}
