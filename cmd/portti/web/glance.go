package web

import (
	"fmt"
	"slices"

	"portti/cmd/portti/status"
)

// verdict is the glance in a word, and how it is marked: good, unsure, warn or bad. The
// gateway does not work while it sends nothing, and while no device gives it anything to send.
func (w *words) verdict(s *status.Document) (word, mark string) {
	away := s.Link.State == status.LinkParked || s.Link.State == status.LinkStopped || s.Link.State == status.LinkWaiting && s.Link.OpensS == 0
	fine := slices.ContainsFunc(s.Devices, func(d status.Device) bool { return d.State == status.DeviceOK })
	switch {
	case away || len(s.Devices) > 0 && !fine && s.Degraded():
		return w.NotWorking, "bad"
	case s.Degraded():
		return w.WorkingBut, "warn"
	case s.Link.State == status.LinkConnecting:
		return w.Starting, "unsure"
	}
	return w.Working, "good"
}

// glance is status.Document.Glance, sentence by sentence; in English it is that.
func (w *words) glance(s *status.Document) string {
	if w.Lang == "en" {
		return s.Glance()
	}
	lost := w.LostNone
	if n := s.Totals.Lost.Sum(); n > 0 {
		lost = fill(w.LostSome, "n", fmt.Sprint(n))
	}
	wait := w.WaitMany
	if s.Buffer.Waiting == 1 {
		wait = w.WaitOne
	}
	wait = fill(wait, "n", fmt.Sprint(s.Buffer.Waiting))
	inWords := func(seconds float64) string {
		return w.spoken(status.InSeconds(seconds))
	}
	return fill(w.sentence(s), "wait", wait, "lost", lost, "age", inWords(s.Link.OpensS), "room", inWords(s.Buffer.HeadroomS))
}

// sentence is the one that fits, with its places open.
func (w *words) sentence(s *status.Document) string {
	switch s.Link.State {
	case status.LinkOnline:
		return w.Reach
	case status.LinkConnecting:
		return w.Connecting
	case status.LinkStopped:
		switch {
		case !s.Running:
			return w.StoppedNow
		case s.Link.Problem != "CFG-NO-SERVER":
			return w.Connecting
		case len(s.Devices) == 0:
			return w.NothingToDo
		}
		return w.NoServer
	}
	switch {
	case s.Link.OpensS > 0:
		return w.Resting
	case s.Buffer.NoRoom():
		return w.OfflineFull
	case s.Buffer.HeadroomS > 0:
		return w.OfflineFor
	}
	return w.Offline
}
