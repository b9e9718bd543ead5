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

type exitCode int

func (c exitCode) Error() string { return fmt.Sprint("exit status ", int(c)) }
func (c exitCode) ExitCode() int { return int(c) }

func TestInitSystemIsFound(t *testing.T) {
	for _, c := range []struct {
		files []string // a name that ends in / is a folder
		first string   // process 1
		image bool
		want  Kind
	}{
		{files: []string{"/run/systemd/system/", "/etc/init.d/"}, first: "systemd", want: Systemd},
		{files: []string{"/run/openrc/", "/etc/init.d/"}, first: "init", want: OpenRC},
		{files: []string{"/etc/openwrt_release", "/etc/init.d/"}, first: "procd", want: Procd},
		{files: []string{"/etc/init.d/"}, first: "init", want: SysV},
		{files: []string{"/etc/init.d/"}, first: "bash"}, // a container
		{first: "init"},
		{files: []string{"/lib/systemd/systemd", "/etc/init.d/"}, image: true, want: Systemd},
		{files: []string{"/sbin/openrc-run", "/etc/init.d/"}, image: true, want: OpenRC},
		{files: []string{"/sbin/procd", "/etc/init.d/"}, image: true, want: Procd},
		{files: []string{"/etc/init.d/"}, image: true, want: SysV},
		{image: true},
	} {
		s, m := testService(t)
		os.RemoveAll(m.root + "/run")
		for _, f := range append(c.files, "/proc/1/comm") {
			if strings.HasSuffix(f, "/") {
				os.MkdirAll(m.root+f, 0o755)
			} else {
				m.write(f, c.first+"\n")
			}
		}
		h := s.host
		if !c.image { // the fake machine has a root as well
			h = &host{root: m.root}
		}
		got, err := kindIn(h, c.image)
		if got != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%v: found %q, %v, want %q", c.files, got, err, c.want)
		}
	}
}

// kindIn asks as an image or as the machine itself does.
func kindIn(h *host, image bool) (Kind, error) {
	h.image = image
	return h.kind()
}

// links are those below a folder, as "path -> target".
func linksIn(t *testing.T, root string) (all []string) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type() == fs.ModeSymlink {
			to, _ := os.Readlink(path)
			all = append(all, strings.TrimPrefix(path, root)+" -> "+to)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestInstallOnEveryInitSystem: installed, installed again, steered, taken off again.
func TestInstallOnEveryInitSystem(t *testing.T) {
	for _, c := range []struct {
		init    Kind
		prepare string // a folder
		links   []string
		restart string
	}{
		{OpenRC, "", []string{"/etc/runlevels/default/portti -> /etc/init.d/portti"}, "rc-service portti restart"},
		{Procd, "", []string{"/etc/rc.d/K10portti -> ../init.d/portti", "/etc/rc.d/S95portti -> ../init.d/portti"}, "/etc/init.d/portti restart"},
		{SysV, "", []string{"/etc/init.d/S95portti -> portti"}, "/etc/init.d/portti restart"},
		{SysV, "/etc/rc2.d", []string{"/etc/rc0.d/K05portti -> ../init.d/portti", "/etc/rc1.d/K05portti -> ../init.d/portti", "/etc/rc2.d/S95portti -> ../init.d/portti",
			"/etc/rc3.d/S95portti -> ../init.d/portti", "/etc/rc4.d/S95portti -> ../init.d/portti", "/etc/rc5.d/S95portti -> ../init.d/portti", "/etc/rc6.d/K05portti -> ../init.d/portti"}, "/etc/init.d/portti restart"},
	} {
		s, m := testService(t)
		s.Init = c.init
		os.MkdirAll(m.root+c.prepare, 0o755) // nothing where it is empty
		for range 2 {
			if did, err := s.Install(); err != nil {
				t.Fatalf("%s: %v, %v", c.init, did, err)
			}
			if got := linksIn(t, m.root); !slices.Equal(got, c.links) {
				t.Errorf("%s: links are %q", c.init, got)
			}
			if st, err := os.Stat(m.root + initScript); err != nil || st.Mode().Perm() != 0o755 {
				t.Errorf("%s: %v, %v", c.init, st.Mode(), err)
			}
		}
		if m.calls[len(m.calls)-1] != c.restart || len(m.steered) != 0 {
			t.Errorf("%s: ran %q, told systemd %q", c.init, m.calls, m.steered)
		}
		s.Check = func(string) error { return errors.New("a mistake") }
		m.calls = nil
		var pending *NotConfiguredError
		if _, err := s.Restart(); !errors.As(err, &pending) || len(m.calls) != 0 {
			t.Errorf("%s: a restart into a mistake: %v, ran %q", c.init, err, m.calls)
		}
		s.Check = nil
		m.fails[strings.TrimSuffix(c.restart, "restart")+"start"] = exitCode(1)
		if _, err := s.Start(); err == nil || strings.Contains(err.Error(), "journalctl") {
			t.Errorf("%s: a start that fails: %v", c.init, err)
		}
		if did, err := s.Uninstall(); err != nil || len(linksIn(t, m.root)) != 0 {
			t.Errorf("%s: uninstalled: %v, %v", c.init, did, err)
		}
		if _, err := os.Stat(m.root + initScript); err == nil {
			t.Errorf("%s: the script stayed", c.init)
		}
	}
}

// TestPackagedFileIsUsed: there is never a second unit or script.
func TestPackagedFileIsUsed(t *testing.T) {
	s, m := testService(t)
	if _, err := s.Install(); err != nil { // an install without the package
		t.Fatal(err)
	}
	m.write(packagedUnit, "[Service]\nExecStart=/usr/bin/portti run\n")
	m.calls, m.steered = nil, nil
	did, err := s.Install()
	if err != nil || !strings.Contains(strings.Join(did, "\n"), "enabled "+packagedUnit) {
		t.Fatalf("did %q, %v", did, err)
	}
	if _, err := os.Stat(m.root + installedUnit); err == nil {
		t.Error("a unit of our own stands before the package's")
	}
	if !slices.Equal(m.calls, []string{"systemctl daemon-reload", "systemctl enable portti.service"}) || !slices.Equal(m.steered, []string{"restart"}) {
		t.Errorf("ran %q, told systemd %q", m.calls, m.steered)
	}
	m.write(installedUnit, "[Service]\n# an administrator's own\n")
	if _, err := s.Install(); err != nil || m.read(installedUnit) == "" {
		t.Errorf("an administrator's unit was taken away: %v", err)
	}

	for _, list := range []string{"/var/lib/dpkg/info/portti.list", "/usr/lib/opkg/info/portti.list", "/lib/apk/db/installed"} {
		s, m := testService(t)
		s.Init = OpenRC
		m.write(initScript, "#!/sbin/openrc-run\n# the package's\n")
		m.write(list, "/etc\n/etc/init.d/portti\nP:portti\nV:1\n")
		if did, err := s.Install(); err != nil || m.read(initScript) != "#!/sbin/openrc-run\n# the package's\n" || len(linksIn(t, m.root)) != 1 {
			t.Errorf("%s: did %q, %v", list, did, err)
		}
		if _, err := s.Uninstall(); !errors.Is(err, ErrPackaged) {
			t.Errorf("%s: uninstall: %v", list, err)
		}
	}
}
