package testbed

import (
	"encoding/json"
	"fmt"
	"testing"
)

func FuzzElements(f *testing.F) {
	for _, s := range []string{
		`[]`, `{}`, `[{}]`, ` [ {"tsmTuid":"a\"b","tsmId":1,"tsmTs":2.5} , {"a":[{}],"b":"]}"} ] `, `[{"a":-1e9,"b":null}]`, `[1]`, `nul`, `[{"x":"\\"}]`, ``,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, frame []byte) {
		var s splitter
		got, shape := s.elements(frame)
		var want []json.RawMessage
		var single json.RawMessage
		switch {
		case json.Unmarshal(frame, &want) == nil && want != nil:
			for _, w := range want {
				if w[0] != '{' {
					if shape != bad {
						t.Fatalf("%q: an element is no object, shape %d", frame, shape)
					}
					return
				}
			}
		case json.Unmarshal(frame, &single) == nil && single[0] == '{':
			if shape != bare {
				t.Fatalf("%q: a bare object, shape %d", frame, shape)
			}
			want = []json.RawMessage{single}
		default:
			if shape != bad {
				t.Fatalf("%q: shape %d", frame, shape)
			}
			return
		}
		if len(got) != len(want) {
			t.Fatalf("%q: %d elements, want %d", frame, len(got), len(want))
		}
		for i, e := range got {
			if string(e.raw) != string(want[i]) {
				t.Fatalf("%q: element %d is %q, want %q", frame, i, e.raw, want[i])
			}
			checkKey(t, e)
		}
	})
}

// checkKey compares the values found with those of encoding/json.
func checkKey(t *testing.T, e element) {
	var m map[string]json.RawMessage
	if err := json.Unmarshal(e.raw, &m); err != nil {
		t.Fatal(err)
	}
	for name, v := range map[string][]byte{"tsmTuid": e.tuid, "tsmId": e.id, "tsmTs": e.ts} {
		raw, there := m[name]
		if v != nil && !there || v != nil && string(v) != string(raw) && `"`+string(v)+`"` != string(raw) {
			t.Fatalf("%q: %s is %q, want %q", e.raw, name, v, raw)
		}
	}
}

func TestKeysForgetTheOldestOnly(t *testing.T) {
	k := newKeys(100)
	key := func(i int) element {
		return element{tuid: []byte("a"), id: []byte("1"), ts: fmt.Append(nil, i), raw: fmt.Append(nil, "m", i)}
	}
	for i := range 100 {
		if repeat, _ := k.see(key(i)); repeat {
			t.Fatalf("%d is new", i)
		}
	}
	if k.forgot.Load() {
		t.Fatal("nothing was forgotten yet")
	}
	for i := range 100 {
		if repeat, changed := k.see(key(i)); !repeat || changed {
			t.Fatalf("%d came before: repeat %v changed %v", i, repeat, changed)
		}
	}
	for i := range 1000 {
		k.see(key(100 + i))
	}
	if !k.forgot.Load() || len(k.now)+len(k.older) > 100 {
		t.Fatalf("forgot %v, holds %d", k.forgot.Load(), len(k.now)+len(k.older))
	}
	if repeat, _ := k.see(key(1099)); !repeat {
		t.Fatal("the latest key was forgotten")
	}
}

// A key's parts must not run into each other.
func TestKeysKeepPartsApart(t *testing.T) {
	k := newKeys(10)
	k.see(element{tuid: []byte("a1"), id: []byte("2"), ts: []byte("3")})
	if repeat, _ := k.see(element{tuid: []byte("a"), id: []byte("12"), ts: []byte("3")}); repeat {
		t.Fatal("two keys count as one")
	}
}

func BenchmarkTake(b *testing.B) {
	r, err := NewReceiver(Options{Listen: "127.0.0.1:0"})
	if err != nil {
		b.Fatal(err)
	}
	defer r.Close()
	var s splitter
	n := 0
	for b.Loop() {
		frame := []byte{'['}
		for i := range 200 {
			if i > 0 {
				frame = append(frame, ',')
			}
			frame = fmt.Appendf(frame, `{"tsmId":12100,"tsmEv":10,"tsmTs":%d,"tsmTuid":"XXXX03X2Z80562557","temp":21.30}`, n)
			n++
		}
		list, shape := s.elements(frame)
		if err := r.take(list, shape, len(frame)); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "messages/s")
}
