package config

import (
	"cmp"
	"fmt"
	"net"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"portti/device"
)

// choice is one value of an enumeration. later marks what is decided but not
// in this version.
type choice struct {
	value string
	later bool
}

// enumerations is the one table of settings with a fixed list of values.
func enumerations(c *Config) []struct {
	key     string
	value   string
	choices []choice
} {
	now := func(v string) choice { return choice{value: v} }
	return []struct {
		key     string
		value   string
		choices []choice
	}{
		{"uplink.engine", c.Uplink.Engine, []choice{now("websocket"), now("http"), now("mqtt"), now("nats")}},
		{"uplink.encoding", c.Uplink.Encoding, []choice{now(EncodingThingsee), now(EncodingHaltless), now(EncodingHeimdall)}},
		{"uplink.dialect", c.Uplink.Dialect, []choice{now("thingsee"), now("haltless"), now("zyeta"), now("heimdall")}},
		{"uplink.auth", c.Uplink.Auth, []choice{now("none"), now("header"), now("query"), now("hash"), now("first-message")}},
		{"uplink.ack", c.Uplink.Ack, []choice{now("fence"), now("count"), now("envelope"), now("none"), now("answer")}},
		{"uplink.ack_fallback", c.Uplink.AckFallback, []choice{now(""), now("fence"), now("count")}},
		{"uplink.mqtt.payload", c.Uplink.MQTT.Payload, []choice{now("array"), now("object")}},
		{"uplink.nats.payload", c.Uplink.NATS.Payload, []choice{now("array"), now("object")}},
		{"uplink.order", c.Uplink.Order, []choice{now("fifo"), now("fresh-first")}},
		{"buffer.when_full", c.Buffer.WhenFull, []choice{now("thin"), now("drop-oldest"), now("drop-newest")}},
		{"log.level", c.Log.Level, []choice{now("debug"), now("info"), now("warn"), now("error")}},
		{"log.format", c.Log.Format, []choice{now("auto"), now("text"), now("json"), now("journal")}},
	}
}

// check holds the joined configuration against every rule that is not about a
// single value's type.
func (l *loader) check(path string) {
	c := l.cfg
	l.checkGeneral(path)
	for _, e := range enumerations(c) {
		if !l.bad[e.key] {
			l.checkChoice(path, e.key, e.value, e.choices)
		}
	}
	l.checkURL(path)
	l.checkFallback(path)
	l.checkEngine(path)
	l.checkToken(path)
	l.checkDialect(path)
	l.checkRequest(path)
	l.checkProxy(path)
	l.checkTraffic(path)
	l.checkCommands(path)
	l.checkRanges(path)
	for _, a := range []struct{ key, addr string }{{"metrics.listen", c.Metrics.Listen}, {"web.listen", c.Web.Listen}} {
		l.checkListen(path, a.key, a.addr)
	}
	l.checkDevices(path)
}

func (l *loader) checkGeneral(path string) {
	c := l.cfg
	if v := c.ConfigVersion; (v < 1 || v > ConfigVersion) && !l.bad["config_version"] {
		l.fault(path, "config_version", fmt.Sprintf(`"config_version" is %d, and this program understands %d`, v, ConfigVersion), "")
	}
	for _, s := range []struct{ key, value string }{{"gateway.id", c.Gateway.ID}, {"gateway.name", c.Gateway.Name}} {
		if why := notPrintable(s.value, 64); why != "" && !l.bad[s.key] {
			l.fault(path, s.key, fmt.Sprintf("%q %s", lastOf(s.key), why), "")
		}
	}
	if c.Gateway.ID == "" && !l.bad["gateway.id"] {
		l.fault(path, "gateway.id", `"id" of the gateway is empty`, `write "auto" to have one made`)
	}
	for _, s := range []struct{ key, value string }{{"paths.state", c.Paths.State}, {"paths.run", c.Paths.Run}} {
		if s.value == "" && !l.bad[s.key] {
			l.fault(path, s.key, fmt.Sprintf("%q is empty", lastOf(s.key)), "name a folder, or remove the line")
		}
	}
	if n := len(c.Paths.Socket()); n > maxSocketPath {
		l.fault(path, "paths.run", fmt.Sprintf(`"run" is too long: the control socket's path would have %d characters, and the kernel takes %d`, n, maxSocketPath), "")
	}
}

// maxSocketPath is sun_path on Linux without its final zero.
const maxSocketPath = 107

