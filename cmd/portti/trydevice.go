package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"portti/cmd/portti/status"
	"portti/device"
	"portti/device/recording"
	"portti/device/thingsee"
)

func testCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "test NAME",
		Short: "read one device for a while, send nothing",
		Long: `Reads a device as the gateway would and prints the messages that it would send, one a
line. What was refused, and what a message lacks, is said in between. Nothing is sent or
kept by this.

Where the gateway runs it has the port, and hands out copies; readings go their way as
ever. Where none runs the port is opened here, and what holds it is named if it cannot be.

Exit codes: 0 there were readings, 1 there were none or the port cannot be opened,
2 no such device, 4 no answer or no permission.`,
		Example: `  portti test gps
  portti test panel --for 1m`,
		Args: cobra.ExactArgs(1),
		RunE: runTest,
	}
	cmd.Flags().Duration("for", 10*time.Second, "read for this `TIME`; 0 = until Ctrl-C")
	return cmd
}

// trial is what came of reading a device for a while.
type trial struct {
	out, talk io.Writer
	quiet     bool
	Readings  uint64            `json:"readings"`
	Rejected  uint64            `json:"rejected"`
	Reasons   map[string]uint64 `json:"rejected_by"`
	Bytes     uint64            `json:"bytes"`
	Sent      uint64            `json:"sent"` // always 0
	undated   bool              // the clock was not set
	last      []byte            // the end of what came
	lacks     map[int]bool      // messages of which it was said what they lack
}

func runTest(cmd *cobra.Command, args []string) error {
	ctx, stop := lasting(cmd)
	defer stop()
	s, err := follow(ctx, cmd, args[0], device.View{Raw: true, Readings: true})
	if err != nil {
		return err
	}
	defer s.close()
	g := globalsOf(cmd)
	t := &trial{out: cmd.OutOrStdout(), talk: cmd.ErrOrStderr(), quiet: g.quiet, Reasons: map[string]uint64{}, lacks: map[int]bool{}}
	if g.quiet {
		t.talk = io.Discard
	}
	if g.json {
		t.out = io.Discard
	}
	limit, _ := cmd.Flags().GetDuration("for")
	if limit > 0 {
		fmt.Fprintf(t.talk, "reading %s for %v\n", args[0], limit)
	} else {
		fmt.Fprintf(t.talk, "reading %s (Ctrl-C ends)\n", args[0])
	}
	if err := t.read(s); err != nil {
		return exit(exitFailed, fmt.Errorf("cannot test %s: %w", args[0], err))
	}
	if g.json {
		if err := writeJSON(cmd, t); err != nil {
			return err
		}
	}
	return t.verdict(args[0], s.Header)
}

// read goes on until the time is over, or the port turns out not to be open.
func (t *trial) read(s *sight) error {
	for {
		r, err := s.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		switch r.What {
		case recording.Ended:
			if t.Bytes == 0 {
				return errors.New(status.Clean(string(r.Data), 320))
			}
			fmt.Fprintf(t.talk, "the port is %s\n", portWords(r))
		case recording.In:
			t.Bytes += uint64(len(r.Data))
			t.last = append(t.last, r.Data...)
			t.last = t.last[max(0, len(t.last)-longestLine):]
		case recording.Reading:
			t.reading(r)
		case recording.Rejected:
			t.Rejected++
			t.Reasons[string(r.Data)]++
			fmt.Fprintf(t.talk, "rejected: %s\n", status.Clean(string(r.Data), 320))
		case recording.Stopped:
			if len(r.Data) > 0 {
				return errors.New(string(r.Data))
			}
			return nil
		}
	}
}

// reading prints a message, and once for each kind what it lacks.
func (t *trial) reading(r recording.Record) {
	t.Readings++
	t.undated = t.undated || !r.Clock.Trusted
	fmt.Fprintf(t.out, "%s\n", status.Clean(string(r.Data), len(r.Data)*6))
	id, missing := lacking(r.Data)
	if missing != "" && !t.lacks[id] {
		t.lacks[id] = true
		fmt.Fprintf(t.talk, "not filled in: %s\n", missing)
	}
}

// lacking names the fields that a message must have and has not, by the catalogue.
func lacking(message []byte) (id int, missing string) {
	var fields map[string]json.RawMessage
	if json.Unmarshal(message, &fields) != nil || json.Unmarshal(fields["tsmId"], &id) != nil {
		return 0, ""
	}
	d, known := thingsee.Lookup(id)
	if !known {
		return id, fmt.Sprintf("%d is no message of the catalogue", id)
	}
	var names []string
	for _, f := range d.Fields {
		if _, has := fields[f.Name]; f.Required && !has {
			names = append(names, f.Name)
		}
	}
	if len(names) == 0 {
		return id, ""
	}
	return id, fmt.Sprintf("%s, which message %d (%s) should have", strings.Join(names, ", "), id, d.Name)
}

// verdict is the last line, and the exit code.
func (t *trial) verdict(name string, h recording.Header) error {
	var why []string
	for reason, n := range t.Reasons {
		why = append(why, fmt.Sprintf("%d %s", n, reason))
	}
	slices.Sort(why)
	reasons := ""
	if len(why) > 0 {
		reasons = " (" + strings.Join(why, ", ") + ")"
	}
	if t.undated {
		fmt.Fprintln(t.talk, "The clock of this machine is not set: readings without a time of their own show what it shows, and the gateway dates them when it knows better")
	}
	fmt.Fprintf(t.talk, "%s, %d rejected%s, 0 sent\n", status.Count(t.Readings, "reading"), t.Rejected, reasons)
	switch {
	case t.Readings > 0:
		return nil
	case t.Bytes == 0:
		return exit(exitFailed, fmt.Errorf("%s sent nothing: check the cable and the device's power, and baud of this [[device]]; one that speaks rarely needs a longer --for", name))
	}
	last := t.last
	if h.Binary || !legible(last) {
		last = last[max(0, len(last)-longestRow):]
	} else if lines := strings.Split(strings.TrimRight(string(last), "\r\n"), "\n"); len(lines) > 0 {
		last = []byte(lines[len(lines)-1])
	}
	return exit(exitFailed, fmt.Errorf("%s came from %s and no reading was in it; the last: %s\nCheck baud and type of this [[device]]; portti tail %s --raw shows more",
		status.Count(t.Bytes, "byte"), name, visible(last, true), name))
}
