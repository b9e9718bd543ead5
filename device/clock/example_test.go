package clock_test

import (
	"fmt"
	"time"

	"portti/device/clock"
)

func Example() {
	built := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC) // this program; it cannot be earlier
	c, err := clock.New(built)
	if err != nil {
		fmt.Println(err)
		return
	}
	c.Remember(built.AddDate(0, 0, 7).UnixMilli()) // kept on disk from an earlier run
	if now := c.Now(); now.Trusted {
		fmt.Println("read at", time.UnixMilli(now.Unix))
	} else {
		fmt.Println("read at", now.Mono, "ms of boot", c.BootID(), "since", c.Reason())
	}
}

// Other sources say what time it is: a receiver that has a fix, a server that
// answered.
func ExampleClock_GNSS() {
	built := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	now := clock.Source{
		Read: func() (mono, wall int64) { return 60_000, 60_000 }, // the battery is empty
		Ask:  func() string { return "no time server was reached" },
	}
	c := clock.Of(now, built)
	receiver := c.GNSS("gps")
	for s := range int64(3) {
		fix := built.AddDate(0, 0, 21).UnixMilli() + 1000*s
		receiver.Hear(fix, 58_000+1000*s)
	}
	c.HearServer(built.AddDate(0, 0, 21).UnixMilli()+2000, 60_000, 500, false)
	fmt.Println(time.UnixMilli(c.Now().Unix).UTC(), c.Source())
	// Output: 2026-11-22 00:00:02 +0000 UTC gnss
}
