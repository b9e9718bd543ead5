//go:build peers

package gateway

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"portti/cmd/portti/status"
	"portti/cross/testkit"
)

const monitoring = "../../../docs/monitoring"

// outageStory is a gateway's day at 1 minute a step, as its status documents tell it.
func outageStory(minute int) status.Document {
	between := func(from, to int) bool { return from <= minute && minute < to }
	s := status.Document{
		Version: "1.2", Time: time.Unix(int64(60*minute), 0), UptimeS: float64(60*minute) + 1e4,
		Gateway: status.Gateway{ID: "G1", Name: "gw", Config: "a1b2c3d4e5f6", Labels: map[string]string{"site": "kuopio"}},
		Link:    status.Link{State: status.LinkOnline, RTTms: 80, OnlineS: float64(60 * minute)},
		Buffer:  status.Buffer{State: status.BufferOK, Waiting: 3, HeadroomS: 9000, CapacityBytes: 64e6},
		Clock:   status.Clock{Trusted: !between(150, 190)},
		Devices: []status.Device{{Name: "gps", Type: "gps", State: status.DeviceOK, LastAgeS: 1, Read: uint64(600 * minute)}, {Name: "pump", Type: "modbus", State: status.DeviceOK, LastAgeS: 1}},
	}
	s.Totals.Ledger = status.Ledger{Read: 1000, Acked: 997, Waiting: 3, Lost: status.Losses{}}
	problem := func(code string, severity status.Severity) {
		s.Problems = append(s.Problems, status.Problem{Code: code, Severity: severity})
	}
	if between(10, 50) { // the server is away, and the buffer had little room left
		s.Link.State = status.LinkWaiting
		problem("NET-DNS", status.Error)
	}
	if minute >= 40 {
		s.Totals.Lost[status.LossFull], s.Totals.Acked = 5, 992
	}
	if between(70, 100) {
		s.Devices[1].State = status.DeviceSilent
		problem("DEV-SILENT", status.Warning)
	}
	if between(110, 130) {
		problem("UP-TOKEN-EXPIRING", status.Warning)
	}
	if between(200, 210) {
		problem("BUF-CORRUPT", status.Error)
	}
	if between(210, 220) {
		s.Totals.LostUnknown = true
	}
	if between(230, 250) {
		s.Totals.Acked-- // a fault of the program
	}
	if minute > 260 {
		s.UptimeS = float64((minute - 260) % 10 * 60) // it starts anew every ten minutes
	}
	return s
}

