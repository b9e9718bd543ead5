package doctor

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"portti/cmd/portti/netcheck"
	"portti/cmd/portti/status"
)

func networkChecks() []Check {
	return []Check{
		{ID: "C34", Family: "NET", Title: "interface and route", Network: true, Run: ofStage(netcheck.Interface)},
		{ID: "C35", Family: "NET", Title: "server's name", Network: true, Run: ofStage(netcheck.DNS)},
		{ID: "C36", Family: "TLS", Title: "connection and TLS", Network: true, Run: ofStage(netcheck.TCP, netcheck.TLS)},
		{ID: "C37", Family: "NET", Title: "nobody in between", Network: true, Run: checkBetween},
		{ID: "C38", Family: "NET", Title: "proxy", Network: true, Run: checkProxy},
		{ID: "C39", Family: "NET", Title: "large packets", Network: true, Run: checkPackets},
		{ID: "C40", Family: "UP", Title: "login accepted", Network: true, Run: ofStage(netcheck.Upgrade, netcheck.Login)},
		{ID: "C41", Family: "UP", Title: "token lasts", Run: checkToken},
		{ID: "C42", Family: "UP", Title: "round trip and breaks", Network: true, Run: checkRoundTrip},
		{ID: "C43", Family: "UP", Title: "only gateway of its name", Run: checkTwin},
	}
}

// The codes of the catalogue that stand for something in between, and for packets.
const (
	portal    = "NET-PORTAL"
	otherKey  = "TLS-PIN"
	mtu       = "NET-MTU"
	tokenSoon = 7 * 24 * time.Hour
	slowTrip  = 2000 // ms
)

// stages are those of the one way to the server that all these checks share. ok is false
// where there is none, which is told.
func (h *Host) stages(ctx context.Context, r *Report) (all []netcheck.Stage, ok bool) {
	if h.Config != nil && len(h.Config.Uplink.Addresses()) == 0 {
		r.Skip("no server is set")
		return nil, false
	}
	if h.Netcheck == nil {
		r.Skip("the way to the server cannot be looked at here")
		return nil, false
	}
	all, err := h.Netcheck(ctx)
	if err != nil {
		r.Skip("the way to the server could not be looked at: %v", err)
		return nil, false
	}
	return all, true
}

// elsewhere says whether another check tells of a stage.
func elsewhere(s netcheck.Stage) bool {
	return s.Code == mtu || between(s)
}

// between says whether a stage found something in the server's place.
func between(s netcheck.Stage) bool {
	return s.Code == portal || s.Code == otherKey || s.Name == netcheck.TLS && s.Verdict == netcheck.Warn && strings.Contains(s.Sentence, "opens what is encrypted")
}

// ofStage tells what the stages with these names found.
func ofStage(names ...string) func(context.Context, *Host, *Report) {
	return func(ctx context.Context, h *Host, r *Report) {
		all, ok := h.stages(ctx, r)
		if !ok {
			return
		}
		var good, skipped []string
		for _, name := range names {
			switch s := netcheck.Of(all, name); {
			case elsewhere(s):
			case s.Verdict == netcheck.Skipped || s.Verdict == "":
				skipped = append(skipped, s.Sentence)
			case s.Verdict == netcheck.OK:
				good = append(good, s.Sentence)
			default:
				tellStage(r, s)
			}
		}
		switch {
		case len(r.results) > 0:
		case len(good) > 0:
			r.Pass("%s", strings.Join(good, "; "))
		case len(skipped) > 0:
			r.Skip("%s", skipped[0])
		default:
			r.Skip("another check tells of it")
		}
	}
}

// tellStage reports a stage as it is told by netcheck.
func tellStage(r *Report, s netcheck.Stage) {
	sentence := strings.TrimSuffix(capital(s.Sentence), ".")
	if s.Code != "" {
		sentence += " (" + s.Code + ")"
	}
	tell := r.Fail
	if s.Verdict == netcheck.Warn {
		tell = r.Warn
	}
	tell(s.Name, sentence+".", marked(s.Actions, s.Commands)...)
}

// marked puts the commands of actions back into backquotes.
func marked(actions, commands []string) []string {
	all := slices.Clone(actions)
	for i := range all {
		if i < len(commands) && commands[i] != "" {
			all[i] = strings.Replace(all[i], commands[i], "`"+commands[i]+"`", 1)
		}
	}
	return all
}

func capital(text string) string {
	if text == "" || text[0] < 'a' || text[0] > 'z' {
		return text
	}
	return strings.ToUpper(text[:1]) + text[1:]
}

// tellWhere reports the stages that which is true of. looked are stages one of which has
// to have come to its end for the check to pass.
func tellWhere(ctx context.Context, h *Host, r *Report, which func(netcheck.Stage) bool, good string, looked ...string) {
	all, ok := h.stages(ctx, r)
	if !ok {
		return
	}
	done := false
	for _, s := range all {
		if which(s) {
			tellStage(r, s)
		}
		done = done || slices.Contains(looked, s.Name) && s.Verdict == netcheck.OK
	}
	switch {
	case len(r.results) > 0:
	case done:
		r.Pass("%s", good)
	default:
		r.Skip("the way ends before that can be seen")
	}
}

func checkBetween(ctx context.Context, h *Host, r *Report) {
	tellWhere(ctx, h, r, between, "the server itself answers", netcheck.TLS, netcheck.Upgrade)
}

