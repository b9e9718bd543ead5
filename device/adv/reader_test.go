package adv

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
)

func unhex(s string) []byte {
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		panic(err)
	}
	return b
}

func TestReader(t *testing.T) {
	for _, c := range []struct {
		name, payload, want string
		cut                 int
	}{
		{"nothing", "", "", 0},
		{"flags and name", "020106 0441626364", "01:06 41:626364", 0},
		{"padding ends it", "020106 00 0201", "01:06", 0},
		{"type without data", "0109 020106", "09: 01:06", 0},
		{"beyond the end", "020106 0541 6263", "01:06", 4},
		{"length alone", "020106 05", "01:06", 1},
		{"one too long", "0301", "", 2},
		{"exactly full", "0301aabb", "01:aabb", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			var r Reader
			var got []string
			for r.Reset(unhex(c.payload)); r.Next(); {
				got = append(got, fmt.Sprintf("%02x:%x", r.typ, r.data))
			}
			if strings.Join(got, " ") != c.want || r.Cut() != c.cut {
				t.Errorf("got %q, cut %d; want %q, %d", got, r.Cut(), c.want, c.cut)
			}
			if r.Next() || r.typ != 0 {
				t.Error("went on after the end")
			}
		})
	}
}

func TestManufacturer(t *testing.T) {
	var r Reader
	r.Reset(unhex("0309 6869  05FF 9904 0503  0416 D2FC 44  02FF01  03FF 5900  0308 4142"))
	var got []string
	for r.Next() {
		if company, data, ok := r.Manufacturer(); ok {
			got = append(got, fmt.Sprintf("maker %04x %x", company, data))
		}
	}
	want := []string{"maker 0499 0503", "maker 0059 "}
	if strings.Join(got, "; ") != strings.Join(want, "; ") || r.Cut() != 0 {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

// FuzzReader: the elements given and the bytes cut or padded are the payload.
func FuzzReader(f *testing.F) {
	f.Add(unhex("0201061BFF99040512FC5394C37C0004FFFC040CAC364200CDCBB8334C884F"))
	f.Add(unhex("0201060041"))
	f.Add(unhex("0309686905FF9904"))
	f.Fuzz(func(t *testing.T, payload []byte) {
		if len(payload) > 128 { // minimising an input takes quadratic time
			return
		}
		var r Reader
		var back []byte
		for r.Reset(payload); r.Next(); {
			back = append(append(back, byte(len(r.data)+1), r.typ), r.data...)
			r.Manufacturer()
		}
		rest := payload[min(len(back), len(payload)):]
		if !bytes.HasPrefix(payload, back) || r.Cut() != 0 && r.Cut() != len(rest) || r.Cut() == 0 && len(rest) > 0 && rest[0] != 0 {
			t.Fatalf("%x gave %x and cut %d", payload, back, r.Cut())
		}
	})
}
