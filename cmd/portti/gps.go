package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"portti/cmd/portti/console"
	"portti/cmd/portti/status"
)

func gpsCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "gps [NAME]",
		Short: "position, fix quality, satellites",
		Long: `Shows what a receiver of positions sees: its fix, where that is, how good it is, and the
satellites with the strength of their signals and where they stand in the sky. Without a
fix it says why, as far as that is known, and what to do.

--track gives where the receivers were in the last day instead: as GPX, which maps read, or
with --json as JSON.

Exit codes: 0 shown, 1 there is no receiver, 2 no such receiver, 3 not running, 4 no answer
or no permission.`,
		Example: `  portti gps
  portti gps --watch
  portti gps --track > today.gpx`,
		Args: cobra.MaximumNArgs(1),
		RunE: runGPS,
	}
	cmd.Flags().Bool("watch", false, "draw again every two seconds until Ctrl-C")
	cmd.Flags().Bool("track", false, "where the receivers were in the last day, as GPX; with --json as JSON")
	cmd.MarkFlagsMutuallyExclusive("watch", "track")
	return cmd
}

func runGPS(cmd *cobra.Command, args []string) error {
	watch, _ := cmd.Flags().GetBool("watch")
	g := globalsOf(cmd)
	socket, err := socketOf(g)
	if err != nil {
		return err
	}
	ctx, stop := lasting(cmd)
	defer stop()
	if track, _ := cmd.Flags().GetBool("track"); track {
		return runTrack(ctx, cmd, g, socket, args)
	}
	for {
		text, err := gpsOnce(ctx, cmd, g, socket, args, watch)
		if err != nil && !watch {
			return err
		}
		if err != nil {
			text = []byte(status.Clean(err.Error(), 300) + "\n") // it may come back
		}
		if _, err := cmd.OutOrStdout().Write(text); err != nil || !watch {
			return err
		}
		select {
		case <-ctx.Done():
			return exit(exitInterrupted, nil)
		case <-time.After(watchEvery):
		}
	}
}

// gpsOnce asks once and gives what to show.
func gpsOnce(ctx context.Context, cmd *cobra.Command, g globals, socket string, args []string, watch bool) ([]byte, error) {
	doc, err := askGPS(ctx, socket, g.timeout, args)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if g.json {
		e := json.NewEncoder(&b)
		if !watch { // else one document a line
			e.SetIndent("", "  ")
		}
		err := e.Encode(doc)
		return b.Bytes(), err
	}
	if len(doc.Devices) == 0 {
		return nil, exit(exitFailed, errors.New(strings.ReplaceAll(console.NoReceiver, "`", "")))
	}
	s, err := askStatus(ctx, socket, g.timeout)
	if err != nil {
		return nil, err
	}
	o := consoleOptions(g, cmd.OutOrStdout(), os.Getenv)
	if watch {
		b.WriteString(clearScreen(o, os.Getenv))
	}
	for i := range doc.Devices {
		if i > 0 {
			b.WriteByte('\n')
		}
		if err := console.GPS(&b, &doc.Devices[i], s, o); err != nil {
			return nil, err
		}
	}
	return b.Bytes(), nil
}

// runTrack gives where the receivers were.
func runTrack(ctx context.Context, cmd *cobra.Command, g globals, socket string, names []string) error {
	var doc status.Track
	if err := ask(ctx, socket, g.timeout, http.MethodGet, "/api/v1/track", &doc); err != nil {
		return err
	}
	all, err := receiversNamed(names, doc.Devices, func(d status.DeviceTrack) string { return d.Name })
	if err != nil {
		return err
	}
	doc.Devices = all
	switch {
	case g.json:
		return writeJSON(cmd, doc)
	case len(all) == 0:
		return exit(exitFailed, errors.New(strings.ReplaceAll(console.NoReceiver, "`", "")))
	}
	return doc.GPX(cmd.OutOrStdout())
}

// askGPS asks what the receivers see, or the one that is named.
func askGPS(ctx context.Context, socket string, timeout time.Duration, names []string) (*status.GPSDocument, error) {
	var doc status.GPSDocument
	if err := ask(ctx, socket, timeout, http.MethodGet, "/api/v1/gps", &doc); err != nil {
		return nil, err
	}
	var err error
	doc.Devices, err = receiversNamed(names, doc.Devices, func(d status.GPS) string { return d.Name })
	return &doc, err
}

// receiversNamed keeps those of that name, or all where none is named.
func receiversNamed[T any](names []string, all []T, nameOf func(T) string) ([]T, error) {
	if len(names) == 0 {
		return all, nil
	}
	var known []string
	for _, d := range all {
		known = append(known, nameOf(d))
	}
	named := slices.DeleteFunc(all, func(d T) bool { return nameOf(d) != names[0] })
	switch {
	case len(named) > 0:
		return named, nil
	case len(known) == 0:
		return nil, exit(exitUsage, errors.New(strings.ReplaceAll(console.NoReceiver, "`", "")))
	}
	return nil, exit(exitUsage, fmt.Errorf("%q is no device that sends positions; these are: %s", names[0], strings.Join(known, ", ")))
}
