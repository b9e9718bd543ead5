package gateway

import (
	"bytes"
	"context"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"portti/cmd/portti/status"
	"portti/device/thingsee"
)

// Limits of what a server may ask.
const (
	downlinkWaiting = 16 // messages that wait their turn, each of thingsee.MaxDownlink bytes at most
	// downlinkFrames is how many messages a minute are looked into at all: six
	// times what may be carried out, so that reading nonsense costs nothing.
	downlinkFrames = 60
	// perMinute and perHour are how many requests are taken.
	perMinute = 10
	perHour   = 60
	// deviceLimit is how long a device's driver may take.
	deviceLimit = 5 * time.Second
)

// commander hands a message to the driver of a device.
type commander interface {
	Has(tuid string) bool
	Command(ctx context.Context, c thingsee.Command) (*thingsee.Message, error)
}

// downlink takes what the server says, carries out what the configuration
// names, and answers through the buffer. Everything else is counted and
// ignored. receive may be called from any goroutine; the rest belongs to run's.
type downlink struct {
	gateway string                   // our tuid
	accept  atomic.Pointer[[]string] // of CommandNames; a reload changes it
	actions actions
	devices commander
	send    appender
	server  func() string // who asks, for the log
	log     *slog.Logger

	inbox  chan []byte
	frames allowance
	taken  allowance
	past   replays
	quiet  collapse
	counts struct{ received, executed, refused, repeated, ignored, ignoredUnlogged, limitedUnlogged atomic.Uint64 }
}

func newDownlink(accept []string, gateway string, h actions, devices commander, send appender, server func() string, log *slog.Logger) *downlink {
	d := &downlink{
		gateway: gateway, actions: h, devices: devices, send: send, server: server,
		log: log.With("component", "downlink"), inbox: make(chan []byte, downlinkWaiting),
		frames: allowance{limits: []limitPer{{downlinkFrames, time.Minute}}},
		taken:  allowance{limits: []limitPer{{perMinute, time.Minute}, {perHour, time.Hour}}},
	}
	d.accept.Store(&accept)
	return d
}

// receive takes a message of the server, which is good during the call only. It
// never waits: what finds no room is dropped and counted. A message that names no
// target in plain letters is for nobody, and not looked into further. Where nothing is
// accepted nothing is looked at.
func (d *downlink) receive(message []byte) {
	if len(*d.accept.Load()) == 0 {
		return
	}
	if len(message) > thingsee.MaxDownlink || !bytes.Contains(message, []byte(`"tsmDstTuid"`)) {
		d.drop(1)
		return
	}
	select {
	case d.inbox <- bytes.Clone(message):
	default:
		d.drop(1)
	}
}

func (d *downlink) drop(n int) {
	d.counts.received.Add(uint64(n))
	d.counts.ignored.Add(uint64(n))
}

// run works until ctx ends.
func (d *downlink) run(ctx context.Context) {
	defer d.actions.restoreLevel()
	for {
		select {
		case <-ctx.Done():
			return
		case message := <-d.inbox:
			d.frame(ctx, message, time.Now())
		}
	}
}

// frame looks into one message of the server.
func (d *downlink) frame(ctx context.Context, message []byte, now time.Time) {
	if !d.frames.take(now) {
		d.drop(1)
		d.ignored(now, "messages come faster than they are looked into", nil)
		return
	}
	all, bad, err := thingsee.ParseCommands(message)
	if err != nil {
		d.drop(1)
		d.ignored(now, "a message of the server is not understood", err)
		return
	}
	d.drop(bad)
	for i := range all {
		d.counts.received.Add(1)
		d.take(ctx, &all[i], now)
	}
}

// outcome is what became of one request.
type outcome struct {
	what    string              // the command, for the log
	answers []*thingsee.Message // in order; none = silence
	refused string              // why it was refused, "" = it was carried out
	result  string              // what came of it, for the log
}

