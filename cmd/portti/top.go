package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"portti/cmd/portti/console"
	screen "portti/cmd/portti/console/live"
	"portti/cmd/portti/status"
	"portti/device"
	"portti/device/recording"
)

func topCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "top",
		Short: "live view (q quits)",
		Long: `Shows the running gateway and keeps it up to date: the link, the buffer, each device with
its last minutes and its last reading, and problems as they come and go. ? lists the keys.

It asks the gateway once a second, on a serial line of 19200 baud or less every third second,
and writes only what has changed. Where it does not talk to a terminal, with TERM=dumb and
with --plain it prints a line when something has changed, with --json each status document.

Exit codes: 0 ended with q, 130 by a signal; without a terminal those of status --watch.`,
		Example: `  portti top
  portti top --plain`,
		Args: cobra.NoArgs,
		RunE: runTop,
	}
	cmd.Flags().Bool("ascii", false, "no character beyond ASCII (also: a LANG without UTF-8)")
	return cmd
}

func runTop(cmd *cobra.Command, _ []string) error {
	g := globalsOf(cmd)
	socket, err := socketOf(g)
	if err != nil {
		return err
	}
	ctx, stop := lasting(cmd)
	defer stop()
	o := consoleOptions(g, cmd.OutOrStdout(), os.Getenv)
	if ascii, _ := cmd.Flags().GetBool("ascii"); ascii {
		o.ASCII = true
	}
	in, out, ok := terminalOf(cmd)
	if !ok || g.json || g.plain || os.Getenv("TERM") == "dumb" {
		return topLines(ctx, cmd, g, socket)
	}
	err = screen.Run(ctx, in, out, &topSource{g: g, socket: socket, ascii: o.ASCII}, o)
	if errors.Is(err, context.Canceled) {
		return exit(exitInterrupted, nil)
	}
	return err
}

// terminalOf gives the terminal that the verb talks to, in both directions.
func terminalOf(cmd *cobra.Command) (in, out *os.File, ok bool) {
	in, isIn := cmd.InOrStdin().(*os.File)
	out, isOut := cmd.OutOrStdout().(*os.File)
	return in, out, isIn && isOut && screen.Is(in) && screen.Is(out)
}

// topSource is the running gateway for the live view.
type topSource struct {
	g      globals
	socket string
	ascii  bool
}

// Status is part of live.Source.
func (s *topSource) Status(ctx context.Context) (*status.Document, error) {
	return askStatus(ctx, s.socket, s.g.timeout)
}

// GPS is part of live.Source.
func (s *topSource) GPS(ctx context.Context) (*status.GPSDocument, error) {
	return askGPS(ctx, s.socket, s.g.timeout, nil)
}

// History is part of live.Source.
func (s *topSource) History(ctx context.Context) (*status.History, error) {
	var h status.History
	if err := ask(ctx, s.socket, s.g.timeout, http.MethodGet, "/api/v1/history", &h); err != nil {
		return nil, err
	}
	return &h, nil
}

// Follow is part of live.Source.
func (s *topSource) Follow(ctx context.Context, name string, raw bool, line func(string)) error {
	g := s.g
	g.socket = s.socket
	sight, err := followRunning(ctx, g, name, device.View{Raw: raw, Readings: !raw})
	if err != nil {
		return err
	}
	defer sight.close()
	print := &wirePrinter{out: lineWriter(line), talk: io.Discard, ascii: s.ascii}
	all := make(chan seen)
	if raw {
		go sight.each(ctx, name, all)
		return print.run(ctx, all, 1)
	}
	for {
		r, err := sight.next()
		switch {
		case err != nil:
			return err
		case r.What == recording.Stopped:
			return whyUnseen(r)
		case r.What == recording.Reading:
			line(string(r.Data))
		}
	}
}

// whyUnseen is nil where nothing is wrong.
func whyUnseen(r recording.Record) error {
	if len(r.Data) == 0 {
		return nil
	}
	return errors.New(string(r.Data))
}

// lineWriter hands on whole lines, as a wirePrinter writes them.
type lineWriter func(string)

// Write is part of io.Writer.
func (w lineWriter) Write(b []byte) (int, error) {
	w(strings.TrimRight(string(b), "\n"))
	return len(b), nil
}

// topRepeat is how often the line is printed when nothing changes.
const topRepeat = time.Minute

// topLines is the view where there is no screen to draw on.
func topLines(ctx context.Context, cmd *cobra.Command, g globals, socket string) error {
	var said time.Time
	var last string
	for {
		s, err := askStatus(ctx, socket, g.timeout)
		text := ""
		switch {
		case ctx.Err() != nil:
		case err != nil:
			text = status.Clean(err.Error(), 300)
		case g.json:
			if err := json.NewEncoder(cmd.OutOrStdout()).Encode(s); err != nil {
				return err
			}
		default:
			text = topText(s)
		}
		if text != "" && (text != last || time.Since(said) >= topRepeat) {
			last, said = text, time.Now()
			if _, err := fmt.Fprintln(cmd.OutOrStdout(), said.Format("15:04:05"), text); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return exit(exitInterrupted, nil)
		case <-time.After(watchEvery):
		}
	}
}

// topText is the gateway in one line, with the problems that are open.
func topText(s *status.Document) string {
	text := console.Short(s)
	for _, p := range s.Problems {
		text += "; " + status.Clean(strings.TrimSpace(p.Code+" "+p.Subject), 80)
	}
	return text
}
