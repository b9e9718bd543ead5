package doctor

import (
	"context"
	"slices"
	"strings"
	"testing"

	"portti/cmd/portti/status"
	"portti/device"
)

// hears has the receiver send this.
func (w *world) hears(text string) {
	w.host.Listen = func(context.Context, string) ([]byte, error) { return []byte(text), nil }
}

func (w *world) receiver(s status.Device) {
	w.usb("ttyUSB0", "1-1", "0403", "A1")
	w.devices("/dev/ttyUSB0")
	s.Name, s.Type, s.State = "d1", "gps", status.DeviceOK
	w.running(s)
}

func (w *world) bluetooth() {
	w.config("[[device]]\nname = \"tags\"\ntype = \"ble\"\nid = \"XXXX03BLE00000001\"\n")
	if w.host.ConfigErr != nil {
		w.Fatal(w.host.ConfigErr)
	}
}

const (
	round = "\r\n$GPGGA,1,2*00\r\n$GPGSV,1,1,02,01,40,083,17,02,17,308,*41\r\n$GPRMC,1,2*00\r\n"
	blind = "\r\n$GPGGA,1,2*00\r\n$GPGSV,1,1,00*79\r\n$GPRMC,1,2*00\r\n"
)

func TestReadingChecks(t *testing.T) {
	none := func(*world) {}
	noFix := func(text string) func(w *world) {
		return func(w *world) {
			w.receiver(status.Device{Bytes: 9})
			w.problem("GPS-NO-FIX", status.Warning, "d1", "d1: the receiver has no fix.")
			w.hears(text)
		}
	}
	try(t, []row{
		{"C15", "in order", func(w *world) { w.receiver(status.Device{Bytes: 4}) }, Pass, "1 device", ""},
		{"C15", "no gateway", none, Skip, notRunning, ""},
		{"C15", "no device", func(w *world) { w.running() }, Pass, "no device", ""},
		{"C15", "no byte yet", func(w *world) { w.receiver(status.Device{}) }, Warn, "no byte has come", "portti -c /srv/portti/portti.toml tail d1 --raw"},
		{"C15", "told", func(w *world) { w.problem("DEV-SILENT", status.Warning, "d1", "d1 has sent nothing for 3 h.") }, Warn, "nothing for 3 h", ""},

		{"C16", "in order", func(w *world) { w.receiver(status.Device{Read: 1000, Bad: 100}) }, Pass, "1 device", ""},
		{"C16", "no gateway", none, Skip, notRunning, ""},
		{"C16", "too few to say", func(w *world) { w.receiver(status.Device{Read: 10, Bad: 10}) }, Pass, "1 device", ""},
		{"C16", "damaged", func(w *world) { w.receiver(status.Device{Read: 100, Bad: 100}) }, Warn, "50 % of its frames", "portti -c /srv/portti/portti.toml tail d1 --raw --for 10s"},
		{"C16", "told", func(w *world) { w.problem("DEV-WRONG-BAUD", status.Error, "d1", "d1: sent at a higher speed.") }, Fail, "higher speed", ""},

		{"C17", "in order", func(w *world) { w.receiver(status.Device{Bytes: 86400 * 480}) }, Pass, "the fullest at 50 %", ""},
		{"C17", "no gateway", none, Skip, notRunning, ""},
		{"C17", "just started", func(w *world) { w.receiver(status.Device{}); w.host.Status.UptimeS = 5 }, Skip, "less than a minute", ""},
		{"C17", "full", func(w *world) { w.receiver(status.Device{Bytes: 86400 * 912}) }, Warn, "95 % of what 9600 baud", ""},
		{"C17", "found speed", func(w *world) { w.receiver(status.Device{Bytes: 86400 * 912, Baud: 19200}) }, Pass, "48 %", ""},
		{"C17", "told", func(w *world) { w.problem("DEV-FLOOD", status.Warning, "d1", "d1 sends more than its rate_limit.") }, Warn, "rate_limit", ""},

		{"C18", "in order", func(w *world) { w.receiver(status.Device{Bytes: 4}); w.hears(round) }, Pass, "1 receiver", ""},
		{"C18", "no gateway", none, Skip, notRunning, ""},
		{"C18", "may not listen", func(w *world) { w.receiver(status.Device{Bytes: 4}) }, Skip, "listened", ""},
		{"C18", "no RMC", func(w *world) {
			w.receiver(status.Device{Bytes: 4})
			w.hears("\n$GPGGA,1\n$GPGSA,1\n$GPGLL,1\n")
		}, Warn, "no RMC in 2.2s: its positions lack date", "portti -c /srv/portti/portti.toml tail d1 --raw --for 10s"},
		{"C18", "no GGA", func(w *world) { w.receiver(status.Device{Bytes: 4}); w.hears("\n$GPRMC,1\n$GPGSA,1\n") }, Warn, "no GGA", "portti -c /srv/portti/portti.toml tail d1 --raw --for 10s"},
		{"C18", "UBX", func(w *world) {
			w.receiver(status.Device{Bytes: 4})
			w.hears("\n$GNTXT,1\n$GNTXT,2\n\xb5\x62\x01\x07xx")
		}, Skip, "listened", ""},
		{"C18", "told", func(w *world) { w.problem("GPS-SETUP", status.Warning, "d1", "d1: the receiver does not answer.") }, Warn, "does not answer", ""},

		{"C19", "in order", func(w *world) { w.receiver(status.Device{Detail: "3D fix, 11 satellites"}) }, Pass, "d1: 3D fix, 11 satellites", ""},
		{"C19", "no gateway", none, Skip, notRunning, ""},
		{"C19", "no antenna", noFix(blind), Warn, "has no fix. It hears no satellite at all.", ""},
		{"C19", "weak", noFix(round), Warn, "It hears 1 satellites, the strongest at 17 dB", ""},
		{"C19", "soon", noFix(strings.Replace(round, ",17,02", ",38,02", 1)), Warn, "should come within minutes", "portti -c /srv/portti/portti.toml status"},
		{"C19", "gpsd", func(w *world) { w.problem("GPSD-NO-RECEIVER", status.Error, "d1", "gpsd has no receiver.") }, Fail, "gpsd has no", ""},

		{"C20", "in order", func(w *world) { w.receiver(status.Device{}) }, Pass, "1 receiver", ""},
		{"C20", "no gateway", none, Skip, notRunning, ""},
		{"C20", "told", func(w *world) { w.problem("GPS-ROLLOVER", status.Warning, "d1", "d1: 1024 weeks behind.") }, Warn, "1024 weeks", ""},

		{"C21", "in order", func(w *world) { w.receiver(status.Device{}) }, Pass, "", ""},
		{"C21", "no gateway", none, Skip, notRunning, ""},
		{"C21", "told", func(w *world) { w.problem("MOD-SILENT", status.Error, "d1", "Unit 3 does not answer.") }, Fail, "Unit 3", ""},
		{"C21", "no adapter", func(w *world) { w.bluetooth() }, Fail, "no Bluetooth adapter", "grep disable-bt /boot/firmware/config.txt /boot/config.txt"},
		{"C21", "adapter", func(w *world) { w.bluetooth(); w.file("/sys/class/bluetooth/hci0/x", ""); w.running() }, Pass, "", ""},
		{"C21", "blocked", func(w *world) {
			w.bluetooth()
			w.file("/sys/class/bluetooth/hci0/x", "")
			w.file("/sys/class/rfkill/rfkill0/type", "wlan\n")
			w.file("/sys/class/rfkill/rfkill0/soft", "1\n")
			w.file("/sys/class/rfkill/rfkill1/type", "bluetooth\n")
			w.file("/sys/class/rfkill/rfkill1/soft", "1\n")
		}, Fail, "Bluetooth is switched off.", "sudo rfkill unblock bluetooth"},
	})
}

// TestProblemsAreTold: what the running gateway can find wrong with configuration, ports,
// devices and clock is told by one check, and not by two.
func TestProblemsAreTold(t *testing.T) {
	var codes []string
	for _, e := range status.Catalogue() {
		if family, _, _ := strings.Cut(e.Code, "-"); slices.Contains([]string{"CFG", "CLK", "DEV", "GPS", "HW"}, family) {
			codes = append(codes, e.Code)
		}
	}
	for _, k := range device.Kinds() {
		for _, p := range k.Problems {
			codes = append(codes, p.Code)
		}
	}
	if len(codes) < 40 {
		t.Fatalf("only %d codes: this test looks in the wrong place", len(codes))
	}
	for _, code := range codes {
		var by []string
		for _, c := range Checks() {
			if tells(c, code) {
				by = append(by, c.ID)
			}
		}
		if len(by) != 1 {
			t.Errorf("%s is told by %v", code, by)
		}
	}
}
