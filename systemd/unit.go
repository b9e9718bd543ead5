package systemd

import (
	"fmt"
	"strings"
)

// Unit is what differs between one installation's unit file and another's.
type Unit struct {
	Exec        string   // absolute path of the binary
	Args        []string // its arguments: run -c FILE
	SerialGroup string   // the group that owns serial ports; "" means dialout
	Packaged    bool     // it comes with a package, not from Service.Install
}

// Text returns the unit file. It fails when a path or argument holds a
// character that means something else in a unit file (white space, quotes,
// %, $, backslash, {{), rather than quoting it: nobody needs such a path, and
// a wrong guess would run something else.
func (u Unit) Text() (string, error) {
	if !strings.HasPrefix(u.Exec, "/") {
		return "", fmt.Errorf("cannot write a unit: the binary's path %q is not absolute", u.Exec)
	}
	group := u.SerialGroup
	if group == "" {
		group = "dialout"
	}
	line := append([]string{u.Exec}, u.Args...)
	for _, word := range append(line, group) {
		if word == "" || strings.ContainsFunc(word, special) {
			return "", fmt.Errorf("cannot write a unit: %q holds a character that has a meaning in a unit file", word)
		}
	}
	return strings.NewReplacer("@ORIGIN@", u.origin(), "@EXEC@", strings.Join(line, " "), "@PROGRAM@", u.Exec, "@CONFIG@", configOf(u.Args), "@SERIAL@", group).Replace(unitText), nil
}

// origin is the line by which a file of ours is known from a package's.
func (u Unit) origin() string {
	if u.Packaged {
		return "# Part of the package portti."
	}
	return "# " + ours + "."
}

func special(r rune) bool {
	return r <= ' ' || r == 0x7f || r > 0x7e || strings.ContainsRune(`"'\%${};`, r)
}

// ours is how a unit or script is known that is not a package's.
const ours = `Written by "portti service install"`

// unitText is the whole unit. What the lines are for, where it is not plain:
//
//   - The watchdog ends a stuck daemon with SIGABRT; TimeoutAbortSec is short
//     because a process that is stopped or deep in the kernel cannot answer it.
//   - StateDirectory waits for its mount by itself; RequiresMountsFor says so
//     where somebody takes that line out for a folder of his own.
//   - ExecStopPost keeps systemd's word on how a run ended, for the next one to tell.
//   - Exit 6 is "not configured" and 78 "configuration invalid": starting again
//     would not help.
//   - No network-online: a gateway collects before it has a network.
//   - TimerSlackNSec: the Go runtime's monitor thread looks each 20 µs while anything
//     runs. With 1 ms it does so together with other timers: a third less processor
//     time with 64 busy ports, measured. Bytes and packets wake nobody later.
//   - Numeric device majors (188 ttyUSB, 166 ttyACM, 4 ttyS, 204 ttyAMA): a
//     name is looked up when the service starts, and a driver loaded later
//     would be denied until the next restart.
//   - No PrivateDevices: it hides the serial ports. No ProtectClock: it makes
//     even reading adjtimex fail, and the clock would never count as trusted.
//     Setting the clock still needs a capability that the set lacks.
//   - AF_UNIX, besides the control socket: /run/dbus/system_bus_socket, through which a
//     device of type "ble" asks bluetoothd. The bus knows us by our user in spite of
//     PrivateUsers, which maps it to itself.
//   - No ProcSubset=pid: it hides /proc/sys (boot id) and /proc/consoles.
//   - MemoryMax: the program reads it and lets its collector work harder before
//     the kernel ends us, so a drop-in that changes it is enough.
const unitText = `@ORIGIN@ Change it with: systemctl edit portti
[Unit]
Description=portti sensor and GPS gateway
After=local-fs.target time-set.target
RequiresMountsFor=/var/lib/portti
StartLimitIntervalSec=0

[Service]
Type=notify
NotifyAccess=main
ExecStart=@EXEC@
ExecStopPost=-@PROGRAM@ service ended -c @CONFIG@
ExecReload=/bin/kill -HUP $MAINPID
WatchdogSec=60
Restart=always
RestartSec=2
RestartPreventExitStatus=6 78
TimeoutStartSec=120
TimeoutStopSec=30
TimeoutAbortSec=10

User=portti
Group=portti
SupplementaryGroups=@SERIAL@
UMask=0077
StateDirectory=portti
StateDirectoryMode=0700
RuntimeDirectory=portti
RuntimeDirectoryMode=0755
ConfigurationDirectory=portti
ConfigurationDirectoryMode=0750

TimerSlackNSec=1ms
MemoryMax=96M
TasksMax=256
LimitNOFILE=1024
OOMScoreAdjust=-200

CapabilityBoundingSet=
AmbientCapabilities=
NoNewPrivileges=yes
ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
PrivateMounts=yes
PrivateUsers=yes
ProtectProc=invisible
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectControlGroups=yes
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
RemoveIPC=yes
# systemd-analyze security rates this unit 1.8 (systemd 252). Above 1.5 are:
#   0.1 AF_NETLINK: to be told when a network appears, instead of waiting for the next
#       attempt. It may ask and listen; changing anything needs a capability.
#   0.2 adjtimex and its like: to read whether the kernel's clock is synchronised. They
#       are of the groups @clock and @privileged, a tenth each; setting the clock needs a
#       capability as well.
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
SystemCallFilter=adjtimex clock_adjtime clock_adjtime64
SystemCallErrorNumber=EPERM
DevicePolicy=closed
DeviceAllow=char-188 rw
DeviceAllow=char-166 rw
DeviceAllow=char-4 rw
DeviceAllow=char-204 rw

[Install]
WantedBy=multi-user.target
`
