package netcheck

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"portti/cmd/portti/status"
)

// Look is how stages are shown.
type Look struct {
	Width  int  // of the terminal; 0 = 80
	ASCII  bool // no other characters
	Plain  bool // fields separated by tabs
	Colour bool
}

// narrowest is what the text is folded to at least.
const narrowest = 40

// Show writes a stage: its number, name, verdict and time, what was found, and what to do.
func (l Look) Show(w io.Writer, s Stage) error {
	if l.Plain {
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
	const indent = 2 + 10 + 9
	width := max(l.Width, narrowest)
	if l.Width == 0 {
		width = 80
	}
	n := slices.Index(Stages(), s.Name) + 1
	text := s.Sentence
	if s.Code != "" && s.Verdict != OK {
		text += " (" + s.Code + ")"
	}
	var b strings.Builder
	for i, line := range status.Fold(text, width-indent) {
		if i == 0 {
			fmt.Fprintf(&b, "%d %-10s%s%s%s\n", n, s.Name, l.word(s.Verdict), strings.Repeat(" ", 9-len(word(s.Verdict))), line)
			continue
		}
		fmt.Fprintf(&b, "%*s%s\n", indent, "", line)
	}
	arrow := "→ "
	if l.ASCII {
		arrow = "> "
	}
	for i, a := range s.Actions {
		if i == 2 { // of the others the catalogue knows
			break
		}
		for j, line := range status.Fold(a, width-indent-2) {
			lead := arrow
			if j > 0 {
				lead = "  "
			}
			fmt.Fprintf(&b, "%*s%s%s\n", indent, "", lead, line)
		}
	}
	text = b.String()
	if l.ASCII {
		text = ascii(text)
	}
	_, err := io.WriteString(w, text)
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

func (l Look) word(v Verdict) string {
	colour := map[Verdict]string{OK: "32", Warn: "33", Fail: "31"}[v]
	if !l.Colour || colour == "" {
		return word(v)
	}
	return "\x1b[" + colour + "m" + word(v) + "\x1b[0m"
}

// ascii replaces what some terminals cannot show.
func ascii(text string) string {
	return strings.Map(func(r rune) rune {
		if r > 126 {
			return '?'
		}
		return r
	}, text)
}
