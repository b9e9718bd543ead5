package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"math"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"portti/cmd/portti/config"
	"portti/cmd/portti/gateway"
	"portti/device"
	"portti/systemd"
)

func runCmd(machine fs.FS) *cobra.Command {
	return &cobra.Command{
		Use:   "run",
		Short: "start the daemon (systemd does this)",
		Long: `Reads the configuration, opens the buffer and the ports, and forwards readings until
it is told to stop by SIGTERM or Ctrl-C. A second signal ends it at once; nothing that
was accepted is lost either way. Log lines go to standard error.`,
		Example: `  sudo -u portti portti run -c /etc/portti/portti.toml
  portti run -c portti.toml -v`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			defer func() {
				if err != nil {
					_ = systemd.Notifier{}.Status(whyEnded(cmd.Context(), err)) // the log has it too
				}
			}()
			g := globalsOf(cmd)
			kinds := device.Kinds()
			load := func() (*config.Config, error) {
				return config.Load(g.config, config.LoadOptions{Environ: os.Environ(), Kinds: kinds, Fits: gateway.Ground{}.Fits})
			}
			secrets := func() []string {
				return config.Secrets(g.config, config.LoadOptions{Environ: os.Environ(), Kinds: kinds})
			}
			o := gateway.Options{Version: buildInfo().Version, Built: builtAt(), Load: load, Secrets: secrets, Device: device.Tuning{Kinds: kinds}, Bundle: servedBundle(g, machine)}
			paths, _ := config.PathsOf(g.config, config.LoadOptions{Environ: os.Environ(), Kinds: kinds}) // what it fails of, load says
			cfg, err := gateway.Begin(&o, paths)
			switch {
			case errors.Is(err, config.ErrNotConfigured):
				return exit(exitNotConfigured, err)
			case err != nil:
				return exit(exitConfig, err)
			}
			level := new(slog.LevelVar)
			out := newLogFormats(cmd.ErrOrStderr(), level)
			relog := func(c config.Log) slog.Level {
				out.take(c.Format)
				return logLevel(c, g.verbose)
			}
			level.Set(relog(cfg.Log))
			log := slog.New(out)
			for _, w := range cfg.Warnings {
				log.Warn(w.Text, "component", "config", "event", "config.warned", "at", fmt.Sprintf("%s:%d:%d", w.File, w.Line, w.Column))
			}
			for _, f := range cfg.Unfit {
				log.Error(f.Text, "component", "config", "event", "config.unfit", "at", fmt.Sprintf("%s:%d:%d", f.File, f.Line, f.Column), "hint", f.Hint)
			}
			if err := enoughFiles(len(cfg.ActiveDevices())); err != nil {
				return err
			}
			hup := make(chan os.Signal, 1)
			signal.Notify(hup, syscall.SIGHUP)
			defer signal.Stop(hup)
			signal.Ignore(syscall.SIGPIPE) // a log that nobody reads any more, as when journald restarts
			collectEarly(os.Getenv("GOGC"))
			limitMemory(os.Getenv("GOMEMLIMIT"), os.DirFS("/"))
			o.Log, o.Level, o.Relog, o.Wake = log, level, relog, hup
			return gateway.Run(cmd.Context(), cfg, o)
		},
	}
}

// enoughFiles refuses to start where so few files may be open that the gateway would
// only stumble: a serial port takes four, the rest of a gateway 17 with one connection. Go has raised the limit
// to the hard one by now.
func enoughFiles(devices int) error {
	if need, limit := uint64(20+4*devices), mayOpen(); limit < need {
		return fmt.Errorf("cannot start: this process may have only %d files open, and needs %d with this configuration; raise LimitNOFILE in the unit, or ulimit -n", limit, need)
	}
	return nil
}

// mayOpen is how many files this process may have open, or more than it could where
// nobody knows a limit.
func mayOpen() uint64 {
	limit := syscall.Rlimit{Cur: math.MaxUint64}
	_ = syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit)
	return uint64(limit.Cur)
}

// collectEarly lets the heap grow by half between collections, not double as Go
// has it. Measured with make bench: 14.6 MB resident instead of 16.4 when idle,
// 22 to 25 MB anonymous instead of 28 to 30 at the highest rate, and no
// difference in processor time that stands out of the noise; at a quarter
// there is one. GOGC in the environment has the last word.
func collectEarly(gogc string) {
	const percent = 50
	if gogc == "" {
		debug.SetGCPercent(percent)
	}
}

// built is when this program was made, Unix seconds, set at link time. It is
// the earliest time that a wall clock is believed to show.
var built string

// builtAt falls back to the commit's time and then to the month in which this
// was first written: any of them is before the program runs.
func builtAt() time.Time {
	if at, err := unixSeconds(built); err == nil {
		return at
	}
	if at, err := time.Parse(time.RFC3339, buildInfo().Time); err == nil {
		return at
	}
	return time.Date(2026, time.November, 1, 0, 0, 0, 0, time.UTC)
}

func unixSeconds(text string) (time.Time, error) {
	var s int64
	if _, err := fmt.Sscan(text, &s); err != nil {
		return time.Time{}, err
	}
	return time.Unix(s, 0), nil
}

// logLevel is the level of the log.
func logLevel(c config.Log, verbose bool) slog.Level {
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.Level)); err != nil || verbose {
		return slog.LevelDebug
	}
	return level
}

// isJournal says whether w is the stream that systemd gave this process.
func isJournal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	return gateway.IsJournalStream(f, os.Getenv("JOURNAL_STREAM"))
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	c, err := f.SyscallConn()
	if err != nil {
		return false
	}
	var asked error // /dev/null is a character device too
	err = c.Control(func(fd uintptr) { _, asked = unix.IoctlGetTermios(int(fd), unix.TCGETS) })
	return err == nil && asked == nil
}
