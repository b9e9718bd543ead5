package device

import (
	"log/slog"
	"strings"

	"portti/device/nmea"
	"portti/device/ubx"
)

// recogniseGPS knows NMEA, UBX and both on one line, and RTCM 3 next to either.
func recogniseGPS(b []byte) (name string, share float64) {
	const binary, mixed, head = "UBX", "UBX and NMEA 0183", 512
	text, frames, framed := ubx.Share(make([]byte, 0, len(b)), b)
	name, sentences := nmea.Recognise(text)
	switch {
	case frames == 0:
		return name, sentences
	case sentences >= hearWeak:
		return mixed, (float64(framed) + sentences*float64(len(text))) / float64(framed+len(text))
	case len(text) < head: // the end of a frame that began before
		return binary, 1
	}
	return binary, float64(framed) / float64(framed+len(text))
}

// framedGPS says that what it recognises is not lines alone.
func framedGPS(b []byte) bool {
	_, frames, _ := ubx.Share(nil, b)
	return frames > 0
}

// frame takes a binary frame and says what it counts as.
func (g *gps) frame(f ubx.Frame) Result {
	if f.Form != ubx.UBX {
		return Unknown
	}
	fault, known := g.ubx.Add(f.ID, f.Payload)
	switch f.ID {
	case ubx.NavSTATUS, ubx.MonHW, ubx.MonRF, ubx.SecSIG:
		var s ubx.Security
		if fault = max(fault, s.Parse(f.ID, f.Payload)); fault == ubx.Fine {
			g.radio.hear(s, g.env.Clock.Now().Mono, g.out)
		}
	case ubx.MonVER:
		var v ubx.Version
		if fault = v.Parse(f.Payload); fault == ubx.Fine {
			g.radio.version(v)
		}
	case ubx.AckACK, ubx.AckNAK, ubx.InfNotice:
	default:
		if !known {
			return Unknown
		}
	}
	switch fault {
	case ubx.OutOfRange:
		return Range
	case ubx.Malformed:
		return Malformed
	}
	g.sky.frame(f, g.env.Clock.Now().Mono)
	return OK
}

// Codes of the problem catalogue that the receiver itself finds.
const (
	codeJammed  = "GPS-JAMMED"
	codeSpoofed = "GPS-SPOOFED"
)

const (
	// radioCalm is how long nothing may be said of a disturbance, after which a receiver
	// that says that there is none is believed: some say so in between, several times a second.
	radioCalm = 10_000 // ms
	// radioOld is after how long a disturbance is over of which nothing more is said at all.
	radioOld = 5 * 60_000 // ms
)

// gpsRadio is what the receiver says of the signals that it gets, and of itself.
type gpsRadio struct {
	log             *slog.Logger
	jammed, spoofed disturbance
	software        string
}

// disturbance is one that may be there.
type disturbance struct {
	on   bool
	said int64 // monotonic time at which the receiver last said that there is one
}

func (r *gpsRadio) hear(s ubx.Security, now int64, out Out) {
	r.state(&r.jammed, s.Jamming, now, codeJammed, "something disturbs the satellites' signals", s.Level, out)
	r.state(&r.spoofed, s.Spoofing, now, codeSpoofed, "something imitates the satellites' signals", -1, out)
}

func (r *gpsRadio) state(d *disturbance, s ubx.State, now int64, code, what string, level int, out Out) {
	switch {
	case s >= ubx.Indicated:
		if d.said = now; !d.on {
			d.on = true
			raise(out, code, true)
			r.warn("the receiver says that "+what, "event", "gps.disturbed", "code", code, "sure", s == ubx.Affirmed, "level", level)
		}
	case s == ubx.Absent && d.on && now-d.said >= radioCalm:
		r.over(d, code, out)
	}
}

// check ends what the receiver says nothing more of.
func (r *gpsRadio) check(now int64, out Out) {
	if r.jammed.on && now-r.jammed.said >= radioOld {
		r.over(&r.jammed, codeJammed, out)
	}
	if r.spoofed.on && now-r.spoofed.said >= radioOld {
		r.over(&r.spoofed, codeSpoofed, out)
	}
}

func (r *gpsRadio) over(d *disturbance, code string, out Out) {
	d.on = false
	raise(out, code, false)
	if r.log != nil {
		r.log.Info("the receiver is not disturbed any more", "event", "gps.undisturbed", "code", code)
	}
}

// version tells the log which receiver it is, once.
func (r *gpsRadio) version(v ubx.Version) {
	text := strings.Join(append([]string{v.Software}, v.Extensions...), ", ")
	if text == r.software {
		return
	}
	r.software = text
	if r.log != nil {
		r.log.Info("the receiver says what it is", "event", "gps.receiver", "software", v.Software, "hardware", v.Hardware, "more", strings.Join(v.Extensions, ", "))
	}
}

func (r *gpsRadio) warn(text string, args ...any) {
	if r.log != nil {
		r.log.Warn(text, args...)
	}
}
