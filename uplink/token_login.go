package uplink

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"strings"
	"time"
)

// Login says how tokens are had with an e-mail address and a password, as
// Haltless does it: POST URL/login answers with an access token and a refresh
// token in a cookie, POST URL/refresh with that cookie answers with the next
// access token.
type Login struct {
	URL      string // https://api.haltless.io/api/v1/auth
	Email    string
	Password *FileToken
}

// NewLoginToken makes the source. Of o it uses what says how servers are
// reached and trusted, the clock, Rand and Log.
func NewLoginToken(l Login, o Options) (*FetchedToken, error) {
	if l.URL == "" || l.Email == "" || l.Password == nil {
		return nil, errors.New("cannot log in without an address, an e-mail address and a file with the password")
	}
	jar, _ := cookiejar.New(nil) // never fails
	l.URL = strings.TrimRight(l.URL, "/")
	return newFetched(&loginIssuer{l: l, jar: jar}, o), nil
}

// loginIssuer lives in one goroutine at a time; the cookies are in memory only
// and a restart logs in again.
type loginIssuer struct {
	l   Login
	jar *cookiejar.Jar
	in  bool // the jar may hold a refresh token
}

func (i *loginIssuer) kind() string     { return "login" }
func (i *loginIssuer) replaced() bool   { return i.l.Password.Changed() }
func (i *loginIssuer) saveAgain() error { return nil }

// issue refreshes, and logs in where that is refused.
func (i *loginIssuer) issue(ctx context.Context, r *request) (issued, error) {
	changed := i.l.Password.Changed() // another password may be another account
	password, err := i.l.Password.text()
	if err != nil {
		return issued{}, tokenFault(ProblemTokenFile, true, "cannot read the password: %s", r.scrub.clean(err.Error()))
	}
	r.hide(password)
	client, err := r.client()
	if err != nil {
		return issued{}, err
	}
	client.Jar = i.jar
	if i.in && !changed {
		got, err := i.post(ctx, client, "/refresh", nil)
		if err == nil {
			return got, nil
		}
		if r.status != http.StatusUnauthorized && r.status != http.StatusForbidden && r.status != http.StatusBadRequest && r.status != http.StatusUnprocessableEntity {
			return issued{}, err
		}
		i.in = false
	}
	body, _ := json.Marshal(map[string]string{"email": i.l.Email, "password": password.Reveal()})
	got, err := i.post(ctx, client, "/login", body)
	i.in = err == nil
	return got, err
}

func (i *loginIssuer) post(ctx context.Context, client *http.Client, path string, body []byte) (issued, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, i.l.URL+path, bytes.NewReader(body))
	if err != nil {
		return issued{}, err
	}
	req.Header.Set("Accept", "application/json")
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	at := time.Now()
	resp, err := client.Do(req)
	if err != nil {
		return issued{}, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body) // limited by exchange
	if err != nil {
		return issued{}, err
	}
	if resp.StatusCode/100 != 2 {
		return issued{}, fmt.Errorf("HTTP %d", resp.StatusCode)
	}
	return parseLoginAnswer(text, at)
}

// parseLoginAnswer reads the answer of a server. With MFA on, the token in it
// is a pending one that opens nothing but the second step, which a gateway
// cannot take.
func parseLoginAnswer(text []byte, at time.Time) (issued, error) {
	var a struct {
		Access    string `json:"access_token"`
		ExpiresIn int64  `json:"expires_in"` // not documented; used where it is sent
		MFA       bool   `json:"mfa_required"`
	}
	if err := json.Unmarshal(text, &a); err != nil {
		return issued{}, errors.New("it is not JSON as expected")
	}
	if a.MFA {
		return issued{}, tokenFault(ProblemTokenRefused, true, "the account asks for a second factor, which a gateway cannot give; use an account of its own without it")
	}
	if a.Access == "" {
		return issued{}, errNoAccess
	}
	if err := CheckToken(a.Access); err != nil {
		return issued{}, fmt.Errorf("the access token cannot be used: %w", err)
	}
	return issued{access: NewSecret(a.Access), at: at, expiresIn: lifeOfSeconds(a.ExpiresIn), span: readLifespan(a.Access)}, nil
}
