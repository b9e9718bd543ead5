package status

import (
	"strings"
	"time"
)

// Entry is what the catalogue says about one kind of problem.
type Entry struct {
	Code      string        // FAMILY-NAME, never renamed
	Severity  Severity      //
	Title     string        // a few words
	Sentence  string        // for people; {port} and the like are filled in
	Actions   []string      // what to do, in this order, commands to type in backquotes; never empty
	DependsOn []string      // not shown while one of these is open
	ShowAfter time.Duration // how long it must last before it is shown
	LogAfter  time.Duration // shown at once to who looks, and logged when it has lasted
	// ImpactsData says that readings are being lost or may be.
	ImpactsData bool
}

// Say fills the places of the sentence. args are names and values in turn.
// A place nobody filled says "unknown". Values are foreign text: control
// characters are escaped and each is cut at 320 characters.
func (e Entry) Say(args ...string) string { return plain(fill(e.Sentence, args)) }

// Advise fills the places of the actions in the same way, and gives them as Read does.
func (e Entry) Advise(args ...string) (actions, commands []string) {
	filled := make([]string, len(e.Actions))
	for i, a := range e.Actions {
		filled[i] = fill(a, args)
	}
	return Read(filled)
}

// Read gives actions as a person reads them, and for each of them the first command to
// type, or "".
func Read(marked []string) (actions, commands []string) {
	actions, commands = make([]string, len(marked)), make([]string, len(marked))
	for i, text := range marked {
		actions[i], commands[i] = plain(text), command(text)
	}
	return actions, commands
}

// command is the first text in backquotes.
func command(text string) string {
	_, rest, _ := strings.Cut(text, "`")
	first, _, _ := strings.Cut(rest, "`")
	return first
}

func plain(text string) string { return strings.ReplaceAll(text, "`", "") }

// instruction says whether the value of a place is advice of the program's own, which
// may hold commands. In every other value a backquote is only a character.
func instruction(place string) bool {
	return place == "remedy" || place == "letin" || place == "new" || place == "address"
}

func fill(pattern string, args []string) string {
	var b strings.Builder
	for {
		before, after, _ := strings.Cut(pattern, "{")
		b.WriteString(before)
		name, rest, closed := strings.Cut(after, "}")
		if !closed {
			return b.String()
		}
		value := "unknown"
		for i := 0; i+1 < len(args); i += 2 {
			if args[i] == name {
				if value = Clean(args[i+1], 320); !instruction(name) {
					value = strings.ReplaceAll(value, "`", "'")
				}
			}
		}
		b.WriteString(value)
		pattern = rest
	}
}

// Catalogue lists the problems of the gateway itself, sorted by code; those that
// only one kind of device can have stand with its driver. The families: BUF
// buffer, CFG configuration, CLK clock, DEV device, GW the gateway's identity, HW
// hardware and permissions, NET path to the server, SYS host, TLS certificates, UP
// server.
func Catalogue() []Entry {
	var all []Entry
	for _, family := range [][]Entry{
		bufferProblems(), configProblems(), clockProblems(), deviceProblems(), identityProblems(), hardwareProblems(),
		networkProblems(), hostProblems(), certificateProblems(), serverProblems(), tokenProblems(), limitProblems(),
	} {
		all = append(all, family...)
	}
	return all
}

// readingsWait is all that can be promised: whether something was lost is a
// number of its own, and a problem of its own.
const readingsWait = "Readings wait in the buffer."

