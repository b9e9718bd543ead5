package main

import (
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"portti/cmd/portti/config"
	"portti/cmd/portti/gateway"
	"portti/cmd/portti/machine"
	"portti/cmd/portti/status"
	"portti/device"
)

// propose makes an entry for the configuration of each port of which it is clear what
// it is and what to call it.
func propose(cfg *config.Config, all []*found) {
	names := map[string]bool{}
	var id string
	if cfg != nil {
		for _, d := range cfg.Devices {
			names[d.Name] = true
		}
		id, _ = gateway.IdentityOf(cfg)
	}
	for _, f := range all {
		p := f.port
		if f.state != string(device.Sure) && f.state != string(device.Likely) || p.Name == "" && p.Match == nil || f.configured != "" {
			continue
		}
		g := f.heard.Guesses[0]
		f.entry = device.Config{Name: free(config.SampleName(g.Kind), names), Type: g.Kind, Port: p.Name, Match: p.Match, Baud: device.Baud(g.Baud),
			ID: thingID(id, asConfigured(p))}
	}
}

// free is a name that nobody has, and takes it: a [[device]] of a name that is there
// already would change that one.
func free(name string, taken map[string]bool) string {
	next := name
	for n := 2; taken[next]; n++ {
		next = fmt.Sprintf("%s-%d", name, n)
	}
	taken[next] = true
	return next
}

// thingID proposes a tsmTuid: 17 characters of the range that is left to prototypes. It is
// the same each time for one port of one gateway, and no other gateway has it. A gateway
// that never ran has no id yet, so the board stands for it.
func thingID(gateway, port string) string {
	if gateway == "" {
		marks := machine.Read(os.DirFS("/")).Values
		for _, key := range slices.Sorted(maps.Keys(marks)) {
			gateway += key + "=" + marks[key] + "\n"
		}
	}
	sum := sha256.Sum256([]byte(gateway + "\x00" + port))
	return "XXXX03" + base32.StdEncoding.EncodeToString(sum[:])[:11]
}

// addedFile is where discover puts devices: a file of its own, so that it never has to
// change what a person wrote.
const addedFile = "10-devices.toml"

const addedHead = `# Devices that portti discover has found. It only ever adds to this file; change what you like.
`

// addFound writes the entries behind those that are there, once it is clear that the
// configuration is good with them.
func addFound(cmd *cobra.Command, all []*found) error {
	text, err := configOf(all)
	if err != nil {
		return err
	}
	if text == "" {
		return exit(exitFailed, errors.New("there is nothing to add: no new device was found; nothing was changed"))
	}
	main := globalsOf(cmd).config
	path := filepath.Join(filepath.Dir(main), "conf.d", addedFile)
	before, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		before = []byte(addedHead)
	case err != nil:
		return fmt.Errorf("cannot add the devices: %w", err)
	case len(before) > 0 && before[len(before)-1] != '\n':
		before = append(before, '\n')
	}
	after := append(slices.Clip(before), text...)
	draft := config.LoadOptions{Environ: os.Environ(), Drafts: map[string][]byte{path: after}}
	if _, err := config.Load(main, draft); err != nil {
		return exit(exitFailed, fmt.Errorf("%w\nThe devices were not added, and nothing was changed. Correct the above first", err))
	}
	if err := readersOf(main).write(path, after); err != nil {
		return err
	}
	if g := globalsOf(cmd); !g.quiet && !g.json {
		var names []string
		for _, f := range all {
			if f.entry.Name != "" {
				names = append(names, f.entry.Name)
			}
		}
		fmt.Fprintf(cmd.OutOrStdout(), "\nAdded %s (%s) to %s.\n", status.Count(uint64(len(names)), "device"), strings.Join(names, ", "), path)
	}
	return applyNow(cmd, "The gateway is not running. Start it: sudo portti service start")
}
