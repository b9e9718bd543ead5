package main

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"portti/cmd/portti/status"
	"portti/cmd/portti/web"
	"portti/device"
)

// TestDriversProblemsAreFinnish: the page says them in Finnish too.
func TestDriversProblemsAreFinnish(t *testing.T) {
	n := 0
	for _, p := range device.Kinds().Problems() {
		n++
		if why := web.CheckFinnish(status.Entry{Code: p.Code, Title: p.Title, Sentence: p.Sentence, Actions: p.Actions}); why != "" {
			t.Errorf("%s: %s", p.Code, why)
		}
	}
	if n < 20 {
		t.Errorf("only %d problems of drivers", n)
	}
}

func TestSSHTarget(t *testing.T) {
	for _, c := range []struct {
		env  map[string]string
		want string
	}{
		{map[string]string{"SUDO_USER": "pi", "SSH_CONNECTION": "10.0.0.9 50000 10.0.0.7 22"}, "pi@10.0.0.7"},
		{map[string]string{"SUDO_USER": "pi"}, "pi@gw.local"},
	} {
		if got := sshTarget("gw", func(name string) string { return c.env[name] }); got != c.want {
			t.Errorf("got %s, want %s", got, c.want)
		}
	}
	if got := sshTarget("gw.example.net", func(name string) string { return map[string]string{"SUDO_USER": "pi"}[name] }); got != "pi@gw.example.net" {
		t.Errorf("got %s", got)
	}
}

func TestPageAddress(t *testing.T) {
	for _, c := range []struct {
		now  string
		lan  bool
		want string
	}{
		{"", false, "127.0.0.1:8470"}, {"", true, ":8470"}, {"127.0.0.1:9000", true, ":9000"}, {"localhost:9000", false, "localhost:9000"},
		{":9000", false, "127.0.0.1:9000"}, {"10.0.0.7:9000", true, "10.0.0.7:9000"}, {"[::1]:9000", true, ":9000"},
	} {
		if got := pageAddress(c.now, c.lan); got != c.want {
			t.Errorf("%q, lan %v: got %q, want %q", c.now, c.lan, got, c.want)
		}
	}
}

// TestWebVerbs: a technician's way through all of them, on a gateway that runs.
func TestWebVerbs(t *testing.T) {
	dir := t.TempDir()
	main := filepath.Join(dir, "portti.toml")
	text := fmt.Sprintf("[paths]\nstate = %q\nrun = %q\n[metrics]\nlisten = \"\"\n[web]\nlisten = \"127.0.0.1:0\"\n", dir, dir)
	if err := os.WriteFile(main, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	do := func(want int, says []string, args ...string) string {
		t.Helper()
		code, out, errs := portti(t, append(args, "-c", main)...)
		for _, s := range says {
			if !strings.Contains(out+errs, s) {
				t.Errorf("portti %s lacks %q:\n%s%s", strings.Join(args, " "), s, out, errs)
			}
		}
		if code != want {
			t.Errorf("portti %s: exit code %d, want %d\n%s%s", strings.Join(args, " "), code, want, out, errs)
		}
		return out
	}
	do(exitNotRunning, []string{"not running"}, "web", "link")
	g := startVerb(t, "", "run", "-c", main)
	g.says(t, "web.started")
	do(exitOK, []string{"http://localhost:", "/signin/", "ssh -L", "web enable --lan", "to look, once, within 10 min"}, "web", "link")
	do(exitOK, []string{"to look and act"}, "web", "link", "--act")
	do(exitOK, []string{"Nobody is signed in"}, "web", "sessions")
	do(exitOK, []string{"Written to", "web: the page is served on :0 now", "https://", "fingerprint must be"}, "web", "enable", "--lan")
	var link struct{ URLs []string }
	if err := json.Unmarshal([]byte(do(exitOK, nil, "web", "link", "--json")), &link); err != nil || len(link.URLs) == 0 {
		t.Fatalf("the link as JSON: %v", err)
	}
	u, err := url.Parse(link.URLs[0])
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Post("https://127.0.0.1:"+u.Port()+u.Path, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	out := do(exitOK, []string{"view", "127.0.0.1", "Go-http-client", "portti web revoke ID"}, "web", "sessions")
	id := strings.Fields(strings.Split(out, "\n")[1])[0]
	do(exitFailed, []string{"no session has the ID"}, "web", "revoke", "nobody")
	do(exitUsage, []string{"say whom"}, "web", "revoke")
	do(exitOK, []string{"Signed out: 1 session."}, "web", "revoke", id)
	do(exitOK, []string{"web: the page is off now", "sudo portti web enable"}, "web", "disable")
	do(exitFailed, []string{"the page is off. Switch it on: sudo portti web enable"}, "web", "link")
	later := filepath.Join(dir, "conf.d", "90-site.toml")
	if err := os.WriteFile(later, []byte("[web]\nlisten = \"127.0.0.1:1\"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	do(exitFailed, []string{"90-site.toml:2", "nothing was changed"}, "web", "disable")
	g.cancel()
	g.ends(t, exitOK)
}
