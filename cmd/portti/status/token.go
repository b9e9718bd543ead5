package status

// Token is what may be shown of the access token.
type Token struct {
	Source      string `json:"source"`      // file | client-credentials | refresh-token | device-code | login | jwt
	Fingerprint string `json:"fingerprint"` // first digits of its SHA-256; empty = there is none yet
	// ExpiresAt is by the token's own word, Unix seconds; 0 = not known.
	ExpiresAt int64  `json:"expires_at"`
	Problem   string `json:"problem"`    // catalogue code while it cannot be renewed
	LastError string `json:"last_error"` // one sentence without secrets
}
