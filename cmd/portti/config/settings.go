package config

import (
	"encoding"
	"fmt"
	"reflect"
	"strings"
)

// DeviceKey is the path that the settings of a device begin with.
func DeviceKey(name string) string { return join("device", name) }

// Settings gives every setting by its path, as text that is good for comparing
// only: it is not redacted.
func (c *Config) Settings() map[string]string {
	return c.settings(func(_ string, v any, _ bool) any { return v })
}

// ShownSettings is Settings as they may be shown: with what is secret, or might be,
// replaced by how long it is.
func (c *Config) ShownSettings() map[string]string { return c.settings(shown) }

// show is how a setting is written.
type show func(key string, v any, secret bool) any

func (c *Config) settings(show show) map[string]string {
	all := map[string]string{}
	collect(all, "", reflect.ValueOf(c).Elem(), show)
	for i := range c.Devices {
		collect(all, DeviceKey(c.Devices[i].Name), reflect.ValueOf(&c.Devices[i]).Elem(), show)
	}
	return all
}

func collect(all map[string]string, path string, v reflect.Value, show show) {
	for _, f := range fieldsOf(v) {
		key, inner := join(path, f.name), f.value
		if inner.Kind() == reflect.Pointer {
			if inner.IsNil() {
				continue
			}
			inner = inner.Elem()
		}
		_, text := inner.Addr().Interface().(encoding.TextMarshaler)
		switch {
		case key == "device": // by name, see Settings
		case text || inner.Kind() != reflect.Struct && inner.Kind() != reflect.Map:
			all[key] = fmt.Sprint(show(key, plain(inner), f.secret))
		case inner.Kind() == reflect.Struct:
			collect(all, key, inner, show)
		case inner.Type().Elem().Kind() == reflect.Struct:
			for _, k := range sortedNames(inner) {
				collect(all, join(key, k), entry(inner, k), show)
			}
		default:
			var b strings.Builder
			for _, k := range sortedNames(inner) {
				fmt.Fprintf(&b, "%q=%v ", k, show(join(key, k), plain(inner.MapIndex(reflect.ValueOf(k))), f.secret))
			}
			all[key] = b.String()
		}
	}
}
