package thingsee

import (
	"bytes"
	"encoding/json"
	"math"
	"strings"
	"testing"
)

func TestFillTime(t *testing.T) {
	var m Message
	weather(&m)
	m.Text("note", []byte(`,"tsmTs":@99,`)) // a trap: it must not be taken for the slot
	rec := m.AppendProvisional(nil, 61123)
	if json.Valid(rec) || !strings.Contains(string(rec), `,"tsmTs":@61123,"tsmTuid"`) {
		t.Fatalf("provisional record: %s", rec)
	}
	got, err := FillTime([]byte("x"), rec, 1520416160000, 0)
	if want := m.Append([]byte("x")); err != nil || !bytes.Equal(got, want) {
		t.Errorf("got  %s, %v\nwant %s", got, err, want)
	}
	got, err = FillTime(nil, rec, 1520416160000, 30)
	if err != nil || !json.Valid(got) || !strings.Contains(string(got), `"tsmTs":1520416221.123,"tsErr":30,"tsmTuid"`) {
		t.Errorf("with error: %s, %v", got, err)
	}
	bare := Message{ID: 1000, Event: 17}
	got, err = FillTime(nil, bare.AppendProvisional(nil, -5), 1005, 1)
	if err != nil || string(got) != `{"tsmId":1000,"tsmEv":17,"tsmTs":1,"tsErr":1}` {
		t.Errorf("bare: %s, %v", got, err)
	}
}

func TestFillTimeRefuses(t *testing.T) {
	for name, rec := range map[string]string{
		"nothing":                ``,
		"an array":               `[]`,
		"a dated message":        `{"tsmId":1,"tsmEv":10,"tsmTs":5,"temp":1}`,
		"no time at all":         `{"tsmId":1,"tsmEv":10,"temp":1}`,
		"slot elsewhere":         `{"tsmId":1,"tsmEv":10,"temp":1,"tsmTs":@5}`,
		"slot in a text":         `{"tsmId":1,"tsmEv":10,"note":",\"tsmTs\":@5,"}`,
		"no number":              `{"tsmId":1,"tsmEv":10,"tsmTs":@,"temp":1}`,
		"minus alone":            `{"tsmId":1,"tsmEv":10,"tsmTs":@-,"temp":1}`,
		"letters in it":          `{"tsmId":1,"tsmEv":10,"tsmTs":@5x,"temp":1}`,
		"a fraction":             `{"tsmId":1,"tsmEv":10,"tsmTs":@5.5,"temp":1}`,
		"too big":                `{"tsmId":1,"tsmEv":10,"tsmTs":@9223372036854775808,"temp":1}`,
		"over the end of time":   `{"tsmId":1,"tsmEv":10,"tsmTs":@9223372036854775807,"temp":1}`,
		"cut after the number":   `{"tsmId":1,"tsmEv":10,"tsmTs":@5`,
		"cut in the key":         `{"tsmId":1,"tsmEv":10,"tsmTs":`,
		"no id":                  `{"tsmId":,"tsmEv":10,"tsmTs":@5}`,
		"members in other order": `{"tsmEv":10,"tsmId":1,"tsmTs":@5}`,
	} {
		got, err := FillTime([]byte("x"), []byte(rec), 1520416160000, 9)
		if err == nil || string(got) != "x" {
			t.Errorf("%s: gave %s, %v", name, got, err)
		}
	}
	if _, err := FillTime(nil, []byte(`{"tsmId":1,"tsmEv":10,"tsmTs":@-9}`), math.MinInt64, 0); err == nil {
		t.Error("a time before all time was given")
	}
}

// FuzzFillTime: what was filled in is the record with one number in the slot's place.
func FuzzFillTime(f *testing.F) {
	var m Message
	weather(&m)
	f.Add(m.AppendProvisional(nil, 61123), int64(1520416160000), int64(3))
	f.Add([]byte(`{"tsmId":1,"tsmEv":10,"tsmTs":@-9}`), int64(0), int64(0))
	f.Fuzz(func(t *testing.T, rec []byte, offset, errSeconds int64) {
		if len(rec) > 256 { // minimising an input takes quadratic time
			return
		}
		got, err := FillTime([]byte("x"), rec, offset, errSeconds)
		if err != nil {
			if string(got) != "x" {
				t.Fatalf("an error, and yet %q", got)
			}
			return
		}
		valid := bytes.Replace(rec, []byte("@"), nil, 1)
		// -0 and leading zeros cannot come from us; the rest must be as valid as the record was
		if json.Valid(valid) && !json.Valid(got[1:]) {
			t.Fatalf("%q filled in as %q", rec, got)
		}
	})
}
