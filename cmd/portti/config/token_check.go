package config

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"portti/uplink"
)

// tokenChoices are the settings about tokens with a fixed list of values.
func tokenChoices(u Uplink) []struct {
	key, value string
	choices    []string
} {
	return []struct {
		key, value string
		choices    []string
	}{
		{"uplink.token_source", u.TokenSource, []string{TokenFromFile, TokenFromOAuth, TokenFromJWT, TokenFromLogin}},
		{"uplink.oauth.grant", u.OAuth.Grant, []string{uplink.GrantClient, uplink.GrantRefresh, uplink.GrantDevice}},
		{"uplink.oauth.client_auth", u.OAuth.ClientAuth, []string{"header", "body"}},
		{"uplink.jwt.alg", u.JWT.Alg, []string{uplink.AlgES256, uplink.AlgEdDSA}},
	}
}

// checkTokenSource holds everything but token_file and credential against the
// rules.
func (l *loader) checkTokenSource(path string) {
	u := l.cfg.Uplink
	for _, c := range tokenChoices(u) {
		all := make([]choice, len(c.choices))
		for i, v := range c.choices {
			all[i] = choice{value: v}
		}
		if !l.bad[c.key] {
			l.checkChoice(path, c.key, c.value, all)
		}
	}
	l.checkUnusedTable(path, u)
	l.checkOwnCertificate(path, u)
	for _, pin := range u.Pins {
		if uplink.CheckPin(pin) != nil {
			l.fault(path, "uplink.pins", fmt.Sprintf(`"pins" cannot hold %s: a pin is "sha256/" and 44 characters of base64`, quoteShort(pin)),
				"openssl x509 -in server.pem -pubkey -noout | openssl pkey -pubin -outform der | openssl dgst -sha256 -binary | base64")
		}
	}
	if u.TokenSource == TokenFromFile || u.TokenSource == "" {
		return
	}
	if u.Auth == "none" || u.Auth == "hash" {
		l.fault(path, "uplink.token_source", fmt.Sprintf(`token_source = %q, but auth = %q sends no token`, u.TokenSource, u.Auth), `write auth = "header", or what the server expects`)
	}
	for _, s := range []struct{ key, value string }{{"uplink.token_file", u.TokenFile}, {"uplink.credential", u.Credential}} {
		if s.value != "" {
			l.fault(path, s.key, fmt.Sprintf(`%q is set, and token_source = %q takes the token from elsewhere`, lastOf(s.key), u.TokenSource), "remove one of the two")
		}
	}
	switch u.TokenSource {
	case TokenFromOAuth:
		l.checkOAuth(path, u)
	case TokenFromLogin:
		l.checkTokenURL(path, "uplink.login.url", u.Login.URL, "")
		l.checkSet(path, "uplink.login.email", u.Login.Email, "the account's address")
		l.checkSet(path, "uplink.login.password_file", u.Login.PasswordFile, "a file that holds the password and nothing else; portti login writes it")
	}
}

// checkUnusedTable finds a table that was filled in and is not used.
func (l *loader) checkUnusedTable(path string, u Uplink) {
	for _, t := range []struct{ source, key, value string }{
		{TokenFromOAuth, "uplink.oauth.token_url", u.OAuth.TokenURL}, {TokenFromOAuth, "uplink.oauth.client_id", u.OAuth.ClientID},
		{TokenFromJWT, "uplink.jwt.audience", u.JWT.Audience}, {TokenFromLogin, "uplink.login.email", u.Login.Email},
		{TokenFromLogin, "uplink.login.url", u.Login.URL},
	} {
		if t.value != "" && u.TokenSource != t.source {
			l.fault(path, t.key, fmt.Sprintf(`[uplink.%s] is filled in, but token_source is %q`, t.source, u.TokenSource), fmt.Sprintf(`write token_source = %q in [uplink], or remove the table`, t.source))
			return
		}
	}
}

func (l *loader) checkOwnCertificate(path string, u Uplink) {
	switch {
	case u.ClientCert != "" && u.ClientKey == "":
		l.fault(path, "uplink.client_cert", `"client_cert" is set, and "client_key" is not`, "name the file with its private key")
	case u.ClientKey != "" && u.ClientCert == "":
		l.fault(path, "uplink.client_key", `"client_key" is set, and "client_cert" is not`, "name the file with its certificate")
	}
}

func (l *loader) checkOAuth(path string, u Uplink) {
	o := u.OAuth
	l.checkTokenURL(path, "uplink.oauth.token_url", o.TokenURL, "https://login.example.net/oauth2/token")
	l.checkSet(path, "uplink.oauth.client_id", o.ClientID, "the token server's operator gives it out")
	if o.SecretFile != "" && o.SecretInUnit != "" {
		l.fault(path, "uplink.oauth.client_secret_credential", `both "client_secret_file" and "client_secret_credential" are set`, "keep one of the two")
	}
	if strings.ContainsAny(o.SecretInUnit, "/\x00") || o.SecretInUnit == "." || o.SecretInUnit == ".." {
		l.fault(path, "uplink.oauth.client_secret_credential", `"client_secret_credential" is the name of a systemd credential, not a path`, "for a path use client_secret_file")
	}
	switch o.Grant {
	case uplink.GrantClient:
		if o.SecretFile == "" && o.SecretInUnit == "" && u.ClientCert == "" {
			l.missing(path, "uplink.oauth.client_secret_file", "name a file that holds the client's secret and nothing else")
		}
	case uplink.GrantDevice:
		l.checkTokenURL(path, "uplink.oauth.device_url", o.DeviceURL, "https://login.example.net/oauth2/device")
	case uplink.GrantRefresh:
		l.checkSet(path, "uplink.oauth.refresh_token_file", o.RefreshFile, "a file that holds the first refresh token and nothing else; later ones are kept in the state folder")
	}
	if slices.Contains(o.Scopes, "") {
		l.fault(path, "uplink.oauth.scopes", `"scopes" contains an empty entry`, "")
	}
}

// checkTokenURL checks an address that secrets are sent to.
func (l *loader) checkTokenURL(path, key, raw, example string) {
	if l.bad[key] {
		return
	}
	if raw == "" {
		l.missing(path, key, strings.TrimSpace("it is an address "+example))
		return
	}
	name := lastOf(key)
	u, err := url.Parse(raw)
	switch {
	case err != nil || u.Hostname() == "" || badPort(u):
		l.fault(path, key, fmt.Sprintf("%q is not an address", name), "it looks like https://host/path")
	case u.Scheme != "https" && u.Scheme != "http":
		l.fault(path, key, fmt.Sprintf("%q must begin with https://", name), "")
	case u.User != nil || u.Fragment != "":
		l.fault(path, key, fmt.Sprintf("%q contains a user, a password or a #", name), "secrets belong in files of their own")
	case u.Scheme == "http" && !uplink.IsLoopback(u.Hostname()) && !l.cfg.Uplink.Insecure:
		l.fault(path, key, fmt.Sprintf("%q begins with http://: secrets would travel unencrypted", name), "write https://, or say insecure = true in [uplink] if that is meant")
	}
}

func (l *loader) checkSet(path, key, value, hint string) {
	if value == "" {
		l.missing(path, key, hint)
	}
}

// missing reports a setting that token_source needs.
func (l *loader) missing(path, key, hint string) {
	if l.bad[key] || l.broken {
		return
	}
	table, _, _ := strings.Cut(strings.TrimPrefix(key, "uplink."), ".")
	l.fault(path, key, fmt.Sprintf(`%q is missing in [uplink.%s]`, lastOf(key), table), hint)
}
