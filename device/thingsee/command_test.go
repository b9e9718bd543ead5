package thingsee

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"unicode/utf8"
)

// downlink is what the public pages print of messages to a thing, one a line.
func downlink(t testing.TB) [][]byte {
	b, err := os.ReadFile("testdata/downlink.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Split(bytes.TrimSpace(b), []byte("\n"))
}

func TestPublishedCommands(t *testing.T) {
	addressed := 0
	for _, line := range downlink(t) {
		one, bad, err := ParseCommands(line)
		if err != nil || bad != 0 || len(one) != 1 {
			t.Errorf("%s: %v, %d bad, %v", line, one, bad, err)
			continue
		}
		all, bad, err := ParseCommands(slicesJoin(line, line))
		if err != nil || bad != 0 || len(all) != 2 || fmt.Sprint(all[1]) != fmt.Sprint(one[0]) {
			t.Errorf("%s in an array: %v, %d bad, %v", line, all, bad, err)
		}
		c := one[0]
		if c.Wrong() != "" {
			t.Errorf("%s: %s", line, c.Wrong())
		}
		if c.Target != "" {
			addressed++
		}
	}
	if addressed < 8 {
		t.Errorf("only %d samples name a target", addressed)
	}
}

func slicesJoin(a, b []byte) []byte {
	return []byte("[" + string(a) + " ,\n" + string(b) + "]")
}

const reboot = `{"tsmId":1402,"tsmEv":35,"tsmDstTuid":"G","transactionId":7,"command":"REBOOT"}`

// Threat U7: bombs of depth, keys and numbers are refused by their form.
func TestCommandsRefused(t *testing.T) {
	for name, c := range map[string]struct{ frame, why string }{
		"empty":              {"", "JSON"},
		"space":              {" \n", "JSON"},
		"form feed":          {"\f" + reboot, "JSON"},
		"vertical tab":       {reboot + "\v", "JSON"},
		"next line":          {reboot + "\u0085", "JSON"},
		"no-break space":     {"\u00a0" + reboot, "JSON"},
		"wide space":         {"\u3000[]\u2028", "JSON"},
		"half":               {reboot[:40], "JSON"},
		"two values":         {reboot + reboot, "JSON"},
		"comma at the end":   {"[" + reboot + ",]", "JSON"},
		"no JSON literal":    {`[{"tsmId":NaN}]`, "JSON"},
		"broken UTF-8":       {"{\"a\":\"\xff\"}", "UTF-8"},
		"too large":          {"[" + strings.Repeat(" ", MaxDownlink) + "]", "larger"},
		"17 deep":            {strings.Repeat("[", 17) + strings.Repeat("]", 17), "deeper"},
		"17 deep objects":    {strings.Repeat(`{"a":`, 17) + "1" + strings.Repeat("}", 17), "deeper"},
		"very deep":          {strings.Repeat("[", 30000) + strings.Repeat("]", 30000), "JSON"}, // encoding/json's own limit
		"a key twice":        {`{"tsmId":1,"tsmEv":2,"tsmId":1}`, "twice"},
		"twice by escape":    {`{"command":"a","\u0063ommand":"b"}`, "twice"},
		"twice inside":       {`[{"a":[{"b":1,"c":2,"b":3}]}]`, "twice"},
		"huge number":        {`{"a":1e999}`, "number"},
		"huge negative":      {`[[-1e999]]`, "number"},
		"long number":        {`{"a":` + strings.Repeat("1", MaxNumber+1) + `}`, "number"},
		"too many":           {"[" + strings.Repeat(reboot+",", MaxCommands) + reboot + "]", "the most"},
		"lone half of a key": {`{"\ud800":1,"\ud801":2}`, "twice"}, // both read as U+FFFD
	} {
		all, bad, err := ParseCommands([]byte(c.frame))
		if err == nil || !strings.Contains(err.Error(), c.why) || len(all) > 0 || bad != 0 {
			t.Errorf("%s: %v, %d bad, %v", name, all, bad, err)
		}
	}
	for name, frame := range map[string]string{
		"16 deep":              strings.Repeat("[", 16) + strings.Repeat("]", 16),
		"as many":              "[" + strings.Repeat(reboot+",", MaxCommands-1) + reboot + "]",
		"as large":             reboot[:len(reboot)-1] + `,"x":"` + strings.Repeat("y", MaxDownlink-len(reboot)-7) + `"}`,
		"all blanks":           " \t\r\n[" + reboot + "]\n\r\t ",
		"as large, and blanks": strings.Repeat(" ", 9) + "[" + strings.Repeat(" ", MaxDownlink-2) + "]\n",
		"same key":             `[{"a":1},{"a":1,"b":{"a":2,"c":[{"a":3},{"a":4}]}}]`,
		"empty array":          "[]",
		"long decimal":         `{"a":0.` + strings.Repeat("1", MaxNumber-2) + `}`,
	} {
		if _, _, err := ParseCommands([]byte(frame)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestBadCommandsAreCounted(t *testing.T) {
	for _, e := range []string{
		"1", "null", `"x"`, "[]", "{}", `{"tsmId":1402}`, `{"tsmEv":35}`,
		`{"tsmId":1402.0,"tsmEv":35}`, `{"tsmId":1e3,"tsmEv":35}`, `{"tsmId":"1402","tsmEv":35}`, `{"tsmId":0,"tsmEv":35}`, `{"tsmId":-5,"tsmEv":35}`,
		`{"tsmId":2147483648,"tsmEv":35}`, `{"tsmId":99999999999999999999,"tsmEv":35}`,
		`{"tsmId":1402,"tsmEv":1000}`, `{"tsmId":1402,"tsmEv":null}`,
		`{"tsmId":1402,"tsmEv":35,"tsmDstTuid":5}`, `{"tsmId":1402,"tsmEv":35,"tsmDstTuid":null}`,
		`{"tsmId":1402,"tsmEv":35,"transactionId":-1}`, `{"tsmId":1402,"tsmEv":35,"transactionId":2147483648}`,
		`{"tsmId":1402,"tsmEv":35,"transactionId":"7"}`, `{"tsmId":1402,"tsmEv":35,"transactionId":7.0}`, `{"tsmId":1402,"tsmEv":35,"transactionId":null}`,
	} {
		all, bad, err := ParseCommands([]byte("[" + e + "," + reboot + "]"))
		if err != nil || bad != 1 || len(all) != 1 || all[0].Transaction != 7 {
			t.Errorf("%s: %v, %d bad, %v", e, all, bad, err)
		}
	}
}

func TestCommandFields(t *testing.T) {
	all, bad, err := ParseCommands([]byte(`{"tsmId":1500,"tsmEv":30,"tsmTs":5,"tsmAp":"x","tsmDstTuid":"G","transactionId":2147483647,` +
		`"reportInterval":300.5,"measurementInterval":null,"other":"é\n","list":[1]}`))
	if err != nil || bad != 0 || len(all) != 1 {
		t.Fatal(all, bad, err)
	}
	c := all[0]
	if c.ID != 1500 || c.Event != 30 || c.Target != "G" || !c.Tracked || c.Transaction != MaxTransaction || len(c.Fields) != 4 {
		t.Errorf("%+v", c)
	}
	if v, err := c.Number("reportInterval", 1, 1000); v != 300.5 || err != nil {
		t.Error(v, err)
	}
	if s, err := c.Text("other", 3); s != "é\n" || err != nil {
		t.Errorf("%q %v", s, err)
	}
	if !c.Has("list") || !c.Has("measurementInterval") || c.Has("tsmTs") || c.Has("transactionId") {
		t.Error("fields:", c.Fields)
	}
	for name, err := range map[string]error{
		"too low": second(c.Number("reportInterval", 301, 1000)), "too high": second(c.Number("reportInterval", 0, 300)), "null": second(c.Number("measurementInterval", 0, 9)),
		"text": second(c.Number("other", 0, 9)), "list": second(c.Number("list", 0, 9)), "none": second(c.Number("none", 0, 9)),
		"text from a number": second(c.Text("reportInterval", 9)), "text too long": second(c.Text("other", 2)), "no text": second(c.Text("none", 2)),
	} {
		if err == nil {
			t.Error("accepted:", name)
		}
	}
	for frame, want := range map[string]string{
		`{"tsmId":1402,"tsmEv":35,"command":5}`:          "command: no string",
		`{"tsmId":1401,"tsmEv":27,"diagGroup":9}`:        "diagGroup: 9 is not a whole number within 0..5",
		`{"tsmId":11210,"tsmEv":30,"instantMode":"yes"}`: "instantMode: no boolean",
		`{"tsmId":11210,"tsmEv":30,"else":"yes"}`:        "",
		`{"tsmId":77000,"tsmEv":30,"instantMode":"yes"}`: "",
	} {
		all, _, err := ParseCommands([]byte(frame))
		if err != nil || len(all) != 1 || all[0].Wrong() != want {
			t.Errorf("%s: %v %v", frame, all, err)
		}
	}
}

func second[T any](_ T, err error) error { return err }

// FuzzParseCommands: whatever comes, what is accepted keeps the promises of
// ParseCommands. That a tolerant reader sees the same is thingseetest.FuzzParse.
func FuzzParseCommands(f *testing.F) {
	for _, line := range downlink(f) {
		f.Add(line)
	}
	f.Add(slicesJoin([]byte(reboot), []byte(`{"tsmId":1,"tsmEv":2}`)))
	for _, s := range []string{reboot, `[{"a":1,"a":2}]`, `{"\u0061":1e400}`, "[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]", "{\"x\":\"\xff\"}", `[1,null,{}]`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, frame []byte) {
		if len(frame) > 256 { // minimising an input takes quadratic time
			return
		}
		before := bytes.Clone(frame)
		all, bad, err := ParseCommands(frame)
		if !bytes.Equal(frame, before) {
			t.Fatalf("%q was changed to %q", before, frame)
		}
		if err != nil {
			if all != nil || bad != 0 {
				t.Fatal("refused, and yet something is given")
			}
			return
		}
		if !utf8.Valid(frame) || !json.Valid(frame) || len(bytes.Trim(frame, whiteSpace)) > MaxDownlink || len(all)+bad > MaxCommands {
			t.Fatalf("accepted %q", frame)
		}
		for _, c := range all {
			if c.ID < 1 || c.Event < 0 || c.Event > 999 || c.Transaction < 0 || !c.Tracked && c.Transaction != 0 {
				t.Fatalf("%+v of %q", c, frame)
			}
			_ = c.Wrong()
			for i, v := range c.Fields {
				if !json.Valid(v.JSON) || Reserved(v.Name) {
					t.Fatalf("field %d of %q: %s", i, frame, v.JSON)
				}
				_, _ = c.Text(v.Name, 200)
				if n, err := c.Number(v.Name, -5, 5); err == nil && (n < -5 || n > 5) {
					t.Fatal(n)
				}
			}
		}
	})
}

func TestHeartbeats(t *testing.T) {
	var m Message
	m.Reset(11200, 10)
	m.Int("slotInterval", 60)
	if !m.Heartbeats([]Heartbeat{{"A\"", 5}, {"B", 1023}}) || m.Heartbeats(nil) || !m.Bool("on", true) || m.Bool("on", false) || m.Bool("tsmOn", true) {
		t.Error("refused, or not")
	}
	const want = `{"tsmId":11200,"tsmEv":10,"slotInterval":60,"heartbeats":[{"tuid":"A\"","slotBits":5},{"tuid":"B","slotBits":1023}],"on":true}`
	if got := string(m.Append(nil)); got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
	m.Reset(11200, 10)
	m.Heartbeats(make([]Heartbeat, MaxHeartbeats+1))
	if n := strings.Count(string(m.Append(nil)), `"tuid"`); n != MaxHeartbeats {
		t.Errorf("%d things are told of", n)
	}
	m.Reset(11200, 10)
	m.Heartbeats(nil)
	if got := string(m.Append(nil)); !strings.Contains(got, `"heartbeats":[]`) {
		t.Error(got)
	}
}