func bufferProblems() []Entry {
	return []Entry{
		{Code: "BUF-CORRUPT", Severity: Error, Title: "Damaged buffer file", ImpactsData: true,
			Sentence: "A part of the buffer could not be read and was set aside: {what}. Everything readable in it was kept.",
			Actions:  []string{"If it was a power cut there is nothing else to do, and this is over with the next start: `sudo portti service restart`", "If it repeats, replace the card or disk: `dmesg | grep -iE 'mmc|ext4|I/O'`", "Keep the file that was set aside for support: it is in the state folder"}},
		{Code: "BUF-DISK-LOW", Severity: Warning, Title: "Disk is nearly full", ImpactsData: true,
			Sentence: "Only {free} of the disk is free, less than min_free_disk ({least}). The buffer does not grow any more: when_full decides what is given up for new readings.",
			Actions:  []string{"Make room on the disk: `sudo journalctl --vacuum-size=50M`", "See what fills it: `df -h {path}`", "Lower min_free_disk in [buffer] if the disk is meant to be so full, then: `sudo portti reload`"}},
		{Code: "BUF-FILLING", Severity: Warning, Title: "Buffer is filling", ShowAfter: time.Minute, DependsOn: []string{"BUF-FULL"},
			Sentence: "The buffer is {percent} % full, with room for about {room}.",
			Actions:  []string{"Bring the link back: `portti status` says what is wrong with it", "Raise max_size in [buffer] if the disk has room, then: `sudo portti reload`"}},
		{Code: "BUF-FULL", Severity: Error, Title: "Buffer is full", ImpactsData: true,
			Sentence: "The buffer is full: {what}.",
			Actions:  []string{"Bring the link back: `portti status` says what is wrong with it", "Raise max_size in [buffer] if the disk has room, then: `sudo portti reload`"}},
		{Code: "BUF-GONE", Severity: Error, Title: "Buffer is gone", ImpactsData: true,
			Sentence: "The whole buffer was gone from {path} when the gateway started, and a new one was made. What waited in it is lost, and nobody can tell how much that was.",
			Actions:  []string{"If it lies on a disk of its own, mount that; in any case, to go on with what is there now: `sudo portti service restart`", "See which disk it is on: `findmnt -T {path}`", "If you removed it to start afresh, there is nothing to do; next time remove {note} as well, and no loss is reported"}},
		{Code: "BUF-IO", Severity: Error, Title: "Disk error", ImpactsData: true, DependsOn: []string{"BUF-READONLY"},
			Sentence: "The disk reported an error while readings were being saved: {why}.",
			Actions:  []string{"Replace the card or disk soon: such errors become more frequent", "See what the kernel says of it: `dmesg | grep -iE 'mmc|ext4|I/O'`"}},
		{Code: "BUF-LOST", Severity: Error, Title: "Readings were lost", ImpactsData: true,
			Sentence: "The gateway {count}{when}: {reason}.",
			Actions:  []string{"See which devices: `portti status --json` shows lost by reason and device", "Solve the problem shown next to this one"}},
		{Code: "BUF-MOVED", Severity: Error, Title: "Another disk in place of the buffer's", ImpactsData: true,
			Sentence: "Another file system was mounted over the state folder {path}, or its own was taken away: readings are kept in memory only.",
			Actions:  []string{"Mount the right disk again: readings go on from where they were", "If the one there now is the right one, restart portti; readings saved on the other stay there"}},
		{Code: "BUF-NEWER", Severity: Error, Title: "Buffer of a newer portti", ImpactsData: true,
			Sentence: "A part of the buffer was written by a newer portti and was set aside unread: {what}.",
			Actions:  []string{"Install the newer version again: it reads what was set aside"}},
		{Code: "BUF-OLD", Severity: Warning, Title: "Buffer of another version left behind", ImpactsData: true,
			Sentence: "A buffer that another version of portti wrote lies in {path} ({count}). It is not touched, and what is in it is not sent.",
			Actions:  []string{"Send it: install the version that wrote it, let it run until nothing waits, and install this one again", "If nobody wants it: `sudo rm -r {path}`"}},
		{Code: "BUF-READONLY", Severity: Error, Title: "Disk is read-only", ImpactsData: true,
			Sentence: "The state folder {path} cannot be written ({why}): readings are kept in memory only.",
			Actions:  []string{"{remedy}", "See what the service may not do there: `sudo portti config check`", "Check who owns the folder: `ls -ld {path}`"}},
		{Code: "BUF-ROLLBACK", Severity: Warning, Title: "Older buffer than before", ImpactsData: true,
			Sentence: "The buffer's state file is missing, or older than the files next to it or than what the server has seen, as when an older card or a backup was put back.",
			Actions:  []string{"Nothing to do here; tell the server's operator that readings may repeat, and that those of earlier boots may carry a guessed time"}},
		{Code: "BUF-SLOW", Severity: Warning, Title: "Disk is slow", DependsOn: []string{"BUF-IO", "BUF-READONLY"},
			Sentence: "Saving readings took {seconds} s at a time: more of them are in memory only, and would be lost if the power failed.",
			Actions:  []string{"See what else writes to the card: `iotop`, or `grep sd /proc/diskstats`", "Replace the card if it stays slow: that is how a worn card begins to fail"}},
		{Code: "BUF-UNREAD", Severity: Error, Title: "Buffer file cannot be read now", ImpactsData: true,
			Sentence: "{count} of the buffer cannot be read from the disk now: {why}. The readings in there wait; everything else goes on.",
			Actions:  []string{"Replace the card or disk soon: such errors become more frequent", "See what the kernel says of it: `dmesg | grep -iE 'mmc|ext4|I/O'`"}},
	}
}

