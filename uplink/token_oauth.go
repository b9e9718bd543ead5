package uplink

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
)

// The grants of OAuth.
const (
	GrantClient  = "client-credentials" // RFC 6749 section 4.4
	GrantRefresh = "refresh-token"      // section 6, with a token handed over in a file
	GrantDevice  = "device-code"        // RFC 8628: portti login gets the refresh token
)

// OAuth says how tokens are had from an OAuth 2.0 server.
type OAuth struct {
	Grant     string
	TokenURL  string // https, or http on this machine
	DeviceURL string // GrantDevice: where a login begins
	ClientID  string
	// Secret is the client's. nil: it has none, or shows a certificate
	// (Options.ClientCert).
	Secret   TokenSource
	InBody   bool // client and secret go into the body, not into the Authorization header
	Scopes   []string
	Audience string // sent as the parameter audience where it is not ""

	Seed *FileToken // GrantRefresh: the first refresh token
	Keep string     // file that the refresh token is kept in
	Home string     // the state folder: who owns it owns Keep
}

// NewOAuthToken makes the source. Of o it uses what says how servers are
// reached and trusted, the clock, Rand and Log.
func NewOAuthToken(c OAuth, o Options) (*FetchedToken, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	if c.Grant == GrantClient {
		return newFetched(&clientIssuer{c: c}, o), nil
	}
	o.setDefaults()
	i := &refreshIssuer{c: c, o: &o, keep: keeper{c.Keep, c.Home}}
	f := newFetched(i, o)
	if got, ok := i.kept(); ok {
		f.take(got)
	}
	return f, nil
}

func (c *OAuth) check() error {
	switch {
	case c.Grant != GrantClient && c.Grant != GrantRefresh && c.Grant != GrantDevice:
		return fmt.Errorf("cannot get tokens by the grant %q", c.Grant)
	case c.TokenURL == "" || c.ClientID == "":
		return errors.New("cannot get tokens without the token server's address and a client id")
	case c.Grant != GrantClient && c.Keep == "":
		return errors.New("cannot keep the refresh token: no file is named")
	case c.Grant == GrantRefresh && c.Seed == nil:
		return errors.New("cannot get tokens: the file with the first refresh token is not named")
	}
	return nil
}

// secret reads the client's secret and hides it.
func (c *OAuth) secret(ctx context.Context, r *request) (string, error) {
	if c.Secret == nil {
		return "", nil
	}
	s, err := c.Secret.Token(ctx)
	if err != nil {
		return "", tokenFault(ProblemTokenFile, true, "cannot read the client secret: %s", r.scrub.clean(err.Error()))
	}
	r.hide(s)
	r.hide(NewSecret(base64.StdEncoding.EncodeToString([]byte(url.QueryEscape(c.ClientID) + ":" + url.QueryEscape(s.Reveal())))))
	return s.Reveal(), nil
}

func (c *OAuth) style(secret string) oauth2.AuthStyle {
	if c.InBody || secret == "" {
		return oauth2.AuthStyleInParams
	}
	return oauth2.AuthStyleInHeader
}

// config is c as the library takes it.
func (c *OAuth) config(secret string) *oauth2.Config {
	return &oauth2.Config{ClientID: c.ClientID, ClientSecret: secret, Scopes: c.Scopes,
		Endpoint: oauth2.Endpoint{TokenURL: c.TokenURL, DeviceAuthURL: c.DeviceURL, AuthStyle: c.style(secret)}}
}

// within gives the library our HTTP client.
func within(ctx context.Context, client *http.Client) context.Context {
	return context.WithValue(ctx, oauth2.HTTPClient, client)
}

// took turns the library's token into ours.
func took(t *oauth2.Token, at time.Time) (issued, error) {
	if err := CheckToken(t.AccessToken); err != nil {
		return issued{}, fmt.Errorf("the access token cannot be used: %w", err)
	}
	got := issued{access: NewSecret(t.AccessToken), at: at, span: readLifespan(t.AccessToken)}
	switch {
	case t.ExpiresIn > 0:
		got.expiresIn = lifeOfSeconds(t.ExpiresIn)
	case t.ExpiresIn == 0 && !t.Expiry.IsZero(): // an answer that is a form
		got.expiresIn = max(t.Expiry.Sub(at), 0).Round(time.Second)
	}
	return got, nil
}

// clientIssuer gets tokens with the client's own credentials.
type clientIssuer struct{ c OAuth }

func (i *clientIssuer) kind() string     { return GrantClient }
func (i *clientIssuer) saveAgain() error { return nil }

func (i *clientIssuer) replaced() bool {
	w, ok := i.c.Secret.(watchable)
	return ok && w.Changed()
}

func (i *clientIssuer) issue(ctx context.Context, r *request) (issued, error) {
	secret, err := i.c.secret(ctx, r)
	if err != nil {
		return issued{}, err
	}
	client, err := r.client()
	if err != nil {
		return issued{}, err
	}
	config := clientcredentials.Config{ClientID: i.c.ClientID, ClientSecret: secret, TokenURL: i.c.TokenURL, Scopes: i.c.Scopes, AuthStyle: i.c.style(secret)}
	if i.c.Audience != "" {
		config.EndpointParams = url.Values{"audience": {i.c.Audience}}
	}
	at := time.Now()
	t, err := config.Token(within(ctx, client))
	if err != nil {
		return issued{}, err
	}
	return took(t, at)
}

