package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

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
	s, err := askQueue(cmd.Context(), g)
	if err == nil || !notRunning(err) || g.socket != "" {
		return s, err
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

// runningQueue is the buffer as the running gateway sees it; nil where none answers.
func runningQueue(cmd *cobra.Command) *status.Queue {
	s, _ := askQueue(cmd.Context(), globalsOf(cmd))
	return s
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
