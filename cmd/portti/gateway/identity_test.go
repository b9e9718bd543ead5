package gateway

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"portti/buffer"
	"portti/cmd/portti/config"
)

// Row 5: half an identity, as an older program could have left it, is none.
func TestIdentityStays(t *testing.T) {
	state := t.TempDir()
	path := filepath.Join(state, "gateway-id")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	first, err := gatewayID("auto", state)
	if err != nil || len(first) != 17 || content(t, path) != first+"\n" {
		t.Fatalf("%q %q: %v", first, content(t, path), err)
	}
	if again, err := gatewayID("auto", state); err != nil || again != first {
		t.Errorf("%q, then %q: %v", first, again, err)
	}
}

// unreadable puts something in the place of a file that is there and cannot be read,
// also by root.
func unreadable(t *testing.T, path string) {
	t.Helper()
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
}

// auto is a configuration with an identity of its own and a state folder.
func auto(t *testing.T) *config.Config {
	t.Helper()
	cfg := config.Defaults()
	cfg.Paths.State = t.TempDir()
	return cfg
}

// Row 80: an identity that cannot be read is waited for, and no other one is made.
func TestIdentityThatCannotBeReadIsWaitedFor(t *testing.T) {
	for _, lasts := range []time.Duration{50 * time.Millisecond, 3 * time.Second, 25 * time.Second} {
		cfg := auto(t)
		path := idFile(cfg.Paths.State)
		unreadable(t, path)
		synctest.Test(t, func(t *testing.T) {
			go func() {
				time.Sleep(lasts)
				if err := errors.Join(os.Remove(path), os.WriteFile(path, []byte("XXXX00ABCDEFGHIJK\n"), 0o600)); err != nil {
					t.Error(err)
				}
			}()
			began, said := time.Now(), 0
			id, err := awaitID(t.Context(), cfg, func(err error, _ time.Duration) {
				said++
				if !errors.Is(err, syscall.EISDIR) {
					t.Errorf("said %v", err)
				}
			})
			if took := time.Since(began); id != "XXXX00ABCDEFGHIJK" || err != nil || said == 0 || took > lasts+diskLongWait {
				t.Errorf("%v: %q after %v, said %d times: %v", lasts, id, took, said, err)
			}
		})
	}
}

// Row 80: after half a minute it is an error, and nothing was made.
func TestIdentityThatCannotBeReadIsAnError(t *testing.T) {
	cfg := auto(t)
	unreadable(t, idFile(cfg.Paths.State))
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		id, err := awaitID(t.Context(), cfg, func(error, time.Duration) {})
		if took := time.Since(began); id != "" || err == nil || took > diskPatience || took < diskPatience/2 {
			t.Errorf("%q after %v: %v", id, took, err)
		}
	})
	if left, _ := os.ReadDir(cfg.Paths.State); len(left) != 1 {
		t.Errorf("%v", left)
	}
}

// A stop while the disk is waited for is a clean one.
func TestStopWhileTheIdentityIsWaitedFor(t *testing.T) {
	cfg := auto(t)
	unreadable(t, idFile(cfg.Paths.State))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	log := slog.New(&stopper{cancel: cancel})
	if err := Run(ctx, cfg, Options{Log: log}); err != nil {
		t.Error(err)
	}
}

// stopper ends the gateway with its first line, which is that of the wait.
type stopper struct {
	slog.Handler
	cancel func()
}

func (s *stopper) Enabled(context.Context, slog.Level) bool { return true }
func (s *stopper) WithAttrs([]slog.Attr) slog.Handler       { return s }
func (s *stopper) Handle(_ context.Context, r slog.Record) error {
	if strings.Contains(r.Message, "the disk does not deliver") {
		s.cancel()
	}
	return nil
}

// heard is a log and what it said.
func heard() (*slog.Logger, *bytes.Buffer) {
	var b bytes.Buffer
	return slog.New(slog.NewTextHandler(&b, nil)), &b
}

func content(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// An import writes into the buffer as the gateway does: what it takes over has a name
// of this one. It does not begin while nobody can say whose readings are its own.
func TestImportIsTheGateways(t *testing.T) {
	cfg := auto(t)
	cfg.Gateway.ID = "G"
	open := func() (buffer.Name, error) {
		q, done, err := OpenBuffer(cfg, time.Unix(0, 0), slog.New(slog.DiscardHandler))
		if err != nil {
			return buffer.Name{}, err
		}
		_, next := q.Bounds()
		name, _ := q.Name(next)
		return name, done()
	}
	if name, err := open(); name.Gateway != "G" || name.Epoch == 0 || err != nil {
		t.Errorf("%+v: %v", name, err)
	}
	cfg.Gateway.ID = "auto"
	if name, err := open(); name.Gateway != "" || err != nil {
		t.Errorf("never started: %+v: %v", name, err)
	}
	unreadable(t, idFile(cfg.Paths.State))
	if _, err := open(); !errors.Is(err, syscall.EISDIR) {
		t.Errorf("an identity that cannot be read: %v", err)
	}
	if unlock, err := lockState(cfg.Paths.State); err != nil {
		t.Errorf("the state folder is still locked: %v", err)
	} else {
		unlock()
	}
}

// The state folder cannot be what is no folder, nor lie below it.
func TestStateIsAFolder(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{file, filepath.Join(file, "below")} {
		if _, err := awaitLock(t.Context(), dir, func(error, time.Duration) { t.Error("it is waited for") }); !errors.Is(err, syscall.ENOTDIR) {
			t.Errorf("%s: %v", dir, err)
		}
	}
}
