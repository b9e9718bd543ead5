package daemon

import (
	"time"

	"portti/uplink"
)

// TokenStatus is what may be shown of the access token.
type TokenStatus struct {
	Source      string `json:"source"`      // file | client-credentials | refresh-token | device-code | login | jwt
	Fingerprint string `json:"fingerprint"` // first digits of its SHA-256; empty = there is none yet
	// ExpiresAt is by the token's own word, Unix seconds; 0 = not known.
	ExpiresAt int64  `json:"expires_at"`
	Problem   string `json:"problem"`    // catalogue code while it cannot be renewed
	LastError string `json:"last_error"` // one sentence without secrets
}

// tokenStatus is nil where the uplink needs no token.
func (d *Daemon) tokenStatus() *TokenStatus {
	r, ok := d.token.(uplink.TokenReporter)
	if !ok {
		return nil
	}
	s := r.State()
	t := &TokenStatus{Source: s.Source, Fingerprint: s.Fingerprint, Problem: s.Problem, LastError: s.LastError}
	if !s.Expires.IsZero() {
		t.ExpiresAt = s.Expires.Unix()
	}
	return t
}

// tokenSubject sets problems of the token apart from those of the link, which
// has one at a time.
const tokenSubject = "token"

// lookAtToken shows what is wrong with the token while the link still works
// with the one it has.
func (d *Daemon) lookAtToken(link uplink.Status) {
	r, ok := d.token.(uplink.TokenReporter)
	if !ok {
		return
	}
	s, p := r.State(), d.problems
	code := s.Problem
	if code == link.Problem {
		code = ""
	}
	if code == "" && d.expiring(s) {
		code = "UP-TOKEN-EXPIRING"
	}
	p.Only(code, tokenSubject, "UP-", "NET-", "TLS-", "CLK-")
	if code != "" {
		p.Raise(code, tokenSubject, "why", s.LastError, "at", s.Expires.Local().Format("2 January 2006, 15:04"))
	}
}

// Warnings about a token that nobody here can renew come in the last fifth of
// its life and at most a week ahead.
const expiringLimit = 7 * 24 * time.Hour

func (d *Daemon) expiring(s uplink.TokenState) bool {
	if s.Source != "file" || s.Expires.IsZero() || !d.clock.Now().Trusted {
		return false
	}
	warn := time.Hour
	if !s.Made.IsZero() {
		warn = min(s.Expires.Sub(s.Made)/5, expiringLimit)
	}
	return d.wallTime().After(s.Expires.Add(-warn))
}
