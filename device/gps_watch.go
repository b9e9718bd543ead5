package device

import (
	"log/slog"
	"strconv"

	"portti/device/clock"
	"portti/device/nmea"
)

// Codes of the problem catalogue that the gps driver writes to the log.
const (
	codeNoFix    = "GPS-NO-FIX"
	codeFrozen   = "GPS-FROZEN"
	codeJump     = "GPS-JUMP"
	codeRollover = "GPS-ROLLOVER"
	codeGPSTime  = "GPS-TIME"
	codeGPSDate  = "GPS-DATE"
	codeAhead    = "GPS-AHEAD"
	codeStuck    = "GPS-STUCK"
	codeChrony   = "GPS-CHRONY"
)

const (
	// gpsLost is how long a receiver that had a fix may have none before it is a
	// problem, and its time may stand still; gpsNever is the same for one that had
	// none yet: some minutes more than most need from cold.
	gpsLost  = 10_000     // ms
	gpsNever = 5 * 60_000 // ms
	gpsStill = 3          // sentences of a time that was over
	gpsAgain = 60_000     // ms for which the log keeps quiet about jumps
)

// gpsWatch tells people how the receiver is doing: a short text in the status,
// and a line in the log where that changes.
type gpsWatch struct {
	log *slog.Logger

	text, shown []byte

	begun    int64 // monotonic time of the first bytes, 0 = none yet
	ever     bool  // there was a fix
	last     int64 // monotonic time of the last fix
	lost     bool  // and it is said that it is gone, or never came
	doubt    clock.Doubt
	epoch    int64  // monotonic time of the last epoch
	late     uint64 // sentences late by then, and for gpsLost after
	frozen   bool
	rolled   bool
	jumps    int   // since the log said so
	jumpedAt int64 // when the log said so, 0 = never
	lastJump int64 // 0 = none in the last gpsAgain
	still    stillness
}

// check looks at what no epoch tells: that none comes, or none with a fix. late counts
// the sentences whose time was over when they came.
func (w *gpsWatch) check(now clock.Now, late uint64, out Out) {
	if w.begun == 0 {
		w.begun = max(now.Mono, 1)
	}
	if !w.ever && !w.lost && now.Mono-w.begun >= gpsNever {
		w.lost = true
		raise(out, codeNoFix, true)
		w.warn("the receiver has found no fix yet: nothing is sent until it has one", "event", "gps.fix-missing", "code", codeNoFix)
	}
	switch {
	case now.Mono-w.epoch < gpsLost:
		w.late = late
	case !w.frozen && late-w.late >= gpsStill:
		w.frozen = true
		raise(out, codeFrozen, true)
		w.warn("the receiver's time stands still", "event", "gps.time-frozen", "code", codeFrozen)
	}
}

func (w *gpsWatch) see(f *nmea.Fix, jumped bool, doubt clock.Doubt, now clock.Now, stands *standIn, out Out) {
	if w.epoch = now.Mono; w.frozen {
		w.frozen = false
		raise(out, codeFrozen, false)
		w.info("the receiver's time goes on", "event", "gps.time-runs")
	}
	w.text = stands.append(appendGPSText(w.text[:0], f, doubt))
	if string(w.text) != string(w.shown) {
		w.shown = append(w.shown[:0], w.text...)
		out.Detail(string(w.shown))
	}
	w.fix(f, now, out)
	if f.Valid() {
		w.time(f, doubt, now, out)
		w.jump(jumped, now, out)
		w.repeats(f, now, out)
	}
}

func (w *gpsWatch) fix(f *nmea.Fix, now clock.Now, out Out) {
	switch {
	case f.Valid():
		if w.lost {
			raise(out, codeNoFix, false)
			w.info("the receiver has a fix", "event", "gps.fix-regained", "after_ms", now.Mono-max(w.last, w.begun))
		}
		w.ever, w.lost, w.last = true, false, now.Mono
	case w.ever && !w.lost && now.Mono-w.last >= gpsLost:
		w.lost = true
		raise(out, codeNoFix, true)
		w.warn("the receiver has lost its fix: nothing is sent until it has one", "event", "gps.fix-lost", "code", codeNoFix)
	}
}

