package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"portti/cmd/portti/gateway"
	"portti/cmd/portti/rig"
	"portti/cmd/portti/status"
	"portti/cmd/portti/testbed"
)

// canaries are what must be nowhere: each stands in one place of a configuration where a
// secret can be.
type canaries map[string]string

func newCanaries() canaries {
	return canaries{
		"token": "cnry-token-f3a9c2d1e8b7", "query": "cnry+query/5d4c3b2a=", "fragment": "cnry-fragment-91827364",
		"proxy": "cnry-proxypass-6f5e4d", "header": "cnry-header-7a6b5c4d", "key": "c0ffee00c0ffee11c0ffee22c0ffee33",
		"keysfile": "deadbeef01deadbeef02deadbeef0304", "secret": "cnry-oauth-secret-aa11bb", "refresh": "cnry-refresh-token-cc22dd",
		"access": "cnry-access-token-ee33ff", "password": "cnry-password-00gg11", "pem": "Y25yeVBFTWtleWJvZHkwMTIzNDU2Nzg5YWJjZGVmZ2hpams",
		"credential": "cnry-credential-5566", "note": "cnry-noted-token-778899", "wifi": "cnry-wifi-psk-zz99",
	}
}

// forms are the encodings in which none may stand.
func canaryForms(secret string) []string {
	all := []string{secret, url.QueryEscape(secret), url.PathEscape(secret), hex.EncodeToString([]byte(secret))}
	for shift := range 3 {
		text := base64.StdEncoding.EncodeToString(append(make([]byte, shift), secret...))
		cut := text[4 : len(text)-4]
		all = append(all, cut, strings.NewReplacer("+", "-", "/", "_").Replace(cut))
	}
	return all
}

// none fails where a canary stands in text, in whatever form.
func (c canaries) none(t *testing.T, where string, text []byte) {
	t.Helper()
	low := bytes.ToLower(text)
	for name, secret := range c {
		for _, form := range canaryForms(secret) {
			if at := bytes.Index(low, bytes.ToLower([]byte(form))); at >= 0 {
				t.Errorf("%s: the canary %s stands in it: ...%q", where, name, text[max(0, at-60):min(len(text), at+60)])
			}
		}
	}
}

// put writes the files with secrets and makes the site's configuration name all.
func (c canaries) put(t *testing.T, s *rig.Site) {
	t.Helper()
	write := func(name, text string) string {
		path := filepath.Join(s.Dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	s.URL += "?site=" + url.QueryEscape(c["query"])
	s.Uplink += fmt.Sprintf("insecure = true\nauth = \"header\"\ntoken_file = %q\n", write("token", c["token"]+"\n"))
	s.More += fmt.Sprintf("[uplink.headers]\nX-Site = %q\n[uplink.oauth]\nclient_secret_file = %q\nrefresh_token_file = %q\n[uplink.login]\npassword_file = %q\n",
		c["header"], write("secret", c["secret"]), write("refresh", c["refresh"]), write("password", c["password"]))
	s.More += fmt.Sprintf("[[device]]\nname = \"tags\"\nenabled = false\ntype = \"ble-bridge\"\nport = \"/dev/ttyUSB97\"\nid = \"XXXX03TAG00000001\"\nkeys = {\"A4:C1:38:8D:18:B2\" = %q}\nkeys_file = %q\n",
		c["key"], write("keys", "A4:C1:38:8D:18:B3 "+c["keysfile"]+"\n"))
	s.More += "[[device]]\nname = \"mast\"\nenabled = false\ntype = \"gps\"\nport = \"/dev/ttyUSB96\"\nid = \"XXXX03GPS00000077\"\n[device.fence.home]\nlat = 60.169523\nlon = 24.935417\nradius = 50.0\n"
	write("state/credentials/uplink-login", fmt.Sprintf(`{"version":1,"token_url":"https://h.example","client_id":"gw","refresh_token":%q,"access_token":%q}`, c["refresh"], c["access"]))
	write("state/credentials/device-key.pem", "-----BEGIN PRIVATE KEY-----\n"+c["pem"]+"\n-----END PRIVATE KEY-----\n")
	write("state/credentials/other", c["credential"])
}

// unpacked is what a bundle holds, by name.
func unpacked(t *testing.T, path string) map[string][]byte {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("%v: %v", info, err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][]byte{}
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if err == io.EOF {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		_, name, _ := strings.Cut(h.Name, "/")
		all[name] = text
		if strings.HasSuffix(name, ".json") && !json.Valid(text) {
			t.Errorf("%s is no JSON:\n%s", name, text)
		}
	}
}

// said runs the program and gives all that it prints.
func said(t *testing.T, args ...string) (code int, text string) {
	t.Helper()
	var out bytes.Buffer
	code = runOn(t.Context(), fstest.MapFS{"etc/resolv.conf": {Data: []byte("search site.example\nnameserver 192.0.2.53\n")}}, args, strings.NewReader("\n"), &out, &out)
	return code, out.String()
}

// lockedLog keeps lines.
type lockedLog struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedLog) text() []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	return bytes.Clone(l.b.Bytes())
}

