package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"portti/buffer"
	"portti/cmd/portti/config"
	"portti/cmd/portti/status"
	"portti/device"
	"portti/device/clock"
	"portti/systemd"
	"portti/uplink"
)

// How long the parts may take to stop. Each limit begins when the one before
// it has ended; together they stay below TimeoutStopSec of the unit, and below
// five seconds even with a dead server.
const (
	// devicesLimit is for the ports to close after the stop was asked for. A
	// port that the kernel holds longer is left to the end of the process.
	devicesLimit = 2 * time.Second
	// drainLimit is for the last readings to reach a server that is there.
	// Committing the rest afterwards has no limit: whatever it takes on a slow
	// card, it is worth waiting for until systemd ends it.
	drainLimit = 1500 * time.Millisecond
)

// Options are what a daemon is lent beside its configuration. The zero value
// is the real thing; tests and the demo replace parts.
type Options struct {
	Version string
	Built   time.Time // no wall clock before this is believed
	Log     *slog.Logger
	Level   *slog.LevelVar // of Log, for a server that may set it for a time; nil = it cannot be changed
	Clock   *clock.Clock   // nil = the machine's
	Device  device.Tuning
	Dial    uplink.Options // Dial and Rand are taken over
	FS      buffer.FS
	Notify  systemd.Notifier
	Wake    <-chan os.Signal // SIGHUP: reload, look at the credentials again, try the link at once
	// Load reads the configuration again, for a reload; nil = it never changes.
	Load func() (*config.Config, error)
}

// Daemon is one gateway. Make it with New, run it once.
type Gateway struct {
	cfg       *config.Config
	opt       Options
	log       *slog.Logger
	id        string
	name      string
	clock     *clock.Clock
	queue     *buffer.Queue
	healer    *healer
	devices   *device.Set
	link      *uplink.Link
	token     uplink.TokenSource // of the link; nil = it needs none
	problems  *status.Problems
	inflow    inflow
	room      room
	pauses    pauses
	losses    losses
	mouth     *mouth
	statement *statement
	voice     *voice
	downlink  *downlink // nil = no command is accepted
	reloads   chan chan Reloaded
	running   map[string]string // the settings that hold, for reload
	started   time.Time
	source    string                          // of the time, as last logged
	rejected  atomic.Bool                     // the configuration as it stands on disk has mistakes
	final     atomic.Pointer[status.Document] // set when Run has ended
}

// Run makes a daemon of cfg and runs it until ctx ends. It returns nil after a
// clean stop. A second end of patience is the caller's: ending the process at
// any moment is safe.
func Run(ctx context.Context, cfg *config.Config, opt Options) error {
	unlock, err := lockState(cfg.Paths.State)
	if err != nil {
		return err
	}
	defer unlock()
	d, err := New(cfg, opt)
	if err != nil {
		return err
	}
	return d.Run(ctx)
}

// New opens the queue and makes every part; nothing is read or dialled yet.
// The caller holds the state folder.
func New(cfg *config.Config, opt Options) (d *Gateway, err error) {
	if opt.Log == nil {
		opt.Log = slog.New(slog.DiscardHandler)
	}
	d = &Gateway{cfg: cfg, opt: opt, log: opt.Log.With("component", "daemon"), problems: status.NewProblems(kindProblems(opt.Device.Kinds)...), started: time.Now(), source: clock.SourceNone,
		reloads: make(chan chan Reloaded), running: cfg.Settings()}
	if err := os.MkdirAll(cfg.Paths.State, 0o700); err != nil {
		return nil, fmt.Errorf("cannot make the state folder: %w", err)
	}
	if d.id, err = gatewayID(cfg.Gateway.ID, cfg.Paths.State); err != nil && d.id == "" {
		return nil, err
	} else if err != nil {
		d.log.Error("this gateway's identity is good for this run only; set id in [gateway], or mend the disk", "event", "identity.unkept", "gateway", d.id, "err", err)
	}
	if d.name = cfg.Gateway.Name; d.name == "" {
		d.name, _ = os.Hostname() // only for people
	}
	if d.clock = opt.Clock; d.clock == nil {
		if d.clock, err = clock.New(opt.Built); err != nil {
			return nil, fmt.Errorf("cannot read the clock: %w", err)
		}
	}
	if d.queue, err = buffer.Open(d.bufferOptions()); err != nil {
		return nil, fmt.Errorf("cannot open the buffer: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, d.queue.Close())
		}
	}()
	d.clock.Remember(d.queue.LastGood())
	d.healer = newHealer(d.queue, d.clock, time.Duration(cfg.Clock.HoldUntilSynced), opt.Built, opt.Log)
	d.healer.expect(d.queue.Stats().Waiting > 0 && dependent(d.queue.Starts()))
	env := device.Env{Gateway: d.id, Clock: d.clock, Log: opt.Log}
	if d.devices, err = device.New(cfg.ActiveDevices(), d.queue.Device, sink{d.queue, d.healer}, env, opt.Device); err != nil {
		return nil, fmt.Errorf("cannot set up the devices: %w", err)
	}
	d.mouth = &mouth{log: opt.Log, make: func() (*device.Own, error) {
		number, err := d.queue.Device(ownDevice)
		if err != nil {
			return nil, err
		}
		return d.devices.Own(number, opt.Log), nil
	}}
	d.statement = newStatement(cfg.Paths.State, d.mouth.Say, opt.Log)
	d.voice = newVoice(cfg, d.id, opt.Version, func() int64 { return d.clock.Now().Mono }, d.mouth.Say, opt.Log)
	d.downlink = d.newDownlink()
	options, err := d.linkOptions()
	if err != nil {
		return nil, err
	}
	if d.link, err = uplink.New(options); err != nil {
		return nil, fmt.Errorf("cannot set up the link: %w", err)
	}
	return d, nil
}

