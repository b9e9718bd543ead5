package device

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"portti/device/recording"
)

const (
	// Pause is between the end of a port and the next try to open it. It is
	// constant: the port is ours, nobody is spared by waiting longer, and a
	// replugged device is back within it.
	Pause = time.Second
	// crashPause is after a panic in a driver, which the same bytes may cause
	// again at once.
	crashPause = 10 * time.Second
	// openLimit and closeLimit are how long the kernel may take. A driver of
	// some USB adapters never answers again (D state); the goroutine in there
	// cannot be ended, so it is given up and counted.
	openLimit  = 10 * time.Second
	closeLimit = 2 * time.Second
	forever    = time.Duration(1 << 62)
	// maxStuck is how many goroutines are given up. After that the device is
	// not tried again and Idle grows, so that the watchdog restarts the daemon.
	maxStuck = 3
)

// device is one configured device: its loop, its counters and its state.
type device struct {
	cfg   Config
	kind  Kind
	kinds Table // which it may be instead
	env   Env
	log   *slog.Logger
	open  OpenFunc
	pause time.Duration
	stamp stamp

	start   time.Time
	running atomic.Bool
	due     atomic.Int64 // when the loop will have passed at the latest, in nanoseconds after start

	read, bytes, badTimes, lost, withheld atomic.Uint64
	opens                                 [OpenResults]atomic.Uint64
	frames                                [Results]atomic.Uint64
	found                                 atomic.Int64  // the line's speed, where that is to be found out; 0 = not yet
	lastRead                              atomic.Int64  // milliseconds since boot + 1, 0 = never
	lastFlood                             atomic.Int64  // likewise
	heard                                 atomic.Int64  // things, + 1; 0 = the driver does not tell
	stuck                                 *atomic.Int32 // which another device of this name goes on with

	stop    context.CancelFunc
	loop    *call // nil = it was never begun
	dropped bool  // it is not wanted any more; guarded by the set, as loop is

	sinkFailed, crashed bool // belong to the loop
	seat                seat // where commands find the driver
	last                lastBytes
	tap                 tap
	share               share

	mu       sync.Mutex // guards the rest
	state    State
	code     string
	since    time.Time
	logged   string // state and code that the log knows
	detail   string
	seems    diagnosis // in the state garbage
	flags    []string  // codes that the driver raised
	lastErr  string
	resolved string
	samples  [2]sample // of read, at least sampleEvery apart, the newer last
}

// run opens the port, runs a fresh driver on it until it fails, closes the
// port and begins again, until ctx ends.
func (d *device) run(ctx context.Context) {
	d.running.Store(true)
	defer d.running.Store(false)
	d.tap.begin()
	defer d.tap.end()
	var sharing sync.WaitGroup
	defer sharing.Wait()
	if d.cfg.Share != "" {
		sharing.Go(func() { d.share.serve(ctx, d) })
	}
	d.beat(0)
	for ctx.Err() == nil {
		d.sleep(ctx, d.once(ctx))
	}
}

// once is one life of the port. It says how long to wait for the next.
func (d *device) once(ctx context.Context) time.Duration {
	o, err := d.openWithin(ctx)
	if err != nil {
		d.refused(ctx, err)
		return d.pause
	}
	driver, err := d.kind.New(d.cfg, d.env)
	if err != nil { // New was tried when the set was made
		d.close(o.Line)
		d.become(Busy, "", err)
		d.portIs(recording.Ended, err.Error())
		return d.pause
	}
	d.begin(ctx, o)
	err = d.drive(ctx, driver, o.Line, o.Path)
	d.unflag()
	d.close(o.Line)
	if ctx.Err() != nil {
		return 0
	}
	return d.ended(err)
}

