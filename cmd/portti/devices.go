package main

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"portti/cmd/portti/config"
	"portti/cmd/portti/console"
	"portti/cmd/portti/status"
)

func devicesCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "devices",
		Short: "list devices;  devices show NAME  for one",
		Long: `Lists the devices of the running gateway.

Exit codes: 0 listed, 3 not running, 4 no answer or no permission.`,
		Example: `  portti devices
  portti devices show gps`,
		Args: cobra.NoArgs,
		RunE: runDevices,
	}
	return withVerbs(cmd, devicesShowCmd())
}

// withVerbs makes cmd a verb that does something alone and holds other verbs too: with an
// unknown word it suggests the nearest.
func withVerbs(cmd *cobra.Command, others ...*cobra.Command) *cobra.Command {
	alone := cmd.RunE
	cmd.AddCommand(others...)
	group(cmd)
	unknown := cmd.RunE
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return alone(cmd, args)
		}
		return unknown(cmd, args)
	}
	return cmd
}

// deviceList is the JSON of portti devices. Fields are only ever added.
type deviceList struct {
	Schema  int             `json:"schema"`
	Devices []status.Device `json:"devices"`
}

// deviceShow is the JSON of portti devices show. Fields are only ever added.
type deviceShow struct {
	Schema   int               `json:"schema"`
	Device   status.Device     `json:"device"`
	Problems []status.Problem  `json:"problems"`
	Settings []console.Setting `json:"settings"`
	// Unread is why there are no settings.
	Unread string `json:"settings_unread,omitempty"`
}

func runDevices(cmd *cobra.Command, _ []string) error {
	s, err := askGateway(cmd.Context(), globalsOf(cmd))
	if err != nil {
		return err
	}
	g, out := globalsOf(cmd), cmd.OutOrStdout()
	if g.json {
		return writeJSON(cmd, deviceList{Schema: status.Schema, Devices: s.Devices})
	}
	return console.Devices(out, s, consoleOptions(g, out, os.Getenv))
}

func devicesShowCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "show NAME",
		Short: "everything about one device, and what to do",
		Long: `Shows one device of the running gateway: how it is and since when, its readings and
what became of them, its settings, and what is wrong with it and what to do.
With --verbose also the settings that are left as they are by default.

Exit codes: 0 shown, 1 there is no such device, 3 not running, 4 no answer or no permission.`,
		Example: `  portti devices show gps`,
		Args:    cobra.ExactArgs(1),
		RunE:    runDevicesShow,
	}
}

func runDevicesShow(cmd *cobra.Command, args []string) error {
	s, err := askGateway(cmd.Context(), globalsOf(cmd))
	if err != nil {
		return err
	}
	i := slices.IndexFunc(s.Devices, func(d status.Device) bool { return d.Name == args[0] })
	if i < 0 {
		return notAmong(args[0], s)
	}
	v := console.DeviceView{Device: s.Devices[i], Problems: []status.Problem{}, Settings: []console.Setting{}}
	for _, p := range s.Problems {
		if p.Subject == args[0] {
			v.Problems = append(v.Problems, p)
		}
	}
	v.Settings, v.Unread = settingsOf(cmd, args[0])
	g, out := globalsOf(cmd), cmd.OutOrStdout()
	if g.json {
		return writeJSON(cmd, deviceShow{status.Schema, v.Device, v.Problems, v.Settings, v.Unread})
	}
	return console.Device(out, v, consoleOptions(g, out, os.Getenv))
}

func notAmong(name string, s *status.Document) error {
	var names []string
	for _, d := range s.Devices {
		names = append(names, d.Name)
	}
	text := fmt.Sprintf("there is no device %q", name)
	if near := config.Nearest(name, names); near != "" {
		return exit(exitFailed, fmt.Errorf("%s; did you mean %q?", text, near))
	}
	if len(names) == 0 {
		return exit(exitFailed, fmt.Errorf("%s: the running gateway has none. Find what is connected: portti discover", text))
	}
	return exit(exitFailed, fmt.Errorf("%s: the running gateway has %s", text, strings.Join(names, ", ")))
}

// settingsOf are those of a device in the files, or why they cannot be read.
func settingsOf(cmd *cobra.Command, name string) (all []console.Setting, unread string) {
	all = []console.Setting{}
	cfg, _, err := load(cmd, nil)
	switch {
	case errors.Is(err, fs.ErrPermission), err != nil && strings.Contains(err.Error(), "permission denied"):
		return all, "the configuration cannot be read by this user. Use sudo"
	case err != nil:
		return all, "the configuration has mistakes. See them: portti config check"
	}
	prefix := config.DeviceKey(name) + "."
	values := cfg.ShownSettings()
	for _, key := range slices.Sorted(maps.Keys(values)) {
		if short, ok := strings.CutPrefix(key, prefix); ok {
			all = append(all, console.Setting{Key: short, Value: values[key], Origin: cfg.Origin(key).String()})
		}
	}
	if len(all) == 0 {
		return all, "the configuration has no device of this name any more; after portti reload it is gone"
	}
	return all, ""
}
