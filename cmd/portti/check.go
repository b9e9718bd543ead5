package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"portti/cmd/portti/status"
)

// The answers of a Nagios plug-in, which are its exit codes.
const (
	checkOK       = 0
	checkWarning  = 1
	checkCritical = 2
	checkUnknown  = 3
)

func checkCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "check",
		Short: "one line for a monitoring system, or for an updater",
		Long: `Says in one line how the running gateway is, with the exit code of a Nagios plug-in:
0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN. CRITICAL: it does not run, or readings are lost or
in danger. WARNING: any other problem that portti status shows. The limits add to
these; 0 turns one off.

With --healthy it is for an updater such as RAUC or Mender: it waits until this version
runs with its configuration, can write its buffer, and a server has proven that it hears
it. Exit codes: 0 so it is, 1 not so within the time; one sentence says what is missing.`,
		Example: `  portti check                                   # Nagios, Icinga, Checkmk
  portti check --warn-depth 10000 --crit-age 6h
  f=/var/lib/node_exporter/textfile/portti.prom  # which is never found half written
  portti check --format prometheus > $f.new; mv $f.new $f
  portti check --healthy --within 5m && rauc status mark-good`,
		Args: cobra.NoArgs,
		RunE: runCheck,
	}
	f := cmd.Flags()
	f.String("format", "nagios", "nagios, json or prometheus")
	for _, l := range []struct {
		name string
		n    uint64
		what string
	}{{"depth", 0, "so many readings wait"}, {"lost", 0, "so many readings were lost since the ledger began"}} {
		f.Uint64("warn-"+l.name, l.n, "WARNING from where "+l.what)
		f.Uint64("crit-"+l.name, l.n, "CRITICAL from where "+l.what)
	}
	f.Duration("warn-age", 15*time.Minute, "WARNING from where the oldest reading waits so long")
	f.Duration("crit-age", 24*time.Hour, "CRITICAL from where the oldest reading waits so long")
	f.Duration("warn-room", 0, "WARNING below where the buffer has room for less")
	f.Duration("crit-room", time.Hour, "CRITICAL below where the buffer has room for less")
	f.Bool("healthy", false, "wait until the gateway does its work; for updaters")
	f.Duration("within", 2*time.Minute, "how long --healthy waits")
	f.Bool("no-link", false, "--healthy without a server: the gateway need not have reached one")
	return cmd
}

func runCheck(cmd *cobra.Command, _ []string) error {
	g := globalsOf(cmd)
	format, _ := cmd.Flags().GetString("format")
	if g.json && !cmd.Flags().Changed("format") {
		format = "json"
	}
	if !slices.Contains([]string{"nagios", "json", "prometheus"}, format) {
		return usage(fmt.Errorf("--format cannot be %q: it is nagios, json or prometheus", format))
	}
	if healthy, _ := cmd.Flags().GetBool("healthy"); healthy {
		return checkHealthy(cmd, g)
	}
	s, err := askGateway(cmd.Context(), g)
	v := verdictOn(s, err, limitsOf(cmd))
	out := cmd.OutOrStdout()
	switch {
	case format == "json":
		if err := writeJSON(cmd, v); err != nil {
			return err
		}
	case format == "prometheus":
		v.prometheus(out)
	case !g.quiet || v.Code != checkOK:
		fmt.Fprintln(out, v)
	}
	if v.Code == checkOK {
		return nil
	}
	return exit(v.Code, nil)
}

// askGateway finds the gateway and asks it once.
func askGateway(ctx context.Context, g globals) (*status.Document, error) {
	socket, err := socketOf(g)
	if err != nil {
		return nil, err
	}
	return askStatus(ctx, socket, g.timeout)
}

// limits are what the caller calls too much; 0 = nothing is.
type limits struct {
	depth, lost [2]uint64        // warning, critical
	age, room   [2]time.Duration // likewise
}

func limitsOf(cmd *cobra.Command) (l limits) {
	for i, at := range []string{"warn-", "crit-"} {
		l.depth[i], _ = cmd.Flags().GetUint64(at + "depth")
		l.lost[i], _ = cmd.Flags().GetUint64(at + "lost")
		l.age[i], _ = cmd.Flags().GetDuration(at + "age")
		l.room[i], _ = cmd.Flags().GetDuration(at + "room")
	}
	return l
}

// verdict is the answer to a monitoring system.
type verdict struct {
	State    string   `json:"state"`
	Code     int      `json:"code"`
	Sentence string   `json:"sentence"`
	Problems []string `json:"problems"` // catalogue codes, worst first
	Running  bool     `json:"running"`
	Depth    uint64   `json:"depth"`
	Lost     uint64   `json:"lost"`
	AgeS     float64  `json:"age_s"`
	RoomS    float64  `json:"room_s"` // 0 = not known
}

