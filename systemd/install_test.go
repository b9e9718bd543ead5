package systemd

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// machine is a host in a folder: programs are noted and do the least that the
// next step needs.
type machine struct {
	t       *testing.T
	root    string
	calls   []string
	answers map[string]string // by the beginning of the command line
	fails   map[string]error
	missing []string          // programs that are not installed
	owned   map[string]string // path -> uid:gid
	steered []string          // what the service manager was told
	broken  map[string]error  // its failures by verb
}

func testService(t *testing.T) (*Service, *machine) {
	t.Helper()
	m := &machine{t: t, root: t.TempDir(), answers: map[string]string{}, fails: map[string]error{}, owned: map[string]string{}, broken: map[string]error{}}
	for _, dir := range []string{"/run/systemd/system", "/etc/systemd/system", "/usr/local/bin"} {
		if err := os.MkdirAll(m.root+dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	m.write("/etc/passwd", "root:x:0:0:root:/root:/bin/bash\n")
	m.write("/etc/group", "root:x:0:\ndialout:x:20:alice\n")
	m.write("/build/bin/portti", "ELF one")
	h := &host{root: m.root, run: m.run, chown: m.chown, has: func(name string) bool { return !slices.Contains(m.missing, name) }}
	s := &Service{
		Config: "/etc/portti/portti.toml",
		Sample: []byte("# sample\n"),
		host:   h,
		self:   func() (string, error) { return m.root + "/build/bin/portti", nil },
		manager: func(exec, unit string) (manager, error) {
			return &fakeManager{machine: m, unit: unit}, nil
		},
	}
	return s, m
}

func (m *machine) write(path, text string) {
	m.t.Helper()
	if err := os.MkdirAll(filepath.Dir(m.root+path), 0o755); err != nil {
		m.t.Fatal(err)
	}
	if err := os.WriteFile(m.root+path, []byte(text), 0o644); err != nil {
		m.t.Fatal(err)
	}
}

func (m *machine) read(path string) string {
	m.t.Helper()
	text, err := os.ReadFile(m.root + path)
	if err != nil {
		m.t.Fatal(err)
	}
	return string(text)
}

func (m *machine) chown(path string, uid, gid int) error {
	m.owned[strings.TrimPrefix(path, m.root)] = fmt.Sprint(uid, ":", gid)
	return nil
}

func (m *machine) run(name string, args ...string) (string, error) {
	line := strings.Join(append([]string{name}, args...), " ")
	m.calls = append(m.calls, line)
	for start, err := range m.fails {
		if strings.HasPrefix(line, start) {
			return "", err
		}
	}
	switch {
	case strings.Contains(line, "u portti"), name == "useradd", name == "adduser":
		m.write("/etc/passwd", m.read("/etc/passwd")+"portti:x:990:990::/var/lib/portti:/usr/sbin/nologin\n")
		m.write("/etc/group", m.read("/etc/group")+"portti:x:990:\n")
	}
	if strings.Contains(line, "m portti dialout") || name == "usermod" || line == "addgroup portti dialout" {
		m.write("/etc/group", strings.Replace(m.read("/etc/group"), "dialout:x:20:alice", "dialout:x:20:alice,portti", 1))
	}
	for start, out := range m.answers {
		if strings.HasPrefix(line, start) {
			return out, nil
		}
	}
	return "", nil
}

// fakeManager does to the unit file what the library does.
type fakeManager struct {
	*machine
	unit string
}

func (f *fakeManager) note(verb string) error {
	f.steered = append(f.steered, verb)
	return f.broken[verb]
}

func (f *fakeManager) Install() error {
	if _, err := os.Stat(f.root + installedUnit); err == nil {
		return errors.New("Init already exists")
	}
	f.write(installedUnit, f.unit)
	return f.note("install")
}

func (f *fakeManager) Uninstall() error {
	if err := os.Remove(f.root + installedUnit); err != nil {
		return err
	}
	return f.note("uninstall")
}
func (f *fakeManager) Start() error   { return f.note("start") }
func (f *fakeManager) Stop() error    { return f.note("stop") }
func (f *fakeManager) Restart() error { return f.note("restart") }

func TestInstallOnAFreshMachine(t *testing.T) {
	s, m := testService(t)
	did, err := s.Install()
	if err != nil {
		t.Fatal(err)
	}
	if got := m.read(ownBinary); got != "ELF one" {
		t.Errorf("binary is %q", got)
	}
	if got := m.read(installedUnit); !strings.Contains(got, "\nExecStart=/usr/local/bin/portti run -c /etc/portti/portti.toml\n") {
		t.Errorf("unit is\n%s", got)
	}
	if got := m.read("/etc/portti/portti.toml"); got != "# sample\n" {
		t.Errorf("configuration is %q", got)
	}
	for path, mode := range map[string]fs.FileMode{configDir: 0o750, credentialDir: 0o750, "/etc/portti/portti.toml": 0o640, ownBinary: 0o755} {
		if st, err := os.Stat(m.root + path); err != nil || st.Mode().Perm() != mode {
			t.Errorf("%s has mode %v, %v", path, st.Mode(), err)
		}
	}
	for _, path := range []string{configDir, credentialDir, "/etc/portti/portti.toml"} {
		if m.owned[path] != "0:990" {
			t.Errorf("%s belongs to %q, want root and the group portti", path, m.owned[path])
		}
	}
	if !slices.Equal(m.steered, []string{"install", "restart"}) {
		t.Errorf("systemd was told %v", m.steered)
	}
	if text := strings.Join(did, "\n"); !strings.Contains(text, "copied the binary to /usr/local/bin/portti") || !strings.Contains(text, "dialout") {
		t.Errorf("said\n%s", text)
	}
}

func TestInstallAgainChangesOnlyWhatDiffers(t *testing.T) {
	s, m := testService(t)
	if _, err := s.Install(); err != nil {
		t.Fatal(err)
	}
	m.write("/etc/portti/portti.toml", "edited")
	m.write("/build/bin/portti", "ELF two")
	m.calls = nil
	did, err := s.Install()
	if err != nil {
		t.Fatal(err)
	}
	if len(m.calls) != 0 {
		t.Errorf("ran %v", m.calls)
	}
	if m.read("/etc/portti/portti.toml") != "edited" || m.read(ownBinary) != "ELF two" {
		t.Error("the configuration was overwritten, or the new binary was not copied")
	}
	if text := strings.Join(did, "\n"); !strings.Contains(text, "kept /etc/systemd/system/portti.service") || !strings.Contains(text, "kept the configuration") {
		t.Errorf("said\n%s", text)
	}

	m.write(installedUnit, "[Service]\nExecStart=/old\n")
	if did, err = s.Install(); err != nil || !strings.Contains(strings.Join(did, "\n"), "replaced /etc/systemd/system/portti.service") {
		t.Errorf("said %v, %v", did, err)
	}
	if !strings.Contains(m.read(installedUnit), "ExecStart=/usr/local/bin/portti") {
		t.Error("the old unit stayed")
	}
}

func TestInstallLeavesAProgramWhereItBelongs(t *testing.T) {
	s, m := testService(t)
	s.self = func() (string, error) { return "/opt/portti/bin/portti", nil }
	if _, err := s.Install(); err != nil {
		t.Fatal(err)
	}
	if got := m.read(installedUnit); !strings.Contains(got, "\nExecStart=/opt/portti/bin/portti run") {
		t.Errorf("unit is\n%s", got)
	}
	if _, err := os.Stat(m.root + ownBinary); err == nil {
		t.Error("the binary was copied although the service can run it")
	}
}

func TestInstallDoesNotStartWhatIsNotConfigured(t *testing.T) {
	s, m := testService(t)
	why := errors.New("uplink.url is not set")
	s.Check = func(path string) error {
		if path != m.root+s.Config {
			t.Errorf("checked %s", path)
		}
		return why
	}
	did, err := s.Install()
	var pending *NotConfiguredError
	if !errors.As(err, &pending) || pending.Path != s.Config || !errors.Is(err, why) {
		t.Fatalf("error is %v", err)
	}
	if !slices.Equal(m.steered, []string{"install"}) || len(did) == 0 {
		t.Errorf("systemd was told %v; said %v", m.steered, did)
	}
	for _, do := range []func() ([]string, error){s.Start, s.Restart} {
		if _, err := do(); !errors.As(err, &pending) {
			t.Errorf("error is %v", err)
		}
	}
	if _, err := s.Stop(); err != nil {
		t.Errorf("stop: %v", err)
	}
	if !slices.Equal(m.steered, []string{"install", "stop"}) {
		t.Errorf("systemd was told %v", m.steered)
	}
}

func TestInstallRefuses(t *testing.T) {
	for _, c := range []struct {
		name  string
		spoil func(*Service, *machine)
		want  string
	}{
		{"without systemd", func(s *Service, m *machine) { os.RemoveAll(m.root + "/run/systemd") }, "none of systemd, OpenRC"},
		{"without root", func(s *Service, m *machine) { s.host.euid = 1000 }, "this needs root: try  sudo portti service install"},
		{"relative configuration", func(s *Service, m *machine) { s.Config = "portti.toml" }, "absolute"},
		{"configuration in a home", func(s *Service, m *machine) { s.Config = "/home/a/portti.toml" }, "hidden from the service"},
		{"configuration in /tmp", func(s *Service, m *machine) { s.Config = "/tmp/portti.toml" }, "hidden from the service"},
		{"configuration elsewhere, absent", func(s *Service, m *machine) { s.Config = "/srv/portti.toml" }, "cannot find the configuration /srv/portti.toml"},
		{"configuration with a blank", func(s *Service, m *machine) { s.Config = "/etc/portti/a b.toml" }, "unit file"},
		{"no group for serial ports", func(s *Service, m *machine) { m.write("/etc/group", "root:x:0:\n") }, "neither dialout nor uucp"},
		{"an unknown init system", func(s *Service, m *machine) { s.Init = "upstart" }, "it is one of systemd, openrc, sysv, procd"},
		{"the tool fails", func(s *Service, m *machine) { m.fails["systemd-sysusers"] = errors.New("read-only") }, "read-only"},
		{"systemd refuses the unit", func(s *Service, m *machine) { m.broken["install"] = errors.New("masked") }, "cannot install the service: masked"},
		{"the daemon does not start", func(s *Service, m *machine) { m.broken["restart"] = errors.New("exit status 1") }, "journalctl -u portti"},
		{"the binary is gone", func(s *Service, m *machine) { os.Remove(m.root + "/build/bin/portti") }, "cannot copy the binary"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, m := testService(t)
			c.spoil(s, m)
			if did, err := s.Install(); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("did %v, error is %v, want %q", did, err, c.want)
			}
		})
	}
}

