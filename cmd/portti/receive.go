package main

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"portti/cmd/portti/bench"
)

// receiveCmd is a server for the bench and for the technician's laptop.
func receiveCmd() *cobra.Command {
	var o bench.Options
	var tokenFile string
	cmd := &cobra.Command{
		Use:   "receive",
		Short: "be the server: print the Thingsee messages that arrive, one a line",
		Long: `receive is a WebSocket server for the bench and for the technician's laptop.
Messages go to the standard output exactly as they came, one a line; everything
else goes to the standard error. A message is proven to the sender (by pong,
count or ack) only after it was written. Ctrl-C ends it with a summary.`,
		Example: `  portti receive
  portti receive --listen :8443 --tls --tls-dir . --auth header --token-file t
  portti receive --out messages.jsonl --quiet`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return receive(cmd, o, tokenFile)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.Listen, "listen", "127.0.0.1:8080", "`ADDRESS` to listen on; :8080 for every interface")
	f.StringVar(&o.Dialect, "dialect", "thingsee", "thingsee (haltless, zyeta, heimdall: later)")
	f.StringVar(&o.Auth, "auth", "", "none, header or query (default: none, or header with a token)")
	f.StringVar(&o.Token, "token", "", "`TOKEN` the gateway must present (others on this machine can see it here)")
	f.StringVar(&tokenFile, "token-file", "", "read the token from `FILE`")
	f.StringVar(&o.Ack, "ack", "fence", "none, fence, count or envelope")
	f.BoolVar(&o.TLS, "tls", false, "TLS with a self-signed certificate")
	f.StringVar(&o.TLSDir, "tls-dir", "", "keep the certificate in `DIR` (default: beside --out, else in memory)")
	f.StringVar(&o.OutFile, "out", "", "append the messages to `FILE` as well")
	cmd.MarkFlagsMutuallyExclusive("token", "token-file")
	return cmd
}

func receive(cmd *cobra.Command, o bench.Options, tokenFile string) error {
	g := globalsOf(cmd)
	talk := cmd.ErrOrStderr()
	if tokenFile != "" {
		b, err := os.ReadFile(tokenFile)
		if err != nil {
			return fmt.Errorf("cannot read the token: %w", err)
		}
		o.Token = strings.TrimSpace(string(b))
	}
	if o.Auth == "" && o.Token != "" {
		o.Auth = "header"
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
	r, err := bench.NewReceiver(o)
	if err != nil {
		return err
	}
	if !g.quiet {
		introduce(talk, r)
	}
	err = r.Run(cmd.Context())
	if !g.quiet {
		fmt.Fprintln(talk, r.Stats().Summary())
	}
	return err
}

// introduce says what a gateway needs to know.
func introduce(w io.Writer, r *bench.Receiver) {
	fmt.Fprintf(w, "receiving on %s   (url = %q)\n", r.Addr(), r.URL())
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
