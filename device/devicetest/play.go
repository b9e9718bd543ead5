package devicetest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"testing"
	"time"

	"portti/device"
	"portti/device/clock"
)

// suite is one kind under test.
type suite struct {
	kind device.Kind
	o    Options
	cfg  device.Config // the plainest
}

func newSuite(kind device.Kind, o Options) suite {
	c := device.Config{Name: "under-test", Type: kind.Name, ID: "XXXX03TST00000001", Options: o.Keys}
	if kind.Open == nil {
		c.Port = "/dev/ttyX0"
	}
	return suite{kind, o, c}
}

// testNow is when everything is read, in Unix milliseconds.
const testNow = 1_796_000_000_000

func newEnv() device.Env {
	return device.Env{
		Gateway: "XXXX00GTW00000001", Log: slog.New(slog.DiscardHandler),
		Clock: clock.Fake(clock.Now{Mono: 100_000, Unix: testNow, Trusted: true}, time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)),
	}
}

// outcome is what came of playing a recording.
type outcome struct {
	records []string
	frames  [device.Results]uint64
	flags   []string // every code that was raised
	err     error    // what Run returned
	crash   string   // a panic, with its stack
}

// play runs a fresh driver on a port as a gateway does, until the port ends.
// The outcome is what the sink keeps.
func (s suite) play(t testing.TB, p *port, sink *sink) outcome {
	t.Helper()
	return s.playOn(t, p, newEnv(), sink)
}

func (s suite) playOn(t testing.TB, p device.Line, env device.Env, sink *sink) outcome {
	t.Helper()
	var out outcome
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	kind := s.kind
	kind.New = func(c device.Config, env device.Env) (device.Driver, error) {
		d, err := s.kind.New(c, env)
		return &watched{d, &out, stop}, err
	}
	set, err := device.New([]device.Config{s.cfg}, func(string) (uint16, error) { return 1, nil }, sink, env, device.Tuning{
		Kinds: device.Table{kind},
		Open: func(context.Context, device.Config) (device.Opened, error) {
			return device.Opened{Line: p, Path: s.cfg.Port}, nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	set.Run(ctx)
	out.records, out.frames = sink.records, set.Status()[0].Frames
	return out
}

// watched is the driver under test: what its Run does is noted, and ends the set.
type watched struct {
	device.Driver
	seen *outcome
	stop func()
}

func (w *watched) Run(port device.Port, out device.Out) error {
	defer w.stop()
	defer func() {
		if v := recover(); v != nil {
			w.seen.crash = fmt.Sprintf("%v\n%s", v, debug.Stack())
		}
	}()
	w.seen.err = w.Driver.Run(port, &flags{out, w.seen})
	return w.seen.err
}

// flags notes the codes that a driver raises.
type flags struct {
	device.Out
	seen *outcome
}

func (f *flags) Flag(code string, on bool) {
	f.seen.flags = append(f.seen.flags, code)
	if out, ok := f.Out.(device.Flagger); ok {
		out.Flag(code, on)
	}
}

// sink keeps copies of all records, unless told to forget them.
type sink struct {
	records []string
	forget  bool
}

func (s *sink) Append(_ int64, _ byte, _ uint16, _ uint32, rec []byte) error {
	if !s.forget {
		s.records = append(s.records, string(rec))
	}
	return nil
}
func (s *sink) Lose(uint16, string, int) {}
func (s *sink) Room() <-chan struct{}    { return nil }

// errOver is how a port ends.
var errOver = errors.New("the recording is over")

// port plays bytes in pieces, then fails. Deadlines never pass.
type port struct {
	data  []byte
	piece int
	again int // times that data is played again
	at    int
	over  int // Reads after the end
	wrote int // bytes written
}

func (p *port) Read(b []byte) (int, error) {
	if p.at == len(p.data) {
		if p.again == 0 || len(p.data) == 0 {
			if p.over++; p.over > 100 {
				panic("the driver goes on reading after its port has failed")
			}
			return 0, errOver
		}
		p.again, p.at = p.again-1, 0
	}
	n := copy(b[:min(len(b), p.piece)], p.data[p.at:])
	p.at += n
	return n, nil
}
func (p *port) Write(b []byte) (int, error)     { p.wrote += len(b); return len(b), nil }
func (p *port) SetReadDeadline(time.Time) error { return nil }
func (p *port) Interrupt()                      {}
func (p *port) Close() error                    { return nil }
