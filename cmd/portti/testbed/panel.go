package testbed

import (
	"fmt"
	"math"
	"strconv"
	"time"
)

// PanelOptions describes a simulated sensor board. Zero values take the
// default named with them.
type PanelOptions struct {
	Seed   uint64
	Format string        // json (default) or kv: key=value pairs
	Every  time.Duration // between two climate lines, default 1 s
}

// Panel is a board with an indoor climate sensor, a CO2 sensor and a battery,
// printing one line a reading as home-made boards do: climate every Every, CO2
// with every fifth, the battery with every thirtieth. The names and units are
// Thingsee's: temp C, humd %, airp Pa, lght lux, carbonDioxide ppm, batl %.
type Panel struct {
	opts  PanelOptions
	noise noise
	count int64
	start time.Time
}

// NewPanel makes a board that is switched on when it is first asked.
func NewPanel(o PanelOptions) (*Panel, error) {
	switch o.Format {
	case "":
		o.Format = "json"
	case "json", "kv":
	default:
		return nil, fmt.Errorf("cannot print lines as %q: choose json or kv", o.Format)
	}
	if o.Every == 0 {
		o.Every = time.Second
	}
	if o.Every < time.Millisecond {
		return nil, fmt.Errorf("cannot print a line every %v: the least is 1ms", o.Every)
	}
	return &Panel{opts: o, noise: noise{o.Seed}}, nil
}

// Hear ignores what is written to the board.
func (p *Panel) Hear([]byte, time.Time) {}

// Append adds the lines of one turn.
func (p *Panel) Append(dst []byte, now time.Time) ([]byte, time.Time) {
	if p.count == 0 {
		p.start = now
	}
	n := p.noise
	swing := daily(now)
	l := line{dst: dst, kv: p.opts.Format == "kv"}
	l.open()
	l.number("temp", 21.4+0.8*swing+0.5*n.at(now, 3*time.Minute, 1)+0.04*n.at(now, 2*time.Second, 2), 2)
	l.number("humd", 38-3*swing+2*n.at(now, 5*time.Minute, 3), 1)
	l.number("airp", 100900+600*n.at(now, 3*time.Hour, 4)+4*n.at(now, 3*time.Second, 5), 1)
	l.number("lght", math.Max(0, 260+240*swing+25*n.at(now, 40*time.Second, 6)), 0)
	l.close()
	if p.count%5 == 0 {
		l.open()
		l.number("carbonDioxide", 640+120*swing+90*n.at(now, 4*time.Minute, 7), 0)
		l.close()
	}
	if p.count%30 == 0 {
		l.open()
		l.number("batl", math.Max(5, 97-now.Sub(p.start).Hours()/4), 0)
		l.close()
	}
	p.count++
	return l.dst, ceil(now, p.opts.Every)
}

// line writes one reading as a JSON object or as key=value pairs.
type line struct {
	dst  []byte
	kv   bool
	more bool
}

func (l *line) open() {
	l.more = false
	if !l.kv {
		l.dst = append(l.dst, '{')
	}
}

func (l *line) number(name string, v float64, decimals int) {
	if l.more {
		if l.kv {
			l.dst = append(l.dst, ' ')
		} else {
			l.dst = append(l.dst, ',')
		}
	}
	l.more = true
	if l.kv {
		l.dst = append(append(l.dst, name...), '=')
	} else {
		l.dst = append(strconv.AppendQuote(l.dst, name), ':')
	}
	l.dst = fixed(l.dst, v, decimals)
}

func (l *line) close() {
	if !l.kv {
		l.dst = append(l.dst, '}')
	}
	l.dst = append(l.dst, '\r', '\n')
}