func checkPackets(ctx context.Context, h *Host, r *Report) {
	tellWhere(ctx, h, r, func(s netcheck.Stage) bool { return s.Code == mtu }, "they come through", netcheck.Echo)
}

// checkProxy compares what a person finds out in a shell with what the service does: it
// does not see the variables of a shell.
func checkProxy(ctx context.Context, h *Host, r *Report) {
	if h.Config != nil && h.Config.Uplink.Proxy == "environment" && h.ShellProxy != h.ServiceProxy {
		say := func(p string) string {
			if p == "" {
				return "none"
			}
			return p
		}
		action := "Where a proxy is needed name it for the gateway: proxy = \"http://HOST:PORT\" in [uplink]; then `sudo portti reload`"
		if h.ShellProxy == "" {
			action = "To try by hand what the service does: `sudo systemctl show portti -p Environment`"
		}
		r.Warn("", fmt.Sprintf("This shell goes through another proxy than the service (shell: %s, service: %s): what works by hand may fail for the gateway, and the other way round.", say(h.ShellProxy), say(h.ServiceProxy)), action)
	}
	all, ok := h.stages(ctx, r)
	if !ok {
		return
	}
	s := netcheck.Of(all, netcheck.Proxy)
	switch {
	case s.Verdict == netcheck.Fail || s.Verdict == netcheck.Warn:
		tellStage(r, s)
	case len(r.results) > 0:
	case s.Verdict == netcheck.Skipped:
		r.Pass("none is needed")
	default:
		r.Pass("%s", s.Sentence)
	}
}

// checkToken takes the token's own word, which the running gateway reads.
func checkToken(_ context.Context, h *Host, r *Report) {
	if h.Status == nil {
		r.Skip("the gateway does not run, which reads the token")
		return
	}
	t := h.Status.Link.Token
	switch {
	case t == nil:
		r.Pass("the server wants none")
		return
	case t.ExpiresAt == 0:
		r.Pass("it does not say when it ends")
		return
	case t.Source != "file":
		r.Pass("the gateway renews it by itself")
		return
	}
	at := time.Unix(t.ExpiresAt, 0)
	left, day := at.Sub(h.Now()), at.Local().Format("2 January 2006, 15:04")
	const renew = "Get a new one from the server's operator, and enter it: `sudo portti login`"
	switch {
	case !h.Status.Clock.Trusted:
		r.Skip("it ends on %s, and the clock here cannot be trusted", day)
	case left <= 0:
		r.Fail("", "The access token expired on "+day+".", renew)
	case left < tokenSoon:
		r.Warn("", fmt.Sprintf("The access token expires on %s, in %s.", day, status.InWords(left)), renew)
	default:
		r.Pass("until %s", day)
	}
}

// checkRoundTrip judges the line: how long a ping takes, and how often connections end. A
// link on TCP loses no packet that a ping could count; what it has is breaks.
func checkRoundTrip(ctx context.Context, h *Host, r *Report) {
	all, ok := h.stages(ctx, r)
	if !ok {
		return
	}
	rtt := netcheck.Of(all, netcheck.Echo).RTTms
	if s := h.Status; s != nil {
		if s.Link.RTTms > 0 {
			rtt = s.Link.RTTms
		}
		hours := s.UptimeS / 3600
		if hours >= 1 && float64(s.Link.Connects) > 4*hours+4 {
			r.Warn("", fmt.Sprintf("The link was made %d times in %s: it breaks again and again.", s.Link.Connects, status.InSeconds(s.UptimeS)),
				"Check cable, antenna and signal of the modem or Wi-Fi", "See why it ended the last times: `journalctl -u portti -g uplink -n 20`")
		}
	}
	e := netcheck.Of(all, netcheck.Echo)
	switch {
	case e.Verdict == netcheck.Fail && !elsewhere(e):
		tellStage(r, e)
	case rtt > slowTrip:
		r.Warn("", fmt.Sprintf("A ping to the server and back takes %.1f s: the line is slow, or something else fills it.", rtt/1000),
			"Check the signal of the modem or Wi-Fi, and what else uses the line: `ip -s link`")
	case len(r.results) > 0:
	case rtt > 0:
		r.Pass("%.0f ms", rtt)
	default:
		r.Skip("no ping was answered")
	}
}

// checkTwin looks for another gateway with this one's identity, as a copied card makes.
func checkTwin(_ context.Context, h *Host, r *Report) {
	if h.Status == nil {
		r.Skip("the gateway does not run, which the server would tell")
		return
	}
	for _, p := range h.Status.Problems {
		if p.Code == "UP-TAKEOVER" || p.Code == "GW-OTHER-BOARD" || p.Code == "UP-TOO-MANY" {
			tell := r.Warn
			if p.Code == "UP-TAKEOVER" {
				tell = r.Fail
			}
			actions := marked(p.Actions, p.Commands)
			if p.Code == "UP-TOO-MANY" {
				actions = append(actions, "If this card was copied, give one of the two another id: `sudo portti identity new && sudo portti service restart`")
			}
			tell(p.Subject, p.Sentence+" ("+p.Code+")", actions...)
		}
	}
	if len(r.results) == 0 {
		r.Pass("%s, as far as the server tells", h.Status.Gateway.ID)
	}
}
