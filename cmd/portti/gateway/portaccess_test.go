package gateway

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"portti/cmd/portti/console"
	"portti/cmd/portti/status"
	"portti/device"
)

// TestPortDenied: what helps is about this port, and the table says what it is.
func TestPortDenied(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can give a file to another group")
	}
	for name, c := range map[string]struct {
		gid  int
		mode os.FileMode
		says string
	}{
		"another group":         {4, 0o660, "into the group adm of the port: sudo usermod -aG adm portti && sudo portti service restart"},
		"a group without name":  {54321, 0o660, "sudo usermod -aG 54321 portti"},
		"hidden by the sandbox": {overflowGroup, 0o660, `sudo usermod -aG "$(stat -Lc %G PORT)" portti`},
		"no right of the group": {4, 0o600, `KERNEL=="ttyX"`},
		"own group, no device":  {os.Getegid(), 0o660, "DeviceAllow=char-"},
	} {
		port := filepath.Join(t.TempDir(), "ttyX")
		if err := os.WriteFile(port, nil, c.mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chown(port, 0, c.gid); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(port, c.mode); err != nil {
			t.Fatal(err)
		}
		s := healthy()
		s.devices = []device.Status{{Name: "panel", Port: port, State: device.Busy, Code: device.CodePermission, LastErr: "cannot open " + port + ": permission denied"}}
		doc := statusOf(s)
		doc.Problems = problemsOf(t, s)
		var b strings.Builder
		if err := console.Render(&b, &doc, console.Options{}); err != nil {
			t.Fatal(err)
		}
		want := strings.ReplaceAll(c.says, "PORT", port)
		if len(doc.Problems) != 1 || !strings.Contains(doc.Problems[0].Action, want) {
			t.Errorf("%s: %+v lacks %q", name, doc.Problems, want)
		}
		if strings.Contains(doc.Problems[0].Action, "…") {
			t.Errorf("%s: cut: %s", name, doc.Problems[0].Action)
		}
		if strings.Contains(b.String(), "busy") || !strings.Contains(b.String(), "no permission") {
			t.Errorf("%s: %s", name, b.String())
		}
	}
	if got := letIn("/nowhere"); !strings.Contains(got, "ls -lL /nowhere") {
		t.Error(got)
	}
}

// problemsOf are those of a snapshot, as they are when they last.
func problemsOf(t *testing.T, s *snapshot) (list []status.Problem) {
	t.Helper()
	catalogue := map[string]status.Entry{}
	for _, e := range append(status.Catalogue(), kindProblems(device.Kinds())...) {
		catalogue[e.Code] = e
	}
	for _, f := range findings(s) {
		e, ok := catalogue[f.Code]
		if !ok {
			t.Fatal("no such problem: ", f.Code)
		}
		args := append([]string{"subject", f.Subject}, f.Args...)
		actions, _ := e.Advise(args...)
		list = append(list, status.Problem{Code: e.Code, Severity: e.Severity, Title: e.Title, Subject: f.Subject, Sentence: e.Say(args...),
			Action: actions[0], Actions: actions, SinceS: time.Minute.Seconds()})
	}
	for _, p := range list {
		if text := fmt.Sprint(p.Sentence, p.Actions); strings.Contains(text, "unknown") {
			t.Errorf("%s has a place that nobody fills: %s", p.Code, text)
		}
	}
	return list
}
