package config

import (
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"portti/device"
)

// keyOf is the key an error about a device speaks of; "" is the device itself.
func keyOf(err error) string {
	var k *device.KeyError
	if errors.As(err, &k) {
		return k.Key
	}
	return ""
}

// deviceTypes is what "type" may be.
func (l *loader) deviceTypes() []choice {
	var all []choice
	for _, name := range l.kinds.Names() {
		all = append(all, choice{value: name})
	}
	for _, name := range device.Planned() {
		all = append(all, choice{name, true})
	}
	return all
}

// checkDevice holds one device against the rules all kinds share, then lets
// its own kind speak. An error that says which key it is about is placed
// there, otherwise at the device.
func (l *loader) checkDevice(path, key string, d device.Config) {
	if d.Type == "" && !l.broken && !l.bad[key+".type"] {
		l.fault(path, key+".type", fmt.Sprintf("device %s has no type", quoteShort(d.Name)), "add type = "+oneOf(l.kinds.Names()))
		return
	}
	if !l.bad[key+".type"] && d.Type != "" {
		if l.checkChoice(path, key+".type", d.Type, l.deviceTypes()); l.bad[key+".type"] {
			return
		}
	}
	switch k, _ := l.kinds.Named(d.Type); {
	case d.Port == "" && d.Match == nil && k.Port == "" && k.Open == nil && !l.broken && !l.bad[key+".port"] && !l.bad[key+".match"]:
		l.fault(path, key+".port", fmt.Sprintf("device %s has no port", quoteShort(d.Name)),
			`add port = "/dev/serial/by-id/…", tcp://host:port, or match = {vid = "…", pid = "…"}`)
		return
	case d.Port != "" && d.Match != nil:
		l.fault(path, key+".match", `both "port" and "match" are set`, "keep one of the two")
		return
	}
	if d.ExpectEvery != "" && !l.bad[key+".expect_every"] {
		var every Duration
		if err := every.UnmarshalText([]byte(d.ExpectEvery)); err != nil {
			l.fault(path, key+".expect_every", `"expect_every" `+err.Error(), unitHint(reflect.ValueOf(&every).Elem(), d.ExpectEvery))
			return
		}
	}
	for _, err := range split(errors.Join(l.kinds.Check(d), l.kinds.CheckAmong(d, l.cfg.Devices))) {
		at, text := key, err.Error()
		if name := keyOf(err); name != "" {
			at = key + "." + name
			if _, set := l.set[at]; l.broken && !set { // it may stand on a line that could not be read
				continue
			}
			shown := name
			if strings.HasSuffix(name, `"`) { // no bare key, quoted already
				shown = lastOf(name)
			}
			text = strconv.Quote(shown) + strings.TrimPrefix(text, name)
		}
		if !l.bad[at] && (at == key || !l.badBelow(at)) {
			l.fault(path, at, text, "")
		}
	}
	if k, _ := l.kinds.Named(d.Type); k.Doubts != nil && len(l.faults) == 0 {
		for _, err := range split(k.Doubts(d)) {
			name := keyOf(err)
			l.say(false, key+"."+name, strconv.Quote(name)+strings.TrimPrefix(err.Error(), name), "")
		}
	}
}

// badBelow says whether a value in the table of that name is wrong already, so that
// what the table lacks may be just that.
func (l *loader) badBelow(table string) bool {
	for key := range l.bad {
		if strings.HasPrefix(key, table+".") {
			return true
		}
	}
	return false
}

// split takes joined errors apart.
func split(err error) []error {
	var joined interface{ Unwrap() []error }
	switch {
	case err == nil:
		return nil
	case errors.As(err, &joined):
		var all []error
		for _, e := range joined.Unwrap() {
			all = append(all, split(e)...)
		}
		return all
	}
	return []error{err}
}
