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
	if err := writeDurably(path, []byte(id+"\n"), 0o600); err != nil {
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

// writeDurably replaces a small file so that after a power cut it holds either
// the old text or the new: written under another name, synced, renamed, and the
// folder synced. What lies under that other name, be it left by a power cut or a
// link or FIFO that someone put there, is removed and never opened.
func writeDurably(path string, text []byte, mode os.FileMode) error {
	temp := path + ".new"
	if err := os.Remove(temp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(temp, path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(temp))
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
