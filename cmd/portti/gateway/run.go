package gateway

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"portti/buffer"
	"portti/cmd/portti/config"
	"portti/cmd/portti/machine"
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
	// noteLimit is for each of the notes that a disk that hangs still holds: of the
	// board and the start, and of the end.
	noteLimit = time.Second
	// drainLimit is for the last readings to reach a server that is there.
	// Committing the rest afterwards has no limit: whatever it takes on a slow
	// card, it is worth waiting for until systemd ends it.
	drainLimit = 1500 * time.Millisecond
)

// Options are what a gateway gets in addition to its configuration. The zero value
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
	Machine fs.FS // the root folder of the machine whose board this is; nil = this one's
	Notify  systemd.Notifier
	Wake    <-chan os.Signal // SIGHUP: reload, look at the credentials again, try the link at once
	// Relog takes over [log] and gives the level that it asks for; nil = the log stays as it is.
	Relog func(config.Log) slog.Level
	// Load reads the configuration again, for a reload; nil = it never changes.
	Load func() (*config.Config, error)
	// Secrets reads what is secret in the configuration and in the files that it names, so
	// that it is found where it should not be; nil = nobody knows.
	Secrets func() []string
	// Bundle makes the support file that the page hands out, of what api answers: its name,
	// and what writes it; nil = there is none.
	Bundle func(ctx context.Context, api http.Handler, private bool) (name string, write func(io.Writer) error)

	homeless *homeless // nil = the state folder is ours
	begun    *begun    // of a trial that a start goes on with, see Begin; nil = there is none
}

// Gateway is one gateway. Make it with New, run it once.
type Gateway struct {
	hashed     atomic.Pointer[hashed]        // the hash of cfg
	lookedAt   atomic.Int64                  // when supervise last passed, by sinceStart
	fedAt      atomic.Int64                  // when systemd's watchdog was, by sinceStart; 0 = never
	loadedAt   atomic.Int64                  // when the last reload was taken, by sinceStart
	cfg        atomic.Pointer[config.Config] // what the gateway runs by, see effective; only a reload changes it
	opt        Options
	log        *slog.Logger
	id         string
	start      string // this start's epoch, as the server hears it
	host       string // the name of the machine, only for people
	reached    bool   // of onlyLink: the server was online once
	board      *board
	clock      *clock.Clock
	queue      *buffer.Queue
	dater      *dater
	devices    *device.Set
	way        atomic.Pointer[way]
	problems   *status.Problems
	inflow     inflow
	disk       disk
	pauses     pauses
	own        *ownMessages
	lossReport *lossReport
	left       leftover
	gone       bool // the buffer was, before it was opened
	selfReport *selfReport
	downlink   *downlink
	level      *logLevel
	exposed    *exposed // the metrics
	page       *pageDoor
	ring       *logRing
	scrub      scrub
	trial      *trial
	reloads    chan reloadRequest
	started    time.Time
	lastRun    *lastRun
	began      status.Started // how the run before ended

	looking       sync.Mutex // guards what a series of looks at the parts tells, problems and board too
	headroomLevel headroomLevel
	outage        outage
	history       history
	meters        meters
	losses        losses
	source        string    // of the time, as last logged
	changed       time.Time // when a look last saw something change
	seenRead      uint64    // by the ledger, at the last look

	doors    doors
	away     atomic.Pointer[time.Time]       // since when there is no connection, at the last look; the zero time: there is one
	rejected atomic.Pointer[rejection]       // of the configuration as it stands on disk; nil = there was none
	lastLoss atomic.Pointer[loss]            // by the last look; nil = none that is fresh
	final    atomic.Pointer[status.Document] // set when Run has ended
}

// Run makes a gateway of cfg and runs it until ctx ends. It returns nil after a
// clean stop. A second end of patience is the caller's: ending the process at
// any moment is safe.
func Run(ctx context.Context, cfg *config.Config, opt Options) error {
	stopped := func(err error) bool { return ctx.Err() != nil && errors.Is(err, ctx.Err()) } // before anything had begun
	unlock, err := awaitLock(ctx, cfg.Paths.State, opt.waits)
	if stopped(err) {
		return nil
	}
	if err != nil && (errors.Is(err, ErrRunning) || errors.Is(err, syscall.EIO)) { // the disk may do better at the next start
		return err
	}
	if err != nil {
		opt.homeless = &homeless{why: err, cfg: cfg}
		unlock = opt.homeless.leave
	}
	defer unlock()
	g, err := build(ctx, cfg, opt)
	if b := opt.begun; err != nil && !stopped(err) && b != nil && b.note != nil && b.note.State == onTrial {
		b.note.takeBack("the gateway could not start with it: "+err.Error(), sumOf(cfg))
		g, err = build(ctx, b.before, opt)
	}
	if stopped(err) {
		return nil
	}
	if err != nil {
		return err
	}
	return g.Run(ctx)
}

