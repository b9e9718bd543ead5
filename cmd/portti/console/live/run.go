package live

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"portti/cmd/portti/console"
	"portti/cmd/portti/status"
)

// Source is the gateway that is looked at.
type Source interface {
	Status(ctx context.Context) (*status.Document, error)
	GPS(ctx context.Context) (*status.GPSDocument, error)
	History(ctx context.Context) (*status.History, error)
	// Follow hands on what happens on a device's port until ctx ends, the device does, or it
	// cannot be had: a line for each reading, as it is sent, or with raw for what came over
	// the wire, made visible.
	Follow(ctx context.Context, device string, raw bool, line func(text string)) error
}

const (
	askEvery     = time.Second
	askSlowly    = 3 * time.Second        // on a line of 19200 baud or less
	askHistory   = time.Minute            // which gains a point each minute
	drawEvery    = 500 * time.Millisecond // at most, for what is new
	answerWithin = 50 * time.Millisecond  // for a key
)

// ErrPanic is in what Run returns where a mistake of the program ended it. The terminal has
// been given back.
var ErrPanic = errors.New("the view crashed")

// Run shows the gateway until the user ends it, which is nil, or ctx ends, which is its error.
// in and out are the same terminal.
func Run(ctx context.Context, in, out *os.File, source Source, o console.Options) (err error) {
	t := &terminal{in: in, out: out}
	ctx, cancel := context.WithCancel(ctx)
	r := &runner{t: t, source: source, m: newModel(o, time.Now()), msgs: make(chan func(), 64), failed: make(chan error, 1), follows: map[view]context.CancelFunc{}, again: make(chan struct{}, 1)}
	defer r.all.Wait()
	defer cancel()
	defer func() { err = errors.Join(err, t.leave()) }()
	defer func() {
		if p := recover(); p != nil {
			err = crashed(p)
		}
	}()
	if err := t.enter(); err != nil {
		return err
	}
	return r.run(ctx)
}

func crashed(p any) error { return fmt.Errorf("%w: %v\n%s", ErrPanic, p, debug.Stack()) }

// runner brings the model, the terminal and the gateway together. What the model knows
// changes in the goroutine of run alone: the others send it what to do.
type runner struct {
	t      *terminal
	s      screen
	m      *model
	source Source

	msgs    chan func()
	failed  chan error
	all     sync.WaitGroup
	follows map[view]context.CancelFunc
	again   chan struct{} // ask now
	gps     atomic.Bool   // the GPS document is wanted
	over    bool

	dirty bool
	drawn time.Time
	soon  bool // for a key
	buf   []byte
}

// begin runs f beside the others. A panic in it ends the view in order.
func (r *runner) begin(f func()) {
	r.all.Go(func() {
		defer func() {
			if p := recover(); p != nil {
				r.end(crashed(p))
			}
		}()
		f()
	})
}

func (r *runner) end(err error) {
	select {
	case r.failed <- err:
	default:
	}
}

// tell hands f to the goroutine that owns the model.
func (r *runner) tell(ctx context.Context, f func()) {
	select {
	case r.msgs <- f:
	case <-ctx.Done():
	}
}

func (r *runner) run(ctx context.Context) error {
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGWINCH, syscall.SIGTSTP)
	defer signal.Stop(signals)
	r.begin(func() {
		if err := keys(ctx, r.t.in, func(k string) { r.tell(ctx, func() { r.press(k) }) }); err != nil {
			r.end(err)
		}
	})
	r.begin(func() { r.ask(ctx) })
	r.resize()
	wait := time.NewTimer(0)
	defer wait.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case err := <-r.failed:
			return err
		case s := <-signals:
			if s == syscall.SIGTSTP {
				if err := r.stop(); err != nil {
					return err
				}
			}
			r.resize()
		case f := <-r.msgs:
			f()
			r.dirty = true
		case <-wait.C:
		}
		if r.over {
			return nil
		}
		r.follow(ctx)
		if err := r.draw(wait); err != nil {
			return err
		}
	}
}

func (r *runner) resize() {
	r.m.w, r.m.h = r.t.size()
	r.m.paused = nil
	r.s.resize(r.m.w, r.m.h)
	r.dirty, r.soon = true, true
}

