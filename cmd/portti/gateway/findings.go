package gateway

import (
	"cmp"
	"fmt"
	"net"
	"net/url"
	"slices"
	"time"

	"portti/buffer"
	"portti/cmd/portti/config"
	"portti/cmd/portti/status"
	"portti/device"
	"portti/uplink"
)

// found collects findings.
type found []status.Finding

func (f *found) add(code, subject string, args ...string) {
	*f = append(*f, status.Finding{Code: code, Subject: subject, Args: args})
}

func (f *found) addIf(wrong bool, code, subject string, args ...string) {
	if wrong {
		f.add(code, subject, args...)
	}
}

// findings is everything that is wrong in a snapshot.
func findings(s *snapshot) []status.Finding {
	var f found
	if s.rejected != nil {
		f.add(s.rejected.code, "", "why", s.rejected.why)
	}
	if t := s.trial; t != nil && t.State == onTrial {
		f.add("CFG-ON-TRIAL", "", "left", status.InWords(s.trialLeft.Round(time.Second)))
	} else if t != nil {
		f.add("CFG-TAKEN-BACK", "", "keys", listed(t.Keys), "why", t.Why)
	}
	f.addIf(len(s.devices) == 0, "CFG-NO-DEVICE", "")
	f.clock(s)
	f.addIf(s.otherBoard, "GW-OTHER-BOARD", "", "gateway", s.id, "new", renewal(s.cfg))
	f.link(s)
	f.token(s)
	f.buffer(s)
	for _, dev := range s.devices {
		f.device(s, dev)
	}
	f.addIf(s.noControl != "", doorControl, "", "why", s.noControl, "path", s.cfg.Paths.Run)
	f.addIf(s.noMetrics != "", doorMetrics, "", "addr", s.cfg.Metrics.Listen, "port", portNumber(s.cfg.Metrics.Listen), "why", s.noMetrics)
	f.addIf(s.noPage != "", doorPage, "", "addr", s.cfg.Web.Listen, "port", portNumber(s.cfg.Web.Listen), "why", s.noPage)
	f.addIf(s.cfg.Buffer.MaxSize < config.MinBuffer, "CFG-UNFIT", "buffer.max_size", "what", fmt.Sprintf("max_size is %s, and the buffer needs at least %s, which it takes", s.cfg.Buffer.MaxSize, config.MinBuffer))
	f.addIf(s.stuck != "", "SYS-WATCHDOG", "", "part", s.stuck, "age", status.InWords(patience(s.stuck)))
	return f
}

// renewal is Renewal as advice, with the start from which on it holds.
func renewal(cfg *config.Config) string {
	if cfg.Gateway.ID == autoID {
		return "`" + Renewal(cfg) + " && " + restartIt + "`"
	}
	return Renewal(cfg) + "; then: `" + restartIt + "`"
}

func portNumber(listen string) string {
	_, port, _ := net.SplitHostPort(listen)
	return port
}

func (f *found) device(s *snapshot, dev device.Status) {
	if dev.Code != "" {
		args := []string{"port", portOf(dev), "age", status.InWords(dev.LastAge), "why", dev.LastErr,
			"baud", baudOf(dev), "found", dev.Found, "remedy", remedyOf(s, dev)}
		if dev.Code == device.CodePermission {
			args = append(args, "letin", letIn(portOf(dev)))
		}
		f.add(dev.Code, dev.Name, args...)
	}
	if sh := dev.Share; sh != nil && sh.Err != "" {
		f.add(device.CodeShare, dev.Name, "addr", sh.Address, "port", portNumber(sh.Address), "why", sh.Err)
	}
	for _, code := range dev.Flags { // what the driver finds wrong with what it reads
		f.add(code, dev.Name, "detail", dev.Detail)
	}
}

// stepShown is how long a step of the wall clock is shown.
const stepShown = 10 * 60 * 1000 // ms