// Run serves the control socket and the metrics, and works until ctx ends.
func (d *Gateway) Run(ctx context.Context) error {
	control, err := listenControl(d.cfg.Paths.Run, d.Status, d.Reload, d.opt.Log, d.queueRoutes)
	if err != nil {
		return errors.Join(err, d.queue.Close())
	}
	var serving sync.WaitGroup
	serving.Go(func() {
		if err := control.serve(); err != nil {
			d.log.Error("control socket ended", "event", "control.failed", "err", err)
		}
	})
	serveMetrics, stopMetrics := context.WithCancel(context.WithoutCancel(ctx))
	serving.Go(func() { d.metrics().run(serveMetrics) })
	defer serving.Wait()
	defer control.stop()
	defer stopMetrics()
	return d.work(ctx)
}

// work reads, keeps and sends until ctx ends, then stops the parts in the order
// of the data's way: the ports close, the queue takes no more, the link
// delivers what it can within drainLimit, and the queue commits the rest.
func (d *Gateway) work(ctx context.Context) error {
	d.log.Info("portti runs", "event", "daemon.started", "version", d.opt.Version, "gateway", d.id, "devices", len(d.cfg.ActiveDevices()))
	var sides sync.WaitGroup // what runs beside the data's way
	aside, stopAside := context.WithCancel(context.WithoutCancel(ctx))
	sides.Go(func() { d.healer.watch(aside) })
	sides.Go(func() { d.healer.keep(aside) })
	sides.Go(func() { d.supervise(aside) })
	sides.Go(func() { d.feed(aside) })
	if d.opt.Dial.Dial == nil { // a network of its own says nothing through the kernel
		sides.Go(func() { d.link.WatchNetwork(aside) })
	}

	linkCtx, stopLink := context.WithCancel(context.WithoutCancel(ctx))
	defer stopLink()
	read, sent := make(chan struct{}), make(chan error, 1)
	reading, stopReading := context.WithCancel(ctx)
	defer stopReading()
	if d.downlink != nil {
		sides.Go(func() { d.downlink.run(reading) })
	}
	go func() { d.devices.Run(reading); close(read) }()
	go func() { sent <- d.link.Run(linkCtx, d.healer) }()

	var linkErr error
	for running := true; running; {
		select {
		case <-d.opt.Wake:
			d.reload()
			d.link.Wake()
		case answer := <-d.reloads:
			answer <- d.reload()
			d.link.Wake()
		case <-ctx.Done():
			running = false
		case linkErr = <-sent: // only a broken promise of the queue ends it
			sent, running = nil, false
		}
	}
	d.notify("stopping", d.opt.Notify.Stopping())
	stopReading()
	within(read, devicesLimit)
	d.mouth.hush(d.voice.last())
	d.queue.Seal()
	if sent != nil {
		linkErr = d.drain(sent, stopLink)
	}
	err := errors.Join(linkErr, d.queue.Close())
	d.closeToken() // last: readings come first
	stopAside()
	sides.Wait()
	d.voice.ended()
	end := d.snapshot()
	end.link.State = uplink.Stopped
	last := d.document(end)
	d.final.Store(&last)
	d.log.Info("portti has stopped", "event", "daemon.stopped", "waiting", last.Totals.Waiting, "acked", last.Totals.Acked, "err", err)
	return err
}

// drain gives a link that is up the time to deliver the rest; one that is not
// is stopped at once, since waiting for it proves nothing.
func (d *Gateway) drain(sent <-chan error, stop func()) error {
	if d.link.Status().State == uplink.Online {
		defer time.AfterFunc(drainLimit, stop).Stop()
	} else {
		stop()
	}
	if err := <-sent; err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// feed feeds systemd's watchdog while every part moves.
func (d *Gateway) feed(ctx context.Context) {
	interval, err := systemd.WatchdogInterval()
	if err != nil {
		d.log.Warn("no watchdog", "event", "watchdog.disabled", "err", err)
		return
	}
	systemd.Watch(ctx, d.opt.Notify, interval, d.stuck, d.opt.Log)
}

func within(done <-chan struct{}, limit time.Duration) {
	t := time.NewTimer(limit)
	defer t.Stop()
	select {
	case <-done:
	case <-t.C:
	}
}
