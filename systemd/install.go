package systemd

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/kardianos/service"
)

// The reasons for which nothing was done.
var (
	ErrNoSystemd    = errors.New("systemd does not run here; start  portti run -c FILE  from this system's own init, or a container's command")
	ErrNotRoot      = errors.New("this needs root")
	ErrNotInstalled = errors.New("the service portti is not installed; do that with  sudo portti service install")
	ErrPackaged     = errors.New("portti was installed as a package, whose unit stays in charge; use  systemctl enable --now portti  and  apt remove portti  or the like")
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

// Service installs, removes and steers the unit portti.service. Its methods
// run programs, wait for them and are not for concurrent use.
type Service struct {
	// Config is the configuration file the unit names, an absolute path.
	Config string
	// Sample is written to Config when no file is there.
	Sample []byte
	// Check says why the daemon would refuse Config. The service is started
	// only when it returns nil. nil means: always start.
	Check func(path string) error

	host    *host
	self    func() (string, error)
	manager func(exec, unit string) (manager, error)
}

// NewService returns the service on this machine.
func NewService(config string, sample []byte, check func(string) error) *Service {
	return &Service{Config: config, Sample: sample, Check: check, host: thisHost(), self: executable, manager: kardianos}
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
		return nil, fmt.Errorf("%w (found: %s)", ErrNoSystemd, p)
	}
	return service.New(nobody{}, &service.Config{
		Name:       Name,
		Executable: exec,
		Option:     service.KeyValue{"SystemdScript": unit},
	})
}

// Install makes the user, the folders, a sample configuration and the unit,
// enables it, and starts it when the configuration is ready. It returns what
// it did, one sentence each, also when it fails half-way. Doing it again
// changes only what differs; a new binary or unit restarts the service. A
// NotConfiguredError means: installed, but not started.
func (s *Service) Install() (did []string, err error) {
	if err := s.host.ready("install"); err != nil {
		return nil, err
	}
	if err := checkConfigPath(s.Config); err != nil {
		return nil, err
	}
	if s.packaged() {
		return nil, ErrPackaged
	}
	serial, did, err := s.host.account()
	if err != nil {
		return did, err
	}
	exec, more, err := s.copySelf()
	did = append(did, more...)
	if err != nil {
		return did, err
	}
	more, err = s.host.configuration(s.Config, s.Sample)
	did = append(did, more...)
	if err != nil {
		return did, err
	}
	more, err = s.unit(Unit{Exec: exec, Args: []string{"run", "-c", s.Config}, SerialGroup: serial})
	did = append(did, more...)
	if err != nil {
		return did, err
	}
	if err := s.startAgain(); err != nil {
		return did, err
	}
	return append(did, "started the service"), nil
}

func (s *Service) packaged() bool {
	return slices.ContainsFunc([]string{packagedUnit, packagedUnit2}, func(path string) bool {
		_, err := os.Stat(s.host.path(path))
		return err == nil
	})
}

func (s *Service) copySelf() (exec string, did []string, err error) {
	self, err := s.self()
	if err != nil {
		return "", nil, fmt.Errorf("cannot find the running binary: %w", err)
	}
	return s.host.binary(self)
}

// unit writes the unit file and enables it. The library refuses to overwrite a
// file, so an older unit is removed first; a power cut between the two leaves
// an enabled service without a unit, which the next install repairs.
func (s *Service) unit(u Unit) (did []string, err error) {
	text, err := u.Text()
	if err != nil {
		return nil, err
	}
	m, err := s.manager(u.Exec, text)
	if err != nil {
		return nil, fmt.Errorf("cannot install the unit: %w", err)
	}
	path := s.host.path(installedUnit)
	old, err := os.ReadFile(path)
	switch {
	case err == nil && string(old) == text:
		did = append(did, "kept the unit "+installedUnit)
	case err == nil:
		did = append(did, "replaced the unit "+installedUnit)
	default:
		did = append(did, "wrote and enabled the unit "+installedUnit)
	}
	if err == nil {
		if err := os.Remove(path); err != nil {
			return nil, fmt.Errorf("cannot replace the unit: %w", err)
		}
	}
	if err := m.Install(); err != nil {
		return nil, fmt.Errorf("cannot install the unit: %w", err)
	}
	return did, nil
}

// startAgain restarts rather than starts, so that a new binary or unit runs.
func (s *Service) startAgain() error {
	if err := s.configured(); err != nil {
		return err
	}
	return s.steer("restart", manager.Restart)
}

func (s *Service) configured() error {
	if s.Check == nil {
		return nil
	}
	if err := s.Check(s.host.path(s.Config)); err != nil {
		return &NotConfiguredError{Path: s.Config, Err: err}
	}
	return nil
}

// Start starts the service, unless its configuration is not ready.
func (s *Service) Start() error { return s.act("start", manager.Start) }

// Stop stops the service and waits until it has stopped.
func (s *Service) Stop() error { return s.act("stop", manager.Stop) }

// Restart stops and starts the service, unless its configuration is not ready.
func (s *Service) Restart() error { return s.act("restart", manager.Restart) }

func (s *Service) act(verb string, do func(manager) error) error {
	if err := s.host.ready(verb); err != nil {
		return err
	}
	if !s.installed() {
		return ErrNotInstalled
	}
	if verb != "stop" {
		if err := s.configured(); err != nil {
			return err
		}
	}
	return s.steer(verb, do)
}

func (s *Service) installed() bool {
	_, err := os.Stat(s.host.path(installedUnit))
	return err == nil || s.packaged()
}

func (s *Service) steer(verb string, do func(manager) error) error {
	m, err := s.manager("", "")
	if err == nil {
		err = do(m)
	}
	if err != nil {
		return fmt.Errorf("cannot %s the service: %w; see the reason with  journalctl -u %s -n 20", verb, err, Name)
	}
	return nil
}

// Uninstall stops and removes the unit. Readings, configuration, the user and
// the binary stay; the sentences say where and how to remove them. Without an
// installed unit it does nothing and says so.
func (s *Service) Uninstall() (did []string, err error) {
	if err := s.host.ready("uninstall"); err != nil {
		return nil, err
	}
	if _, err := os.Stat(s.host.path(installedUnit)); err != nil {
		if s.packaged() {
			return nil, ErrPackaged
		}
		return []string{"the service was not installed; nothing changed"}, nil
	}
	m, err := s.manager("", "")
	if err != nil {
		return nil, fmt.Errorf("cannot uninstall the service: %w", err)
	}
	if err := m.Stop(); err != nil {
		return nil, fmt.Errorf("cannot stop the service: %w", err)
	}
	if err := m.Uninstall(); err != nil {
		return []string{"stopped the service"}, fmt.Errorf("cannot remove the unit: %w", err)
	}
	return []string{
		"stopped the service and removed the unit " + installedUnit,
		"kept the readings in /var/lib/portti, the configuration in " + configDir + " and the user " + Name,
	}, nil
}
