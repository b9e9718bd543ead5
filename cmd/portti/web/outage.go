package web

import (
	"strings"
	"time"

	"portti/cmd/portti/status"
)

// outage is status.Outage.Statement in the language of the page; in English it is that.
func (w *words) outage(o *status.Outage) string {
	if w.Lang == "en" {
		return o.Statement(status.Wording{Zone: time.Local, Group: narrow})
	}
	return w.outageWhen(o) + " " + w.outageReadings(o)
}

// outageWhen says from when until when, and why.
func (w *words) outageWhen(o *status.Outage) string {
	what, why, start := w.OutDown, "", ""
	if word := w.outageReason(o.Code); word != "" && !o.Planned {
		why = fill(w.OutWhy, "why", word)
	}
	if o.Planned {
		what = w.OutPlanned
	}
	if o.FromStart {
		start = w.OutStart
	}
	now := o.Began.Add(seconds(o.BeganS)).Local()
	begin, end, form := w.moment(o.Began.Local(), now), "", ""
	switch {
	case !o.Trusted && o.Ended == nil:
		form = w.OutForStill
	case !o.Trusted:
		form = w.OutForUntil
	case o.Ended == nil && o.FromStart:
		form = w.OutSinceStart
	case o.Ended == nil:
		form = w.OutSince
	default:
		begun, ended := o.Began.Local(), o.Ended.Local()
		end = w.moment(ended, now)
		if sameDay(begun, ended) {
			end = fill(w.OutClock, "time", ended.Format("15:04"))
		}
		switch {
		case o.FromStart:
			form = w.OutStartTo
		case sameDay(begun, now) && sameDay(ended, now):
			form, begin, end = w.OutRange, begun.Format("15:04"), ended.Format("15:04")
		default:
			form = w.OutFromTo
		}
	}
	return fill(form, "what", what, "start", start, "why", why, "begin", begin, "end", end,
		"lasted", w.inWords(o.Seconds()), "ended", w.inWords(o.EndedS))
}

// outageReadings says what waited and what became of it.
func (w *words) outageReadings(o *status.Outage) string {
	count := func(one, many string) string {
		if o.Waited == 1 {
			return fill(one, "n", "1")
		}
		return fill(many, "n", number(o.Waited))
	}
	var parts []string
	switch {
	case o.Waited == 0:
		parts = []string{w.WaitedNone}
	case o.Ended == nil:
		parts = []string{count(w.WaitOne, w.WaitMany)}
	default:
		parts = []string{count(w.WaitedOne, w.WaitedMany), w.outageDelivery(o)}
	}
	return strings.Join(append(parts, w.outageLost(o)), ", ") + "."
}

func (w *words) outageDelivery(o *status.Outage) string {
	lost := o.Lost.Sum() > 0 || o.LostMore
	which := w.AllDelivered
	switch {
	case o.Left > 0:
		return fill(w.SoFar, "n", number(o.Delivered), "left", number(o.Left))
	case o.Done == nil:
		return w.BeingDelivered
	case lost && o.Delivered == 0:
		return w.NoneDelivered
	case lost:
		which = w.OthersDelivered
	case o.Waited == 1:
		which = w.OneDelivered
	}
	if !o.Trusted {
		return fill(w.DeliveredAgo, "which", which, "age", w.inWords(o.DoneS))
	}
	done := o.Done.Local()
	by := w.moment(done, o.Began.Add(seconds(o.BeganS)).Local())
	if o.Ended != nil && sameDay(o.Ended.Local(), done) {
		by = fill(w.OutClock, "time", done.Format("15:04"))
	}
	return fill(w.DeliveredBy, "which", which, "time", by)
}

func (w *words) outageLost(o *status.Outage) string {
	n := o.Lost.Sum()
	switch {
	case n == 0 && o.LostMore:
		return w.LostUnknown
	case n == 0 && o.Ended == nil:
		return w.LostNoneYet
	case n == 0:
		return w.LostNoneThen
	}
	var why []string
	for _, r := range o.Lost.Reasons() {
		switch lost := o.Lost[r]; lost {
		case 0:
		case n:
			why = append(why, w.lossReason(r))
		default:
			why = append(why, w.lossReason(r)+" "+number(lost))
		}
	}
	form := w.LostThen
	if o.LostMore {
		form = w.LostAtLeast
	}
	return fill(form, "n", number(n), "why", strings.Join(why, ", "))
}

// moment is a time of day, with the day where that is another than today.
func (w *words) moment(t, now time.Time) string {
	form := w.OutDay
	switch {
	case sameDay(t, now):
		form = w.OutToday
	case sameDay(t, now.AddDate(0, 0, -1)):
		form = w.OutYesterday
	}
	return fill(form, "time", t.Format("15:04"), "day", t.Format(w.OutDayLayout))
}

// inWords is a length of time in a sentence.
func (w *words) inWords(s float64) string { return w.spoken(status.InWords(seconds(s))) }

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

func sameDay(a, b time.Time) bool { return a.Year() == b.Year() && a.YearDay() == b.YearDay() }
