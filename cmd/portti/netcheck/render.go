package netcheck

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"portti/cmd/portti/console"
)

// Show writes a stage: its number, name, verdict and time, what was found, and what to do.
func Show(w io.Writer, s Stage, o console.Options) error {
	if o.Plain {
		command := ""
		if len(s.Commands) > 0 {
			command = s.Commands[0]
		}
		action := ""
		if len(s.Actions) > 0 {
			action = s.Actions[0]
		}
		_, err := fmt.Fprintf(w, "%s\t%s\t%.1f\t%s\t%s\t%s\t%s\n", s.Name, s.Verdict, s.TookMS, s.Code, s.Sentence, action, command)
		return err
	}
	n := slices.Index(Stages(), s.Name) + 1
	text := s.Sentence
	if s.Code != "" && s.Verdict != OK {
		text += " (" + s.Code + ")"
	}
	const indent = "                     "
	sheet := console.NewSheet(o)
	sheet.Hang(fmt.Sprintf("%d %-10s%s%s", n, s.Name, coloured(s.Verdict, o.Colour), strings.Repeat(" ", 9-len(word(s.Verdict)))), indent, text)
	for i, a := range s.Actions[:min(len(s.Actions), 2)] { // of the others the catalogue knows
		sheet.Advise(indent, a, s.Commands[i])
	}
	_, err := io.WriteString(w, sheet.String())
	return err
}

// Waits says what is waited for when so many stages have been told and the next one has
// taken a while; "" = all are told.
func (h *Host) Waits(told int, took time.Duration) string {
	if told >= len(Stages()) {
		return ""
	}
	name := Stages()[told]
	what := map[string]string{
		DNS: "the name servers", TCP: "a connection", Proxy: "the proxy", TLS: "the server", Upgrade: "the server", Login: "a pong", Echo: "long pongs",
	}[name]
	if what == "" {
		return ""
	}
	limit := h.Limit
	if took >= limit && (name == TLS || name == Upgrade || name == Echo) { // see hole
		what, limit = what+", now in small packets", 2*limit
	}
	return fmt.Sprintf("%d %-10swaiting for %s, %.0f s of %.0f s at most", told+1, name, what, took.Seconds(), limit.Seconds())
}

func word(v Verdict) string {
	if v == Fail {
		return "FAIL"
	}
	return string(v)
}

func coloured(v Verdict, colour bool) string {
	code := map[Verdict]string{OK: "32", Warn: "33", Fail: "31"}[v]
	if !colour || code == "" {
		return word(v)
	}
	return "\x1b[" + code + "m" + word(v) + "\x1b[0m"
}
