package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// build says which program this is.
type build struct {
	Version  string `json:"version"`
	Revision string `json:"revision,omitempty"` // commit, with + where files were changed
	Time     string `json:"time,omitempty"`     // of the commit, RFC 3339
	Go       string `json:"go"`
	OS       string `json:"os"`
	Arch     string `json:"arch"`
}

// buildInfo joins what the linker was told with what the Go toolchain noted.
func buildInfo() build {
	b := build{Version: version, Go: runtime.Version(), OS: runtime.GOOS, Arch: runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		info = &debug.BuildInfo{}
	}
	changed := false
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Revision = s.Value
		case "vcs.time":
			b.Time = s.Value
		case "vcs.modified":
			changed = s.Value == "true"
		case "GOARM":
			b.Arch += "v" + s.Value
		}
	}
	if changed && b.Revision != "" {
		b.Revision += "+"
	}
	if b.Version == "" {
		b.Version = "dev"
	}
	return b
}

func versionCmd() *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "print the version",
		Example: `  portti version --json`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			b, out := buildInfo(), cmd.OutOrStdout()
			if globalsOf(cmd).json {
				return writeJSON(cmd, b)
			}
			fmt.Fprintf(out, "portti %s\n", b.Version)
			if b.Revision != "" {
				fmt.Fprintf(out, "revision %s of %s\n", b.Revision, b.Time)
			}
			_, err := fmt.Fprintf(out, "%s, %s/%s\n", b.Go, b.OS, b.Arch)
			return err
		},
	}
}
