package config

import (
	"encoding"
	"reflect"
	"slices"
	"strings"
	"testing"

	"portti/device"
)

// hiddenTexts are the settings of which others see only how long they are.
func hiddenTexts() []string {
	return []string{"uplink.headers.NAME", "uplink.subprotocol", "device.keys.NAME", "device.keys_file"}
}

// Every setting that is a text is either known to be safe or known to be hidden: a new
// one is put on one of the lists by whoever makes it.
func TestEveryTextIsOnAList(t *testing.T) {
	found := map[string]bool{}
	textsOf(reflect.ValueOf(Defaults()).Elem(), "", found)
	kinds := device.Kinds()
	for _, name := range kinds.Names() {
		c := device.Config{Type: name}
		if kind, ok := kinds.Named(name); ok && kind.Options != nil {
			c.Options = kind.Options()
		}
		textsOf(reflect.ValueOf(&c).Elem(), "device", found)
	}
	if len(found) < 80 {
		t.Fatalf("found only %d settings", len(found))
	}
	for key := range found {
		open, hidden := openKey(key), slices.Contains(hiddenTexts(), key)
		if open == hidden {
			t.Errorf("%s: in openTexts %v, hidden %v", key, open, hidden)
		}
	}
	for _, key := range hiddenTexts() {
		if !found[key] {
			t.Errorf("%s is no setting", key)
		}
	}
}

// textsOf notes the settings below v that hold text.
func textsOf(v reflect.Value, path string, found map[string]bool) {
	for _, f := range fieldsOf(v) {
		inner, key := f.value.Type(), join(path, f.name)
		if inner.Kind() == reflect.Pointer {
			inner = inner.Elem()
		}
		for inner.Kind() == reflect.Slice || inner.Kind() == reflect.Map {
			if inner.Kind() == reflect.Map {
				key = join(key, "NAME")
			}
			inner = inner.Elem()
		}
		_, text := reflect.New(inner).Interface().(encoding.TextMarshaler)
		switch {
		case inner == reflect.TypeFor[device.Config]():
		case inner.Kind() == reflect.Struct && !text:
			textsOf(reflect.New(inner).Elem(), key, found)
		case inner.Kind() == reflect.String || text:
			found[key] = true
		}
	}
}

// What nobody has looked at is hidden.
func TestShowOutside(t *testing.T) {
	c := Defaults()
	c.Uplink.URL = "wss://h.example/x?token=canary-one"
	c.Uplink.Headers["X-Key"] = "canary-two"
	c.Uplink.Subprotocol = "canary-three"
	c.Devices = []device.Config{{Name: "map", Type: "ble-bridge", Options: &device.TagOptions{
		Tags: map[string]string{"A4:C1:38:8D:18:B2": "XXXX03TAG00000001"}, Keys: map[string]string{"A4:C1:38:8D:18:B2": "canary-four"}, KeysFile: "canary-five"}}}
	var b strings.Builder
	if err := c.ShowOutside(&b); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(b.String(), "canary") || !strings.Contains(b.String(), "[12 characters]") || !strings.Contains(b.String(), "XXXX03TAG00000001") || !strings.Contains(b.String(), `dialect = "thingsee"`) {
		t.Error(b.String())
	}
}

// TestMaskURLHidesWhatIsNotEscaped: a password is pasted as it is, and a token may stand
// in a query alone.
func TestMaskURLHidesWhatIsNotEscaped(t *testing.T) {
	for in, want := range map[string]string{
		"http://user:ca/nary@proxy:3128":  "http://***@proxy:3128",
		"http://user:ca?nary@proxy:3128":  "http://***@proxy:3128",
		"http://user:ca#nary@proxy:3128":  "http://***@proxy:3128",
		"user:canary@proxy:3128":          "***@proxy:3128",
		"wss://h.example/x?canary":        "wss://h.example/x?***",
		"wss://h.example/x?a=canary&b":    "wss://h.example/x?a=***&b",
		"wss://h.example:8443/@room?":     "wss://h.example:8443/@room?",
		"wss://[2001:db8::1]:8443/@room":  "wss://[2001:db8::1]:8443/@room",
		"wss://h.example/x#canary://more": "wss://h.example/x#***",
	} {
		if got := MaskURL(in); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
}
