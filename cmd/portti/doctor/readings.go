package doctor

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"portti/cmd/portti/status"
	"portti/device"
)

func readingChecks() []Check {
	return []Check{
		{ID: "C15", Family: "DEV", Title: "bytes arrive", Run: checkArrive, Codes: []string{"DEV-SILENT"}},
		{ID: "C16", Family: "DEV", Title: "bytes can be read", Run: checkDecode, Codes: []string{"DEV-GARBAGE", "DEV-WRONG-BAUD", "DEV-UNKNOWN-FORMAT", "LINES-TEXT"}},
		{ID: "C17", Family: "DEV", Title: "speed of the lines", Run: checkCapacity, Codes: []string{"DEV-FLOOD"}},
		{ID: "C18", Family: "GPS", Title: "what the receiver sends", Run: checkSentences, Codes: []string{"GPS-SETUP", "GPS-FROZEN"}},
		{ID: "C19", Family: "GPS", Title: "fix and antenna", Run: checkFix,
			Codes: []string{"GPS-NO-FIX", "GPS-JAMMED", "GPS-SPOOFED", "GPS-JUMP", "GPS-STUCK", "GPSD-"}},
		{ID: "C20", Family: "GPS", Title: "the receiver's date", Run: checkDate, Codes: []string{"GPS-ROLLOVER", "GPS-DATE"}},
		{ID: "C21", Family: "DEV", Title: "bridges, adapters and buses answer", Run: checkAnswer, Codes: []string{"BLE-", "MOD-", "WPS-"}},
	}
}

// nothing says that there is nothing to judge, for a check that takes the running
// gateway's word.
func nothing(h *Host, r *Report) bool {
	switch {
	case h.Status == nil:
		r.Skip("%s", h.unasked())
	case len(h.Status.Devices) == 0:
		r.Pass("no device")
	default:
		return false
	}
	return true
}

func checkArrive(_ context.Context, h *Host, r *Report) {
	if nothing(h, r) {
		return
	}
	for _, d := range h.Status.Devices {
		if d.Bytes == 0 && d.State == status.DeviceOK && h.Status.UptimeS >= 10 && !r.Told(d.Name) && h.onLine(d.Name) {
			r.Warn(d.Name, d.Name+": its port is open, and no byte has come since the start.", "Check the device's power, and that TX of the device goes to RX of this machine", "Watch for the first byte: `"+h.verb("tail "+d.Name+" --raw")+"`")
		}
	}
	if len(r.results) == 0 {
		r.Pass("from %s", count(len(h.Status.Devices), "device"))
	}
}

// onLine says whether a device is at a serial line.
func (h *Host) onLine(name string) bool {
	for _, d := range h.serial() {
		if d.Name == name {
			return true
		}
	}
	return false
}

// fewBad is the share of frames that may be bad: more than a plug or a start explains.
const (
	fewBad = 0.2
	enough = 50 // frames, before a share says anything
)

func checkDecode(_ context.Context, h *Host, r *Report) {
	if nothing(h, r) {
		return
	}
	for _, d := range h.Status.Devices {
		all := d.Read + d.Withheld + d.Bad
		if share := float64(d.Bad) / float64(all); all >= enough && share > fewBad && !r.Told(d.Name) {
			r.Warn(d.Name, fmt.Sprintf("%s: %.0f %% of its frames were damaged since the start.", d.Name, 100*share),
				"Check the cable, its length and the ground wire", "See what arrives: `"+h.verb("tail "+d.Name+" --raw --for 10s")+"`")
		}
	}
	if len(r.results) == 0 {
		r.Pass("of %s", count(len(h.Status.Devices), "device"))
	}
}

// fullLine is the share of a line's speed beyond which a burst no longer fits.
const fullLine = 0.8

// checkCapacity: a line that is full loses what the device cannot say in time.
func checkCapacity(_ context.Context, h *Host, r *Report) {
	if nothing(h, r) {
		return
	}
	if h.Status.UptimeS < 60 {
		r.Skip("the gateway runs for less than a minute, in which nothing can be counted")
		return
	}
	kinds, most := device.Kinds(), 0.0
	for _, d := range h.serial() {
		if strings.HasPrefix(d.tty(), "ttyACM") || strings.HasPrefix(d.node, "/dev/pts/") {
			continue // USB itself, and a pseudo-terminal, have no speed
		}
		baud := int(d.Baud)
		if kind, ok := kinds.Named(d.Type); ok && baud == 0 {
			baud = kind.Baud
		}
		for _, s := range h.Status.Devices {
			if s.Name != d.Name {
				continue
			}
			if s.Baud > 0 {
				baud = s.Baud
			}
			used := 10 * float64(s.Bytes) / h.Status.UptimeS / float64(baud) // eight bits, start and stop
			if most = max(most, used); baud > 0 && used > fullLine && !r.Told(d.Name) {
				r.Warn(d.Name, fmt.Sprintf("%s fills its line: %.0f %% of what %d baud can carry.", d.Name, 100*used, baud),
					"Set the device to a higher speed, and baud of this [[device]] to the same ("+h.set(d.Name, "baud")+")", "Or let it send less often")
			}
		}
	}
	if len(r.results) == 0 {
		r.Pass("the fullest at %.0f %%", 100*most)
	}
}

// listening is how long a receiver is listened to: twice what most take for a round of
// sentences, and within the limit of a check.
const listening = 2200 * time.Millisecond

// receivers are the running gateway's GPS receivers at a port.
func (h *Host) receivers() (all []status.Device) {
	for _, d := range h.Status.Devices {
		if d.Type == "gps" {
			all = append(all, d)
		}
	}
	return all
}

