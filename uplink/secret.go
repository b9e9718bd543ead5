package uplink

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
)

const hidden = "[secret]"

// Secret is a token or password. However it is printed, marshalled or logged
// it shows a placeholder; only Reveal gives the text.
type Secret struct{ text string }

// NewSecret wraps text.
func NewSecret(text string) Secret { return Secret{text: text} }

// Reveal returns the text itself, for the wire and for nothing else.
func (s Secret) Reveal() string { return s.text }

// Empty reports whether there is nothing to hide.
func (s Secret) Empty() bool { return s.text == "" }

// Fingerprint is the first 8 hexadecimal digits of the SHA-256 of the text:
// enough to tell two tokens apart in a log, useless to anybody else.
func (s Secret) Fingerprint() string {
	if s.text == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(s.text))
	return "sha256:" + hex.EncodeToString(sum[:4])
}

// String, Format and the methods below keep every usual way of printing shut.
func (s Secret) String() string { return hidden }

// Format covers all verbs of fmt, %#v and %x included.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(hidden)) }

// MarshalText covers encoding/json and every text encoder.
func (s Secret) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// LogValue covers log/slog.
func (s Secret) LogValue() slog.Value { return slog.StringValue(hidden) }