// notPrintable says why text cannot be a name.
func notPrintable(s string, limit int) string {
	if n := utf8.RuneCountInString(s); n > limit {
		return fmt.Sprintf("has %d characters, and %d are allowed", n, limit)
	}
	for _, r := range s {
		if !isPrintable(r) {
			return "holds characters that cannot be printed"
		}
	}
	return ""
}

func (l *loader) checkChoice(path, key, value string, choices []choice) {
	var all, ready []string
	for _, c := range choices {
		if c.value == value && !c.later {
			return
		}
		all = append(all, c.value)
		if !c.later {
			ready = append(ready, c.value)
		}
	}
	for _, c := range choices {
		if c.value == value {
			l.fault(path, key, fmt.Sprintf("%s = %q is not in this version", lastOf(key), value), "this version has "+oneOf(ready))
			return
		}
	}
	hint := "it is " + oneOf(ready)
	if near := Nearest(value, all); near != "" {
		hint = fmt.Sprintf("did you mean %q?", near)
	}
	l.fault(path, key, fmt.Sprintf("%q cannot be %s", lastOf(key), quoteShort(value)), hint)
}

// limit is the span of allowed values for a duration, a size or a number.
type limit struct {
	key       string
	value     int64
	low, high int64
	show      func(int64) string
}

func (l *loader) checkRanges(path string) {
	u, b := l.cfg.Uplink, l.cfg.Buffer
	show := func(v int64) string { return Duration(v).String() }
	size := func(v int64) string { return Size(v).String() }
	number := func(v int64) string { return strconv.FormatInt(v, 10) }
	dur := func(key string, v Duration, low, high time.Duration) limit {
		return limit{key, int64(v), int64(low), int64(high), show}
	}
	const day = 24 * time.Hour
	for _, r := range []limit{
		dur("uplink.fence_hold", u.FenceHold, 0, time.Hour),
		dur("uplink.ping_interval", u.PingInterval, time.Second, time.Hour),
		dur("uplink.pong_timeout", u.PongTimeout, 100*time.Millisecond, 10*time.Minute),
		dur("uplink.write_timeout", u.WriteTimeout, 100*time.Millisecond, 10*time.Minute),
		dur("uplink.auth_settle", u.AuthSettle, time.Second, 5*time.Minute),
		dur("uplink.backoff.base", u.Backoff.Base, 10*time.Millisecond, time.Hour),
		dur("uplink.backoff.cap", u.Backoff.Cap, 10*time.Millisecond, day),
		dur("buffer.max_age", b.MaxAge, time.Minute, 3650*day),
		dur("buffer.commit_every", b.CommitEvery, 0, time.Hour),
		dur("clock.hold_until_synced", l.cfg.Clock.HoldUntilSynced, 0, day),
		{"uplink.max_message", int64(u.MaxMessage), 1 << 10, 16 << 20, size},
		{"uplink.batch_max_bytes", int64(u.BatchMaxBytes), 1_000, 1_000_000, size},
		{"uplink.backlog_share", int64(u.BacklogShare), 1, 90, number},
		{"uplink.batch_max_messages", int64(u.BatchMaxMessages), 1, 10_000, number},
		{"buffer.max_size", int64(b.MaxSize), 0, 1 << 40, size},
		{"buffer.min_free_disk", int64(b.MinFreeDisk), 0, 1 << 40, size},
	} {
		if (r.value < r.low || r.value > r.high) && !l.bad[r.key] {
			l.fault(path, r.key, fmt.Sprintf("%q must be from %s to %s, found %s", lastOf(r.key), r.show(r.low), r.show(r.high), r.show(r.value)), "")
		}
	}
	if b.MaxSize < MinBuffer && !l.bad["buffer.max_size"] {
		l.unfit("buffer.max_size", fmt.Sprintf(`"max_size" must be at least %s, found %s`, MinBuffer, b.MaxSize), "the gateway takes "+MinBuffer.String())
	}
	if every := l.cfg.Gateway.ReportInterval; every != 0 && (every.D() < minReport || every.D() > MaxReport) && !l.bad["gateway.report_interval"] {
		l.fault(path, "gateway.report_interval", fmt.Sprintf(`"report_interval" must be from %s to %s, found %s`, Duration(minReport), Duration(MaxReport), every), `write "0s" for never`)
	}
	l.checkLabels(path)
	if b.CommitEvery > 0 && b.CommitEvery < Duration(10*time.Millisecond) && !l.bad["buffer.commit_every"] {
		l.fault(path, "buffer.commit_every", `"commit_every" under 10ms would only wear the card`, `write "0s" for strict mode: nothing is accepted before it is on disk`)
	}
	if u.Backoff.Base > u.Backoff.Cap && !l.bad["uplink.backoff.base"] && !l.bad["uplink.backoff.cap"] {
		l.fault(path, "uplink.backoff.base", fmt.Sprintf(`"base" (%s) is longer than "cap" (%s)`, u.Backoff.Base, u.Backoff.Cap), "")
	}
}

