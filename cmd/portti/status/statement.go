package status

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Wording says how a face writes what Statement says. The zero value is for logs and
// scripts: UTC, digits without groups.
type Wording struct {
	Zone  *time.Location
	Group string // between thousands
}

// Statement says of an outage what the promise is about: how long there was no
// connection, what waited, whether all of it has arrived and what was lost.
//
//	Link down 02:10-02:40 (DNS). 1,812 readings waited, all delivered by 02:52, none lost.
//
// Every face has this sentence from here.
func (o *Outage) Statement(w Wording) string {
	return o.when(w) + " " + o.readings(w)
}

// when says from when until when, and why.
func (o *Outage) when(w Wording) string {
	what := "Link down"
	if o.Planned {
		what = "Outside the uplink hours"
	}
	why := ""
	if word := ReasonWord(o.Code); word != "" && !o.Planned {
		why = " (" + word + ")"
	}
	lasted := InWords(seconds(o.Seconds()))
	if !o.Trusted {
		start := ""
		if o.FromStart {
			start = " from the start"
		}
		if o.Ended == nil {
			return fmt.Sprintf("%s%s for %s%s.", what, start, lasted, why)
		}
		return fmt.Sprintf("%s%s for %s, until %s ago%s.", what, start, lasted, InWords(seconds(o.EndedS)), why)
	}
	begin := w.moment(o.Began, o.now())
	if o.Ended == nil {
		if o.FromStart {
			begin = "the start at " + begin
		}
		return fmt.Sprintf("%s since %s, for %s%s.", what, begin, lasted, why)
	}
	end := w.moment(*o.Ended, o.now())
	if sameDay(w.in(o.Began), w.in(*o.Ended)) {
		end = w.in(*o.Ended).Format("15:04")
	}
	if o.FromStart {
		return fmt.Sprintf("%s from the start at %s to %s%s.", what, begin, end, why)
	}
	if strings.Contains(begin, " ") || strings.Contains(end, " ") {
		return fmt.Sprintf("%s %s to %s%s.", what, begin, end, why)
	}
	return fmt.Sprintf("%s %s-%s%s.", what, begin, end, why)
}

// readings says what waited and what became of it.
func (o *Outage) readings(w Wording) string {
	var parts []string
	if o.Waited == 0 {
		parts = append(parts, "No reading waited")
	} else if o.Ended == nil {
		verb := "wait"
		if o.Waited == 1 {
			verb = "waits"
		}
		parts = append(parts, w.count(o.Waited)+" "+verb)
	} else {
		parts = append(parts, w.count(o.Waited)+" waited")
		parts = append(parts, o.delivery(w))
	}
	parts = append(parts, o.lost(w))
	return strings.Join(parts, ", ") + "."
}

func (o *Outage) delivery(w Wording) string {
	switch {
	case o.Left > 0:
		return fmt.Sprintf("%s delivered so far, %s still to go", w.digits(o.Delivered), w.digits(o.Left))
	case o.Done == nil:
		return "being delivered"
	}
	which := "all delivered"
	if o.Waited == 1 {
		which = "delivered"
	}
	lost := o.Lost.Sum() > 0 || o.LostMore
	if lost && o.Delivered == 0 {
		return "none of them delivered"
	}
	if lost {
		which = "the others delivered"
	}
	if !o.Trusted {
		return fmt.Sprintf("%s %s ago", which, InWords(seconds(o.DoneS)))
	}
	done := w.moment(*o.Done, o.now())
	if o.Ended != nil && sameDay(w.in(*o.Ended), w.in(*o.Done)) {
		done = w.in(*o.Done).Format("15:04")
	}
	return which + " by " + done
}

