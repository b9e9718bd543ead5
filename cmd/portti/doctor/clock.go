package doctor

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"portti/cmd/portti/status"
)

func clockChecks() []Check {
	return []Check{
		{ID: "C23", Family: "CLK", Title: "clock synchronised", Run: checkSynchronised, Codes: []string{"CLK-UNSET", "CLK-GUESSED"}},
		{ID: "C24", Family: "CLK", Title: "clock plausible", Run: checkPlausible, Codes: []string{"CLK-DISPUTE", "CLK-STEP", "GPS-TIME", "GPS-AHEAD", "GPS-CHRONY"}},
		{ID: "C25", Family: "CLK", Title: "battery clock", Run: checkBattery},
	}
}

// checkSynchronised takes the gateway's word, which knows of satellites and the server
// too, else that of the system.
func checkSynchronised(ctx context.Context, h *Host, r *Report) {
	const ask = "Connect the network, or check the time service: `timedatectl timesync-status`"
	switch s := h.Status; {
	case s == nil && h.Run == nil:
		r.Skip("%s", h.unasked())
	case s == nil:
		out, err := h.Run(ctx, "timedatectl", "show", "--property=NTPSynchronized", "--property=NTP")
		switch {
		case err != nil:
			r.Skip("%s", h.unasked())
		case strings.Contains(out, "NTPSynchronized=yes"):
			r.Pass("by a time server")
		case strings.Contains(out, "NTP=no"):
			r.Warn("", "The clock is not synchronised, and no time service is switched on.", "Switch it on: `sudo timedatectl set-ntp true`")
		default:
			r.Warn("", "The clock is not synchronised: no time server has been reached.", ask)
		}
	case len(r.results) > 0: // the gateway has told
	case !s.Clock.Trusted:
		r.Warn("", "The clock of this machine cannot be trusted: "+s.Clock.Reason+".", ask)
	default:
		r.Pass("by %s", s.Clock.Source)
	}
}

// checkPlausible finds a clock that nobody has set, and one that somebody set wrong.
func checkPlausible(_ context.Context, h *Host, r *Report) {
	if h.Now == nil {
		r.Skip("there is no clock to look at")
		return
	}
	set := "Set it: `sudo timedatectl set-ntp true`, or without a network `sudo timedatectl set-time '2026-01-31 12:00:00'`"
	now, floor := h.Now().UTC(), time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)
	if h.Built.After(floor) {
		floor = h.Built.UTC()
	}
	switch day := now.Format("2 January 2006"); {
	case now.Before(floor.Add(-24 * time.Hour)):
		r.Fail("", "The clock says "+day+", which is before this program was made.", set)
	case now.After(floor.AddDate(10, 0, 0)):
		r.Fail("", "The clock says "+day+", which is more than ten years after this program was made.", set)
	default:
		if path, written := h.newest(); written.After(now.Add(time.Hour)) {
			r.Warn(path, "The clock says "+now.Format("2 January 2006 15:04")+", and this file was written after that, by "+status.InWords(written.Sub(now))+".", set)
		}
	}
	if len(r.results) == 0 {
		r.Pass("%s", now.Format("2 January 2006 15:04 UTC"))
	}
}

// newest is the file that was written last, of those that a gateway or a person writes.
func (h *Host) newest() (path string, at time.Time) {
	if h.Config == nil {
		return "", time.Time{}
	}
	for _, p := range append(h.Config.Files, filepath.Join(h.Config.Paths.State, "state")) {
		if info, err := os.Stat(h.below(p)); err == nil && info.ModTime().After(at) {
			path, at = p, info.ModTime().UTC()
		}
	}
	return path, at
}

// wrongBy is how far a battery clock may be off a clock that is right: it drifts by
// some seconds a day, and is set every eleven minutes or at a stop.
const wrongBy = time.Minute

// checkBattery: without a battery clock readings wait for a trusted time after each start,
// which is in order; one that is there and wrong dates them wrongly.
func checkBattery(ctx context.Context, h *Host, r *Report) {
	clocks := h.list("/sys/class/rtc")
	if len(clocks) == 0 {
		r.Pass("none: after a power cut readings wait for a time server, a receiver or the server")
		return
	}
	const renew = "Replace its battery, or charge it; then set it from the system's clock, once that is right: `sudo hwclock --systohc --utc`"
	for _, name := range clocks {
		text := h.Read("/sys/class/rtc/" + name + "/since_epoch")
		seconds, err := strconv.ParseInt(text, 10, 64)
		switch at := time.Unix(seconds, 0).UTC(); {
		case err != nil:
			r.Warn(name, "The battery clock "+name+" cannot be read: it has lost its time.", renew)
		case at.Year() < 2025:
			r.Warn(name, fmt.Sprintf("The battery clock %s says %s: it lost its time with the power.", name, at.Format("2 January 2006")), renew)
		case h.Status != nil && h.Status.Clock.Trusted && h.Now != nil:
			off := h.Now().UTC().Sub(at).Abs()
			if zone := off.Round(15 * time.Minute); zone > 0 && zone <= 14*time.Hour && (off-zone).Abs() < 5*time.Second {
				break // it keeps local time, which another check is about
			}
			if off > wrongBy {
				r.Warn(name, fmt.Sprintf("The battery clock %s is off by %s, and the system's clock is right.", name, status.InWords(off)),
					"Set it: `sudo hwclock --systohc --utc`", "If it is off again after a day, replace its battery")
			}
		}
	}
	if h.Run == nil {
		return
	}
	log, err := h.Run(ctx, "journalctl", "-k", "-b", "-o", "cat", "--no-pager", "-q")
	for line := range strings.Lines(log) {
		if low := strings.ToLower(line); err == nil && strings.Contains(low, "rtc") && (strings.Contains(low, "voltage low") || strings.Contains(low, "low voltage") || strings.Contains(low, "not reliable") || strings.Contains(low, "battery low")) {
			r.Warn(clocks[0], "The kernel said at this boot that the battery clock lost its time: "+status.Clean(strings.TrimSpace(line), 120)+".", renew)
			return
		}
	}
	if len(r.results) == 0 {
		r.Pass("%s", strings.Join(clocks, ", "))
	}
}
