package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"portti/cmd/portti/config"
	"portti/cmd/portti/console"
	"portti/cmd/portti/status"
	"portti/systemd"
)

const (
	// logsAround is how much before an outage and after it belongs to it.
	logsAround = time.Minute
	// logsUsual is how far back the lines go where there was no outage.
	logsUsual = time.Hour
	maxLogs   = 5000 // lines
)

func logsCmd(machine fs.FS) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "logs",
		Short: "what the service logged, of the last outage or since a time",
		Long: `Shows what the service wrote to the journal. Without a flag these are the lines of the
last time without a connection if there was one in the last 12 hours, else those of the
last hour.

Exit codes: 0 shown, 1 there is no journal, or no line in it.`,
		Example: `  portti logs
  portti logs --since 20m
  portti logs --since "2026-11-22 02:00"`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runLogs(cmd, machine) },
	}
	f := cmd.Flags()
	f.Bool("last-outage", false, "the lines of the last time without a connection, however long ago")
	f.String("since", "", "the lines since a `TIME`: 20m, 6h, or \"2026-11-22 02:00\"")
	cmd.MarkFlagsMutuallyExclusive("last-outage", "since")
	return cmd
}

// logView is the JSON of portti logs. Fields are only ever added.
type logView struct {
	Schema int            `json:"schema"`
	Since  time.Time      `json:"since"`
	Until  *time.Time     `json:"until"`  // nil = now
	Outage *status.Outage `json:"outage"` // whose lines these are; nil = they were asked for by time
	Lines  []logLine      `json:"lines"`
}

// logLine is one entry of the journal.
type logLine struct {
	At       time.Time `json:"at"`
	Priority int       `json:"priority"` // as syslog's: 3 error, 4 warning, 6 info, 7 debug
	Message  string    `json:"message"`
	Event    string    `json:"event"`
	Code     string    `json:"code"`
	Device   string    `json:"device"`
}

func runLogs(cmd *cobra.Command, machine fs.FS) error {
	v, err := logsAsked(cmd)
	if err != nil {
		return err
	}
	g := globalsOf(cmd)
	if v.Outage != nil && !g.quiet && !g.json {
		fmt.Fprintln(cmd.ErrOrStderr(), v.Outage.Statement(status.Wording{Zone: time.Local, Group: ","}))
	}
	if err := v.read(cmd, machine); err != nil {
		return err
	}
	if g.json {
		err = writeJSON(cmd, v)
	} else {
		err = v.show(cmd.OutOrStdout(), g.plain)
	}
	if err == nil && len(v.Lines) == 0 {
		return exit(exitFailed, errors.New("the journal has no line of "+systemd.Name+" from then. A gateway that runs in a terminal writes its log there.\nOlder lines: portti logs --since 24h"))
	}
	return err
}

// logsAsked finds out which lines are meant.
func logsAsked(cmd *cobra.Command) (*logView, error) {
	v := &logView{Schema: status.Schema, Lines: []logLine{}, Since: time.Now().Add(-logsUsual)}
	since, _ := cmd.Flags().GetString("since")
	last, _ := cmd.Flags().GetBool("last-outage")
	if since != "" {
		at, err := moment(since, time.Now())
		v.Since = at
		return v, err
	}
	s, err := askGateway(cmd.Context(), globalsOf(cmd))
	if err != nil && last {
		return nil, err
	}
	var o *status.Outage
	if err == nil {
		o = s.Link.LastOutage
	}
	switch {
	case last && o == nil:
		return nil, exit(exitFailed, errors.New("the running gateway knows of no time without a connection since its start"))
	case o == nil || !last && !o.Recent():
		return v, nil
	}
	v.Outage = o
	v.Since = o.Began.Add(-logsAround)
	if o.Ended != nil {
		until := *o.Ended
		if o.Done != nil {
			until = *o.Done
		}
		until = until.Add(logsAround)
		v.Until = &until
	}
	return v, nil
}

