package gateway

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

// The two fixes are what the driver of a GPS gives with detail = "append" and without.
var encodedKinds = []string{
	`{"tsmId":12100,"tsmEv":10,"tsmTs":1795348800.25,"tsmTuid":"XXXX01ENV00000001","tsmGw":"XXXX00EFS80560445","temp":21.5,"humd":40,"airp":101325}`,
	`{"tsmId":1210,"tsmEv":10,"tsmTs":1795348801,"tsmTuid":"XXXX00GPS00000001","lat":65.0124,"lon":25.4681,"lacr":1.132,"alt":12.345,"speed":5.144,"heading":57.3,"sats":14,"hdop":0.7,"fixType":3}`,
	`{"tsmId":90200,"tsmEv":10,"tsmTs":1795348802,"tsmTuid":"XXXX01PLC00000001","door":true,"note":"a <b>"}`,
	`{"tsmId":1500,"tsmEv":31,"tsmTs":1795348803,"tsmTuid":"XXXX01ENV00000001","transactionId":7,"reportInterval":60}`,
	`{"tsmId":1100,"tsmEv":11,"tsmTs":1795348804,"tsmTuid":"XXXX01ENV00000001","tsErr":3,"swVersion":"1.2"}`,
	`{"tsmId":1210,"tsmEv":10,"tsmTs":1795348805,"tsmTuid":"XXXX00GPS00000001","lat":-0.5,"lon":25.4681}`,
}

func asRecords(texts ...string) (recs [][]byte) {
	for _, s := range texts {
		recs = append(recs, []byte(s))
	}
	return recs
}

func TestEncodeHaltless(t *testing.T) {
	e := encodeHaltless(asRecords(encodedKinds[:5]...))
	const want = `{"readings":[
{"machine_identifier":"XXXX01ENV00000001","timestamp":"2026-11-22T12:00:00.250Z","metric_name":"temp","value":21.5,"unit":"°C","raw_tag":"12100.temp"}
{"machine_identifier":"XXXX01ENV00000001","timestamp":"2026-11-22T12:00:00.250Z","metric_name":"humd","value":40,"unit":"%","raw_tag":"12100.humd"}
{"machine_identifier":"XXXX01ENV00000001","timestamp":"2026-11-22T12:00:00.250Z","metric_name":"airp","value":101325,"unit":"Pa","raw_tag":"12100.airp"}
{"machine_identifier":"XXXX00GPS00000001","timestamp":"2026-11-22T12:00:01.000Z","metric_name":"lat","value":65.0124,"unit":"deg","raw_tag":"1210.lat"}`
	got := strings.NewReplacer(`[{`, "[\n{", `},{`, "}\n{").Replace(string(e.Body))
	if !strings.HasPrefix(got, want+"\n") || !json.Valid(e.Body) {
		t.Errorf("body\n%s\nnot\n%s", got, want)
	}
	if !strings.HasSuffix(got, `"timestamp":"2026-11-22T12:00:02.000Z","metric_name":"door","value":1,"unit":"","raw_tag":"90200.door"}]}`) {
		t.Errorf("ends with %s", got[max(0, len(got)-200):])
	}
	if !slices.Equal(e.Records, []int{0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2}) {
		t.Errorf("of the records %v", e.Records)
	}
	if e.LeftOut != 2 || e.TooLarge {
		t.Errorf("left out %d, too large %v", e.LeftOut, e.TooLarge)
	}
}

// A body holds 1000 readings at most.
func TestEncodeHaltlessLimit(t *testing.T) {
	one := `{"tsmId":90200,"tsmTs":1,"tsmTuid":"a","x":1}`
	for n, want := range map[int]bool{1000: false, 1001: true} {
		if e := encodeHaltless(asRecords(slices.Repeat([]string{one}, n)...)); e.TooLarge != want {
			t.Errorf("%d readings: too large %v", n, e.TooLarge)
		}
	}
}

func TestEncodeHeimdall(t *testing.T) {
	for _, c := range []struct {
		record, want string
	}{
		{encodedKinds[1], `{"device_id":"XXXX00GPS00000001","latitude":65.0124,"longitude":25.4681,"altitude":12.345,"heading":57.3,"speed_mps":5.144,"hdop":0.7,"timestamp":"2026-11-22T12:00:01.000Z"}`},
		{encodedKinds[5], `{"device_id":"XXXX00GPS00000001","latitude":-0.5,"longitude":25.4681,"timestamp":"2026-11-22T12:00:05.000Z"}`},
		{encodedKinds[0], ""},
		{`{"tsmId":1210,"tsmTs":1,"tsmTuid":"a","lat":65.5}`, ""},
	} {
		e := encodeHeimdall(asRecords(c.record))
		if string(e.Body) != c.want || (e.LeftOut == 1) != (c.want == "") || e.TooLarge {
			t.Errorf("%s\nbecame %s (%+v)", c.record, e.Body, e)
		}
	}
	if e := encodeHeimdall(asRecords(encodedKinds[1], encodedKinds[5])); !e.TooLarge {
		t.Error("two points in a body")
	}
}

// What cannot be read is neither sent nor left out: it is refused, with the reason.
func TestEncodeRefuses(t *testing.T) {
	for record, want := range map[string]string{
		`{"tsmId":12100`:                                        "not JSON",
		`{"tsmId":12100,"tsmTuid":"a","temp":1}`:                "no tsmId, tsmTs or tsmTuid",
		`{"tsmId":12100,"tsmTs":1e15,"tsmTuid":"a","temp":1}`:   "no date",
		`{"tsmId":12100,"tsmTs":1,"tsmTuid":"a","temp":1e999}`:  "temp is too large a number",
		`{"tsmId":12100,"tsmTs":"1","tsmTuid":"a","temp":1e99}`: "tsmTs",
	} {
		if _, err := readMessage([]byte(record)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, not %q", record, err, want)
		}
		for name, f := range map[string]func([][]byte) int{
			"haltless": func(r [][]byte) int { e := encodeHaltless(r); return len(e.Body) + e.LeftOut },
			"heimdall": func(r [][]byte) int { e := encodeHeimdall(r); return len(e.Body) + e.LeftOut },
		} {
			if f(asRecords(record)) != 0 {
				t.Errorf("%s: %s was taken", name, record)
			}
		}
	}
}