func (w *gpsWatch) time(f *nmea.Fix, doubt clock.Doubt, now clock.Now, out Out) {
	if f.Rollover != w.rolled {
		w.rolled = f.Rollover
		raise(out, codeRollover, f.Rollover)
		if f.Rollover {
			w.warn("the receiver's date is 1024 weeks or a multiple behind: corrected", "event", "gps.date-corrected", "code", codeRollover)
		} else {
			w.info("the receiver's date is right again", "event", "gps.date-right")
		}
	}
	was := w.doubt
	if doubt == was {
		return
	}
	w.doubt = doubt
	before, _ := doubtOf(was)
	code, why := doubtOf(doubt)
	if before != "" && before != code {
		raise(out, before, false)
	}
	switch {
	case code != "":
		raise(out, code, true)
		w.warn("the receiver's time is doubted: "+why, "event", "gps.time-doubted", "code", code, "apart_ms", f.Time-now.Unix)
	case doubt == clock.Disputed: // the clock's own problem names who
		w.warn("the receiver's time is doubted: "+why, "event", "gps.time-doubted")
	case was != clock.Sure:
		w.info("the receiver's time is accepted", "event", "gps.time-accepted")
	}
}

// doubtOf gives the code of a doubt, "" where it has none, and says it in words.
func doubtOf(d clock.Doubt) (code, why string) {
	switch d {
	case clock.Ahead:
		return codeAhead, "its date is far ahead of the clock"
	case clock.Past:
		return codeGPSDate, "its date is long past"
	case clock.TooFar:
		return codeGPSDate, "its date is years ahead"
	case clock.Refused:
		return codeGPSTime, "its time disagrees with the clock"
	case clock.Disputed:
		return "", "another source says otherwise"
	}
	return "", ""
}

func (w *gpsWatch) jump(jumped bool, now clock.Now, out Out) {
	if !jumped {
		if w.lastJump != 0 && now.Mono-w.lastJump >= gpsAgain {
			w.lastJump = 0
			raise(out, codeJump, false)
		}
		return
	}
	w.jumps++
	w.lastJump = max(now.Mono, 1)
	raise(out, codeJump, true)
	if w.jumpedAt == 0 || now.Mono-w.jumpedAt >= gpsAgain {
		w.warn("the position jumped further than anything travels", "event", "gps.jumped", "code", codeJump, "count", w.jumps)
		w.jumps, w.jumpedAt = 0, max(now.Mono, 1)
	}
}

// stuck says that the receiver repeats one position.
func (w *gpsWatch) stuck() bool { return w.still.said }

func (w *gpsWatch) repeats(f *nmea.Fix, now clock.Now, out Out) {
	if !w.still.see(f, now.Mono) {
		return
	}
	raise(out, codeStuck, w.still.said)
	if w.still.said {
		w.warn("the receiver repeats one position", "event", "gps.stuck", "code", codeStuck)
	} else {
		w.info("the receiver's position goes on", "event", "gps.moves")
	}
}

func (w *gpsWatch) standsIn(s standIn) {
	if s.used {
		w.warn("the other receiver has no position: this one is sent in its place", "event", "gps.fallback-used", "other", s.name)
	} else {
		w.info("the other receiver has positions again: this one waits", "event", "gps.fallback-waits", "other", s.name)
	}
}

func (w *gpsWatch) warn(text string, args ...any) {
	if w.log != nil {
		w.log.Warn(text, args...)
	}
}

func (w *gpsWatch) info(text string, args ...any) {
	if w.log != nil {
		w.log.Info(text, args...)
	}
}

// appendGPSText writes what people read: "3D fix, 11 satellites, HDOP 0.9".
func appendGPSText(b []byte, f *nmea.Fix, doubt clock.Doubt) []byte {
	switch f.Mode {
	case 3:
		b = append(b, "3D fix"...)
	case 2:
		b = append(b, "2D fix"...)
	default:
		b = append(b, "no fix"...)
	}
	if f.Sats == 1 {
		b = append(b, ", 1 satellite"...)
	} else if f.Sats >= 0 {
		b = append(b, ", "...)
		b = strconv.AppendInt(b, int64(f.Sats), 10)
		b = append(b, " satellites"...)
	}
	if !f.Valid() {
		return b
	}
	if usable(f.HDOP) {
		b = append(b, ", HDOP "...)
		b = strconv.AppendFloat(b, f.HDOP.Float(), 'f', 1, 64)
	}
	_, why := doubtOf(doubt)
	switch {
	case f.Time == 0:
		b = append(b, ", no date yet"...)
	case why != "":
		b = append(append(b, ", "...), why...)
	case f.Rollover:
		b = append(b, ", date corrected"...)
	}
	return b
}