// refreshIssuer gets tokens with a refresh token. When the server gives a new
// one with the answer, the old one is spent: the new one is on disk before the
// access token that came with it is given to anybody.
type refreshIssuer struct {
	c    OAuth
	o    *Options
	keep keeper

	seen    os.FileInfo // of the kept file as last read or written
	unsaved *login      // newer than what the disk has
}

func (i *refreshIssuer) kind() string { return i.c.Grant }

// replaced notices portti login, and another first token.
func (i *refreshIssuer) replaced() bool {
	return i.c.Seed != nil && i.c.Seed.Changed() || i.moved()
}

// moved reports whether the kept file is another than the one last seen.
func (i *refreshIssuer) moved() bool {
	info, err := os.Stat(i.keep.path)
	return err == nil && (i.seen == nil || !sameFile(i.seen, info))
}

func (i *refreshIssuer) saveAgain() error {
	if i.unsaved == nil || i.moved() {
		i.unsaved = nil
		return nil
	}
	return i.save(*i.unsaved)
}

// save writes l and remembers what the file looks like now.
func (i *refreshIssuer) save(l login) error {
	if err := i.keep.save(l); err != nil {
		i.unsaved = &l
		return err
	}
	i.unsaved = nil
	i.seen, _ = os.Stat(i.keep.path)
	return nil
}

// kept gives the access token that the last run had, if it is still good as
// far as can be told.
func (i *refreshIssuer) kept() (issued, bool) {
	l, err := i.login(context.Background())
	if err != nil || l.access.Empty() || l.life == 0 {
		return issued{}, false
	}
	age := time.Duration(0) // not known: the server will tell
	if i.o.ClockTrusted() && l.made != 0 {
		if age = i.o.Now().Sub(time.Unix(l.made, 0)); age < 0 || age >= l.life {
			return issued{}, false
		}
	}
	return issued{access: l.access, at: time.Now().Add(-age), expiresIn: l.life, span: readLifespan(l.access.Reveal())}, true
}

// login finds the newest refresh token: one that waits to be written, the kept
// one, or the first one.
func (i *refreshIssuer) login(ctx context.Context) (login, error) {
	if i.unsaved != nil && !i.moved() {
		return *i.unsaved, nil
	}
	l, info, err := i.keep.load()
	i.seen = info
	found := err == nil && l.issuer == i.c.TokenURL && l.client == i.c.ClientID
	if i.c.Seed == nil || err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, errNoLogin) {
		// What is kept and cannot be read may be newer than the first one, which is
		// spent then: a server takes its return for a theft and ends the login.
		return l, i.loginFault(found, err)
	}
	seed, serr := i.c.Seed.Token(ctx)
	sum := sha256.Sum256([]byte(seed.Reveal()))
	first := hex.EncodeToString(sum[:])
	switch {
	case found && (serr != nil || l.seed == first):
		return l, nil
	case serr != nil:
		return login{}, tokenFault(ProblemTokenFile, true, "cannot read the refresh token: %v", serr)
	}
	return login{issuer: i.c.TokenURL, client: i.c.ClientID, seed: first, refresh: seed}, nil
}

// loginFault says why there is no login.
func (i *refreshIssuer) loginFault(found bool, err error) error {
	switch {
	case found:
		return nil
	case errors.Is(err, fs.ErrNotExist):
		return tokenFault(ProblemTokenLogin, true, "nobody has logged this gateway in yet")
	case err != nil:
		return tokenFault(ProblemTokenLogin, true, "the login of this gateway cannot be read from %s: %v", i.keep.path, err)
	}
	return tokenFault(ProblemTokenLogin, true, "the login that is kept was made at another token server or for another client id")
}

func (i *refreshIssuer) issue(ctx context.Context, r *request) (issued, error) {
	old, err := i.login(ctx)
	if err != nil {
		return issued{}, err
	}
	r.hide(old.refresh)
	secret, err := i.c.secret(ctx, r)
	if err != nil {
		return issued{}, err
	}
	client, err := r.client()
	if err != nil {
		return issued{}, err
	}
	at := time.Now()
	t, err := i.c.config(secret).TokenSource(within(ctx, client), &oauth2.Token{RefreshToken: old.refresh.Reveal()}).Token()
	if err != nil {
		return issued{}, err
	}
	got, err := took(t, at)
	next := login{issuer: old.issuer, client: old.client, seed: old.seed, refresh: NewSecret(t.RefreshToken)}
	if err == nil {
		next.take(got, i.o)
	}
	// Also when the access token is useless: the old refresh token is spent.
	i.keepNewer(old, next, r)
	return got, err
}

// keepNewer writes next when its refresh token is another than before. A login
// that somebody made meanwhile is not overwritten.
func (i *refreshIssuer) keepNewer(old, next login, r *request) {
	if next.refresh == old.refresh && i.unsaved == nil || i.moved() {
		return
	}
	if err := i.save(next); err != nil {
		// The old one is spent whether this one is written or not, so the
		// token is used all the same; a restart now would need a new login.
		r.saveFault = tokenFault(ProblemTokenNotSaved, false, "the new refresh token cannot be written, and a restart would need a new login: %s", r.scrub.clean(err.Error()))
	}
}
