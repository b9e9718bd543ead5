package doctor

import (
	"context"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"portti/cmd/portti/config"
	"portti/cmd/portti/netcheck"
	"portti/cmd/portti/status"
	"portti/device"
)

// fact is a machine made of files, and what a check is to say of it.
type fact struct {
	id     string
	name   string
	files  map[string]string
	change func(h *Host)
	want   Verdict
	says   string // is in what the worst result says
}

func (f fact) run(t *testing.T) {
	t.Helper()
	root := fstest.MapFS{}
	for name, text := range f.files {
		root[name] = &fstest.MapFile{Data: []byte(text), Mode: 0o644}
	}
	h := &Host{Root: root, Path: "/", Config: config.Defaults(), ConfigPath: config.DefaultPath, Now: func() time.Time { return time.Unix(1_800_000_000, 0) }}
	h.Config.Uplink.URL = "wss://h.example.net/ws"
	if f.change != nil {
		f.change(h)
	}
	for _, c := range Checks() {
		if c.ID != f.id {
			continue
		}
		got := Examine(t.Context(), h, []Check{c})
		if got[0].Verdict != f.want || !strings.Contains(got[0].Finding, f.says) {
			t.Errorf("%s %s: %s %q, wanted %s with %q", f.id, f.name, got[0].Verdict, got[0].Finding, f.want, f.says)
		}
		for _, r := range got {
			wrong := r.Verdict == Warn || r.Verdict == Fail
			if wrong && (len(r.Actions) == 0 || !strings.HasSuffix(r.Finding, ".") && !strings.HasSuffix(r.Finding, ")")) {
				t.Errorf("%s %s: no advice, or no sentence: %+v", f.id, f.name, r)
			}
			if strings.Contains(strings.Join(r.Actions, ""), "`") || strings.Contains(r.Finding, "%!") {
				t.Errorf("%s %s: it is not for people: %+v", f.id, f.name, r)
			}
		}
		return
	}
	t.Errorf("there is no check %s", f.id)
}

// stagesOf makes a host of which netcheck finds this; the other stages are good.
func stagesOf(bad ...netcheck.Stage) func(h *Host) {
	return func(h *Host) {
		h.Netcheck = func(context.Context) ([]netcheck.Stage, error) {
			var all []netcheck.Stage
			over := false
			for _, name := range netcheck.Stages() {
				s := netcheck.Stage{Name: name, Verdict: netcheck.OK, Sentence: "good", RTTms: 20}
				if over {
					s = netcheck.Stage{Name: name, Verdict: netcheck.Skipped, Sentence: "the way ends before it"}
				}
				for _, b := range bad {
					if b.Name == name {
						s, over = b, b.Verdict == netcheck.Fail
					}
				}
				all = append(all, s)
			}
			return all, nil
		}
	}
}

func stage(name string, v netcheck.Verdict, code string) netcheck.Stage {
	return netcheck.Stage{Name: name, Verdict: v, Code: code, Sentence: "it is broken", Actions: []string{"Look: ip route"}, Commands: []string{"ip route"}}
}

// gateway makes a host whose gateway runs.
func gateway(change func(*status.Document)) func(*Host) {
	return func(h *Host) {
		stagesOf()(h)
		h.Status = &status.Document{Running: true, UptimeS: 7200, Clock: status.Clock{Trusted: true}, Link: status.Link{State: status.LinkOnline, Connects: 1}, Buffer: status.Buffer{State: status.BufferOK}}
		change(h.Status)
	}
}

func problem(code string) func(*Host) {
	return gateway(func(s *status.Document) {
		s.Problems = []status.Problem{{Code: code, Sentence: "It is so.", Actions: []string{"Do: portti status"}, Commands: []string{"portti status"}}}
	})
}

func mounted(kind, options string) map[string]string {
	return map[string]string{"proc/self/mountinfo": "21 1 179:2 / / rw,noatime shared:1 - ext4 /dev/root rw\n30 21 0:25 / /var/lib rw shared:2 - " + kind + " data " + options + "\n"}
}

func onDisk(flushes, ms, sectors, uptime string) map[string]string {
	return map[string]string{
		"proc/self/mountinfo": "21 1 179:2 / / rw - ext4 /dev/root rw\n",
		"proc/diskstats":      "179 0 mmcblk0 1 2 3 4 5 6 " + sectors + " 8 9 10 11 0 0 0 0 " + flushes + " " + ms + "\n179 2 mmcblk0p2 1 2 3 4 5 6 7 8 9 10 11 0 0 0 0 0 0\n",
		"proc/uptime":         uptime + " 1.0",
	}
}

