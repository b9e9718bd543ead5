package systemd

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// ofPackage looks the file up in the lists of dpkg, opkg and apk, whose systems may have
// init scripts.
func (h *host) ofPackage(file string) bool {
	for _, list := range []string{"/var/lib/dpkg/info/portti.list", "/usr/lib/opkg/info/portti.list"} {
		if text, err := os.ReadFile(h.path(list)); err == nil && bytes.Contains(append([]byte("\n"), text...), []byte("\n"+file+"\n")) {
			return true
		}
	}
	for _, list := range []string{"/lib/apk/db/installed", "/usr/lib/apk/db/installed"} {
		if text, err := os.ReadFile(h.path(list)); err == nil && bytes.Contains(append([]byte("\n"), text...), []byte("\nP:portti\n")) {
			return true
		}
	}
	return false
}

// binaryInImage is the image's own program, or else this one, where it is of the same
// kind of machine.
func (h *host) binaryInImage(self string) (path string, did []string, err error) {
	for _, path := range []string{"/usr/bin/portti", ownBinary, "/opt/portti/portti"} {
		if _, err := os.Stat(h.path(path)); err == nil {
			return path, []string{"the image's program is " + path}, nil
		}
	}
	for _, like := range []string{"/bin/sh", "/bin/busybox", "/usr/bin/env"} {
		real, err := os.Readlink(h.path(like))
		if err == nil && !filepath.IsAbs(real) {
			real = filepath.Join(filepath.Dir(like), real)
		} else if err != nil {
			real = like
		}
		theirs, theirErr := elfMachine(h.path(real))
		own, ownErr := elfMachine(self)
		if theirErr == nil && ownErr == nil && theirs != own {
			return "", nil, fmt.Errorf("cannot copy this program into %s, which is made for another kind of machine: put its portti in %s first", h.root, h.path("/usr/bin/portti"))
		}
	}
	did, err = h.copyBinary(self, "")
	return ownBinary, did, err
}

// elfMachine is what a program says of the processor it is for: class, byte order and
// the number of its kind.
func elfMachine(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	head := make([]byte, 20)
	if _, err := io.ReadFull(f, head); err != nil || string(head[:4]) != "\x7fELF" {
		return "", errors.Join(err, errors.New("not a program"))
	}
	return string(head[4:6]) + string(head[18:20]), nil
}

// writeUser writes the user and the group into the files that hold them. It is for an
// image, where no program of the image can run, and for a machine without a program for
// that, such as OpenWrt: it needs neither, works on a root that is read-only later, and
// with every init system.
func (h *host) writeUser(home string) error {
	id, err := h.freeID()
	if err != nil {
		return err
	}
	shell := "/bin/false"
	if _, err := os.Stat(h.path("/usr/sbin/nologin")); err == nil {
		shell = "/usr/sbin/nologin"
	}
	number := strconv.Itoa(id)
	lines := []struct{ file, line string }{
		{"/etc/group", Name + ":x:" + number + ":"},
		{"/etc/passwd", Name + ":x:" + number + ":" + number + ":portti gateway:" + home + ":" + shell},
	}
	if _, err := os.Stat(h.path("/etc/shadow")); err == nil {
		lines = append(lines[:1:1], struct{ file, line string }{"/etc/shadow", Name + ":!:::::::"}, lines[1])
	}
	for _, l := range lines { // the user last: what is there already is not written again
		if err := h.addLine(l.file, l.line); err != nil {
			return err
		}
	}
	return nil
}

// freeID is a number of a system account that neither a user nor a group has.
func (h *host) freeID() (int, error) {
	users, err := os.ReadFile(h.path("/etc/passwd"))
	groups, groupErr := os.ReadFile(h.path("/etc/group"))
	if err = errors.Join(err, groupErr); err != nil {
		return 0, err
	}
	if gid, _, ok := h.group(Name); ok {
		return strconv.Atoi(gid)
	}
	taken := map[string]bool{}
	for line := range strings.Lines(string(users) + "\n" + string(groups)) {
		if f := strings.Split(line, ":"); len(f) >= 3 {
			taken[f[2]] = true
		}
	}
	for id := 999; id >= 100; id-- {
		if !taken[strconv.Itoa(id)] {
			return id, nil
		}
	}
	return 0, errors.New("no number from 100 to 999 is free for it")
}

func (h *host) addLine(file, line string) error {
	name, _, _ := strings.Cut(line, ":")
	text, err := os.ReadFile(h.path(file))
	if err != nil {
		return err
	}
	if bytes.Contains(append([]byte("\n"), text...), []byte("\n"+name+":")) {
		return nil
	}
	if len(text) > 0 && text[len(text)-1] != '\n' {
		line = "\n" + line
	}
	if err := h.folderInside(filepath.Dir(file)); err != nil {
		return err
	}
	f, err := os.OpenFile(h.path(file), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(line + "\n")
	return errors.Join(err, f.Sync(), f.Close())
}

// writeMember adds the user to a group in the file of groups.
func (h *host) writeMember(group string) error {
	const file = "/etc/group"
	text, err := os.ReadFile(h.path(file))
	if err != nil {
		return err
	}
	lines := strings.SplitAfter(string(text), "\n")
	for i, line := range lines {
		f := strings.Split(strings.TrimSuffix(line, "\n"), ":")
		if len(f) != 4 || f[0] != group {
			continue
		}
		if f[3] != "" {
			f[3] += ","
		}
		f[3] += Name
		lines[i] = strings.Join(f, ":") + "\n"
		return h.writeFile(file, []byte(strings.Join(lines, "")), fs.FileMode(0o644))
	}
	return fmt.Errorf("there is no group %s", group)
}
