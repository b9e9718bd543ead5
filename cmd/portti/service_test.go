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

// TestServiceIntoAnImage installs with the program's own words, into a folder.
func TestServiceIntoAnImage(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can give files to another user")
	}
	image := t.TempDir()
	for name, text := range map[string]string{"etc/passwd": "root:x:0:0::/root:/bin/sh\n", "etc/group": "root:x:0:\ndialout:x:20:\n", "sbin/procd": "", "usr/bin/portti": ""} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(image, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(image, name), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	do := func(args ...string) (int, string) {
		var out, errs bytes.Buffer
		code := runOn(t.Context(), fstest.MapFS{}, append([]string{"service"}, args...), nil, &out, &errs)
		return code, out.String() + errs.String()
	}
	for range 2 {
		if code, said := do("install", "--root", image); code != 0 || !strings.Contains(said, "/etc/init.d/portti") {
			t.Fatalf("%d %s", code, said)
		}
	}
	sample, err := os.ReadFile(filepath.Join(image, "etc/portti/portti.toml"))
	if err != nil || !strings.Contains(string(sample), "\nstate = \"/srv/portti\"") {
		t.Errorf("on OpenWrt the state lies in memory: %v\n%s", err, sample)
	}
	if st, err := os.Stat(filepath.Join(image, "srv/portti")); err != nil || st.Mode().Perm() != 0o700 {
		t.Errorf("the state folder: %v", err)
	}
	if _, err := os.Stat(filepath.Join(image, "run")); err == nil {
		t.Error("a folder for the time of a run is in the image")
	}
	if code, said := do("install", "--root", image, "--init", "upstart"); code != exitFailed || !strings.Contains(said, "systemd, openrc, sysv, procd") {
		t.Errorf("%d %s", code, said)
	}
	if code, said := do("uninstall", "--root", image); code != 0 || !strings.Contains(said, "removed /etc/init.d/portti") {
		t.Errorf("%d %s", code, said)
	}
}

// TestEndIsNotedWhateverTheConfigurationSays: what ends a start is often a mistake in it.
func TestEndIsNotedWhateverTheConfigurationSays(t *testing.T) {
	t.Setenv("SERVICE_RESULT", "exit-code")
	t.Setenv("EXIT_STATUS", "78")
	dir := t.TempDir()
	var out, errs bytes.Buffer
	code := run(t.Context(), []string{"service", "ended", "-c", configFile(t, "nonsense = 1\n[paths]\nstate = \""+dir+"\"\n")}, nil, &out, &errs)
	text, err := os.ReadFile(filepath.Join(dir, "last-end"))
	if code != 0 || err != nil || !strings.Contains(string(text), `"status":"78"`) {
		t.Errorf("%d %s %s %v", code, &errs, text, err)
	}
}

// TestPathsThatAreNamed: each file and folder of the configuration that the service reaches.
func TestPathsThatAreNamed(t *testing.T) {
	cfg := &config.Config{Paths: config.Paths{State: "/s", Run: "/r"}, Uplink: config.Uplink{TokenFile: "/1", CAFile: "/2", ClientCert: "/3", ClientKey: "/4",
		OAuth: config.OAuth{SecretFile: "/5", RefreshFile: "/6"}, Login: config.Login{PasswordFile: "/7"}}}
	n := named(cfg)
	if got := strings.Join(n.Files, " "); got != "/1 /2 /3 /4 /5 /6 /7" || len(n.Folders) != 2 || n.Folders[0].Path != "/s" || n.Folders[1].Path != "/r" {
		t.Errorf("%+v", n)
	}
}
