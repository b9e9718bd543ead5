package systemd

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kardianos/service"
)

// The reasons for which nothing was done.
var (
	ErrNoInit       = errors.New("none of systemd, OpenRC, procd and SysV init runs here; have a container's command or a supervisor of your own start  portti run -c FILE, or name one with --init")
	ErrNotRoot      = errors.New("this needs root")
	ErrNotInstalled = errors.New("the service portti is not installed; do that with  sudo portti service install")
	ErrPackaged     = errors.New("portti was installed as a package; remove it as such, with  apt remove portti  or the like")
)

// NotConfiguredError says why the service was installed but not started.
type NotConfiguredError struct {
	Path string
	Err  error
}

func (e *NotConfiguredError) Error() string {
	return fmt.Sprintf("cannot start, because the configuration is not ready:\n%v", e.Err)
}

func (e *NotConfiguredError) Unwrap() error { return e.Err }

// manager is the part of a kardianos service that is used.
type manager interface {
	Install() error
	Uninstall() error
	Start() error
	Stop() error
	Restart() error
}

// Service installs, removes and steers the service portti. Its methods run programs,
// wait for them and are not for concurrent use.
type Service struct {
	// Config is the configuration file the unit names, an absolute path.
	Config string
	// Sample is written to Config when no file is there.
	Sample []byte
	// Named reads what Config names; nil = nothing.
	Named func(path string) (Named, error)
	// Check says why the daemon would refuse Config. The service is started
	// only when it returns nil. nil means: always start.
	Check func(path string) error
	// Init is the init system; "" = the one that runs here, or that the image has.
	Init Kind

	host    *host
	self    func() (string, error)
	manager func(exec, unit string) (manager, error)
}

// NewService returns the service on this machine.
func NewService(config string, sample []byte, check func(string) error) *Service {
	return &Service{Config: config, Sample: sample, Check: check, host: thisHost(), self: executable, manager: kardianos}
}

// In makes it the service of the image whose root folder that is: Install and
// Uninstall change files there, and run and start nothing.
func (s *Service) In(root string) *Service {
	s.host.root, s.host.image = strings.TrimSuffix(filepath.Clean(root), "/"), true
	return s
}

func executable() (string, error) {
	path, err := os.Executable()
	if err != nil {
		return "", err
	}
	return filepath.EvalSymlinks(path)
}

// nobody stands where kardianos/service wants the program to run; only
// service.Run would call it (doc.go says why portti does not use that).
type nobody struct{}

func (nobody) Start(service.Service) error { return nil }
func (nobody) Stop(service.Service) error  { return nil }

func kardianos(exec, unit string) (manager, error) {
	if p := service.Platform(); p != "linux-systemd" {
		return nil, fmt.Errorf("%w (found: %s)", ErrNoInit, p)
	}
	return service.New(nobody{}, &service.Config{
		Name:       Name,
		Executable: exec,
		Option:     service.KeyValue{"SystemdScript": unit},
	})
}

// Kind is the init system that the service is for.
func (s *Service) Kind() (Kind, error) {
	p, err := s.place()
	return p.kind, err
}

// place is where the file lies that tells the init system about the service.
type place struct {
	kind     Kind
	file     string
	there    bool
	packaged bool // it belongs to a package: it is used, and never changed or removed
}

func (s *Service) place() (p place, err error) {
	if p.kind = s.Init; p.kind == "" {
		p.kind, err = s.host.kind()
	} else if !slices.Contains(Kinds(), p.kind) {
		err = fmt.Errorf("cannot use the init system %q: it is one of %s", p.kind, kindList(", "))
	}
	if err != nil {
		return p, err
	}
	there := func(path string) bool { _, err := os.Stat(s.host.path(path)); return err == nil }
	if p.kind != Systemd {
		p.file, p.there = initScript, there(initScript)
		p.packaged = p.there && s.host.ofPackage(initScript)
		return p, nil
	}
	for _, p.file = range []string{packagedUnit, packagedUnit2} {
		if there(p.file) {
			p.there, p.packaged = true, true
			return p, nil
		}
	}
	p.file, p.there = installedUnit, there(installedUnit)
	return p, nil
}

// managerOf steers the service at a place; exec and text are for Install alone.
func (s *Service) managerOf(p place, exec, text string) (manager, error) {
	if p.kind == Systemd && !s.host.image {
		return s.manager(exec, text)
	}
	return s.onFiles(p.kind, p.file, text), nil
}

