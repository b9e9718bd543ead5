package clocktest

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"portti/device/clock"
)

func TestMachine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const noon = 1_796_000_000_000
		made := time.UnixMilli(noon).AddDate(0, -1, 0)
		m := NewMachine(7, 0)
		c := m.Clock(made)
		time.Sleep(90 * time.Second)
		if now := c.Now(); now != (clock.Now{Mono: 90_000, Unix: 90_000}) || c.BootID() != [16]byte{15: 7} || !strings.Contains(c.Reason(), "not synchronised") {
			t.Errorf("%+v %q", now, c.Reason())
		}
		m.Sync(true, noon)
		time.Sleep(time.Second)
		if now := c.Now(); now != (clock.Now{Mono: 91_000, Unix: noon + 1000, Trusted: true}) {
			t.Errorf("%+v", now)
		}
		m.Sleep(time.Hour)
		if now := c.Now(); now != (clock.Now{Mono: 3_691_000, Unix: noon + 3_601_000, Trusted: true}) || c.Stepped().Count != 0 {
			t.Errorf("after an hour's sleep: %+v %+v", now, c.Stepped())
		}
		m.Leap(time.Minute)
		if now := c.Now(); now.Unix != noon+3_661_000 || c.Stepped().Count != 1 {
			t.Errorf("after the time server stepped: %+v", now)
		}
		m.Step(-time.Hour)
		if now := c.Now(); now.Unix != noon+3_661_000 || m.Wall() != noon+61_000 || c.Stepped().By != -3_600_000 {
			t.Errorf("after a step by hand: %+v %d %+v", now, m.Wall(), c.Stepped())
		}
	})
}
