package device

import (
	"errors"
	"fmt"
	"os"
	"time"

	"portti/device/nmea"
	"portti/device/ubx"
)

// GPSOptions holds the keys of type "gps".
type GPSOptions struct {
	PositionOptions
	VesselOptions
	Checksum  string   `toml:"checksum"`  // required (default) | optional: what becomes of sentences without one
	AIS       bool     `toml:"ais"`       // read the vessels whose sentences come between the receiver's
	Configure bool     `toml:"configure"` // write to the receiver what Setup says
	Setup     GPSSetup `toml:"setup"`
}

const (
	// gpsQuiet is the pause after which a receiver's cycle counts as over: many
	// times what a USB adapter or a device server holds bytes back (16 ms). It
	// doubles up to gpsQuietMax for a receiver that is seen to pause longer.
	gpsQuiet    = 100 * time.Millisecond
	gpsQuietMax = 800 * time.Millisecond
	// gpsFloorGrace keeps the floor, which may come from a clock a little
	// ahead, from turning today's fix into one in twenty years.
	gpsFloorGrace = 24 * 60 * 60 * 1000 // ms
	// gpsSlack is how far behind a clock may be that nobody synchronised. A date 1024
	// weeks behind is 19.6 years off, so this tells a rollover from a recording, but
	// for one in ten of the dates that are wrong for another reason.
	gpsSlack = 2 * 365 * 24 * 60 * 60 * 1000 // ms
	gpsBytes = 1024                          // read at once
	// gpsCut is after how many pauses half a binary frame will not be completed any more.
	gpsCut = 4
)

func gpsKind() Kind {
	return Kind{
		Name: "gps", Baud: 9600, Auto: true, Silence: 10 * time.Second,
		Options:   func() any { return new(GPSOptions) },
		Problems:  gpsProblems(),
		Expect:    gpsExpect,
		Doubts:    gpsDoubts,
		Recognise: recogniseGPS, Framed: framedGPS,
		New: func(c Config, env Env) (Driver, error) {
			if err := optionsOf[GPSOptions](c).check(); err != nil {
				return nil, err
			}
			return newGPS(c, env), nil
		},
		Sample: `[[device]]
name = "gps{n}"
type = "gps"                      # a receiver that speaks NMEA 0183 or UBX, or both
port = "/dev/serial/by-id/usb-u-blox_7-if0{port}"      # ls -l /dev/serial/by-id/
baud = 9600                       # or "auto": the speed is found by listening
id = "XXXX03GPS000{serial}"         # tsmTuid: the name the server knows this thing by
# expect_every = "1s"             # silent for three times this = a problem
# checksum = "required"           # optional = sentences without one are taken too
# share = "127.0.0.1:{share}"      # where other programs get the receiver's bytes; any type can
# ais = false                     # true = the vessels of AIS sentences between the receiver's are things too
# vessel_interval = "10s"         # one position of a vessel in this time at most
# static_interval = "6m"          # its name and the like: when changed, or after this time
# configure = true                # write to the receiver (u-blox) what setup says; without it nothing is ever written
# setup = { rate = 5, messages = ["NAV-PVT", "NAV-DOP", "-GSV"], constellations = ["gps", "galileo"], save = false }
` + positionSample,
	}
}

func (c GPSOptions) check() error {
	errs := []error{c.PositionOptions.check(), c.VesselOptions.check()}
	switch c.Checksum {
	case "", "required", "optional":
	default:
		errs = append(errs, keyError("checksum", "must be required or optional"))
	}
	return errors.Join(append(errs, c.checkSetup())...)
}

// gps reads a GNSS receiver that speaks NMEA 0183, UBX, or both on one line, with RTCM 3 in
// between or not, and emits each epoch with a valid fix once, as soon as the epoch is
// complete:
//
//	$GPRMC,143252.00,A,4002.10513,N,07531.20562,W,5.1,84.4,221126,,,A*74
//	$GPGGA,143252.00,4002.10513,N,07531.20562,W,1,07,1.72,183.8,M,-34.4,M,,*61
//
// or
//
//	B5 62  01 07  5C 00  ...  NAV-PVT, 92 bytes
//
// becomes message 1210 {lat, lon, lacr} and message 90100 {lat, lon, lacr,
// alt, speed, heading, sats, hdop, fixType}, both with the fix's own time. An
// epoch without a fix emits nothing. Formats: packages nmea and ubx; one epoch in both:
// gps_both.go; fields and units: locate.go.
type gps struct {
	cfg   GPSOptions
	env   Env
	out   Out
	scan  *nmea.Scanner
	join  *nmea.Joiner
	ubx   *ubx.Joiner
	both  both
	rest  []byte // of what was read: the beginning of a binary frame
	idles int    // pauses since bytes came
	begun bool   // something but the end of a line has been seen
	lost  bool   // a frame was broken, which has been counted, and nothing good has come since
	quiet time.Duration
	pause time.Time // when the receiver will have paused, zero = nothing waits for that
	late  uint64
	loc   *locator
	radio gpsRadio
	sky   skyReader
	ais   *vessels  // nil = what AIS says is passed over
	setup *gpsSetup // nil = nothing is ever written to the receiver
}