func (f *found) clock(s *snapshot) {
	now := s.clock
	f.addIf(s.dispute.A != "", "CLK-DISPUTE", "", "a", s.dispute.A, "b", s.dispute.B, "by", status.InWords(time.Duration(s.dispute.Apart)*time.Millisecond))
	f.addIf(!now.Trusted && (!s.fixed || s.link.Problem == "CLK-UNSET"), "CLK-UNSET", "")
	f.addIf(!now.Trusted && s.fixed && s.offset.Err > 0, "CLK-GUESSED", "", "hold", status.InWords(time.Duration(s.cfg.Clock.HoldUntilSynced)))
	by, way := time.Duration(s.step.By)*time.Millisecond, "forward"
	if by < 0 {
		by, way = -by, "back"
	}
	f.addIf(s.step.Count > 0 && now.Mono-s.step.Mono < stepShown, "CLK-STEP", "", "by", status.InWords(by), "way", way)
}

func (f *found) link(s *snapshot) {
	l := s.link
	if l.Problem != "" && l.Problem != "CLK-UNSET" {
		host := l.Server
		if u, err := url.Parse(l.Server); err == nil && u.Hostname() != "" {
			host = u.Hostname()
		}
		f.add(refusedCode(s), "", "host", host, "url", addressOf(s), "why", l.LastError, "remedy", remedyOfLink(s), "address", newAddress(s.link))
	}
	f.addIf(l.Quarantined > 0, "UP-QUARANTINE", "", "count", status.Count(l.Quarantined, "message"), "why", cmp.Or(l.Refusal, "it gave no reason"))
	f.addIf(l.Takeover, "UP-TAKEOVER", "", "gateway", s.id, "new", renewal(s.cfg))
	f.addIf(l.Setbacks > 0, "UP-SETBACK", "", "epoch", l.Setback.Epoch, "from", fmt.Sprint(l.Setback.From), "through", fmt.Sprint(l.Setback.Through),
		"count", status.Count(l.Setbacks, "time"))
	f.addIf(s.cfg.Uplink.Ack == uplink.AckNone, "CFG-UNPROVEN", "")
}

// refusedCode is the link's problem, but that nobody can refuse a token where none is
// sent.
func refusedCode(s *snapshot) string {
	u := s.cfg.Uplink
	inAddress := func(raw string) bool {
		address, err := url.Parse(raw)
		return err != nil || address.User != nil || address.RawQuery != ""
	}
	if s.link.Problem == uplink.ProblemAuthRejected && u.Auth == "none" && !slices.ContainsFunc(u.Addresses(), inAddress) {
		return "UP-TOKEN-WANTED"
	}
	return s.link.Problem
}

// newToken is how this gateway gets another token than the one that was refused.
func newToken(u config.Uplink) string {
	switch {
	case u.Auth == "none":
		return "Correct what url in [uplink] holds to log in, then: `" + reloadIt + "`"
	case u.Auth == "hash":
		return "Put the new token behind the # of url in [uplink], then: `" + reloadIt + "`"
	case u.TokenSource == config.TokenFromJWT:
		return "Let the server's operator enter this gateway's key, which is shown by: `sudo portti login`"
	case u.TokenSource == config.TokenFromOAuth, u.TokenSource == config.TokenFromLogin:
		return "Log in again: `sudo portti login`"
	case u.Credential != "":
		return "Write the new token where LoadCredential= of the unit points to, then: `" + restartIt + "`"
	}
	return "Get a new token and run: `sudo portti login`"
}

// tokenSubject sets problems of the token apart from those of the link, which
// has one at a time.
const tokenSubject = "token"

// token finds what is wrong with the token while the link still works with the
// one it has.
func (f *found) token(s *snapshot) {
	if s.token == nil {
		return
	}
	code := s.token.Problem
	if code == s.link.Problem {
		code = ""
	}
	if code == "" && expiring(s) {
		code = "UP-TOKEN-EXPIRING"
	}
	f.addIf(code != "", code, tokenSubject, "url", addressOf(s), "address", tokenAddress, "remedy", newToken(s.cfg.Uplink), "why", s.token.LastError, "at", s.token.Expires.Local().Format("2 January 2006, 15:04"))
}

// Warnings about a token that nobody here can renew come in the last fifth of
// its life and at most a week ahead.
const expiringLimit = 7 * 24 * time.Hour

func expiring(s *snapshot) bool {
	t := s.token
	if t.Source != "file" || t.Expires.IsZero() || !s.clock.Trusted {
		return false
	}
	warn := time.Hour
	if !t.Made.IsZero() {
		warn = min(t.Expires.Sub(t.Made)/5, expiringLimit)
	}
	return s.wall.After(t.Expires.Add(-warn))
}

