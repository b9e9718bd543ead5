package device

import (
	"bytes"
	"errors"
	"log/slog"
	"math"
	"os"
	"strings"
	"time"

	"portti/device/nmea"
	"portti/device/ubx"
)

// GPSSetup is how a u-blox receiver is to be set up: the table setup of a "gps" device.
type GPSSetup struct {
	Rate           float64  `toml:"rate" json:"rate,omitzero"`                     // epochs a second, 0 = as it is
	Constellations []string `toml:"constellations" json:"constellations,omitzero"` // those to be used, and no others
	Messages       []string `toml:"messages" json:"messages,omitzero"`             // to be sent each epoch; with a minus, not to be sent
	Save           bool     `toml:"save" json:"save,omitzero"`                     // in the receiver's own memory too
}

func (s GPSSetup) plan() ubx.Plan {
	p := ubx.Plan{Systems: s.Constellations, Messages: s.Messages, Save: s.Save}
	if s.Rate != 0 {
		p.Interval = int(math.Round(1000 / s.Rate))
	}
	return p
}

func (c GPSOptions) checkSetup() error {
	if r := c.Setup.Rate; r != 0 && !(r >= 0.02 && r <= 40) {
		return keyError("setup.rate", "must be from 0.02 to 40 epochs a second, or 0 to leave it")
	}
	if field, err := c.Setup.plan().Check(); err != nil {
		return keyError("setup."+field, "%s", err)
	}
	if c.Configure && c.Setup.plan().Empty() {
		return keyError("setup", "must say what to configure: rate, messages or constellations")
	}
	return nil
}

func gpsDoubts(c Config) error {
	o := optionsOf[GPSOptions](c)
	if o.Configure || o.Setup.plan().Empty() && !o.Setup.Save {
		return nil
	}
	return keyError("setup", "has no effect without configure = true: nothing is written to the receiver")
}

// gpsExpect is how often there is an epoch, where the setup says it.
func gpsExpect(c Config) time.Duration {
	if o := optionsOf[GPSOptions](c); o.Configure && o.Setup.Rate > 0 {
		return time.Duration(float64(time.Second) / o.Setup.Rate)
	}
	return 0
}

const codeSetup = "GPS-SETUP"

// gpsSetup is the part of a gps that writes to the receiver. A nil one never does.
type gpsSetup struct {
	setup *ubx.Setup
	env   Env
	start time.Time
	shown ubx.Progress
}

func newGPSSetup(c GPSSetup, env Env) *gpsSetup {
	return &gpsSetup{setup: ubx.NewSetup(c.plan()), env: env, start: env.now()}
}

// now is the time of the setup, in milliseconds.
func (s *gpsSetup) now() int64 { return s.env.now().Sub(s.start).Milliseconds() }

// write sends what is to be sent now, and gives the sooner of a deadline and when to be
// asked again.
func (s *gpsSetup) write(port Port, until time.Time, out Out) (time.Time, error) {
	if s == nil {
		return until, nil
	}
	if frame := s.setup.Next(s.now()); frame != nil {
		// One that takes nothing does not answer either, and is read all the same.
		if _, err := port.Write(frame); err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			return until, err
		}
	}
	s.tell(out)
	due := s.start.Add(time.Duration(s.setup.Due()) * time.Millisecond)
	if until.IsZero() || due.Before(until) {
		return due, nil
	}
	return until, nil
}

func (s *gpsSetup) came(n int) {
	if s != nil && n > 0 {
		s.setup.Came(s.now())
	}
}

func (s *gpsSetup) hear(f ubx.Frame) {
	if s != nil {
		s.setup.Hear(f, s.now())
	}
}

// text looks for that of a receiver that has just started, $GNTXT,01,01,02,u-blox AG.
func (s *gpsSetup) text(sentence *nmea.Sentence) {
	if s != nil && bytes.HasSuffix(sentence.Field(0), []byte("TXT")) && bytes.Contains(sentence.Field(4), []byte("u-blox")) {
		s.setup.Restarted(s.now())
	}
}

// tell says how it went, where that changed.
func (s *gpsSetup) tell(out Out) {
	progress, refused := s.setup.Progress()
	if progress == s.shown {
		return
	}
	s.shown = progress
	log := s.env.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	switch progress {
	case ubx.Setting:
		log.Info("the receiver is being set up", "event", "gps.setup", "receiver", s.setup.Receiver())
	case ubx.Done:
		raise(out, codeSetup, false)
		log.Info("the receiver is set up", "event", "gps.setup-done", "receiver", s.setup.Receiver())
	case ubx.Partly:
		raise(out, codeSetup, true)
		log.Warn("the receiver refuses a part of its setup", "event", "gps.setup-refused", "code", codeSetup, "receiver", s.setup.Receiver(), "refused", strings.Join(refused, ", "))
	case ubx.Unanswered:
		raise(out, codeSetup, true)
		log.Warn("the receiver does not answer, so it is not set up", "event", "gps.setup-unanswered", "code", codeSetup, "err", errors.New("no answer to UBX MON-VER"))
	}
}
