package thingseetest

import (
	"bytes"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"portti/device/thingsee"
)

type sample struct {
	Message json.RawMessage
	Missing []string
	Source  string
}

// samples checks that each message is read, that Check misses exactly what the
// sample lacks, and that a dated one comes out of our own encoder the same.
func samples(t *testing.T, list []sample) {
	for i, s := range list {
		r, err := Parse(s.Message)
		if err != nil {
			t.Errorf("sample %d: %v\n%s", i, err, s.Message)
			continue
		}
		var missing []string
		for _, p := range Check(r) {
			if !strings.HasPrefix(p.Text, "missing") || !strings.HasPrefix(p.Place, "tsm") {
				t.Errorf("sample %d: %s\n%s", i, p, s.Message)
				continue
			}
			missing = append(missing, p.Place)
		}
		slices.Sort(missing)
		slices.Sort(s.Missing)
		if !slices.Equal(missing, s.Missing) {
			t.Errorf("sample %d lacks %q, Check says %q\n%s", i, s.Missing, missing, s.Message)
		}
		var members map[string]json.RawMessage
		if err := json.Unmarshal(s.Message, &members); err != nil {
			t.Fatal(err)
		}
		for _, v := range r.Fields {
			if string(members[v.Name]) != string(v.JSON) {
				t.Errorf("sample %d: %s is %s, parsed %s", i, v.Name, members[v.Name], v.JSON)
			}
		}
		encodeAgain(t, i, r)
	}
}

func encodeAgain(t *testing.T, i int, r Received) {
	m := thingsee.Message{ID: r.ID, Event: r.Event, Time: r.Time, Tuid: r.Tuid, Gateway: r.Gateway}
	for _, v := range r.Fields {
		switch c := v.JSON[0]; {
		case c == '"':
			s, _ := text(v.JSON)
			m.Text(v.Name, []byte(s))
		case c == '-' || '0' <= c && c <= '9':
			if !m.Number(v.Name, v.JSON) {
				t.Errorf("sample %d: field %s was refused", i, v.Name)
			}
		}
	}
	again, err := Parse(m.Append(nil))
	if err != nil || again.ID != r.ID || again.Time != r.Time || again.Tuid != r.Tuid || len(again.Fields) != m.Len() {
		t.Errorf("sample %d came back as %+v, %v", i, again, err)
	}
}

func TestOwnSamples(t *testing.T) {
	b, err := os.ReadFile("testdata/samples.json")
	if err != nil {
		t.Fatal(err)
	}
	var list []sample
	if err := json.Unmarshal(b, &list); err != nil {
		t.Fatal(err)
	}
	samples(t, list)
}

func TestParse(t *testing.T) {
	r, err := Parse([]byte(` {"temp":21.50,"tsmTs":"1520416221.123","tsmId":12100.0,"tsmCloudTs":5,"tsmEv":"x","tsmTuid":"a","temp":22,"tsErr":3,"humd":[1] }`))
	if err != nil || r.ID != 12100 || r.Event != -1 || r.Time != 1520416221123 || !r.Dated || r.Tuid != "a" || r.TimeErr != 3 {
		t.Errorf("%+v, %v", r, err)
	}
	if len(r.Fields) != 2 || string(r.Fields[0].JSON) != "22" || string(r.Fields[1].JSON) != "[1]" || len(r.Envelope) != 2 {
		t.Errorf("members: %+v", r)
	}
	for text, want := range map[string]int64{
		"0": 0, "-5": -5000, "1520416221.5": 1520416221500, "1e3": 1_000_000,
		"": -1, " 5": -1, "+5": -1, ".5": -1, "5.": -1, "007": -1, "0x10": -1, "0x1p5": -1, "0x1_0p5": -1, "1_0": -1, "nan": -1, "inf": -1, "1e13": -1,
	} {
		r, err := Parse([]byte(`{"tsmTs":"` + text + `"}`))
		if dated := want != -1; err != nil || r.Dated != dated || dated && r.Time != want {
			t.Errorf("tsmTs %q: %d, dated %v, %v", text, r.Time, r.Dated, err)
		}
	}
	for _, bad := range []string{``, ` `, `[]`, `5`, `null`, `{`, `{"a"`, `{"a":`, `{"a":1`, `{"a":1,}`, `{"a":1}}`, `{"a":1}{}`, `{"a":tru}`, `{1:2}`, `{"a" 1}`} {
		if _, err := Parse([]byte(bad)); err == nil {
			t.Errorf("%s was read", bad)
		}
	}
}

