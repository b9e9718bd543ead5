package systemd

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
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
		return h.steps(
			[]string{"useradd", "--system", "--user-group", "--home-dir", home, "--no-create-home", "--shell", "/usr/sbin/nologin", Name})
	case h.has("adduser"): // busybox
		return h.steps(
			[]string{"addgroup", "-S", Name},
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
