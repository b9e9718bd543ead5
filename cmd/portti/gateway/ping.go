package gateway

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"portti/cmd/portti/status"
	"portti/uplink"
)

// maxPing bounds how long one answer is waited for.
const maxPing = time.Minute

// Ping measures the round trip to the server over the connection there is. The error is a
// sentence for people.
func (g *Gateway) Ping(ctx context.Context, within time.Duration) (status.RoundTrip, error) {
	waiting, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	link := g.link()
	rtt, err := link.Ping(waiting)
	s := link.Status()
	r := status.RoundTrip{Schema: status.Schema, Server: s.Server, RTTms: float64(rtt.Microseconds()) / 1000}
	switch {
	case err == nil:
		return r, nil
	case errors.Is(err, uplink.ErrOffline) && s.Problem == uplink.ProblemNoServer:
		return r, errors.New("no server is set, so there is nothing to ping")
	case errors.Is(err, uplink.ErrOffline):
		return r, fmt.Errorf("there is no connection to %s: %s. See what to do: portti status", s.Server, cmp.Or(s.LastError, "it is being made"))
	case errors.Is(waiting.Err(), context.DeadlineExceeded):
		return r, fmt.Errorf("%s did not answer a ping within %s. See where it fails: portti status", s.Server, within)
	}
	return r, err
}

// servePing answers POST /api/v1/ping?within=DURATION.
func (g *Gateway) servePing(w http.ResponseWriter, r *http.Request) {
	within, err := time.ParseDuration(cmp.Or(r.FormValue("within"), "5s"))
	if err != nil || within <= 0 {
		http.Error(w, "within must be a time such as 5s", http.StatusBadRequest)
		return
	}
	within = min(within, maxPing)
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(within + controlWriteTimeout))
	trip, err := g.Ping(r.Context(), within)
	if err != nil {
		http.Error(w, err.Error(), http.StatusUnprocessableEntity)
		return
	}
	answer(w, trip, g.opt.Log)
}
