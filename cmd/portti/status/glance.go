package status

import (
	"fmt"
)

// Glance is the whole status in one sentence, as systemctl status shows it.
func (s *Document) Glance() string {
	lost := "nothing lost"
	if n := s.Totals.Lost.Sum(); n > 0 {
		lost = fmt.Sprintf("%d lost", n)
	}
	wait := Count(s.Buffer.Waiting, "reading") + " wait"
	if s.Buffer.Waiting == 1 {
		wait += "s"
	}
	switch s.Link.State {
	case LinkOnline:
		return fmt.Sprintf("Readings reach the server, %s.", lost)
	case LinkConnecting:
		return fmt.Sprintf("Connecting; %s, %s.", wait, lost)
	case LinkStopped:
		return fmt.Sprintf("%s; %s, %s.", s.stopped(), wait, lost)
	}
	if s.Link.OpensS > 0 {
		return fmt.Sprintf("Outside the uplink hours, which begin in %s; %s, %s.",
			InSeconds(s.Link.OpensS), wait, lost)
	}
	text := fmt.Sprintf("Not connected, %s, %s.", wait, lost)
	if s.Buffer.NoRoom() {
		return fmt.Sprintf("Not connected, %s, %s; no room for more.", wait, lost)
	}
	if s.Buffer.HeadroomS > 0 {
		text = fmt.Sprintf("Not connected, %s, %s; room for about %s.", wait, lost,
			InSeconds(s.Buffer.HeadroomS))
	}
	return text
}

// stopped is why nothing is sent: the gateway has ended, or knows no server yet.
func (s *Document) stopped() string {
	switch {
	case !s.Running:
		return "Stopped"
	case s.Link.Problem != "CFG-NO-SERVER": // for a moment, while another link takes over
		return "Connecting"
	case len(s.Devices) == 0:
		return "Nothing to do: no device and no server is set"
	}
	return "No server is set"
}
