package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"portti/cmd/portti/status"
	"portti/cmd/portti/testbed"
	"portti/device/recording"
)

// simulated holds the flags of simulate.
type simulated struct {
	play, device, link, mode string
	format                   string
	speed                    float64
	baud, hz                 int
	loop, heartbeat, old     bool
	every, warmup, reboot    time.Duration
	seed                     uint64
	against                  against
	crowd                    crowd
}

// simulateCmd is a serial device that exists only in software.
func simulateCmd() *cobra.Command {
	var s simulated
	cmd := &cobra.Command{
		Use:   "simulate (--play FILE | --device KIND) [--link PATH] | simulate --against URL | simulate --fleet N --url URL",
		Short: "be the hardware: a port that plays a recording or a device; or be a gateway to a new server, or many",
		Long: `simulate makes a pseudo-terminal that a gateway opens like a serial port. It
waits for a reader, then plays.

With --play a recording comes out byte for byte, however slow the reader is;
simulate ends when the last byte has been read. Text with NMEA times keeps its
own pace, anything else comes at --baud. What portti record wrote plays in the very
pieces and with the pauses in which it was read. Comment lines (#) at the head of the
file, as gpsd's logs have them, are left out.

With --device it behaves like real hardware until Ctrl-C: what nobody reads is
lost, as on a real line.

With --against it is a gateway to a server that somebody is writing, and says which
rules of docs/receivers.md the server keeps: repeats, gaps, lost acknowledgements, a
copied card, a kill. The server stores some 500 real messages of a thing that no gateway has.
--stored lets it see whether each was stored, and once. Exit code 1: a rule is not kept.

With --fleet it is many gateways, each with an identity, an epoch and a queue of its own,
whose links wait and repeat as those in the field do. It says how soon all were connected
and every reading proven; the server stores messages of things that no gateway has. A
--token-file holds one token, or one a line for each gateway. Exit code 1: a gateway never
connected, or a reading is not proven.`,
		Example: `  portti simulate --device gps --link /tmp/ttyGPS
  portti simulate --play drive.nmea --link /tmp/ttyGPS --speed 10 --loop
  portti simulate --against ws://127.0.0.1:8080/socket --ack envelope --stored messages.jsonl
  portti simulate --against ws://127.0.0.1:8080/socket --ack count --kill 'docker kill app; docker start app' --stored 'psql -Atc "select body from readings"'
  portti simulate --fleet 1000 --url ws://127.0.0.1:8080/socket --for 2m
  portti simulate --fleet 1000 --url wss://ingest.example.net/socket --ack envelope --readings 600 --rate 0.1 --token-file tokens`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return simulate(cmd, s) },
	}
	f := cmd.Flags()
	f.StringVar(&s.play, "play", "", "recording to play: `FILE`, - is the standard input")
	f.StringVar(&s.device, "device", "", "`KIND` of device to be: gps, ublox, panel or ble-bridge")
	f.StringVar(&s.link, "link", "", "stable name of the port: `PATH` of a symbolic link to make")
	f.StringVar(&s.mode, "mode", "", "permission of the port in octal, such as 666 for a gateway of another user")
	f.Float64Var(&s.speed, "speed", 1, "play this many times as fast; 0 = as fast as the reader takes it")
	f.IntVar(&s.baud, "baud", 9600, "play what has no times of its own at this rate; ublox: the speed of its line")
	f.BoolVar(&s.loop, "loop", false, "play again and again until Ctrl-C")
	f.IntVar(&s.hz, "hz", 1, "gps: fixes a second: 1, 2, 4, 5 or 10")
	f.DurationVar(&s.warmup, "warmup", 8*time.Second, "gps, ublox: time to the first fix")
	f.DurationVar(&s.reboot, "reboot", 0, "ublox: lose power each time after so long; 0 = never")
	f.BoolVar(&s.old, "old", false, "ublox: be an M8, which is set up in another way than an M10")
	f.DurationVar(&s.every, "every", time.Second, "panel: time between two climate lines")
	f.StringVar(&s.format, "format", "", "panel: json or kv; ble-bridge: omg or raw")
	f.BoolVar(&s.heartbeat, "heartbeat", false, "ble-bridge: stay silent unless the reader answers heartbeats")
	f.Uint64Var(&s.seed, "seed", 1, "other numbers give other weather")
	s.against.flags(cmd)
	s.crowd.flags(cmd)
	return cmd
}

