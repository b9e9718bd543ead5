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
	codeJump     = "GPS-JUMP"
	codeRollover = "GPS-ROLLOVER"
	codeGPSTime  = "GPS-TIME"
)

// gpsLost is how long a receiver that had a fix may have none before the log
// says so; gpsAgain is how long the log keeps quiet about jumps.
const (
	gpsLost  = 10_000 // ms
	gpsAgain = 60_000 // ms
)

// gpsWatch tells people how the receiver is doing: a short text in the status,
// and a line in the log where that changes.
type gpsWatch struct {
	log *slog.Logger

	text, shown []byte

	ever     bool  // there was a fix
	last     int64 // monotonic time of the last fix
	lost     bool  // and the log said that it is gone
	doubt    int
	rolled   bool
	jumps    int   // since the log said so
	jumpedAt int64 // when the log said so, 0 = never
	lastJump int64 // 0 = none in the last gpsAgain
}

func (w *gpsWatch) see(f *nmea.Fix, doubt int, now clock.Now, out Out) {
	w.text = appendGPSText(w.text[:0], f, doubt)
	if string(w.text) != string(w.shown) {
		w.shown = append(w.shown[:0], w.text...)
		out.Detail(string(w.shown))
	}
	w.fix(f, now, out)
	if f.Valid() {
		w.time(f, doubt, now, out)
		w.jump(f, now, out)
	}
}

func (w *gpsWatch) fix(f *nmea.Fix, now clock.Now, out Out) {
	switch {
	case f.Valid():
		if w.lost {
			raise(out, codeNoFix, false)
			w.info("the receiver has a fix again", "event", "gps.fix-regained", "after_ms", now.Mono-w.last)
		}
		w.ever, w.lost, w.last = true, false, now.Mono
	case w.ever && !w.lost && now.Mono-w.last >= gpsLost:
		w.lost = true
		raise(out, codeNoFix, true)
		w.warn("the receiver has lost its fix: nothing is sent until it has one", "event", "gps.fix-lost", "code", codeNoFix)
	}
}

func (w *gpsWatch) time(f *nmea.Fix, doubt int, now clock.Now, out Out) {
	if f.Rollover != w.rolled {
		w.rolled = f.Rollover
		raise(out, codeRollover, f.Rollover)
		if f.Rollover {
			w.warn("the receiver's date is 1024 weeks or a multiple behind: corrected", "event", "gps.date-corrected", "code", codeRollover)
		} else {
			w.info("the receiver's date is right again", "event", "gps.date-right")
		}
	}
	if was := w.doubt; doubt != was {
		w.doubt = doubt
		raise(out, codeGPSTime, doubt == doubtClock)
		switch {
		case doubt == doubtClock:
			w.warn("the receiver's time and the clock disagree: fixes are dated by the clock", "event", "gps.time-refused", "code", codeGPSTime, "apart_ms", f.Time-now.Unix)
		case was == doubtClock:
			w.info("the receiver's time and the clock agree again", "event", "gps.time-accepted")
		}
	}
}

func (w *gpsWatch) jump(f *nmea.Fix, now clock.Now, out Out) {
	if !f.Jump {
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
func appendGPSText(b []byte, f *nmea.Fix, doubt int) []byte {
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
	switch {
	case doubt == doubtDate:
		b = append(b, ", no date yet"...)
	case doubt == doubtClock:
		b = append(b, ", its time disagrees with the clock"...)
	case doubt == doubtPast:
		b = append(b, ", its date is long past"...)
	case f.Rollover:
		b = append(b, ", date corrected"...)
	}
	return b
}
