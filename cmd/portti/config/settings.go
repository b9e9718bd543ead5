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
	return c.settings(func(_ string, v any) any { return v })
}

// ShownSettings is Settings as they may be shown: with what is secret, or might be,
// replaced by how long it is.
func (c *Config) ShownSettings() map[string]string {
	return c.settings(func(key string, v any) any {
		if text, ok := v.(string); ok && strings.Contains(key, ".keys.") {
			return fmt.Sprintf("[%d characters]", len(text))
		}
		return shown(key, v)
	})
}

func (c *Config) settings(show func(key string, v any) any) map[string]string {
	all := map[string]string{}
	collect(all, "", reflect.ValueOf(c).Elem(), show)
	for i := range c.Devices {
		collect(all, DeviceKey(c.Devices[i].Name), reflect.ValueOf(&c.Devices[i]).Elem(), show)
	}
	return all
}

func collect(all map[string]string, path string, v reflect.Value, show func(key string, v any) any) {
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
			all[key] = fmt.Sprint(show(key, plain(inner)))
		case inner.Kind() == reflect.Struct:
			collect(all, key, inner, show)
		default:
			var b strings.Builder
			for _, k := range sortedNames(inner) {
				fmt.Fprintf(&b, "%q=%v ", k, show(join(key, k), plain(inner.MapIndex(reflect.ValueOf(k)))))
			}
			all[key] = b.String()
		}
	}
}