// waits says, before there is a gateway, what keeps it from coming up.
func (o Options) waits(err error, next time.Duration) {
	if o.Log != nil {
		o.Log.Warn("the disk does not deliver the gateway's state; trying again", "component", "daemon", "event", "state.read-failed", "err", err, "wait", next)
	}
	_ = o.Notify.Status("waiting for the disk: " + err.Error()) // the log says the same
}

// New opens the queue and makes every part; nothing is read or dialled yet.
// The caller holds the state folder. It waits up to half a minute for an identity
// that the disk does not deliver.
func New(cfg *config.Config, opt Options) (*Gateway, error) {
	return build(context.Background(), cfg, opt)
}

func build(ctx context.Context, cfg *config.Config, opt Options) (g *Gateway, err error) {
	if opt.Log == nil {
		opt.Log = slog.New(slog.DiscardHandler)
	}
	if opt.Device.Kinds == nil {
		opt.Device.Kinds = device.Kinds()
	}
	ring := &logRing{}
	opt.Log = slog.New(newRingHandler(opt.Log.Handler(), ring))
	g = &Gateway{opt: opt, ring: ring, scrub: scrub{secrets: opt.Secrets}, log: opt.Log.With("component", "daemon"), problems: status.NewProblems(kindProblems(opt.Device.Kinds)...), started: time.Now(), source: clock.SourceNone,
		reloads: make(chan reloadRequest), level: &logLevel{v: opt.Level, log: opt.Log}}
	g.cfg.Store(cfg)
	if err := g.identify(ctx); err != nil {
		return nil, err
	}
	g.host, _ = os.Hostname()
	if g.clock = opt.Clock; g.clock == nil {
		if g.clock, err = clock.New(opt.Built); err != nil {
			return nil, fmt.Errorf("cannot read the clock: %w", err)
		}
	}
	g.left = leftBehind(cfg.Paths)
	if opt.FS == nil {
		g.disk.dir = cfg.Paths.State
	}
	if g.queue, err = buffer.Open(g.bufferOptions()); err != nil {
		return nil, fmt.Errorf("cannot open the buffer: %w", err)
	}
	queue := g.queue // g is nil where it fails
	defer func() {
		if err != nil {
			err = errors.Join(err, queue.Close())
		}
	}()
	if there, _ := holdsBuffer(cfg.Paths.BufferDir()); there {
		g.board.has(config.BufferFolder)
	}
	g.clock.Remember(g.queue.LastGood())
	resume(g.clock, g.queue.Starts(), g.queue.LastGood())
	g.dater = newDater(g.queue, g.clock, time.Duration(cfg.Clock.HoldUntilSynced), opt.Built, opt.Log)
	g.dater.expect(g.queue.Stats().Waiting > 0 && dependent(g.queue.Starts()))
	env := device.Env{Gateway: g.id, Clock: g.clock, Log: opt.Log, Live: true, Pressure: g.pressure}
	if g.devices, err = device.New(cfg.ActiveDevices(), g.queue.Device, sink{g.queue, g.dater}, env, opt.Device); err != nil {
		return nil, fmt.Errorf("cannot set up the devices: %w", err)
	}
	g.own = &ownMessages{log: opt.Log, make: func() (*device.Own, error) {
		number, err := g.queue.Device(ownDevice)
		if err != nil {
			return nil, err
		}
		return g.devices.Own(number, opt.Log), nil
	}}
	g.lastRun = g.newLastRun()
	g.began = g.lastRun.ended(time.UnixMilli(g.queue.LastGood()), opt.Built)
	g.lossReport = newLossReport(cfg.Paths.State, g.own.append, opt.Log)
	g.lossReport.gone, g.lossReport.toldGone = g.gone, g.board.told
	g.selfReport = newSelfReport(cfg, g.id, opt.Version, g.began, func() int64 { return g.clock.Now().Mono }, g.own.append)
	g.downlink = g.newDownlink()
	g.start = g.startEpoch()
	w, err := g.newWay(cfg, nil)
	if err != nil {
		return nil, err
	}
	g.way.Store(w)
	g.trial = newTrial(trialPath(cfg.Paths), opt.begun, g.clock, g.log)
	api, _ := g.routes()
	g.page = g.newPageDoor(api)
	g.exposed = &exposed{addr: cfg.Metrics.Listen, ctx: ctx, stop: func() {}} // until Run serves them
	return g, nil
}

// link is the one of the moment.
func (g *Gateway) link() *uplink.Link { return g.way.Load().link }

// identify finds out who this gateway is, and whether it is on the board on which it
// was when it became that.
func (g *Gateway) identify(ctx context.Context) (err error) {
	if h := g.opt.homeless; h != nil {
		g.id, err = h.identity()
	} else {
		g.id, err = awaitID(ctx, g.cfg.Load(), g.opt.waits)
	}
	if g.id == "" {
		return err
	}
	if err != nil {
		g.log.Error("this gateway's identity is good for this run only; set id in [gateway], or mend the disk", "event", "identity.save-failed", "gateway", g.id, "err", err)
	}
	root := g.opt.Machine
	if root == nil {
		root = os.DirFS("/")
	}
	g.gone = findGone(g.cfg.Load().Paths, g.id, g.opt.Log)
	g.board = newBoard(MachineFile(g.cfg.Load().Paths), g.id, machine.Read(root), g.opt.Log)
	return nil
}

