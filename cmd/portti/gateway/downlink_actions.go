package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"portti/cmd/portti/config"
	"portti/cmd/portti/status"
	"portti/device/thingsee"
)

// Bounds of what a server may ask for.
const (
	minAskedReport = time.Minute // between two reports; maxReport is the other end
	levelFor       = 10 * time.Minute
	minLevelFor    = 10 * time.Second
	maxLevelFor    = 24 * time.Hour
)

// actions is what the downlink can do with the gateway. Its methods may be called
// from any goroutine but the one of work.
type actions interface {
	// fill makes one of the gateway's messages about itself; false = it has none
	// with this id.
	fill(m *thingsee.Message, id, event int) bool
	summary() string // of how the gateway is, in a sentence
	flush()
	reconnect()
	reload(ctx context.Context) (Reloaded, error)
	// setLevel sets the log level, which falls back by itself.
	setLevel(level slog.Level, d time.Duration) error
	restoreLevel()
	reportEvery() (every, slot time.Duration)
	setReport(every time.Duration)
	// reboot returns when the machine is about to start again, or why it will
	// not. transaction tells one request from another.
	reboot(ctx context.Context, transaction int) error
}

// commandEntry is one command of a 1402. do gives the payload of its answer.
type commandEntry struct {
	argument bool
	do       func(ctx context.Context, c *thingsee.Command, argument string) (string, error)
}

// commands is the table of commands; device is none of them, being the name for
// messages of another address.
func (d *downlink) commands() map[string]commandEntry {
	return map[string]commandEntry{
		config.CmdStatus:         {false, d.doStatus},
		config.CmdFlush:          {false, d.doFlush},
		config.CmdReconnect:      {false, d.doReconnect},
		config.CmdLogLevel:       {true, d.doLogLevel},
		config.CmdReload:         {false, d.doReload},
		config.CmdReportInterval: {true, d.doReportInterval},
		config.CmdReboot:         {false, d.doReboot},
	}
}

// doStatus sends health at once, before the answer.
func (d *downlink) doStatus(_ context.Context, c *thingsee.Command, _ string) (string, error) {
	m := new(thingsee.Message)
	if !d.actions.fill(m, thingsee.GatewayHealth, thingsee.EventInfo) {
		return "", errors.New("nothing is known")
	}
	track(m, c)
	d.send(m)
	return d.actions.summary(), nil
}

func (d *downlink) doFlush(context.Context, *thingsee.Command, string) (string, error) {
	d.actions.flush()
	return "", nil
}

func (d *downlink) doReconnect(context.Context, *thingsee.Command, string) (string, error) {
	d.actions.reconnect()
	return "", nil
}

func (d *downlink) doReload(ctx context.Context, _ *thingsee.Command, _ string) (string, error) {
	r, err := d.actions.reload(ctx)
	if err != nil {
		return "", err
	}
	if r.Error != "" { // its text may tell of the machine more than the server need know
		return "", errors.New("the configuration has mistakes; the gateway goes on with the one it has")
	}
	return fmt.Sprintf("%s in force now, %d after a restart", status.Count(uint64(len(r.Applied)), "setting"), len(r.Restart)), nil
}

// doLogLevel takes "debug" or "debug 30m".
func (d *downlink) doLogLevel(_ context.Context, _ *thingsee.Command, argument string) (string, error) {
	words := strings.Fields(argument)
	if len(words) < 1 || len(words) > 2 {
		return "", errors.New(`payload: want a level and a time, such as "debug 10m"`)
	}
	level, ok := map[string]slog.Level{"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError}[words[0]]
	if !ok {
		return "", errors.New("payload: the level is debug, info, warn or error")
	}
	last := levelFor
	if len(words) == 2 {
		var err error
		if last, err = askedTime(words[1], minLevelFor, maxLevelFor); err != nil {
			return "", err
		}
	}
	if err := d.actions.setLevel(level, last); err != nil {
		return "", err
	}
	return fmt.Sprintf("%s for %s", words[0], config.Duration(last)), nil
}

// doReportInterval takes "5m"; without an argument it tells what holds.
func (d *downlink) doReportInterval(_ context.Context, _ *thingsee.Command, argument string) (string, error) {
	if argument != "" {
		every, err := askedTime(argument, minAskedReport, config.MaxReport)
		if err != nil {
			return "", err
		}
		d.actions.setReport(every)
	}
	every, _ := d.actions.reportEvery()
	return config.Duration(every).String(), nil
}

func (d *downlink) doReboot(ctx context.Context, c *thingsee.Command, _ string) (string, error) {
	if err := d.actions.reboot(ctx, c.Transaction); err != nil {
		return "", err
	}
	return "the machine starts again in a few seconds", nil
}

// askedTime reads a duration of the server; its text is not repeated.
func askedTime(text string, low, high time.Duration) (time.Duration, error) {
	var v config.Duration
	if err := v.UnmarshalText([]byte(text)); err != nil || v.D() < low || v.D() > high {
		return 0, fmt.Errorf("payload: want a time from %s to %s, such as \"10m\"", config.Duration(low), config.Duration(high))
	}
	return v.D(), nil
}
