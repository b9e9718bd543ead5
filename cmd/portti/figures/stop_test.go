//go:build figures

package figures

import (
	"testing"
	"time"

	"portti/cmd/portti/rig"
)

// stops is the time from SIGTERM to the end of the process, with readings on
// the way, and whether each of them is there at the next start.
func stops(t *testing.T, p plan) []row {
	var rows []row
	for _, dead := range []struct {
		what string
		ruin func(*server)
	}{
		{"server refuses", func(s *server) { s.refuse.Store(true) }},
		{"server takes the connection and never reads", func(s *server) { s.deaf.Store(true) }},
	} {
		var took []float64
		for range p.runs {
			took = append(took, stop(t, p, dead.ruin).Seconds())
		}
		rows = append(rows, row{"stop, " + dead.what, "5 s", spread("%.2f", took) + " s", "10,000 waiting; all delivered after the next start"})
	}
	return rows
}

func stop(t *testing.T, p plan, dead func(*server)) time.Duration {
	const n = 10_000
	broken, well := serve(t), serve(t)
	dead(broken)
	in := listen(t)
	s := site(t, p, broken.url, line("fast", in.port(), ""))
	g := start(s)
	c := in.conn(t)
	fatal(t, pour(c, n, false))
	g.Until("all are read", rig.Read(n))
	took := g.stop()
	s.URL = well.url
	done := well.expect(n)
	g = start(s)
	wait(t, well, done)
	g.stop()
	return took
}