func TestParseAll(t *testing.T) {
	for _, c := range []struct {
		frame string
		ids   []int
		err   string
	}{
		{`[]`, nil, ""},
		{` [{"tsmId":1},{"tsmId":2}] `, []int{1, 2}, ""},
		{` {"tsmId":3} `, []int{3}, ""},
		{`[{"tsmId":1},7,{"tsmId":2},null]`, []int{1, 2}, "message 1: cannot read message: not a JSON object\nmessage 3: cannot read message: not a JSON object"},
		{`[{"tsmId":1}`, nil, "cannot read messages: unexpected end of JSON input"},
		{`{"tsmId":1`, nil, "cannot read message: not a JSON object"},
		{``, nil, "cannot read messages: unexpected end of JSON input"},
		{"\r\n\t {\"tsmId\":4}\n", []int{4}, ""},
		{"\f{\"tsmId\":4}", nil, "cannot read messages: invalid character '\\f' looking for beginning of value"},
		{"[]\u00a0", nil, "cannot read messages: invalid character 'Â' after top-level value"},
	} {
		all, err := ParseAll([]byte(c.frame))
		var ids []int
		for _, r := range all {
			ids = append(ids, r.ID)
		}
		text := ""
		if err != nil {
			text = err.Error()
		}
		if !slices.Equal(ids, c.ids) || text != c.err {
			t.Errorf("%s: %v, %q", c.frame, ids, text)
		}
	}
}

// alike says whether the strict reader and the tolerant one see the same. Where
// one of them leaves elements out there is nothing to compare.
func alike(t *testing.T, frame []byte) (compared int) {
	t.Helper()
	commands, _, err := thingsee.ParseCommands(frame)
	received, tolerant := ParseAll(frame)
	if err != nil || tolerant != nil || len(commands) != len(received) {
		return 0
	}
	for i, c := range commands {
		if r := received[i]; r.ID != c.ID || r.Event != c.Event || r.Target != c.Target {
			t.Fatalf("%+v and %+v of %q", c, r, frame)
		}
	}
	return len(commands)
}

func TestPublishedCommandsAreReadAlike(t *testing.T) {
	b, err := os.ReadFile("../testdata/downlink.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	for line := range bytes.Lines(b) {
		if alike(t, line) != 1 {
			t.Errorf("not compared: %s", line)
		}
	}
}

// FuzzParse: what encoding/json takes for an object is read, nothing else is,
// Check survives all of it, and what the strict reader takes is seen alike.
func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"tsmId":12100,"tsmEv":10,"tsmTs":1520416221.123,"tsmTuid":"a","temp":21.3}`))
	f.Add([]byte(`[{"tsmId":1202,"tuid":null,"rssi":"x"},5]`))
	f.Add([]byte(`[{"tsmId":1402,"tsmEv":35,"tsmDstTuid":"G","transactionId":7,"command":"REBOOT"}]`))
	f.Add([]byte(`{"tsmTs":"0x1p5","tsmId":1e400,"tsErr":null}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 128 { // minimising an input takes quadratic time
			return
		}
		var members map[string]json.RawMessage
		object := json.Unmarshal(b, &members) == nil && members != nil
		r, err := Parse(b)
		if (err == nil) != object {
			t.Fatalf("%q: Parse says %v, encoding/json says object is %v", b, err, object)
		}
		Check(r)
		alike(t, b)
		all, _ := ParseAll(b)
		for _, r := range all {
			Check(r)
		}
	})
}
