//go:build peers

package ubx

import (
	"bytes"
	"encoding/json"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestGPSDEachSolution: gpsd, begun anew for each NAV-SOL of its recordings, so that it
// keeps no earlier place, has ours to 1e-9 degrees, and our speed and course.
func TestGPSDEachSolution(t *testing.T) {
	gpsdecode, err := exec.LookPath("gpsdecode")
	if err != nil {
		t.Fatal("gpsdecode is not here: install gpsd-clients: ", err)
	}
	n := 0
	for _, name := range []string{"ublox-8-time.log", "ublox-aek-4t.log", "ublox-lea-4t.log"} {
		var leap []byte // the last NAV-TIMEGPS: with it gpsd knows the leap seconds
		frames(readLog(t, filepath.Join(gpsdLogs, name)), func(f Frame) {
			whole := Append(nil, f.ID, f.Payload...)
			if f.ID == NavTIMEGPS {
				leap = whole
			}
			if f.ID != NavSOL || leap == nil {
				return
			}
			in := append(bytes.Clone(leap), whole...)
			cmd := exec.CommandContext(t.Context(), gpsdecode, "-j")
			cmd.Stdin = bytes.NewReader(in)
			out, err := cmd.Output()
			if err != nil {
				t.Fatalf("gpsdecode: %v", err)
			}
			fixes := play(in)
			ours := fixes[len(fixes)-1]
			for line := range bytes.Lines(out) {
				var r report
				if json.Unmarshal(line, &r) != nil || r.Class != "TPV" || r.Mode < 2 {
					continue
				}
				n++
				if !nearly(float64(ours.Lat)/1e9, r.Lat, 1.01e-9) || !nearly(float64(ours.Lon)/1e9, r.Lon, 1.01e-9) || ours.Mode != r.Mode || ours.Time != r.ms(t) ||
					!nearly(float64(ours.Speed)/1e3, *r.Speed, 0.0006) || !nearly(float64(ours.Course)/1e5, *r.Track, 0.00006) {
					t.Errorf("%s: gpsd %s, ours %+v", name, line, ours)
				}
			}
		})
	}
	t.Logf("%d solutions", n)
	if n < 80 {
		t.Errorf("%d solutions compared, want 90 or so", n)
	}
}