// hear gives what a receiver sends in a while; "" = nothing, or it may not be heard.
func (h *Host) hear(ctx context.Context, name string) string {
	if h.Listen == nil {
		return ""
	}
	ctx, stop := context.WithTimeout(ctx, listening)
	defer stop()
	b, err := h.Listen(ctx, name)
	if err != nil {
		return ""
	}
	return string(b)
}

// checkSentences: without RMC there is no date, and without GGA neither height nor
// satellites. A receiver that speaks UBX has both in one message.
func checkSentences(ctx context.Context, h *Host, r *Report) {
	if nothing(h, r) {
		return
	}
	heard := 0
	all := h.receivers()
	for _, d := range all {
		if d.State != status.DeviceOK || r.Told(d.Name) {
			continue
		}
		text := h.hear(ctx, d.Name)
		if strings.Count(text, "\n$G") < 2 || strings.Contains(text, "\xb5\x62\x01\x07") {
			continue
		}
		heard++
		for _, s := range []struct{ name, lacks string }{{"RMC", "date and speed"}, {"GGA", "height and the number of satellites"}} {
			if !strings.Contains(text, s.name+",") {
				r.Warn(d.Name, fmt.Sprintf("%s sends no %s in %v: its positions lack %s.", d.Name, s.name, listening, s.lacks),
					"Set it in the receiver, with its maker's program; on a u-blox let portti do it: configure = true in this [[device]]", "See what it sends: `"+h.verb("tail "+d.Name+" --raw --for 10s")+"`")
			}
		}
	}
	switch {
	case len(r.results) > 0:
	case len(all) == 0:
		r.Pass("no receiver")
	case heard == 0:
		r.Skip("no receiver could be listened to")
	default:
		r.Pass("RMC and GGA from %s", count(heard, "receiver"))
	}
}

// weak is the strength in dB-Hz below which no satellite helps to a fix.
const weak = 20

// checkFix says more of a receiver without a fix: whether it hears satellites at all.
func checkFix(ctx context.Context, h *Host, r *Report) {
	if nothing(h, r) {
		return
	}
	var well []string
	for _, d := range h.receivers() {
		if !r.Told(d.Name) {
			well = append(well, d.Name+": "+status.Clean(d.Detail, 60))
			continue
		}
		text := h.hear(ctx, d.Name)
		switch n, best := satellites(text); {
		case !strings.Contains(text, "GSV,"):
		case n == 0:
			r.Explain(d.Name, "It hears no satellite at all.", "Check that the antenna is plugged in, and its cable whole; then that it sees the sky")
		case best < weak:
			r.Explain(d.Name, fmt.Sprintf("It hears %d satellites, the strongest at %d dB, and needs %d.", n, best, weak), "Move the antenna to where it sees more of the sky, away from metal and displays")
		default:
			r.Explain(d.Name, fmt.Sprintf("It hears %d satellites, the strongest at %d dB: a fix should come within minutes.", n, best), "Wait up to 15 minutes: `"+h.verb("status")+"`")
		}
	}
	switch {
	case len(r.results) > 0:
	case len(well) == 0:
		r.Pass("no receiver")
	default:
		r.Pass("%s", strings.Join(well, "; "))
	}
}

// satellites counts those that a receiver's GSV sentences say are heard, and gives the
// strength of the best.
func satellites(text string) (n, best int) {
	heard := map[string]int{}
	for line := range strings.Lines(text) {
		body, _, _ := strings.Cut(strings.TrimSpace(line), "*")
		f := strings.Split(body, ",")
		if len(f[0]) != 6 || f[0][0] != '$' || !strings.HasSuffix(f[0], "GSV") {
			continue
		}
		for i := 4; i+3 < len(f); i += 4 {
			if snr, err := strconv.Atoi(f[i+3]); err == nil && snr > 0 {
				heard[f[0]+f[i]] = snr
				best = max(best, snr)
			}
		}
	}
	return len(heard), best
}

func checkDate(_ context.Context, h *Host, r *Report) {
	if !nothing(h, r) && len(r.results) == 0 {
		r.Pass("%s", count(len(h.receivers()), "receiver"))
	}
}

// checkAnswer has the gateway's word, and looks itself whether there is a Bluetooth
// adapter that may send, which needs no gateway.
func checkAnswer(_ context.Context, h *Host, r *Report) {
	for _, d := range h.devices() {
		if d.Type == "ble" && !r.Told(d.Name) {
			checkAdapter(h, r, d)
		}
	}
	if len(r.results) == 0 {
		if h.Status == nil {
			r.Skip("%s", h.unasked())
			return
		}
		r.Pass("nothing that does not")
	}
}

func checkAdapter(h *Host, r *Report, d device.Config) {
	adapters := h.list("/sys/class/bluetooth")
	if len(adapters) == 0 {
		r.Fail(d.Name, "This machine has no Bluetooth adapter.", "On a Raspberry Pi see that nothing switches it off: `grep disable-bt /boot/firmware/config.txt /boot/config.txt`", "See what the kernel says: `dmesg | grep -i bluetooth`")
		return
	}
	for _, name := range h.list("/sys/class/rfkill") {
		dir := "/sys/class/rfkill/" + name
		switch {
		case h.Read(dir+"/type") != "bluetooth":
		case h.Read(dir+"/hard") == "1":
			r.Fail(d.Name, "Bluetooth is switched off by a switch of the machine.", "Look for the switch; it stays as it is until then: `rfkill list`")
		case h.Read(dir+"/soft") == "1":
			r.Fail(d.Name, "Bluetooth is switched off.", "Switch it on: `sudo rfkill unblock bluetooth`")
		}
	}
}
