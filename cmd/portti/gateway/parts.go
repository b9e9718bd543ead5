package gateway

import (
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"portti/buffer"
	"portti/cmd/portti/config"
	"portti/cmd/portti/status"
	"portti/device"
	"portti/uplink"
)

// sink is the queue as the devices see it.
type sink struct {
	*buffer.Queue
	healer *healer
}

func (s sink) Append(class byte, dev uint16, stream uint32, rec []byte) error {
	s.healer.expect(class&device.ClassProvisional != 0)
	err := s.Queue.Append(class, dev, stream, rec)
	if errors.Is(err, buffer.ErrFull) {
		return device.ErrFull
	}
	return err
}

// Room is what a device.Sink calls NotFull.
func (s sink) Room() <-chan struct{} { return s.NotFull() }

func (d *Gateway) bufferOptions() buffer.Options {
	c := d.cfg
	return buffer.Options{
		Dir:         filepath.Join(c.Paths.State, "buffer"),
		MaxSize:     int64(c.Buffer.MaxSize),
		MaxAge:      time.Duration(c.Buffer.MaxAge),
		CommitEvery: time.Duration(c.Buffer.CommitEvery),
		FenceHold:   d.hold(),
		Unproven:    c.Uplink.Ack == uplink.AckNone,
		WhenFull:    buffer.WhenFull(c.Buffer.WhenFull),
		MinFree:     int64(c.Buffer.MinFreeDisk),
		Mono:        func() int64 { return d.clock.Now().Mono },
		BootID:      d.clock.BootID(),
		Log:         d.opt.Log,
		FS:          d.opt.FS,
		Probe:       d.probe(),
	}
}

// hold is how long a proven reading stays replayable: only a fence proves less
// than that the application has it.
func (d *Gateway) hold() time.Duration {
	if d.cfg.Uplink.Ack != uplink.AckFence && d.cfg.Uplink.AckFallback != uplink.AckFence {
		return 0
	}
	return time.Duration(d.cfg.Uplink.FenceHold)
}

func (d *Gateway) linkOptions() (uplink.Options, error) {
	u := d.cfg.Uplink
	o := uplink.Options{
		URL: u.URL, URLs: u.URLs, Insecure: u.Insecure, Dialect: u.Dialect,
		Auth: u.Auth, QueryName: u.QueryName, HashAs: u.HashAs,
		Channels: u.Channels, AuthSettle: time.Duration(u.AuthSettle), Heartbeat: config.LinkHeartbeat(u),
		Ack: u.Ack, AckDelay: time.Duration(d.cfg.Buffer.CommitEvery), AckFallback: u.AckFallback,
		Gateway: d.id, Epoch: func() string { return fmt.Sprintf("%016x", d.queue.Epoch()) },
		LimitsFile: filepath.Join(d.cfg.Paths.State, "uplink-limits.json"),
		CAFile:     u.CAFile, Proxy: u.Proxy, ClientCert: u.ClientCert, ClientKey: u.ClientKey, Pins: u.Pins,
		PingInterval: time.Duration(u.PingInterval), PongTimeout: time.Duration(u.PongTimeout), WriteTimeout: time.Duration(u.WriteTimeout),
		MaxBatchMessages: u.BatchMaxMessages, MaxBatchBytes: int(u.BatchMaxBytes), MaxMessage: int64(u.MaxMessage),
		Order: u.Order, BacklogShare: u.BacklogShare, DrainRate: int(u.DrainRate), Compression: u.Compression, Schedule: u.Schedule,
		BackoffBase: time.Duration(u.Backoff.Base), BackoffCap: time.Duration(u.Backoff.Cap),
		UserAgent:    "portti/" + d.opt.Version,
		Log:          d.opt.Log.With("component", "uplink"),
		Now:          d.wallTime,
		ClockTrusted: func() bool { return d.clock.Now().Trusted },
		Heard:        d.heard,
		Dial:         d.opt.Dial.Dial, Rand: d.opt.Dial.Rand,
	}
	if d.downlink != nil {
		o.Downlink = d.downlink.hear
	}
	var err error
	if o.Zone, err = u.Zone(); err != nil {
		return o, err
	}
	d.token, err = tokenSource(d.cfg, d.id, o)
	o.Token = d.token
	return o, err
}

// kindProblems is what the drivers add to the catalogue; nil stands for the
// kinds of this version.
func kindProblems(kinds device.Table) []status.Entry {
	if kinds == nil {
		kinds = device.Kinds()
	}
	var all []status.Entry
	for _, k := range kinds {
		for _, p := range k.Problems {
			all = append(all, status.Entry{Code: p.Code, Severity: status.Warning, Title: p.Title, Sentence: p.Sentence, Actions: p.Actions, ImpactsData: p.ImpactsData})
		}
	}
	return all
}
