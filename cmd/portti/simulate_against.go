package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"time"

	"github.com/spf13/cobra"

	"portti/cmd/portti/conform"
	"portti/cmd/portti/status"
)

// against holds the flags of simulate --against.
type against struct {
	url, ack, token, ca, kill, stored string
	patience                          time.Duration
}

func (a *against) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&a.url, "against", "", "try the server at `URL`, ws:// or wss://")
	f.StringVar(&a.ack, "ack", "", "against, fleet: fence, count or envelope (default: against envelope, fleet fence)")
	f.StringVar(&a.token, "token-file", "", "against, fleet: send the token in `FILE` as Authorization: Bearer")
	f.StringVar(&a.ca, "ca-file", "", "against, fleet: trust the certificates in `FILE` (PEM)")
	f.StringVar(&a.kill, "kill", "", "against: `COMMAND` of a shell that ends the server as a crash would and starts it anew")
	f.StringVar(&a.stored, "stored", "", "against: `FILE`, or a command of a shell, that gives what the server stored, as JSON in any shape")
	f.DurationVar(&a.patience, "patience", 10*time.Second, "against: how long an answer may take")
	cmd.MarkFlagsMutuallyExclusive("against", "play")
	cmd.MarkFlagsMutuallyExclusive("against", "device")
}

func (a *against) run(cmd *cobra.Command) error {
	g, out := globalsOf(cmd), cmd.OutOrStdout()
	o, err := a.options(cmd)
	if err != nil {
		return err
	}
	var all []conform.Result
	failed, err := conform.Run(cmd.Context(), o, func(r conform.Result) {
		all = append(all, r)
		if !g.json && (!g.quiet || r.Verdict == conform.Fail) {
			fmt.Fprintf(out, "%-8s%-22s%7.0f ms  %s\n", r.Verdict, r.Rule, r.TookMS, status.Clean(r.Says, 300))
		}
	})
	switch {
	case cmd.Context().Err() != nil:
		return exit(exitInterrupted, nil)
	case err != nil:
		return usage(err)
	case g.json:
		if err := writeJSON(cmd, map[string]any{"schema": 1, "failed": failed, "rules": all}); err != nil {
			return err
		}
	case !g.quiet:
		fmt.Fprintf(out, "%s, %d not kept\n", status.Count(uint64(len(all)), "rule"), failed)
	}
	if failed > 0 {
		return exit(exitFailed, nil)
	}
	return nil
}

func (a *against) options(cmd *cobra.Command) (conform.Options, error) {
	o := conform.Options{URL: a.url, Ack: cmp.Or(a.ack, conform.Envelope), Header: http.Header{}, Patience: a.patience}
	if u, err := url.Parse(a.url); err != nil || u.Scheme != "ws" && u.Scheme != "wss" || u.Host == "" {
		return o, usage(errors.New("--against takes an address such as ws://127.0.0.1:8080/socket"))
	}
	if a.token != "" {
		token, err := readToken(a.token)
		if err != nil {
			return o, err
		}
		o.Header.Set("Authorization", "Bearer "+token)
	}
	if a.ca != "" {
		pem, err := os.ReadFile(a.ca)
		if err != nil {
			return o, fmt.Errorf("cannot read --ca-file: %w", err)
		}
		o.TLS = &tls.Config{RootCAs: x509.NewCertPool(), MinVersion: tls.VersionTLS12}
		if !o.TLS.RootCAs.AppendCertsFromPEM(pem) {
			return o, fmt.Errorf("cannot use --ca-file: there is no certificate in %s", a.ca)
		}
	}
	if a.kill != "" {
		o.Kill = func(ctx context.Context) error {
			c := exec.CommandContext(ctx, "sh", "-c", a.kill)
			c.Stdout, c.Stderr = cmd.ErrOrStderr(), cmd.ErrOrStderr()
			return c.Run()
		}
	}
	if a.stored != "" {
		o.Stored = func() ([]byte, error) { return storedBy(cmd.Context(), a.stored) }
	}
	return o, nil
}

// storedBy reads a file, or what a command prints.
func storedBy(ctx context.Context, what string) ([]byte, error) {
	if info, err := os.Stat(what); err == nil && info.Mode().IsRegular() {
		return os.ReadFile(what)
	}
	return exec.CommandContext(ctx, "sh", "-c", what).Output()
}