// take judges one request and answers it.
func (d *downlink) take(ctx context.Context, c *thingsee.Command, now time.Time) {
	ours := c.Target == d.gateway
	if c.Target == "" || !isRequest(c.Event) || !ours && !d.devices.Has(c.Target) {
		d.counts.ignored.Add(1)
		d.ignored(now, "a message of the server is for nobody here, or asks for nothing", nil)
		return
	}
	if !d.taken.take(now) {
		d.counts.refused.Add(1)
		if n, show := d.quiet.pass("command.limited", now); show {
			d.audit(slog.LevelWarn, "requests come faster than they are taken", "command.limited", c, "count", n)
		} else {
			d.counts.limitedUnlogged.Add(1)
		}
		return
	}
	if c.Tracked {
		if old, ok := d.past.find(c, now); ok {
			d.again(c, old)
			return
		}
	}
	var o outcome
	switch text := c.Wrong(); {
	case text != "":
		o = outcome{what: "unknown", refused: text}
		if ours && c.ID == thingsee.RemoteCommand {
			o.answers = d.reply(c, -1, text)
		}
	case ours:
		var known bool
		if o, known = d.own(ctx, c); !known {
			d.counts.ignored.Add(1)
			d.ignored(now, "the server asks for something that a gateway does not do", nil)
			return
		}
	default:
		o = d.forDevice(ctx, c)
	}
	if c.Tracked {
		d.past.add(c, o.answers, now)
	}
	d.finish(c, o)
}

// again answers a request that was answered before. Another one under the same
// transactionId is not carried out: it could not be told from the first.
func (d *downlink) again(c *thingsee.Command, old *replay) {
	if old.digest != digestOf(c) {
		o := outcome{what: "unknown", refused: "its transactionId was used for another request shortly before"}
		if c.ID == thingsee.RemoteCommand && c.Target == d.gateway {
			o.answers = d.reply(c, -1, o.refused)
		}
		d.finish(c, o)
		return
	}
	d.counts.repeated.Add(1)
	d.sendAll(old.answers)
	d.audit(slog.LevelInfo, "a request came again and was answered again", "command.repeated", c, "answers", len(old.answers))
}

// finish answers and leaves the trace: who asked for what, and what came of it.
func (d *downlink) finish(c *thingsee.Command, o outcome) {
	d.sendAll(o.answers)
	if o.refused != "" {
		d.counts.refused.Add(1)
		d.audit(slog.LevelWarn, "a request of the server was refused", "command.refused", c, "command", o.what, "err", o.refused)
		return
	}
	d.counts.executed.Add(1)
	d.audit(slog.LevelInfo, "a request of the server was carried out", "command.executed", c, "command", o.what, "result", o.result)
}

func (d *downlink) sendAll(answers []*thingsee.Message) {
	for _, m := range answers {
		d.send(m)
	}
}

// audit is one line of the log about a request; nothing in it is the server's
// own text but the target, which is a tuid of this gateway.
func (d *downlink) audit(level slog.Level, text, event string, c *thingsee.Command, args ...any) {
	all := []any{"event", event, "remote", d.server(), "tuid", c.Target, "tsm_id", c.ID, "tsm_ev", c.Event}
	if c.Tracked {
		all = append(all, "transaction", c.Transaction)
	}
	d.log.Log(context.Background(), level, text, append(all, args...)...)
}

// ignored logs what was ignored, repeats collapsed.
func (d *downlink) ignored(now time.Time, text string, err error) {
	n, show := d.quiet.pass(text, now)
	if !show {
		d.counts.ignoredUnlogged.Add(1)
		return
	}
	args := []any{"event", "command.ignored", "remote", d.server(), "count", n}
	if err != nil {
		args = append(args, "err", err)
	}
	d.log.Info(text, args...)
}

// accepts says whether the configuration names a command.
func (d *downlink) accepts(name string) bool { return slices.Contains(*d.accept.Load(), name) }

// isRequest says whether a tsmEv asks for diagnostics, configuration,
// information or a command.
func isRequest(event int) bool {
	switch event {
	case thingsee.EventDiagnosticsAsked, thingsee.EventConfigAsked, thingsee.EventInfoAsked, thingsee.EventCommandAsked:
		return true
	}
	return false
}

// status is for the status document.
func (d *downlink) status() status.Downlink {
	c := &d.counts
	s := status.Downlink{Executed: c.executed.Load(), Refused: c.refused.Load(), Repeated: c.repeated.Load(), Ignored: c.ignored.Load()}
	s.Received = max(c.received.Load(), s.Executed+s.Refused+s.Repeated+s.Ignored)
	return s
}
