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
	dater *dater
}

func (s sink) Append(at int64, class byte, dev uint16, stream uint32, rec []byte) error {
	s.dater.expect(class&device.ClassProvisional != 0)
	err := s.Queue.AppendAt(at, class, dev, stream, rec)
	if errors.Is(err, buffer.ErrFull) {
		return device.ErrFull
	}
	return err
}

// Room is what a device.Sink calls NotFull.
func (s sink) Room() <-chan struct{} { return s.NotFull() }

func (g *Gateway) bufferOptions() buffer.Options {
	c := g.cfg.Load()
	return buffer.Options{
		Dir:         c.Paths.BufferDir(),
		MaxSize:     c.Buffer.Limit(),
		MaxAge:      time.Duration(c.Buffer.MaxAge),
		CommitEvery: time.Duration(c.Buffer.CommitEvery),
		FenceHold:   holdOf(c),
		Unproven:    c.Uplink.Ack == uplink.AckNone,
		WhenFull:    buffer.WhenFull(c.Buffer.WhenFull),
		MinFree:     int64(c.Buffer.MinFreeDisk),
		Gateway:     g.id,
		Mono:        func() int64 { return g.clock.Now().Mono },
		BootID:      g.clock.BootID(),
		Log:         g.opt.Log,
		FS:          g.fileSystem(),
		Committed:   g.meters.commit.add,
	}
}

// fileSystem is the buffer's; nil = the folder as it is.
func (g *Gateway) fileSystem() buffer.FS {
	if g.opt.homeless == nil {
		return g.opt.FS
	}
	inner := g.opt.FS
	if inner == nil {
		inner = buffer.OS(g.cfg.Load().Paths.BufferDir())
	}
	return lateFS{inner, func() error { return g.opt.homeless.enter(g.id) }}
}

// holdOf is how long a proven reading stays replayable: a fence proves less than that the
// application has it, and a broker may acknowledge what is not on its disk yet (Mosquitto
// writes its memory down now and then, nats-server 2 syncs every two minutes).
func holdOf(c *config.Config) time.Duration {
	broker := c.Uplink.Engine == uplink.EngineMQTT || c.Uplink.Engine == uplink.EngineNATS
	if !broker && c.Uplink.Ack != uplink.AckFence && c.Uplink.AckFallback != uplink.AckFence {
		return 0
	}
	return time.Duration(c.Uplink.FenceHold)
}

// startEpoch is what this start calls its records.
func (g *Gateway) startEpoch() string {
	_, next := g.queue.Bounds()
	name, _ := g.queue.Name(next)
	return epochText(name)
}

func epochText(n buffer.Name) string { return fmt.Sprintf("%016x", n.Epoch) }

func (g *Gateway) linkOptions(cfg *config.Config) (uplink.Options, error) {
	u := cfg.Uplink
	o := uplink.Options{
		Engine: u.Engine, URL: u.URL, URLs: u.URLs, Insecure: u.Insecure, Dialect: u.Dialect,
		Auth: u.Auth, QueryName: u.QueryName, HashAs: u.HashAs,
		Channels: u.Channels, AuthSettle: time.Duration(u.AuthSettle), Heartbeat: config.LinkHeartbeat(u),
		Ack: u.Ack, AckDelay: time.Duration(cfg.Buffer.CommitEvery), AckFallback: u.AckFallback, Hold: holdOf(cfg),
		Gateway: g.id, Start: g.start,
		Subprotocol: u.Subprotocol, Origin: u.Origin, Headers: u.Headers,
		LimitsFile: filepath.Join(cfg.Paths.State, "uplink-limits.json"),
		CAFile:     u.CAFile, Proxy: u.Proxy, ClientCert: u.ClientCert, ClientKey: u.ClientKey, Pins: u.Pins,
		PingInterval: time.Duration(u.PingInterval), PongTimeout: time.Duration(u.PongTimeout), WriteTimeout: time.Duration(u.WriteTimeout),
		MaxBatchMessages: u.BatchMaxMessages, MaxBatchBytes: int(u.BatchMaxBytes), MaxMessage: int64(u.MaxMessage),
		Order: u.Order, BacklogShare: u.BacklogShare, DrainRate: int(u.DrainRate), Compression: u.Compression, Schedule: u.Schedule,
		BackoffBase: time.Duration(u.Backoff.Base), BackoffCap: time.Duration(u.Backoff.Cap),
		UserAgent:    "portti/" + g.opt.Version,
		Log:          g.opt.Log.With("component", "uplink"),
		Now:          g.wallTime,
		ClockTrusted: func() bool { return g.clock.Now().Trusted },
		ServerTime:   g.heard,
		Dial:         g.opt.Dial.Dial, Rand: g.opt.Dial.Rand,
	}
	o.Topic, o.Payload = u.Publish()
	if m := u.MQTT; u.Engine == uplink.EngineMQTT {
		o.MQTT = uplink.MQTT{
			Username: m.Username, Will: m.Will, WillDelay: time.Duration(m.WillDelay), SessionExpiry: time.Duration(m.SessionExpiry),
			TopicAliases: m.TopicAliases, RequireSubscriber: m.RequireSubscriber,
		}
		if len(u.AcceptCommands) > 0 {
			o.MQTT.Downlink = m.Downlink
		}
	}
	if o.NATS.Username = u.NATS.Username; u.Engine == uplink.EngineNATS && len(u.AcceptCommands) > 0 {
		o.NATS.Downlink = u.NATS.Downlink
	}
	if o.Encode = encoderOf(u.Encoding); u.Encoding == config.EncodingHeimdall {
		o.MaxBatchMessages = 1 // a body is one point
	}
	o.Downlink, o.RoundTrip, o.Proof = g.downlink.receive, g.meters.roundTrip.add, g.meters.proof.add
	var err error
	o.Zone, err = u.Zone()
	return o, err
}

// kindProblems is what the drivers add to the catalogue.
func kindProblems(kinds device.Table) []status.Entry {
	var all []status.Entry
	for _, p := range kinds.Problems() {
		all = append(all, status.Entry{Code: p.Code, Severity: status.Warning, Title: p.Title, Sentence: p.Sentence, Actions: p.Actions, ImpactsData: p.ImpactsData})
	}
	return all
}
