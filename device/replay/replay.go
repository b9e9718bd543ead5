package replay

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"portti/device"
	"portti/device/clock"
	"portti/device/recording"
	"portti/device/thingsee"
)

// Options say how to play.
type Options struct {
	Kinds device.Table         // nil = device.Kinds()
	Type  string               // instead of the recorded device's
	Speed float64              // 1 = as it was recorded, 10 = ten times as fast, 0 = at once
	Log   *slog.Logger         // of the driver; nil = nowhere
	Emit  func(message []byte) // is given each message as it is made; nil = nobody
}

// Result is what came of it.
type Result struct {
	Messages []string
	Undated  int                    // of them, of a time when the clock was not set: dated by what it showed
	Frames   [device.Results]uint64 // by what became of them
	Lost     map[string]int         // readings that the gateway would not have kept, by reason
	Flags    []string               // problems that the driver raised, each once
	Ignored  []string               // keys of the recording that this version or type does not have
	Crash    string                 // the driver's panic, with its stack
}

// Run plays f until it is over or ctx ends. An error means that it could not be played;
// that the driver crashed stands in the result.
func Run(ctx context.Context, f *recording.File, o Options) (*Result, error) {
	if o.Kinds == nil {
		o.Kinds = device.Kinds()
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	c, ignored, err := o.Kinds.Recorded(f.Header, o.Type)
	if err != nil {
		return nil, fmt.Errorf("cannot play the recording: %w", err)
	}
	if c.ID == "" && o.Type != "" {
		c.ID = Tuid
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	p := newPlayer(ctx, f, o.Speed, stop)
	res := &Result{Ignored: ignored, Lost: map[string]int{}}
	env := device.Env{Gateway: f.Header.Gateway, Clock: p.clock, Log: o.Log, Now: p.now}
	set, err := device.New([]device.Config{c}, func(string) (uint16, error) { return 1, nil }, &sink{res, p.clock, o.Emit}, env,
		device.Tuning{Kinds: watch(o.Kinds, c.Type, res, stop), Open: p.open, Pause: time.Nanosecond})
	if err != nil {
		return nil, fmt.Errorf("cannot play the recording: %w", err)
	}
	set.Run(ctx)
	res.Frames = set.Status()[0].Frames
	return res, nil
}

// Golden is the result as the file beside a recording has it: the messages, one a line,
// then the frames by result.
func (r *Result) Golden() string {
	f := r.Frames
	return strings.Join(append(slices.Clone(r.Messages), ""), "\n") + fmt.Sprintf("# ok %d, unknown %d, checksum %d, too long %d, malformed %d, range %d\n",
		f[device.OK], f[device.Unknown], f[device.Checksum], f[device.TooLong], f[device.Malformed], f[device.Range])
}

// Rejected is how many frames were refused, and why in words.
func (r *Result) Rejected() (n uint64, why string) {
	var parts []string
	for k := device.Checksum; k < device.Results; k++ {
		if c := r.Frames[k]; c > 0 {
			n += c
			parts = append(parts, fmt.Sprintf("%d %s", c, k))
		}
	}
	return n, strings.Join(parts, ", ")
}

// What a plain file, which has no times and no settings, is played with.
const (
	Tuid    = "XXXX03TST00000001"
	Gateway = "XXXX00GTW00000001"
	Now     = 1_796_000_000_000 // Unix milliseconds
	piece   = 1024
)

// Plain makes a recording of bytes as they came, all at one time.
func Plain(data []byte, kind string) *recording.File {
	f := &recording.File{Header: recording.Header{Gateway: Gateway, Name: "plain", Type: kind, Mono: 100_000,
		Floor: time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli(), Keys: map[string]json.RawMessage{"id": json.RawMessage(`"` + Tuid + `"`)}}}
	for part := range slices.Chunk(data, piece) {
		f.Records = append(f.Records, recording.Record{Clock: recording.Clock{Unix: Now, Trusted: true}, What: recording.In, Data: part})
	}
	return f
}

// sink takes the records in place of the buffer.
type sink struct {
	res   *Result
	clock *clock.Clock
	emit  func([]byte)
}

// Append is part of device.Sink. A reading of a time that is not known yet gets what
// the clock shows; the gateway would wait for a time that it can trust.
func (s *sink) Append(_ int64, class byte, _ uint16, _ uint32, rec []byte) error {
	if class&device.ClassProvisional != 0 {
		now := s.clock.Now()
		dated, err := thingsee.FillTime(nil, rec, now.Unix-now.Mono, 0)
		if err != nil {
			return err
		}
		rec = dated
		s.res.Undated++
	}
	s.res.Messages = append(s.res.Messages, string(rec))
	if s.emit != nil {
		s.emit(rec)
	}
	return nil
}

// Lose is part of device.Sink.
func (s *sink) Lose(_ uint16, reason string, n int) { s.res.Lost[reason] += n }

// Room is part of device.Sink.
func (s *sink) Room() <-chan struct{} { return nil }

// watch replaces the drivers of one type by ones whose panics and problems are seen. A
// panic ends the replay: the same bytes would cause it again.
func watch(kinds device.Table, name string, res *Result, stop func()) device.Table {
	kinds = slices.Clone(kinds)
	for i, k := range kinds {
		if k.Name == name {
			kinds[i].New = func(c device.Config, env device.Env) (device.Driver, error) {
				d, err := k.New(c, env)
				return &watched{d, res, stop}, err
			}
		}
	}
	return kinds
}

type watched struct {
	device.Driver
	res  *Result
	stop func()
}

var errCrash = errors.New("the driver crashed")

func (w *watched) Run(port device.Port, out device.Out) (err error) {
	defer func() {
		if v := recover(); v != nil {
			w.res.Crash = fmt.Sprintf("%v\n%s", v, debug.Stack())
			err = errCrash
			w.stop()
		}
	}()
	return w.Driver.Run(port, &flagged{out, w.res})
}

// flagged notes the problems that a driver raises.
type flagged struct {
	device.Out
	res *Result
}

func (f *flagged) Flag(code string, on bool) {
	if on && !slices.Contains(f.res.Flags, code) {
		f.res.Flags = append(f.res.Flags, code)
	}
	if out, ok := f.Out.(device.Flagger); ok {
		out.Flag(code, on)
	}
}