func newGPS(c Config, env Env) *gps {
	g := &gps{cfg: optionsOf[GPSOptions](c), env: env, quiet: gpsQuiet}
	g.loc = newLocator(c.Name, g.cfg.PositionOptions, env)
	if g.cfg.AIS {
		g.ais = newVessels(c, g.cfg.VesselOptions, env)
		g.ais.silent = true // the text is the receiver's
	}
	g.scan = nmea.NewScanner(c.MaxLine)
	g.scan.Lenient = g.cfg.Checksum == "optional"
	g.rest = make([]byte, 0, ubx.MaxFrame+gpsBytes)
	g.radio.log = env.Log
	if g.loc.self != nil {
		g.sky.view = &g.loc.self.view
	}
	if g.cfg.Configure {
		g.setup = newGPSSetup(g.cfg.Setup, env)
	}
	var opts nmea.Options
	if env.Clock != nil { // nil while the configuration is only checked
		opts.Floor = env.Clock.Floor() - gpsFloorGrace
		opts.Latest = func() int64 { return gpsLatest(env.Clock.Now(), env.Clock.Floor()) }
		opts.Mono = func() int64 { return env.Clock.Now().Mono }
	}
	g.ubx = ubx.NewJoiner(opts.Mono, g.both.ubx)
	g.both = both{opts: opts, last: nmea.NoTime, before: nmea.NoTime, join: g.ubx, emit: func(f *nmea.Fix) { g.loc.fix(f, g.out) }}
	g.join = nmea.NewJoiner(opts, g.both.nmea)
	return g
}

// Run is part of Driver.
func (g *gps) Run(port Port, out Out) error {
	g.out = out
	buf := make([]byte, gpsBytes)
	for {
		until, err := g.setup.write(port, g.pause, out)
		if err != nil {
			g.end()
			return fmt.Errorf("cannot set up the receiver: %w", err)
		}
		if err := port.SetReadDeadline(until); err != nil {
			g.end()
			return fmt.Errorf("cannot wait for the receiver: %w", err)
		}
		n, err := port.Read(buf)
		g.take(buf[:n])
		if errors.Is(err, os.ErrDeadlineExceeded) {
			// Where it is written to, that may have been another pause.
			if g.setup == nil || !g.pause.IsZero() && !g.env.now().Before(g.pause) {
				g.idle()
			}
			err = nil
		}
		if err != nil {
			g.end()
			return fmt.Errorf("cannot read the receiver: %w", err)
		}
		if g.pause = (time.Time{}); g.join.Pending() || g.ubx.Pending() || g.both.pending() || len(g.rest) > 0 {
			g.pause = g.env.now().Add(g.quiet)
		}
	}
}

// idle says that the receiver pauses, so that its cycle is over.
func (g *gps) idle() {
	g.join.Idle()
	g.ubx.Idle()
	g.both.idle()
	if g.idles++; g.idles >= gpsCut && len(g.rest) > 0 {
		g.rest = append(g.rest[:0], g.split(g.rest, true)...)
	}
}

// end emits what waited for more, of which none comes. Half a frame counts as nothing.
func (g *gps) end() {
	g.lost = true
	g.rest = append(g.rest[:0], g.split(g.rest, true)...)
	g.join.Idle()
	g.ubx.Idle()
	g.both.idle()
}

// take looks at new bytes.
func (g *gps) take(b []byte) {
	if len(b) > 0 {
		g.idles = 0
		if len(g.rest) > 0 {
			g.rest = append(g.rest, b...)
			b = g.rest
		}
		g.rest = append(g.rest[:0], g.split(b, false)...)
	}
	if late := g.join.Late() + g.ubx.Late() + g.both.late; late != g.late {
		g.late = late
		g.quiet = min(2*g.quiet, gpsQuietMax)
	}
	g.setup.came(len(b))
	g.loc.check(g.late, g.out)
	g.radio.check(g.env.Clock.Now().Mono, g.out)
}

// split hands on the frames and the text of b, and gives what may begin a frame.
func (g *gps) split(b []byte, over bool) (rest []byte) {
	for {
		before, f, broken := ubx.Next(b, over)
		if broken && !g.lost {
			g.lost = true
			g.out.Frame(Checksum)
		}
		g.text(b[:before])
		if b = b[before:]; f.Form == ubx.None {
			return b
		}
		if ev := g.scan.Break(); ev != nmea.More {
			g.found(ev)
		}
		g.begun, g.lost = true, false
		g.setup.hear(f)
		g.out.Frame(g.frame(f))
		b = b[f.Size:]
	}
}

// text looks at bytes that are in no binary frame.
func (g *gps) text(b []byte) {
	for len(b) > 0 {
		n, ev := g.scan.Scan(b)
		b = b[n:]
		if ev != nmea.More {
			g.found(ev)
		}
	}
}

func (g *gps) found(ev nmea.Event) {
	begun := g.begun
	g.begun = true
	switch ev {
	case nmea.Good:
		g.lost = false
		g.sentence(g.scan.Sentence())
	case nmea.BadSum, nmea.NoSum:
		g.out.Frame(Checksum)
	case nmea.Long:
		g.out.Frame(TooLong)
	case nmea.Noise:
		// The first is the end of a line or a frame that began before us.
		if begun && !g.lost {
			g.out.Frame(Malformed)
		}
	default:
		if !g.lost { // else these are the insides of a broken frame
			g.out.Frame(Malformed)
		}
	}
}

func (g *gps) sentence(s *nmea.Sentence) {
	if s.Type == nmea.Other || s.Type == nmea.Foreign {
		g.setup.text(s)
		g.join.Add(s)
		g.out.Frame(g.ais.sentence(s, g.out))
		return
	}
	g.sky.sentence(s, g.env.Clock.Now().Mono)
	fault := g.join.Add(s)
	switch {
	case fault&nmea.OutOfRange != 0:
		g.out.Frame(Range)
	case fault != 0:
		g.out.Frame(Malformed)
	default:
		g.out.Frame(OK)
	}
}
