package doctor

import (
	"context"
	"strings"
)

// checkPins is about the serial port on the pins of a Raspberry Pi: the firmware's
// config.txt switches it on, and says which of two UARTs it is.
func checkPins(_ context.Context, h *Host, r *Report) {
	if !h.pi() {
		r.Pass("not a Raspberry Pi")
		return
	}
	file := "/boot/firmware/config.txt"
	if h.Read(file) == "" {
		file = "/boot/config.txt"
	}
	settings := h.firmware(file)
	for _, d := range h.serial() {
		if d.Port != "/dev/serial0" && d.Port != "/dev/serial1" && d.Port != "/dev/ttyS0" && !strings.HasPrefix(d.Port, "/dev/ttyAMA") {
			continue
		}
		switch {
		case d.node == "" && h.Read(file) == "":
			r.Skip("the firmware's config.txt cannot be read")
		case d.node == "" && !strings.Contains(settings, "\nenable_uart=1\n") && !strings.Contains(settings, "\ndtoverlay=uart"):
			r.Fail(d.Name, "The serial port on the pins is switched off, so there is no "+d.Port+".", "Switch it on: `echo enable_uart=1 | sudo tee -a "+file+" && sudo reboot`")
		case d.tty() == "ttyS0" && (d.Parity == "even" || d.Parity == "odd"):
			r.Fail(d.Name, d.Port+" is the small UART of this board, which has no parity, and the device wants "+d.Parity+".", better(h, file)...)
		case d.tty() == "ttyS0" && d.Baud > 230400:
			r.Warn(d.Name, d.Port+" is the small UART of this board, which loses bytes at this speed.", better(h, file)...)
		case d.tty() == "ttyS0" && !strings.Contains(settings, "\nenable_uart=1\n") && !strings.Contains(settings, "\ncore_freq=250\n"):
			r.Warn(d.Name, d.Port+" is the small UART of this board, whose speed changes with the processor's.", "Hold it: `echo enable_uart=1 | sudo tee -a "+file+" && sudo reboot`")
		}
	}
	if len(r.results) == 0 {
		r.Pass("as needed")
	}
}

// firmware is config.txt without comments, a setting a line.
func (h *Host) firmware(file string) string {
	var b strings.Builder
	for line := range strings.Lines(h.Read(file)) {
		line, _, _ = strings.Cut(line, "#")
		if line = strings.TrimSpace(line); line != "" {
			b.WriteString("\n" + line + "\n")
		}
	}
	return b.String()
}

// better gets the full UART to the pins: the one that Bluetooth has.
func better(h *Host, file string) []string {
	for _, d := range h.devices() {
		if d.Type == "ble" {
			return []string{"Give Bluetooth the small one: `echo dtoverlay=miniuart-bt | sudo tee -a " + file + " && sudo reboot`"}
		}
	}
	return []string{"Take the full one from Bluetooth, which no device here uses: `echo dtoverlay=disable-bt | sudo tee -a " + file + " && sudo reboot`"}
}
