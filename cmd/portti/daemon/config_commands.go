package daemon

import (
	"fmt"
	"slices"
	"time"
)

// The commands that [uplink] accept_commands can name.
const (
	cmdStatus         = "status"          // tell the gateway's state at once
	cmdFlush          = "flush"           // commit what is in memory and try the link now
	cmdReconnect      = "reconnect"       // close the link in order and connect again
	cmdLogLevel       = "log-level"       // another log level for a time
	cmdReload         = "reload"          // read the configuration again
	cmdReportInterval = "report-interval" // how often health is told
	cmdDevice         = "device"          // messages for a device go to its driver
	cmdReboot         = "reboot"          // start the machine again
)

// CommandNames lists what accept_commands can name.
func CommandNames() []string {
	return []string{cmdStatus, cmdFlush, cmdReconnect, cmdLogLevel, cmdReload, cmdReportInterval, cmdDevice, cmdReboot}
}

// What report_interval may be in the configuration, zero aside.
const (
	minReport = 10 * time.Second
	maxReport = 24 * time.Hour
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
