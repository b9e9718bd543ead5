package device

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"portti/device/clock"
	"portti/device/recording"
)

// notPortable are the keys of all devices that say nothing about how bytes are decoded,
// or stand in the head of a recording anyway.
func notPortable() []string {
	return []string{"-", "name", "type", "enabled", "match", "dtr", "rts", "share", "fallback_for", "clock_out", "rs485", "rts_level", "rts_before", "rts_after"}
}

// header is the head of a recording of this device that begins now.
func (d *device) header(now clock.Now) recording.Header {
	h := recording.Header{
		Gateway: d.env.Gateway, Name: d.cfg.Name, Type: d.cfg.Type, Binary: d.kind.Binary,
		Started: time.UnixMilli(now.Unix).UTC(), Mono: now.Mono, Floor: d.env.Clock.Floor(),
	}
	h.Keys, h.Withheld = portable(d.cfg)
	return h
}

// portable gives the keys of a device that were set and matter for decoding, as JSON,
// and the names of those that are secret.
func portable(c Config) (keys map[string]json.RawMessage, withheld []string) {
	keys = map[string]json.RawMessage{}
	for _, f := range keyFields(&c) {
		switch text, err := json.Marshal(f.value.Interface()); {
		case f.value.IsZero():
		case f.secret:
			withheld = append(withheld, f.key)
		case err == nil: // what a configuration can hold, JSON can
			keys[f.key] = text
		}
	}
	return keys, withheld
}

// keyField is a key of a device and where its value is.
type keyField struct {
	key    string
	value  reflect.Value
	secret bool
}

// keyFields lists the portable keys of a device, those of its own kind among them.
func keyFields(c *Config) (all []keyField) {
	structs := []reflect.Value{reflect.ValueOf(c).Elem()}
	if options := reflect.ValueOf(c.Options); options.Kind() == reflect.Pointer && !options.IsNil() {
		structs = append(structs, options.Elem())
	}
	for _, v := range structs {
		all = appendKeys(all, v)
	}
	return all
}

// appendKeys adds the keys of one struct, those of structs embedded in it among them.
func appendKeys(all []keyField, v reflect.Value) []keyField {
	for i := range v.NumField() {
		f := v.Type().Field(i)
		switch key := f.Tag.Get("toml"); {
		case f.Anonymous && key == "":
			all = appendKeys(all, v.Field(i))
		case key != "" && !slices.Contains(notPortable(), key):
			all = append(all, keyField{key, v.Field(i), f.Tag.Get("secret") != "" || secretName(key)})
		}
	}
	return all
}

// secretName says whether a key promises a secret, so that a driver whose author forgot
// to mark one gives none away.
func secretName(key string) bool {
	return slices.ContainsFunc([]string{"key", "secret", "passw", "token"}, func(w string) bool {
		return strings.Contains(key, w)
	})
}

// Recorded makes the configuration of a device of a recording's head, so that its bytes
// can be decoded again. kind replaces the type that it has; "" = none does. ignored are
// keys that this type does not have in this version.
func (t Table) Recorded(h recording.Header, kind string) (c Config, ignored []string, err error) {
	if kind == "" {
		kind = h.Type
	}
	k, known := t.Named(kind)
	if !known {
		return c, nil, t.checkType(kind)
	}
	c = Config{Name: h.Name, Type: kind}
	if k.Options != nil {
		c.Options = k.Options()
	}
	fields := keyFields(&c)
	for key, text := range h.Keys {
		i := slices.IndexFunc(fields, func(f keyField) bool { return f.key == key })
		if i < 0 {
			ignored = append(ignored, key)
			continue
		}
		if err := json.Unmarshal(text, fields[i].value.Addr().Interface()); err != nil {
			return c, nil, fmt.Errorf("cannot use %s of the recording: %w", key, err)
		}
	}
	slices.Sort(ignored)
	if k.Open == nil {
		c.Port = "/recording" // which nobody opens
	}
	return c, ignored, nil
}
