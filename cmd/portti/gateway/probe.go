package gateway

import (
	"context"
	"net"
	"net/url"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"portti/cmd/portti/config"
	"portti/cmd/portti/status"
	"portti/uplink"
)

// Prober goes the way to the server of a configuration step by step, for who wants to
// know where it ends. It sends no reading.
type Prober struct {
	g *Gateway
	o uplink.Options
}

// ProbeHow says how a Prober goes.
type ProbeHow struct {
	Addr  string        // host:port to connect to; with a proxy the name
	Login bool          // show who comes, by the token or whatever there is
	Small bool          // packets of 576 bytes at most, in both directions
	Limit time.Duration // of a step; 0 = as the link
	Proxy string        // instead of the configuration's; "" = that one
}

// smallSegment is what a packet of 576 bytes holds, which every path carries (RFC 9293,
// 3.7.1).
const smallSegment = 536

// NewProber takes the way of the configuration's first server. trusted judges the clock,
// nil as the gateway does.
func NewProber(cfg *config.Config, opt Options, trusted func() bool) (*Prober, error) {
	g, o, err := onlyLink(cfg, opt)
	if err != nil {
		return nil, err
	}
	if trusted != nil {
		o.ClockTrusted = trusted
	}
	if all := cfg.Uplink.Addresses(); len(all) > 0 {
		o.URL, o.URLs = all[0], nil
	}
	return &Prober{g: g, o: o}, nil
}

// Clock is what the gateway would say of the clock.
func (p *Prober) Clock() (trusted bool, source, reason string) {
	trusted = p.o.ClockTrusted()
	return trusted, p.g.clock.Source(), p.g.clock.Reason()
}

// Reached notes that the server was online once, as the running gateway knows; the note of
// it in the state folder not everybody may read.
func (p *Prober) Reached() { p.g.reached = true }

// Probe goes once; see uplink.Probe.
func (p *Prober) Probe(ctx context.Context, how ProbeHow, tell func(uplink.Step)) error {
	o, cfg := p.o, p.g.cfg.Load()
	if how.Login {
		source, err := tokenSource(cfg, p.g.id, o)
		if err != nil {
			return err
		}
		o.Token = source
		defer (&way{token: source}).close(nil)
	} else {
		o.Auth, o.Token, o.Ack, o.Headers = uplink.AuthNone, nil, "", nil
		if o.Gateway, o.MQTT.Username, o.NATS.Username = "", "", ""; o.Engine == uplink.EngineMQTT || o.Engine == uplink.EngineNATS {
			o.Gateway = "check" // they go by a name
		}
		o.URL = withoutLogin(o.URL)
	}
	if how.Proxy != "" {
		o.Proxy = how.Proxy
	}
	if how.Limit > 0 {
		o.PhaseTimeout, o.PongTimeout = how.Limit, how.Limit
	}
	if how.Small && o.Dial == nil {
		o.Dial = (&net.Dialer{Control: small}).DialContext
	}
	soon := trySoon
	if o.Auth == uplink.AuthFirstMessage {
		soon = tryToken
	}
	return uplink.Probe(ctx, o, how.Addr, nothingToSend{p.g.id}, soon, tell)
}

// small has the kernel send small packets, and ask for such.
func small(_, _ string, c syscall.RawConn) error {
	return c.Control(func(fd uintptr) {
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_MAXSEG, smallSegment)
	})
}

// Explain is what the catalogue says of a problem of the link.
func (p *Prober) Explain(problem, says string) Tried {
	cfg := p.g.cfg.Load()
	server := ""
	if all := cfg.Uplink.Addresses(); len(all) > 0 {
		server = all[0]
	}
	t := p.g.tried(uplink.Status{Problem: problem, LastError: says, Server: server})
	for _, e := range status.Catalogue() { // the clock is no problem of the link's
		if e.Code == problem && t.Code == problem && problem == uplink.ProblemClockUnset {
			t.Advice, t.Commands = e.Advise()
		}
	}
	return t
}

// withoutLogin is an address without what may be a login in it.
func withoutLogin(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return raw
	}
	u.User, u.Fragment, u.RawFragment, u.RawQuery = nil, "", "", ""
	return u.String()
}
