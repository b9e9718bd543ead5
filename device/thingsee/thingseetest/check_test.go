package thingseetest

import (
	"slices"
	"testing"

	"portti/device/thingsee"
)

func TestCheck(t *testing.T) {
	const head = `{"tsmId":12100,"tsmEv":10,"tsmTs":1,"tsmTuid":"a"`
	for _, c := range []struct {
		name, message string
		want          []string
	}{
		{"all well", head + `,"temp":1,"other":"x"}`, nil},
		{"unknown message", `{"tsmId":77000,"tsmEv":10,"tsmTs":1,"tsmTuid":"a","temp":"x"}`, nil},
		{"unknown value", head + `,"temp":null}`, nil},
		{"too cold", head + `,"temp":-300}`, []string{"temp: -300 is not within -273.15..3000"}},
		{"too humid", head + `,"humd":100.5,"airp":true}`, []string{"humd: 100.5 is not within 0..100", "airp: no number"}},
		{"number as text", head + `,"humd":"50"}`, []string{"humd: no number"}},
		{"infinite", head + `,"temp":1e999}`, []string{"temp: no number"}},
		{"half open", `{"tsmId":12101,"tsmEv":10,"tsmTs":1,"tsmTuid":"a","hall":0.5}`, []string{"hall: 0.5 is not a whole number within 0..1"}},
		{"half a switch", `{"tsmId":12101,"tsmEv":10,"tsmTs":1,"tsmTuid":"a","hall":1,"hallCount":1.5}`, []string{"hallCount: 1.5 is not a whole number that can be sent"}},
		{"required", `{"tsmId":1202,"tsmEv":10,"tsmTs":1,"tsmTuid":"a","tuid":3}`, []string{"tuid: no string", "rssi: missing"}},
		{"no header", `{}`, []string{"tsmId: missing or not a whole number", "tsmEv: missing or not a whole number", "tsmTuid/tsmDstTuid: missing", "tsmTs: missing or not a time"}},
		{"strange header", `{"tsmId":-5,"tsmEv":1000,"tsmTs":[],"tsmTuid":7}`, []string{"tsmId: negative", "tsmEv: over 999", "tsmTuid/tsmDstTuid: missing", "tsmTs: missing or not a time"}},
		{"disconnected needs no time", `{"tsmId":1000,"tsmEv":18,"tsmTuid":"a"}`, nil},
		{"array and boolean", `{"tsmId":11500,"tsmEv":10,"tsmTs":1,"tsmDstTuid":"a","tls":1}`, []string{"tls: no boolean"}},
		{"no array", `{"tsmId":1300,"tsmEv":25,"tsmTs":1,"tsmDstTuid":"a","binaries":{}}`, []string{"binaries: no array"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, err := Parse([]byte(c.message))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, p := range Check(r) {
				got = append(got, p.String())
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
		})
	}
}

// TestHeartbeatsHold: the list of a 11200 is one that the catalogue takes.
func TestHeartbeatsHold(t *testing.T) {
	m := thingsee.Message{Tuid: "A", Time: 1}
	m.Reset(thingsee.HeartbeatSummary, thingsee.EventTimed)
	m.Time = 1
	m.Int("slotInterval", 60)
	m.Heartbeats([]thingsee.Heartbeat{{Tuid: "A\"", Bits: 5}, {Tuid: "B", Bits: 1023}})
	r, err := Parse(m.Append(nil))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range Check(r) {
		t.Error(p)
	}
}
