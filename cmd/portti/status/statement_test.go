package status_test

import (
	"testing"
	"time"

	"portti/cmd/portti/status"
)

// outage began at 02:10 and ended at 02:40, and it is 03:00.
func outage(change func(*status.Outage)) *status.Outage {
	at := func(h, m int) time.Time { return time.Date(2026, 11, 22, h, m, 0, 0, time.UTC) }
	end, done := at(2, 40), at(2, 52)
	o := &status.Outage{Began: at(2, 10), BeganS: 3000, Ended: &end, EndedS: 1200, Done: &done, DoneS: 480, Trusted: true,
		Code: "NET-DNS", Waited: 1812, Delivered: 1812}
	change(o)
	return o
}

// shift moves all moments but not now.
func shift(o *status.Outage, d time.Duration) {
	o.Began, o.BeganS = o.Began.Add(-d), o.BeganS+d.Seconds()
	if o.Ended != nil {
		end := o.Ended.Add(-d)
		o.Ended, o.EndedS = &end, o.EndedS+d.Seconds()
	}
	if o.Done != nil {
		done := o.Done.Add(-d)
		o.Done, o.DoneS = &done, o.DoneS+d.Seconds()
	}
}

func TestStatement(t *testing.T) {
	lasts := func(o *status.Outage) { o.Ended, o.EndedS, o.Done, o.DoneS, o.Delivered = nil, 0, nil, 0, 0 }
	for name, c := range map[string]struct {
		change func(*status.Outage)
		want   string
	}{
		"over":          {func(*status.Outage) {}, "Link down 02:10-02:40 (DNS). 1,812 readings waited, all delivered by 02:52, none lost."},
		"one":           {func(o *status.Outage) { o.Waited, o.Delivered = 1, 1 }, "Link down 02:10-02:40 (DNS). 1 reading waited, delivered by 02:52, none lost."},
		"still down":    {lasts, "Link down since 02:10, for 50 min (DNS). 1,812 readings wait, none lost so far."},
		"down and lost": {func(o *status.Outage) { lasts(o); o.Lost = status.Losses{"full": 40} }, "Link down since 02:10, for 50 min (DNS). 1,812 readings wait, 40 lost (buffer full)."},
		"not yet all": {func(o *status.Outage) { o.Done, o.Delivered, o.Left = nil, 1000, 812 },
			"Link down 02:10-02:40 (DNS). 1,812 readings waited, 1,000 delivered so far, 812 still to go, none lost."},
		"lost": {func(o *status.Outage) { o.Lost = status.Losses{"full": 1200, "age": 12}; o.Delivered = 600 },
			"Link down 02:10-02:40 (DNS). 1,812 readings waited, the others delivered by 02:52, 1,212 lost (buffer full 1,200, too old 12)."},
		"lost, how many is unknown": {func(o *status.Outage) { o.LostMore = true },
			"Link down 02:10-02:40 (DNS). 1,812 readings waited, the others delivered by 02:52, an unknown number lost."},
		"lost, at least": {func(o *status.Outage) { o.LostMore = true; o.Lost = status.Losses{"corrupt": 3} },
			"Link down 02:10-02:40 (DNS). 1,812 readings waited, the others delivered by 02:52, at least 3 lost (damaged file)."},
		"all lost": {func(o *status.Outage) { o.Delivered = 0; o.Lost = status.Losses{"io": 1812} },
			"Link down 02:10-02:40 (DNS). 1,812 readings waited, none of them delivered, 1,812 lost (disk error)."},
		"nothing waited": {func(o *status.Outage) { o.Waited, o.Delivered = 0, 0 }, "Link down 02:10-02:40 (DNS). No reading waited, none lost."},
		"across midnight": {func(o *status.Outage) { o.Began, o.BeganS = o.Began.Add(-3*time.Hour), o.BeganS+3*3600 },
			"Link down yesterday 23:10 to 02:40 (DNS). 1,812 readings waited, all delivered by 02:52, none lost."},
		"yesterday": {func(o *status.Outage) { shift(o, 6*time.Hour) },
			"Link down yesterday 20:10 to 20:40 (DNS). 1,812 readings waited, all delivered by 20:52, none lost."},
		"for days": {func(o *status.Outage) { o.Began, o.BeganS = o.Began.AddDate(0, 0, -3), o.BeganS+3*86400 },
			"Link down 19 Nov 02:10 to 02:40 (DNS). 1,812 readings waited, all delivered by 02:52, none lost."},
		"delivered the next day": {func(o *status.Outage) {
			o.Began, o.BeganS = o.Began.Add(-5*time.Hour), 23*3600
			*o.Ended = o.Ended.Add(-5 * time.Hour)
		},
			"Link down yesterday 21:10 to 21:40 (DNS). 1,812 readings waited, all delivered by 02:52, none lost."},
		"no clock": {func(o *status.Outage) { o.Trusted = false },
			"Link down for 30 min, until 20 min ago (DNS). 1,812 readings waited, all delivered 8 min ago, none lost."},
		"no clock, still down": {func(o *status.Outage) { lasts(o); o.Trusted = false },
			"Link down for 50 min (DNS). 1,812 readings wait, none lost so far."},
		"since the start": {func(o *status.Outage) { o.FromStart = true },
			"Link down from the start at 02:10 to 02:40 (DNS). 1,812 readings waited, all delivered by 02:52, none lost."},
		"since the start, still": {func(o *status.Outage) { lasts(o); o.FromStart = true },
			"Link down since the start at 02:10, for 50 min (DNS). 1,812 readings wait, none lost so far."},
		"uplink hours": {func(o *status.Outage) { o.Planned, o.Code = true, "" },
			"Outside the uplink hours 02:10-02:40. 1,812 readings waited, all delivered by 02:52, none lost."},
		"a code of another version": {func(o *status.Outage) { o.Code = "NET-\x1b[2J" },
			`Link down 02:10-02:40 (NET-\x1b[2J). 1,812 readings waited, all delivered by 02:52, none lost.`},
	} {
		if got := outage(c.change).Statement(status.Wording{Group: ","}); got != c.want {
			t.Errorf("%s:\n%s, want\n%s", name, got, c.want)
		}
	}
	zone := time.FixedZone("EET", 7200)
	if got, want := outage(func(*status.Outage) {}).Statement(status.Wording{Zone: zone}), "Link down 04:10-04:40 (DNS). 1812 readings waited, all delivered by 04:52, none lost."; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// TestWhichOutageMatters: short ones are everyday life, old ones are history.
func TestWhichOutageMatters(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*status.Outage)
		want   bool
	}{
		"lately":               {func(*status.Outage) {}, true},
		"a day ago":            {func(o *status.Outage) { shift(o, 24*time.Hour) }, false},
		"a day ago, lasts":     {func(o *status.Outage) { shift(o, 24*time.Hour); o.Ended, o.EndedS, o.Done = nil, 0, nil }, true},
		"a day ago, undone":    {func(o *status.Outage) { shift(o, 24*time.Hour); o.Done, o.Left = nil, 5 }, true},
		"for a moment":         {func(o *status.Outage) { o.BeganS = o.EndedS + 5 }, false},
		"for a moment, a loss": {func(o *status.Outage) { o.BeganS = o.EndedS + 5; o.Lost = status.Losses{"full": 1} }, true},
	} {
		if got := outage(c.change).Recent(); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
	if (*status.Outage)(nil).Recent() {
		t.Error("there was none")
	}
}
