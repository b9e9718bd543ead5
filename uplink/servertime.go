package uplink

import (
	"net/http"
	"time"
)

// The time that a server gives, in the Date of an HTTP answer or in a message
// that a dialect knows, is passed to Options.ServerTime and decides nothing here.

// messageSlack is by how much the time in a message of the server may be off:
// whole seconds, and the way here.
const messageSlack = 2 * time.Second

// serverDate reads the Date of an answer that came within took of the request:
// the server's clock showed some moment of that second at some moment of took.
func serverDate(h http.Header, took time.Duration) (now time.Time, slack time.Duration, ok bool) {
	date, err := http.ParseTime(h.Get("Date"))
	if err != nil || took < 0 {
		return time.Time{}, 0, false
	}
	slack = (time.Second + took) / 2
	return date.Add(slack), slack, true
}

// answerTime gives the time at which the server wrote an answer, by its own
// clock where it says so: our own clock is then not needed to read a date in it.
func answerTime(date string, now time.Time) time.Time {
	if t, err := http.ParseTime(date); err == nil {
		return t
	}
	return now
}

func (o *Options) reportServerTime(now time.Time, slack time.Duration) {
	if o.ServerTime != nil {
		o.ServerTime(now, slack)
	}
}
