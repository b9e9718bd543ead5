package systemd

import (
	"errors"
	"fmt"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"
)

// Name is the service, its user, its group and its folders.
const Name = "portti"

// account makes sure that the user and group portti exist and that the user is
// in the group that owns serial ports, whose name it returns.
func (h *host) account() (serial string, did []string, err error) {
	serial, err = h.serialGroup()
	if err != nil {
		return "", nil, err
	}
	if !h.user(Name) {
		if err := h.createUser(serial); err != nil {
			return "", nil, fmt.Errorf("cannot create the user %s: %w", Name, err)
		}
		did = append(did, "created the system user "+Name+" and its group")
	}
	if _, _, ok := h.group(Name); !ok {
		return "", nil, fmt.Errorf("cannot use the user %s: there is no group of that name; create it with  groupadd --system %s", Name, Name)
	}
	if _, members, _ := h.group(serial); !slices.Contains(members, Name) {
		if err := h.join(serial); err != nil {
			return "", did, fmt.Errorf("cannot add the user %s to the group %s: %w", Name, serial, err)
		}
	} else if len(did) == 0 {
		return serial, nil, nil
	}
	return serial, append(did, fmt.Sprintf("added %s to the group %s, which owns the serial ports", Name, serial)), nil
}

// Account makes the user and the group, and lets the group read the configuration where
// root alone could: a package cannot say either in its list of files. What somebody gave
// to others stays theirs. Packages run it when they are installed.
func (s *Service) Account() (did []string, err error) {
	if err := s.host.ready("install"); err != nil {
		return nil, err
	}
	_, did, err = s.host.account()
	if err != nil {
		return did, err
	}
	more, err := s.host.lend()
	return append(did, more...), err
}

// lend gives the configuration from root alone to root and the group.
func (h *host) lend() (did []string, err error) {
	_, gid, err := h.ids(Name)
	if err != nil {
		return nil, nil // nobody to lend it to
	}
	for _, path := range []string{configDir, configDir + "/conf.d", credentialDir, defaultConfig} {
		var st unix.Stat_t
		if unix.Stat(h.path(path), &st) != nil || st.Uid != 0 || st.Gid != 0 || st.Mode&0o007 != 0 {
			continue // not there, somebody's, or everybody's
		}
		if err := h.chown(h.path(path), 0, gid); err != nil {
			return did, fmt.Errorf("cannot let the group %s read %s: %w", Name, path, err)
		}
		did = append(did, "let the group "+Name+" read "+path)
	}
	return did, nil
}

// serialGroup is dialout on Debian, Fedora and OpenEmbedded, uucp on Arch.
func (h *host) serialGroup() (string, error) {
	for _, name := range []string{"dialout", "uucp"} {
		if _, _, ok := h.group(name); ok {
			return name, nil
		}
	}
	return "", errors.New("cannot find the group that owns serial ports: neither dialout nor uucp exists")
}

func (h *host) createUser(serial string) error {
	home := "/var/lib/" + Name
	switch {
	case h.image:
	case h.has("systemd-sysusers"):
		return h.steps(
			[]string{"systemd-sysusers", "--inline", fmt.Sprintf("u %s - \"portti gateway\" %s", Name, home), fmt.Sprintf("m %s %s", Name, serial)})
	case h.has("useradd"):
		own := []string{"--user-group"}
		if _, _, there := h.group(Name); there { // somebody made it, to be in it
			own = []string{"--gid", Name}
		}
		return h.steps(
			append(append([]string{"useradd", "--system"}, own...), "--home-dir", home, "--no-create-home", "--shell", "/usr/sbin/nologin", Name))
	case h.has("adduser"): // busybox
		if _, _, there := h.group(Name); !there {
			if err := h.steps([]string{"addgroup", "-S", Name}); err != nil {
				return err
			}
		}
		return h.steps(
			[]string{"adduser", "-S", "-D", "-H", "-h", home, "-s", "/sbin/nologin", "-G", Name, Name})
	}
	return h.writeUser(home)
}

func (h *host) join(group string) error {
	switch {
	case h.image:
	case h.has("usermod"):
		return h.steps([]string{"usermod", "--append", "--groups", group, Name})
	case h.has("systemd-sysusers"):
		return h.steps([]string{"systemd-sysusers", "--inline", fmt.Sprintf("m %s %s", Name, group)})
	case h.has("addgroup"): // busybox
		return h.steps([]string{"addgroup", Name, group})
	}
	return h.writeMember(group)
}

func (h *host) steps(steps ...[]string) error {
	for _, step := range steps {
		if _, err := h.run(step[0], step[1:]...); err != nil {
			return err
		}
	}
	return nil
}

// ownByRootAnd makes root the owner of path and the group portti its group.
func (h *host) ownByRootAnd(group, path string) error {
	gid, _, ok := h.group(group)
	if !ok {
		return fmt.Errorf("cannot find the group %s", group)
	}
	n, err := strconv.Atoi(gid)
	if err != nil {
		return fmt.Errorf("cannot use the group %s: its number is %q", group, gid)
	}
	return h.chown(h.path(path), 0, n)
}
