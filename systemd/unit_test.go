package systemd

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

func rendered(t *testing.T) string {
	t.Helper()
	text, err := Unit{Exec: "/usr/local/bin/portti", Args: []string{"run", "-c", "/etc/portti/portti.toml"}}.Text()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// TestUnitKeepsItsPromises names every line that somebody relies on.
func TestUnitKeepsItsPromises(t *testing.T) {
	lines := strings.Split(rendered(t), "\n")
	for _, want := range []string{
		"ExecStart=/usr/local/bin/portti run -c /etc/portti/portti.toml",
		"ExecStopPost=-/usr/local/bin/portti service ended -c /etc/portti/portti.toml",
		"Type=notify", "NotifyAccess=main", "WatchdogSec=60", "ExecReload=/bin/kill -HUP $MAINPID",
		"Restart=always", "RestartSec=2", "StartLimitIntervalSec=0", "RestartPreventExitStatus=6 78", "TimeoutStopSec=30",
		"User=portti", "Group=portti", "SupplementaryGroups=dialout", "UMask=0077",
		"RequiresMountsFor=/var/lib/portti", // row 24
		"StateDirectory=portti", "StateDirectoryMode=0700", "RuntimeDirectory=portti", "RuntimeDirectoryMode=0755",
		"ConfigurationDirectory=portti", "ConfigurationDirectoryMode=0750",
		"CapabilityBoundingSet=", "NoNewPrivileges=yes", "ProtectSystem=strict", "ProtectHome=yes", "PrivateTmp=yes", "PrivateMounts=yes",
		"PrivateUsers=yes", "ProtectProc=invisible", "MemoryDenyWriteExecute=yes", "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK",
		"SystemCallFilter=adjtimex clock_adjtime clock_adjtime64", "DevicePolicy=closed",
		"DeviceAllow=char-188 rw", "DeviceAllow=char-166 rw", "DeviceAllow=char-4 rw", "DeviceAllow=char-204 rw",
		"MemoryMax=96M", "TimerSlackNSec=1ms", "TasksMax=256", "LimitNOFILE=1024", "WantedBy=multi-user.target",
	} {
		if !slices.Contains(lines, want) {
			t.Errorf("the unit lacks %q", want)
		}
	}
	for _, line := range lines {
		for _, never := range []string{"PrivateDevices", "ProtectClock", "ProcSubset", "network-online", "DeviceAllow=char-tty", "@EXEC@", "@SERIAL@", "{{"} {
			if strings.Contains(line, never) {
				t.Errorf("the unit must not hold %s: %q", never, line)
			}
		}
	}
}

func TestUnitRefusesWordsWithAMeaning(t *testing.T) {
	for _, u := range []Unit{
		{Exec: "portti"},
		{Exec: ""},
		{Exec: "/opt/my tools/portti"},
		{Exec: "/opt/portti", Args: []string{"-c", "/etc/100%h.toml"}},
		{Exec: "/opt/portti", Args: []string{"-c", "/etc/$HOME.toml"}},
		{Exec: "/opt/portti", Args: []string{"-c", "/etc/a\nUser=root"}},
		{Exec: "/opt/portti", Args: []string{`"`}},
		{Exec: "/opt/portti", Args: []string{`\x20`}},
		{Exec: "/opt/portti", Args: []string{"{{Path}}"}},
		{Exec: "/opt/portti", Args: []string{""}},
		{Exec: "/opt/portti", SerialGroup: "a b"},
	} {
		if text, err := u.Text(); err == nil {
			t.Errorf("%+v was written into a unit: %s", u, text)
		}
	}
}

func TestUnitNamesTheSerialGroup(t *testing.T) {
	text, err := Unit{Exec: "/usr/bin/portti", SerialGroup: "uucp"}.Text()
	if err != nil || !strings.Contains(text, "\nSupplementaryGroups=uucp\n") {
		t.Errorf("error %v in\n%s", err, text)
	}
}

// TestUnitExposure asks systemd how much the service could do if it were taken over: 0
// nothing, 10 everything. Each tenth above 1.5 is named in the unit, and without what it
// names the rating is 1.5.
func TestUnitExposure(t *testing.T) {
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("systemd-analyze is not installed")
		}
		t.Skip("systemd-analyze is not installed")
	}
	unit := rendered(t)
	named := 0
	for _, m := range regexp.MustCompile(`(?m)^#   0\.([0-9]) `).FindAllStringSubmatch(unit, -1) {
		tenths, _ := strconv.Atoi(m[1])
		named += tenths
	}
	got := exposure(t, unit)
	if got > 15+named {
		t.Errorf("exposure %d tenths, and %d above 15 are named", got, named)
	}
	bare := strings.ReplaceAll(strings.ReplaceAll(unit, "SystemCallFilter=adjtimex clock_adjtime clock_adjtime64\n", ""), " AF_NETLINK\n", "\n")
	if got := exposure(t, bare); got > 15 {
		t.Errorf("without what is named the exposure is %d tenths", got)
	}
}

// exposure is what systemd rates a unit, in tenths.
func exposure(t *testing.T, unit string) int {
	t.Helper()
	path := filepath.Join(t.TempDir(), "portti.service")
	if err := os.WriteFile(path, []byte(unit), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("systemd-analyze", "security", "--offline=true", "--no-pager", path).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	score := regexp.MustCompile(`Overall exposure level for \S+: ([0-9]+)\.([0-9])`).FindSubmatch(out)
	if score == nil {
		t.Fatalf("no score in\n%s", out)
	}
	n, err := strconv.Atoi(string(score[1]) + string(score[2]))
	if err != nil {
		t.Fatal(err)
	}
	return n
}
