package doctor

import "context"

func clockChecks() []Check {
	return []Check{
		{ID: "C23", Family: "CLK", Title: "clock synchronised", Run: checkSynchronised},
	}
}

// checkSynchronised takes the gateway's word: it knows of satellites and the server too.
func checkSynchronised(_ context.Context, h *Host, r *Report) {
	switch s := h.Status; {
	case s == nil:
		r.Skip("the gateway does not run, which knows")
	case !s.Clock.Trusted:
		r.Warn("", "The clock of this machine cannot be trusted: "+s.Clock.Reason+".", "Connect the network, or check the time service: `timedatectl timesync-status`")
	default:
		r.Pass("by %s", s.Clock.Source)
	}
}