func configProblems() []Entry {
	return []Entry{
		{Code: "CFG-INVALID", Severity: Warning, Title: "Configuration has mistakes",
			Sentence: "The configuration was changed and has mistakes: {why}. The gateway goes on with the one it had.",
			Actions:  []string{"Correct that, then: `sudo portti reload`", "See every mistake with its place: `portti config check`"}},
		{Code: "CFG-NO-DEVICE", Severity: Warning, Title: "No device",
			Sentence: "No device is configured, so nothing is read.",
			Actions:  []string{"Add what is connected: `sudo portti discover --add`", "By hand: add a [[device]], of which `portti config create --device gps` shows one; then: `sudo portti reload`"}},
		{Code: "CFG-NO-SERVER", Severity: Warning, Title: "No server",
			Sentence: "No server is set, so nothing is sent. " + readingsWait,
			Actions:  []string{"Set it: `sudo portti setup`", "By hand: write url = \"wss://...\" in [uplink]; then: `sudo portti reload`"}},
		{Code: "CFG-ON-TRIAL", Severity: Info, Title: "Configuration on trial",
			Sentence: "The configuration is on trial: in {left} the one before holds again, unless the link comes online by then or somebody confirms it.",
			Actions:  []string{"Keep it: `sudo portti reload --confirmed`", "See what is wrong with the link: `portti status`"}},
		{Code: "CFG-REFUSED", Severity: Warning, Title: "Configuration not in force",
			Sentence: "The configuration was changed and cannot be put in force: {why}. The gateway goes on with the one it had.",
			Actions:  []string{"When that is mended: `sudo portti reload`"}},
		{Code: "CFG-TAKEN-BACK", Severity: Warning, Title: "Configuration was taken back",
			Sentence: "The changed configuration was taken back, since {why}. The gateway runs by the one before: {keys} in the files is not in force.",
			Actions:  []string{"Correct the files and try again: `sudo portti reload --confirm 5m`", "See the difference: `portti config diff`", "Or write the values before into the files, and this is over"}},
		{Code: "CFG-UNFIT", Severity: Warning, Title: "Setting was corrected",
			Sentence: "The gateway does not run as it is configured: {what}.",
			Actions:  []string{"Correct that setting, then: `sudo portti reload`", "See where it stands: `sudo portti config check`"}},
		{Code: "CFG-UNPROVEN", Severity: Info, Title: "Delivery is not proven",
			Sentence: "ack = \"none\": what was written to the network counts as delivered, so readings can vanish without being counted.",
			Actions:  []string{"Say ack = \"fence\" in [uplink] if the server answers WebSocket pings, then: `sudo portti reload`"}},
	}
}

func clockProblems() []Entry {
	return []Entry{
		{Code: "CLK-DISPUTE", Severity: Warning, Title: "Times contradict each other",
			Sentence: "The times of {a} and {b} are {by} apart, and nothing shows which of them is right. Neither sets the clock, and positions dated by them carry the possible error in tsErr.",
			Actions:  []string{"Compare both with a clock, and switch the wrong one off or replace it", "Let the gateway reach a time server, which decides: `timedatectl timesync-status`"}},
		{Code: "CLK-GUESSED", Severity: Warning, Title: "Time of readings is a guess", DependsOn: []string{"CLK-UNSET"},
			Sentence: "No trusted time came within {hold} of boot: readings are sent with the best guess and its error in tsErr.",
			Actions:  []string{"Let the gateway reach a time server", "See whether it does: `timedatectl timesync-status`"}},
		{Code: "CLK-STEP", Severity: Info, Title: "Clock jumped",
			Sentence: "The clock of this machine jumped {way} by {by}. The order of readings, timers and age limits do not depend on it.",
			Actions:  []string{"Nothing to do; if it repeats, see who sets the clock: `timedatectl; journalctl -u systemd-timesyncd -u chrony`"}},
		{Code: "CLK-UNSET", Severity: Warning, Title: "Clock is not set", LogAfter: 30 * time.Second,
			Sentence: "The clock cannot be trusted: no time server has been reached since the start. Until it can be, certificates cannot be judged, and readings are kept to be dated later.",
			Actions: []string{"Connect the network, so that a time server is reached", "See whether one is: `timedatectl timesync-status`", "Without a time server the time comes from a GPS receiver, or from the server if the battery clock agrees with it to five minutes",
				"To believe the server alone: trust_server = true in [clock], then: `sudo portti service restart`"}},
	}
}

