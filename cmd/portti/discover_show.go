package main

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"portti/cmd/portti/config"
	"portti/cmd/portti/status"
	"portti/device"
)

// foundList is the JSON of portti discover. Fields are only ever added.
type foundList struct {
	Ports []foundJSON `json:"ports"`
}

// foundJSON is one port for programs.
type foundJSON struct {
	Port       string      `json:"port"` // as it is called now
	Name       string      `json:"name"` // what to write into a configuration; empty: there is none
	Note       string      `json:"note,omitempty"`
	USB        *usbJSON    `json:"usb,omitempty"`
	State      string      `json:"state"` // sure likely unsure silent unknown configured skipped
	Device     string      `json:"device,omitempty"`
	Problem    string      `json:"problem,omitempty"` // code of the catalogue
	Why        string      `json:"why,omitempty"`
	Guesses    []guessJSON `json:"guesses,omitempty"`
	Seems      string      `json:"seems,omitempty"`
	Bytes      int         `json:"bytes"`
	Sample     string      `json:"sample,omitempty"`
	ConfigText string      `json:"config,omitempty"` // the [[device]] to add
}

type usbJSON struct {
	VID       string `json:"vid"`
	PID       string `json:"pid"`
	Serial    string `json:"serial"`
	Interface string `json:"interface"`
	Maker     string `json:"maker"`
	Product   string `json:"product"`
	Hub       string `json:"hub_path"`
}

type guessJSON struct {
	Type  string  `json:"type"`
	Form  string  `json:"form"`
	Baud  int     `json:"baud"`
	Share float64 `json:"share"`
	Lines int     `json:"lines"`
}

func showFound(cmd *cobra.Command, all []*found) error {
	g, out := globalsOf(cmd), cmd.OutOrStdout()
	text, err := configOf(all)
	if err != nil {
		return err
	}
	add, _ := cmd.Flags().GetBool("add")
	alone, _ := cmd.Flags().GetBool("toml")
	switch {
	case g.json:
		return foundAsJSON(cmd, all)
	case alone:
		_, err := io.WriteString(out, strings.TrimPrefix(text, "\n"))
		return err
	case g.quiet:
		return nil
	case g.plain:
		for _, f := range all {
			what, sure := f.words()
			fmt.Fprintln(out, strings.Join([]string{f.port.Path, f.port.Name, f.state, what, sure}, "\t"))
		}
		return nil
	}
	if len(all) == 0 {
		fmt.Fprintln(out, "This machine has no serial port. Plug an adapter in, and see whether the system finds it: dmesg | tail")
		return nil
	}
	fmt.Fprintf(out, "%-12s%-49s%s\n", "NOW", "LOOKS LIKE", "CONFIDENCE")
	listened := false
	for _, f := range all {
		f.show(out)
		listened = listened || f.heard.Verdict != ""
	}
	if listened && os.Geteuid() != 0 {
		fmt.Fprint(out, "\nOnly root sees whether a program of somebody else has one of these ports open,\nand takes bytes from it: sudo portti discover\n")
	}
	if text != "" && !add {
		fmt.Fprintf(out, "\nFor the configuration:\n%s\nTo add this to it: sudo portti discover --add\nWith every key that there is, explained: portti discover --toml\n", uncommented(text))
	}
	return nil
}

// uncommented leaves the lines out that only say which other keys there are.
func uncommented(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "#") {
			b.WriteString(line)
		}
	}
	return b.String()
}

// show draws one port, at most 80 columns wide.
func (f *found) show(out io.Writer) {
	what, sure := f.words()
	lines := status.Fold(what, 48)
	fmt.Fprintf(out, "%-12s%s%s\n", strings.TrimPrefix(f.port.Path, "/dev/"), lines[0]+strings.Repeat(" ", max(1, 49-utf8.RuneCountInString(lines[0]))), sure)
	for _, line := range lines[1:] {
		fmt.Fprintf(out, "%12s%s\n", "", line)
	}
	if f.port.Name != "" && f.port.Name != f.port.Path {
		fmt.Fprintf(out, "%12s%s\n", "", f.port.Name) // whole, however long: it is copied
	}
	advice, command := f.advice()
	for _, text := range []string{f.port.Note, f.sample(), advice} {
		if text == "" {
			continue
		}
		for _, line := range status.Fold(text, 68) {
			fmt.Fprintf(out, "%12s%s\n", "", line)
		}
	}
	if command != "" {
		fmt.Fprintf(out, "%12s%s\n", "", command)
	}
}

