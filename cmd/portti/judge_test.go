package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"golang.org/x/sys/unix"
)

// served is a machine on which portti is installed as a service of the user nobody,
// in a folder that this user may look into.
type served struct {
	t       *testing.T
	dir     string
	config  string
	machine fstest.MapFS
}

func newServed(t *testing.T, unit string) *served {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can look with the service's eyes")
	}
	t.Setenv("PORTTI_TEST_AS_PROGRAM", "1") // for the process that becomes the service
	dir, err := os.MkdirTemp("", "served-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	s := &served{t: t, dir: dir, config: filepath.Join(dir, "portti.toml")}
	s.machine = fstest.MapFS{
		"etc/passwd": {Data: []byte("root:x:0:0::/root:/bin/sh\nsvc:x:65534:65534::/:/bin/false\n")},
		"etc/group":  {Data: []byte("root:x:0:\nsvc:x:65534:\n")},
		"etc/systemd/system/portti.service": {Data: []byte("[Service]\nExecStart=/usr/bin/portti run -c " + s.config + "\nUser=svc\nGroup=svc\n" +
			strings.ReplaceAll(unit, "DIR", dir))},
	}
	s.folder("state", 65534)
	s.folder("run", 65534)
	return s
}

func (s *served) folder(name string, uid int) {
	s.t.Helper()
	path := filepath.Join(s.dir, name)
	if err := os.MkdirAll(path, 0o700); err != nil {
		s.t.Fatal(err)
	}
	if err := os.Chown(path, uid, uid); err != nil {
		s.t.Fatal(err)
	}
}

func (s *served) file(name, text string, mode os.FileMode) {
	s.t.Helper()
	path := filepath.Join(s.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(strings.ReplaceAll(text, "DIR", s.dir)), mode); err != nil {
		s.t.Fatal(err)
	}
}

const servedConfig = `[paths]
state = "DIR/state"
run = "DIR/run"
[uplink]
url = "wss://ingest.haltian.test/in"
auth = "header"
token_file = "DIR/token"
[[device]]
name = "panel"
type = "lines"
port = "/dev/ttyUSB1"
id = "XXXX03PNL00000001"
`

func (s *served) check(args ...string) (code int, said string) {
	s.t.Helper()
	var out, errs bytes.Buffer
	code = runOn(s.t.Context(), s.machine, append([]string{"config", "check"}, args...), strings.NewReader(""), &out, &errs)
	return code, out.String() + errs.String()
}

// TestCheckSeesAsTheService: what only root can read, or nobody in the sandbox can
// write, is not good, whoever asks.
func TestCheckSeesAsTheService(t *testing.T) {
	for name, c := range map[string]struct {
		unit   string
		change func(*served)
		code   int
		says   string
	}{
		"good":                  {code: 0, says: "is good: 1 device"},
		"configuration of root": {change: func(s *served) { os.Chmod(s.config, 0o600) }, code: 1, says: "portti.toml: cannot be read: permission denied"},
		"a later layer of root": {change: func(s *served) { s.file("conf.d/20-x.toml", "[log]\nlevel = \"warn\"\n", 0o600) }, code: 1, says: "20-x.toml: cannot be read: permission denied\n      | the service's user svc must be able to read it: sudo chgrp portti DIR/conf.d/20-x.toml && sudo chmod 640 "},
		"a folder of root": {change: func(s *served) {
			s.file("conf.d/20-x.toml", "", 0o644)
			os.Chmod(filepath.Join(s.dir, "conf.d"), 0o700)
		}, code: 1, says: "sudo chmod 750 DIR/conf.d"},
		"token of root":                {change: func(s *served) { os.Chmod(filepath.Join(s.dir, "token"), 0o600) }, code: 1, says: "token cannot be read: permission denied"},
		"no token yet":                 {change: func(s *served) { os.Remove(filepath.Join(s.dir, "token")) }, code: 0, says: "token is not there"},
		"state of root":                {change: func(s *served) { s.folder("state", 0) }, code: 1, says: "state cannot be written: permission denied"},
		"state that cannot be made":    {change: func(s *served) { os.Remove(filepath.Join(s.dir, "state")) }, code: 1, says: "state cannot be written: permission denied"},
		"state outside of the sandbox": {unit: "ProtectSystem=strict\nReadWritePaths=DIR/run\n", code: 1, says: "state cannot be written: read-only file system"},
		"state in the sandbox":         {unit: "ProtectSystem=strict\nReadWritePaths=DIR/run -DIR/state /nowhere\n", code: 0, says: "is good"},
		"a token that is hidden": {unit: "InaccessiblePaths=DIR/secret\n", change: func(s *served) {
			s.file("secret/token", "x", 0o644)
			s.file("portti.toml", strings.ReplaceAll(servedConfig, "/token", "/secret/token"), 0o644)
		}, code: 1, says: "token cannot be read: permission denied"},
		"a credential": {unit: "LoadCredential=up:/x\n", change: func(s *served) {
			s.file("portti.toml", strings.ReplaceAll(servedConfig, `token_file = "DIR/token"`, `credential = "up"`), 0o644)
		}, code: 0, says: "is good"},
		"a credential nobody gives": {change: func(s *served) {
			s.file("portti.toml", strings.ReplaceAll(servedConfig, `token_file = "DIR/token"`, `credential = "up"`), 0o644)
		}, code: 1, says: `passes no credential "up" to the service`},
		"the unit's environment counts": {unit: "Environment=PORTTI_LOG__LEVEL=loud\n", code: 1, says: "PORTTI_LOG__LEVEL"},
		"too small a buffer":            {change: func(s *served) { s.file("portti.toml", servedConfig+"[buffer]\nmax_size = \"1MB\"\n", 0o644) }, code: 1, says: `"max_size" must be at least 1MiB, found 1MB`},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServed(t, c.unit)
			s.file("portti.toml", servedConfig, 0o644)
			s.file("token", "x", 0o644)
			if c.change != nil {
				c.change(s)
			}
			code, said := s.check(s.config)
			if strings.Contains(said, "but not in the service's sandbox") {
				t.Skip("no mount namespaces here: ", said)
			}
			if code != c.code || !strings.Contains(said, strings.ReplaceAll(c.says, "DIR", s.dir)) {
				t.Errorf("exit code %d\n%s", code, said)
			}
			err := startable(t.Context(), s.machine, s.config)
			if (err == nil) != (c.code == 0) {
				t.Errorf("the service would be started: %v", err)
			}
		})
	}
}

// TestCheckOfADraft: a file that is not the service's may lie where only root can
// read; what it names is still judged as the service.
func TestCheckOfADraft(t *testing.T) {
	s := newServed(t, "")
	s.file("token", "x", 0o600)
	s.file("draft.toml", servedConfig, 0o600)
	code, said := s.check(filepath.Join(s.dir, "draft.toml"), "--json")
	if code != 1 || strings.Count(said, `"severity"`) != 1 || !strings.Contains(said, "token cannot be read: permission denied") {
		t.Errorf("%d\n%s", code, said)
	}
	// Offline nothing that it names is looked at.
	os.Unsetenv("PORTTI_TEST_AS_PROGRAM")
	if code, said := s.check(filepath.Join(s.dir, "draft.toml"), "--offline"); code != 0 {
		t.Errorf("%d\n%s", code, said)
	}
	if unix.Geteuid() != 0 {
		t.Error("this process became another user itself")
	}
}
