package daemon

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"
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
	later := func(v string) choice { return choice{value: v, later: true} }
	return []struct {
		key     string
		value   string
		choices []choice
	}{
		{"uplink.dialect", c.Uplink.Dialect, []choice{now("thingsee"), later("haltless"), later("zyeta"), later("heimdall")}},
		{"uplink.auth", c.Uplink.Auth, []choice{now("none"), now("header"), now("query"), now("hash"), later("first-message")}},
		{"uplink.ack", c.Uplink.Ack, []choice{now("fence"), now("count"), now("none"), later("envelope")}},
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
	l.checkToken(path)
	l.checkProxy(path)
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
		if !unicode.IsPrint(r) || r == utf8.RuneError {
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

func (l *loader) checkURL(path string) {
	const key = "uplink.url"
	raw := l.cfg.Uplink.URL
	if l.bad[key] {
		return
	}
	if raw == "" {
		if !l.broken {
			l.fault(path, key, `"url" is missing in [uplink]: the server's address`, `write url = "wss://…"`)
		}
		return
	}
	head, fragment, hasFragment := strings.Cut(raw, "#")
	u, err := url.Parse(head)
	if err != nil {
		l.fault(path, key, `"url" is not an address`, `it looks like "wss://host/path"`)
		return
	}
	text, hint := urlFault(u, l.cfg.Uplink)
	if text == "" && (hasFragment || l.cfg.Uplink.Auth == "hash") {
		text, hint = fragmentFault(hasFragment, fragment, l.cfg.Uplink)
	}
	if text != "" {
		l.fault(path, key, text, hint)
	}
}

// urlFault says what is wrong with the server's address, the fragment aside.
func urlFault(u *url.URL, up Uplink) (text, hint string) {
	switch {
	case u.Scheme == "http" || u.Scheme == "https":
		return fmt.Sprintf(`"url" begins with %s://, and the uplink is a WebSocket`, u.Scheme), fmt.Sprintf("write ws%s://", u.Scheme[len("http"):])
	case u.Scheme != "ws" && u.Scheme != "wss":
		hint := ""
		if near := Nearest(u.Scheme, []string{"wss", "ws"}); near != "" && u.Host != "" {
			hint = fmt.Sprintf("did you mean %s://?", near)
		}
		return `"url" must begin with wss:// or ws://`, hint
	case u.Hostname() == "":
		return `"url" names no host`, `it looks like "wss://host/path"`
	case badPort(u):
		return `"url" has a port that does not exist`, "ports are 1 to 65535"
	case u.User != nil && up.Auth != "none":
		return fmt.Sprintf(`"url" holds a user or password besides auth = %q: one login is enough`, up.Auth), `take it out of the address, or say auth = "none"`
	case u.Scheme == "ws" && !loopback(u.Hostname()) && !up.Insecure:
		return `"url" begins with ws://: readings and token would travel unencrypted`, "write wss://, or say insecure = true if that is meant"
	}
	return "", ""
}

// fragmentFault explains why a token behind # cannot simply work: a fragment
// never leaves the client (RFC 3986, 3.5), so a server that says it wants "the
// token in the hash" means one of several other things.
func fragmentFault(has bool, fragment string, up Uplink) (text, hint string) {
	switch {
	case !has || (fragment == "" && up.Auth == "hash"):
		return `auth = "hash" needs the token behind a # in "url"`, ""
	case up.Auth == "hash":
		return "", ""
	case fragment == "":
		return `"url" ends with a #, which is never sent to a server`, "remove it"
	}
	return `"url" has a # in it: what follows is never sent to a server`,
		`if it belongs to the path write %23; if it is a token use token_file with auth = "header", or auth = "hash" and hash_as for what the receiver expects`
}

func badPort(u *url.URL) bool {
	if u.Port() == "" {
		return false
	}
	n, err := strconv.Atoi(u.Port())
	return err != nil || n < 1 || n > 65535
}

func loopback(host string) bool {
	a, err := netip.ParseAddr(host)
	return strings.EqualFold(host, "localhost") || err == nil && a.IsLoopback()
}

func (l *loader) checkToken(path string) {
	u := l.cfg.Uplink
	if needs := u.Auth == "header" || u.Auth == "query"; needs && u.TokenFile == "" && u.Credential == "" &&
		!l.broken && !l.bad["uplink.token_file"] && !l.bad["uplink.auth"] {
		l.fault(path, "uplink.auth", fmt.Sprintf(`auth = %q needs a token, and neither "token_file" nor "credential" is set`, u.Auth),
			`add token_file = "/etc/portti/credentials/uplink-token", or say auth = "none"`)
	}
	if u.TokenFile != "" && u.Credential != "" {
		l.fault(path, "uplink.credential", `both "token_file" and "credential" are set`, "keep one of the two")
	}
	if strings.ContainsAny(u.Credential, "/\x00") || u.Credential == "." || u.Credential == ".." {
		l.fault(path, "uplink.credential", `"credential" is the name of a systemd credential, not a path`, "for a path use token_file")
	}
	if u.Auth == "query" && u.QueryName == "" {
		l.fault(path, "uplink.query_name", `"query_name" is empty`, `most servers call it "token"`)
	}
	if !l.bad["uplink.hash_as"] {
		l.checkHashAs(path, u)
	}
}

func (l *loader) checkHashAs(path string, u Uplink) {
	const key, forms = "uplink.hash_as", `it is "bearer", "query:NAME", "path" or "header:NAME"`
	how, name, _ := strings.Cut(u.HashAs, ":")
	named := how == "query" || how == "header"
	switch {
	case u.HashAs == "first-message":
		l.fault(path, key, `hash_as = "first-message" is not in this version`, forms)
	case u.HashAs == "reject" || u.HashAs == "":
		if u.Auth == "hash" {
			l.fault(path, "uplink.auth", `auth = "hash" needs "hash_as": what the receiver expects, since no server ever sees a fragment`, forms)
		}
	case u.HashAs != "bearer" && u.HashAs != "path" && (!named || name == ""):
		l.fault(path, key, fmt.Sprintf(`"hash_as" cannot be %s`, quoteShort(u.HashAs)), forms)
	}
}

func (l *loader) checkProxy(path string) {
	const key = "uplink.proxy"
	p := l.cfg.Uplink.Proxy
	if p == "environment" || p == "none" || l.bad[key] {
		return
	}
	u, err := url.Parse(p)
	if err == nil && (u.Scheme == "http" || u.Scheme == "socks5") && u.Hostname() != "" && !badPort(u) {
		return
	}
	l.fault(path, key, `"proxy" must be "environment", "none", http://host:port or socks5://host:port`, "")
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
		dur("uplink.backoff.base", u.Backoff.Base, 10*time.Millisecond, time.Hour),
		dur("uplink.backoff.cap", u.Backoff.Cap, 10*time.Millisecond, day),
		dur("buffer.max_age", b.MaxAge, time.Minute, 3650*day),
		dur("buffer.commit_every", b.CommitEvery, 0, time.Hour),
		dur("clock.hold_until_synced", l.cfg.Clock.HoldUntilSynced, 0, day),
		{"uplink.max_message", int64(u.MaxMessage), 1 << 10, 16 << 20, size},
		{"uplink.batch_max_bytes", int64(u.BatchMaxBytes), 1_000, 1_000_000, size},
		{"uplink.batch_max_messages", int64(u.BatchMaxMessages), 1, 10_000, number},
		{"buffer.max_size", int64(b.MaxSize), 1_000_000, 1 << 40, size},
	} {
		if (r.value < r.low || r.value > r.high) && !l.bad[r.key] {
			l.fault(path, r.key, fmt.Sprintf("%q must be from %s to %s, found %s", lastOf(r.key), r.show(r.low), r.show(r.high), r.show(r.value)), "")
		}
	}
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

func (l *loader) checkDevices(path string) {
	ports := map[string]string{} // port -> name of the device that has it
	for _, d := range l.cfg.ActiveDevices() {
		key := join("device", d.Name)
		if why := notPrintable(d.Name, 64); why != "" {
			l.fault(path, key+".name", `"name" `+why, "")
		}
		if needsID(d) && !l.broken && !l.bad[key+".id"] {
			l.fault(path, key+".id", fmt.Sprintf("device %s has no id", quoteShort(d.Name)), `add id = "…": it becomes tsmTuid, the name the server knows this thing by`)
		}
		if first, taken := ports[d.Port]; taken && d.Port != "" {
			l.fault(path, key+".port", fmt.Sprintf("devices %s and %s have the same port", quoteShort(first), quoteShort(d.Name)), "one port, one device: the bytes of a line can be read once")
		} else {
			ports[d.Port] = d.Name
		}
		l.checkDevice(path, key, d)
	}
	if len(l.cfg.ActiveDevices()) == 0 && !l.broken && len(l.faults) == 0 {
		l.warnings = append(l.warnings, l.faultAt(path, "device", "no device is configured: nothing will be read", "add a [[device]]; portti config create --device gps shows one"))
	}
}

// needsID says whether a device without an id could name no thing: a line may
// name it in a field of its own, and a bridge speaks for tags.
func needsID(d device.Config) bool {
	return d.ID == "" && d.IDField == "" && d.Type != "ble-bridge"
}
