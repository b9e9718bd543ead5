package jsonline

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// maker makes random JSON, with blanks wherever they may stand.
type maker struct{ *rand.Rand }

func (m maker) pick(list ...string) string { return list[m.IntN(len(list))] }

func (m maker) blank() string { return m.pick("", "", "", " ", "\t ", "\r\n") }

func (m maker) text() string {
	var b strings.Builder
	for range m.IntN(6) {
		b.WriteString(m.pick("a", "Z", "9", " ", "~", "ä", "€", "😀", `\"`, `\\`, `\/`, `\n`, `\u0041`, `\ud83d\ude00`, `\ud83d`, `\udead`, "\x7f", "{", "]", ":", ","))
	}
	return `"` + b.String() + `"`
}

func (m maker) value(depth int) string {
	switch n := m.IntN(10); {
	case n == 0 && depth < 4:
		return m.object(depth + 1)
	case n == 1 && depth < 4:
		items := make([]string, m.IntN(4))
		for i := range items {
			items[i] = m.blank() + m.value(depth+1) + m.blank()
		}
		if len(items) == 0 {
			return "[" + m.blank() + "]"
		}
		return "[" + strings.Join(items, ",") + "]"
	case n <= 3:
		return m.text()
	case n == 4:
		return m.pick("true", "false", "null")
	}
	return m.pick("", "-") + m.pick("0", "7", "21", "101325", "1700000000", "123456789012345678901") + m.pick("", "", ".5", ".50", ".123456789") + m.pick("", "", "", "e3", "E-2")
}

func (m maker) object(depth int) string {
	members := make([]string, m.IntN(6))
	for i := range members {
		members[i] = m.blank() + m.text() + m.blank() + ":" + m.blank() + m.value(depth) + m.blank()
	}
	if len(members) == 0 {
		return "{" + m.blank() + "}"
	}
	return "{" + strings.Join(members, ",") + "}"
}

// told is one member as text: its name, its kind and its value.
func told(name string, kind Kind, value string) string {
	return fmt.Sprintf("%q %c %s\n", name, "?nstfzoa"[kind], value)
}

// standard tells the members that encoding/json sees, in their order.
func standard(t *testing.T, line string) string {
	t.Helper()
	var b strings.Builder
	d := json.NewDecoder(strings.NewReader(line))
	_, err := d.Token()
	for err == nil && d.More() {
		var name json.Token
		var raw json.RawMessage
		if name, err = d.Token(); err == nil {
			err = d.Decode(&raw)
		}
		if err != nil {
			break
		}
		kind, value := Number, string(raw)
		switch raw[0] {
		case '"':
			kind = String
			var text string
			err = json.Unmarshal(raw, &text)
			value = text
		case 't':
			kind = True
		case 'f':
			kind = False
		case 'n':
			kind = Null
		case '{':
			kind = Object
		case '[':
			kind = Array
		}
		b.WriteString(told(name.(string), kind, value))
	}
	if err != nil {
		t.Fatalf("%q: %v", line, err)
	}
	return b.String()
}

// ours tells what a scanner that was used before sees.
func ours(t *testing.T, s *Scanner, line string) string {
	t.Helper()
	var b strings.Builder
	for s.Reset([]byte(line)); s.Next(); {
		value := string(s.Raw())
		if s.Kind() == String {
			value = string(Unescape(nil, s.Raw()))
			if s.Plain() && value != string(s.Raw()) {
				t.Fatalf("%q: %q is not plain", line, s.Raw())
			}
		}
		b.WriteString(told(string(Unescape(nil, s.Key())), s.Kind(), value))
	}
	if s.Err() != nil {
		t.Fatalf("%q: %v", line, s.Err())
	}
	return b.String()
}

// TestMembersAgainstEncodingJSON reads random objects with one scanner, broken
// lines between them: the same members in the same order.
func TestMembersAgainstEncodingJSON(t *testing.T) {
	m := maker{rand.New(rand.NewPCG(71, 72))}
	var s Scanner
	members := 0
	for range 5_000 {
		line := m.blank() + m.object(0) + m.blank()
		want := standard(t, line)
		if got := ours(t, &s, line); got != want {
			t.Fatalf("%q:\n got %s\nwant %s", line, got, want)
		}
		members += strings.Count(want, "\n")
		cut := m.IntN(len(strings.TrimSpace(line)))
		for s.Reset([]byte(strings.TrimSpace(line)[:cut])); s.Next(); {
		}
		if s.Err() == nil {
			t.Fatalf("%q was taken, cut at %d", line, cut)
		}
	}
	if members < 5_000 {
		t.Errorf("only %d members: this tests little", members)
	}
}

// TestUnescapeAgainstEncodingJSON: the same text for every string, half
// surrogates and broken UTF-8 among them.
func TestUnescapeAgainstEncodingJSON(t *testing.T) {
	m := maker{rand.New(rand.NewPCG(73, 74))}
	var dst []byte
	for range 20_000 {
		quoted := []byte(m.text())
		if m.IntN(4) == 0 && len(quoted) > 2 {
			at := 1 + m.IntN(len(quoted)-2)
			changed := bytes.Clone(quoted)
			changed[at] = m.pick("\xff", "\xc3", "\xed", "x", "\xf0")[0]
			if json.Valid(changed) {
				quoted = changed
			}
		}
		var want string
		if err := json.Unmarshal(quoted, &want); err != nil {
			t.Fatal(err)
		}
		raw := quoted[1 : len(quoted)-1]
		if dst = Unescape(dst[:0], raw); string(dst) != want {
			t.Fatalf("%q: %q, want %q", quoted, dst, want)
		}
		if Plain(raw) && string(raw) != want {
			t.Fatalf("%q is not plain", raw)
		}
	}
}
