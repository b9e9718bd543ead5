package device

import (
	"errors"
	"fmt"
	"os"
	"time"

	"portti/device/nmea"
)

// GPSOptions holds the keys of type "gps".
type GPSOptions struct {
	PositionOptions
	Checksum string `toml:"checksum"` // required (default) | optional: what becomes of sentences without one
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
)

func gpsKind() Kind {
	return Kind{
		Name: "gps", Baud: 9600, Silence: 10 * time.Second,
		Options:   func() any { return new(GPSOptions) },
		Problems:  gpsProblems(),
		Recognise: nmea.Recognise,
		New: func(c Config, env Env) (Driver, error) {
			if err := optionsOf[GPSOptions](c).check(); err != nil {
				return nil, err
			}
			return newGPS(c, env), nil
		},
		Sample: `[[device]]
name = "gps{n}"
type = "gps"                      # an NMEA 0183 receiver
port = "/dev/serial/by-id/usb-u-blox_7-if0{port}"      # ls -l /dev/serial/by-id/
baud = 9600
id = "XXXX03GPS000{serial}"         # tsmTuid: the name the server knows this thing by
# expect_every = "1s"             # silent for three times this = a problem
# detail = "separate"             # altitude, speed, heading, quality: in a message of their own | append | off
# checksum = "required"           # optional = sentences without one are taken too
# speed_floor = 0.5               # m/s; below it no heading is sent
# share = "127.0.0.1:1011{port}"      # where other programs get the receiver's bytes; any type can
# lacr_from_hdop = 0              # metres of error per unit of HDOP; 0 = only an error that the receiver states
`,
	}
}

func (c GPSOptions) check() error {
	errs := []error{c.PositionOptions.check()}
	switch c.Checksum {
	case "", "required", "optional":
	default:
		errs = append(errs, keyError("checksum", "must be required or optional"))
	}
	return errors.Join(errs...)
}

// gps reads a GNSS receiver that speaks NMEA 0183 and emits each epoch with a
// valid fix once, as soon as the epoch is complete:
//
//	$GPRMC,143252.00,A,4002.10513,N,07531.20562,W,5.1,84.4,221126,,,A*74
//	$GPGGA,143252.00,4002.10513,N,07531.20562,W,1,07,1.72,183.8,M,-34.4,M,,*61
//
// becomes message 1210 {lat, lon, lacr} and message 90100 {lat, lon, lacr,
// alt, speed, heading, sats, hdop, fixType}, both with the fix's own time. An
// epoch without a fix emits nothing. Formats: package nmea; fields and units:
// locate.go.
type gps struct {
	cfg   GPSOptions
	env   Env
	out   Out
	scan  *nmea.Scanner
	join  *nmea.Joiner
	begun bool // something but the end of a line has been seen
	quiet time.Duration
	late  uint64
	loc   *locator
}

func newGPS(c Config, env Env) *gps {
	g := &gps{cfg: optionsOf[GPSOptions](c), env: env, quiet: gpsQuiet}
	g.loc = newLocator(c.Name, g.cfg.PositionOptions, env)
	g.scan = nmea.NewScanner(c.MaxLine)
	g.scan.Lenient = g.cfg.Checksum == "optional"
	var opts nmea.Options
	if env.Clock != nil { // nil while the configuration is only checked
		opts.Floor = env.Clock.Floor() - gpsFloorGrace
		opts.Latest = func() int64 { return gpsLatest(env.Clock.Now(), env.Clock.Floor()) }
		opts.Mono = func() int64 { return env.Clock.Now().Mono }
	}
	g.join = nmea.NewJoiner(opts, func(f *nmea.Fix) { g.loc.fix(f, g.out) })
	return g
}

// Run is part of Driver.
func (g *gps) Run(port Port, out Out) error {
	g.out = out
	buf := make([]byte, gpsBytes)
	for {
		n, err := port.Read(buf)
		g.take(buf[:n])
		if errors.Is(err, os.ErrDeadlineExceeded) {
			g.join.Idle()
			err = nil
		}
		if err != nil {
			g.join.Idle() // no more comes of the cycle that was interrupted
			return fmt.Errorf("cannot read the receiver: %w", err)
		}
		var until time.Time
		if g.join.Pending() {
			until = g.env.now().Add(g.quiet)
		}
		if err := port.SetReadDeadline(until); err != nil {
			g.join.Idle()
			return fmt.Errorf("cannot wait for the receiver: %w", err)
		}
	}
}

// take looks at new bytes.
func (g *gps) take(b []byte) {
	for len(b) > 0 {
		n, ev := g.scan.Scan(b)
		b = b[n:]
		if ev != nmea.More {
			g.found(ev)
		}
	}
	if late := g.join.Late(); late != g.late {
		g.late = late
		g.quiet = min(2*g.quiet, gpsQuietMax)
	}
	g.loc.check(g.late, g.out)
}

func (g *gps) found(ev nmea.Event) {
	begun := g.begun
	g.begun = true
	switch ev {
	case nmea.Good:
		g.sentence(g.scan.Sentence())
	case nmea.BadSum, nmea.NoSum:
		g.out.Frame(Checksum)
	case nmea.Long:
		g.out.Frame(TooLong)
	case nmea.Noise:
		if begun { // the first is the end of a line that began before us
			g.out.Frame(Malformed)
		}
	default:
		g.out.Frame(Malformed)
	}
}

func (g *gps) sentence(s *nmea.Sentence) {
	if s.Type == nmea.Other || s.Type == nmea.Foreign {
		g.join.Add(s)
		g.out.Frame(Unknown)
		return
	}
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