// Run serves the control socket, the metrics and the local page, and works until ctx ends.
func (g *Gateway) Run(ctx context.Context) error {
	control, err := g.listen()
	if errors.Is(err, ErrRunning) {
		return errors.Join(err, g.queue.Close())
	}
	var serving sync.WaitGroup
	serve, stop := context.WithCancel(context.WithoutCancel(ctx))
	serving.Go(func() { g.serveControl(serve, control, err) })
	g.exposed = g.expose(serve, g.cfg.Load().Metrics.Listen, nil)
	g.page.open(serve, g.cfg.Load().Web.Listen)
	defer serving.Wait()
	defer g.page.close()
	defer func() { g.exposed.end() }()
	defer stop()
	return g.work(ctx)
}

// work reads, keeps and sends until ctx ends, then stops the parts in the order
// of the data's way: the ports close, the queue takes no more, the link
// delivers what it can within drainLimit, and the queue commits the rest.
func (g *Gateway) work(ctx context.Context) error {
	log := g.log
	for _, about := range [][2]string{{"reason", g.began.Reason}, {"before", g.began.Before}, {"detail", g.began.Detail}} { // of the run before
		if about[1] != "" {
			log = log.With(about[0], about[1])
		}
	}
	log.Info("portti runs", "event", "daemon.started", "version", g.opt.Version, "gateway", g.id, "devices", len(g.cfg.Load().ActiveDevices()))
	var sides sync.WaitGroup // what runs next to the data path
	aside, stopAside := context.WithCancel(context.WithoutCancel(ctx))
	sides.Go(func() { g.dater.watch(aside) })
	sides.Go(func() { g.dater.saveOffset(aside) })
	sides.Go(func() { g.supervise(aside) })
	sides.Go(func() { g.feed(aside) })

	noted := make(chan struct{})
	go func() { g.lastRun.begin(); g.board.save(); close(noted) }()

	read := make(chan struct{})
	reading, stopReading := context.WithCancel(ctx)
	defer stopReading()
	sides.Go(func() { g.downlink.run(reading) })
	go func() { g.devices.Run(reading); close(read) }()
	g.way.Load().run(g)

	g.goOnWithTrial()
	linkErr, broken := g.listenTo(ctx)
	g.notify("stopping", g.opt.Notify.Stopping())
	stopReading()
	within(read, devicesLimit)
	g.own.close(g.selfReport.lastMessage())
	g.keepTime()
	g.queue.Seal()
	last := g.way.Load()
	if !broken {
		linkErr = last.drain()
	}
	last.sides.Wait()
	err := errors.Join(linkErr, g.queue.Close())
	last.close(nil) // at last: readings come first
	stopAside()
	sides.Wait()
	if within(noted, noteLimit) { // else the disk still holds the note of the start
		ended := make(chan struct{})
		go func() { g.lastRun.end(err); close(ended) }()
		within(ended, noteLimit)
	}
	end := g.snapshot()
	end.link.State = uplink.Stopped
	final := g.document(end)
	final.Running = false
	g.final.Store(&final)
	g.notify("status", g.opt.Notify.Status(final.Glance()))
	g.log.Info("portti has stopped", "event", "daemon.stopped", "waiting", final.Totals.Waiting, "acked", final.Totals.Acked, "err", err)
	return err
}

// listenTo does what is asked of the gateway until ctx ends, or until its link does,
// which only a broken promise of the queue makes it.
func (g *Gateway) listenTo(ctx context.Context) (linkErr error, broken bool) {
	for {
		select {
		case <-g.opt.Wake:
			g.reload(ctx, reloadRequest{told: true})
			g.link().Wake()
		case r := <-g.reloads:
			r.answer <- g.reload(ctx, r)
			g.link().Wake()
		case <-g.trial.due():
			g.lookAtTrial(ctx)
		case <-ctx.Done():
			return nil, false
		case err := <-g.way.Load().ended:
			return err, true
		}
	}
}

// feed feeds systemd's watchdog while every part moves.
func (g *Gateway) feed(ctx context.Context) {
	interval, err := systemd.WatchdogInterval()
	if err != nil {
		g.log.Warn("no watchdog", "event", "watchdog.disabled", "err", err)
		return
	}
	systemd.Watch(ctx, &feeder{g}, interval, g.stuck, g.opt.Log)
}

// feeder notes when the watchdog was fed.
type feeder struct{ g *Gateway }

func (f *feeder) Status(text string) error { return f.g.opt.Notify.Status(text) }

func (f *feeder) Watchdog() error {
	err := f.g.opt.Notify.Watchdog()
	if err == nil {
		f.g.fedAt.Store(f.g.sinceStart())
	}
	return err
}

func within(done <-chan struct{}, limit time.Duration) bool {
	t := time.NewTimer(limit)
	defer t.Stop()
	select {
	case <-done:
		return true
	case <-t.C:
		return false
	}
}
