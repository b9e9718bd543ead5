package uplink

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"
)

// hoursPoll is how often the wall clock is read while there are uplink hours: it
// may be set at any time. It also bounds how often a clock that steps to
// and fro can open and close the link.
const hoursPoll = 30 * time.Second

// Schedule is the hours in which a link may be up. They are read off the wall
// clock of a zone: a window is open while that clock shows a time in it. So on
// the day the clock is put forward what lies in the missing hour is left out,
// and on the day it is put back what lies in the repeated hour is open twice:
// that is how tariffs count.
type Schedule struct {
	windows []openWindow
	zone    *time.Location
}

// openWindow is from through to-1 in minutes of the day. After midnight it
// belongs to the day before.
type openWindow struct {
	days     [7]bool // by time.Weekday of its beginning
	from, to int     // to is above from, and up to 24 h later
}

const minutesOfDay = 24 * 60

// ParseSchedule reads windows such as "02:00-04:00", "mon-fri 12:00-12:30" and
// "sat,sun 22:00-06:00". A nil zone is the machine's own. None: open always.
func ParseSchedule(windows []string, zone *time.Location) (Schedule, error) {
	if zone == nil {
		zone = time.Local
	}
	s := Schedule{zone: zone}
	var errs []error
	for _, text := range windows {
		w, err := parseWindow(text)
		if err != nil {
			errs = append(errs, fmt.Errorf("uplink hours %q: %w", text, err))
		}
		s.windows = append(s.windows, w)
	}
	return s, errors.Join(errs...)
}

func parseWindow(text string) (w openWindow, err error) {
	fields := strings.Fields(strings.ToLower(text))
	if len(fields) == 0 || len(fields) > 2 {
		return w, errors.New(`they look like "02:00-04:00" or "mon-fri 12:00-12:30"`)
	}
	if len(fields) == 2 {
		if w.days, err = parseDays(fields[0]); err != nil {
			return w, err
		}
	} else {
		w.days = [7]bool{true, true, true, true, true, true, true}
	}
	from, to, ok := strings.Cut(fields[len(fields)-1], "-")
	if !ok {
		return w, errors.New(`a beginning and an end are needed, as in "02:00-04:00"`)
	}
	if w.from, err = parseMinute(from); err != nil {
		return w, err
	}
	if w.to, err = parseMinute(to); err != nil {
		return w, err
	}
	if w.from == minutesOfDay || w.from == w.to {
		return w, errors.New(`they end when they begin; all day is "00:00-24:00"`)
	}
	if w.to < w.from {
		w.to += minutesOfDay
	}
	return w, nil
}

func parseDays(text string) (days [7]bool, err error) {
	for part := range strings.SplitSeq(text, ",") {
		first, last, isRange := strings.Cut(part, "-")
		if !isRange {
			last = first
		}
		a, b := weekday(first), weekday(last)
		if a < 0 || b < 0 {
			return days, errors.New("days are mon, tue, wed, thu, fri, sat and sun")
		}
		for d := a; ; d = (d + 1) % 7 {
			days[d] = true
			if d == b {
				break
			}
		}
	}
	return days, nil
}

func weekday(name string) int {
	for d := time.Sunday; d <= time.Saturday; d++ {
		if strings.ToLower(d.String()[:3]) == name {
			return int(d)
		}
	}
	return -1
}

func parseMinute(text string) (int, error) {
	if text == "24:00" {
		return minutesOfDay, nil
	}
	t, err := time.Parse("15:04", text)
	if err != nil || len(text) != 5 {
		return 0, errors.New("times are 00:00 to 24:00")
	}
	return t.Hour()*60 + t.Minute(), nil
}

// Open reports whether the link may be up at t.
func (s *Schedule) Open(t time.Time) bool {
	t = t.In(s.zone)
	minute, day := t.Hour()*60+t.Minute(), int(t.Weekday())
	for _, w := range s.windows {
		if w.days[day] && w.from <= minute && minute < w.to || w.days[(day+6)%7] && minute+minutesOfDay < w.to {
			return true
		}
	}
	return len(s.windows) == 0
}

// Change is when Open next gives the other answer; zero: not within 15 days. It
// looks at every minute: windows begin and end with one, and so does each change
// of the clock, after which no rule says when a time of the day comes next.
func (s *Schedule) Change(t time.Time) time.Time {
	open, at := s.Open(t), t.UTC().Truncate(time.Minute)
	for range 15 * minutesOfDay {
		if at = at.Add(time.Minute); s.Open(at) != open {
			return at
		}
	}
	return time.Time{}
}

// shut reports whether now is outside the uplink hours, and when to check again
// at the latest (zero: there are no hours). A clock that is not trusted cannot
// tell; the link is up then, since the server's time may be the only one there
// is.
func (l *Link) shut() (opens time.Time, shut bool, again time.Duration) {
	if len(l.schedule.windows) == 0 {
		return time.Time{}, false, 0
	}
	now := l.o.Now()
	if !l.o.ClockTrusted() {
		return time.Time{}, false, hoursPoll
	}
	change := l.schedule.Change(now)
	again = hoursPoll
	if !change.IsZero() {
		again = max(min(again, change.Sub(now)), time.Millisecond)
	}
	return change, !l.schedule.Open(now), again
}

// outOfHours waits until the link may be up. Nothing but the clock ends that:
// Wake does not.
func (l *Link) outOfHours(ctx context.Context, src Source) (done bool, err error) {
	opens, shut, again := l.shut()
	if !shut {
		return false, nil
	}
	l.board.event(slog.LevelInfo, "uplink.out-of-hours", "", "outside the uplink hours: the buffer fills until they begin", "opens", opens)
	defer l.board.update(func(s *Status) { s.Opens = time.Time{} })
	for shut {
		l.board.update(func(s *Status) { s.Opens, s.Problem = opens, "" })
		if done, err := l.pause(ctx, src, Waiting, again); done {
			return true, err
		}
		opens, shut, again = l.shut()
	}
	// All gateways with these hours begin now, and must not come together.
	spread := l.o.Spread
	if closes, _, _ := l.shut(); !closes.IsZero() {
		spread = min(spread, closes.Sub(l.o.Now())/4)
	}
	return l.pause(ctx, src, Waiting, l.backoff.uniform(max(spread, 0)))
}

// keepHours ends the connection in order when the uplink hours are over.
func (s *session) keepHours(now time.Time) {
	if s.hoursCheck.IsZero() || now.Before(s.hoursCheck) {
		return
	}
	_, shut, again := s.link.shut()
	s.finish = s.finish || shut
	s.hoursCheck = now.Add(again)
}
