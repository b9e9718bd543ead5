package web

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"slices"
	"sync"
	"time"
)

// Role is what a session may do.
type Role string

// The roles.
const (
	View Role = "view" // look
	Act  Role = "act"  // and read the configuration again, ping the server, connect anew, test and follow a device, take files along
)

// How long and how many.
const (
	LinkLife    = 10 * time.Minute
	SessionLife = 12 * time.Hour
	maxLinks    = 16
	maxSessions = 32
	tryWindow   = time.Minute
	triesEach   = 5  // failed ones a tryWindow, of one address
	triesAll    = 10 // of all together
)

// Session is one that is signed in, as it may be shown: ID names it and lets nobody in.
type Session struct {
	ID       string    `json:"id"`
	Role     Role      `json:"role"`
	Address  string    `json:"address"`
	Browser  string    `json:"browser"` // its own word, cleaned
	HTTPS    bool      `json:"https"`
	Begun    time.Time `json:"begun"`
	SeenS    float64   `json:"seen_s"` // since its last request
	ExpiresS float64   `json:"expires_s"`
}

type session struct {
	sum         [sha256.Size]byte // of the secret in the cookie, which is not kept
	id          string
	role        Role
	secure      bool
	from, agent string
	begun, seen time.Time
	outcome     *outcome // of the last act, until it is seen
	outcomes    uint64
}

type link struct {
	sum   [sha256.Size]byte
	role  Role
	until time.Time
}

type try struct {
	from string
	at   time.Time
}

// guests knows the links that were given out and who came by one. The zero value knows
// nobody. Secrets are kept as their hashes and compared in constant time.
type guests struct {
	mu    sync.Mutex
	links []link
	open  []*session
	tries []try     // that failed, of the last minute
	told  time.Time // when the log last heard of too many
}

func secret() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // it never fails
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// invite makes a link's token. Beyond maxLinks the oldest is no longer good.
func (g *guests) invite(role Role) (token string) {
	token = secret()
	g.mu.Lock()
	defer g.mu.Unlock()
	g.tidy(time.Now())
	if len(g.links) >= maxLinks {
		g.links = slices.Delete(g.links, 0, 1)
	}
	g.links = append(g.links, link{sha256.Sum256([]byte(token)), role, time.Now().Add(LinkLife)})
	return token
}

// enter takes a token for a session, whose secret is for the cookie. tooMany: no more
// failures are looked at, from there or at all. A good link is taken even then, since
// nobody guesses one: who fails on purpose keeps nobody else out.
func (g *guests) enter(token, from, agent string, secure bool) (cookie string, role Role, tooMany bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := time.Now()
	g.tidy(now)
	sum, found := sha256.Sum256([]byte(token)), -1
	for i := range g.links {
		if subtle.ConstantTimeCompare(g.links[i].sum[:], sum[:]) == 1 {
			found = i
		}
	}
	if found < 0 {
		return "", "", g.failed(from, now)
	}
	role = g.links[found].role
	g.links = slices.Delete(g.links, found, found+1)
	if len(g.open) >= maxSessions {
		oldest := slices.IndexFunc(g.open, func(s *session) bool {
			return !slices.ContainsFunc(g.open, func(o *session) bool { return o.seen.Before(s.seen) })
		})
		g.open = slices.Delete(g.open, oldest, oldest+1)
	}
	cookie = secret()
	name := sha256.Sum256([]byte("name " + cookie))
	g.open = append(g.open, &session{sum: sha256.Sum256([]byte(cookie)), id: hex.EncodeToString(name[:4]), role: role, secure: secure,
		from: from, agent: agent, begun: now, seen: now})
	return cookie, role, false
}

// failed counts a failure, and says whether there were too many.
func (g *guests) failed(from string, now time.Time) (tooMany bool) {
	here := 0
	for _, t := range g.tries {
		if t.from == from {
			here++
		}
	}
	if here >= triesEach || len(g.tries) >= triesAll {
		return true
	}
	g.tries = append(g.tries, try{from, now})
	return false
}

// tell says whether the log hears of too many failures: once in tryWindow, so that who
// fails on purpose does not fill it.
func (g *guests) tell() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := time.Now()
	if now.Sub(g.told) < tryWindow {
		return false
	}
	g.told = now
	return true
}

// of is the session of a cookie; nil = there is none.
func (g *guests) of(cookie string, secure bool) *session {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := time.Now()
	g.tidy(now)
	sum := sha256.Sum256([]byte(cookie))
	var found *session
	for _, s := range g.open {
		if subtle.ConstantTimeCompare(s.sum[:], sum[:]) == 1 && s.secure == secure {
			found = s
		}
	}
	if found != nil {
		found.seen = now
	}
	return found
}

// holds says whether a session is still good.
func (g *guests) holds(s *session) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.tidy(time.Now())
	return slices.Contains(g.open, s)
}

// leave ends one session; "" ends all, and the links that nobody used.
func (g *guests) leave(id string) (ended int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	before := len(g.open)
	g.open = slices.DeleteFunc(g.open, func(s *session) bool { return id == "" || s.id == id })
	if id == "" {
		g.links = nil
	}
	return before - len(g.open)
}

// list is who is signed in, in the order they came.
func (g *guests) list() []Session {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := time.Now()
	g.tidy(now)
	all := make([]Session, 0, len(g.open))
	for _, s := range g.open {
		all = append(all, Session{ID: s.id, Role: s.role, Address: s.from, Browser: s.agent, HTTPS: s.secure, Begun: s.begun.UTC(),
			SeenS: now.Sub(s.seen).Seconds(), ExpiresS: s.begun.Add(SessionLife).Sub(now).Seconds()})
	}
	return all
}

// tidy forgets what is over.
func (g *guests) tidy(now time.Time) {
	g.links = slices.DeleteFunc(g.links, func(l link) bool { return !now.Before(l.until) })
	g.open = slices.DeleteFunc(g.open, func(s *session) bool { return now.Sub(s.begun) >= SessionLife })
	g.tries = slices.DeleteFunc(g.tries, func(t try) bool { return now.Sub(t.at) >= tryWindow })
}