func disk(free, inodes uint64) func(*Host) {
	return func(h *Host) {
		h.Disk = func(p string) (Disk, error) {
			if p == h.Config.Paths.State {
				return Disk{}, fs.ErrNotExist
			}
			return Disk{Free: free, Size: 1e9, FreeInodes: inodes, Inodes: 1000}, nil
		}
	}
}

func systemctl(out string) func(*Host) {
	return func(h *Host) {
		h.Run = func(context.Context, string, ...string) (string, error) { return out, nil }
	}
}

func both(all ...func(*Host)) func(*Host) {
	return func(h *Host) {
		for _, f := range all {
			f(h)
		}
	}
}

func TestDiskChecks(t *testing.T) {
	read := func(faults ...string) func(*Host) {
		return func(h *Host) { h.Buffer = func(context.Context, string) ([]string, error) { return faults, nil } }
	}
	small := map[string]string{"var/lib/portti/buffer.v2/state": "x"}
	card := func(life, end string) map[string]string {
		return map[string]string{"sys/block/mmcblk0/device/life_time": life, "sys/block/mmcblk0/device/pre_eol_info": end}
	}
	for _, f := range []fact{
		{id: "C26", name: "utc", files: map[string]string{"etc/adjtime": "0.0 0 0.0\n0\nUTC\n", "sys/class/rtc/rtc0/name": "ds3231"}, want: Pass},
		{id: "C26", name: "local", files: map[string]string{"etc/adjtime": "0.0 0 0.0\n0\nLOCAL\n"}, want: Warn, says: "local time"},
		{id: "C26", name: "none", want: Skip},

		{id: "C27", name: "roomy", change: disk(5e8, 500), want: Pass, says: "50 %"},
		{id: "C27", name: "little", change: disk(15e7, 500), want: Warn},
		{id: "C27", name: "less than min_free_disk", change: disk(5e7, 500), want: Fail, says: "min_free_disk"},
		{id: "C27", name: "many files", change: disk(5e8, 10), want: Warn, says: "10 of 1000 files"},
		{id: "C27", name: "nobody to ask", want: Skip},

		{id: "C28", name: "good", files: mounted("ext4", "rw"), want: Pass},
		{id: "C28", name: "read-only", files: mounted("ext4", "ro"), want: Fail, says: "read-only"},
		{id: "C28", name: "errors", files: map[string]string{"proc/self/mountinfo": mounted("ext4", "rw")["proc/self/mountinfo"], "sys/fs/ext4/mmcblk0p2/errors_count": "3\n"}, want: Warn, says: "3 errors"},
		{id: "C28", name: "unknown", want: Skip},

		{id: "C29", name: "the gateway's word", change: gateway(func(*status.Document) {}), want: Pass},
		{id: "C29", name: "degraded", change: gateway(func(s *status.Document) { s.Buffer.State, s.Buffer.LastError = status.BufferDegraded, "I/O error" }), want: Fail, says: "I/O error"},
		{id: "C29", name: "sound", files: small, change: read(), want: Pass, says: "sound"},
		{id: "C29", name: "damaged", files: small, change: read("segment 3: page 7 is wrong"), want: Fail, says: "page 7"},
		{id: "C29", name: "large", files: map[string]string{"var/lib/portti/buffer.v2/1.db": strings.Repeat("x", quickBuffer+1)}, change: read(), want: Skip, says: "portti queue check"},
		{id: "C29", name: "none", change: read(), want: Pass, says: "none yet"},

		{id: "C30", name: "disk", files: mounted("ext4", "rw"), want: Pass},
		{id: "C30", name: "memory", files: mounted("tmpfs", "rw"), want: Fail, says: "in memory"},
		{id: "C30", name: "overlay", files: mounted("overlay", "rw"), want: Warn},
		{id: "C30", name: "unknown", want: Skip},

		{id: "C31", name: "quick", files: onDisk("1000", "20000", "0", "90000"), want: Pass, says: "20 ms"},
		{id: "C31", name: "slow", files: onDisk("1000", "300000", "0", "90000"), want: Warn, says: "mmcblk0 took 300 ms"},
		{id: "C31", name: "very slow", files: onDisk("1000", "2000000", "0", "90000"), want: Fail},
		{id: "C31", name: "too few", files: onDisk("10", "20000", "0", "90000"), want: Skip},

		{id: "C32", name: "new", files: card("0x01 0x01", "0x01"), want: Pass, says: "0 to 10 %"},
		{id: "C32", name: "worn", files: card("0x03 0x09", "0x01"), want: Warn, says: "80 to 90 %"},
		{id: "C32", name: "warned", files: card("0x01 0x01", "0x02"), want: Warn},
		{id: "C32", name: "over", files: card("0x0b 0x01", "0x01"), want: Fail},
		{id: "C32", name: "few writes", files: onDisk("0", "0", "200000", "86400"), want: Pass, says: "102 MB a day"},
		{id: "C32", name: "many writes", files: onDisk("0", "0", "90000000", "86400"), want: Warn, says: "a day"},
		{id: "C32", name: "no account", files: onDisk("0", "0", "1", "60"), want: Skip},

		{id: "C33", name: "roomy", change: gateway(func(s *status.Document) { s.Buffer.HeadroomS = 90000 }), want: Pass},
		{id: "C33", name: "little", change: gateway(func(s *status.Document) { s.Buffer.HeadroomS = 7200 }), want: Warn, says: "4 hours"},
		{id: "C33", name: "hardly any", change: gateway(func(s *status.Document) { s.Buffer.HeadroomS = 60 }), want: Fail},
		{id: "C33", name: "none", change: gateway(func(s *status.Document) { s.Buffer.RoomBytes = new(int64) }), want: Fail, says: "no room"},
		{id: "C33", name: "not running", want: Skip},
	} {
		f.run(t)
	}
}

