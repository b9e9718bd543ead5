package systemd

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
)

// naming is a service whose configuration names these.
func naming(t *testing.T, folders []Folder, files ...string) (*Service, *machine) {
	s, m := testService(t)
	m.write("/etc/passwd", m.read("/etc/passwd")+"portti:x:990:991::/:/bin/false\n")
	m.write("/etc/group", m.read("/etc/group")+"portti:x:991:\n")
	m.write(installedUnit, rendered(t))
	s.Named = func(string) (Named, error) { return Named{Folders: folders, Files: files}, nil }
	return s, m
}

func TestPrepareMakesWhatIsMissing(t *testing.T) {
	folders := []Folder{{"/srv/data/portti", 0o700}, {"/run/portti", 0o755}}
	s, m := naming(t, folders)
	s.Init = OpenRC
	did, err := s.Prepare()
	if err != nil || len(did) != 2 || !strings.Contains(did[0], "created /srv/data/portti") {
		t.Fatalf("did %q, %v", did, err)
	}
	for _, f := range folders {
		if st, err := os.Stat(m.root + f.Path); err != nil || st.Mode().Perm() != f.Mode || m.owned[f.Path] != "990:991" {
			t.Errorf("%s has mode %v and belongs to %q, %v", f.Path, st.Mode(), m.owned[f.Path], err)
		}
	}
	m.owned = map[string]string{}
	if did, err := s.Prepare(); err != nil || len(did)+len(m.owned) != 0 {
		t.Errorf("a second time: %q, %v, %v", did, m.owned, err)
	}
}

func TestPrepareRefuses(t *testing.T) {
	s, m := naming(t, []Folder{{"/srv/file/portti", 0o755}})
	m.write("/srv/file", "")
	if _, err := s.Prepare(); err == nil || !strings.Contains(err.Error(), "cannot make the folder /srv/file/portti") {
		t.Errorf("inside of a file: %v", err)
	}
	s, _ = naming(t, nil)
	why := errors.New("no")
	s.Check = func(string) error { return why }
	var pending *NotConfiguredError
	if _, err := s.Prepare(); !errors.As(err, &pending) || !errors.Is(err, why) {
		t.Errorf("a bad configuration: %v", err)
	}
	s.host.euid = 1000
	if _, err := s.Prepare(); !errors.Is(err, ErrNotRoot) {
		t.Errorf("without root: %v", err)
	}
	s, _ = testService(t)
	s.Init, s.Named = OpenRC, func(string) (Named, error) { return Named{Folders: []Folder{{"/run/portti", 0o755}}}, nil }
	if _, err := s.Prepare(); err == nil || !strings.Contains(err.Error(), "sudo portti service install") {
		t.Errorf("without the user: %v", err)
	}
}

// TestDropInFollowsThePaths: it opens the sandbox for what is named, is written once, is
// read by who judges as the service, and goes when nothing needs it.
func TestDropInFollowsThePaths(t *testing.T) {
	s, m := naming(t, []Folder{{"/srv/portti", 0o700}, {"/run/portti", 0o755}})
	did, err := s.Restart()
	if err != nil || !strings.Contains(strings.Join(did, "\n"), "wrote "+pathsDropIn) || !slices.Equal(m.steered, []string{"restart"}) {
		t.Fatalf("did %q, %v, told systemd %q", did, err, m.steered)
	}
	want := "# Written by \"portti service restart\" from [paths] in /etc/portti/portti.toml.\n[Unit]\nRequiresMountsFor=/srv/portti\n[Service]\nReadWritePaths=-/srv/portti\n"
	if got := m.read(pathsDropIn); got != want {
		t.Errorf("it is\n%s", got)
	}
	if v, ok := ViewOf(os.DirFS(m.root)); !ok || !slices.Contains(v.Writable, "/srv/portti") {
		t.Errorf("who judges sees %v", v.Writable)
	}
	m.calls = nil
	if did, err := s.Start(); err != nil || len(did) != 0 || slices.Contains(m.calls, "systemctl daemon-reload") {
		t.Errorf("a second time: %q, %v, ran %q", did, err, m.calls)
	}
	if st, err := os.Stat(m.root + "/run/portti"); err == nil {
		t.Errorf("made a folder that systemd makes: %v", st)
	}
	s.Named = func(string) (Named, error) { return Named{Folders: []Folder{{"/var/lib/portti", 0o700}}}, nil }
	if did, err := s.Restart(); err != nil || !strings.Contains(strings.Join(did, "\n"), "removed "+pathsDropIn) {
		t.Errorf("did %q, %v", did, err)
	}
	if _, err := os.Stat(m.root + "/etc/systemd/system/portti.service.d"); err == nil {
		t.Error("an empty folder of drop-ins stayed")
	}
}

// TestDropInKeepsToWhatIsMissing: what another drop-in, or the folder around, lets in
// needs no line.
func TestDropInKeepsToWhatIsMissing(t *testing.T) {
	for name, lines := range map[string]string{"a drop-in of the administrator": "ReadWritePaths=/srv\n", "no sandbox": "ProtectSystem=no\n"} {
		s, m := naming(t, []Folder{{"/srv/portti", 0o700}})
		m.write("/etc/systemd/system/portti.service.d/site.conf", "[Service]\n"+lines)
		if did, err := s.Start(); err != nil || strings.Contains(strings.Join(did, "\n"), "wrote") {
			t.Errorf("%s: did %q, %v", name, did, err)
		}
	}
}

func TestPathsThatAreRefused(t *testing.T) {
	for _, c := range []struct {
		folder, file, says string
	}{
		{"/home/pi/portti", "", "name one elsewhere in [paths]"},
		{"/tmp/portti", "", "is hidden from the service"},
		{"/etc/portti/state", "", "belongs to the system"},
		{"/", "", "belongs to the system"},
		{"/srv/100%", "", "holds a character"},
		{"/srv/portti", "/root/token", "sudo install -g portti -m 640 /root/token /etc/portti/credentials/"},
	} {
		var files []string
		if c.file != "" {
			files = append(files, c.file)
		}
		s, m := naming(t, []Folder{{c.folder, 0o700}}, files...)
		var pending *NotConfiguredError
		if _, err := s.Restart(); !errors.As(err, &pending) || !strings.Contains(err.Error(), c.says) || len(m.steered) != 0 {
			t.Errorf("%+v: %v, told systemd %q", c, err, m.steered)
		}
		if _, err := os.Stat(m.root + pathsDropIn); err == nil {
			t.Errorf("%+v: wrote a drop-in", c)
		}
	}
}
