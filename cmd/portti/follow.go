package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"portti/cmd/portti/config"
	"portti/cmd/portti/gateway"
	"portti/cmd/portti/status"
	"portti/device"
	"portti/device/clock"
	"portti/device/recording"
)

// sight is what happens on a device's port, from the running gateway or from this
// process, which reads the port itself where no gateway does.
type sight struct {
	recording.Header
	// next waits for the next record. The last one is recording.Stopped.
	next  func() (recording.Record, error)
	close func()
	here  bool // this process reads the port
}

// follow finds the device and looks at it until ctx ends. A gateway that runs has the
// port, so it is asked first.
func follow(ctx context.Context, cmd *cobra.Command, name string, v device.View) (*sight, error) {
	g := globalsOf(cmd)
	s, err := followRunning(ctx, g, name, v)
	if err == nil || !notRunning(err) && !noSuchDevice(err) || g.socket != "" {
		return s, err
	}
	here, hereErr := followHere(ctx, g, name, v)
	if hereErr == nil && !g.quiet {
		why := "portti is not running"
		if noSuchDevice(err) {
			why = "The running gateway does not have this device yet"
		}
		fmt.Fprintf(cmd.ErrOrStderr(), "%s: reading the port here, nothing is kept or sent\n", why)
	}
	if noSuchDevice(err) && hereErr != nil {
		return nil, exit(exitUsage, errors.New(err.Error()))
	}
	return here, hereErr
}

// noSuchDevice says whether a gateway answered that it has no such device.
func noSuchDevice(err error) bool {
	var e *exitError
	return errors.As(err, &e) && e.code == exitFailed && strings.HasPrefix(e.Error(), "there is no device")
}

func followRunning(ctx context.Context, g globals, name string, v device.View) (*sight, error) {
	q := url.Values{}
	for key, on := range map[string]bool{"raw": v.Raw, "readings": v.Readings} {
		if on {
			q.Set(key, "1")
		}
	}
	resp, err := openPage(ctx, g, "/api/v1/devices/"+url.PathEscape(name)+"/follow?"+q.Encode())
	if err != nil {
		return nil, err
	}
	r, h, err := recording.NewReader(resp.Body)
	if err != nil {
		_ = resp.Body.Close()
		return nil, exit(exitUnknown, fmt.Errorf("the answer of the running gateway cannot be read: %w", err))
	}
	return &sight{Header: h, close: func() { _ = resp.Body.Close() }, next: func() (recording.Record, error) {
		rec, err := r.Next()
		if err != nil && !errors.Is(err, io.EOF) && ctx.Err() != nil {
			return recording.Record{At: 0, What: recording.Stopped}, nil // as was asked for
		}
		if errors.Is(err, recording.ErrCut) {
			err = errors.New("the connection to the gateway was cut: it has ended, or this took nothing for too long")
		}
		return rec, err
	}}, nil
}

// followHere opens the port as the gateway would.
func followHere(ctx context.Context, g globals, name string, v device.View) (*sight, error) {
	cfg, err := config.Lenient(g.config, config.LoadOptions{Environ: os.Environ()})
	if err != nil {
		return nil, exit(exitUsage, err)
	}
	c, err := configured(cfg, name)
	if err != nil {
		return nil, exit(exitUsage, err)
	}
	ticks, err := clock.New(builtAt())
	if err != nil {
		return nil, err
	}
	id, err := gateway.IdentityOf(cfg)
	if err != nil {
		id = "not-known-yet" // the gateway's first start makes it
	}
	env := device.Env{Gateway: id, Clock: ticks, Log: slog.New(slog.DiscardHandler)}
	set, err := device.New([]device.Config{c}, func(string) (uint16, error) { return 1, nil }, nowhere{}, env, device.Tuning{})
	if err != nil {
		return nil, exit(exitConfig, fmt.Errorf("%w. See: portti config check", err))
	}
	f, err := set.Follow(name, v)
	if err != nil {
		return nil, err
	}
	run, stop := context.WithCancel(context.WithoutCancel(ctx)) // the follower ends first
	done := make(chan struct{})
	go func() { set.Run(run); close(done) }()
	h := f.Header()
	h.Portti = buildInfo().Version
	return &sight{Header: h, here: true, close: func() { stop(); <-done },
		next: func() (recording.Record, error) { return f.Next(ctx) }}, nil
}

// configured is the device of that name, be it switched on or not.
func configured(cfg *config.Config, name string) (device.Config, error) {
	var names []string
	for _, d := range cfg.Devices {
		names = append(names, d.Name)
	}
	i := slices.Index(names, name)
	switch {
	case len(names) == 0:
		return device.Config{}, errors.New("no device is configured: portti config create --device gps shows one")
	case i < 0 && config.Nearest(name, names) != "":
		return device.Config{}, fmt.Errorf("there is no device %q; did you mean %q?", name, config.Nearest(name, names))
	case i < 0:
		return device.Config{}, fmt.Errorf("there is no device %q; configured are %s", name, strings.Join(names, ", "))
	}
	c := cfg.Devices[i]
	c.Enabled, c.Share = nil, ""
	return c, nil
}

// nowhere takes readings that are neither kept nor sent.
type nowhere struct{}

func (nowhere) Append(int64, byte, uint16, uint32, []byte) error { return nil }
func (nowhere) Lose(uint16, string, int)                         {}
func (nowhere) Room() <-chan struct{}                            { return nil }

// portWords is how a port is, in words.
func portWords(r recording.Record) string {
	why := status.Clean(string(r.Data), 320)
	if r.What == recording.Opened {
		return "open: " + why
	}
	return "not open: " + why
}
