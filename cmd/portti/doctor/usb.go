package doctor

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"portti/cmd/portti/status"
)

// trouble is what the kernel says of an adapter, and how often that must be for a warning.
type trouble struct {
	form  *regexp.Regexp // the first group is the socket, or the port
	what  string         // after its name
	least int
}

func usbTroubles() []trouble {
	return []trouble{
		{regexp.MustCompile(`(?i)usb (\S+?):? .*over-?current`), "took more current than allowed", 1},
		{regexp.MustCompile(`usb (\S+): reset \S+-speed USB device`), "was reset", 1},
		{regexp.MustCompile(`usb (\S+): (?:device descriptor read|device not accepting address|can't set config|unable to enumerate)`), "did not answer", 1},
		{regexp.MustCompile(`usb (\S+): .*disabled by hub \(EMI\?\)`), "was disturbed and switched off", 1},
		{regexp.MustCompile(`(tty(?:USB|ACM)\d+): .* now disconnected from`), "lost its adapter", 3},
	}
}

// checkUSB reads the last day of the kernel's log. A single unplugging is somebody's
// hand; what repeats is a supply or a cable.
func checkUSB(ctx context.Context, h *Host, r *Report) {
	if h.Run == nil {
		r.Skip("the kernel's log cannot be read here")
		return
	}
	log, err := h.Run(ctx, "journalctl", "-k", "--since", "-24h", "-o", "cat", "--no-pager", "-q")
	if err != nil || log == "" {
		log, err = h.Run(ctx, "dmesg")
	}
	switch {
	case log == "" && h.UID != 0:
		r.WantRoot("only root may read the kernel's log")
		return
	case err != nil && log == "":
		r.Skip("the kernel's log cannot be read here")
		return
	}
	for _, t := range usbTroubles() {
		times := map[string]int{}
		for line := range strings.Lines(log) {
			if m := t.form.FindStringSubmatch(line); m != nil {
				times[m[1]]++
			}
		}
		for _, where := range slices.Sorted(maps.Keys(times)) {
			if times[where] >= t.least {
				r.Warn(where, fmt.Sprintf("USB %s %s %s in the last day.", where, t.what, status.Count(uint64(times[where]), "time")),
					"Plug the adapter into a hub with a supply of its own, or use a shorter cable", "See the lines: `journalctl -k --since -24h | grep -iE 'usb|tty'`", "Check the supply of this machine; a Raspberry Pi says whether it is weak: `vcgencmd get_throttled`")
			}
		}
	}
	if len(r.results) == 0 {
		r.Pass("nothing in the last day")
	}
}
