package systemd

import (
	"errors"
	"os"
	"strings"
	"testing"
)

func TestPrepareMakesWhatIsMissing(t *testing.T) {
	s, m := testService(t)
	m.write("/etc/passwd", m.read("/etc/passwd")+"portti:x:990:991::/:/bin/false\n")
	folders := []Folder{{"/srv/data/portti", 0o700}, {"/run/portti", 0o755}}
	did, err := s.Prepare(folders...)
	if err != nil || len(did) != 2 || !strings.Contains(did[0], "created /srv/data/portti") {
		t.Fatalf("did %q, %v", did, err)
	}
	for _, f := range folders {
		if st, err := os.Stat(m.root + f.Path); err != nil || st.Mode().Perm() != f.Mode || m.owned[f.Path] != "990:991" {
			t.Errorf("%s has mode %v and belongs to %q, %v", f.Path, st.Mode(), m.owned[f.Path], err)
		}
	}
	m.owned = map[string]string{}
	if did, err := s.Prepare(folders...); err != nil || len(did)+len(m.owned) != 0 {
		t.Errorf("a second time: %q, %v, %v", did, m.owned, err)
	}
}

func TestPrepareRefuses(t *testing.T) {
	s, m := testService(t)
	if _, err := s.Prepare(Folder{"/run/portti", 0o755}); err == nil || !strings.Contains(err.Error(), "sudo portti service install") {
		t.Errorf("without the user: %v", err)
	}
	m.write("/etc/passwd", m.read("/etc/passwd")+"portti:x:990:990::/:/bin/false\n")
	m.write("/srv/file", "")
	if _, err := s.Prepare(Folder{"/srv/file/portti", 0o755}); err == nil || !strings.Contains(err.Error(), "cannot make the folder /srv/file/portti") {
		t.Errorf("inside of a file: %v", err)
	}
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
}
