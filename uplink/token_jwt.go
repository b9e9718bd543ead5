package uplink

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

const (
	signedLife   = 5 * time.Minute // of a token we sign
	signedBefore = time.Minute     // valid from this long ago: the server's clock may be behind
	signedReuse  = time.Minute     // the same one is given again for so long
	signedStep   = 5 * time.Second // a wall clock that moved more than this makes it stale
)

// The algorithms of a SignedToken.
const (
	AlgES256 = "ES256"
	AlgEdDSA = "EdDSA"
)

// Signing says how a gateway signs its own tokens.
type Signing struct {
	Alg      string   // AlgES256 or AlgEdDSA
	Gateway  string   // iss and sub
	Audience []string // aud; see Audience
	KeyFile  string   // PEM, made at first use
	Home     string   // the state folder: who owns it owns KeyFile
	// Renew makes Changed report the end of a token's life ahead of time, for
	// servers that end the connection with the token.
	Renew bool
}

// SignedToken is a TokenSource whose tokens are JWTs signed with a key that
// never leaves the gateway: iss and sub are the gateway, valid for 5 minutes,
// with a random jti and the key's kid. One is used for a minute at most, and no
// more than one is made in 30 s, refused or not. It is safe for concurrent use.
type SignedToken struct {
	s Signing
	o *Options

	mu      sync.Mutex
	key     *DeviceKey
	token   Secret
	made    time.Time     // monotonic
	wall    time.Time     // at the same moment
	renewAt time.Duration // after made
	refused bool
	fault   *TokenError
}

// NewSignedToken makes the source. Of o it uses the clock, Rand and Log.
func NewSignedToken(s Signing, o Options) (*SignedToken, error) {
	if s.Alg != AlgES256 && s.Alg != AlgEdDSA {
		return nil, fmt.Errorf("cannot sign tokens with %q: it can be %s or %s", s.Alg, AlgES256, AlgEdDSA)
	}
	if s.Gateway == "" || len(s.Audience) == 0 || s.KeyFile == "" {
		return nil, errors.New("cannot sign tokens without the gateway's id, an audience and a file for the key")
	}
	o.setDefaults()
	return &SignedToken{s: s, o: &o}, nil
}

// Audience is a server's address as it stands in aud: without user, query and
// fragment.
func Audience(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	u.User, u.RawQuery, u.ForceQuery, u.Fragment, u.RawFragment = nil, "", false, "", ""
	return u.String()
}

// Token gives a token that is good for at least 4 more minutes by our clock.
func (t *SignedToken) Token(context.Context) (Secret, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.o.Now()
	age := time.Since(t.made)
	stepped := (now.Sub(t.wall) - age).Abs() > signedStep
	if !t.token.Empty() && !stepped && (age < fetchGap || age < signedReuse && !t.refused) {
		return t.token, nil
	}
	if t.key == nil {
		key, err := LoadDeviceKey(t.s.KeyFile, t.s.Home, t.s.Alg)
		if err != nil {
			t.fault = tokenFault(ProblemTokenKey, true, "%v", err)
			return Secret{}, t.fault
		}
		t.key, t.fault = key, nil
	}
	text, err := t.sign(now)
	if err != nil {
		t.fault = tokenFault(ProblemTokenKey, true, "cannot sign a token: %v", err)
		return Secret{}, t.fault
	}
	t.token, t.made, t.wall, t.refused = NewSecret(text), time.Now(), now, false
	t.renewAt = renewAfter(signedLife, t.o.Rand())
	return t.token, nil
}

func (t *SignedToken) sign(now time.Time) (string, error) {
	var jti [16]byte
	_, _ = rand.Read(jti[:]) // never fails
	var audience any = t.s.Audience
	if len(t.s.Audience) == 1 {
		audience = t.s.Audience[0]
	}
	token := jwt.NewWithClaims(jwt.GetSigningMethod(t.s.Alg), jwt.MapClaims{
		"iss": t.s.Gateway, "sub": t.s.Gateway, "aud": audience,
		"iat": now.Unix(), "nbf": now.Add(-signedBefore).Unix(), "exp": now.Add(signedLife).Unix(),
		"jti": base64.RawURLEncoding.EncodeToString(jti[:]),
	})
	token.Header["kid"] = t.key.ID
	return token.SignedString(t.key.private)
}

// Changed reports, where Signing.Renew asks for it, that the token in use ends
// soon.
func (t *SignedToken) Changed() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.s.Renew && !t.token.Empty() && time.Since(t.made) >= t.renewAt
}

// Refused says that the server turned s down.
func (t *SignedToken) Refused(s Secret) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.refused = t.refused || s == t.token
}

// State tells how it is.
func (t *SignedToken) State() TokenState {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := TokenState{Source: "jwt", Fingerprint: t.token.Fingerprint()}
	if t.fault != nil {
		s.Problem, s.LastError = t.fault.Problem, t.fault.Sentence
	}
	return s
}