func verdictOn(s *status.Document, err error, l limits) verdict {
	v := verdict{Problems: []string{}}
	if err != nil {
		v.worse(checkUnknown)
		if e := new(exitError); errors.As(err, &e) && e.code == exitNotRunning {
			v.worse(checkCritical)
		}
		v.Sentence, _, _ = strings.Cut(strings.TrimPrefix(err.Error(), "portti is "), "\n")
		return v
	}
	v.State, v.Running = "OK", true
	v.Depth, v.Lost, v.AgeS, v.RoomS = s.Buffer.Waiting, s.Totals.Lost.Sum(), s.Buffer.OldestAgeS, s.Buffer.HeadroomS
	for _, p := range s.Problems {
		switch {
		case p.Severity == status.Info:
			continue
		case p.Severity == status.Error && p.ImpactsData:
			v.worse(checkCritical)
		default:
			v.worse(checkWarning)
		}
		if code := status.Clean(p.Code, 40); !slices.Contains(v.Problems, code) {
			v.Problems = append(v.Problems, code)
		}
	}
	age, room := time.Duration(v.AgeS*float64(time.Second)), time.Duration(v.RoomS*float64(time.Second))
	for i, code := range []int{checkWarning, checkCritical} {
		if l.depth[i] > 0 && v.Depth >= l.depth[i] || l.lost[i] > 0 && v.Lost >= l.lost[i] ||
			l.age[i] > 0 && age >= l.age[i] && s.Link.OpensS == 0 || l.room[i] > 0 && room > 0 && room < l.room[i] {
			v.worse(code)
		}
	}
	v.Sentence = fmt.Sprintf("%d waiting", v.Depth)
	if v.Depth > 0 {
		v.Sentence += ", oldest " + status.InWords(age)
	}
	if v.Lost > 0 {
		v.Sentence += fmt.Sprintf(", %d lost", v.Lost)
	}
	if room > 0 && s.Link.State != status.LinkOnline {
		v.Sentence += ", room for " + status.InWords(room)
	}
	if len(v.Problems) > 0 {
		v.Sentence += " (" + strings.Join(v.Problems, ", ") + ")"
	}
	return v
}

// worse never makes it better; UNKNOWN is less than CRITICAL.
func (v *verdict) worse(code int) {
	if code > v.Code || v.Code == checkUnknown {
		v.Code = code
	}
	v.State = []string{"OK", "WARNING", "CRITICAL", "UNKNOWN"}[v.Code]
}

// String is the line of a Nagios plug-in. What stands behind the bar are figures.
func (v verdict) String() string {
	text := "PORTTI " + v.State + " - " + strings.ReplaceAll(v.Sentence, "|", "/")
	if !v.Running {
		return text
	}
	text += fmt.Sprintf(" | depth=%d lost=%d age=%.0fs", v.Depth, v.Lost, v.AgeS)
	if v.RoomS > 0 {
		text += fmt.Sprintf(" room=%.0fs", v.RoomS)
	}
	return text
}

// prometheus is for the textfile collector of node_exporter, where the gateway's own
// metrics cannot be fetched.
func (v verdict) prometheus(out io.Writer) {
	gauge := func(name, help, value string) {
		fmt.Fprintf(out, "# HELP portti_check_%s %s\n# TYPE portti_check_%s gauge\nportti_check_%s %s\n", name, help, name, name, value)
	}
	gauge("state", "What portti check says: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN.", strconv.Itoa(v.Code))
	if !v.Running {
		return
	}
	gauge("depth", "Readings that wait.", strconv.FormatUint(v.Depth, 10))
	gauge("lost", "Readings lost since the ledger began.", strconv.FormatUint(v.Lost, 10))
	gauge("age_seconds", "How long the oldest reading waits.", strconv.FormatFloat(v.AgeS, 'f', -1, 64))
	gauge("room_seconds", "How long the room in the buffer lasts; 0 = not known.", strconv.FormatFloat(v.RoomS, 'f', -1, 64))
}

const (
	// healthyEvery is how often an updater's question is put.
	healthyEvery = time.Second
	// settledAfter is how old a run must be: one that ends every few seconds answers as well.
	settledAfter = 10 * time.Second
)

func checkHealthy(cmd *cobra.Command, g globals) error {
	within, _ := cmd.Flags().GetDuration("within")
	noLink, _ := cmd.Flags().GetBool("no-link")
	ctx, cancel := context.WithTimeout(cmd.Context(), within)
	defer cancel()
	missing := ""
	for {
		s, err := askGateway(ctx, g)
		if cmd.Context().Err() != nil {
			return exit(exitInterrupted, nil)
		}
		if ctx.Err() == nil || missing == "" { // an answer that the end of the time cut off says nothing
			if missing = unhealthy(s, err, buildInfo().Version, noLink); missing == "" {
				if !g.quiet {
					fmt.Fprintln(cmd.OutOrStdout(), "portti is healthy: "+s.Glance())
				}
				return nil
			}
		}
		select {
		case <-ctx.Done():
			if cmd.Context().Err() != nil {
				return exit(exitInterrupted, nil)
			}
			return exit(exitFailed, fmt.Errorf("portti is not healthy within %v: %s", within, missing))
		case <-time.After(healthyEvery):
		}
	}
}

// unhealthy says what a gateway still lacks of being one that does its work; "" = nothing.
func unhealthy(s *status.Document, err error, version string, noLink bool) string {
	if err != nil {
		text, _, _ := strings.Cut(err.Error(), "\n")
		return text
	}
	for _, p := range s.Problems {
		if slices.Contains([]string{"CFG-INVALID", "CFG-REFUSED", "CFG-TAKEN-BACK"}, p.Code) { // what runs is not what the files say
			return p.Sentence
		}
	}
	switch {
	case s.Version != version:
		return fmt.Sprintf("version %s runs, not %s", status.Clean(s.Version, 40), version)
	case s.UptimeS < settledAfter.Seconds():
		return fmt.Sprintf("it runs for less than %v", settledAfter)
	case s.Buffer.State == status.BufferDegraded:
		return "the buffer cannot be written: " + status.Clean(s.Buffer.LastError, 200)
	case noLink:
	case s.Link.State != status.LinkOnline:
		text := "there is no connection"
		if s.Link.LastError != "" {
			text += ": " + status.Clean(s.Link.LastError, 200)
		}
		return text
	case s.Link.ProvenMessages == 0 && s.Link.RTTms == 0:
		return "the server has answered nothing yet"
	}
	return ""
}
