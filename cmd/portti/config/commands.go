package config

import (
	"fmt"
	"slices"
	"time"
)

// The commands that [uplink] accept_commands can name.
const (
	CmdStatus         = "status"          // tell the gateway's state at once
	CmdFlush          = "flush"           // commit what is in memory and try the link now
	CmdReconnect      = "reconnect"       // close the link in order and connect again
	CmdLogLevel       = "log-level"       // another log level for a time
	CmdReload         = "reload"          // read the configuration again
	CmdReportInterval = "report-interval" // how often health is told
	CmdDevice         = "device"          // messages for a device go to its driver
	CmdReboot         = "reboot"          // start the machine again
)

// CommandNames lists what accept_commands can name.
func CommandNames() []string {
	return []string{CmdStatus, CmdFlush, CmdReconnect, CmdLogLevel, CmdReload, CmdReportInterval, CmdDevice, CmdReboot}
}

// What report_interval may be in the configuration, zero aside.
const (
	minReport = 10 * time.Second
	MaxReport = 24 * time.Hour
)

func (l *loader) checkCommands(path string) {
	const key = "uplink.accept_commands"
	if l.bad[key] {
		return
	}
	for _, name := range l.cfg.Uplink.AcceptCommands {
		if slices.Contains(CommandNames(), name) {
			continue
		}
		hint := "it is " + oneOf(CommandNames())
		if near := Nearest(name, CommandNames()); near != "" {
			hint = fmt.Sprintf("did you mean %q?", near)
		}
		l.fault(path, key, fmt.Sprintf(`"accept_commands" cannot hold %s`, quoteShort(name)), hint)
	}
}
