package gateway

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"portti/cmd/portti/status"
)

// liveWithin is within what time the parts must have been looked at: twice the longest
// time between two looks.
const liveWithin = 2 * restEvery

// part of the health is one thing that is so or not.
type part struct {
	name string
	ok   bool
	says string
}

// healthz is what a page below /healthz/ tells.
type healthz []part

// health is that page, if there is one. live is for a watchdog, ready for what starts
// services in order, and status for a load monitor. The uplink does not make a gateway
// unready: keeping readings while there is none is its work.
func (m *metrics) health(path string) (healthz, bool) {
	switch path {
	case "/healthz/live":
		idle := m.looked()
		return healthz{{"loop", idle < liveWithin, fmt.Sprintf("the parts were looked at %s ago", status.InWords(idle))}}, true
	case "/healthz/ready":
		s := m.status()
		return healthz{
			{"buffer", s.Buffer.State != status.BufferDegraded, orOK(s.Buffer.LastError)},
			{"devices", len(s.Devices) > 0, fmt.Sprintf("%d", len(s.Devices))},
		}, true
	case "/healthz/status":
		s := m.status()
		h := healthz{{"problems", true, "none needs a person"}}
		for _, p := range s.Problems {
			if p.Severity == status.Error {
				h = append(h, part{p.Code, false, p.Title})
			}
		}
		return h, true
	}
	return nil, false
}

func orOK(reason string) string {
	if reason == "" {
		return "ok"
	}
	return status.Clean(reason, 200)
}

// answer is ok in a line, or the names of what is not, and with verbose every part.
func (h healthz) answer(verbose bool) (code int, kind string, text []byte) {
	bad := slices.DeleteFunc(slices.Clone(h), func(p part) bool { return p.ok })
	code, lines := http.StatusOK, []string{"ok"}
	if len(bad) > 0 {
		code, lines = http.StatusServiceUnavailable, nil
		for _, p := range bad {
			lines = append(lines, "not ok: "+p.name)
		}
	}
	if verbose {
		for _, p := range h {
			lines = append(lines, fmt.Sprintf("%s\t%t\t%s", p.name, p.ok, p.says))
		}
	}
	return code, "text/plain; charset=utf-8", []byte(strings.Join(lines, "\n") + "\n")
}

// sinceLook is how long ago supervise passed.
func (g *Gateway) sinceLook() time.Duration { return time.Duration(g.sinceStart() - g.lookedAt.Load()) }

// sinceStart is the age of this gateway by the monotonic clock.
func (g *Gateway) sinceStart() int64 { return int64(time.Since(g.started)) }
