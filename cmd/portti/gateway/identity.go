package gateway

import (
	"crypto/rand"
	"encoding/base32"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"portti/cmd/portti/durable"
)

// gatewayID gives the tsmGw of this gateway. "auto" is an identity of our own
// made once and kept in the state folder: six characters of the range that
// Haltian leaves to prototypes and eleven random ones, 17 in all as the message
// header wants. It survives reinstalls as long as the state folder does, and
// needs neither /etc/machine-id nor a network card.
//
// A disk that cannot be written does not keep the gateway from working: the
// identity comes with an error then, and is good for this run only.
func gatewayID(configured, state string) (string, error) {
	if configured != "auto" {
		return configured, nil
	}
	path := filepath.Join(state, "gateway-id")
	text, err := os.ReadFile(path)
	if id := strings.TrimSpace(string(text)); err == nil && validID(id) {
		return id, nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("cannot read this gateway's identity: %w", err)
	}
	var random [7]byte
	rand.Read(random[:])
	id := "XXXX00" + base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(random[:])[:11]
	if err := durable.Replace(path, []byte(id+"\n"), 0o600); err != nil {
		return id, fmt.Errorf("cannot keep this gateway's identity: %w", err)
	}
	return id, nil
}

func validID(id string) bool {
	if id == "" || len(id) > 64 {
		return false
	}
	for _, c := range id {
		if c <= ' ' || c > '~' {
			return false
		}
	}
	return true
}
