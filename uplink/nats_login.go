package uplink

import (
	"crypto/ed25519"
	"encoding/base32"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"strings"
)

// natsLogin is what says who comes.
type natsLogin struct {
	User  string `json:"user,omitempty"`
	Pass  string `json:"pass,omitempty"`
	Token string `json:"auth_token,omitempty"`
	JWT   string `json:"jwt,omitempty"`
	NKey  string `json:"nkey,omitempty"`
	Sig   string `json:"sig,omitempty"`
}

// natsSign makes the login of a secret: the password of user, a JWT and the seed of its key,
// a seed alone, or a token. What is secret in it is returned too.
func natsSign(user, secret, nonce string) (login natsLogin, secrets []string, err error) {
	if user != "" {
		return natsLogin{User: user, Pass: secret}, nil, nil
	}
	words := strings.Fields(secret)
	if len(words) == 0 || len(words) > 2 {
		return natsLogin{Token: secret}, nil, nil
	}
	key, public, ok := natsKey(words[len(words)-1])
	if !ok {
		return natsLogin{Token: secret}, nil, nil
	}
	if nonce == "" {
		return login, nil, errors.New("the server asks for no signature, and the credential is a key")
	}
	login.Sig = base64.RawURLEncoding.EncodeToString(ed25519.Sign(key, []byte(nonce)))
	if len(words) == 2 {
		login.JWT = words[0]
	} else {
		login.NKey = public
	}
	return login, words, nil
}

// The first bytes of nkeys (github.com/nats-io/nkeys, strkey.go): base32 of them, of 32 bytes and a CRC-16.
const (
	nkeySeed = 18 << 3 // the second kind follows
	nkeyUser = 20 << 3
)

// natsKey is the key of a user's seed (SU...).
func natsKey(seed string) (key ed25519.PrivateKey, public string, ok bool) {
	raw, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(seed)
	if err != nil || len(raw) != 2+ed25519.SeedSize+2 || raw[0] != nkeySeed|nkeyUser>>5 || raw[1] != nkeyUser&31<<3 ||
		binary.LittleEndian.Uint16(raw[34:]) != crc16(raw[:34]) {
		return nil, "", false
	}
	key = ed25519.NewKeyFromSeed(raw[2:34])
	name := append([]byte{nkeyUser}, key.Public().(ed25519.PublicKey)...)
	name = binary.LittleEndian.AppendUint16(name, crc16(name))
	return key, base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(name), true
}

// crc16 is that of XMODEM.
func crc16(data []byte) (crc uint16) {
	for _, b := range data {
		crc ^= uint16(b) << 8
		for range 8 {
			if crc&0x8000 != 0 {
				crc = crc<<1 ^ 0x1021
			} else {
				crc <<= 1
			}
		}
	}
	return crc
}

// TokenText is the token that a file of it holds: the text, but of the files that NATS' own
// tools write (.creds) the user's JWT and the seed of its key, with a space between.
func TokenText(text string) string {
	if !strings.Contains(text, "-----BEGIN USER NKEY SEED-----") {
		return text
	}
	var words []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); strings.HasPrefix(line, "eyJ") || strings.HasPrefix(line, "SU") {
			words = append(words, line)
		}
	}
	return strings.Join(words, " ")
}
