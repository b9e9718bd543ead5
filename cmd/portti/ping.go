package main

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"portti/cmd/portti/console"
	"portti/cmd/portti/status"
)

// pingEvery is the time between two round trips.
const pingEvery = time.Second

func pingCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "ping",
		Short: "round trip to the server over the live link",
		Long: `Has the running gateway measure the round trip to its server: a WebSocket ping over the
connection that there is, and its pong. --timeout is how long each answer may take.

Exit codes: 0 all were answered, 1 there is no connection or an answer is missing,
3 not running, 4 no answer from portti or no permission.`,
		Example: `  portti ping -n 10`,
		Args:    cobra.NoArgs,
		RunE:    runPing,
	}
	cmd.Flags().IntP("count", "n", 4, "how many round trips")
	return cmd
}

// pinged is the JSON of portti ping. Fields are only ever added.
type pinged struct {
	Schema int       `json:"schema"`
	Server string    `json:"server"`
	RTTms  []float64 `json:"rtt_ms"`
	MinMs  float64   `json:"min_ms"`
	MeanMs float64   `json:"mean_ms"`
	MaxMs  float64   `json:"max_ms"`
	// Error is why there are fewer than asked for.
	Error string `json:"error,omitempty"`
}

func runPing(cmd *cobra.Command, _ []string) error {
	g, out := globalsOf(cmd), cmd.OutOrStdout()
	count, _ := cmd.Flags().GetInt("count")
	if count < 1 || count > 100_000 {
		return usage(errors.New("--count must be from 1 to 100000"))
	}
	socket, err := socketOf(g)
	if err != nil {
		return err
	}
	p := pinged{Schema: status.Schema, RTTms: []float64{}}
	for len(p.RTTms) < count {
		if len(p.RTTms) > 0 {
			select {
			case <-cmd.Context().Done():
			case <-time.After(pingEvery):
			}
		}
		var one status.RoundTrip
		query := url.Values{"within": {g.timeout.String()}}.Encode()
		if err = ask(cmd.Context(), socket, g.timeout+time.Second, http.MethodPost, "/api/v1/ping?"+query, &one); err != nil {
			break
		}
		if len(p.RTTms) == 0 && !g.json && !g.plain && !g.quiet {
			fmt.Fprintf(out, "Round trips to %s over the live link:\n", status.Clean(one.Server, 200))
		}
		p.Server, p.RTTms = one.Server, append(p.RTTms, one.RTTms)
		switch {
		case g.json, g.quiet:
		case g.plain:
			fmt.Fprintf(out, "ping\t%d\t%.2f\n", len(p.RTTms), one.RTTms)
		default:
			fmt.Fprintf(out, "%4d  %s\n", len(p.RTTms), console.Milliseconds(one.RTTms))
		}
	}
	return p.end(cmd, err)
}

// end says all of them together.
func (p *pinged) end(cmd *cobra.Command, err error) error {
	g, out := globalsOf(cmd), cmd.OutOrStdout()
	if len(p.RTTms) > 0 {
		p.MinMs, p.MaxMs = slices.Min(p.RTTms), slices.Max(p.RTTms)
		for _, ms := range p.RTTms {
			p.MeanMs += ms / float64(len(p.RTTms))
		}
		if !g.json && !g.plain {
			fmt.Fprintf(out, "%s: least %s, mean %s, most %s\n", status.Count(uint64(len(p.RTTms)), "round trip"),
				console.Milliseconds(p.MinMs), console.Milliseconds(p.MeanMs), console.Milliseconds(p.MaxMs))
		}
	}
	if !g.json {
		return err
	}
	if err != nil {
		p.Error = err.Error()
	}
	if jsonErr := writeJSON(cmd, p); jsonErr != nil {
		return jsonErr
	}
	if code := new(exitError); errors.As(err, &code) {
		return exit(code.code, nil)
	}
	return err
}