func TestInstallWithEveryToolForUsers(t *testing.T) {
	for _, c := range []struct {
		missing []string
		want    string
	}{
		{nil, "systemd-sysusers --inline u portti"},
		{[]string{"systemd-sysusers"}, "useradd --system --user-group"},
		{[]string{"systemd-sysusers", "useradd", "usermod"}, "adduser -S -D -H"},
	} {
		s, m := testService(t)
		m.missing = c.missing
		if _, err := s.Install(); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(strings.Join(m.calls, "\n"), c.want) {
			t.Errorf("without %v ran %q", c.missing, m.calls)
		}
		if _, members, _ := s.host.group("dialout"); !slices.Contains(members, Name) {
			t.Errorf("without %v portti is not in dialout", c.missing)
		}
	}
}

func TestInstallWarnsOfAnUnreadableConfiguration(t *testing.T) {
	s, m := testService(t)
	m.write("/etc/portti/portti.toml", "edited")
	if err := os.Chmod(m.root+"/etc/portti/portti.toml", 0o600); err != nil {
		t.Fatal(err)
	}
	did, err := s.Install()
	if err != nil || !strings.Contains(strings.Join(did, "\n"), "warning: the service may not read /etc/portti/portti.toml") {
		t.Errorf("said %q, %v", did, err)
	}
}

