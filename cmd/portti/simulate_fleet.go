//go:build !arm

package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"portti/cmd/portti/config"
	"portti/cmd/portti/console"
	"portti/cmd/portti/fleet"
	"portti/cmd/portti/status"
	"portti/uplink"
)

const (
	maxFleet    = 20_000 // an address has some 28,000 ports for connections to one server
	maxReadings = 1_000_000
)

// crowd holds the flags of simulate --fleet.
type crowd struct {
	gateways, readings int
	url, engine, topic string
	rate               float64
	bound              time.Duration
}

func (c *crowd) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.IntVar(&c.gateways, "fleet", 0, "be `N` gateways at once, 1 to 20000")
	f.StringVar(&c.url, "url", "", "fleet: connect to the server at `URL`, ws:// or wss://; http:// and https:// post")
	f.StringVar(&c.engine, "engine", "", "fleet: websocket, http, mqtt or nats (default: as the URL says, websocket or http)")
	f.StringVar(&c.topic, "topic", "", "fleet: the topic or subject with mqtt and nats (default: that of a gateway)")
	f.IntVar(&c.readings, "readings", 1000, "fleet: readings of each gateway")
	f.Float64Var(&c.rate, "rate", 0, "fleet: readings a second of each gateway; 0 = all of them wait at the beginning")
	f.DurationVar(&c.bound, "for", 0, "fleet: end after so long; 0 = when every reading is proven")
	for _, other := range []string{"against", "play", "device"} {
		cmd.MarkFlagsMutuallyExclusive("fleet", other)
	}
}

func (c *crowd) run(cmd *cobra.Command, a against) error {
	o, err := c.options(a)
	if err != nil {
		return err
	}
	g, talk, out := globalsOf(cmd), cmd.ErrOrStderr(), cmd.OutOrStdout()
	if g.json || g.quiet || g.plain || !isTerminal(talk) || os.Getenv("TERM") == "dumb" {
		talk = io.Discard
	}
	const erase = "\r\x1b[K"
	ctx, stop := untilNobodyWatches(cmd.Context())
	defer stop()
	r, err := fleet.Run(ctx, o, func(p fleet.Progress) {
		fmt.Fprintf(talk, erase+"%d connected, %d delivered, %d refused or broken, %d readings/s", p.Connected, p.Proven, p.Failures, p.PerSecond)
	})
	fmt.Fprint(talk, erase)
	switch {
	case err != nil:
		return usage(err)
	case g.json:
		if err := writeJSON(cmd, r); err != nil {
			return err
		}
	case !g.quiet || r.Unproven > 0:
		sum(out, r)
	}
	switch {
	case ctx.Err() != nil:
		return exit(exitInterrupted, nil)
	case r.Unproven+r.Aside > 0 || r.Connected < r.Gateways:
		return exit(exitFailed, nil)
	}
	return nil
}

// options checks the flags, and with them what this machine allows.
func (c *crowd) options(a against) (o fleet.Options, err error) {
	o = fleet.Options{Gateways: c.gateways, Readings: c.readings, Rate: c.rate, For: c.bound}
	o.Link = uplink.Options{URL: c.url, Insecure: true, Ack: a.ack, CAFile: a.ca, UserAgent: "portti/" + buildInfo().Version}
	o.Link.Engine, o.Link.Topic = c.engine, c.topic
	if c.engine == "" && strings.HasPrefix(c.url, "http") {
		o.Link.Engine = uplink.EngineHTTP
	}
	if cmp.Or(o.Link.Engine, uplink.EngineWebSocket) == uplink.EngineWebSocket {
		o.Link.Ack = cmp.Or(a.ack, uplink.AckFence)
	}
	switch {
	case c.gateways < 1 || c.gateways > maxFleet:
		return o, usage(fmt.Errorf("cannot be %d gateways: --fleet is 1 to %d", c.gateways, maxFleet))
	case c.url == "":
		return o, usage(errors.New("--fleet needs --url, such as --url ws://127.0.0.1:8080/socket"))
	case c.readings < 1 || c.readings > maxReadings || !(c.rate >= 0 && c.rate <= 100) || c.bound < 0:
		return o, usage(fmt.Errorf("--readings is 1 to %d, --rate 0 to 100 readings a second of each gateway, and --for not negative", maxReadings))
	case o.Link.Ack == uplink.AckNone:
		return o, usage(errors.New("--ack none proves nothing that could be counted: it is fence, count or envelope"))
	case o.Link.Ack == uplink.AckFence, c.engine == uplink.EngineMQTT, c.engine == uplink.EngineNATS:
		o.Link.Hold = config.Defaults().Uplink.FenceHold.D()
	}
	if a.token != "" {
		text, err := readToken(a.token)
		if err != nil {
			return o, err
		}
		if o.Tokens = strings.Fields(text); len(o.Tokens) > 1 && len(o.Tokens) < c.gateways {
			return o, usage(fmt.Errorf("%s has %d tokens for %d gateways: it holds one for all of them, or one a line for each", a.token, len(o.Tokens), c.gateways))
		}
	}
	return o, filesFor(c.gateways, mayOpen())
}

// filesFor says how many files may have to be open, where that is more than the limit.
func filesFor(gateways int, limit uint64) error {
	need := uint64(gateways) + 64
	if limit >= need {
		return nil
	}
	return fmt.Errorf("cannot be %s: each connection is an open file, and this shell allows %d (ulimit -n). For it to allow more, type: sudo prlimit --pid $$ --nofile=%d", status.Count(uint64(gateways), "gateway"), limit, need)
}

// sum says what it came to.
func sum(w io.Writer, r fleet.Report) {
	all := status.Count(uint64(r.Gateways), "gateway")
	fmt.Fprintf(w, `%d of %s connected, the last after %.1f s; at the most %s in a second, %d in all
%d of %s proven, the last after %.1f s; %d sent again, %d refused for ever
from a batch to its proof: half within %s, 99 of 100 within %s
`, r.Connected, all, r.AllUpS, status.Count(r.PerSecond, "handshake"), r.Connects,
		r.Proven, status.Count(r.Readings, "reading"), r.ProvenS, r.Resent, r.Aside, console.Milliseconds(r.ProofP50), console.Milliseconds(r.ProofP99))
	for _, e := range r.Ends {
		what := status.Count(e.Count, "connection") + " ended"
		if e.Dialed {
			what = status.Count(e.Count, "attempt") + " failed"
		}
		code := cmp.Or(e.Code, "in order")
		if e.CloseCode > 0 {
			code += fmt.Sprint(" ", e.CloseCode)
		}
		fmt.Fprintf(w, "%s, %s: %s\n", what, code, status.Clean(e.Says, 200))
	}
	if r.Unproven > 0 {
		fmt.Fprintf(w, "%s not proven when it ended after %.0f s; %d of %s not connected then\n", status.Count(r.Unproven, "reading"), r.TookS, r.Gateways-r.AtEnd, all)
	}
}
