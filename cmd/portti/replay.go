package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"portti/cmd/portti/durable"
	"portti/cmd/portti/status"
	"portti/device/recording"
	"portti/device/replay"
)

func replayCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "replay FILE",
		Short: "what would be sent of a recording",
		Long: `Plays a recording of portti record through the driver that a gateway has, with the
recorded settings, pauses and clock, and prints the messages that it would send, one a
line. Nothing is sent. Hours are over at once, unless --speed is given.

A file that is no recording is taken for the bytes of a line, all of one time; then --type
says which driver reads them. - is the standard input. A TYPE that ends in .toml is the
file of a declaration (docs/declared.md).

--update writes the messages into the file NAME.records beside the recording NAME.wire.
With both in device/testdata/<type>/ of the source, the recording is a test.

Exit codes: 0 played, 1 not a recording or the driver crashed on it, 2 wrong usage.`,
		Example: `  portti replay gps.wire
  portti replay unknown.bin --type lines
  portti replay lidar.bin --type tfmini.toml`,
		Args: cobra.ExactArgs(1),
		RunE: runReplay,
	}
	f := cmd.Flags()
	f.String("type", "", "read it as this `TYPE` of device instead of the recorded one")
	f.Float64("speed", 0, "1 = as fast as it was recorded, 10 = ten times as fast, 0 = at once")
	f.Bool("update", false, "write the messages beside the recording, for the tests")
	return cmd
}

func runReplay(cmd *cobra.Command, args []string) error {
	kind, _ := cmd.Flags().GetString("type")
	speed, _ := cmd.Flags().GetFloat64("speed")
	update, _ := cmd.Flags().GetBool("update")
	switch {
	case speed < 0:
		return usage(errors.New("cannot play backwards: --speed is 0 or more"))
	case update && args[0] == "-":
		return usage(errors.New("--update needs a file to write beside"))
	}
	g := globalsOf(cmd)
	talk := cmd.ErrOrStderr()
	if g.quiet {
		talk = io.Discard
	}
	f, err := openRecording(cmd, args[0], kind)
	if err != nil {
		return err
	}
	if strings.HasSuffix(kind, ".toml") {
		if f.Header.Keys == nil {
			f.Header.Keys = map[string]json.RawMessage{}
		}
		f.Header.Keys["file"], _ = json.Marshal(kind)
		kind = "declared"
	}
	sayRecording(talk, f)
	log := slog.DiscardHandler
	if g.verbose {
		log = slog.NewTextHandler(cmd.ErrOrStderr(), nil)
	}
	ctx, stop := context.WithCancel(cmd.Context())
	defer stop()
	var outErr error
	res, err := replay.Run(ctx, f, replay.Options{Type: kind, Speed: speed, Log: slog.New(log), Emit: func(m []byte) {
		if g.json {
			return // in the document
		}
		if _, err := fmt.Fprintln(cmd.OutOrStdout(), status.Clean(string(m), len(m)*6)); err != nil && outErr == nil {
			outErr = err
			stop()
		}
	}})
	if err != nil {
		return exit(exitFailed, err)
	}
	if outErr != nil {
		return outErr
	}
	if ctx.Err() != nil {
		return exit(exitInterrupted, nil) // what was printed is not all
	}
	sayReplayed(talk, res)
	if g.json {
		if err := writeJSON(cmd, replayDocument(f, res)); err != nil {
			return err
		}
	}
	if res.Crash != "" {
		return exit(exitFailed, fmt.Errorf("the driver crashed on this recording; please report it with the file: %s", res.Crash))
	}
	if !update {
		return nil
	}
	golden := strings.TrimSuffix(args[0], filepath.Ext(args[0])) + ".records"
	if err := durable.Replace(golden, []byte(res.Golden()), 0o644); err != nil {
		return fmt.Errorf("cannot write %s: %w", golden, err)
	}
	fmt.Fprintf(talk, "written to %s\n", golden)
	return nil
}

// openRecording reads a recording, or makes one of a plain file.
func openRecording(cmd *cobra.Command, path, kind string) (*recording.File, error) {
	var data []byte
	var err error
	if path == "-" {
		data, err = io.ReadAll(cmd.InOrStdin())
	} else {
		data, err = os.ReadFile(path)
	}
	switch {
	case err != nil:
		return nil, fmt.Errorf("cannot read the recording: %w", err)
	case recording.Is(data):
		f, err := recording.Read(bytes.NewReader(data))
		if err != nil {
			return nil, exit(exitFailed, fmt.Errorf("%s: %w", path, err))
		}
		return f, nil
	case kind == "":
		return nil, usage(fmt.Errorf("%s is no recording of portti: say with --type which driver reads its bytes", path))
	}
	return replay.Plain(data, kind), nil
}

// sayRecording says what is not as it should be with a recording.
func sayRecording(talk io.Writer, f *recording.File) {
	for _, d := range f.Damaged {
		fmt.Fprintf(talk, "%v; it is left out\n", d)
	}
	if f.Cut {
		fmt.Fprintln(talk, "The recording was cut off, as when the power fails; it is played up to there")
	}
	if len(f.Header.Withheld) > 0 {
		fmt.Fprintf(talk, "Secret settings are not in a recording: %s. What needs them cannot be read\n", status.Clean(strings.Join(f.Header.Withheld, ", "), 400))
	}
}

// replayDocument is what came of a replay, for programs.
func replayDocument(f *recording.File, res *replay.Result) any {
	messages := make([]json.RawMessage, len(res.Messages))
	for i, m := range res.Messages {
		messages[i] = json.RawMessage(m)
	}
	rejected, _ := res.Rejected()
	return map[string]any{"messages": messages, "readings": len(messages), "rejected": rejected, "sent": 0, "undated": res.Undated,
		"lost": res.Lost, "flags": append([]string{}, res.Flags...), "cut": f.Cut, "damaged": len(f.Damaged), "crashed": res.Crash != ""}
}

// sayReplayed is the summary.
func sayReplayed(talk io.Writer, res *replay.Result) {
	if len(res.Ignored) > 0 {
		fmt.Fprintf(talk, "This type of device does not have these settings of the recording: %s\n", status.Clean(strings.Join(res.Ignored, ", "), 400))
	}
	for _, code := range res.Flags {
		fmt.Fprintf(talk, "The driver raised %s\n", code)
	}
	for reason, n := range res.Lost {
		fmt.Fprintf(talk, "%s would be lost (%s)\n", status.Count(uint64(n), "reading"), reason)
	}
	if res.Undated > 0 {
		fmt.Fprintf(talk, "%s of a time when the clock was not set: dated by what it showed\n", status.Count(uint64(res.Undated), "reading"))
	}
	n, why := res.Rejected()
	if why != "" {
		why = " (" + why + ")"
	}
	fmt.Fprintf(talk, "%s, %d rejected%s, 0 sent\n", status.Count(uint64(len(res.Messages)), "reading"), n, why)
}