func TestUninstallKeepsDataAndConfiguration(t *testing.T) {
	s, m := testService(t)
	if _, err := s.Install(); err != nil {
		t.Fatal(err)
	}
	m.write("/var/lib/portti/readings", "precious")
	m.steered = nil
	did, err := s.Uninstall()
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(m.steered, []string{"stop", "uninstall"}) {
		t.Errorf("systemd was told %v", m.steered)
	}
	if m.read("/var/lib/portti/readings") != "precious" || m.read("/etc/portti/portti.toml") == "" {
		t.Error("data or configuration is gone")
	}
	if !strings.Contains(strings.Join(did, "\n"), "kept the readings in /var/lib/portti") {
		t.Errorf("said %v", did)
	}
	if did, err = s.Uninstall(); err != nil || !strings.Contains(did[0], "nothing changed") {
		t.Errorf("a second time: %v, %v", did, err)
	}
	if _, err := s.Start(); !errors.Is(err, ErrNotInstalled) {
		t.Errorf("start after uninstall: %v", err)
	}
}

func TestUninstallRefuses(t *testing.T) {
	s, m := testService(t)
	m.write(packagedUnit, "x")
	if _, err := s.Uninstall(); !errors.Is(err, ErrPackaged) {
		t.Errorf("of a package: %v", err)
	}
	if err := os.Remove(m.root + packagedUnit); err != nil {
		t.Fatal(err)
	}
	m.write(installedUnit, "x")
	m.broken["stop"] = errors.New("timeout")
	if _, err := s.Uninstall(); err == nil || !strings.Contains(err.Error(), "cannot stop the service: timeout") {
		t.Errorf("of a service that does not stop: %v", err)
	}
	if m.read(installedUnit) != "x" {
		t.Error("the unit of a running service was removed")
	}
	s.host.euid = 1000
	if _, err := s.Uninstall(); !errors.Is(err, ErrNotRoot) {
		t.Errorf("without root: %v", err)
	}
}