// TestAlerts plays a scripted outage, told by the metrics that a gateway serves, to
// the rules as Prometheus evaluates them.
func TestAlerts(t *testing.T) {
	testkit.NeedTool(t, "promtool")
	const minutes = 320
	var m metrics
	series := map[string][]string{}
	for i := range minutes {
		s := outageStory(i)
		for key, value := range parsed(t, m.page(&s)) {
			if series[key] == nil {
				series[key] = slices.Repeat([]string{"_"}, minutes)
			}
			series[key][i] = strconv.FormatFloat(value, 'f', -1, 64)
		}
	}
	for _, values := range series { // a sample that a page lacks ends the series, as a scrape has it
		for i := range values[1:] {
			if values[i+1] == "_" && values[i] != "_" && values[i] != "stale" {
				values[i+1] = "stale"
			}
		}
	}
	series[`up{}`] = strings.Split(strings.Repeat("1 ", 300)+strings.Repeat("0 ", 19)+"0", " ")
	var b strings.Builder
	rules, err := filepath.Abs(filepath.Join(monitoring, "alerts.yml"))
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(&b, "rule_files: [%s]\nevaluation_interval: 1m\ntests:\n- interval: 1m\n  input_series:\n", rules)
	for _, key := range slices.Sorted(maps.Keys(series)) {
		name, labels, _ := strings.Cut(strings.TrimSuffix(key, "}"), "{")
		all := `{job="portti",instance="gw1"`
		if labels != "" {
			all += "," + labels
		}
		fmt.Fprintf(&b, "  - series: %q\n    values: %q\n", name+all+"}", strings.Join(series[key], " "))
	}
	b.WriteString("  promql_expr_test:\n")
	for _, c := range []struct {
		minute int
		firing []string // alert and, where several can fire, the label that tells them apart
	}{
		{5, nil}, {12, nil},
		{16, []string{"PorttiRoomLow"}}, {21, []string{"PorttiRoomLow", "PorttiProblem NET-DNS"}},
		{30, []string{"PorttiRoomLow", "PorttiLinkDown", "PorttiProblem NET-DNS"}},
		{42, []string{"PorttiRoomLow", "PorttiLinkDown", "PorttiProblem NET-DNS", "PorttiReadingsLost full"}},
		{52, []string{"PorttiReadingsLost full"}}, {65, nil}, {80, nil},
		{90, []string{"PorttiDeviceDown pump"}}, {105, nil},
		{120, []string{"PorttiTokenEnds UP-TOKEN-EXPIRING"}}, {140, nil}, {170, nil},
		{185, []string{"PorttiClockUnset"}}, {195, nil},
		{205, []string{"PorttiBufferDamaged BUF-CORRUPT"}}, {215, []string{"PorttiUnknownNumberLost"}}, {225, nil},
		{245, []string{"PorttiLedgerWrong"}}, {255, nil}, {280, nil},
		{305, []string{"PorttiRestarts"}}, {315, []string{"PorttiRestarts", "PorttiDown"}},
	} {
		fmt.Fprintf(&b, "  - expr: 'count by (alertname, code, device, reason) (ALERTS{alertstate=\"firing\"})'\n    eval_time: %dm\n    exp_samples:\n", c.minute)
		for _, f := range c.firing {
			name, of, _ := strings.Cut(f, " ")
			labels := fmt.Sprintf("alertname=%q", name)
			switch {
			case name == "PorttiReadingsLost":
				labels += fmt.Sprintf(",reason=%q", of)
			case name == "PorttiDeviceDown":
				labels += fmt.Sprintf(",device=%q", of)
			case of != "":
				labels += fmt.Sprintf(",code=%q", of)
			}
			fmt.Fprintf(&b, "    - {labels: '{%s}', value: 1}\n", labels)
		}
	}
	path := filepath.Join(t.TempDir(), "test.yml")
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("promtool", "test", "rules", path).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestMonitoringNamesWhatIsServed: rules and dashboard ask for metrics that there are,
// in expressions that can be read.
func TestMonitoringNamesWhatIsServed(t *testing.T) {
	testkit.NeedTool(t, "promtool")
	s := outageStory(45)
	m := evilMetrics("1")
	served := map[string]bool{"portti": true}
	for key := range parsed(t, m.page(&s)) {
		name, _, _ := strings.Cut(key, "{")
		served[name] = true
	}
	var board struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	text, err := os.ReadFile(filepath.Join(monitoring, "dashboard.json"))
	if err != nil || json.Unmarshal(text, &board) != nil || len(board.Panels) == 0 {
		t.Fatal(err, len(board.Panels))
	}
	var b strings.Builder
	b.WriteString("groups:\n- name: dashboard\n  rules:\n")
	exprs := ""
	for i, p := range board.Panels {
		for j, target := range p.Targets {
			expr := strings.ReplaceAll(target.Expr, "$__range", "1h")
			exprs += expr + "\n"
			fmt.Fprintf(&b, "  - {record: %q, expr: %q}\n", fmt.Sprintf("x%d_%d", i, j), expr)
		}
	}
	path := filepath.Join(t.TempDir(), "board.yml")
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("promtool", "check", "rules", path).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	alerts, err := os.ReadFile(filepath.Join(monitoring, "alerts.yml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range regexp.MustCompile(`\b(portti|process|go)_[a-z_]+\b`).FindAllString(exprs+string(alerts), -1) {
		if !served[name] && !served[strings.TrimSuffix(name, "_bucket")] {
			t.Errorf("%s is asked for and never served", name)
		}
	}
	if out, err := withInput(t, string(m.page(&s)), "promtool", "check", "metrics"); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// withInput runs a program with text as its input.
func withInput(t *testing.T, text, name string, args ...string) (string, error) {
	t.Helper()
	c := exec.Command(name, args...)
	c.Stdin = strings.NewReader(text)
	out, err := c.CombinedOutput()
	return string(out), err
}