func (r *runner) press(key string) {
	switch key {
	case keyStop:
		if err := syscall.Kill(0, syscall.SIGTSTP); err != nil { // the whole job, with a sudo before it
			r.end(err)
		}
		return
	case keyDraw:
		r.resize()
		return
	}
	r.over = r.m.press(key)
	r.soon = true
	if wanted := r.m.page == pageGPS; wanted != r.gps.Load() {
		r.gps.Store(wanted)
		select {
		case r.again <- struct{}{}:
		default:
		}
	}
}

// stopWait is how long a signal to stop may take to be heeded. It is not where there is no
// shell to go on with the job.
const stopWait = 200 * time.Millisecond

// stop gives the terminal back, stops the process as the signal would have, and takes the
// terminal again when the process goes on.
func (r *runner) stop() error {
	if err := r.t.leave(); err != nil {
		return err
	}
	on := make(chan os.Signal, 1)
	signal.Notify(on, syscall.SIGCONT)
	defer signal.Stop(on)
	err := byDefault(syscall.SIGTSTP, func() error {
		if err := syscall.Kill(os.Getpid(), syscall.SIGTSTP); err != nil {
			return err
		}
		select {
		case <-on:
		case <-time.After(stopWait):
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("cannot stop: %w", err)
	}
	return r.t.enter()
}

// ask asks the gateway again and again.
func (r *runner) ask(ctx context.Context) {
	every := askEvery
	if r.t.slow() {
		every = askSlowly
	}
	var asked time.Time // for the history
	for ctx.Err() == nil {
		doc, err := r.source.Status(ctx)
		var hist *status.History
		if err == nil && time.Since(asked) >= askHistory {
			hist, _ = r.source.History(ctx) // without it there are no minutes
			asked = time.Now()
		}
		var gps *status.GPSDocument
		var gpsErr error
		wanted := r.gps.Load()
		if err == nil && wanted {
			gps, gpsErr = r.source.GPS(ctx)
		}
		r.tell(ctx, func() {
			r.m.take(doc, err, time.Now())
			if hist != nil {
				r.m.remember(hist)
			}
			if wanted {
				r.m.gps = gps
				delete(r.m.notes, gpsNote)
			}
			if gpsErr != nil {
				r.m.notes[gpsNote] = gpsErr.Error()
			}
		})
		select {
		case <-ctx.Done():
		case <-r.again:
		case <-time.After(every):
		}
	}
}

// follow begins and ends looking at devices as the screen needs it.
func (r *runner) follow(ctx context.Context) {
	wanted := map[view]bool{}
	for _, v := range r.m.wants() {
		wanted[v] = true
		if r.follows[v] == nil {
			r.look(ctx, v)
		}
	}
	for v, stop := range r.follows {
		if !wanted[v] {
			stop()
			delete(r.follows, v)
		}
	}
}

// lookAgain is when a device that could not be followed is tried again.
const lookAgain = 5 * time.Second

func (r *runner) look(ctx context.Context, v view) {
	here, stop := context.WithCancel(ctx)
	r.follows[v] = stop
	r.begin(func() {
		for here.Err() == nil {
			err := r.source.Follow(here, v.device, v.raw, func(text string) { r.tell(here, func() { r.m.heard(v, text) }) })
			if here.Err() != nil {
				return
			}
			r.tell(here, func() { r.m.unheard(v, err) })
			select {
			case <-here.Done():
			case <-time.After(lookAgain):
			}
		}
	})
}

// draw writes what has changed, or says when to.
func (r *runner) draw(wait *time.Timer) error {
	if !r.dirty {
		return nil
	}
	pause := drawEvery
	if r.soon {
		pause = answerWithin
	}
	if left := pause - time.Since(r.drawn); left > 0 {
		wait.Reset(left)
		return nil
	}
	r.dirty, r.soon, r.drawn = false, false, time.Now()
	r.buf = r.s.change(r.buf[:0], r.m.draw())
	if len(r.buf) == 0 {
		return nil
	}
	if _, err := r.t.out.Write(r.buf); err != nil {
		return fmt.Errorf("cannot write to the terminal: %w", err)
	}
	return nil
}
