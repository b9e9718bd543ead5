package testbed

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"
)

// Gateway is the daemon as the demo needs it.
type Gateway interface {
	// Run works until ctx ends and returns when everything is closed: nil
	// after a clean stop.
	Run(ctx context.Context) error
	// Status may be asked before, during and after Run, from any goroutine;
	// after Run it is final.
	Status() GatewayStatus
}

// GatewayStatus is what the demo tells of the gateway. At any moment
// Read = Acked + Lost + Waiting + Quarantined.
type GatewayStatus struct {
	Link                                            string // connecting, online, waiting, parked or stopped
	Read, Acked, Waiting, Lost, Quarantined, Resent uint64
}

// DemoOptions says how the demo is told.
type DemoOptions struct {
	Once    bool      // tell the story once, in under 30 s, and check the books
	Out     io.Writer // plain text, 80 columns
	Program string    // how the user calls portti, for the hints; default "portti"
	Temp    string    // where the demo's folder is made; default: the system's place for such

	// NewGateway makes a gateway from a configuration file. It must exist.
	NewGateway func(config string) (Gateway, error)

	// Flow and Gap are how long the story shows readings arriving, and how
	// long the link is cut; defaults 7 s and 6 s.
	Flow, Gap time.Duration
	// Pace is how many times as fast as real time the devices live and the story
	// is told; default 1.
	Pace float64
	// Patience is how long the gateway may take over each thing that the story
	// waits for; default 5 s to connect, 8 s to drain and 15 s to stop.
	Patience time.Duration
	Log      *slog.Logger // of the embedded receiver; default: discards
}

// Demo shows a gateway at work: three simulated devices on pseudo-terminals, a
// gateway that reads them, and a server that receives. It cuts the link,
// restores it and shows that nothing is lost. Everything it writes lies in a
// temporary folder that is gone when it returns.
//
// It ends with the story (Once) or when ctx ends, and gives an error if the
// story could not be told or the books do not balance.
func Demo(ctx context.Context, o DemoOptions) error {
	if o.Flow == 0 {
		o.Flow = 7 * time.Second
	}
	if o.Gap == 0 {
		o.Gap = 6 * time.Second
	}
	if o.Program == "" {
		o.Program = "portti"
	}
	if o.Pace == 0 {
		o.Pace = 1
	}
	dir, err := os.MkdirTemp(o.Temp, "portti-demo-")
	if err != nil {
		return fmt.Errorf("cannot make a folder for the demo: %w", err)
	}
	defer os.RemoveAll(dir)
	s := newStage(o.Pace)
	d := &demo{o: o, dir: dir, stage: s, teller: newTeller(o.Out, s.now)}
	defer d.close()
	if err := d.set(); err != nil {
		return err
	}
	return d.run(ctx)
}

// demo is a story with its stage.
type demo struct {
	o       DemoOptions
	dir     string
	stage   stage
	config  string
	teller  *teller
	recv    *Receiver
	gateway Gateway
	props   []prop // the simulated devices

	ended chan error // what the gateway's Run returned
}

// prop is one simulated device with its line.
type prop struct {
	pty    *Pty
	device Device
}

// set builds the stage: receiver, lines, configuration, gateway.
func (d *demo) set() error {
	token, err := writeToken(d.dir)
	if err != nil {
		return err
	}
	d.recv, err = NewReceiver(Options{
		Listen: "127.0.0.1:0", Auth: "header", Token: token,
		OnMessage: d.teller.message, MaxDistinct: 1_000_000, Log: d.o.Log,
	})
	if err != nil {
		return err
	}
	if err := d.plugIn(); err != nil {
		return err
	}
	if d.config, err = writeConfig(d.dir, d.recv.URL()); err != nil {
		return err
	}
	if d.gateway, err = d.o.NewGateway(d.config); err != nil {
		return fmt.Errorf("cannot make the demo's gateway: %w", err)
	}
	d.teller.status = d.gateway.Status
	return nil
}

func (d *demo) plugIn() error {
	gps, err := NewGPS(GPSOptions{
		Seed: 1, Warmup: 2 * time.Second,
		TunnelAt: 2*time.Second + d.o.Flow/3, Tunnel: d.o.Flow / 3,
	})
	if err != nil {
		return err
	}
	panel, err := NewPanel(PanelOptions{Seed: 1})
	if err != nil {
		return err
	}
	bridge, err := NewBridge(BridgeOptions{Seed: 1, Heartbeat: true})
	if err != nil {
		return err
	}
	for i, device := range []Device{&watchedGPS{GPS: gps, say: d.teller.aside}, panel, bridge} {
		p, err := OpenPty(demoPorts(d.dir)[i], 0)
		if err != nil {
			return err
		}
		d.props = append(d.props, prop{p, device})
	}
	return nil
}

// close takes down what run has not.
func (d *demo) close() {
	for _, p := range d.props {
		p.pty.Close()
	}
	if d.recv != nil {
		d.recv.Close()
	}
}

// run starts everything, tells the story and stops everything in the order in
// which data flows: devices, gateway, receiver.
func (d *demo) run(ctx context.Context) error {
	background := context.WithoutCancel(ctx)
	deviceCtx, stopDevices := context.WithCancel(background)
	defer stopDevices()
	played := make(chan error, len(d.props))
	for _, p := range d.props {
		go func() {
			_, err := liveOn(deviceCtx, d.stage, p.pty, p.device)
			played <- err
		}()
	}
	recvCtx, stopRecv := context.WithCancel(background)
	defer stopRecv()
	received := make(chan error, 1)
	go func() { received <- d.recv.Run(recvCtx) }()
	gatewayCtx, stopGateway := context.WithCancel(background)
	defer stopGateway()
	d.ended = make(chan error, 1)
	go func() { d.ended <- d.gateway.Run(gatewayCtx) }()

	told := d.story(ctx)
	d.teller.stop()
	d.recv.Refuse(false) // Ctrl-C may have come while the link was cut
	errs := []error{told}
	stopDevices()
	for range d.props {
		errs = append(errs, <-played)
	}
	stopGateway()
	errs = append(errs, d.await())
	stopRecv()
	errs = append(errs, <-received)
	if err := errors.Join(errs...); err != nil {
		return err
	}
	return d.books(ctx.Err() != nil)
}

// gatewayGrace is how long the gateway may take to stop.
const gatewayGrace = 15 * time.Second

// limit is how long the gateway may take, which usually is usual.
func (d *demo) limit(usual time.Duration) time.Duration {
	if d.o.Patience > 0 {
		return d.o.Patience
	}
	return usual
}

func (d *demo) await() error {
	select {
	case err := <-d.ended:
		if err != nil {
			return fmt.Errorf("the gateway ended with: %w", err)
		}
		return nil
	case <-time.After(d.limit(gatewayGrace)):
		return fmt.Errorf("the gateway has not stopped within %v", d.limit(gatewayGrace))
	}
}

// watchedGPS tells the audience when the position goes and comes back.
type watchedGPS struct {
	*GPS
	say func(string)
	had bool
}

func (w *watchedGPS) Append(dst []byte, now time.Time) ([]byte, time.Time) {
	dst, next := w.GPS.Append(dst, now)
	if has := w.HasFix(); has != w.had {
		w.had = has
		if has {
			w.say("the GPS receiver sees the sky and has a fix")
		} else {
			w.say("the vehicle is in a tunnel: no fix, so no position is sent")
		}
	}
	return dst, next
}
