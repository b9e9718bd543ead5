package status

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode"

	"portti/device"
)

func TestCatalogueIsSound(t *testing.T) {
	code := regexp.MustCompile(`^(BUF|CFG|CLK|DEV|GPS|GW|HW|LINES|MOD|NET|SYS|TLS|UP)-[A-Z]+(-[A-Z]+)*$`)
	var codes []string
	known := lookup(t)
	for _, e := range Catalogue() {
		codes = append(codes, e.Code)
		if !code.MatchString(e.Code) || e.Title == "" || !strings.HasSuffix(strings.TrimSpace(e.Sentence), ".") || len(e.Actions) == 0 || slices.Contains(e.Actions, "") {
			t.Errorf("%s is not complete: %+v", e.Code, e)
		}
		if e.Severity != Info && e.Severity != Warning && e.Severity != Error {
			t.Errorf("%s has severity %q", e.Code, e.Severity)
		}
		for _, text := range append([]string{e.Sentence}, e.Actions...) {
			if strings.Count(text, "{") != strings.Count(text, "}") {
				t.Errorf("%s: places in %q", e.Code, text)
			}
		}
		for _, d := range e.DependsOn {
			if _, ok := known[d]; !ok || d == e.Code {
				t.Errorf("%s depends on %s", e.Code, d)
			}
		}
	}
	if !slices.IsSorted(codes) || len(slices.Compact(slices.Clone(codes))) != len(codes) {
		t.Errorf("not sorted and unique: %v", codes)
	}
}

// TestCatalogueHasNoRing: problems that hide each other would hide the cause.
func TestCatalogueHasNoRing(t *testing.T) {
	known := lookup(t)
	var walk func(code string, above []string)
	walk = func(code string, above []string) {
		if slices.Contains(above, code) {
			t.Fatalf("ring: %v %s", above, code)
		}
		for _, d := range known[code].DependsOn {
			walk(d, append(slices.Clone(above), code))
		}
	}
	for _, e := range Catalogue() {
		walk(e.Code, nil)
	}
}

// lookup is the whole catalogue by code, that of the drivers included.
func lookup(t *testing.T) map[string]Entry {
	t.Helper()
	all := map[string]Entry{}
	for _, e := range Catalogue() {
		all[e.Code] = e
	}
	for _, p := range device.Kinds().Problems() {
		if _, twice := all[p.Code]; twice {
			t.Errorf("%s stands twice", p.Code)
		}
		all[p.Code] = Entry{Code: p.Code}
	}
	return all
}

func shownCodes(p *Problems) string {
	var all []string
	for _, a := range p.Active() {
		all = append(all, a.Code+"/"+a.Subject)
	}
	return strings.Join(all, " ")
}

func TestRootCauseHidesConsequences(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := NewProblems()
		tls, gps, panel := Finding{"TLS-NOT-YET", "", []string{"host", "h"}}, Finding{"DEV-SILENT", "gps", []string{"age", "5 min"}}, Finding{"DEV-SILENT", "panel", []string{"age", "5 min"}}
		p.Sync([]Finding{tls, gps, panel})
		if got := shownCodes(p); got != "TLS-NOT-YET/ DEV-SILENT/gps DEV-SILENT/panel" {
			t.Errorf("before: %s", got)
		}
		p.Sync([]Finding{tls, gps, panel, {Code: "CLK-UNSET"}, {"DEV-GONE", "gps", []string{"port", "/dev/x"}}})
		if got := shownCodes(p); got != "CLK-UNSET/ DEV-SILENT/panel" {
			t.Errorf("causes in their quiet period already hide what follows: %s", got)
		}
		time.Sleep(31 * time.Second)
		if got := shownCodes(p); got != "DEV-GONE/gps CLK-UNSET/ DEV-SILENT/panel" {
			t.Errorf("shown: %s", got)
		}
		p.Sync([]Finding{tls, gps, panel})
		if got := shownCodes(p); got != "TLS-NOT-YET/ DEV-SILENT/gps DEV-SILENT/panel" {
			t.Errorf("after: %s", got)
		}
	})
}

func TestFlappingStaysQuiet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := NewProblems()
		dns := func(host string) []Finding { return []Finding{{"NET-DNS", "", []string{"host", host}}} }
		for range 20 {
			p.Sync(dns("h"))
			time.Sleep(6 * time.Second)
			if raised, cleared := p.Changes(); len(raised)+len(cleared) > 0 {
				t.Fatalf("%v %v", raised, cleared)
			}
			p.Sync(nil)
			time.Sleep(time.Second)
		}
		p.Sync(dns("h"))
		time.Sleep(5 * time.Second)
		p.Sync(dns("other")) // renewed, not begun again
		time.Sleep(5 * time.Second)
		raised, _ := p.Changes()
		if len(raised) != 1 || !strings.Contains(raised[0].Sentence, "The name other ") || raised[0].SinceS != 10 {
			t.Fatalf("%+v", raised)
		}
		if again, _ := p.Changes(); again != nil {
			t.Errorf("told twice: %v", again)
		}
		p.Sync(nil)
		if _, cleared := p.Changes(); len(cleared) != 1 || cleared[0].Code != "NET-DNS" {
			t.Errorf("cleared: %v", cleared)
		}
	})
}