func (f *found) buffer(s *snapshot) {
	q := s.stats
	if q.Code != "" {
		code := q.Code
		if code == "BUF-IO" && !ours(s.cfg.Paths.State) { // no disk is at fault
			code = "BUF-READONLY"
		}
		f.add(code, "", "why", q.Err, "path", s.cfg.Paths.State, "what", q.Err, "remedy", writable(s.cfg.Paths.State))
	}
	f.addIf(q.LastAside != "" && q.Code != "BUF-CORRUPT", "BUF-CORRUPT", "", "what", q.LastAside)
	f.addIf(len(q.Unread) > 0, "BUF-UNREAD", "", "count", status.Count(uint64(len(q.Unread)), "file"), "why", q.UnreadBy)
	f.addIf(s.left.files > 0, "BUF-OLD", "", "path", s.left.path, "count", status.Count(uint64(s.left.files), "file"))
	f.addIf(s.gone, "BUF-GONE", "", "path", s.cfg.Paths.BufferDir(), "note", MachineFile(s.cfg.Paths))
	f.addIf(q.Rollbacks > 0, "BUF-ROLLBACK", "")
	f.addIf(q.Slow > 0, "BUF-SLOW", "", "seconds", fmt.Sprint(q.Slow/1000))
	if last := s.lastLoss; last != nil {
		f.add("BUF-LOST", "", "count", last.inWords(), "reason", lossInWords(last.Reason, q.WhenFull), "when", last.when())
	}
	f.addIf(s.full(), "BUF-FULL", "", "what", fullInWords(q))
	f.addIf(q.DiskLow, "BUF-DISK-LOW", "", "free", config.Size(q.DiskFree/1e6*1e6).String(), "least", config.Size(q.MinFree).String(), "path", s.cfg.Paths.State)
	percent := q.Bytes * 100 / max(1, q.Limit)
	room := "an unknown time"
	if s.headroom > 0 {
		room = status.InSeconds(s.headroom)
	}
	f.addIf(percent >= 80 || s.headroomLow, "BUF-FILLING", "", "percent", fmt.Sprint(percent), "room", room)
}

// baudOf is the speed that a line is read at.
func baudOf(dev device.Status) string {
	if dev.Baud == 0 {
		return "the device server's"
	}
	return fmt.Sprint(dev.Baud)
}

func portOf(dev device.Status) string {
	if dev.Resolved != "" && dev.State != device.Missing {
		return dev.Resolved
	}
	return dev.Port
}

// fullInWords is what a full buffer does with readings.
func fullInWords(q buffer.Stats) string {
	switch {
	case q.WhenFull == buffer.DropNewest:
		return "new readings are not taken until there is room"
	case q.WhenFull == buffer.Thin && q.Level > 0:
		return fmt.Sprintf("the oldest timed readings are thinned, and of some only one in %d is left; events are kept longest", int64(1)<<min(q.Level, 40))
	}
	return "the oldest readings are given up to make room"
}

// inWords is how many readings are gone, as far as that is known.
func (l *loss) inWords() string {
	if !l.AtLeast {
		return "lost " + status.Count(l.Count, "reading")
	}
	if l.Count == 0 {
		return "may have lost readings, at most " + fmt.Sprint(l.AtMost)
	}
	return "lost at least " + status.Count(l.Count, "reading") + ", at most " + fmt.Sprint(l.AtMost)
}

// when is between which times they were read, where that is known.
func (l *loss) when() string {
	if l.Oldest == (buffer.Time{}) && l.Newest == (buffer.Time{}) {
		return ""
	}
	return ", from " + l.from + " to " + l.to
}

func lossInWords(reason string, policy buffer.WhenFull) string {
	switch reason {
	case status.LossFull:
		if policy == buffer.Thin {
			return "the buffer was full and the oldest were thinned"
		}
		return "the buffer was full"
	case status.LossAge:
		return "they were older than max_age"
	case status.LossRate:
		return "they came faster than rate_limit"
	case status.LossMemory:
		return "the disk was too slow and memory was full"
	case status.LossIO:
		return "the disk failed"
	case status.LossCorrupt:
		return "the file they were in is damaged or missing"
	case status.LossRollback:
		return "the buffer was set back to an older state"
	case status.LossShrink:
		return "max_size was lowered"
	}
	return reason
}
