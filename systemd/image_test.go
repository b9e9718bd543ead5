package systemd

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// image is a folder with what a root file system of that kind has at least.
func testImage(t *testing.T, files ...string) (*Service, *machine) {
	t.Helper()
	s, m := testService(t)
	for _, f := range append(files, "/usr/bin/portti") {
		m.write(f, "ELF")
	}
	m.write("/etc/shadow", "root:*:::::::\n")
	s.host.image = true
	s.manager = func(string, string) (manager, error) {
		t.Error("a program of this machine was asked about an image")
		return nil, nil
	}
	return s, m
}

// TestInstallIntoAnImage: files and links alone, the same the second time.
func TestInstallIntoAnImage(t *testing.T) {
	for _, c := range []struct {
		marks []string
		file  string
		link  string
	}{
		{[]string{"/usr/lib/systemd/systemd"}, installedUnit, "/etc/systemd/system/multi-user.target.wants/portti.service -> " + installedUnit},
		{[]string{"/usr/lib/systemd/systemd", packagedUnit}, packagedUnit, "/etc/systemd/system/multi-user.target.wants/portti.service -> " + packagedUnit},
		{[]string{"/sbin/openrc-run"}, initScript, "/etc/runlevels/default/portti -> " + initScript},
		{[]string{"/sbin/procd"}, initScript, "/etc/rc.d/S95portti -> ../init.d/portti"},
	} {
		s, m := testImage(t, c.marks...)
		var first string
		for range 2 {
			did, err := s.Install()
			if err != nil {
				t.Fatalf("%v: %q, %v", c.marks, did, err)
			}
			now := m.read("/etc/passwd") + m.read("/etc/group") + m.read("/etc/shadow") + m.read(c.file) + strings.Join(linksIn(t, m.root), "\n")
			if first != "" && now != first {
				t.Errorf("%v: the second time it became\n%s", c.marks, now)
			}
			first = now
		}
		if len(m.calls) != 0 {
			t.Errorf("%v: ran %q", c.marks, m.calls)
		}
		for file, want := range map[string]string{"/etc/passwd": "portti:x:999:999:portti gateway:/var/lib/portti:/bin/false\n", "/etc/group": "dialout:x:20:alice,portti\nportti:x:999:\n", "/etc/shadow": "portti:!:::::::\n"} {
			if !strings.HasSuffix(m.read(file), want) {
				t.Errorf("%v: %s is\n%s", c.marks, file, m.read(file))
			}
		}
		if !slices.Contains(linksIn(t, m.root), c.link) {
			t.Errorf("%v: links are %q", c.marks, linksIn(t, m.root))
		}
		if m.owned["/etc/portti/portti.toml"] != "0:999" {
			t.Errorf("%v: the configuration belongs to %q", c.marks, m.owned["/etc/portti/portti.toml"])
		}
	}
}

func TestUninstallFromAnImage(t *testing.T) {
	s, m := testImage(t, "/usr/lib/systemd/systemd")
	if _, err := s.Install(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if did, err := s.Uninstall(); err != nil {
			t.Fatalf("did %q, %v", did, err)
		}
	}
	if left := linksIn(t, m.root); len(left) != 0 || len(m.calls) != 0 {
		t.Errorf("left %q, ran %q", left, m.calls)
	}
}

// TestImageIsNotLeft: an absolute link in an image means the image, not this machine.
func TestImageIsNotLeft(t *testing.T) {
	s, m := testImage(t, "/sbin/openrc-run")
	outside := t.TempDir()
	if err := os.Symlink(outside, m.root+"/etc/init.d"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Install(); err == nil || !strings.Contains(err.Error(), "leads out of") {
		t.Errorf("error is %v", err)
	}
	if found, _ := os.ReadDir(outside); len(found) != 0 {
		t.Errorf("wrote %v outside of the image", found)
	}
}

func TestImageOfAnotherMachine(t *testing.T) {
	s, m := testImage(t, "/sbin/openrc-run")
	os.Remove(m.root + "/usr/bin/portti")
	arm := "\x7fELF\x01\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x28\x00"
	m.write("/bin/busybox", arm)
	if err := os.Symlink("/bin/busybox", m.root+"/bin/sh"); err != nil {
		t.Fatal(err)
	}
	m.write("/build/bin/portti", strings.Replace(arm, "\x28\x00", "\x3e\x00", 1))
	if _, err := s.Install(); err == nil || !strings.Contains(err.Error(), "another kind of machine: put its portti in "+filepath.Join(m.root, "usr/bin/portti")) {
		t.Errorf("error is %v", err)
	}
	m.write("/build/bin/portti", arm)
	if _, err := s.Install(); err != nil || m.read(ownBinary) != arm {
		t.Errorf("error is %v", err)
	}
}