// drive runs the driver in this goroutine. A cancelled ctx interrupts the
// line, which ends it.
func (d *device) drive(ctx context.Context, driver Driver, line Line, path string) (err error) {
	stop := context.AfterFunc(ctx, func() {
		d.seat.farewell()
		line.Interrupt()
	})
	defer stop()
	defer func() {
		if r := recover(); r != nil {
			err = &crash{value: r, stack: debug.Stack()}
		}
	}()
	port, auto := d.auto(line)
	for again := false; ; again = true {
		if auto {
			if err := d.seek(ctx, port); err != nil {
				return err
			}
		}
		if again { // a replay is to begin with a new driver, too
			d.portIs(recording.Opened, path)
		}
		err := d.drives(driver, line)
		if !errors.Is(err, errSpeed) {
			return err
		}
		d.unflag()
		if driver, err = d.kind.New(d.cfg, d.env); err != nil { // as at the opening
			return err
		}
	}
}

// drives is one Run of a driver.
func (d *device) drives(driver Driver, line Line) error {
	m := newMonitor(d, line)
	d.seat.take(driver, m)
	defer d.seat.leave()
	return driver.Run(m, d)
}

// crash is a panic in a driver.
type crash struct {
	value any
	stack []byte
}

func (c *crash) Error() string { return fmt.Sprintf("the driver crashed: %v", c.value) }

// begin notes an opening. The state is silent from here on, which the log
// hears of only if it lasts.
func (d *device) begin(ctx context.Context, o Opened) {
	d.opens[OpenOK].Add(1)
	d.stamp.ctx, d.stamp.flow, d.stamp.read = ctx, o.Flow, false
	d.mu.Lock()
	before := d.resolved
	d.resolved = o.Path
	d.change(Silent, "")
	d.mu.Unlock()
	d.portIs(recording.Opened, o.Path)
	switch before {
	case o.Path:
	case "":
		d.log.Info("port opened", "event", "port.opened", "port", o.Path)
	default:
		d.log.Info("port came back under another name", "event", "port.renamed", "code", CodeRenumbered, "port", o.Path, "before", before)
	}
}

// refused sorts an error of opening.
func (d *device) refused(ctx context.Context, err error) {
	if ctx.Err() != nil {
		return
	}
	d.opens[openResult(err)].Add(1)
	var oe *OpenError
	if !errors.As(err, &oe) {
		oe = &OpenError{State: Busy, Code: CodeBusy, Err: err}
	}
	d.become(oe.State, oe.Code, err)
	d.portIs(recording.Ended, err.Error())
}

// portIs tells those who follow how the port is.
func (d *device) portIs(how recording.What, why string) {
	d.tap.set(d.env.now(), d.env.Clock.Now(), how, why)
}

// ended sorts the end of a driver and says how long to wait.
func (d *device) ended(err error) time.Duration {
	var c *crash
	switch {
	case errors.As(err, &c):
		if !d.crashed {
			d.crashed = true
			d.log.Error("driver crashed", "event", "driver.crashed", "code", CodeCrash, "err", err, "stack", string(c.stack))
		}
		d.become(Busy, CodeCrash, err)
		d.portIs(recording.Ended, err.Error())
		return max(crashPause, d.pause)
	case errors.Is(err, ErrGone):
		d.become(Missing, CodeGone, err)
	case errors.Is(err, os.ErrDeadlineExceeded):
		d.become(Busy, CodeStuck, err)
	default:
		if err == nil {
			err = errors.New("the driver ended without a reason")
		}
		d.become(Busy, "", err)
	}
	d.portIs(recording.Ended, err.Error())
	return d.pause
}

// sleep waits.
func (d *device) sleep(ctx context.Context, pause time.Duration) {
	if pause <= 0 {
		return
	}
	d.beat(pause)
	end := time.NewTimer(pause)
	defer end.Stop()
	select {
	case <-ctx.Done():
	case <-end.C:
	}
}

// beat promises that the loop passes again within t; after that it is Idle.
func (d *device) beat(t time.Duration) { d.due.Store(int64(time.Since(d.start) + t)) }
