package device

import (
	"errors"
	"fmt"
	"os"
	"time"

	"portti/device/nmea"
)

// AISOptions holds the keys of type "ais".
type AISOptions struct {
	VesselOptions
}

const (
	aisBaud = 38400 // IEC 61162-2, the speed of AIS on a line
	// aisSilence: where nobody sails nothing is heard, and a base station is heard every
	// ten seconds or never.
	aisSilence = 15 * time.Minute
)

func aisKind() Kind {
	return Kind{
		Name: "ais", Baud: aisBaud, Silence: aisSilence,
		Options:     func() any { return new(AISOptions) },
		NamesThings: func(Config) bool { return true }, // by their MMSI
		Recognise:   nmea.RecogniseAIS,
		New: func(c Config, env Env) (Driver, error) {
			o := optionsOf[AISOptions](c).VesselOptions
			if err := o.check(); err != nil {
				return nil, err
			}
			return &aisReceiver{scan: nmea.NewScanner(c.MaxLine), vessels: newVessels(c, o, env), env: env}, nil
		},
		Sample: `[[device]]
name = "ais{n}"
type = "ais"                      # an AIS receiver or transponder; vessels beside a GPS: type gps with ais = true
port = "/dev/ttyUSB{port}"
baud = 38400
id = "XXXX03AIS000{serial}"         # its first six characters begin each vessel's tsmTuid
# vessel_interval = "10s"         # one position of a vessel in this time at most; 0s = each
# static_interval = "6m"          # its name and the like: when changed, or after this time; 0s = each
`,
	}
}

// aisReceiver reads an AIS receiver on a serial line or a connection:
//
//	!AIVDM,1,1,,A,15RTgt0PAso;90TKcjM8h6g208CQ,0*4A
//
// (type 1 of 371798000: 48.381633 N, 123.395383 W, 12.3 knots, course 224). Each sender
// is a thing; what it says becomes 1210 and 90110 {position}, and 90111 {name and the
// like}: see vessel_messages.go. Formats: package ais. Other sentences on the line,
// those of a GPS among them, count as Unknown.
type aisReceiver struct {
	scan    *nmea.Scanner
	vessels *vessels
	env     Env
	begun   bool // something but the end of a line has been seen
}

// Run is part of Driver.
func (a *aisReceiver) Run(port Port, out Out) error {
	buf := make([]byte, 1024)
	for {
		n, err := port.Read(buf)
		for b := buf[:n]; len(b) > 0; {
			took, ev := a.scan.Scan(b)
			b = b[took:]
			if ev != nmea.More {
				out.Frame(a.found(ev, out))
			}
		}
		if errors.Is(err, os.ErrDeadlineExceeded) {
			a.vessels.tell(a.env.Clock.Now().Mono, out)
			err = nil
		}
		if err != nil {
			return fmt.Errorf("cannot read the AIS receiver: %w", err)
		}
		// So that "4 a second" does not stay where nothing comes any more.
		if err := port.SetReadDeadline(a.env.now().Add(time.Minute)); err != nil {
			return fmt.Errorf("cannot wait for the AIS receiver: %w", err)
		}
	}
}

func (a *aisReceiver) found(ev nmea.Event, out Out) Result {
	begun := a.begun
	a.begun = true
	switch ev {
	case nmea.Good:
		return a.vessels.sentence(a.scan.Sentence(), out)
	case nmea.BadSum, nmea.NoSum:
		return Checksum
	case nmea.Long:
		return TooLong
	case nmea.Noise:
		if !begun { // the end of a line that began before us
			return Unknown
		}
	}
	return Malformed
}
