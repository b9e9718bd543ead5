package uplink

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"time"
	"unicode"

	"golang.org/x/oauth2"
)

const (
	deviceLimit   = 30 * time.Minute // a login takes at most this long, whatever the server allows
	deviceDefault = 10 * time.Minute // and this long where the server does not say
	deviceSlower  = 5 * time.Second  // between questions, more with each failure (RFC 8628 section 3.5)
	deviceSlowest = time.Minute
)

// DevicePrompt is what a person has to do to log a gateway in.
type DevicePrompt struct {
	URL      string // to be opened in a browser, on any machine
	Code     string // to be typed there
	Complete string // URL with Code in it; "" = the server has none
	Lasts    time.Duration
}

// ErrLoginDenied and ErrLoginExpired are inside what DeviceLogin returns when
// the person said no, or nothing.
var (
	ErrLoginDenied  = errors.New("the login was refused by the person who was asked")
	ErrLoginExpired = errors.New("nobody confirmed the login in time")
)

// DeviceLogin logs this gateway in by RFC 8628: show is called once with what
// a person has to do, then the server is asked until it answers. The refresh
// token is on disk (c.Keep) when DeviceLogin returns nil. Errors are
// ErrLoginDenied, ErrLoginExpired, the end of ctx, or a *TokenError.
func DeviceLogin(ctx context.Context, c OAuth, o Options, show func(DevicePrompt)) error {
	o.setDefaults()
	if err := c.check(); err != nil {
		return err
	}
	r := newRequest(&o)
	secret, err := c.secret(ctx, r)
	if err != nil {
		return err
	}
	config := c.config(secret)
	offer, err := askDevice(ctx, &c, config, r)
	if err != nil {
		return err
	}
	r.hide(NewSecret(offer.DeviceCode))
	show(DevicePrompt{URL: offer.VerificationURI, Code: offer.UserCode, Complete: offer.VerificationURIComplete,
		Lasts: time.Until(offer.Expiry).Round(time.Second)})
	t, at, err := awaitDevice(ctx, config, offer, r)
	if err != nil {
		return err
	}
	return keepDevice(&c, t, at, &o)
}

// askDevice asks for a code and checks what will be shown to a person.
func askDevice(ctx context.Context, c *OAuth, config *oauth2.Config, r *request) (*oauth2.DeviceAuthResponse, error) {
	client, err := r.client()
	if err != nil {
		return nil, r.fault(err)
	}
	var more []oauth2.AuthCodeOption
	if c.Audience != "" {
		more = append(more, oauth2.SetAuthURLParam("audience", c.Audience))
	}
	offer, err := config.DeviceAuth(within(ctx, client), more...)
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil:
		return nil, r.fault(err)
	}
	u, err := url.Parse(offer.VerificationURI)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || !printable(offer.VerificationURI, 300) ||
		!printable(offer.UserCode, 64) || offer.DeviceCode == "" {
		return nil, tokenFault(ProblemTokenServer, true, "the token server's answer to the login makes no sense (is device_url right?)")
	}
	if !printable(offer.VerificationURIComplete, 400) || !strings.HasPrefix(offer.VerificationURIComplete, "http") {
		offer.VerificationURIComplete = ""
	}
	offer.Interval = min(max(offer.Interval, 0), int64(deviceSlowest/time.Second))
	if offer.Interval == 0 {
		offer.Interval = int64(deviceSlower / time.Second)
	}
	now := time.Now()
	if left := offer.Expiry.Sub(now); offer.Expiry.IsZero() || left <= 0 {
		offer.Expiry = now.Add(deviceDefault)
	} else {
		offer.Expiry = now.Add(min(left, deviceLimit))
	}
	return offer, nil
}

func printable(s string, limit int) bool {
	return s != "" && len(s) <= limit && !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
}

// awaitDevice asks until the server has decided. What breaks on the way there
// is not the end of it: a technician stands where the network is bad.
func awaitDevice(ctx context.Context, config *oauth2.Config, offer *oauth2.DeviceAuthResponse, r *request) (*oauth2.Token, time.Time, error) {
	for {
		r.status = 0
		client, err := r.client()
		if err != nil {
			return nil, time.Time{}, r.fault(err)
		}
		at := time.Now()
		t, err := config.DeviceAccessToken(within(ctx, client), offer)
		if err == nil {
			return t, at, nil
		}
		var tokenErr *oauth2.RetrieveError
		switch {
		case ctx.Err() != nil:
			return nil, at, ctx.Err()
		case !time.Now().Before(offer.Expiry):
			return nil, at, ErrLoginExpired
		case errors.As(err, &tokenErr) && tokenErr.ErrorCode == "access_denied":
			return nil, at, ErrLoginDenied
		case errors.As(err, &tokenErr) && tokenErr.ErrorCode == "expired_token":
			return nil, at, ErrLoginExpired
		}
		if f := r.fault(err); f.Person || r.status/100 == 2 {
			return nil, at, f
		}
		offer.Interval = min(offer.Interval+int64(deviceSlower/time.Second), int64(deviceSlowest/time.Second))
	}
}

// keepDevice writes the login.
func keepDevice(c *OAuth, t *oauth2.Token, at time.Time, o *Options) error {
	if t.RefreshToken == "" {
		return tokenFault(ProblemTokenRefused, true,
			"the token server gave no refresh token, so the login would end within hours; many servers give one for the scope offline_access")
	}
	l := login{issuer: c.TokenURL, client: c.ClientID, refresh: NewSecret(t.RefreshToken)}
	if got, err := took(t, at); err == nil {
		l.take(got, o)
	}
	if err := (keeper{c.Keep, c.Home}).save(l); err != nil {
		return tokenFault(ProblemTokenNotSaved, true, "the login cannot be written to %s: %v", c.Keep, err)
	}
	return nil
}