func simulate(cmd *cobra.Command, s simulated) error {
	if cmd.Flags().Changed("fleet") {
		return s.crowd.run(cmd, s.against)
	}
	if s.against.url != "" {
		return s.against.run(cmd)
	}
	if (s.play == "") == (s.device == "") {
		return usage(errors.New("simulate what? Name either a recording with --play or a device with --device"))
	}
	mode, err := strconv.ParseUint("0"+s.mode, 8, 32)
	if err != nil || mode > 0o777 {
		return usage(fmt.Errorf("cannot use --mode %q: give three octal digits", s.mode))
	}
	if s.speed < 0 {
		return usage(errors.New("cannot play backwards: --speed is 0 or more"))
	}
	talk := cmd.ErrOrStderr()
	if globalsOf(cmd).quiet {
		talk = io.Discard
	}
	var recording *testbed.Recording
	var device testbed.Device
	if s.device != "" {
		device, err = s.makeDevice()
	} else {
		recording, err = s.load(cmd.InOrStdin())
	}
	if err != nil {
		return err
	}
	p, err := testbed.OpenPty(s.link, fs.FileMode(mode))
	if err != nil {
		return err
	}
	defer p.Close()
	fmt.Fprintf(talk, "%s is ready; waiting for a reader (Ctrl-C ends)\n", p.Name())
	ctx, stop := untilNobodyWatches(cmd.Context()) // the port's name goes too
	defer stop()
	if device != nil {
		return live(ctx, talk, p, device)
	}
	return playBack(ctx, talk, p, recording, testbed.PlayOptions{Speed: s.speed, Loop: s.loop})
}

func (s simulated) makeDevice() (d testbed.Device, err error) {
	switch s.device {
	case "gps":
		warmup := s.warmup
		if warmup == 0 {
			warmup = -1 // testbed takes 0 for its default
		}
		d, err = testbed.NewGPS(testbed.GPSOptions{Seed: s.seed, Hz: s.hz, Warmup: warmup})
	case "ublox":
		warmup := s.warmup
		if warmup == 0 {
			warmup = -1
		}
		d, err = testbed.NewUblox(testbed.UbloxOptions{Seed: s.seed, Baud: s.baud, Old: s.old, Reboot: s.reboot, Warmup: warmup})
	case "panel":
		d, err = testbed.NewPanel(testbed.PanelOptions{Seed: s.seed, Format: s.format, Every: s.every})
	case "ble-bridge":
		d, err = testbed.NewBridge(testbed.BridgeOptions{Seed: s.seed, Format: s.format, Heartbeat: s.heartbeat})
	default:
		err = fmt.Errorf("cannot be a %q: choose gps, ublox, panel or ble-bridge", s.device)
	}
	if err != nil {
		return nil, usage(err)
	}
	return d, nil
}

func (s simulated) load(stdin io.Reader) (*testbed.Recording, error) {
	var data []byte
	var err error
	if s.play == "-" {
		data, err = io.ReadAll(stdin)
	} else {
		data, err = os.ReadFile(s.play)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot read the recording: %w", err)
	}
	if recording.Is(data) {
		f, err := recording.Read(bytes.NewReader(data))
		if err != nil {
			return nil, fmt.Errorf("cannot play %s: %w", s.play, err)
		}
		return testbed.Recorded(f)
	}
	return testbed.ParseRecording(data, s.baud)
}

func live(ctx context.Context, talk io.Writer, p *testbed.Pty, d testbed.Device) error {
	stats, err := testbed.Live(ctx, p, d)
	fmt.Fprintf(talk, "sent %d bytes in %s to %s; %s thrown away unread\n",
		stats.Bytes, status.Count(uint64(stats.Turns), "turn"), status.Count(uint64(stats.Readers), "reader"), status.Count(uint64(stats.Missed), "turn"))
	return err
}

func playBack(ctx context.Context, talk io.Writer, p *testbed.Pty, r *testbed.Recording, o testbed.PlayOptions) error {
	stats, err := testbed.Play(ctx, p, r, o)
	what := fmt.Sprintf("%d bytes, %d lines in %v", stats.Bytes, stats.Lines, stats.Took.Round(time.Millisecond))
	switch {
	case err == nil:
		fmt.Fprintf(talk, "played %s; every byte was read\n", what)
	case ctx.Err() != nil:
		fmt.Fprintf(talk, "stopped after %s\n", what)
		if o.Loop {
			return nil
		}
	}
	return err
}