func TestNetworkChecks(t *testing.T) {
	token := func(source string, in int64, trusted bool) func(*Host) {
		return gateway(func(s *status.Document) {
			s.Clock.Trusted = trusted
			s.Link.Token = &status.Token{Source: source, ExpiresAt: 1_800_000_000 + in}
		})
	}
	opened := netcheck.Stage{Name: netcheck.TLS, Verdict: netcheck.Warn, Sentence: "something opens what is encrypted", Actions: []string{"Ask"}, Commands: []string{""}}
	slow := netcheck.Stage{Name: netcheck.Echo, Verdict: netcheck.OK, RTTms: 3000}
	for _, f := range []fact{
		{id: "C34", name: "good", change: stagesOf(), want: Pass},
		{id: "C34", name: "no route", change: stagesOf(stage(netcheck.Interface, netcheck.Warn, "NET-NO-ROUTE")), want: Warn, says: "NET-NO-ROUTE"},
		{id: "C34", name: "none", change: stagesOf(stage(netcheck.Interface, netcheck.Fail, "NET-NO-ROUTE")), want: Fail},
		{id: "C34", name: "no server", change: func(h *Host) { h.Config.Uplink.URL = "" }, want: Skip},
		{id: "C35", name: "good", change: stagesOf(), want: Pass},
		{id: "C35", name: "slow", change: stagesOf(stage(netcheck.DNS, netcheck.Warn, "NET-DNS")), want: Warn},
		{id: "C35", name: "unknown", change: stagesOf(stage(netcheck.DNS, netcheck.Fail, "NET-DNS")), want: Fail},
		{id: "C35", name: "cannot", want: Skip},
		{id: "C36", name: "good", change: stagesOf(), want: Pass},
		{id: "C36", name: "refused", change: stagesOf(stage(netcheck.TCP, netcheck.Fail, "NET-REFUSED")), want: Fail, says: "NET-REFUSED"},
		{id: "C36", name: "one address", change: stagesOf(stage(netcheck.TCP, netcheck.Warn, "NET-TIMEOUT")), want: Warn},
		{id: "C36", name: "portal is of C37", change: stagesOf(stage(netcheck.TLS, netcheck.Fail, "NET-PORTAL")), want: Pass},
		{id: "C36", name: "no address", change: stagesOf(stage(netcheck.DNS, netcheck.Fail, "NET-DNS")), want: Skip},
		{id: "C37", name: "good", change: stagesOf(), want: Pass},
		{id: "C37", name: "portal", change: stagesOf(stage(netcheck.TLS, netcheck.Fail, "NET-PORTAL")), want: Fail},
		{id: "C37", name: "opened", change: stagesOf(opened), want: Warn},
		{id: "C37", name: "cannot be seen", change: stagesOf(stage(netcheck.DNS, netcheck.Fail, "NET-DNS")), want: Skip},
		{id: "C38", name: "none", change: stagesOf(netcheck.Stage{Name: netcheck.Proxy, Verdict: netcheck.Skipped}), want: Pass},
		{id: "C38", name: "differ", change: both(stagesOf(), func(h *Host) { h.ShellProxy = "http://p:3128" }), want: Warn, says: "service: none"},
		{id: "C38", name: "refused", change: stagesOf(stage(netcheck.Proxy, netcheck.Fail, "NET-PROXY-AUTH")), want: Fail},
		{id: "C38", name: "cannot", want: Skip},
		{id: "C39", name: "good", change: stagesOf(), want: Pass},
		{id: "C39", name: "hole", change: stagesOf(stage(netcheck.TLS, netcheck.Fail, "NET-MTU")), want: Fail},
		{id: "C39", name: "known to the gateway", change: stagesOf(stage(netcheck.Echo, netcheck.Warn, "NET-MTU")), want: Warn},
		{id: "C39", name: "cannot be seen", change: stagesOf(stage(netcheck.TCP, netcheck.Fail, "NET-REFUSED")), want: Skip},
		{id: "C40", name: "good", change: stagesOf(), want: Pass},
		{id: "C40", name: "refused", change: stagesOf(stage(netcheck.Login, netcheck.Fail, "UP-AUTH-REJECTED")), want: Fail},
		{id: "C40", name: "cannot be seen", change: stagesOf(stage(netcheck.TCP, netcheck.Fail, "NET-REFUSED")), want: Skip},
		{id: "C41", name: "long", change: token("file", 30*86400, true), want: Pass},
		{id: "C41", name: "soon", change: token("file", 3*86400, true), want: Warn, says: "in 3 d"},
		{id: "C41", name: "over", change: token("file", -60, true), want: Fail, says: "expired"},
		{id: "C41", name: "renewed", change: token("jwt", 60, true), want: Pass},
		{id: "C41", name: "no clock", change: token("file", 60, false), want: Skip},
		{id: "C41", name: "not running", want: Skip},
		{id: "C42", name: "good", change: stagesOf(), want: Pass, says: "20 ms"},
		{id: "C42", name: "slow", change: stagesOf(slow), want: Warn, says: "3.0 s"},
		{id: "C42", name: "breaks", change: gateway(func(s *status.Document) { s.Link.Connects = 40 }), want: Warn, says: "40 times"},
		{id: "C42", name: "no pong", change: stagesOf(stage(netcheck.Echo, netcheck.Fail, "UP-NO-PONG")), want: Fail},
		{id: "C42", name: "cannot be seen", change: stagesOf(stage(netcheck.TCP, netcheck.Fail, "NET-REFUSED")), want: Skip},
		{id: "C43", name: "alone", change: gateway(func(s *status.Document) { s.Gateway.ID = "XXXX03GW1" }), want: Pass, says: "XXXX03GW1"},
		{id: "C43", name: "twin", change: problem("UP-TAKEOVER"), want: Fail},
		{id: "C43", name: "moved", change: problem("GW-OTHER-BOARD"), want: Warn},
		{id: "C43", name: "not running", want: Skip},
	} {
		f.run(t)
	}
}