func TestForeignTextInAProblem(t *testing.T) {
	p := NewProblems()
	p.Sync([]Finding{
		{"UP-FORBIDDEN", "", []string{"why", "no\x1b[2J\x00{host}" + strings.Repeat("x", 500)}},
		{"HW-PERMISSION", "gps", []string{"port", "/dev/ttyUSB0"}},
		{"NO-SUCH-CODE", "", []string{"a"}},
	})
	for _, a := range p.Active() {
		if strings.ContainsFunc(a.Sentence, func(r rune) bool { return unicode.IsControl(r) }) || len(a.Sentence) > 500 {
			t.Errorf("%q", a.Sentence)
		}
		switch a.Code {
		case "UP-FORBIDDEN":
			if !strings.Contains(a.Sentence, `no\x1b[2J\x00{host}xxx`) {
				t.Errorf("%q", a.Sentence)
			}
		case "HW-PERMISSION":
			if a.Actions[1] != "See who may: ls -lL /dev/ttyUSB0" || a.Action != a.Actions[0] {
				t.Errorf("%q", a.Actions)
			}
		}
	}
	if len(p.Active()) != 3 {
		t.Errorf("an unknown code must be shown: %v", p.Active())
	}
}

func TestProblemsAreAListInJSON(t *testing.T) {
	if text, err := json.Marshal(Document{Problems: NewProblems().Active()}); err != nil || !strings.Contains(string(text), `"problems":[]`) {
		t.Errorf("%s %v", text, err)
	}
}

// TestCatalogueIsWhatIsRaised: every code that any room names is in the
// catalogue, and nothing is in it that nobody raises.
func TestCatalogueIsWhatIsRaised(t *testing.T) {
	families := map[string]bool{}
	for c := range lookup(t) {
		family, _, _ := strings.Cut(c, "-")
		families[family] = true
	}
	code := regexp.MustCompile(`"((?:` + strings.Join(slices.Sorted(maps.Keys(families)), "|") + `)-[A-Z-]+[A-Z])"`)
	raised := map[string]bool{}
	for _, room := range []string{"../config", "../gateway", "../../../buffer", "../../../device", "../../../systemd", "../../../uplink"} {
		files, err := filepath.Glob(room + "/*.go")
		if err != nil || len(files) == 0 {
			t.Fatalf("no files in %s: %v", room, err)
		}
		for _, f := range files {
			if strings.HasSuffix(f, "_test.go") || f == "problem_catalogue.go" || strings.HasSuffix(f, "_problems.go") {
				continue
			}
			text, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range code.FindAllSubmatch(text, -1) {
				raised[string(m[1])] = true
			}
		}
	}
	for code := range lookup(t) {
		if !raised[code] {
			t.Errorf("%s is in the catalogue and nobody raises it", code)
		}
		delete(raised, code)
	}
	for c := range raised {
		t.Errorf("%s is raised and not in the catalogue", c)
	}
}

// Row 95: what keeps the link away is shown at once to who looks, and logged when it
// has lasted, so that a link which comes and goes makes few lines.
func TestWhatKeepsTheLinkAwayIsShownAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, e := range Catalogue() {
			family, _, _ := strings.Cut(e.Code, "-")
			if family != "UP" && family != "NET" && family != "TLS" {
				continue
			}
			p := NewProblems()
			p.Sync([]Finding{{e.Code, "", []string{"why", "so"}}})
			if len(p.Active()) != 1 {
				t.Errorf("%s is not shown at once", e.Code)
			}
			if raised, _ := p.Changes(); len(raised) == 1 && e.LogAfter > 0 {
				t.Errorf("%s is logged at once", e.Code)
			}
			time.Sleep(e.LogAfter)
			if raised, _ := p.Changes(); len(raised) != 1 && e.LogAfter > 0 {
				t.Errorf("%s is not logged after %v", e.Code, e.LogAfter)
			}
		}
	})
}

// What is to be typed stands in backquotes: a face shows it as a command, and the
// tests that break an installation type it.
func TestCommandsAreMarked(t *testing.T) {
	typed := regexp.MustCompile("(^|[: ])(sudo |portti [a-z]|dmesg|journalctl|systemctl|timedatectl|ls -|df -|ip (route|link)|ping -)")
	for _, e := range lookup(t) {
		for _, a := range e.Actions {
			if strings.Count(a, "`")%2 != 0 {
				t.Errorf("%s: backquotes in %s", e.Code, a)
			}
			for i, text := range strings.Split(a, "`") {
				if i%2 == 0 && typed.MatchString(text) {
					t.Errorf("%s: a command without backquotes in %s", e.Code, a)
				}
			}
		}
	}
}

func TestAdvise(t *testing.T) {
	e := Entry{Code: "X-Y", Sentence: "{why}.", Actions: []string{"Ask: `who {a}`, or `what`", "{remedy}", "Nothing"}}
	args := []string{"why", "a `b` c", "a", "`rm`", "remedy", "Do: `it`"}
	actions, commands := e.Advise(args...)
	if want := []string{"Ask: who 'rm', or what", "Do: it", "Nothing"}; !slices.Equal(actions, want) {
		t.Errorf("actions %q", actions)
	}
	if want := []string{"who 'rm'", "it", ""}; !slices.Equal(commands, want) {
		t.Errorf("commands %q", commands)
	}
	if got := e.Say(args...); got != "a 'b' c." {
		t.Errorf("sentence %q", got)
	}
}