func deviceProblems() []Entry {
	gone := []string{"DEV-GONE", "DEV-BUSY", "DEV-AMBIGUOUS", "DEV-STUCK", "DEV-CRASH", "HW-PERMISSION", "HW-CONSOLE", "HW-NOT-SERIAL", "HW-NO-DIRECTION"}
	return []Entry{
		{Code: "DEV-AMBIGUOUS", Severity: Error, Title: "More than one adapter fits", ShowAfter: 5 * time.Second, ImpactsData: true,
			Sentence: "{subject}: {why}.",
			Actions:  []string{"Add serial or interface to match of this [[device]], or name one in port, then: `sudo portti reload`", "See which there are: `ls -l /dev/serial/by-path/`"}},
		{Code: "DEV-BUSY", Severity: Error, Title: "Port in use", ShowAfter: 5 * time.Second, ImpactsData: true,
			Sentence: "{subject}: {port} is in use by another program.",
			Actions:  []string{"Stop the program: `sudo fuser -vk {port}`", "If it comes back, it is a service; if that is ModemManager: `sudo systemctl mask --now ModemManager`"}},
		{Code: "DEV-CRASH", Severity: Error, Title: "Driver crashed", ImpactsData: true,
			Sentence: "{subject}: the driver met something that it could not handle, and was restarted: {why}.",
			Actions:  []string{"Save the log for support: `journalctl -u portti --since -1h`"}},
		{Code: "DEV-FLOOD", Severity: Warning, Title: "Too many readings", ShowAfter: 10 * time.Second, ImpactsData: true,
			Sentence: "{subject} sends more than its rate_limit allows: the excess is dropped and counted as lost.",
			Actions:  []string{"Let the device send less often, or raise rate_limit of this [[device]], then: `sudo portti reload`"}},
		{Code: "DEV-GARBAGE", Severity: Error, Title: "Unreadable data", ShowAfter: 10 * time.Second, ImpactsData: true, DependsOn: append([]string{"DEV-UNKNOWN-FORMAT", "DEV-WRONG-BAUD"}, gone...),
			Sentence: "{subject} sends garbage: bytes arrive on {port}, but nothing in them can be read.",
			Actions:  []string{"Correct baud and type of this [[device]] by the device's manual, then: `sudo portti reload`", "Check the cable and the ground wire", "See what it sends: `portti tail {subject} --raw`"}},
		{Code: "DEV-GONE", Severity: Error, Title: "Port is missing", ShowAfter: 5 * time.Second, ImpactsData: true,
			Sentence: "{subject}: {port} is not there. Waiting for it to come back.",
			Actions:  []string{"{remedy}", "See what the system found, and compare with port of this [[device]]: `ls -l /dev/serial/by-id/`"}},
		{Code: "DEV-RENUMBERED", Severity: Info, Title: "Port has another number",
			Sentence: "{subject} came back under another name: {port}.",
			Actions:  []string{"Nothing to do; a name from /dev/serial/by-id/ in port of this [[device]] never changes"}},
		{Code: "DEV-SHARE", Severity: Warning, Title: "Bytes cannot be shared", ShowAfter: 5 * time.Second,
			Sentence: "The bytes of {subject} cannot be given to other programs at {addr}: {why}. The device is read all the same.",
			Actions:  []string{"Stop the program that has the port: `sudo fuser -vk {port}/tcp`", "Or give share of this [[device]] another address, such as 127.0.0.1:10111, then: `sudo portti reload`"}},
		{Code: "DEV-SILENT", Severity: Warning, Title: "Device sends nothing", ImpactsData: true, DependsOn: append([]string{"DEV-GARBAGE", "DEV-UNKNOWN-FORMAT", "DEV-WRONG-BAUD"}, gone...),
			Sentence: "{subject} has sent nothing for {age}.",
			Actions:  []string{"Check the cable and the device's power", "If both are right, correct baud of this [[device]], then: `sudo portti reload`"}},
		{Code: "DEV-STUCK", Severity: Error, Title: "Port does not answer", ImpactsData: true, DependsOn: []string{"DEV-GONE"},
			Sentence: "{subject}: the kernel does not answer on {port}.",
			Actions:  []string{"Unplug the adapter and plug it in again", "If that does not help: `sudo portti service restart`; `dmesg | tail` says what the adapter did"}},
		{Code: "DEV-UNKNOWN-FORMAT", Severity: Error, Title: "Another kind of device", ShowAfter: 10 * time.Second, ImpactsData: true, DependsOn: gone,
			Sentence: "{subject}: what arrives on {port} is {found}, not what this type of device reads.",
			Actions:  []string{"{remedy}", "See what it sends: `portti tail {subject} --raw`"}},
		{Code: "DEV-WRONG-BAUD", Severity: Error, Title: "Probably the wrong speed", ShowAfter: 10 * time.Second, ImpactsData: true, DependsOn: gone,
			Sentence: "{subject}: what arrives on {port} was sent at {found} speed than {baud} baud.",
			Actions:  []string{"{remedy}"}},
	}
}

func identityProblems() []Entry {
	return []Entry{
		{Code: "GW-OTHER-BOARD", Severity: Warning, Title: "State of another board",
			Sentence: "This gateway's state was made on another board: the card was moved or copied. It keeps the id {gateway} and goes on.",
			Actions: []string{"After a board swap: `sudo portti identity keep`. If the card was copied, give one of the two another id: {new}",
				"See what was compared: `sudo portti identity show`"}},
	}
}

