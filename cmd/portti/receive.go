package main

import (
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"portti/cmd/portti/config"
	"portti/cmd/portti/testbed"
)

// receiveCmd is a server for the bench and for the technician's laptop.
func receiveCmd() *cobra.Command {
	var o testbed.Options
	var files receiveFiles
	maxAge := config.Defaults().Buffer.MaxAge
	cmd := &cobra.Command{
		Use:   "receive",
		Short: "be the server: print the Thingsee messages that arrive, one a line",
		Long: `receive is a WebSocket server for the bench and for the technician's laptop.
Messages go to the standard output exactly as they came, one a line; everything
else goes to the standard error. A message is proven to the sender (by pong,
count or ack) only after it was written; with --out and count or envelope it is
on the disk by then. Ctrl-C ends it with a summary.

With --forward every array goes on to a REST API by POST, and is proven only
after a 2xx. While the API is not to be had, gateways are sent away (1013, or
503 with its Retry-After) and keep what they have. What it refuses for ever
(400, 409, 413, 422) is halved until the one message is known, which is set
aside in a file, or answered by nack with --ack envelope.

With --fanout what was taken is served to read-only WebSocket subscribers; one
that is too slow is dropped.`,
		Example: `  portti receive
  portti receive --listen :8443 --tls --tls-dir . --auth header --token-file t
  portti receive --out messages.jsonl --ack envelope --quiet
  portti receive --dialect haltless --token-file t --heartbeat 10s
  portti receive --out m.jsonl --forward https://api.example.net/data --forward-header Authorization=bearer.txt`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.MaxAge = maxAge.D()
			return receive(cmd, o, files)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.Listen, "listen", "127.0.0.1:8080", "`ADDRESS` to listen on; :8080 for every interface")
	f.StringVar(&o.Dialect, "dialect", "thingsee", "thingsee, haltless, zyeta or heimdall")
	f.StringVar(&o.Auth, "auth", "", "none, header, query, first-message or hash (default: none, or the dialect's own with a token)")
	f.StringVar(&o.Token, "token", "", "`TOKEN` the gateway must present (others on this machine can see it here)")
	f.StringVar(&files.token, "token-file", "", "read the token from `FILE`, anew for each connection")
	f.StringArrayVar(&o.Origins, "origin", nil, "let a page of this `ORIGIN` connect from a browser, such as https://app.example.net; * = any")
	f.StringVar(&o.Ack, "ack", "fence", "none, fence, count or envelope")
	f.BoolVar(&o.TLS, "tls", false, "TLS with a self-signed certificate")
	f.StringVar(&o.TLSDir, "tls-dir", "", "keep the certificate in `DIR` (default: next to --out, else in memory)")
	f.StringVar(&o.OutFile, "out", "", "append the messages to `FILE` as well; with envelope FILE.marks says how far each gateway is")
	f.TextVar(&maxAge, "max-age", maxAge, "longest max_age (`AGE`) of the gateways; with envelope what was not used for 30 days more is forgotten")
	f.DurationVar(&o.Heartbeat, "heartbeat", 5*time.Second, "`INTERVAL` of the heartbeats of dialect haltless")
	f.StringVar(&o.Forward.URL, "forward", "", "POST each array to `URL` before it is proven")
	f.StringArrayVar(&o.Forward.Headers, "forward-header", nil, "`NAME=FILE`: a header of the POST, its value read from the file")
	f.StringVar(&o.Aside, "aside", "", "`FILE` for what can never be handled (default: --out with .aside)")
	f.StringVar(&o.Fanout.Listen, "fanout", "", "serve read-only subscribers on `ADDRESS`")
	f.StringVar(&files.fanout, "fanout-token-file", "", "the token of subscribers; needed where other machines can connect")
	cmd.MarkFlagsMutuallyExclusive("token", "token-file")
	return cmd
}

// receiveFiles names the files with secrets.
type receiveFiles struct{ token, fanout string }

func receive(cmd *cobra.Command, o testbed.Options, files receiveFiles) error {
	g := globalsOf(cmd)
	talk := cmd.ErrOrStderr()
	if files.token != "" {
		o.TokenNow = func() (string, error) { return readToken(files.token) }
		if _, err := o.TokenNow(); err != nil {
			return err
		}
	}
	if files.fanout != "" {
		token, err := readToken(files.fanout)
		if err != nil {
			return err
		}
		o.Fanout.Token = token
	}
	if o.TLS && o.TLSDir == "" && o.OutFile != "" {
		o.TLSDir = filepath.Dir(o.OutFile)
	}
	if !g.quiet {
		o.Out = cmd.OutOrStdout()
	}
	o.Log = benchLog(talk, g)
	if err := o.Check(); err != nil {
		return usage(err)
	}
	r, err := testbed.NewReceiver(o)
	if err != nil {
		return err
	}
	if !g.quiet {
		introduce(talk, r)
	}
	if o.Auth == "none" || o.Auth == "" && o.Token == "" && o.TokenNow == nil {
		warnOpen(talk, r.Addr())
	}
	err = r.Run(cmd.Context())
	if !g.quiet {
		fmt.Fprintln(talk, r.Stats().Summary())
	}
	return err
}

// warnOpen says it where other machines can send anything.
func warnOpen(w io.Writer, addr string) {
	host, _, err := net.SplitHostPort(addr)
	if net.ParseIP(host) == nil || err != nil || config.ThisMachine(host) {
		return
	}
	fmt.Fprintf(w, "warning: every machine that reaches %s can connect and send, since no token is asked for; --token-file FILE asks for one, --listen 127.0.0.1:8080 is for this machine alone\n", addr)
}

// readToken reads a secret that stands alone in a file.
func readToken(path string) (string, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("cannot read the token: %w", err)
	}
	token := strings.TrimSpace(string(b))
	if token == "" {
		return "", fmt.Errorf("cannot read the token: %s is empty", path)
	}
	return token, nil
}

// introduce says what a gateway needs to know.
func introduce(w io.Writer, r *testbed.Receiver) {
	fmt.Fprintf(w, "receiving on %s   (url = %q)\n", r.Addr(), r.URL())
	if u := r.FanoutURL(); u != "" {
		fmt.Fprintf(w, "subscribers  %s\n", u)
	}
	if c := r.Certificate(); c != nil {
		if c.File != "" {
			fmt.Fprintf(w, "certificate  ca_file = %q\n", absolute(c.File))
		} else {
			fmt.Fprintln(w, "certificate  in memory only; --tls-dir DIR keeps it for the gateway's ca_file")
		}
		fmt.Fprintf(w, "SHA-256      %s\n", c.Fingerprint)
	}
	fmt.Fprintln(w, "Ctrl-C ends it.")
}

// benchLog is quiet about everything but trouble unless asked.
func benchLog(w io.Writer, g globals) *slog.Logger {
	level := slog.LevelWarn
	if g.verbose {
		level = slog.LevelDebug
	}
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: level}))
}

func absolute(path string) string {
	if a, err := filepath.Abs(path); err == nil {
		return a
	}
	return path
}
