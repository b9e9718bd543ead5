package thingsee_test

import (
	"fmt"

	"portti/device/thingsee"
)

func Example() {
	var m thingsee.Message // one for all readings
	var keys thingsee.Keys // so that no two have the same key
	var rec []byte
	m.Tuid, m.Gateway = "XXXX03PNL00000001", "XXXX00EFS80560445"
	for _, tenths := range []int64{213, 214} {
		m.Reset(thingsee.WeatherInfo, thingsee.EventTimed)
		m.Decimal("temp", tenths, 1)
		m.Time = keys.Unique(m.Tuid, m.ID, 1520416221123)
		rec = m.Append(rec[:0])
		fmt.Printf("%s\n", rec)
	}
	// Output:
	// {"tsmId":12100,"tsmEv":10,"tsmTs":1520416221.123,"tsmTuid":"XXXX03PNL00000001","tsmGw":"XXXX00EFS80560445","temp":21.3}
	// {"tsmId":12100,"tsmEv":10,"tsmTs":1520416221.124,"tsmTuid":"XXXX03PNL00000001","tsmGw":"XXXX00EFS80560445","temp":21.4}
}

// A reading whose time is not known yet is stored with the milliseconds since
// boot, and made a message once it is known when that was.
func ExampleFillTime() {
	m := thingsee.Message{Tuid: "XXXX03PNL00000001"}
	m.Reset(thingsee.WeatherInfo, thingsee.EventTimed)
	m.Decimal("temp", 213, 1)
	rec := m.AppendProvisional(nil, 61123)
	fmt.Printf("%s\n", rec)
	rec, err := thingsee.FillTime(nil, rec, 1520416160000, 2)
	fmt.Printf("%s %v\n", rec, err)
	// Output:
	// {"tsmId":12100,"tsmEv":10,"tsmTs":@61123,"tsmTuid":"XXXX03PNL00000001","temp":21.3}
	// {"tsmId":12100,"tsmEv":10,"tsmTs":1520416221.123,"tsErr":2,"tsmTuid":"XXXX03PNL00000001","temp":21.3} <nil>
}

func ExampleParseCommands() {
	all, bad, err := thingsee.ParseCommands([]byte(`[{"tsmId":1500,"tsmEv":30,"tsmDstTuid":"XXXX00EFS80560445","transactionId":7,"reportInterval":60}]`))
	if err != nil {
		fmt.Println(err) // the whole frame is refused
		return
	}
	for _, c := range all {
		seconds, err := c.Number("reportInterval", 1, 86400)
		fmt.Println(c.ID, c.Target, c.Transaction, seconds, err)
	}
	fmt.Println(bad, "were no messages")
	// Output:
	// 1500 XXXX00EFS80560445 7 60 <nil>
	// 0 were no messages
}
