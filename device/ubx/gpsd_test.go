package ubx

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

const (
	gpsdLogs = "../../../shared/corpora/gpsd/ubx"
	pyubx2   = "../../../shared/corpora/ubx-pyubx2"
)

// report is one of gpsd's, a TPV or a SKY.
type report struct {
	Class  string   `json:"class"`
	Mode   uint8    `json:"mode"`
	Time   string   `json:"time"`
	Lat    float64  `json:"lat"`
	Lon    float64  `json:"lon"`
	AltMSL *float64 `json:"altMSL"`
	Speed  *float64 `json:"speed"`
	Track  *float64 `json:"track"`
	USat   *int     `json:"uSat"`
}

func (r report) ms(t testing.TB) int64 {
	at, err := time.Parse(time.RFC3339, r.Time)
	if err != nil {
		t.Fatal(err)
	}
	return at.UnixMilli()
}

// readReports gives gpsd's last word on each time, and the satellites used by time.
func readReports(t testing.TB, name string) (tpvs []report, used map[int64]int) {
	chk, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	used = map[int64]int{}
	for line := range bytes.Lines(chk) {
		var r report
		if line[0] != '{' {
			continue
		}
		if err := json.Unmarshal(line, &r); err != nil {
			t.Fatalf("cannot read %s: %v", line, err)
		}
		switch {
		case r.Class == "SKY" && r.USat != nil && r.Time != "":
			used[r.ms(t)] = *r.USat
		case r.Class != "TPV":
		case len(tpvs) > 0 && tpvs[len(tpvs)-1].Time == r.Time:
			tpvs[len(tpvs)-1] = r
		default:
			tpvs = append(tpvs, r)
		}
	}
	return tpvs, used
}

// readLog is a recording without the comments at its head.
func readLog(t testing.TB, name string) []byte {
	b, err := os.ReadFile(name)
	if err != nil {
		t.Skip("the recordings are not next to the project: ", err)
	}
	for bytes.HasPrefix(b, []byte("#")) {
		_, b, _ = bytes.Cut(b, []byte("\n"))
	}
	return b
}

// play gives the fixes of a stream.
func play(b []byte) (fixes []Fix) {
	j := NewJoiner(nil, func(f *Fix) { fixes = append(fixes, *f) })
	frames(b, func(f Frame) { j.Add(f.ID, f.Payload) })
	j.Idle()
	return fixes
}

// frames gives the frames of a whole stream, and the bytes in none.
func frames(b []byte, take func(Frame)) (text []byte, broken int) {
	for {
		before, f, bad := Next(b, true)
		text = append(text, b[:before]...)
		if bad {
			broken++
		}
		if f.Form == None {
			return text, broken
		}
		take(f)
		b = b[before+f.Size:]
	}
}

// table counts how the values of one recording compare.
type table struct {
	epochs, time, mode, place, alt, altAll, speed, speedAll, track, trackAll, sats, satsAll, agree int
	notes                                                                                          []string
}

func nearly(a, b, by float64) bool { return math.Abs(a-b) <= by }

// compare holds gpsd's reports against the fixes. frozen says that gpsd turns the
// receiver's first position from metres into degrees, and its velocity, and keeps both
// for ever: later ones are held against that within what the receiver drifts, and exactly
// against a gpsd begun anew for each (peers_test.go).
func compare(t testing.TB, tpvs []report, used map[int64]int, fixes []Fix, frozen bool) (tab table) {
	byTime := map[int64]*Fix{}
	for i := range fixes {
		byTime[fixes[i].Time] = &fixes[i]
	}
	for i, r := range tpvs {
		tab.epochs++
		f := byTime[r.ms(t)]
		if f == nil {
			tab.notes = append(tab.notes, r.Time+": we have no epoch of that time")
			continue
		}
		tab.time++
		within := 1.01e-9
		if frozen && i > 0 {
			within = 1e-4 // 10 m: the receiver stands, and drifts
		}
		mode, place := f.Mode == r.Mode, nearly(float64(f.Lat)/1e9, r.Lat, within) && nearly(float64(f.Lon)/1e9, r.Lon, within)
		all := mode && place
		tab.mode, tab.place = tab.mode+one(mode), tab.place+one(place)
		check := func(n, of *int, want *float64, has Has, got, by float64) {
			if want != nil && f.Has&has != 0 {
				*of++
				ok := nearly(got, *want, by)
				*n += one(ok)
				all = all && (ok || frozen)
			}
		}
		check(&tab.alt, &tab.altAll, r.AltMSL, Altitude, float64(f.Alt)/1e4, 0.0006)
		check(&tab.speed, &tab.speedAll, r.Speed, Speed, float64(f.Speed)/1e3, 0.0006)
		check(&tab.track, &tab.trackAll, r.Track, Course, float64(f.Course)/1e5, 0.00006)
		if n, ok := used[r.ms(t)]; ok {
			tab.satsAll++
			tab.sats += one(f.Has&Sats != 0 && f.Sats == n)
			all = all && f.Sats == n
		}
		if all {
			tab.agree++
			continue
		}
		tab.notes = append(tab.notes, fmt.Sprintf("%s: mode %d %.9f %.9f, ours %+v", r.Time, r.Mode, r.Lat, r.Lon, *f))
	}
	return tab
}

