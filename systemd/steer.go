package systemd

import "fmt"

// Start prepares and starts the service, unless its configuration is not ready. One that
// runs stays as it is.
func (s *Service) Start() (did []string, err error) { return s.act("start", manager.Start) }

// Stop stops the service and waits until it has stopped. One that does not run is
// stopped already.
func (s *Service) Stop() (did []string, err error) { return s.act("stop", manager.Stop) }

// Restart prepares, stops and starts the service, unless its configuration is not ready:
// then the one that runs goes on.
func (s *Service) Restart() (did []string, err error) { return s.act("restart", manager.Restart) }

func (s *Service) act(verb string, do func(manager) error) (did []string, err error) {
	p, err := s.place()
	if err == nil {
		err = s.host.ready(verb)
	}
	switch {
	case err != nil:
		return nil, err
	case !p.there:
		return nil, ErrNotInstalled
	}
	if verb != "stop" {
		if did, err = s.prepare(p); err != nil {
			return did, err
		}
	}
	return did, s.steer(p, verb, do)
}

func (s *Service) steer(p place, verb string, do func(manager) error) error {
	m, err := s.managerOf(p, "", "")
	if err == nil {
		err = do(m)
	}
	if err != nil {
		return fmt.Errorf("cannot %s the service: %w; see the reason with  %s", verb, err, Journal(p.kind))
	}
	return nil
}

// Journal is the command that shows the service's last words.
func Journal(kind Kind) string {
	switch kind {
	case Systemd:
		return "journalctl -u " + Name + " -n 20"
	case Procd:
		return "logread -e " + Name
	}
	return "grep " + Name + " /var/log/messages /var/log/syslog | tail -n 20"
}
