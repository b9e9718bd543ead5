package gateway_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"portti/cmd/portti/config"
	"portti/cmd/portti/gateway"
	"portti/cmd/portti/rig"
	"portti/cmd/portti/status"
	"portti/cmd/portti/testbed"
	"portti/cross/testkit"
)

// rmc is a fix so many minutes of arc north of 65 degrees.
func rmc(second int, minutes float64) string {
	body := fmt.Sprintf("GPRMC,12%02d%02d.00,A,65%07.4f,N,02528.0860,E,20.0,0.0,220926,,,A", second/60, second%60, minutes)
	sum := byte(0)
	for i := range len(body) {
		sum ^= body[i]
	}
	return fmt.Sprintf("$%s*%02X\r\n", body, sum)
}

// TestTrackOfAGateway: what a receiver tells becomes a track with the fences, for members of
// the group alone, as JSON and as GPX.
func TestTrackOfAGateway(t *testing.T) {
	t.Parallel()
	s := rig.New(t, testbed.Options{}, "gps")
	s.Type, s.Device = "gps", "[device.fence.yard]\nlat = 65.01\nlon = 25.5\nradius = 60"
	g := s.Run(gateway.Options{})
	g.Until("the port is open", func(st *status.Document) bool {
		return len(st.Devices) == 1 && st.Devices[0].State != status.DeviceMissing
	})
	var b strings.Builder
	for i := range 20 {
		b.WriteString(rmc(i, float64(min(i, 10))*0.05)) // 93 m a second, and then it stands
	}
	if _, err := s.Line().Pty.Write(t.Context(), []byte(b.String())); err != nil {
		t.Fatal(err)
	}
	members, everybody := filepath.Join(s.Load().Paths.Run, config.SocketName), filepath.Join(s.Load().Paths.Run, config.StatusSocketName)
	var doc status.Track
	testkit.Eventually(t, "the track is there", func() bool {
		code, body := askSocket(t, members, http.MethodGet, "/api/v1/track")
		if err := json.Unmarshal([]byte(body), &doc); err != nil || code != http.StatusOK {
			t.Fatalf("%d %v %s", code, err, body)
		}
		return len(doc.Devices) == 1 && len(doc.Devices[0].Points) == 2 && doc.Devices[0].Points[1].Latitude > 65.008
	})
	d := doc.Devices[0]
	if d.Name != "gps" || d.ErrorM != 15 || !d.Points[0].Begins || d.Points[0].Latitude != 65 || len(d.Fences) != 1 || d.Fences[0].Name != "yard" || d.Fences[0].Radius != 60 {
		t.Errorf("%+v", d)
	}
	if seen := g.Instance.GPS().Devices[0]; len(seen.Track) != 2 || seen.Fix == status.FixNone {
		t.Errorf("%+v", seen)
	}
	code, body := askSocket(t, members, http.MethodGet, "/api/v1/track.gpx")
	if code != http.StatusOK || strings.Count(body, "<trkpt ") != 2 || strings.Contains(body, "<time>") != doc.Clock {
		t.Errorf("%d %s", code, body)
	}
	for _, path := range []string{"/api/v1/track", "/api/v1/track.gpx", "/api/v1/gps"} {
		if code, body := askSocket(t, everybody, http.MethodGet, path); code != http.StatusForbidden {
			t.Errorf("everybody has %s: %d %s", path, code, body)
		}
	}
	g.Halt()
}