func TestRunProgramTellsWhatWasSaid(t *testing.T) {
	if out, err := runProgram("sh", "-c", "echo yes"); out != "yes\n" || err != nil {
		t.Errorf("got %q, %v", out, err)
	}
	if _, err := runProgram("sh", "-c", "echo no way >&2; exit 3"); err == nil || !strings.Contains(err.Error(), "exit status 3: no way") {
		t.Errorf("error is %v", err)
	}
	if _, err := runProgram("portti-no-such-program"); err == nil {
		t.Error("a missing program ran")
	}
}

// A package says in no list of files that the group may read the configuration: the
// account that it makes is lent what root alone could read, and nothing else.
func TestAccountIsLentTheConfiguration(t *testing.T) {
	s, m := testService(t)
	m.write("/etc/passwd", "root:x:0:0:root:/root:/bin/bash\nportti:x:990:991::/var/lib/portti:/bin/false\n")
	m.write("/etc/group", "root:x:0:\ndialout:x:20:portti\nportti:x:991:\n")
	m.write("/etc/portti/portti.toml", "")
	if err := os.MkdirAll(m.root+"/etc/portti/credentials", 0o750); err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() != 0 {
		t.Skip("only root's files are lent")
	}
	for path, mode := range map[string]os.FileMode{"/etc/portti": 0o750, "/etc/portti/portti.toml": 0o640} {
		if err := os.Chmod(m.root+path, mode); err != nil {
			t.Fatal(err)
		}
	}
	if did, err := s.Account(); err != nil || len(did) != 3 {
		t.Errorf("said %q, %v", did, err)
	}
	for _, path := range []string{"/etc/portti", "/etc/portti/credentials", "/etc/portti/portti.toml"} {
		if got := m.owned[path]; got != "0:991" {
			t.Errorf("%s belongs to %q", path, got)
		}
	}
	if err := os.Chown(m.root+"/etc/portti/portti.toml", 0, 27); err != nil {
		t.Fatal(err)
	}
	clear(m.owned)
	if _, err := s.Account(); err != nil || m.owned["/etc/portti/portti.toml"] != "" {
		t.Errorf("a file of another group: %v, now %q", err, m.owned["/etc/portti/portti.toml"])
	}
}

// The group may be there before the user, made by somebody to be in it.
func TestAccountWhereTheGroupIsThere(t *testing.T) {
	for _, missing := range [][]string{{"systemd-sysusers"}, {"systemd-sysusers", "useradd", "usermod"}} {
		s, m := testService(t)
		m.missing = missing
		m.write("/etc/group", "root:x:0:\ndialout:x:20:\nportti:x:991:alice\n")
		_, _, _ = s.host.account()
		calls := strings.Join(m.calls, "\n")
		if strings.Contains(calls, "--user-group") || strings.Contains(calls, "addgroup -S portti") || !strings.Contains(calls, "useradd") && !strings.Contains(calls, "adduser") {
			t.Errorf("without %q it ran:\n%s", missing, calls)
		}
	}
}
