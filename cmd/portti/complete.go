package main

import (
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"portti/cmd/portti/doctor"
	"portti/device"
	"portti/systemd"
)

// completeWait is how long a shell waits for the names that a running gateway knows.
const completeWait = 500 * time.Millisecond

// complete gives the shell the values that verbs and flags can have, where they are names.
func complete(root *cobra.Command) {
	completeArgs(root)
	dialects := []string{"thingsee", "haltless", "zyeta", "heimdall"}
	modes := []string{"none", "header", "query", "first-message", "hash"}
	for _, f := range []struct {
		verb   []string
		flag   string
		values []string // nil = deviceTypes
	}{
		{[]string{"config", "create"}, "device", nil},
		{[]string{"replay"}, "type", nil},
		{[]string{"check"}, "format", []string{"nagios", "json", "prometheus"}},
		{[]string{"doctor"}, "only", checkNames()},
		{[]string{"service"}, "init", initNames()},
		{[]string{"setup"}, "dialect", dialects},
		{[]string{"setup"}, "auth", modes},
		{[]string{"receive"}, "dialect", dialects},
		{[]string{"receive"}, "auth", modes},
		{[]string{"receive"}, "ack", []string{"fence", "count", "envelope", "none"}},
		{[]string{"simulate"}, "ack", []string{"fence", "count", "envelope"}},
		{[]string{"simulate"}, "engine", []string{"websocket", "http", "mqtt", "nats"}},
		{[]string{"simulate"}, "device", []string{"gps", "ublox", "panel", "ble-bridge"}},
	} {
		if cmd, _, err := root.Find(f.verb); err == nil {
			var values cobra.CompletionFunc = deviceTypes
			if f.values != nil {
				values = cobra.FixedCompletions(f.values, cobra.ShellCompDirectiveNoFileComp)
			}
			_ = cmd.RegisterFlagCompletionFunc(f.flag, values) // of a flag that is there
		}
	}
}

// completeArgs goes by what a verb calls its arguments: NAME is a device's and CODE a
// problem's. Where it says neither, the shell offers files.
func completeArgs(cmd *cobra.Command) {
	_, args, _ := strings.Cut(cmd.Use, " ")
	switch {
	case cmd.ValidArgsFunction != nil:
	case strings.Contains(args, "NAME"):
		cmd.ValidArgsFunction = deviceNames
	case strings.Contains(args, "CODE"):
		cmd.ValidArgsFunction = problemCodes
	}
	for _, c := range cmd.Commands() {
		completeArgs(c)
	}
}

// deviceTypes are asked for by the shell alone: the table of them takes long to make for
// each verb to begin with.
func deviceTypes(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return device.Kinds().Names(), cobra.ShellCompDirectiveNoFileComp
}

// checkNames are what doctor --only takes.
func checkNames() []string {
	var names []string
	for _, c := range doctor.Checks() {
		names = append(names, c.ID+"\t"+c.Title)
		if !slices.Contains(names, c.Family) {
			names = append(names, c.Family)
		}
	}
	return names
}

func initNames() []string {
	var names []string
	for _, kind := range systemd.Kinds() {
		names = append(names, string(kind))
	}
	return names
}

// deviceNames are those of the running gateway, which tells them to everybody, else
// those of a configuration that this user may read.
func deviceNames(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	g := globalsOf(cmd)
	g.timeout = completeWait
	var names []string
	if socket, err := socketOf(g); err == nil {
		if doc, err := askStatus(cmd.Context(), socket, g.timeout); err == nil {
			for _, d := range doc.Devices {
				names = append(names, d.Name)
			}
			return names, cobra.ShellCompDirectiveNoFileComp
		}
	}
	if cfg, _, err := load(cmd, nil); err == nil {
		for _, d := range cfg.ActiveDevices() {
			names = append(names, d.Name)
		}
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// problemCodes are those of the catalogue with their titles; those that are open on the
// running gateway come first.
func problemCodes(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	all := explanations()
	openNow(cmd, all)
	var open, others []string
	for _, e := range all {
		if len(e.Open) > 0 {
			open = append(open, e.Code+"\t"+e.Title+" (open now)")
		} else {
			others = append(others, e.Code+"\t"+e.Title)
		}
	}
	return append(open, others...), cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
}
