package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"portti/cmd/portti/config"
	"portti/systemd"
)

func configFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "portti.toml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestServiceIsNotStartedWithTheSample(t *testing.T) {
	var sample bytes.Buffer
	if err := config.Sample(&sample, []string{"gps", "lines"}); err != nil {
		t.Fatal(err)
	}
	err := startable(t.Context(), fstest.MapFS{}, configFile(t, sample.String()))
	if err == nil || !strings.Contains(err.Error(), "example server") {
		t.Errorf("the sample counts as configured: %v", err)
	}
	own := strings.ReplaceAll(sample.String(), "ingest.example.net", "ingest.haltian.test")
	if err := startable(t.Context(), fstest.MapFS{}, configFile(t, own)); err != nil {
		t.Errorf("a server of one's own: %v", err)
	}
	if err := startable(t.Context(), fstest.MapFS{}, configFile(t, "config_version = 1\n")); err != nil {
		t.Errorf("no server yet: %v", err)
	}
}

func TestServiceIsNotStartedWithWhatRunRefuses(t *testing.T) {
	var bad *config.Error
	if err := startable(t.Context(), fstest.MapFS{}, configFile(t, "nonsense = 1\n")); !errors.As(err, &bad) {
		t.Errorf("error is %v", err)
	}
	if err := startable(t.Context(), fstest.MapFS{}, filepath.Join(t.TempDir(), "absent.toml")); !errors.Is(err, config.ErrNotConfigured) {
		t.Errorf("error is %v", err)
	}
}

func TestServiceExitCodes(t *testing.T) {
	other := errors.New("other")
	for _, c := range []struct {
		err  error
		code int
	}{
		{nil, exitOK},
		{other, exitFailed},
		{systemd.ErrNoInit, exitFailed},
		{fmt.Errorf("%w: try sudo", systemd.ErrNotRoot), exitUnknown},
		{systemd.ErrNotInstalled, exitNotRunning},
		{&systemd.NotConfiguredError{Err: other}, exitNotConfigured},
	} {
		var stderr bytes.Buffer
		if got := report(t.Context(), &stderr, serviceCode(c.err)); got != c.code {
			t.Errorf("%v ends with %d, want %d", c.err, got, c.code)
		}
		if c.err != nil && !strings.Contains(stderr.String(), c.err.Error()) {
			t.Errorf("%v is told as %q", c.err, stderr.String())
		}
	}
}
