package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"portti/buffer"
	"portti/cmd/portti/config"
	"portti/cmd/portti/console"
	"portti/cmd/portti/gateway"
	"portti/cmd/portti/status"
	"portti/device/clock"
)

func queueCmd() *cobra.Command {
	stats := queueStatsCmd()
	return withVerbs(&cobra.Command{
		Use:   "queue",
		Short: "the readings that wait;  queue check | export | import",
		Long: `Looks into the buffer, where readings wait for the server, and carries them on a stick.
Without another word it shows what queue stats shows.

` + stats.Long,
		Example: `  portti queue
  sudo portti queue check`,
		RunE: stats.RunE,
	}, stats, queueCheckCmd(), queueExportCmd(), queueImportCmd())
}

func queueStatsCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "stats",
		Short: "how much waits, how long there is room, what was lost",
		Long: `Shows the buffer in detail: what waits and how old it is, the room left and for how
long, losses by reason, the account of each device, files, damaged files.

Asks the running gateway. Where none runs the files are read, without changing them;
readings that only a running gateway had in memory are not in them.

Exit codes: 0 shown, 1 there is no buffer or it cannot be read, 4 no answer or no permission.`,
		Example: `  portti queue stats
  portti queue stats --json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := queueStats(cmd)
			if err != nil {
				return err
			}
			g := globalsOf(cmd)
			if g.json {
				return writeJSON(cmd, s)
			}
			return console.Queue(cmd.OutOrStdout(), s, consoleOptions(g, cmd.OutOrStdout(), os.Getenv))
		},
	}
}

// queueStats asks the daemon, else the files. A daemon that is there and cannot
// be asked is no reason to take the files for the whole truth.
func queueStats(cmd *cobra.Command) (*status.Queue, error) {
	g := globalsOf(cmd)
	resp, err := askQueue(cmd.Context(), g, "/api/v1/queue")
	if err == nil {
		return readQueue(resp)
	}
	if !notRunning(err) || g.socket != "" {
		return nil, err
	}
	cfg, err := config.Lenient(g.config, config.LoadOptions{Environ: os.Environ()})
	if err != nil {
		return nil, exit(exitUsage, err)
	}
	return queueFiles(cfg)
}

// queueFiles is the buffer as its files tell it.
func queueFiles(cfg *config.Config) (*status.Queue, error) {
	look, err := lookAt(cfg.Paths.BufferDir())
	if err != nil {
		return nil, err
	}
	ticks, err := clock.New(builtAt())
	if err != nil {
		return nil, err
	}
	s := gateway.QueueOf(look, cfg, ticks.Now(), ticks.BootID())
	return &s, nil
}

func readQueue(resp *http.Response) (*status.Queue, error) {
	defer resp.Body.Close()
	var s status.Queue
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxStatus)).Decode(&s); err != nil {
		return nil, exit(exitUnknown, fmt.Errorf("the answer cannot be read: %w", err))
	}
	return &s, nil
}

// runningQueue is the buffer as the running gateway sees it; nil where none answers.
func runningQueue(cmd *cobra.Command) *status.Queue {
	resp, err := askQueue(cmd.Context(), globalsOf(cmd), "/api/v1/queue")
	if err != nil {
		return nil
	}
	s, err := readQueue(resp)
	if err != nil {
		return nil
	}
	return s
}

// askQueue opens a page of the running daemon. The limit of time is for the
// beginning of the answer; an export may take longer.
func askQueue(ctx context.Context, g globals, page string) (*http.Response, error) {
	socket, err := socketOf(g)
	if err != nil {
		return nil, err
	}
	waiting, cancel := context.WithTimeout(ctx, g.timeout)
	defer cancel()
	whole, stop := context.WithCancel(ctx)
	began := context.AfterFunc(waiting, stop)
	req, err := http.NewRequestWithContext(whole, http.MethodGet, "http://portti"+page, nil)
	if err != nil {
		stop()
		return nil, err
	}
	resp, err := clientOf(socket).Do(req)
	if err != nil {
		stop()
		return nil, unreachable(waiting, socket, g.timeout, err)
	}
	began()
	resp.Body = stopping{resp.Body, stop}
	if resp.StatusCode == http.StatusForbidden {
		defer resp.Body.Close()
		return nil, notOfTheGroup(socket)
	}
	if resp.StatusCode == http.StatusUnprocessableEntity || resp.StatusCode == http.StatusTooManyRequests { // it says why
		defer resp.Body.Close()
		why, _ := io.ReadAll(io.LimitReader(resp.Body, maxStatus))
		return nil, exit(exitFailed, errors.New(strings.TrimSpace(string(why))))
	}
	if resp.StatusCode != http.StatusOK {
		defer resp.Body.Close()
		return nil, exit(exitUnknown, fmt.Errorf("what listens on %s answered %s: is it portti, and of this version?", socket, resp.Status))
	}
	return resp, nil
}

// stopping ends the request with its body.
type stopping struct {
	io.ReadCloser
	stop func()
}

func (s stopping) Close() error {
	defer s.stop()
	return s.ReadCloser.Close()
}

func notRunning(err error) bool {
	var e *exitError
	return errors.As(err, &e) && e.code == exitNotRunning
}

// lookAt inspects a buffer's directory, or the one in a state folder.
func lookAt(dir string) (*buffer.Inspection, error) {
	info, err := os.Stat(filepath.Join(dir, config.BufferFolder))
	var look *buffer.Inspection
	if err == nil && info.IsDir() {
		dir = filepath.Join(dir, config.BufferFolder)
	}
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		look, err = buffer.Inspect(dir)
	}
	switch {
	case errors.Is(err, buffer.ErrNewer):
		return nil, exit(exitFailed, fmt.Errorf("the buffer at %s was left alone: %w. Install the newer portti again", dir, err))
	case errors.Is(err, fs.ErrNotExist):
		return nil, exit(exitFailed, fmt.Errorf("there is no buffer at %s", dir))
	case errors.Is(err, fs.ErrPermission):
		return nil, exit(exitUnknown, fmt.Errorf("no permission for %s. Use sudo", dir))
	case err != nil:
		return nil, exit(exitFailed, fmt.Errorf("cannot read the buffer at %s: %w", dir, err))
	}
	return look, nil
}
