package device

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"
)

// Baud is the speed of a serial line, in bits a second.
type Baud int

// BaudAuto is the speed that is found out by listening.
const BaudAuto Baud = -1

const baudAuto = "auto"

// UnmarshalText reads the one speed that is no number. The error is a clause that fits
// behind the name of a key.
func (b *Baud) UnmarshalText(text []byte) error {
	if string(text) != baudAuto {
		return errors.New(`must be a whole number, or "auto"`)
	}
	*b = BaudAuto
	return nil
}

// UnmarshalJSON reads a speed of a recording.
func (b *Baud) UnmarshalJSON(text []byte) error {
	if string(text) == `"`+baudAuto+`"` {
		*b = BaudAuto
		return nil
	}
	n, err := strconv.Atoi(string(text))
	*b = Baud(n)
	return err
}

// MarshalJSON is how a recording has it.
func (b Baud) MarshalJSON() ([]byte, error) {
	if b == BaudAuto {
		return []byte(`"` + baudAuto + `"`), nil
	}
	return strconv.AppendInt(nil, int64(b), 10), nil
}

// String is the speed as the configuration has it.
func (b Baud) String() string {
	if b == BaudAuto {
		return baudAuto
	}
	return strconv.Itoa(int(b))
}

// errSpeed is the end of a driver that reads nothing because the line's speed is wrong.
var errSpeed = errors.New("the line's speed is wrong")

// autoLimit is how long each search for the speed lasts at most, before people are told
// that there is none yet, and it begins anew.
const autoLimit = 30 * time.Second

// seek sets the line to the speed at which the device speaks, as Hear finds it, beginning
// with the one found last. It ends when there is one, or the port is gone.
func (d *device) seek(ctx context.Context, line tunable) error {
	for {
		s := newSearch(Table{d.kind}, autoLimit)
		if s.first = int(d.found.Load()); s.first == 0 {
			s.first = d.kind.Baud
		}
		d.beat(autoLimit + stopLimit)
		heard, err := s.run(line)
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		if err != nil {
			return fmt.Errorf("cannot find the speed: %w", err)
		}
		d.beat(0)
		d.bytes.Add(uint64(heard.Bytes))
		if len(heard.Guesses) > 0 && (heard.Verdict == Sure || heard.Verdict == Likely) {
			d.speed(heard.Guesses[0])
			return nil
		}
		if heard.Seems == seemsText && optionsOf[GPSOptions](d.cfg).Checksum == "optional" { // what is recognised has checksums
			d.speed(Guess{Name: "text", Baud: heard.Baud})
			return nil
		}
		d.notFound(heard)
	}
}

// speed notes the speed that was found.
func (d *device) speed(g Guess) {
	if before := d.found.Swap(int64(g.Baud)); before != int64(g.Baud) {
		d.log.Info("the line's speed is found", "event", "port.speed", "baud", g.Baud, "format", g.Name, "before", before)
	}
}

// notFound tells people why there is none yet.
func (d *device) notFound(h Heard) {
	switch {
	case h.Verdict == Quiet:
		d.become(Silent, CodeSilent, nil)
	case h.Seems != "" && h.Sample != "":
		remedy := checkType
		for _, f := range formats() {
			if f.name == h.Seems {
				remedy = f.remedy(d.kind.Name)
			}
		}
		d.garbage(diagnosis{CodeUnknown, h.Seems, remedy})
	default:
		d.garbage(diagnosis{code: CodeGarbage})
	}
}

// auto says that the speed of an open line is to be found out.
func (d *device) auto(line Line) (tunable, bool) {
	t, ok := line.(tunable)
	return t, ok && d.cfg.Baud == BaudAuto
}
