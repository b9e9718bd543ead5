package config

import (
	"path/filepath"
)

// The values of Uplink.TokenSource.
const (
	TokenFromFile  = "file"  // token_file or credential: somebody else puts it there
	TokenFromOAuth = "oauth" // [uplink.oauth]
	TokenFromJWT   = "jwt"   // [uplink.jwt]: the gateway signs its own
	TokenFromLogin = "login" // [uplink.login]: e-mail address and password
)

// OAuth says how the token is had from an OAuth 2.0 server.
type OAuth struct {
	Grant        string   `toml:"grant"`      // client-credentials | refresh-token | device-code
	TokenURL     string   `toml:"token_url"`  //
	DeviceURL    string   `toml:"device_url"` // where portti login begins, with grant = "device-code"
	ClientID     string   `toml:"client_id"`
	SecretFile   string   `toml:"client_secret_file"`
	SecretInUnit string   `toml:"client_secret_credential"` // a systemd credential instead
	ClientAuth   string   `toml:"client_auth"`              // header | body: where id and secret stand in a request
	Scopes       []string `toml:"scopes"`
	Audience     string   `toml:"audience"`
	RefreshFile  string   `toml:"refresh_token_file"` // the first one, with grant = "refresh-token"
}

// JWT says how the gateway signs its own tokens.
type JWT struct {
	Alg      string `toml:"alg"`      // ES256 | EdDSA
	Audience string `toml:"audience"` // aud; empty = the addresses of the uplink without their query
	// Reconnect makes the gateway connect again before a token ends, for servers
	// that end the connection with the token.
	Reconnect bool `toml:"reconnect"`
}

// Login says how the token is had with a password.
type Login struct {
	URL          string `toml:"url"` // /login and /refresh are added
	Email        string `toml:"email"`
	PasswordFile string `toml:"password_file"`
}

// Credentials is the folder of the tokens and keys that portti writes itself.
func (p Paths) Credentials() string { return filepath.Join(p.State, "credentials") }

// LoginFile is where the refresh token is kept.
func (p Paths) LoginFile() string { return filepath.Join(p.Credentials(), "uplink-login") }

// KeyFile is where the key is kept that signs the gateway's own tokens.
func (p Paths) KeyFile() string { return filepath.Join(p.Credentials(), "device-key.pem") }
