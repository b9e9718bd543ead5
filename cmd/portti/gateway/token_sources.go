package gateway

import (
	"fmt"
	"path/filepath"
	"time"

	"portti/cmd/portti/config"
	"portti/systemd"
	"portti/uplink"
)

// closePatience is how long a stop waits for a token that is being fetched: a
// refresh token that has just been replaced would get lost.
const closePatience = 500 * time.Millisecond

// tokenSource makes what gives the uplink its token; nil where auth needs
// none. o says how servers are reached and trusted.
func tokenSource(c *config.Config, id string, o uplink.Options) (uplink.TokenSource, error) {
	u := c.Uplink
	var source uplink.TokenSource
	var err error
	switch {
	case u.TokenSource == config.TokenFromOAuth:
		var oauth uplink.OAuth
		if oauth, err = OAuthClient(c); err != nil {
			oauth.Secret = credential(u.OAuth.SecretInUnit)
		}
		source, err = uplink.NewOAuthToken(oauth, o)
	case u.TokenSource == config.TokenFromJWT:
		source, err = uplink.NewSignedToken(uplink.Signing{Alg: u.JWT.Alg, Gateway: id, Audience: audience(c),
			KeyFile: c.Paths.KeyFile(), Home: c.Paths.State, Renew: u.JWT.Reconnect || u.Dialect == uplink.DialectZyeta}, o)
	case u.TokenSource == config.TokenFromLogin:
		source, err = uplink.NewLoginToken(uplink.Login{URL: u.Login.URL, Email: u.Login.Email, Password: uplink.NewFileToken(u.Login.PasswordFile)}, o)
	case u.Credential != "":
		source = credential(u.Credential)
	case u.TokenFile != "":
		source = uplink.NewFileToken(u.TokenFile)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot set up the token: %w", err)
	}
	return source, nil
}

// credential is one that the unit hands over. Where it does not, that is told as of a
// file that is not there: the devices are read all the same.
func credential(name string) *uplink.FileToken {
	if source, err := uplink.NewCredentialToken(name); err == nil {
		return source
	}
	return uplink.NewFileToken(filepath.Join("/run/credentials", systemd.Name+".service", name))
}

// audience is whom the gateway's own tokens are for.
func audience(c *config.Config) []string {
	if c.Uplink.JWT.Audience != "" {
		return []string{c.Uplink.JWT.Audience}
	}
	var all []string
	for _, address := range c.Uplink.Addresses() {
		all = append(all, uplink.Audience(address))
	}
	return all
}

// OAuthClient is [uplink.oauth] as the uplink takes it. It fails where the
// client's secret is a systemd credential and this process has none.
func OAuthClient(c *config.Config) (uplink.OAuth, error) {
	o := c.Uplink.OAuth
	client := uplink.OAuth{Grant: o.Grant, TokenURL: o.TokenURL, DeviceURL: o.DeviceURL, ClientID: o.ClientID,
		InBody: o.ClientAuth == "body", Scopes: o.Scopes, Audience: o.Audience, Keep: c.Paths.LoginFile(), Home: c.Paths.State}
	switch {
	case o.SecretInUnit != "":
		secret, err := uplink.NewCredentialToken(o.SecretInUnit)
		if err != nil {
			return client, err
		}
		client.Secret = secret
	case o.SecretFile != "":
		client.Secret = uplink.NewFileToken(o.SecretFile)
	}
	if o.Grant == uplink.GrantRefresh {
		client.Seed = uplink.NewFileToken(o.RefreshFile)
	}
	return client, nil
}

// Trust is how token servers are reached and trusted: as the uplink.
func Trust(c *config.Config) uplink.Options {
	u := c.Uplink
	return uplink.Options{CAFile: u.CAFile, ClientCert: u.ClientCert, ClientKey: u.ClientKey, Proxy: u.Proxy}
}