func (o *Outage) lost(w Wording) string {
	n := o.Lost.Sum()
	switch {
	case n == 0 && o.LostMore:
		return "an unknown number lost"
	case n == 0 && o.Ended == nil:
		return "none lost so far"
	case n == 0:
		return "none lost"
	}
	var why []string
	for _, r := range o.Lost.Reasons() {
		if o.Lost[r] == 0 {
			continue
		}
		text := LossWord(r)
		if o.Lost[r] != n {
			text += " " + w.digits(o.Lost[r])
		}
		why = append(why, text)
	}
	least := ""
	if o.LostMore {
		least = "at least "
	}
	return fmt.Sprintf("%s%s lost (%s)", least, w.digits(n), strings.Join(why, ", "))
}

// now is when the outage was looked at.
func (o *Outage) now() time.Time { return o.Began.Add(seconds(o.BeganS)) }

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

func (w Wording) in(t time.Time) time.Time {
	if w.Zone == nil {
		return t.UTC()
	}
	return t.In(w.Zone)
}

// moment is a time of day, with the day where that is another than today.
func (w Wording) moment(t, now time.Time) string {
	t, now = w.in(t), w.in(now)
	switch {
	case sameDay(t, now):
		return t.Format("15:04")
	case sameDay(t, now.AddDate(0, 0, -1)):
		return "yesterday " + t.Format("15:04")
	}
	return t.Format("2 Jan 15:04")
}

func sameDay(a, b time.Time) bool {
	return a.Year() == b.Year() && a.YearDay() == b.YearDay()
}

func (w Wording) count(n uint64) string {
	if n == 1 {
		return "1 reading"
	}
	return w.digits(n) + " readings"
}

func (w Wording) digits(n uint64) string {
	s := strconv.FormatUint(n, 10)
	for i := len(s) - 3; i > 0 && w.Group != ""; i -= 3 {
		s = s[:i] + w.Group + s[i:]
	}
	return s
}

// ReasonWord is why a link was down, in a word or two.
func ReasonWord(code string) string {
	words := map[string]string{
		"NET-DNS": "DNS", "NET-NO-ROUTE": "no network", "NET-REFUSED": "server refused the connection", "NET-TIMEOUT": "no answer",
		"NET-PORTAL": "login page of a network", "NET-MTU": "large packets get lost", "NET-PROXY": "proxy", "NET-PROXY-AUTH": "proxy login",
		"TLS-EXPIRED": "certificate expired", "TLS-NOT-YET": "certificate not valid yet", "TLS-UNKNOWN-CA": "unknown certificate",
		"TLS-NAME": "certificate of another name", "TLS-FAILED": "TLS", "TLS-CLIENT": "our certificate", "TLS-PIN": "another certificate",
		"UP-AUTH-REJECTED": "token refused", "UP-TOKEN-FILE": "no token", "UP-FORBIDDEN": "not allowed", "UP-NO-PONG": "server stopped answering",
		"UP-NOT-READING": "server stopped reading", "UP-SLOW": "server too slow", "UP-FLAPPING": "connection keeps breaking", "UP-IDLE-CUT": "cut while idle",
		"UP-REDIRECT": "redirected", "UP-RATE-LIMITED": "server asks to slow down", "UP-TOO-MANY": "too many connections", "UP-NOTFOUND": "wrong path", "UP-NO-CONSUMER": "no stream or subscriber",
		"UP-ERROR": "server error", "UP-REFUSED": "server refused", "UP-TOO-BIG": "frame too big", "UP-PROTOCOL": "protocol error", "UP-CLOSED": "server closed it",
		"UP-SILENT": "server silent", "UP-LOGGED-OUT": "logged out", "UP-TAKEOVER": "another gateway with this id", "CLK-UNSET": "clock not set",
	}
	if word, ok := words[code]; ok {
		return word
	}
	return Clean(code, 30)
}

// LossWord is why readings were lost, in words.
func LossWord(reason string) string {
	words := map[string]string{
		LossFull: "buffer full", LossAge: "too old", LossRate: "rate limit", LossMemory: "disk too slow", LossIO: "disk error",
		LossCorrupt: "damaged file", LossRollback: "buffer set back", LossShrink: "max_size lowered",
	}
	if word, ok := words[reason]; ok {
		return word
	}
	return Clean(reason, 20)
}
