package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"portti/cmd/portti/config"
	"portti/cmd/portti/status"
)

func configCmd(machine fs.FS) *cobra.Command {
	cmd := group(&cobra.Command{
		Use:   "config",
		Short: "check | show | create | diff | import  the configuration",
		Long:  "Finds mistakes in the configuration, shows what holds, prints a sample to begin with, and\ncompares what runs with the files.",
	})
	cmd.AddCommand(configCheckCmd(machine), configShowCmd(), configCreateCmd(), configDiffCmd(), configImportCmd())
	return cmd
}

// load reads the configuration a verb was told to use: its argument, else -c.
func load(cmd *cobra.Command, args []string) (*config.Config, string, error) {
	path := globalsOf(cmd).config
	if len(args) > 0 {
		path = args[0]
	}
	cfg, err := config.Load(path, config.LoadOptions{Environ: os.Environ()})
	return cfg, path, err
}

func configCheckCmd(machine fs.FS) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "check [FILE]",
		Short: "find every mistake in the configuration",
		Long: `Finds every mistake in the configuration, with file, line and column. No hardware and
no network is needed.

Run with sudo on a gateway it sees the machine as the service does, with the rights of
its user and the folders of its sandbox, and finds too what the gateway could not read
or write there. With --offline, and without root, it looks at the files of the
configuration alone, as an image is checked where it is built.
Exit code 0 = good, 1 = not.`,
		Example: `  sudo portti config check
  portti config check --offline build/portti.toml`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, path, err := judge(cmd, machine, args)
			var done *exitError
			if errors.As(err, &done) {
				return err
			}
			if globalsOf(cmd).json {
				return checkJSON(cmd, cfg, err)
			}
			if err == nil && len(cfg.Unfit) > 0 {
				err = &config.Error{Faults: append(cfg.Unfit, cfg.Warnings...)}
			}
			if err != nil {
				return exit(exitFailed, err)
			}
			for _, w := range cfg.Warnings {
				fmt.Fprintf(cmd.ErrOrStderr(), "warning: %s\n", w)
			}
			if word := "is good"; !globalsOf(cmd).quiet {
				if n := len(cfg.Warnings); n > 0 {
					word = "has no mistakes, but " + status.Count(uint64(n), "warning")
				}
				server := "no server"
				if known := cfg.Uplink.Server(); known != "" {
					server = "server " + known
				}
				fmt.Fprintf(cmd.OutOrStdout(), "%s %s: %s, %s\n", path, word, status.Count(uint64(len(cfg.ActiveDevices())), "device"), server)
			}
			return nil
		},
	}
	cmd.Flags().Bool("offline", false, "look at the files of the configuration alone, as where an image is built")
	cmd.Flags().Bool(asService, false, "")
	_ = cmd.Flags().MarkHidden(asService) // it is there
	return cmd
}

// faultJSON is one finding for programs.
// configVerdict is the JSON of portti config check. Fields are only ever added.
type configVerdict struct {
	Good     bool        `json:"good"`
	Problems []faultJSON `json:"problems"`
}

type faultJSON struct {
	File     string `json:"file"`
	Line     int    `json:"line"`
	Column   int    `json:"column"`
	Key      string `json:"key,omitempty"`
	Severity string `json:"severity"`
	Text     string `json:"text"`
	Hint     string `json:"hint,omitempty"`
}

func checkJSON(cmd *cobra.Command, cfg *config.Config, err error) error {
	list := []faultJSON{}
	add := func(faults []config.Fault, severity string) {
		for _, f := range faults {
			list = append(list, faultJSON{f.File, f.Line, f.Column, f.Key, severity, f.Text, f.Hint})
		}
	}
	var bad *config.Error
	switch {
	case errors.As(err, &bad):
		add(bad.Faults, "error")
	case err != nil:
		return err
	default:
		add(cfg.Unfit, "error")
		add(cfg.Warnings, "warning")
	}
	good := err == nil && len(cfg.Unfit) == 0
	if jsonErr := writeJSON(cmd, configVerdict{good, list}); jsonErr != nil {
		return jsonErr
	}
	if !good {
		return exit(exitFailed, nil)
	}
	return nil
}

func configShowCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "show",
		Short:   "print the configuration as it is after all files and the environment",
		Example: `  portti config show --origin`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, _, err := load(cmd, nil)
			if err != nil {
				return exit(exitFailed, err)
			}
			origins, _ := cmd.Flags().GetBool("origin")
			if !globalsOf(cmd).json {
				return cfg.Show(cmd.OutOrStdout(), origins)
			}
			tree := cfg.Tree()
			if origins {
				tree = map[string]any{"config": tree, "origin": cfg.Origins()}
			}
			return writeJSON(cmd, tree)
		},
	}
	cmd.Flags().Bool("origin", false, "show next to each value where it comes from")
	return cmd
}

func configCreateCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "create",
		Short: "print a commented sample",
		Example: `  portti config create --device gps --device lines > portti.toml
  portti config check portti.toml`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			kinds, _ := cmd.Flags().GetStringArray("device")
			if err := config.Sample(cmd.OutOrStdout(), kinds); err != nil {
				return usage(err)
			}
			return nil
		},
	}
	cmd.Flags().StringArray("device", []string{"gps", "lines"}, "add a device of this `TYPE` (can be repeated)")
	return cmd
}

// jsonSchema is the version of the documents that do not say their own: fields are only
// ever added to one.
const jsonSchema = 1

// writeJSON prints one document, and puts its schema in where it says none.
func writeJSON(cmd *cobra.Command, v any) error {
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return err
	}
	var doc map[string]json.RawMessage
	if json.Unmarshal(text.Bytes(), &doc) == nil && doc["schema"] == nil {
		rest := strings.TrimPrefix(text.String(), "{")
		comma := ","
		if len(doc) == 0 {
			comma, rest = "", "\n"+rest
		}
		text.Reset()
		fmt.Fprintf(&text, "{\n  \"schema\": %d%s%s", jsonSchema, comma, rest)
	}
	_, err := text.WriteTo(cmd.OutOrStdout())
	return err
}
