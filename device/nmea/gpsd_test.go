package nmea

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
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
	clock  TimeOfDay // of the last sentence with a time before it
	cause  string    // the sentence after which it was made, as the .chk has it
}

// timeField is the number of the field that has a sentence's time, 0 when it
// has none.
func timeField(sentence string) int {
	switch sentenceType(sentence) {
	case "GGA", "RMC", "GNS":
		return 1
	case "GLL":
		return 5
	}
	return 0
}

func clockOf(sentence string, before TimeOfDay) TimeOfDay {
	var s Sentence
	s.split('$', []byte(strings.TrimSpace(sentence[1:])))
	i := timeField(sentence)
	if i == 0 || len(s.Field(i)) == 0 {
		return before
	}
	return (&fields{s: &s}).time(i)
}

// stale says that the report came with a sentence whose time is empty, while
// its own time is left over from the epoch before.
func (t *tpv) stale() bool {
	i := timeField(t.cause)
	f := strings.Split(t.cause, ",")
	return i > 0 && (i >= len(f) || f[i] == "")
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
	cause, clock := "", NoTime
	for line := range bytes.Lines(chk) {
		r := tpv{cause: cause, clock: clock}
		if !bytes.HasPrefix(line, []byte(`{"class":"TPV"`)) {
			if line[0] == '$' {
				cause = string(line)
				clock = clockOf(cause, clock)
			}
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
	epochs, agree            int // time, latitude, longitude and mode, all four
	alt, altAll, spd, spdAll int
	track, trackAll          int
	fixes                    int // of agree, those with a position
	beyond                   int // fixes of ours on which gpsd never reported
	differences              []string
}

func (a *agreement) differ(format string, args ...any) {
	a.differences = append(a.differences, fmt.Sprintf(format, args...))
}

// epoch is what is to be compared: gpsd's last word on one time.
type epoch struct {
	key  int64 // Unix milliseconds, or the time of day where the recording has no date at all
	last tpv
}

// epochsOf joins reports to epochs. A report whose time is left over from the
// epoch before says nothing about either.
func epochsOf(reports []tpv) (all []epoch, dated bool) {
	dated = slices.ContainsFunc(reports, func(r tpv) bool { return r.ms != 0 })
	for _, r := range reports {
		key := r.ms
		if !dated {
			key = int64(r.clock)
		}
		switch {
		case dated && (r.ms == 0 || r.stale()), key < 0:
		case len(all) > 0 && all[len(all)-1].key == key:
			all[len(all)-1].last = r
		default:
			all = append(all, epoch{key, r})
		}
	}
	return all, dated
}

// compare asks for each of gpsd's epochs whether ours says the same. A time
// that comes again, because the receiver went back, is compared in order.
func compare(reports []tpv, fixes []Fix) *agreement {
	a := &agreement{}
	want, dated := epochsOf(reports)
	got := map[int64][]*Fix{}
	for i := range fixes {
		f := &fixes[i]
		key := f.Time
		if !dated {
			key = int64(f.Clock)
		}
		if key != 0 {
			got[key] = append(got[key], f)
		}
	}
	for _, e := range want {
		a.epochs++
		var f *Fix
		if q := got[e.key]; len(q) > 0 {
			f, got[e.key] = q[0], q[1:]
		}
		a.one(&e.last, f)
	}
	for _, q := range got {
		for _, f := range q {
			if f.Valid() && f.End != ByIdle {
				a.beyond++
			}
		}
	}
	return a
}

func (a *agreement) one(r *tpv, f *Fix) {
	at := r.Time
	ours := f != nil && f.Valid()
	switch {
	case !ours && r.fixed():
		a.differ("%s: gpsd has mode %d at %.9f %.9f, we have no fix", at, r.Mode, *r.Lat, *r.Lon)
	case !ours:
		a.agree++
	case !r.fixed():
		a.differ("%s: gpsd has no position (mode %d), we have mode %d", at, r.Mode, f.Mode)
	case !near(f.Position, r.position()):
		a.differ("%s: gpsd is at %.9f %.9f, we at %.9f %.9f", at, *r.Lat, *r.Lon, f.Position.Lat.Degrees(), f.Position.Lon.Degrees())
	case f.Mode != r.Mode:
		a.differ("%s: gpsd has mode %d, we %d", at, r.Mode, f.Mode)
	default:
		a.agree++
		a.fixes++
		a.minor(r, f)
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

// named are the differences from gpsd that are known and understood, by
// recording: how many, and why. Any other is an error.
func named() map[string]struct {
	n   int
	why string
} {
	type d = struct {
		n   int
		why string
	}
	return map[string]d{
		"bundg_zeus_9.log":   {25, "a multiplexer on a boat: gpsd made its last report before the GGA that ends the second"},
		"bt451.log":          {1, "the time goes back 52 minutes: gpsd counts a day on, we keep the date"},
		"foretrex-201.log":   {1, "gpsd takes the mode from Garmin's own PGRMZ"},
		"garmin-geko201.log": {1, "gpsd takes the mode of a simulation from Garmin's own PGRMZ"},
		"garmin17n.log":      {1, "gpsd takes the year from Garmin's own PGRMF, and it is wrong"},
		"garmin25lp.log":     {1, "GSA with the mode came after gpsd's report"},
		"hp58534a.log":       {1, "no sentence has a checksum: refused unless lenient"},
	}
}

const corpus = "../../../shared/corpora/gpsd/nmea"

// gpsdLogs are the recordings next to the project, and those of one more folder
// of anybody's choice.
func gpsdLogs(t testing.TB) (logs []string) {
	for _, folder := range []string{corpus, os.Getenv("PORTTI_GPSD_LOGS")} {
		if folder == "" {
			continue
		}
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
	var epochs, agree, fixes, beyond, unnamed int
	for _, name := range gpsdLogs(t) {
		log, reports := readPair(t, name)
		a := compare(reports, play(log))
		epochs, agree, fixes, beyond = epochs+a.epochs, agree+a.agree, fixes+a.fixes, beyond+a.beyond
		t.Logf("%-34s %4d of %4d epochs; altitude %d/%d speed %d/%d track %d/%d; %d of our fixes gpsd never reported",
			filepath.Base(name), a.agree, a.epochs, a.alt, a.altAll, a.spd, a.spdAll, a.track, a.trackAll, a.beyond)
		known := named()[filepath.Base(name)]
		for _, d := range a.differences {
			t.Logf("    %s", d)
		}
		if known.n > 0 {
			t.Logf("    named: %s", known.why)
		}
		if n := len(a.differences); n > known.n {
			unnamed += n - known.n
		}
	}
	t.Logf("together %d of %d epochs agree (%.2f %%), %d of them with a fix; %d differences without a name; %d fixes beyond gpsd's reports",
		agree, epochs, percent(agree, epochs), fixes, unnamed, beyond)
	if percent(epochs-unnamed, epochs) < 99.5 {
		t.Errorf("%d of %d epochs differ from gpsd without a name, at most 0.5 %% may", unnamed, epochs)
	}
	if percent(beyond, epochs) > 2 {
		t.Errorf("%d fixes at times of which gpsd says nothing: made up?", beyond)
	}
	if fixes*2 < epochs {
		t.Errorf("only %d of %d epochs have a fix: the comparison says little", fixes, epochs)
	}
}

// TestGPSDCorpus: the recordings next to the project agree without any excuse.
func TestGPSDCorpus(t *testing.T) {
	logs, err := filepath.Glob(filepath.Join(corpus, "*.log"))
	if err != nil || len(logs) == 0 {
		t.Skip("the recordings of gpsd are not next to the project")
	}
	var epochs, agree int
	for _, name := range logs {
		log, reports := readPair(t, name)
		a := compare(reports, play(log))
		epochs, agree = epochs+a.epochs, agree+a.agree
	}
	if percent(agree, epochs) < 99.5 || epochs < 90 {
		t.Errorf("%d of %d epochs agree with gpsd, want 99.5 %%", agree, epochs)
	}
}

// TestGPSDControl shows that the comparison can fail: one digit of the latitudes
// changed, a hemisphere, or 7 ms, is found in every recording.
func TestGPSDControl(t *testing.T) {
	for _, name := range gpsdLogs(t) {
		log, reports := readPair(t, name)
		before := compare(reports, play(log))
		if before.fixes < 3 {
			continue
		}
		for _, hemisphere := range []bool{false, true} {
			after := compare(reports, play(tamper(log, hemisphere)))
			if after.fixes > before.fixes/2 {
				t.Errorf("%s: with latitudes changed (hemisphere: %v) %d fixes still agree, of %d", filepath.Base(name), hemisphere, after.fixes, before.fixes)
			}
		}
		shifted := slices.Clone(reports)
		for i := range shifted {
			if shifted[i].ms != 0 {
				shifted[i].ms += 7
			}
		}
		dated := slices.ContainsFunc(shifted, func(r tpv) bool { return r.ms != 0 })
		if after := compare(shifted, play(log)); dated && after.fixes > 0 {
			t.Errorf("%s: 7 ms off, %d fixes still agree", filepath.Base(name), after.fixes)
		}
	}
}

// tamper changes the fourth digit of the minutes of every latitude, or its
// hemisphere, and puts the checksums right.
func tamper(log []byte, hemisphere bool) []byte {
	var out bytes.Buffer
	for line := range bytes.Lines(log) {
		body, _, found := strings.Cut(strings.TrimSpace(string(line)), "*")
		i := map[string]int{"GGA": 2, "RMC": 3, "GNS": 2, "GLL": 1}[sentenceType(body)]
		f := strings.Split(body, ",")
		if !found || i == 0 || i+1 >= len(f) || len(f[i]) < 5 {
			out.Write(line)
			continue
		}
		if hemisphere {
			f[i+1] = map[string]string{"N": "S", "S": "N"}[f[i+1]]
		} else {
			at := min(strings.Index(f[i], ".")+4, len(f[i])-1)
			f[i] = f[i][:at] + string('0'+(f[i][at]-'0'+1)%10) + f[i][at+1:]
		}
		out.WriteString(sum(strings.Join(f, ",")[1:]))
	}
	return out.Bytes()
}

func sentenceType(body string) string {
	if len(body) < 6 || body[0] != '$' {
		return ""
	}
	return body[3:6]
}

func percent(n, of int) float64 { return 100 * float64(n) / float64(max(of, 1)) }
