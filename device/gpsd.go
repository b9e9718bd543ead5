package device

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"portti/device/jsonline"
	"portti/device/nmea"
)

// GPSDOptions holds the keys of type "gpsd".
type GPSDOptions struct {
	PositionOptions
	VesselOptions
	Device string `toml:"device"` // the receiver of gpsd's to hear, by the path gpsd knows it by; "" = the first that speaks, or another while that has no fix
}

const (
	gpsdPort    = "tcp://127.0.0.1:2947"
	gpsdMaxLine = 16384 // gpsd writes 10240 bytes at most
	gpsdWatch   = `?WATCH={"enable":true,"json":true,"scaled":false};` + "\n"

	// gpsdPatience is how long the receiver that is heard may be without a fix before
	// another one that has a fix is heard: longer than one under a bridge takes.
	gpsdPatience = 30 * 1000 // ms

	codeNoReceiver = "GPSD-NO-RECEIVER"
	codeSeveral    = "GPSD-SEVERAL"
)

func gpsdKind() Kind {
	return Kind{
		Name: "gpsd", Baud: 9600, Port: gpsdPort, Silence: 10 * time.Second, Writes: true, // it has to be asked
		Options: func() any { return new(GPSDOptions) },
		Problems: append(gpsProblems(),
			Problem{Code: codeNoReceiver, Title: "gpsd has no receiver", ImpactsData: true,
				Sentence: "{subject}: gpsd runs and has no receiver that it could read.",
				Actions:  []string{"See which receivers gpsd has: `gpspipe -w -n 3`", "Check the receiver's cable, and DEVICES in /etc/default/gpsd; after a change: `sudo systemctl restart gpsd`"}},
			Problem{Code: codeSeveral, Title: "gpsd has several receivers",
				Sentence: "{subject}: gpsd reads several receivers; only one is heard: the first that spoke, or another while that has no fix.",
				Actions:  []string{"Name the one to hear in the configuration: device = \"/dev/...\"; then: `sudo portti reload`"}}),
		Recognise: func(b []byte) (string, float64) {
			return "gpsd", shareOfLines(b, func(line []byte) bool {
				return bytes.HasPrefix(line, []byte(`{"class":"`)) && jsonline.Valid(line)
			})
		},
		New: newGPSD,
		Sample: `[[device]]
name = "gpsd{n}"
type = "gpsd"                     # a receiver that gpsd reads, with the vessels of an AIS receiver
port = "tcp://127.0.0.1:2947"
id = "XXXX03GPS000{serial}"         # tsmTuid of the positions; its first six characters begin each vessel's
# device = "/dev/ttyUSB0"         # the one to hear where gpsd has several
# vessel_interval = "10s"         # one position of a vessel in this time at most; 0s = each
# static_interval = "6m"          # its name and the like: when changed, or after this time; 0s = each
` + positionSample,
	}
}

// gpsd reads what gpsd tells its clients, one object of JSON a line
// (https://gpsd.gitlab.io/gpsd/gpsd_json.html). It says who it is, is asked to watch,
// and reports:
//
//	{"class":"VERSION","release":"3.22","rev":"3.22","proto_major":3,"proto_minor":14}
//	{"class":"TPV","device":"/dev/ttyACM0","mode":3,"time":"2026-11-22T12:00:00.000Z","lat":60.17,"lon":24.94,"altMSL":12.3,"speed":0.1,"track":77.1,"eph":4.1}
//	{"class":"SKY","device":"/dev/ttyACM0","hdop":0.9,"uSat":9}
//	{"class":"AIS","device":"/dev/ttyUSB0","type":1,"mmsi":290000001,"scaled":false,"speed":123,"lon":14964000,"lat":36102000}
//
// The first report with a position of each time goes to the locator, and each report of
// AIS to the vessels. Fields that are absent, null or no number are absent; classes not
// known count as Unknown.
type gpsd struct {
	cfg     GPSDOptions
	env     Env
	framer  bleFramer
	loc     *locator
	vessels *vessels
	fix     nmea.Fix
	msg     aisReport
	seen    skyReader

	device []byte // whose positions are heard
	fixed  int64  // when that one last had a fix, or was taken: monotonic, ms
	old    bool   // a gpsd whose alt is above mean sea level
	sats   int16
	hdop   nmea.Decimal
	last   int64  // time of the last fix
	late   uint64 // fixes of a time that was there before
	text   []byte
}