func TestHostChecks(t *testing.T) {
	const memory = "MemTotal: 1000 kB\nMemAvailable: 500 kB\n"
	const throttle = "sys/devices/platform/soc/soc:firmware/get_throttled"
	unit := "MainPID=7\nTasksCurrent=10\nTasksMax=256\nMemoryCurrent=1000\nMemoryMax=infinity\nWatchdogUSec=1min\n"
	journal := func(conf string, kept bool) map[string]string {
		files := map[string]string{"run/systemd/system/x": "", "etc/systemd/journald.conf": "[Journal]\n#Storage=auto\n" + conf}
		if kept {
			files["var/log/journal/x"] = ""
		}
		return files
	}
	for _, f := range []fact{
		{id: "C44", name: "good", files: map[string]string{"proc/meminfo": memory, throttle: "0", "sys/class/thermal/thermal_zone0/temp": "51000\n"}, want: Pass},
		{id: "C44", name: "little memory", files: map[string]string{"proc/meminfo": "MemTotal: 1000 kB\nMemAvailable: 50 kB\n"}, want: Warn},
		{id: "C44", name: "memory ran out", files: map[string]string{"proc/meminfo": memory, "proc/vmstat": "pgfault 5\noom_kill 2\n"}, want: Warn, says: "2 programs"},
		{id: "C44", name: "low voltage now", files: map[string]string{throttle: "50005"}, want: Fail, says: "too low now"},
		{id: "C44", name: "low voltage once", files: map[string]string{throttle: "50000"}, want: Warn, says: "voltage"},
		{id: "C44", name: "low by the sensor", files: map[string]string{"sys/class/hwmon/hwmon1/name": "rpi_volt\n", "sys/class/hwmon/hwmon1/in0_lcrit_alarm": "1\n"}, want: Fail},
		{id: "C44", name: "another sensor", files: map[string]string{"proc/meminfo": memory, "sys/class/hwmon/hwmon1/name": "cpu\n", "sys/class/hwmon/hwmon1/in0_lcrit_alarm": "1\n"}, want: Pass},
		{id: "C44", name: "hot", files: map[string]string{"sys/class/thermal/thermal_zone0/temp": "81000"}, want: Warn, says: "81 °C"},
		{id: "C44", name: "too hot", files: map[string]string{"sys/class/thermal/thermal_zone0/temp": "86000"}, want: Fail},
		{id: "C44", name: "unknown", want: Skip},
		{id: "C45", name: "good", change: systemctl(unit), want: Pass},
		{id: "C45", name: "tasks", change: systemctl("MainPID=7\nTasksCurrent=250\nTasksMax=256\n"), want: Warn, says: "250 of the 256"},
		{id: "C45", name: "files", files: map[string]string{"proc/7/fd/0": "", "proc/7/fd/1": "", "proc/7/limits": "Max open files            2                    2          files\n"}, change: systemctl(unit), want: Warn, says: "2 of the 2 open files"},
		{id: "C45", name: "no service", want: Skip},
		{id: "C46", name: "fed", change: systemctl(unit), want: Pass},
		{id: "C46", name: "off", change: systemctl("MainPID=7\nWatchdogUSec=0\n"), want: Warn},
		{id: "C46", name: "stuck", change: problem("SYS-WATCHDOG"), want: Fail},
		{id: "C46", name: "no service", want: Skip},
		{id: "C47", name: "kept", files: journal("", true), want: Pass},
		{id: "C47", name: "volatile", files: journal("Storage=volatile\n", true), want: Warn, says: "in memory only"},
		{id: "C47", name: "no folder", files: journal("", false), want: Warn},
		{id: "C47", name: "large", files: journal("SystemMaxUse=4G\n", true), want: Warn, says: "4G"},
		{id: "C47", name: "no systemd", want: Skip},
		{id: "C48", name: "closed", want: Pass},
		{id: "C48", name: "metrics", change: func(h *Host) { h.Config.Metrics.Listen = "[::]:9470" }, want: Warn, says: "metrics"},
		{id: "C48", name: "page", change: func(h *Host) { h.Config.Web.Listen = ":8470" }, want: Warn, says: "page"},
		{id: "C48", name: "port", change: func(h *Host) { h.Config.Devices = []device.Config{{Name: "gps", Share: "0.0.0.0:10111"}} }, want: Warn, says: "gps"},
		{id: "C48", name: "no configuration", change: func(h *Host) { h.Config = nil }, want: Skip},
		{id: "C49", name: "clean", files: map[string]string{"var/lib/portti/id": "x"}, want: Pass},
		{id: "C49", name: "damaged", files: map[string]string{"var/lib/portti/buffer.v2/00000001.db.damaged-1": "xxxx"}, want: Warn, says: "set aside"},
		{id: "C49", name: "core", files: map[string]string{"var/lib/portti/core": "x"}, want: Warn, says: "crash"},
		{id: "C49", name: "old configuration", files: map[string]string{"etc/portti/portti.toml.bak": "x"}, want: Warn, says: "older than a month"},
		{id: "C50", name: "64", files: map[string]string{"bin/sh": "\x7fELF\x02"}, want: Pass, says: "64-bit"},
		{id: "C50", name: "32", files: map[string]string{"bin/sh": "\x7fELF\x01"}, want: Pass, says: "2038"},
		{id: "C50", name: "unknown", want: Skip},
	} {
		f.run(t)
	}
}
