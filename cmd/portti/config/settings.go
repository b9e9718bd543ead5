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
	all := map[string]string{}
	collect(all, "", reflect.ValueOf(c).Elem())
	for i := range c.Devices {
		collect(all, join("device", c.Devices[i].Name), reflect.ValueOf(&c.Devices[i]).Elem())
	}
	return all
}

func collect(all map[string]string, path string, v reflect.Value) {
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
			all[key] = fmt.Sprint(plain(inner))
		case inner.Kind() == reflect.Struct:
			collect(all, key, inner)
		default:
			var b strings.Builder
			for _, k := range sortedNames(inner) {
				fmt.Fprintf(&b, "%q=%v ", k, plain(inner.MapIndex(reflect.ValueOf(k))))
			}
			all[key] = b.String()
		}
	}
}
