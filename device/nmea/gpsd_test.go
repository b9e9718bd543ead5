package nmea

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"
	"time"
)

// gpsdFloor is where gpsd 3.22 begins to move dates by 1024 weeks: the last
// leap second.
var gpsdFloor = time.Date(2017, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli()

// tpv is one report of gpsd.
type tpv struct {
	Class  string   `json:"class"`
	Mode   uint8    `json:"mode"`
	Time   string   `json:"time"`
	Lat    *float64 `json:"lat"`
	Lon    *float64 `json:"lon"`
	AltMSL *float64 `json:"altMSL"`
	Speed  *float64 `json:"speed"`
	Track  *float64 `json:"track"`
	ms     int64
}

func (t *tpv) fixed() bool { return t.Mode >= 2 && t.Lat != nil && t.Lon != nil }

func (t *tpv) position() Position {
	return Position{Coord(math.Round(*t.Lat * 1e9)), Coord(math.Round(*t.Lon * 1e9)), true}
}

func near(a, b Position) bool {
	d, e := a.Lat-b.Lat, a.Lon-b.Lon
	return -1 <= d && d <= 1 && -1 <= e && e <= 1
}

func readTPV(t testing.TB, chk []byte) (all []tpv) {
	for line := range bytes.Lines(chk) {
		var r tpv
		if !bytes.HasPrefix(line, []byte(`{"class":"TPV"`)) {
			continue
		}
		if err := json.Unmarshal(line, &r); err != nil {
			t.Fatalf("cannot read %s: %v", line, err)
		}
		if r.Time != "" {
			at, err := time.Parse(time.RFC3339, r.Time)
			if err != nil {
				t.Fatal(err)
			}
			r.ms = at.UnixMilli()
		}
		all = append(all, r)
	}
	return all
}

// play feeds a log to a joiner as it would come over a line: without the
// comments at its head and without the marks at which gpsfake pauses.
func play(log []byte) (fixes []Fix) {
	cookie := ""
	for bytes.HasPrefix(log, []byte("#")) {
		line, rest, _ := bytes.Cut(log, []byte("\n"))
		if _, c, ok := strings.Cut(string(line), "Delay-Cookie:"); ok {
			cookie = strings.Fields(c)[0]
		}
		log = rest
	}
	if cookie != "" {
		log = bytes.ReplaceAll(log, []byte(cookie), nil)
	}
	sc := NewScanner(0)
	j := NewJoiner(Options{Floor: gpsdFloor}, func(f *Fix) { fixes = append(fixes, *f) })
	for len(log) > 0 {
		n, ev := sc.Scan(log)
		log = log[n:]
		if ev == Good {
			j.Add(sc.Sentence())
		}
	}
	j.Idle()
	return fixes
}

// agreement is how one log compares.
type agreement struct {
	epochs, agree                 int // time, latitude, longitude and mode, all four
	alt, altAll, spd, spdAll      int
	track, trackAll, undated, few int
	differences                   []string
}

func (a *agreement) differ(format string, args ...any) {
	a.differences = append(a.differences, fmt.Sprintf(format, args...))
}

// compare takes gpsd's reports epoch by epoch, the last of each time, and asks
// for the same from ours; then it asks whether we made one up.
func compare(reports []tpv, fixes []Fix) *agreement {
	a := &agreement{}
	want, order := map[int64]tpv{}, []int64{}
	for _, r := range reports {
		if r.ms == 0 {
			continue
		}
		if _, ok := want[r.ms]; !ok {
			order = append(order, r.ms)
		}
		want[r.ms] = r
	}
	got := map[int64][]Fix{}
	for _, f := range fixes {
		if f.Valid() && f.Time != 0 {
			got[f.Time] = append(got[f.Time], f)
		}
	}
	for _, ms := range order {
		r := want[ms]
		a.epochs++
		a.one(&r, got[ms])
	}
	for _, f := range fixes {
		if _, ok := want[f.Time]; f.Valid() && f.Time != 0 && !ok {
			a.extra(&f, reports)
		}
	}
	a.dateless(reports, fixes)
	return a
}

func (a *agreement) one(r *tpv, ours []Fix) {
	at := r.Time
	switch {
	case len(ours) > 1:
		a.differ("%s: emitted %d times", at, len(ours))
	case len(ours) == 0 && r.fixed():
		a.differ("%s: gpsd has mode %d at %.9f %.9f, we have no fix", at, r.Mode, *r.Lat, *r.Lon)
	case len(ours) == 0:
		a.agree++
	case !r.fixed():
		a.differ("%s: gpsd has no position (mode %d), we have mode %d", at, r.Mode, ours[0].Mode)
	case !near(ours[0].Position, r.position()):
		a.differ("%s: gpsd is at %.9f %.9f, we at %.9f %.9f", at, *r.Lat, *r.Lon, ours[0].Position.Lat.Degrees(), ours[0].Position.Lon.Degrees())
	case ours[0].Mode != r.Mode:
		a.differ("%s: gpsd has mode %d, we %d", at, r.Mode, ours[0].Mode)
	default:
		a.agree++
		a.minor(r, &ours[0])
	}
}

// minor counts the values that are only reported.
func (a *agreement) minor(r *tpv, f *Fix) {
	check := func(n, all *int, want *float64, got Decimal, tolerance float64) {
		if want != nil {
			*all++
			if got.Present && math.Abs(got.Float()-*want) <= tolerance {
				*n++
			}
		}
	}
	check(&a.alt, &a.altAll, r.AltMSL, f.Alt, 0.00006)
	check(&a.spd, &a.spdAll, r.Speed, f.Speed, 0.0011)
	check(&a.track, &a.trackAll, r.Track, f.Course, 0.00006)
}

// extra is a fix of ours at a time gpsd has not: while gpsd had no date yet
// the position at least must be one of its own.
func (a *agreement) extra(f *Fix, reports []tpv) {
	for _, r := range reports {
		if r.ms == 0 && r.fixed() && near(r.position(), f.Position) {
			a.undated++
			return
		}
	}
	a.epochs++
	a.differ("%s: we have mode %d at %.9f %.9f, gpsd has nothing at that time", time.UnixMilli(f.Time).UTC().Format(time.RFC3339Nano), f.Mode, f.Position.Lat.Degrees(), f.Position.Lon.Degrees())
}

// dateless compares what gpsd reported without a time, in order and by place,
// unless a report with a time says the same.
func (a *agreement) dateless(reports []tpv, fixes []Fix) {
	next := 0
	for i, r := range reports {
		if r.ms != 0 || !r.fixed() {
			continue
		}
		if i+1 < len(reports) && reports[i+1].fixed() && near(reports[i+1].position(), r.position()) {
			continue // there is a later word on it
		}
		a.epochs++
		for k := next; k < len(fixes); k++ {
			if f := &fixes[k]; f.Valid() && f.Mode == r.Mode && near(f.Position, r.position()) {
				next = k + 1
				a.agree++
				break
			} else if k == len(fixes)-1 {
				a.differ("report %d without time: mode %d at %.9f %.9f is not ours", i, r.Mode, *r.Lat, *r.Lon)
			}
		}
	}
}

// logFolders are the recordings: the ones beside the project, and one more
// folder of anybody's choice.
func logFolders() []string {
	folders := []string{"../../../shared/corpora/gpsd/nmea"}
	if more := os.Getenv("PORTTI_GPSD_LOGS"); more != "" {
		folders = append(folders, more)
	}
	return folders
}

func gpsdLogs(t testing.TB) (logs []string) {
	for _, folder := range logFolders() {
		found, err := filepath.Glob(filepath.Join(folder, "*.log"))
		if err != nil {
			t.Fatal(err)
		}
		logs = append(logs, found...)
	}
	if len(logs) == 0 {
		t.Skip("no recordings of gpsd here: put X.log and X.log.chk in a folder and name it in PORTTI_GPSD_LOGS")
	}
	sort.Strings(logs)
	return logs
}

func readPair(t testing.TB, name string) (log []byte, reports []tpv) {
	log, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	chk, err := os.ReadFile(name + ".chk")
	if err != nil {
		t.Fatal(err)
	}
	return log, readTPV(t, chk)
}

// TestGPSD holds the joiner against gpsd's own expected output.
func TestGPSD(t *testing.T) {
	var epochs, agree int
	for _, name := range gpsdLogs(t) {
		log, reports := readPair(t, name)
		a := compare(reports, play(log))
		epochs += a.epochs
		agree += a.agree
		t.Logf("%-28s %4d of %4d epochs; altitude %d/%d speed %d/%d track %d/%d; %d before gpsd had a date",
			filepath.Base(name), a.agree, a.epochs, a.alt, a.altAll, a.spd, a.spdAll, a.track, a.trackAll, a.undated)
		for _, d := range a.differences {
			t.Logf("    %s", d)
		}
	}
	t.Logf("together %d of %d epochs: %.2f %%", agree, epochs, 100*float64(agree)/float64(epochs))
	if agree*1000 < epochs*995 {
		t.Errorf("only %d of %d epochs agree with gpsd, want 99.5 %%", agree, epochs)
	}
}