// TestNoCanaryGetsOut: in whatever state a gateway is, no secret stands in a bundle, in
// what a verb prints, or in the log.
func TestNoCanaryGetsOut(t *testing.T) {
	c := newCanaries()
	s := rig.New(t, testbed.Options{Auth: "header", Token: c["token"]})
	c.put(t, s)
	log := &lockedLog{}
	level := new(slog.LevelVar)
	level.Set(slog.LevelDebug)
	g := s.Run(gateway.Options{Log: slog.New(slog.NewJSONHandler(log, &slog.HandlerOptions{Level: level})), Level: level})
	file := s.ConfigFile()
	s.Line().Feed(50)
	g.Until("the readings are delivered", s.Delivered)
	states := []struct {
		name  string
		enter func()
	}{
		{"running", func() {}},
		{"refused", func() {
			s.Down()
			g.Until("the link is down", func(st *status.Document) bool { return st.Link.State != status.LinkOnline })
		}},
		{"stopped", func() { g.Halt() }},
		{"broken", func() { c.breakConfig(t, file) }},
	}
	for _, state := range states {
		state.enter()
		for _, flags := range [][]string{nil, {"--private"}, {"--json"}, {"--record", "--since", "1h"}} {
			out := filepath.Join(t.TempDir(), "b.tar.gz")
			code, text := said(t, append([]string{"bundle", "-c", file, "-o", out, "--note", "the token=" + c["note"] + " and psk=" + c["wifi"]}, flags...)...)
			if code != exitOK {
				t.Fatalf("%s %v: exit code %d\n%s", state.name, flags, code, text)
			}
			c.none(t, state.name+": output of bundle", []byte(text))
			files := unpacked(t, out)
			for name, text := range files {
				c.none(t, fmt.Sprintf("%s %v: %s", state.name, flags, name), text)
			}
			if slices.Contains(flags, "--private") {
				where := map[string]string{"latitude": "60.1695", "longitude": "24.9354", "tag": "A4:C1:38:8D:18:B2", "device": "XXXX03GPS00000077", "gateway": s.ID}
				for name, text := range files {
					for what, value := range where {
						if bytes.Contains(bytes.ToUpper(text), []byte(strings.ToUpper(value))) {
							t.Errorf("%s: the %s stands in %s of a private bundle", state.name, what, name)
						}
					}
				}
			}
			loadSchema(t, "manifest").validate(t, "manifest.json", []byte(files["manifest.json"]))
			if len(files["manifest.json"]) == 0 || len(files["system/interfaces.txt"]) == 0 || len(files["status.json"]) == 0 {
				t.Errorf("%s: %d files", state.name, len(files))
			}
		}
		for _, args := range []string{"status", "status --json", "status -v", "config show", "config show --origin --json", "config diff", "config check", "config check --json", "queue stats", "queue stats --json", "identity show", "service status", "login --json", "check", "test panel --for 10ms", "tail panel --raw --for 10ms"} {
			_, text := said(t, append(strings.Fields(args), "-c", file)...)
			c.none(t, state.name+": output of "+args, []byte(text))
		}
	}
	lines := bytes.Count(log.text(), []byte("\n"))
	t.Logf("%d lines of the log", lines)
	c.none(t, fmt.Sprintf("%d lines of the log", lines), log.text())
}

// breakConfig makes the file one whose mistakes stand in the lines with the secrets.
func (c canaries) breakConfig(t *testing.T, file string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	broken := string(text) + fmt.Sprintf("\n[uplink.headers]\ntoken = %q\nurl = \"wss://user:%s@h.example/x?a=%s#%s\nX-Site = %q oops\nX-Other = \"%s\n", c["token"], c["proxy"], c["query"], c["fragment"], c["header"], c["header"])
	if err := os.WriteFile(file, []byte(broken), 0o600); err != nil {
		t.Fatal(err)
	}
}
