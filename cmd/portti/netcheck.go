package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"portti/cmd/portti/config"
	"portti/cmd/portti/netcheck"
	"portti/cmd/portti/status"
	"portti/uplink"
)

func netcheckCmd(machine fs.FS) *cobra.Command {
	return &cobra.Command{
		Use:   "netcheck [ADDRESS]",
		Short: "path to the server: clock, DNS, TCP, TLS, login, ping",
		Long: `Goes the way to the server stage by stage and says where it ends and what to do: the
clock, the interface, the name, the connection, the proxy, TLS, the upgrade to a
WebSocket, the login, and pings, small ones and such as fill a packet.

No reading is sent, and the gateway need not run. Where it runs and is online its link
is left alone: nothing logs in a second time, and what the link has proven is told.
ADDRESS is another server's, such as wss://host/path: this gateway's token is shown to
none but the configured ones.

Exit codes: 0 the way is good, 1 it is not, 6 there is no server configured.`,
		Example: `  sudo portti netcheck
  portti netcheck wss://ingest.example.net/socket`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return runNetcheck(cmd, machine, args) },
	}
}

// netcheckLimit is that of a stage, as of a step of the link.
const netcheckLimit = 10 * time.Second

// netcheckJSON is the whole check for programs.
type netcheckJSON struct {
	Schema  int              `json:"schema"`
	Server  string           `json:"server"`
	OK      bool             `json:"ok"`
	Running bool             `json:"running"` // a gateway answers
	Online  bool             `json:"online"`
	Stages  []netcheck.Stage `json:"stages"`
}

func runNetcheck(cmd *cobra.Command, machine fs.FS, args []string) error {
	g, out := globalsOf(cmd), cmd.OutOrStdout()
	cfg, err := config.Lenient(g.config, config.LoadOptions{Environ: os.Environ()})
	if err != nil {
		return exit(exitUsage, err)
	}
	known := true
	if len(args) > 0 {
		if cfg, known, err = otherServer(cfg, args[0]); err != nil {
			return usage(err)
		}
	}
	if len(cfg.Uplink.Addresses()) == 0 {
		return exit(exitNotConfigured, errors.New("no server is configured. Name one: portti netcheck wss://HOST/PATH\nOr set it for this gateway: sudo portti setup URL"))
	}
	running, _ := askGateway(cmd.Context(), g)
	h, err := netcheckHost(machine, cfg, running, netcheckLimit)
	if err != nil {
		return exit(exitFailed, err)
	}
	if !known {
		h.NoLogin = "this server is not the configured one, and the gateway's token is shown to no other"
	}
	j := netcheckJSON{Schema: status.Schema, Server: config.MaskURL(cfg.Uplink.Addresses()[0]), Running: running != nil}
	j.Online = running != nil && running.Link.State == status.LinkOnline
	tell := func(netcheck.Stage) {}
	if !g.json && !g.quiet {
		o := consoleOptions(g, out, os.Getenv)
		if !g.plain {
			fmt.Fprintf(out, "%s, %s\n\n", j.Server, gatewayIs(running))
		}
		tell = func(s netcheck.Stage) { _ = netcheck.Show(out, s, o) }
	}
	var waits *progress
	if isTerminal(out) {
		told, since := 0, time.Now()
		waits = showProgress(cmd, func() string { return h.Waits(told, time.Since(since)) })
		show := tell
		tell = func(s netcheck.Stage) {
			waits.above(func() {
				told, since = told+1, time.Now()
				show(s)
			})
		}
	}
	j.Stages = netcheck.Run(cmd.Context(), h, tell)
	waits.end()
	if err := cmd.Context().Err(); err != nil {
		return exit(exitInterrupted, nil)
	}
	j.OK = netcheck.Passed(j.Stages)
	return showNetcheck(cmd, g, j)
}

// showNetcheck tells what remains to be told at the end.
func showNetcheck(cmd *cobra.Command, g globals, j netcheckJSON) error {
	var err error
	switch out := cmd.OutOrStdout(); {
	case g.json:
		err = writeJSON(cmd, j)
	case g.quiet && !j.OK:
		bad := j.Stages[slices.IndexFunc(j.Stages, func(s netcheck.Stage) bool { return s.Verdict == netcheck.Fail })]
		_, err = fmt.Fprintf(out, "%s: %s\n", bad.Name, bad.Sentence)
	case g.plain || g.quiet:
	case j.OK:
		_, err = io.WriteString(out, "\nThe way to the server is good.\n")
	default:
		_, err = io.WriteString(out, "\nThe way to the server is not good.\n")
	}
	if err == nil && !j.OK {
		err = exit(exitFailed, nil)
	}
	return err
}

func gatewayIs(s *status.Document) string {
	switch {
	case s == nil:
		return "the gateway does not run here, or may not be asked"
	case s.Link.State == status.LinkOnline:
		return "the gateway runs and is online"
	}
	return "the gateway runs and is not online"
}

// otherServer puts an address in place of the configured ones. known says that it is one
// of them.
func otherServer(cfg *config.Config, raw string) (other *config.Config, known bool, err error) {
	u, err := url.Parse(raw)
	posts := err == nil && (u.Scheme == "http" || u.Scheme == "https")
	if err != nil || u.Host == "" || u.Scheme != "ws" && u.Scheme != "wss" && !posts {
		return nil, false, errors.New("the address must look like wss://host/path, or https://host/path for a server that takes POST requests")
	}
	c := *cfg
	for _, a := range cfg.Uplink.Addresses() {
		own, err := url.Parse(a)
		if err == nil && own.Scheme == u.Scheme && strings.EqualFold(own.Host, u.Host) && own.Path == u.Path {
			c.Uplink.URL, c.Uplink.URLs = a, nil
			return &c, true, nil
		}
	}
	// Nothing that is a secret goes there, so that it need not be encrypted.
	c.Uplink.URL, c.Uplink.URLs, c.Uplink.Insecure = raw, nil, true
	c.Uplink.ClientCert, c.Uplink.ClientKey, c.Uplink.Pins = "", "", nil
	switch broker := c.Uplink.Engine == uplink.EngineMQTT || c.Uplink.Engine == uplink.EngineNATS; {
	case !posts && broker: // the address of another of them
	case !posts:
		c.Uplink.Engine = uplink.EngineWebSocket
	default:
		c.Uplink.Engine, c.Uplink.Dialect, c.Uplink.Compression, c.Uplink.Subprotocol = uplink.EngineHTTP, uplink.DialectThingsee, false, ""
	}
	return &c, false, nil
}
