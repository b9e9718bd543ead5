package uplink

import (
	"crypto/tls"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// Row 26: with a clock in 1970 no certificate is valid yet. That is named as
// what it is, the certificate is verified all the same, the token stays here,
// and the link comes up by itself once the clock is right.
func TestLinkWaitsForTheClock(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		ca := newAuthority(t, "ca")
		caFile := filepath.Join(dir, "ca.pem")
		if err := os.WriteFile(caFile, ca.pem, 0o600); err != nil {
			t.Fatal(err)
		}
		config := &tls.Config{Certificates: []tls.Certificate{ca.server(t, "localhost", time.Now().AddDate(0, 0, -1), time.Now().AddDate(0, 1, 0))}}
		var right atomic.Bool
		var requests atomic.Int32
		w := start(t, Options{
			URL: "wss://localhost/socket", Token: staticToken(NewSecret("t")), CAFile: caFile, ClockTrusted: right.Load,
			Now: func() time.Time {
				if right.Load() {
					return time.Now()
				}
				return time.Unix(100, 0)
			},
		}, func(_ int, w *wire) {
			srv := newWire(tls.Server(w.conn, config))
			if srv.accept() != nil {
				return
			}
			requests.Add(1)
			srv.pump(func([]byte) bool { return true })
		})
		w.run()
		time.Sleep(time.Hour)
		w.state(Waiting)
		if st := w.link.Status(); st.Problem != ProblemClockUnset || requests.Load() != 0 {
			t.Errorf("%d requests through a certificate that was not valid; %+v", requests.Load(), st)
		}
		for _, gap := range w.net.gaps() {
			if gap < clockWaitMin || gap > clockWaitMax {
				t.Errorf("tried again after %v, want %v to %v", gap, clockWaitMin, clockWaitMax)
			}
		}
		right.Store(true)
		time.Sleep(clockWaitMax + time.Second)
		w.state(Online)
		w.end()
	})
}
