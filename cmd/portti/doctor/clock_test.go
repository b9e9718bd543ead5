package doctor

import (
	"os"
	"strconv"
	"testing"
	"time"

	"portti/cmd/portti/status"
)

func (w *world) batteryClock(at time.Time) {
	w.file("/sys/class/rtc/rtc0/since_epoch", strconv.FormatInt(at.Unix(), 10)+"\n")
}

func TestClockChecks(t *testing.T) {
	at := func(y int) func(*world) {
		return func(w *world) {
			w.host.Now = func() time.Time { return time.Date(y, 3, 4, 12, 0, 0, 0, time.UTC) }
		}
	}
	const set = "sudo timedatectl set-ntp true"
	const hwclock = "sudo hwclock --systohc --utc"
	try(t, []row{
		{"C23", "by the gateway", func(w *world) { w.running() }, Pass, "by kernel", ""},
		{"C23", "nobody knows", func(*world) {}, Skip, notRunning, ""},
		{"C23", "told", func(w *world) { w.problem("CLK-UNSET", status.Warning, "", "The clock cannot be trusted.") }, Warn, "cannot be trusted", ""},
		{"C23", "not trusted yet", func(w *world) { w.running().Clock = status.Clock{Reason: "no time server"} }, Warn, "no time server", "timedatectl timesync-status"},
		{"C23", "by the system", func(w *world) { w.says["timedatectl show"] = "NTP=yes\nNTPSynchronized=yes\n" }, Pass, "by a time server", ""},
		{"C23", "not reached", func(w *world) { w.says["timedatectl show"] = "NTP=yes\nNTPSynchronized=no\n" }, Warn, "no time server has been reached", "timedatectl timesync-status"},
		{"C23", "switched off", func(w *world) { w.says["timedatectl show"] = "NTP=no\nNTPSynchronized=no\n" }, Warn, "no time service", set},

		{"C24", "in order", func(*world) {}, Pass, "4 March 2027", ""},
		{"C24", "no clock", func(w *world) { w.host.Now = nil }, Skip, "no clock", ""},
		{"C24", "1970", at(1970), Fail, "before this program was made", set},
		{"C24", "before it was made", func(w *world) { w.host.Built = w.host.Now().Add(48 * time.Hour) }, Fail, "before this program was made", set},
		{"C24", "2077", at(2077), Fail, "ten years after", set},
		{"C24", "before a file", func(w *world) {
			w.devices("/dev/ttyUSB0")
			later := w.host.Now().Add(72 * time.Hour)
			if err := os.Chtimes(w.host.below("/srv/portti/portti.toml"), later, later); err != nil {
				w.Fatal(err)
			}
		}, Warn, "written after that, by 3 days", set},
		{"C24", "told", func(w *world) { w.problem("CLK-DISPUTE", status.Warning, "", "The times are 2 h apart.") }, Warn, "2 h apart", ""},

		{"C25", "none", func(*world) {}, Pass, "none", ""},
		{"C25", "in order", func(w *world) { w.running(); w.batteryClock(w.host.Now()) }, Pass, "rtc0", ""},
		{"C25", "in local time", func(w *world) { w.running(); w.batteryClock(w.host.Now().Add(2 * time.Hour)) }, Pass, "rtc0", ""},
		{"C25", "off", func(w *world) { w.running(); w.batteryClock(w.host.Now().Add(-7 * time.Minute)) }, Warn, "off by 7 min", hwclock},
		{"C25", "empty", func(w *world) { w.batteryClock(time.Unix(86400, 0)) }, Warn, "2 January 1970", hwclock},
		{"C25", "unreadable", func(w *world) { w.file("/sys/class/rtc/rtc0/since_epoch", "") }, Warn, "cannot be read", hwclock},
		{"C25", "said by the kernel", func(w *world) {
			w.running()
			w.batteryClock(w.host.Now())
			w.says["journalctl -k -b"] = "rtc-ds1307 1-0068: oscillator failed, low voltage detected, date/time is not reliable.\n"
		}, Warn, "lost its time", hwclock},
	})
}