func newGPSD(c Config, env Env) (Driver, error) {
	o := optionsOf[GPSDOptions](c)
	if err := o.check(); err != nil {
		return nil, err
	}
	limit := c.MaxLine
	if limit == 0 {
		limit = gpsdMaxLine
	}
	g := &gpsd{cfg: o, env: env, framer: newBLEFramer("", limit), device: []byte(o.Device), sats: nmea.None}
	g.loc = newLocator(c.Name, o.PositionOptions, env)
	if g.loc.self != nil {
		g.seen.view = &g.loc.self.view
	}
	g.vessels = newVessels(c, o.VesselOptions, env)
	return g, nil
}

func (o GPSDOptions) check() error {
	errs := []error{o.PositionOptions.check(), o.VesselOptions.check()}
	if len(o.Device) > 256 || bytes.ContainsAny([]byte(o.Device), "\"\\\x00\r\n") {
		errs = append(errs, keyError("device", "must be the path by which gpsd knows the receiver, such as /dev/ttyACM0"))
	}
	return errors.Join(errs...)
}

// Run is part of Driver.
func (g *gpsd) Run(port Port, out Out) error {
	chunk := make([]byte, 2048)
	for {
		n, err := port.Read(chunk)
		for _, c := range chunk[:n] {
			line, _, done := g.framer.put(c)
			switch {
			case !done:
				continue
			case line == nil:
				out.Frame(TooLong)
			default:
				if err := g.line(bytes.TrimSpace(line), port, out); err != nil {
					return err
				}
			}
		}
		if err != nil {
			return fmt.Errorf("cannot read gpsd: %w", err)
		}
		g.loc.check(g.late, out)
	}
}

// line takes one line without its end.
func (g *gpsd) line(line []byte, port Port, out Out) error {
	switch {
	case len(line) == 0:
		return nil
	case line[0] != '{':
		out.Frame(Unknown)
		return nil
	case !jsonline.Valid(line):
		out.Frame(Malformed)
		return nil
	}
	var s jsonline.Scanner
	var class, device []byte
	for s.Reset(line); s.Next(); {
		if s.Kind() == jsonline.String {
			switch string(s.Key()) {
			case "class":
				class = s.Raw()
			case "device", "path":
				device = s.Raw()
			}
		}
	}
	if string(class) == "VERSION" {
		out.Frame(OK)
		g.version(line, out)
		if _, err := port.Write([]byte(gpsdWatch)); err != nil {
			return fmt.Errorf("cannot ask gpsd for its reports: %w", err)
		}
		return nil
	}
	out.Frame(g.report(line, class, device, out))
	return nil
}

// report takes a line of a class and says what it counts as.
func (g *gpsd) report(line, class, device []byte, out Out) Result {
	switch string(class) {
	case "TPV":
		if !g.ours(line, device, out) {
			return Unknown
		}
		return g.position(line, out)
	case "SKY":
		if len(g.device) == 0 || !bytes.Equal(device, g.device) {
			return Unknown
		}
		return g.sky(line)
	case "AIS":
		if g.cfg.Device != "" && !bytes.Equal(device, g.device) {
			return Unknown
		}
		return g.msg.take(line, g.vessels, g.env.Clock.Now(), out)
	case "DEVICES":
		g.devices(line, out)
	case "DEVICE":
		g.changed(line, device, out)
	case "ERROR":
		g.complaint(line, out)
	case "WATCH":
	default:
		return Unknown
	}
	return OK
}

// ours says whether positions of a receiver are to be heard: of the one that is named,
// or of the first one that speaks, since fixes of two would be one that jumps. One that
// has no fix for gpsdPatience gives way to one that has.
func (g *gpsd) ours(line, device []byte, out Out) bool {
	now := g.env.Clock.Now().Mono
	if len(g.device) == 0 {
		g.device, g.fixed = append(g.device, device...), now
	}
	if bytes.Equal(device, g.device) {
		raise(out, codeNoReceiver, false)
		return true
	}
	if g.cfg.Device != "" {
		return false
	}
	raise(out, codeSeveral, true)
	if now-g.fixed < gpsdPatience || !gpsdHasFix(line) {
		return false
	}
	if g.env.Log != nil {
		g.env.Log.Info("another receiver of gpsd's is heard, which has a fix", "event", "gpsd.receiver-changed", "device", string(device), "before", string(g.device))
	}
	g.device = append(g.device[:0], device...)
	g.sats, g.hdop = nmea.None, nmea.Decimal{} // of that one
	return true
}