func hardwareProblems() []Entry {
	return []Entry{
		{Code: "HW-CONSOLE", Severity: Error, Title: "Port is the login console", ImpactsData: true,
			Sentence: "{subject}: {port} is the system's console and is not touched.",
			Actions:  []string{"On a Raspberry Pi free it: `sudo portti service restart && sudo reboot`", "Elsewhere take console= with this port off the kernel's command line, and restart"}},
		{Code: "HW-NO-DIRECTION", Severity: Error, Title: "Port cannot switch to sending", ImpactsData: true,
			Sentence: "{subject}: {port} has no RS-485 mode, so its direction cannot be switched: {why}.",
			Actions:  []string{"Where the adapter switches by itself, as most USB ones do, take rs485 out of this [[device]], then: `sudo portti reload`", "Otherwise use another port or adapter"}},
		{Code: "HW-NOT-SERIAL", Severity: Error, Title: "Not a serial port", ImpactsData: true,
			Sentence: "{subject}: {port} is not a serial port.",
			Actions:  []string{"Correct port of this [[device]], then: `sudo portti reload`", "See what the system found: `ls -l /dev/serial/by-id/`"}},
		{Code: "HW-PERMISSION", Severity: Error, Title: "No permission for the port", ImpactsData: true,
			Sentence: "{subject}: portti may not open {port}.",
			Actions:  []string{"{letin}", "See who may: `ls -lL {port}`"}},
	}
}

func networkProblems() []Entry {
	return []Entry{
		{Code: "NET-DNS", Severity: Error, Title: "Name not found", LogAfter: 10 * time.Second, DependsOn: []string{"NET-NO-ROUTE"},
			Sentence: "The name {host} could not be resolved: {why}. " + readingsWait,
			Actions:  []string{"{address}", "In place of a name that ends in .local enter the number of the address", "See which name server is asked: `cat /etc/resolv.conf`"}},
		{Code: "NET-MTU", Severity: Warning, Title: "Large packets vanish", LogAfter: time.Minute,
			Sentence: "Small packets reach {host} and large ones do not: something on the way swallows large ones, or the line is very slow. Readings go in small messages, which costs more data, or wait in the buffer.",
			Actions:  []string{"{remedy}", "See whether it is the size: `ping -c3 -M do -s 1472 {host}`, then with -s 1252; tell the network's operator about it"}},
		{Code: "NET-NO-ROUTE", Severity: Error, Title: "No network", LogAfter: 10 * time.Second,
			Sentence: "{host} cannot be reached: the network is down, or nothing leads there. " + readingsWait,
			Actions:  []string{"{remedy}", "See what there is: `ip -br addr; ip route`"}},
		{Code: "NET-PORTAL", Severity: Error, Title: "Something else answers", LogAfter: 10 * time.Second,
			Sentence: "A web page answered at {url} instead of the server ({why}): a login page of this network, or a wrong path in the address. " + readingsWait,
			Actions:  []string{"Sign this gateway in to the network, or use another one", "If the network is the right one, enter the right address: `sudo portti setup`"}},
		{Code: "NET-PROXY", Severity: Error, Title: "Proxy is in the way", LogAfter: 10 * time.Second, DependsOn: []string{"NET-NO-ROUTE"},
			Sentence: "The way to {host} leads through a proxy, and there it ends: {why}. " + readingsWait,
			Actions:  []string{"Correct proxy in [uplink], or HTTPS_PROXY in the service's environment: address, port and kind; then: `sudo portti service restart`", "Ask the proxy's operator whether it lets this gateway through to the server's port"}},
		{Code: "NET-PROXY-AUTH", Severity: Error, Title: "Proxy wants a login",
			Sentence: "The proxy refused the connection: {why}. " + readingsWait,
			Actions:  []string{"Put user and password in proxy of [uplink], then: `sudo portti reload`", "Or ask its operator for an exception"}},
		{Code: "NET-REFUSED", Severity: Error, Title: "Connection refused", LogAfter: 10 * time.Second,
			Sentence: "{host} refused the connection: nothing listens there, or a firewall is in the way. " + readingsWait,
			Actions:  []string{"{address}", "Ask the server's operator whether it is up, and whether a firewall refuses this gateway"}},
		{Code: "NET-TIMEOUT", Severity: Error, Title: "No answer", LogAfter: 30 * time.Second, DependsOn: []string{"NET-NO-ROUTE"},
			Sentence: "{host} did not answer in time: it is switched off, or a firewall drops what goes there. " + readingsWait,
			Actions:  []string{"{address}", "Ask the network's operator whether a firewall lets TCP out to the server's port", "See whether other hosts can be reached from here: `ping -c3 1.1.1.1`"}},
	}
}

