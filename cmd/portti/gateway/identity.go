package gateway

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"portti/cmd/portti/config"
	"portti/cmd/portti/durable"
)

// autoID stands in the configuration for an identity of our own.
const autoID = "auto"

// A disk that gets its power together with the machine may answer with errors for a
// while. After diskPatience the process ends with an error, so that whatever started
// it starts it again: systemd does, for ever.
const (
	diskPatience  = 30 * time.Second
	diskFirstWait = 250 * time.Millisecond
	diskLongWait  = 4 * time.Second
)

// waits hears of each error of the disk and of the time until the next attempt.
type waits func(err error, next time.Duration)

// patiently repeats what needs the disk until it is done, for diskPatience. It
// returns the last error, or that of ctx.
func patiently(ctx context.Context, w waits, try func() (done bool, err error)) error {
	began := time.Now()
	for wait := diskFirstWait; ; wait = min(2*wait, diskLongWait) {
		done, err := try()
		if done || time.Since(began)+wait > diskPatience {
			return err
		}
		w(err, wait)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
		}
	}
}

// awaitID makes the state folder, if there is none, and is gatewayID, repeated for a while where the identity is there and cannot
// be read. Nothing can begin before: each reading carries the id, and so does the
// buffer. Making another identity meanwhile would split one gateway into two.
func awaitID(ctx context.Context, cfg *config.Config, w waits) (id string, err error) {
	err = patiently(ctx, w, func() (bool, error) {
		err := makeState(cfg.Paths.State)
		if err != nil {
			return !errors.Is(err, syscall.EIO), err
		}
		id, err = gatewayID(cfg.Gateway.ID, cfg.Paths.State)
		return id != "", err
	})
	return id, err
}

// awaitLock is lockState, repeated for a while where the disk fails.
func awaitLock(ctx context.Context, dir string, w waits) (unlock func(), err error) {
	err = patiently(ctx, w, func() (bool, error) {
		var err error
		unlock, err = lockState(dir)
		return !errors.Is(err, syscall.EIO), err
	})
	return unlock, err
}

// gatewayID gives the tsmGw of this gateway. "auto" is an identity of our own,
// made once and kept in the state folder. It survives reinstalls as long as the
// state folder does, and needs neither /etc/machine-id nor a network card.
//
// Only where there is none, or half of one, another is made. An identity that cannot
// be read, for whatever reason, is an error and no id.
//
// A disk that cannot be written does not keep the gateway from working: the
// identity comes with an error then, and is good for this run only.
func gatewayID(configured, state string) (string, error) {
	if configured != autoID {
		return configured, nil
	}
	path := idFile(state)
	text, err := os.ReadFile(path)
	if id := strings.TrimSpace(string(text)); err == nil && validID(id) {
		return id, nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("cannot read this gateway's identity: %w", err)
	}
	return NewIdentity(state)
}

// NewIdentity makes an identity and puts it in the place of the one in a state
// folder, if any. A gateway that runs keeps its own until it ends. Where it cannot
// be kept, the identity comes with an error.
func NewIdentity(state string) (string, error) {
	id := makeIdentity()
	if err := durable.Replace(idFile(state), []byte(id+"\n"), 0o600); err != nil {
		return id, fmt.Errorf("cannot keep this gateway's identity: %w", err)
	}
	return id, nil
}

// makeIdentity gives six characters of the range that Haltian leaves to prototypes
// and eleven random ones, 17 in all as the message header wants.
func makeIdentity() string {
	var random [7]byte
	rand.Read(random[:])
	return "XXXX00" + base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(random[:])[:11]
}

func idFile(state string) string { return filepath.Join(state, "gateway-id") }

// IdentityOf is the tsmGw of the gateway of a configuration, without making one.
func IdentityOf(cfg *config.Config) (string, error) {
	if cfg.Gateway.ID != autoID {
		return cfg.Gateway.ID, nil
	}
	text, err := os.ReadFile(idFile(cfg.Paths.State))
	id := strings.TrimSpace(string(text))
	if err == nil && !validID(id) {
		err = errors.New("it is damaged")
	}
	if err != nil {
		return "", fmt.Errorf("cannot read this gateway's identity: %w", err)
	}
	return id, nil
}

// IdentitySince is when the identity of a configuration was made, by the clock of
// then; the zero time where that is not known, as of one that the configuration sets.
func IdentitySince(cfg *config.Config, built time.Time) time.Time {
	if cfg.Gateway.ID != autoID {
		return time.Time{}
	}
	info, err := os.Stat(idFile(cfg.Paths.State))
	if err != nil || info.ModTime().Before(built) { // the clock was not set
		return time.Time{}
	}
	return info.ModTime().UTC()
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
