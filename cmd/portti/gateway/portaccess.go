package gateway

import (
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"

	"portti/systemd"
)

// overflowGroup stands for a group that the service's user namespace does not know.
const overflowGroup = 65534

const (
	restartIt = "sudo portti service restart"
	reloadIt  = "sudo portti reload"
)

// letIn is what lets the service's user open a port that refused it. Not always is
// that the group: the user may be in it since after the start, the group may have no
// right, and the sandbox may not know the kind of device.
func letIn(port string) string {
	var st unix.Stat_t
	if unix.Stat(port, &st) != nil {
		return "Let the service's user open it: `ls -lL " + port + "` shows its group"
	}
	gid := int(st.Gid)
	group := strconv.Itoa(gid)
	known, err := user.LookupGroupId(group)
	if err == nil {
		group = known.Name
	}
	mine, _ := os.Getgroups()
	real, err := filepath.EvalSymlinks(port)
	if err != nil {
		real = port
	}
	switch {
	case st.Mode&0o060 != 0o060:
		return fmt.Sprintf("Give the port's group the right, now and whenever it is plugged in: `echo 'KERNEL==\"%s\", GROUP=\"%s\", MODE=\"0660\"' | sudo tee /etc/udev/rules.d/99-portti.rules; sudo udevadm control --reload; sudo chgrp %s %s && sudo chmod 660 %s`",
			filepath.Base(real), serialGroup(), serialGroup(), real, real) // a by-id name each would be too long to be shown whole
	case gid == overflowGroup: // the shell of whoever reads this knows it
		return fmt.Sprintf("Let the service's user into the port's group: `sudo usermod -aG \"$(stat -Lc %%G %s)\" %s && %s`", port, systemd.Name, restartIt)
	case gid == os.Getegid() || slices.Contains(mine, gid):
		return fmt.Sprintf("The group %s is right; the service's sandbox lacks this kind of device. Add it: `sudo systemctl set-property portti 'DeviceAllow=char-%d rw' && %s`",
			group, unix.Major(uint64(st.Rdev)), restartIt)
	case inGroup(group):
		return fmt.Sprintf("The service's user is in the group %s of the port, but was not when it started: `%s`", group, restartIt)
	}
	return fmt.Sprintf("Let the service's user into the group %s of the port: `sudo usermod -aG %s %s && %s`", group, group, systemd.Name, restartIt)
}

// inGroup says whether the user that this process runs as is in a group by now.
func inGroup(group string) bool {
	me, err := user.Current()
	if err != nil {
		return false
	}
	ids, err := me.GroupIds()
	g, gErr := user.LookupGroup(group)
	return err == nil && gErr == nil && slices.Contains(ids, g.Gid)
}

// serialGroup is the one that serial ports usually have here.
func serialGroup() string {
	if _, err := user.LookupGroup("dialout"); err != nil {
		return "uucp"
	}
	return "dialout"
}