func hostProblems() []Entry {
	return []Entry{
		{Code: "SYS-METRICS", Severity: Warning, Title: "Metrics are not served", ShowAfter: 5 * time.Second,
			Sentence: "Nobody can fetch the metrics on {addr}: {why}. Everything else works.",
			Actions:  []string{"Stop the program that has the port: `sudo fuser -vk {port}/tcp`", "Or set listen in [metrics] to another address, or to \"\" for off, then: `sudo portti reload`"}},
		{Code: "SYS-PAGE", Severity: Warning, Title: "Local page is not served", ShowAfter: 5 * time.Second,
			Sentence: "Nobody can open the local page on {addr}: {why}. Everything else works.",
			Actions:  []string{"Stop the program that has the port: `sudo fuser -vk {port}/tcp`", "Or set listen in [web] to another address, then: `sudo portti reload`; if nobody needs the page: `sudo portti web disable`"}},
		{Code: "SYS-SOCKET", Severity: Error, Title: "Commands cannot reach the gateway",
			Sentence: "portti status and the other commands cannot reach this gateway: {why}. Everything else works.",
			Actions:  []string{"Have the folder made again: `sudo portti service restart`", "See what the service may not do with run in [paths]: `sudo portti config check`", "See who owns the folder: `ls -ld {path}`"}},
		{Code: "SYS-WATCHDOG", Severity: Error, Title: "A part is stuck", ImpactsData: true,
			Sentence: "{part} has not moved for {age}; the service restarts by itself if it stays so.",
			Actions:  []string{"Save the log for support: `journalctl -u portti --since -1h`"}},
	}
}

func certificateProblems() []Entry {
	return []Entry{
		{Code: "TLS-CLIENT", Severity: Error, Title: "This gateway's certificate is refused",
			Sentence: "The certificate that this gateway shows to the server is not accepted or cannot be used: {why}. " + readingsWait,
			Actions:  []string{"Ask the server's operator for a new one, write it to the files that client_cert and client_key of [uplink] name, then: `sudo portti reload`", "Look at its dates: `openssl x509 -noout -subject -dates -in FILE`, the file named in client_cert"}},
		{Code: "TLS-EXPIRED", Severity: Error, Title: "Certificate expired", DependsOn: []string{"CLK-UNSET"},
			Sentence: "The server's certificate has expired. " + readingsWait,
			Actions:  []string{"Tell the server's operator", "Check the clock here: `date`"}},
		{Code: "TLS-FAILED", Severity: Error, Title: "No secure connection",
			Sentence: "The encrypted connection to {host} failed: {why}. " + readingsWait,
			Actions:  []string{"{address}", "The port may be one without encryption: ask the server's operator"}},
		{Code: "TLS-NAME", Severity: Error, Title: "Certificate of another server",
			Sentence: "The certificate is for another name than {host}. " + readingsWait,
			Actions:  []string{"{address}", "This network may show its own page: see whether a login is needed"}},
		{Code: "TLS-NOT-YET", Severity: Error, Title: "Certificate not valid yet", DependsOn: []string{"CLK-UNSET"},
			Sentence: "The certificate is not valid before a time that is in the future for this gateway: most likely the clock here is behind. " + readingsWait,
			Actions:  []string{"Let the gateway reach a time server; if the clock here is right, tell the server's operator, and when the certificate is corrected: `sudo portti reload`", "See the clock: `timedatectl`"}},
		{Code: "TLS-PIN", Severity: Error, Title: "Server's key is not a pinned one",
			Sentence: "The server's key is none of those in pins: the server has a new one, or something stands between it and this gateway. " + readingsWait,
			Actions:  []string{"Ask the server's operator whether the key was changed; if so, write the new pin to pins in [uplink], then: `sudo portti reload`", "If not, this network may be intercepting: use another one"}},
		{Code: "TLS-UNKNOWN-CA", Severity: Error, Title: "Certificate of an unknown authority",
			Sentence: "Nobody this gateway trusts has signed the server's certificate. " + readingsWait,
			Actions:  []string{"For a private authority name its certificate in ca_file of [uplink], then: `sudo portti reload`", "Install the usual authorities: `sudo apt install ca-certificates`"}},
	}
}

