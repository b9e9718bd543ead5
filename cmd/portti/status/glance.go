package status

import (
	"fmt"
	"time"
)

// Glance is the whole status in one sentence, as systemctl status shows it.
func (s *Document) Glance() string {
	lost := "nothing lost"
	if n := s.Totals.Lost.Sum(); n > 0 {
		lost = fmt.Sprintf("%d lost", n)
	}
	switch s.Link.State {
	case LinkOnline:
		return fmt.Sprintf("Readings reach the server, %s.", lost)
	case LinkConnecting:
		return fmt.Sprintf("Connecting; %d readings wait, %s.", s.Buffer.Waiting, lost)
	case LinkStopped:
		return fmt.Sprintf("Stopped; %d readings wait, %s.", s.Buffer.Waiting, lost)
	}
	if s.Link.OpensS > 0 {
		return fmt.Sprintf("Outside the uplink hours, which begin in %s; %d readings wait, %s.",
			InWords(time.Duration(s.Link.OpensS*float64(time.Second))), s.Buffer.Waiting, lost)
	}
	text := fmt.Sprintf("Not connected, %d readings wait, %s.", s.Buffer.Waiting, lost)
	if s.Buffer.HeadroomS > 0 {
		text = fmt.Sprintf("Not connected, %d readings wait, %s; room for about %s.", s.Buffer.Waiting, lost,
			InWords(time.Duration(s.Buffer.HeadroomS*float64(time.Second))))
	}
	return text
}
