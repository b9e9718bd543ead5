package testbed

import (
	"crypto/sha256"
	"crypto/subtle"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// gate checks the token of a handshake.
type gate struct {
	mode string // none, header, query, first-message or hash
	want func() (string, error)
}

func newGate(o Options) gate {
	g := gate{mode: o.Auth, want: o.TokenNow}
	if g.want == nil {
		g.want = func() (string, error) { return o.Token, nil }
	}
	return g
}

// open says whether a handshake may pass, and with which token. A token that
// comes as the first message is checked later.
func (g gate) open(req *http.Request) (token string, ok bool) {
	if g.mode == "none" || g.mode == "first-message" {
		return "", true
	}
	want, err := g.want()
	if err != nil || want == "" {
		return "", false
	}
	for _, token := range g.presented(req) {
		if same(token, want) {
			return token, true
		}
	}
	return "", false
}

// mayCome says whether who asks is no page of a browser, or one that was told. Only
// browsers send Origin by themselves; from one any page of the web could connect
// through somebody at this machine. A client that names the server's own address is
// none of them, unless that is a name, which the page can have let to lead here.
func mayCome(req *http.Request, told []string) bool {
	origin := req.Header.Get("Origin")
	if origin == "" || slices.Contains(told, "*") || slices.ContainsFunc(told, func(o string) bool { return strings.EqualFold(o, origin) }) {
		return true
	}
	u, err := url.Parse(origin)
	if err != nil || u.Host == "" || !strings.EqualFold(u.Host, req.Host) {
		return false
	}
	return net.ParseIP(u.Hostname()) != nil || strings.EqualFold(u.Hostname(), "localhost")
}

// anyOrigin is for handshakes that mayCome has passed.
func anyOrigin(*http.Request) bool { return true }

// presented lists what may be the token.
func (g gate) presented(req *http.Request) []string {
	switch g.mode {
	case "header":
		return bearer(req)
	case "query":
		return []string{req.URL.Query().Get("token")}
	}
	return fragments(req)
}

func bearer(req *http.Request) []string {
	scheme, token, found := strings.Cut(req.Header.Get("Authorization"), " ")
	if !found || !strings.EqualFold(scheme, "Bearer") {
		return nil
	}
	return []string{strings.TrimSpace(token)}
}

// fragments lists all that the fragment of a client's URL may have become: no
// server is ever sent the fragment itself (RFC 6455 section 3).
func fragments(req *http.Request) []string {
	all := bearer(req)
	for _, values := range req.URL.Query() {
		all = append(all, values...)
	}
	for name, values := range req.Header {
		if name != "Authorization" {
			all = append(all, values...)
		}
	}
	if _, escaped, found := strings.Cut(req.URL.EscapedPath(), "%23"); found {
		if token, err := url.PathUnescape(escaped); err == nil {
			all = append(all, token)
		}
	}
	return all
}

// same takes equally long for every token, right or wrong.
func same(token, want string) bool {
	a, b := sha256.Sum256([]byte(token)), sha256.Sum256([]byte(want))
	return subtle.ConstantTimeCompare(a[:], b[:]) == 1
}

// expiry reads when a JWT ends, without verifying it: here it only says when
// to hang up. ok is false for any other token.
func expiry(token string) (at time.Time, ok bool) {
	var claims jwt.RegisteredClaims
	if _, _, err := jwt.NewParser().ParseUnverified(token, &claims); err != nil || claims.ExpiresAt == nil {
		return time.Time{}, false
	}
	return claims.ExpiresAt.Time, true
}