func serverProblems() []Entry {
	return []Entry{
		{Code: "UP-AUTH-REJECTED", Severity: Error, Title: "Token refused",
			Sentence: "The access token is refused: {why}. " + readingsWait,
			Actions:  []string{"{remedy}"}},
		{Code: "UP-CLOSED", Severity: Warning, Title: "Server ended the connection", LogAfter: 30 * time.Second,
			Sentence: "The server ended the connection: {why}. " + readingsWait,
			Actions:  []string{"Nothing to do unless it stays or repeats; then tell the server's operator the time and this sentence"}},
		{Code: "UP-ERROR", Severity: Warning, Title: "Server has a fault", LogAfter: 30 * time.Second,
			Sentence: "The server answered with an error: {why}. " + readingsWait,
			Actions:  []string{"Nothing to do here; tell the server's operator if it stays"}},
		{Code: "UP-FLAPPING", Severity: Warning, Title: "Link comes and goes", DependsOn: []string{"NET-NO-ROUTE"},
			Sentence: "The link to {host} breaks again and again soon after it was made; the last time: {why}. Readings get through in between, some of them twice.",
			Actions:  []string{"Check cable, antenna and signal of the modem or Wi-Fi", "If the signal is good, something between here and the server ends connections: ask the network's operator, and the server's"}},
		{Code: "UP-FORBIDDEN", Severity: Error, Title: "Not allowed",
			Sentence: "The server knows this gateway but does not let it in at {url}: {why}. " + readingsWait,
			Actions:  []string{"Ask the server's operator to allow this gateway", "If the path in the address is wrong, enter the right one: `sudo portti setup`"}},
		{Code: "UP-IDLE-CUT", Severity: Warning, Title: "Quiet connections are cut", DependsOn: []string{"NET-NO-ROUTE"},
			Sentence: "The link to {host} breaks whenever it is quiet: {why}. " + readingsWait,
			Actions:  []string{"Set ping_interval in [uplink] to less than half of that time, then: `sudo portti reload`", "If it breaks all the same, check cable, antenna and signal of the modem or Wi-Fi"}},
		{Code: "UP-LOGGED-OUT", Severity: Error, Title: "Logged out by the server",
			Sentence: "Logged out: {why}. " + readingsWait,
			Actions:  []string{"Ask the server's operator why, and for a new login or token", "Where the token comes from a login, do it again: `sudo portti login`"}},
		{Code: "UP-NO-CONSUMER", Severity: Error, Title: "No stream or subscriber", LogAfter: 30 * time.Second,
			Sentence: "The broker at {url} has nobody who takes the readings: {why}. " + readingsWait,
			Actions:  []string{"Nothing to do if the broker was just started: a cluster takes some seconds", "Otherwise tell the broker's operator: a stream or a subscriber for the readings is missing there"}},
		{Code: "UP-NO-PONG", Severity: Error, Title: "Server does not answer pings", LogAfter: 30 * time.Second,
			Sentence: "The link was ended: {why}. " + readingsWait,
			Actions:  []string{"If it repeats after quiet minutes, a router drops idle links: lower ping_interval in [uplink], then: `sudo portti reload`", "If it happens on every connection, the server never answers pings: ask its operator"}},
		{Code: "UP-NOT-READING", Severity: Error, Title: "Server takes no data", LogAfter: 30 * time.Second,
			Sentence: "The link was ended: {why}. " + readingsWait,
			Actions:  []string{"Tell the server's operator"}},
		{Code: "UP-NOTFOUND", Severity: Error, Title: "Wrong address",
			Sentence: "The server has nothing at {url}: {why}. " + readingsWait,
			Actions:  []string{"{address}"}},
		{Code: "UP-PROTOCOL", Severity: Error, Title: "Server speaks something else", LogAfter: 10 * time.Second,
			Sentence: "What answered at {url} does not speak as it should: {why}. " + readingsWait,
			Actions:  []string{"{address}", "A proxy on the way may not pass WebSocket: ask the network's operator"}},
		{Code: "UP-QUARANTINE", Severity: Warning, Title: "Message set aside", ImpactsData: true,
			Sentence: "The server refused {count} for good, the last time: {why}. What it refuses is set aside, and the others pass.",
			Actions:  []string{"Tell the server's operator; the messages are kept in the state folder"}},
		{Code: "UP-RATE-LIMITED", Severity: Warning, Title: "Server asks to slow down", LogAfter: 10 * time.Second,
			Sentence: "The server asks this gateway to slow down: {why}. " + readingsWait,
			Actions:  []string{"Wait; if it stays, ask the server's operator about the limit"}},
		{Code: "UP-REDIRECT", Severity: Error, Title: "Server has moved",
			Sentence: "The server has moved: {why}, because the token would go along. " + readingsWait,
			Actions:  []string{"If the new address is right, enter it: `sudo portti setup`"}},
		{Code: "UP-REFUSED", Severity: Error, Title: "Server refuses the link", LogAfter: 10 * time.Second,
			Sentence: "The server does not accept this link now: {why}. " + readingsWait,
			Actions: []string{"If it mentions another connection of this gateway, wait: it will drop the one that broke", "If it mentions the token or the login, get a new one: `sudo portti login`",
				"Otherwise tell the server's operator this sentence"}},
		{Code: "UP-SETBACK", Severity: Error, Title: "Server lost what it had", ImpactsData: true,
			Sentence: "The server no longer has readings that it had acknowledged ({count}; the last time records {from} to {through} of epoch {epoch}). They have left the buffer.",
			Actions:  []string{"Tell the server's operator this sentence: its data was most likely restored from a backup", "If the server never had them on its disk, it must not acknowledge before it has"}},
		{Code: "UP-SILENT", Severity: Error, Title: "Server's heartbeat stopped", LogAfter: 30 * time.Second,
			Sentence: "The link is open but the server no longer says that it is there; it was ended. " + readingsWait,
			Actions:  []string{"Tell the server's operator if it stays", "If it happens on every connection, this server's heartbeat is slower or there is none: set heartbeat in [uplink] to its interval, or to \"0s\", then: `sudo portti reload`"}},
		{Code: "UP-SLOW", Severity: Warning, Title: "Server sends too slowly", LogAfter: 30 * time.Second,
			Sentence: "The server began a message and did not finish it in time, so the link was closed. " + readingsWait,
			Actions:  []string{"If other traffic from here is slow as well, it is the line: check the signal", "Otherwise tell the server's operator"}},
		{Code: "UP-TAKEOVER", Severity: Warning, Title: "Two gateways, one identity",
			Sentence: "The server sees another gateway with the id {gateway} of this one: most likely the card was copied, and both run.",
			Actions:  []string{"Give one of the two another id: {new}", "If the other one is not known, ask the server's operator where it connects from"}},
	}
}

