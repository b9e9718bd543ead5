package daemon

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestCatalogueIsSound(t *testing.T) {
	code := regexp.MustCompile(`^(BUF|CFG|CLK|DEV|GPS|HW|NET|SYS|TLS|UP)-[A-Z]+(-[A-Z]+)*$`)
	var codes []string
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
			if _, ok := Lookup(d); !ok || d == e.Code {
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
	var walk func(code string, above []string)
	walk = func(code string, above []string) {
		if slices.Contains(above, code) {
			t.Fatalf("ring: %v %s", above, code)
		}
		e, _ := Lookup(code)
		for _, d := range e.DependsOn {
			walk(d, append(slices.Clone(above), code))
		}
	}
	for _, e := range Catalogue() {
		walk(e.Code, nil)
	}
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
		p.Raise("TLS-NOT-YET", "", "host", "h")
		p.Raise("DEV-SILENT", "gps", "age", "5 min")
		p.Raise("DEV-SILENT", "panel", "age", "5 min")
		if got := shownCodes(p); got != "TLS-NOT-YET/ DEV-SILENT/gps DEV-SILENT/panel" {
			t.Errorf("before: %s", got)
		}
		p.Raise("CLK-UNSET", "")
		p.Raise("DEV-GONE", "gps", "port", "/dev/x")
		if got := shownCodes(p); got != "DEV-SILENT/panel" {
			t.Errorf("causes in their quiet period already hide what follows: %s", got)
		}
		time.Sleep(31 * time.Second)
		if got := shownCodes(p); got != "DEV-GONE/gps CLK-UNSET/ DEV-SILENT/panel" {
			t.Errorf("shown: %s", got)
		}
		p.Clear("CLK-UNSET", "")
		p.Clear("DEV-GONE", "gps")
		p.Clear("DEV-GONE", "gps")
		if got := shownCodes(p); got != "TLS-NOT-YET/ DEV-SILENT/gps DEV-SILENT/panel" {
			t.Errorf("after: %s", got)
		}
	})
}

func TestFlappingStaysQuiet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := NewProblems()
		for range 20 {
			p.Set(true, "NET-DNS", "", "host", "h")
			time.Sleep(6 * time.Second)
			if raised, cleared := p.Changes(); len(raised)+len(cleared) > 0 {
				t.Fatalf("%v %v", raised, cleared)
			}
			p.Set(false, "NET-DNS", "")
			time.Sleep(time.Second)
		}
		p.Raise("NET-DNS", "", "host", "h")
		time.Sleep(5 * time.Second)
		p.Raise("NET-DNS", "", "host", "other") // renewed, not begun again
		time.Sleep(5 * time.Second)
		raised, _ := p.Changes()
		if len(raised) != 1 || !strings.Contains(raised[0].Sentence, "The name other ") || raised[0].SinceS != 10 {
			t.Fatalf("%+v", raised)
		}
		if again, _ := p.Changes(); again != nil {
			t.Errorf("told twice: %v", again)
		}
		p.Clear("NET-DNS", "")
		if _, cleared := p.Changes(); len(cleared) != 1 || cleared[0].Code != "NET-DNS" {
			t.Errorf("cleared: %v", cleared)
		}
	})
}

func TestOnlyOneOfAFamily(t *testing.T) {
	p := NewProblems()
	for _, code := range []string{"UP-AUTH-REJECTED", "UP-FORBIDDEN", "TLS-NAME", "CFG-UNPROVEN"} {
		p.Raise(code, "")
	}
	p.Raise("UP-FORBIDDEN", "other")
	p.Only("UP-FORBIDDEN", "", "UP-", "NET-", "TLS-")
	if got := shownCodes(p); got != "UP-FORBIDDEN/ UP-FORBIDDEN/other CFG-UNPROVEN/" {
		t.Errorf("%s", got)
	}
	p.Only("", "", "UP-")
	if got := shownCodes(p); got != "UP-FORBIDDEN/other CFG-UNPROVEN/" {
		t.Errorf("%s", got)
	}
}

func TestForeignTextInAProblem(t *testing.T) {
	p := NewProblems()
	p.Raise("UP-FORBIDDEN", "", "why", "no\x1b[2J\x00{host}"+strings.Repeat("x", 500))
	p.Raise("HW-PERMISSION", "gps", "port", "/dev/ttyUSB0")
	p.Raise("NO-SUCH-CODE", "", "a")
	for _, a := range p.Active() {
		if strings.ContainsFunc(a.Sentence, isCommand) || len(a.Sentence) > 500 {
			t.Errorf("%q", a.Sentence)
		}
		switch a.Code {
		case "UP-FORBIDDEN":
			if !strings.Contains(a.Sentence, `no\x1b[2J\x00{host}xxx`) {
				t.Errorf("%q", a.Sentence)
			}
		case "HW-PERMISSION":
			if a.Actions[1] != "See the port's group: ls -l /dev/ttyUSB0" || a.Action != a.Actions[0] {
				t.Errorf("%q", a.Actions)
			}
		}
	}
	if len(p.Active()) != 3 {
		t.Errorf("an unknown code must be shown: %v", p.Active())
	}
}

func TestProblemsAreAListInJSON(t *testing.T) {
	if text, err := json.Marshal(Status{Problems: NewProblems().Active()}); err != nil || !strings.Contains(string(text), `"problems":[]`) {
		t.Errorf("%s %v", text, err)
	}
}

// TestCatalogueIsWhatIsRaised: every code that any room names is in the
// catalogue, and nothing is in it that nobody raises.
func TestCatalogueIsWhatIsRaised(t *testing.T) {
	code := regexp.MustCompile(`"((?:BUF|CFG|CLK|DEV|GPS|HW|NET|SYS|TLS|UP)-[A-Z-]+[A-Z])"`)
	raised := map[string]bool{}
	for _, room := range []string{".", "../../../buffer", "../../../device", "../../../systemd", "../../../uplink"} {
		files, err := filepath.Glob(room + "/*.go")
		if err != nil || len(files) == 0 {
			t.Fatalf("no files in %s: %v", room, err)
		}
		for _, f := range files {
			if strings.HasSuffix(f, "_test.go") || f == "problem_catalogue.go" {
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
	for _, e := range Catalogue() {
		if !raised[e.Code] {
			t.Errorf("%s is in the catalogue and nobody raises it", e.Code)
		}
		delete(raised, e.Code)
	}
	for c := range raised {
		t.Errorf("%s is raised and not in the catalogue", c)
	}
}