// Install makes the user, the folders, a sample configuration and the unit or init
// script, enables it, and starts it when the configuration is ready. Where a package
// brought one, that is used. It returns what it did, one sentence each, also when it
// fails half-way. Doing it again changes only what differs; a new binary or unit
// restarts the service. A NotConfiguredError means: installed, but not started.
func (s *Service) Install() (did []string, err error) {
	p, err := s.place()
	if err == nil {
		err = s.host.ready("install")
	}
	if err == nil {
		err = checkConfigPath(s.Config)
	}
	if err != nil {
		return nil, err
	}
	serial, did, err := s.host.account()
	for _, step := range []func() ([]string, error){
		func() ([]string, error) { return s.host.configuration(s.Config, s.Sample) },
		func() ([]string, error) { return s.file(p, serial) },
	} {
		if err != nil {
			return did, err
		}
		var more []string
		more, err = step()
		did = append(did, more...)
	}
	if err != nil {
		return did, err
	}
	more, err := s.prepare(p)
	did = append(did, more...)
	if err != nil || s.host.image {
		return did, err
	}
	if err := s.steer(p, "restart", manager.Restart); err != nil { // not start: a new binary or unit is to run
		return did, err
	}
	return append(did, "started the service"), nil
}

// file sees to it that there is one unit or script, the package's or our own, and that
// it is enabled.
func (s *Service) file(p place, serial string) (did []string, err error) {
	if p.packaged {
		return s.enablePackaged(p)
	}
	self, err := s.self()
	if err != nil {
		return nil, fmt.Errorf("cannot find the running binary: %w", err)
	}
	exec, did, err := s.host.binary(self)
	if err != nil {
		return did, err
	}
	more, err := s.write(p, Unit{Exec: exec, Args: []string{"run", "-c", s.Config}, SerialGroup: serial})
	return append(did, more...), err
}

// enablePackaged also removes the unit that an install without the package left behind:
// systemd would prefer it.
func (s *Service) enablePackaged(p place) (did []string, err error) {
	if old, err := os.ReadFile(s.host.path(installedUnit)); p.kind == Systemd && err == nil && strings.Contains(string(old), ours) {
		if err := os.Remove(s.host.path(installedUnit)); err != nil {
			return nil, fmt.Errorf("cannot remove the unit that stands before the package's: %w", err)
		}
		did = append(did, "removed "+installedUnit+", which stood before the package's")
	}
	if p.kind == Systemd && !s.host.image {
		err = s.host.steps([]string{"systemctl", "daemon-reload"}, []string{"systemctl", "enable", Name + ".service"})
	} else {
		err = s.host.enable(p.kind, p.file)
	}
	if err != nil {
		return did, fmt.Errorf("cannot enable the service: %w", err)
	}
	return append(did, "enabled "+p.file+" of the installed package"), nil
}

// write writes the unit or script and enables it. The library refuses to overwrite a
// file, so an older unit is removed first; a power cut between the two leaves
// an enabled service without a unit, which the next install repairs.
func (s *Service) write(p place, u Unit) (did []string, err error) {
	_, text, err := u.Script(p.kind)
	if err != nil {
		return nil, err
	}
	m, err := s.managerOf(p, u.Exec, text)
	if err != nil {
		return nil, fmt.Errorf("cannot install the service: %w", err)
	}
	path := s.host.path(p.file)
	old, err := os.ReadFile(path)
	switch {
	case err == nil && string(old) == text:
		did = append(did, "kept "+p.file)
	case err == nil:
		did = append(did, "replaced "+p.file)
	default:
		did = append(did, "wrote and enabled "+p.file)
	}
	if err == nil {
		if err := os.Remove(path); err != nil {
			return nil, fmt.Errorf("cannot replace %s: %w", p.file, err)
		}
	}
	if err := m.Install(); err != nil {
		return nil, fmt.Errorf("cannot install the service: %w", err)
	}
	return did, nil
}

// Uninstall stops the service and removes its unit or script. Readings, configuration,
// the user and the binary stay; the sentences say where and how to remove them. Without
// an installed service it does nothing and says so.
func (s *Service) Uninstall() (did []string, err error) {
	p, err := s.place()
	if err == nil {
		err = s.host.ready("uninstall")
	}
	switch {
	case err != nil:
		return nil, err
	case p.packaged:
		return nil, ErrPackaged
	case !p.there:
		return []string{"the service was not installed; nothing changed"}, nil
	}
	m, err := s.managerOf(p, "", "")
	if err != nil {
		return nil, fmt.Errorf("cannot uninstall the service: %w", err)
	}
	if !s.host.image {
		if err := m.Stop(); err != nil {
			return nil, fmt.Errorf("cannot stop the service: %w", err)
		}
		did = append(did, "stopped the service")
	}
	err = m.Uninstall()
	if err == nil && p.kind == Systemd {
		err = s.host.removeDropIn()
	}
	if err != nil {
		return did, fmt.Errorf("cannot remove %s: %w", p.file, err)
	}
	return append(did, "removed "+p.file,
		"kept the readings in /var/lib/portti, the configuration in "+configDir+" and the user "+Name), nil
}