func tokenProblems() []Entry {
	return []Entry{
		{Code: "UP-TOKEN-EXPIRING", Severity: Warning, Title: "Token expires soon",
			Sentence: "The access token says that it expires on {at}.",
			Actions:  []string{"Get a new token and run: `sudo portti login`"}},
		{Code: "UP-TOKEN-FILE", Severity: Error, Title: "No token", LogAfter: 5 * time.Second,
			Sentence: "There is no access token to send: {why}. " + readingsWait,
			Actions:  []string{"Write it to its file, for the service to read: `sudo portti login`"}},
		{Code: "UP-TOKEN-KEY", Severity: Error, Title: "Signing key cannot be used", LogAfter: 5 * time.Second,
			Sentence: "This gateway cannot sign its access token: {why}. " + readingsWait,
			Actions:  []string{"Show the key and tell the server's operator: `sudo portti login`"}},
		{Code: "UP-TOKEN-LOGIN", Severity: Error, Title: "Not logged in", LogAfter: 5 * time.Second,
			Sentence: "This gateway cannot get an access token: {why}. " + readingsWait,
			Actions:  []string{"Log in: `sudo portti login`"}},
		{Code: "UP-TOKEN-NOT-SAVED", Severity: Error, Title: "Login cannot be saved",
			Sentence: "The link works, but the login of this gateway cannot be saved: {why}.",
			Actions:  []string{"Make room on the disk, or make it writable again: `df -h; mount | grep ' / '`", "Do not restart the gateway before that is repaired; after a restart: `sudo portti login`"}},
		{Code: "UP-TOKEN-REFUSED", Severity: Error, Title: "Login refused",
			Sentence: "No access token: {why}. " + readingsWait,
			Actions:  []string{"Log in again: `sudo portti login`", "Check the account or client with the token server's operator"}},
		{Code: "UP-TOKEN-SERVER", Severity: Warning, Title: "Token server does not answer as it should", LogAfter: 30 * time.Second,
			Sentence: "No new access token: {why}. " + readingsWait,
			Actions:  []string{"Check the addresses in [uplink.oauth] or [uplink.login], and after a change: `sudo portti reload`", "Nothing to do here if they are right; tell the token server's operator if it stays"}},
		{Code: "UP-TOKEN-WANTED", Severity: Error, Title: "Server wants a token",
			Sentence: "The server wants an access token, and this gateway sends none: auth = \"none\" in [uplink]. " + readingsWait,
			Actions:  []string{"Have it send one, and enter it: `sudo portti setup --auth header`; the operator may name another way than header"}},
	}
}

func limitProblems() []Entry {
	return []Entry{
		{Code: "UP-TOO-BIG", Severity: Warning, Title: "Message too big for the server",
			Sentence: "The server refused a message as too big, and smaller ones are being sent: {why}. " + readingsWait,
			Actions:  []string{"Lower batch_max_bytes in [uplink] to what the server takes, then: `sudo portti reload`"}},
		{Code: "UP-TOO-MANY", Severity: Error, Title: "Too many connections", LogAfter: 30 * time.Second,
			Sentence: "The server sees too many connections: {why}. " + readingsWait,
			Actions:  []string{"See whether a second gateway uses this token or id"}},
	}
}
