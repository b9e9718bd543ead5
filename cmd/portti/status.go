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
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"portti/cmd/portti/config"
	"portti/cmd/portti/console"
	"portti/cmd/portti/status"
)

func statusCmd(machine fs.FS) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "status",
		Short: "one screen: link, buffer, devices, problems",
		Long: `Shows how the running gateway is.

Exit codes: 0 running, 3 not running, 4 no answer or no permission;
with --exit-code also 5 running but degraded.`,
		Example: `  portti status
  portti status --watch
  portti status --exit-code --short`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runStatus(cmd, machine) },
	}
	f := cmd.Flags()
	f.Bool("short", false, "one line, for a prompt or a login message")
	f.Bool("exit-code", false, "exit with 5 when portti runs but something is wrong")
	f.Bool("watch", false, "draw again every two seconds until Ctrl-C")
	cmd.MarkFlagsMutuallyExclusive("short", "watch")
	return cmd
}

// watchEvery is how often status --watch asks.
const watchEvery = 2 * time.Second

func runStatus(cmd *cobra.Command, machine fs.FS) error {
	g := globalsOf(cmd)
	watch, _ := cmd.Flags().GetBool("watch")
	socket, err := socketOf(g)
	if err != nil {
		return err
	}
	for {
		s, err := askStatus(cmd.Context(), socket, g.timeout)
		if err == nil {
			err = showStatus(cmd, s)
		}
		if !watch {
			return sayStopped(cmd, machine, socket, err)
		}
		if code := new(exitError); errors.As(err, &code) && code.code != exitDegraded {
			fmt.Fprintln(cmd.OutOrStdout(), err) // it may come back: keep watching
		} else if err != nil && code.code != exitDegraded {
			return err
		}
		select {
		case <-cmd.Context().Done():
			return exit(exitInterrupted, nil)
		case <-time.After(watchEvery):
		}
	}
}

// socketOf finds the running daemon's control socket.
func socketOf(g globals) (string, error) {
	if g.socket != "" {
		return g.socket, nil
	}
	path, err := config.SocketOf(g.config, config.LoadOptions{Environ: os.Environ()})
	if err != nil {
		return "", exit(exitUsage, err)
	}
	return path, nil
}

// askStatus fetches the status document.
func askStatus(ctx context.Context, socket string, timeout time.Duration) (*status.Document, error) {
	var s status.Document
	if err := ask(ctx, socket, timeout, http.MethodGet, "/api/v1/status", &s); err != nil {
		return nil, err
	}
	return &s, nil
}

func showStatus(cmd *cobra.Command, s *status.Document) error {
	g, out := globalsOf(cmd), cmd.OutOrStdout()
	short, _ := cmd.Flags().GetBool("short")
	watch, _ := cmd.Flags().GetBool("watch")
	strict, _ := cmd.Flags().GetBool("exit-code")
	var err error
	switch {
	case g.json && watch: // one document a line
		err = json.NewEncoder(out).Encode(s)
	case g.json:
		err = writeJSON(cmd, s)
	case short:
		_, err = fmt.Fprintln(out, console.Short(s))
	default:
		o := consoleOptions(g, out, os.Getenv)
		if watch {
			fmt.Fprint(out, clearScreen(o, os.Getenv))
		}
		err = console.Render(out, s, o)
	}
	if err == nil && strict && s.Degraded() {
		err = exit(exitDegraded, nil)
	}
	return err
}

// clearScreen is what comes before each picture of one that is drawn again: nothing
// where the picture goes to a file or a pipe, or to a terminal that only prints.
func clearScreen(o console.Options, getenv func(string) string) string {
	if !o.Terminal || o.Plain || getenv("TERM") == "dumb" {
		return ""
	}
	return "\x1b[H\x1b[2J"
}

// consoleOptions finds out what the terminal can show. getenv is os.Getenv.
func consoleOptions(g globals, out io.Writer, getenv func(string) string) console.Options {
	o := console.Options{Zone: time.Local, Quiet: g.quiet, Verbose: g.verbose}
	if f, ok := out.(*os.File); ok {
		if size, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ); err == nil {
			o.Terminal, o.Width = true, int(size.Col)
		}
	}
	if n, err := strconv.Atoi(getenv("COLUMNS")); err == nil && n > 0 {
		o.Width = n
	}
	o.Plain = g.plain
	o.Colour = o.Terminal && !g.plain && !g.noColor && getenv("NO_COLOR") == "" && getenv("TERM") != "dumb"
	locale := getenv("LC_ALL")
	for _, name := range []string{"LC_CTYPE", "LANG"} {
		if locale == "" {
			locale = getenv(name)
		}
	}
	locale = strings.ToUpper(locale)
	o.ASCII = g.plain || !strings.Contains(locale, "UTF-8") && !strings.Contains(locale, "UTF8")
	return o
}
