package web

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"
)

// policy is what the page may load: nothing but its own files, and no markup may come
// of a string in the script.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'; require-trusted-types-for 'script'"

// Limits of a request.
const (
	maxBody  = 64 << 10
	bodyTime = 10 * time.Second
)

// guard is what stands before the routes; secure = it is spoken to over TLS.
type guard struct {
	page   *Page
	secure bool
	cross  *http.CrossOriginProtection
	next   http.Handler
}

type sessionKey struct{}

// sessionOf is the session of a request that passed the guard.
func sessionOf(r *http.Request) *session {
	s, _ := r.Context().Value(sessionKey{}).(*session)
	return s
}

// ServeHTTP counts what is answered.
func (g *guard) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c := &counted{ResponseWriter: w, counts: &g.page.counts, method: r.Method}
	g.serve(c, r)
	c.begin(http.StatusOK)
}

// serve lets through who may pass, in the order that the package promises.
func (g *guard) serve(w http.ResponseWriter, r *http.Request) {
	rejected := &g.page.counts.rejected
	h := w.Header()
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-store")
	if r.ContentLength != 0 { // also of a GET, and of who is refused: the server reads it before it answers
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyTime)) // the body's limit holds where this fails
	}
	if !Known(r, g.page.opt.names()) {
		rejected[rejectedHost].Add(1)
		http.Error(w, "this gateway is not asked by that name; names says in [web] which others it has", http.StatusMisdirectedRequest)
		return
	}
	if err := g.cross.Check(r); err != nil || embeds(r) {
		rejected[rejectedOrigin].Add(1)
		http.Error(w, "another web page asked for this, and may not", http.StatusForbidden)
		return
	}
	if s := g.session(r); s != nil {
		r = r.WithContext(context.WithValue(r.Context(), sessionKey{}, s))
	}
	if sessionOf(r) == nil && !public(r.URL.Path) {
		rejected[rejectedSession].Add(1)
		g.page.stranger(w, r)
		return
	}
	if status, why := allowed(r); status != 0 {
		http.Error(w, why, status)
		return
	}
	if err := takeBody(w, r); err != nil {
		http.Error(w, err.Error(), http.StatusRequestEntityTooLarge)
		return
	}
	g.next.ServeHTTP(w, r)
}

// embeds says whether another web page asks for this as a part of itself: by another port of
// localhost, whose pages have our cookie sent, it could take all event streams, or what came
// of an act. A link that leads here is none.
func embeds(r *http.Request) bool {
	site, mode := r.Header.Get("Sec-Fetch-Site"), r.Header.Get("Sec-Fetch-Mode")
	return (site == "same-site" || site == "cross-site") && mode != "navigate" && !public(r.URL.Path)
}

// takeBody reads the whole body, so that nothing is begun for who does not send the rest of
// it, and no answer waits for that.
func takeBody(w http.ResponseWriter, r *http.Request) error {
	if r.Body == nil { // a request that no server has read
		return nil
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		return fmt.Errorf("what was sent cannot be read: %w", err)
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	_ = http.NewResponseController(w).SetReadDeadline(time.Time{}) // an answer may take longer
	return nil
}

// public says what is there for those who are not signed in: the way in, what draws
// it, and whether the gateway is alive.
func public(path string) bool {
	return strings.HasPrefix(path, "/assets/") || strings.HasPrefix(path, "/signin/") || path == "/healthz/live" || path == "/healthz/ready"
}

const onlyLooks = "this session may only look; for one that may act: portti web link --act"

// allowed holds method and role against each other: to look at something needs a
// session, to change something one that may act. Signing in and out are for everybody.
func allowed(r *http.Request) (status int, why string) {
	s := sessionOf(r)
	switch {
	case r.Method == http.MethodGet || r.Method == http.MethodHead:
	case r.Method != http.MethodPost:
		return http.StatusMethodNotAllowed, "only GET and POST are known here"
	case strings.HasPrefix(r.URL.Path, "/signin/") || s != nil && r.URL.Path == "/signout":
	case s == nil || s.role != Act:
		return http.StatusForbidden, onlyLooks
	}
	return 0, ""
}

// cookieName differs, so that what came over plain HTTP is never taken over TLS. With
// the prefix browsers take it from this host over TLS alone. It is another one for each
// gateway: several of them are all localhost to whoever reaches them through SSH.
func (p *Page) cookieName(secure bool) string {
	sum := sha256.Sum256([]byte(p.opt.ID))
	name := "portti-" + hex.EncodeToString(sum[:4])
	if secure {
		return "__Host-" + name
	}
	return name
}

func (g *guard) session(r *http.Request) *session {
	cookies := r.CookiesNamed(g.page.cookieName(g.secure))
	if len(cookies) != 1 { // two are somebody else's doing
		return nil
	}
	return g.page.guests.of(cookies[0].Value, g.secure)
}

// Known says whether a request's Host is one of this machine, or among the other names of
// it. A name that somebody else lets lead here is not: his page would be taken for ours.
func Known(r *http.Request, names []string) bool {
	name := r.Host
	if host, _, err := net.SplitHostPort(name); err == nil {
		name = host
	}
	name = strings.ToLower(strings.TrimSuffix(strings.Trim(name, "[]"), "."))
	if ip := net.ParseIP(name); ip != nil {
		return ip.IsLoopback() || ownAddress(r, ip) || slices.ContainsFunc(names, func(n string) bool { return ip.Equal(net.ParseIP(n)) })
	}
	own := append([]string{"localhost"}, names...)
	if host, err := os.Hostname(); err == nil && host != "" {
		short, _, _ := strings.Cut(host, ".")
		own = append(own, host, short, short+".local")
	}
	return slices.ContainsFunc(own, func(n string) bool { return strings.EqualFold(n, name) })
}

// ownAddress says whether the request came in at this address.
func ownAddress(r *http.Request, ip net.IP) bool {
	a, ok := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr)
	return ok && a.IP.Equal(ip)
}
