package systemd

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

const (
	configDir      = "/etc/portti"
	credentialDir  = "/etc/portti/credentials"
	ownBinary      = "/usr/local/bin/portti"
	packagedUnit   = "/usr/lib/systemd/system/portti.service"
	packagedUnit2  = "/lib/systemd/system/portti.service"
	installedUnit  = "/etc/systemd/system/portti.service"
	modeConfigDir  = 0o750
	modeConfigFile = 0o640
	modeProgram    = 0o755
)

// hidden are the places that ProtectHome and PrivateTmp hide from the service.
func hidden(path string) bool {
	for _, dir := range []string{"/home", "/root", "/run/user", "/tmp", "/var/tmp"} {
		if path == dir || strings.HasPrefix(path, dir+"/") {
			return true
		}
	}
	return false
}

// binary returns the path that the unit is to run. A binary that lies where
// packages and administrators put programs stays there. Any other is copied to
// /usr/local/bin: from a home or temporary folder the sandbox would hide it,
// and a build folder changes under a running service.
func (h *host) binary(self string) (path string, did []string, err error) {
	if h.image {
		return h.binaryInImage(self)
	}
	for _, dir := range []string{"/usr/", "/opt/", "/bin/", "/sbin/"} {
		if strings.HasPrefix(self, dir) {
			return self, nil, nil
		}
	}
	did, err = h.copyBinary(self, " (the service cannot run it from "+filepath.Dir(self)+")")
	return ownBinary, did, err
}

func (h *host) copyBinary(self, why string) (did []string, err error) {
	text, err := os.ReadFile(self)
	if err != nil {
		return nil, fmt.Errorf("cannot copy the binary: %w", err)
	}
	if old, err := os.ReadFile(h.path(ownBinary)); err == nil && bytes.Equal(old, text) {
		return []string{"the binary in " + ownBinary + " is the same already"}, nil
	}
	if err := h.writeFile(ownBinary, text, 0o755); err != nil {
		return nil, err
	}
	return []string{"copied the binary to " + ownBinary + why}, nil
}

// configuration makes /etc/portti and, where there is none yet, a sample
// configuration that the service may read and only root may change.
func (h *host) configuration(path string, sample []byte) (did []string, err error) {
	for _, dir := range []string{configDir, credentialDir} {
		made, err := h.configFolder(dir)
		if err != nil {
			return did, err
		}
		if made {
			did = append(did, "created "+dir+" (root and the group portti only)")
		}
	}
	_, err = os.Stat(h.path(path))
	switch {
	case err == nil:
		did = append(did, "kept the configuration "+path)
		if !h.groupMayRead(path) {
			did = append(did, fmt.Sprintf("warning: the service may not read %s; allow it with  chgrp %s %s && chmod 640 %s", path, Name, path, path))
		}
		return did, nil
	case !errors.Is(err, fs.ErrNotExist):
		return did, fmt.Errorf("cannot look at the configuration: %w", err)
	case filepath.Dir(path) != configDir:
		return did, fmt.Errorf("cannot find the configuration %s; only %s gets a sample", path, configDir)
	}
	if err := h.writeFile(path, sample, modeConfigFile); err != nil {
		return did, err
	}
	if err := h.ownByRootAnd(Name, path); err != nil {
		return did, fmt.Errorf("cannot give %s to the group %s: %w", path, Name, err)
	}
	return append(did, "wrote a sample configuration to "+path), nil
}

func (h *host) configFolder(dir string) (made bool, err error) {
	if err := h.folderInside(filepath.Dir(dir)); err != nil {
		return false, err
	}
	switch err := os.Mkdir(h.path(dir), modeConfigDir); {
	case errors.Is(err, fs.ErrExist):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("cannot create %s: %w", dir, err)
	}
	// the mask of the caller may have cut the mode
	if err := os.Chmod(h.path(dir), modeConfigDir); err != nil {
		return true, fmt.Errorf("cannot set the mode of %s: %w", dir, err)
	}
	if err := h.ownByRootAnd(Name, dir); err != nil {
		return true, fmt.Errorf("cannot give %s to the group %s: %w", dir, Name, err)
	}
	return true, nil
}

// groupMayRead looks at the file alone, not at the folders above it.
func (h *host) groupMayRead(path string) bool {
	var st unix.Stat_t
	if unix.Stat(h.path(path), &st) != nil {
		return false
	}
	gid, _, _ := h.group(Name)
	return st.Mode&0o004 != 0 || st.Mode&0o040 != 0 && strconv.FormatUint(uint64(st.Gid), 10) == gid
}

// checkConfigPath refuses what the service could never read.
func checkConfigPath(path string) error {
	if !filepath.IsAbs(path) || filepath.Clean(path) != path {
		return fmt.Errorf("cannot use the configuration %q: the path must be absolute and without detours", path)
	}
	if hidden(path) {
		return fmt.Errorf("cannot use the configuration %s: home and temporary folders are hidden from the service; put it in %s", path, configDir)
	}
	return nil
}