func one(ok bool) int {
	if ok {
		return 1
	}
	return 0
}

// TestGPSD holds the joiner against gpsd's own expected output.
func TestGPSD(t *testing.T) {
	// named are the differences that are known and understood.
	named := map[string]struct {
		n      int
		frozen bool
		why    string
	}{
		"ublox-8-time.log":  {0, true, "gpsd keeps the first place of NAV-SOL and its velocity for ever"},
		"ublox-aek-4t.log":  {1, true, "gpsd dates the first epoch with the leap seconds of today; and as before"},
		"ublox-lea-4t.log":  {1, true, "gpsd dates the first epoch with the leap seconds of today; and as before"},
		"ublox-neo-m8n.log": {},
	}
	logs, _ := filepath.Glob(filepath.Join(gpsdLogs, "*.log"))
	if len(logs) == 0 {
		t.Skip("the recordings of gpsd are not next to the project")
	}
	epochs, unnamed := 0, 0
	for _, log := range logs {
		name := filepath.Base(log)
		tpvs, used := readReports(t, log+".chk")
		tab := compare(t, tpvs, used, play(readLog(t, log)), named[name].frozen)
		t.Logf("%-18s epochs %d: time %d mode %d place %d altitude %d/%d speed %d/%d track %d/%d satellites %d/%d; all %d. %s", name, tab.epochs, tab.time, tab.mode, tab.place,
			tab.alt, tab.altAll, tab.speed, tab.speedAll, tab.track, tab.trackAll, tab.sats, tab.satsAll, tab.agree, named[name].why)
		for _, n := range tab.notes {
			t.Log("    ", n)
		}
		epochs += tab.epochs
		unnamed += max(0, tab.epochs-tab.agree-named[name].n)
	}
	if epochs < 100 || float64(unnamed) > 0.005*float64(epochs) {
		t.Errorf("%d of %d epochs differ from gpsd without a name, at most 0.5 %% may", unnamed, epochs)
	}
}

// TestGPSDControl shows that the comparison can fail.
func TestGPSDControl(t *testing.T) {
	name := filepath.Join(gpsdLogs, "ublox-neo-m8n.log")
	fixes := play(readLog(t, name))
	tpvs, used := readReports(t, name+".chk")
	for what, spoil := range map[string]func(f *Fix){
		"latitude": func(f *Fix) { f.Lat += 100 }, "time": func(f *Fix) { f.Time++ }, "mode": func(f *Fix) { f.Mode-- },
		"altitude": func(f *Fix) { f.Alt += 10 }, "speed": func(f *Fix) { f.Speed++ }, "track": func(f *Fix) { f.Course += 10 },
	} {
		spoilt := slices.Clone(fixes)
		for i := range spoilt {
			spoil(&spoilt[i])
		}
		if tab := compare(t, tpvs, used, spoilt, false); tab.agree != 0 {
			t.Errorf("%s changed: %d epochs agree still", what, tab.agree)
		}
	}
}

// TestPyubx2 counts the frames of streams that are whole and of some that are not, as
// their names say.
func TestPyubx2(t *testing.T) {
	for name, want := range map[string]struct{ frames, broken, text int }{
		"pygpsdata-NAV.log":     {28, 0, 0},
		"pygpsdata-MIXED2.log":  {26, 0, 0},
		"pygpsdata-NMEA.log":    {0, 0, 1309},
		"pygpsdata-BADCK2.log":  {25, 1, 0},
		"pygpsdata-BADEOF1.log": {3, 1, 0},
		"pygpsdata-BADHDR.log":  {2, 0, 0},
	} {
		n := 0
		b := readLog(t, filepath.Join(pyubx2, name))
		text, broken := frames(b, func(f Frame) { n++ })
		t.Logf("%-22s %d frames, %d broken, %d bytes in none", name, n, broken, len(text))
		if n != want.frames || broken != want.broken || want.text > 0 && len(text) != want.text {
			t.Errorf("%s: %d frames, %d broken, %d bytes of text", name, n, broken, len(text))
		}
	}
}