func (f *found) sample() string {
	if f.state == string(device.Sure) || f.heard.Sample == "" {
		return ""
	}
	const most = 50
	s := []rune(f.heard.Sample)
	if len(s) > most {
		s = append(s[:most:most], '…')
	}
	return "It sent: " + string(s)
}

// words are what it looks like, and how sure that is.
func (f *found) words() (what, sure string) {
	h := f.heard
	switch f.state {
	case portConfigured:
		return "read as device " + f.configured, "configured"
	case portRefused:
		return strings.TrimPrefix(f.why, "cannot open "+f.port.Path+": "), "skipped"
	case string(device.Quiet):
		return "nothing came", "silent"
	case string(device.Unfamiliar):
		return fmt.Sprintf("%s (read at %d)", h.Seems, h.Baud), "unknown"
	}
	var may []string
	for _, g := range h.Guesses {
		may = append(may, fmt.Sprintf("%s at %d (type %s)", g.Name, g.Baud, g.Kind))
	}
	sure = f.state
	if f.state == string(device.Unsure) {
		sure = "not sure"
	}
	switch best := h.Guesses[0]; {
	case best.Share < 0.9:
		sure = fmt.Sprintf("%s (%.0f %% of it)", sure, 100*best.Share)
	case best.Lines > 0:
		sure = fmt.Sprintf("%s (%s)", sure, status.Count(uint64(best.Lines), "line"))
	default:
		sure = fmt.Sprintf("%s (%d bytes)", sure, h.Bytes)
	}
	return strings.Join(may, ", or "), sure
}

// advice is what to do about a port that cannot be added, and the command for it.
func (f *found) advice() (text, command string) {
	switch {
	case f.code == device.CodeConsole:
		return "To free it on a Raspberry Pi: put it into the configuration, then sudo portti service restart && sudo reboot.", ""
	case f.code == device.CodePermission:
		return "To look at it:", "sudo portti discover"
	case f.code == device.CodeBusy:
		return "If that program is not needed, stop it and look again.", ""
	case f.state == string(device.Quiet):
		return "Check its power, and that TX of the device goes to RX. To wait for one that speaks seldom:", "sudo portti discover --for 5m --port " + f.port.Path
	case f.state == string(device.Unfamiliar) && f.heard.GNSS:
		return "Switch the receiver to NMEA with its maker's program.", ""
	case f.state == string(device.Unfamiliar):
		return "If it is a device that portti should know, send this line to its developers.", ""
	case f.state == string(device.Unsure):
		return "To choose, look at a [[device]] of each:", "portti config create --device " + f.heard.Guesses[0].Kind
	}
	return "", ""
}

func foundAsJSON(cmd *cobra.Command, all []*found) error {
	list := []foundJSON{}
	for _, f := range all {
		j := foundJSON{Port: f.port.Path, Name: f.port.Name, Note: f.port.Note, State: f.state, Device: f.configured, Problem: f.code, Why: f.why,
			Seems: f.heard.Seems, Bytes: f.heard.Bytes, Sample: f.heard.Sample}
		if u := f.port.USB; u != nil {
			j.USB = &usbJSON{u.VID, u.PID, u.Serial, u.Interface, u.Maker, u.Product, u.Hub}
		}
		for _, g := range f.heard.Guesses {
			j.Guesses = append(j.Guesses, guessJSON{g.Kind, g.Name, g.Baud, g.Share, g.Lines})
		}
		if f.entry.Name != "" {
			text, err := config.DeviceText(f.entry)
			if err != nil {
				return err
			}
			j.ConfigText = text
		}
		list = append(list, j)
	}
	return writeJSON(cmd, foundList{list})
}

// configOf is the configuration of all that is to be added.
func configOf(all []*found) (string, error) {
	var b strings.Builder
	for _, f := range all {
		if f.entry.Name == "" {
			continue
		}
		text, err := config.DeviceText(f.entry)
		if err != nil {
			return "", err
		}
		b.WriteString("\n" + text)
	}
	return b.String(), nil
}

// asConfigured is how a port stands in a configuration.
func asConfigured(p device.SerialPort) string {
	if p.Match != nil {
		return p.Match.String()
	}
	return cmp.Or(p.Name, p.Path)
}