func (l *loader) checkListen(path, key, addr string) {
	if addr == "" || l.bad[key] { // empty = off
		return
	}
	_, port, err := net.SplitHostPort(addr)
	if n, bad := strconv.Atoi(port); err != nil || bad != nil || n < 0 || n > 65535 {
		l.fault(path, key, `"listen" must be host:port`, `for example "127.0.0.1:9470", or "" for off`)
	}
}

// manyReaders says whether several devices may have the port of one.
func (l *loader) manyReaders(d device.Config) bool {
	k, _ := l.kinds.Named(d.Type)
	return k.Port != ""
}

func (l *loader) checkDevices(path string) {
	ports := map[string]string{} // port -> name of the device that has it
	ids := map[string]string{}   // likewise
	shared := map[string]string{}
	for _, d := range l.cfg.ActiveDevices() {
		key := join("device", d.Name)
		if why := notPrintable(d.Name, 64); why != "" {
			l.fault(path, key+".name", `"name" `+why, "")
		}
		if l.needsID(d) && !l.broken && !l.bad[key+".id"] {
			l.fault(path, key+".id", fmt.Sprintf("device %s has no id", quoteShort(d.Name)), `add id = "…": it becomes tsmTuid, the name the server knows this thing by`)
		}
		if first, taken := ports[d.Port]; taken && d.Port != "" && !l.manyReaders(d) {
			l.fault(path, key+".port", fmt.Sprintf("devices %s and %s have the same port", quoteShort(first), quoteShort(d.Name)), "one port, one device: the bytes of a line can be read once")
		} else {
			ports[d.Port] = d.Name
		}
		l.checkDevice(path, key, d)
		l.checkShare(path, key+".share", d, shared)
		if first, taken := ids[d.ID]; taken && d.ID != "" {
			l.say(false, key+".id", fmt.Sprintf("devices %s and %s have the same id: to the server they are one thing", quoteShort(first), quoteShort(d.Name)),
				"give each its own, unless they measure the same thing")
		} else {
			ids[d.ID] = d.Name
		}
		if n := int(d.Baud); n > 0 && !slices.Contains(usualSpeeds(), n) && !l.bad[key+".baud"] {
			l.say(false, key+".baud", fmt.Sprintf(`"baud" %d is not a usual speed`, n), fmt.Sprintf("did you mean %d?", nearestSpeed(n)))
		}
	}
	if len(l.cfg.ActiveDevices()) == 0 && !l.broken && len(l.faults) == 0 {
		l.warnings = append(l.warnings, l.faultAt(path, "device", "no device is configured: nothing will be read", "add a [[device]]; portti config create --device gps shows one"))
	}
}

// checkShare looks at where a device's bytes are given to other programs; shared are
// the devices that have an address already.
func (l *loader) checkShare(path, key string, d device.Config, shared map[string]string) {
	_, _, err := net.SplitHostPort(d.Share)
	if d.Share == "" || err != nil || l.bad[key] {
		return
	}
	if first, taken := shared[d.Share]; taken {
		l.fault(path, key, fmt.Sprintf("devices %s and %s share at the same address", quoteShort(first), quoteShort(d.Name)), "give each a port number of its own")
		return
	}
	shared[d.Share] = d.Name
	if !ThisMachine(d.Share) {
		l.say(false, key, fmt.Sprintf(`"share" gives the bytes of this device to everybody who reaches %s`, d.Share), "127.0.0.1 is for programs on this machine alone")
	}
}

// usualSpeeds are those of serial devices, lowest first.
func usualSpeeds() []int {
	return []int{300, 600, 1200, 2400, 4800, 9600, 14400, 19200, 28800, 38400, 57600, 76800, 115200, 230400, 250000, 256000, 460800, 500000, 576000, 921600,
		1000000, 1152000, 1500000, 2000000, 2500000, 3000000, 3500000, 4000000}
}

func nearestSpeed(baud int) int {
	return slices.MinFunc(usualSpeeds(), func(a, b int) int { return cmp.Compare(max(a-baud, baud-a), max(b-baud, baud-b)) })
}

// needsID says whether a device without an id could name no thing. One of an
// unknown type has another fault.
func (l *loader) needsID(d device.Config) bool {
	k, known := l.kinds.Named(d.Type)
	return d.ID == "" && known && (k.NamesThings == nil || !k.NamesThings(d))
}