// moment reads a time as people type it: a length of time ago, or a date.
func moment(text string, now time.Time) (time.Time, error) {
	var ago config.Duration
	if err := ago.UnmarshalText([]byte(strings.TrimPrefix(text, "-"))); err == nil {
		return now.Add(-time.Duration(ago)), nil
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02 15:04:05", "2006-01-02 15:04", "2006-01-02"} {
		if at, err := time.ParseInLocation(layout, text, now.Location()); err == nil {
			return at, nil
		}
	}
	if at, err := time.ParseInLocation("15:04", text, now.Location()); err == nil {
		at = time.Date(now.Year(), now.Month(), now.Day(), at.Hour(), at.Minute(), 0, 0, now.Location())
		if at.After(now) {
			at = at.AddDate(0, 0, -1)
		}
		return at, nil
	}
	return now, usage(fmt.Errorf(`--since cannot be %q: say how long ago, such as 20m or 6h, a time such as 02:10, or a date such as "2026-11-22 02:00"`, text))
}

// read asks journalctl.
func (v *logView) read(cmd *cobra.Command, machine fs.FS) error {
	name, err := exec.LookPath("journalctl")
	if err != nil {
		kind := systemd.Kind("")
		if view, ok := systemd.ViewOf(machine); ok {
			kind = view.Init
		}
		where := systemd.Journal(kind)
		if kind == systemd.Systemd || kind == "" {
			where = "grep " + systemd.Name + " /var/log/messages /var/log/syslog | tail -n 20"
		}
		return exit(exitFailed, errors.New("there is no journalctl on this machine, so the log lies elsewhere. Try: "+where))
	}
	args := []string{"--unit", systemd.Name, "--no-pager", "--quiet", "--output", "json", "--lines", strconv.Itoa(maxLogs), "--since", "@" + strconv.FormatInt(v.Since.Unix(), 10)}
	if v.Until != nil {
		args = append(args, "--until", "@"+strconv.FormatInt(v.Until.Unix(), 10))
	}
	var out, said bytes.Buffer
	journal := exec.CommandContext(cmd.Context(), name, args...)
	journal.Stdout, journal.Stderr = &out, &said
	if err := journal.Run(); err != nil {
		if cmd.Context().Err() != nil {
			return exit(exitInterrupted, nil)
		}
		return exit(exitFailed, fmt.Errorf("journalctl failed: %w: %s", err, status.Clean(strings.TrimSpace(said.String()), 300)))
	}
	if v.Lines, err = journalLines(&out); err != nil {
		return exit(exitFailed, err)
	}
	if len(v.Lines) == 0 && os.Geteuid() != 0 {
		return exit(exitFailed, errors.New("the journal shows this user no line of "+systemd.Name+" from then. Try: sudo portti logs"))
	}
	return nil
}

// journalLines reads what journalctl -o json writes: an object a line.
func journalLines(r io.Reader) ([]logLine, error) {
	all := []logLine{}
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var fields map[string]any
		if err := json.Unmarshal(lines.Bytes(), &fields); err != nil {
			return nil, fmt.Errorf("cannot read what journalctl says: %w", err)
		}
		text := func(key string) string { return journalText(fields[key]) }
		l := logLine{Message: text("MESSAGE"), Event: text("PORTTI_EVENT"), Code: text("PORTTI_CODE"), Device: text("PORTTI_DEVICE"), Priority: 6}
		if us, err := strconv.ParseInt(text("__REALTIME_TIMESTAMP"), 10, 64); err == nil {
			l.At = time.UnixMicro(us).UTC()
		}
		if p, err := strconv.Atoi(text("PRIORITY")); err == nil {
			l.Priority = p
		}
		all = append(all, l)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("cannot read what journalctl says: %w", err)
	}
	return all, nil
}

// journalText is the value of a field: a text, or bytes where it is not UTF-8.
func journalText(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case []any:
		var b []byte
		for _, n := range v {
			if f, ok := n.(float64); ok {
				b = append(b, byte(f))
			}
		}
		return string(b)
	}
	return ""
}

func (v *logView) show(w io.Writer, plain bool) error {
	b := bufio.NewWriter(w)
	for _, l := range v.Lines {
		word := "info"
		switch {
		case l.Priority <= 3:
			word = "error"
		case l.Priority == 4:
			word = "warning"
		case l.Priority >= 7:
			word = "debug"
		}
		message := status.Clean(l.Message, 2000)
		if plain {
			fmt.Fprintf(b, "%s\t%s\t%s\n", l.At.Format(time.RFC3339), word, console.ASCII(message))
			continue
		}
		fmt.Fprintf(b, "%s  %-7s  %s\n", l.At.Local().Format("2 Jan 15:04:05"), word, message)
	}
	return b.Flush()
}
