package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/creack/pty"

	"portti/cmd/portti/config"
	"portti/cross/testkit"
)

// site is a gateway that was never set up, and a server that wants a token.
type site struct {
	t                *testing.T
	dir, main, token string
	url              string
	said             string // by what was run last with a broken stick
}

const packaged = `# my gateway
[paths]
state = "DIR/state"
run = "DIR/run"
[metrics]
listen = ""
[web]
listen = ""

[uplink]
# url = "wss://ingest.example.net/socket"   # the server

[log]
level = "info"   # kept
`

func newSite(t *testing.T) *site {
	t.Helper()
	dir := t.TempDir()
	s := &site{t: t, dir: dir, main: filepath.Join(dir, "portti.toml"), token: filepath.Join(dir, "given")}
	s.put(s.main, packaged)
	s.put(s.token, "canary-token\n")
	r := startVerb(t, "", "receive", "--listen", "127.0.0.1:0", "--auth", "header", "--token-file", s.token)
	s.url = receiverURL(t, r)
	return s
}

func (s *site) put(path, text string) {
	s.t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(strings.ReplaceAll(text, "DIR", s.dir)), 0o644); err != nil {
		s.t.Fatal(err)
	}
}

func (s *site) read(path string) string {
	b, _ := os.ReadFile(path)
	return string(b)
}

// setup runs the verb with nobody to ask.
func (s *site) setup(args ...string) (code int, out, errs string) {
	s.t.Helper()
	code, out, errs = portti(s.t, append([]string{"setup", "-c", s.main}, args...)...)
	if strings.Contains(out+errs, "canary") {
		s.t.Errorf("the token is shown:\n%s%s", out, errs)
	}
	return code, out, errs
}

// TestSetupWithFlags: what is given is tried, shown and written, and all else in the file
// stays; the same once more changes nothing.
func TestSetupWithFlags(t *testing.T) {
	s := newSite(t)
	before := s.read(s.main)
	code, out, errs := s.setup(s.url, "--token-file", s.token, "--id", "XXXX00SETUP000001", "--yes")
	file := filepath.Join(s.dir, "credentials", "uplink-token")
	if code != exitOK {
		t.Fatalf("%d\n%s%s", code, out, errs)
	}
	for _, want := range []string{"The server takes this login", "uplink.url", "(not set) -> " + s.url, file, "gateway.id", "auto -> XXXX00SETUP000001", ".bak"} {
		if !strings.Contains(out, want) {
			t.Errorf("it does not say %q:\n%s", want, out)
		}
	}
	want := strings.Replace(before, "[uplink]\n", fmt.Sprintf("[uplink]\nurl = %q\ntoken_file = %q\n", s.url, file), 1) + "\n[gateway]\nid = \"XXXX00SETUP000001\"\n"
	if got := s.read(s.main); got != want {
		t.Errorf("%s", got)
	}
	if s.read(s.main+".bak") != before || s.read(file) != "canary-token\n" {
		t.Errorf("%q %q", s.read(s.main+".bak"), s.read(file))
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info, err)
	}
	if _, err := config.Load(s.main, config.LoadOptions{}); err != nil {
		t.Error(err)
	}
	code, out, errs = s.setup(s.url, "--token-file", s.token, "--id", "XXXX00SETUP000001", "--yes")
	if code != exitOK || !strings.Contains(out, "nothing is written") || s.read(s.main) != want || s.read(s.main+".bak") != before {
		t.Errorf("once more: %d\n%s%s", code, out, errs)
	}
	code, out, errs = s.setup(s.url, "--token-file", s.token, "--yes", "--json")
	loadSchema(t, "setup").validate(t, "what it printed", []byte(out))
	if code != exitOK || !strings.Contains(out, `"changed": []`) {
		t.Errorf("as JSON: %d\n%s%s", code, out, errs)
	}
}

// TestSetupRefuses (row 244) what cannot work, and then nothing at all was written.
func TestSetupRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		args  []string // URL stands for the server
		extra string   // in conf.d
		code  int
		says  string
	}{
		"nothing given":     {nil, "", exitUsage, "which server?"},
		"no token":          {[]string{"URL"}, "", exitUsage, "which token?"},
		"a page":            {[]string{"http://h/x"}, "", exitFailed, "write ws://"},
		"not encrypted":     {[]string{"ws://192.0.2.1/x"}, "", exitFailed, "give --insecure"},
		"no host":           {[]string{"wss:///x"}, "", exitFailed, "names no host"},
		"a fragment":        {[]string{"wss://h/#token"}, "", exitFailed, "never sent"},
		"unknown dialect":   {[]string{"URL", "--dialect", "haltles"}, "", exitFailed, `did you mean "haltless"?`},
		"wrong token":       {[]string{"URL", "--token-file", "DIR/wrong", "--yes"}, "", exitFailed, "Get another token"},
		"no server there":   {[]string{"ws://127.0.0.1:1/x", "--auth", "none", "--yes"}, "", exitFailed, "NET-REFUSED"},
		"a token for none":  {[]string{"URL", "--auth", "none", "--token-file", "DIR/wrong", "--yes"}, "", exitUsage, "need no token"},
		"a whole header":    {[]string{"URL", "--token-file", "DIR/header", "--yes"}, "", exitFailed, "a whole header"},
		"nobody says yes":   {[]string{"URL", "--token-file", "DIR/given"}, "", exitUsage, "say --yes"},
		"a later file wins": {[]string{"URL", "--token-file", "DIR/given", "--yes"}, "[uplink]\nurl = \"wss://elsewhere.example/ws\"\nauth = \"none\"\n", exitFailed, "20-mine.toml:2"},
		"mistakes before":   {[]string{"URL", "--token-file", "DIR/given", "--yes"}, "[log]\nlevle = 1\n", exitFailed, "Correct that first"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			s.put(filepath.Join(s.dir, "wrong"), "canary-wrong")
			s.put(filepath.Join(s.dir, "header"), "Authorization: Bearer canary")
			if c.extra != "" {
				s.put(filepath.Join(s.dir, "conf.d/20-mine.toml"), c.extra)
			}
			before := s.read(s.main)
			var args []string
			for _, a := range c.args {
				args = append(args, strings.NewReplacer("URL", s.url, "DIR", s.dir).Replace(a))
			}
			code, out, errs := s.setup(args...)
			if code != c.code || !strings.Contains(errs, c.says) {
				t.Errorf("%d\n%s%s", code, out, errs)
			}
			if s.read(s.main) != before || s.read(s.main+".bak") != "" || s.read(filepath.Join(s.dir, "credentials/uplink-token")) != "" {
				t.Error("something was written")
			}
		})
	}
}

// TestSetupFromNothing: without a configuration one is made, and a server that is not there
// yet can be written all the same.
func TestSetupFromNothing(t *testing.T) {
	s := newSite(t)
	if err := os.Remove(s.main); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PORTTI_PATHS__STATE", filepath.Join(s.dir, "state"))
	t.Setenv("PORTTI_PATHS__RUN", filepath.Join(s.dir, "run"))
	code, out, errs := s.setup("ws://127.0.0.1:1/x", "--auth", "none", "--no-connect", "--yes")
	if code != exitOK || strings.Contains(out, ".bak") || !strings.Contains(out, "Now start the gateway: portti run -c "+s.main) {
		t.Errorf("%d\n%s%s", code, out, errs)
	}
	cfg, err := config.Load(s.main, config.LoadOptions{})
	if err != nil || cfg.Uplink.URL != "ws://127.0.0.1:1/x" || cfg.Uplink.Auth != "none" {
		t.Errorf("%v\n%s", err, s.read(s.main))
	}
}

// TestSetupAsks for what is missing on a terminal: a wrong address again, the token without
// showing it, and whether to write.
func TestSetupAsks(t *testing.T) {
	s := newSite(t)
	master, terminal, err := pty.Open()
	if err != nil {
		t.Skipf("no pseudo-terminal here: %v", err)
	}
	defer master.Close()
	defer terminal.Close()
	var out, errs talkBuffer
	done := make(chan int, 1)
	go func() { done <- run(t.Context(), []string{"setup", "-c", s.main}, terminal, &out, &errs) }()
	answer := func(question, text string) {
		t.Helper()
		testkit.Eventually(t, "it asks "+question, func() bool { return strings.HasSuffix(out.String(), question) }, out.String, errs.String)
		if strings.Contains(question, "not shown") && echoes(t, terminal) {
			t.Error("it asks while what is typed is shown still")
		}
		if _, err := master.WriteString(text + "\n"); err != nil {
			t.Fatal(err)
		}
	}
	answer("/ws: ", "https://h/x")
	answer("Nothing was changed.\nAddress of the server, such as wss://ingest.example.net/ws: ", s.url)
	answer("(it is not shown): ", "canary-token")
	answer("Write this? Y/n: ", "")
	if code := testkit.Receive(t, "it ends", done); code != exitOK {
		t.Fatalf("%d\n%s%s", code, out.String(), errs.String())
	}
	if got := s.read(filepath.Join(s.dir, "credentials/uplink-token")); got != "canary-token\n" {
		t.Errorf("%q", got)
	}
	if strings.Contains(out.String()+errs.String(), "canary") {
		t.Error("the token is shown")
	}
	cfg, err := config.Load(s.main, config.LoadOptions{})
	if err != nil || cfg.Uplink.URL != s.url {
		t.Errorf("%v\n%s", err, s.read(s.main))
	}
}

// TestSetupOfARunningGateway: one that has the server already is waited for.
func TestSetupOfARunningGateway(t *testing.T) {
	s := newSite(t)
	if code, out, errs := s.setup(s.url, "--token-file", s.token, "--yes"); code != exitOK {
		t.Fatalf("%d\n%s%s", code, out, errs)
	}
	g := startVerb(t, "", "run", "-c", s.main)
	g.says(t, "uplink.connected")
	if code, out, errs := s.setup("--yes", "--json"); code != exitOK || !strings.Contains(out, `"online": true`) || !strings.HasPrefix(out, "{") {
		t.Errorf("%d\n%s%s", code, out, errs)
	}
	code, out, errs := s.setup("--yes", "--no-connect")
	if code != exitOK || !strings.Contains(out, "nothing is written") || !strings.Contains(out, "The gateway is online") {
		t.Errorf("%d\n%s%s", code, out, errs)
	}
	g.cancel()
	g.ends(t, exitOK)
}

// TestNobodyToAsk: what is no terminal is not asked, whatever kind of file it is.
func TestNobodyToAsk(t *testing.T) {
	s := newSite(t)
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"setup", s.url}, exitUsage, "which token?"},
		{[]string{"setup"}, exitUsage, "which server?"},
	} {
		var out, errs talkBuffer
		if code := run(t.Context(), append(c.args, "-c", s.main), null, &out, &errs); code != c.code || !strings.Contains(errs.String(), c.says) {
			t.Errorf("%v: %d\n%s%s", c.args, code, out.String(), errs.String())
		}
	}
}

// TestSetupWithAPhone: where the configuration logs in with a phone, the code is shown, and the
// server is tried with what comes of it; once logged in nobody is asked again.
func TestSetupWithAPhone(t *testing.T) {
	s := newSite(t)
	s.put(s.token, "canary-access\n")
	r := startVerb(t, "", "receive", "--listen", "127.0.0.1:0", "--auth", "header", "--token-file", s.token)
	p := newPhone(t)
	p.willing.Store(true)
	_, file := loginSite(t, p.uplink("wss://h.example/in"))
	s.main = file
	url := receiverURL(t, r)
	code, out, errs := s.setup(url, "--yes")
	if code != exitOK || !strings.Contains(out, "WDJB-MJHT") || !strings.Contains(out, "The server takes this login") || !strings.Contains(out, "-> "+url) {
		t.Fatalf("%d\n%s%s", code, out, errs)
	}
	asked := p.asked.Load()
	code, out, errs = s.setup("--yes")
	if code != exitOK || strings.Contains(out, "WDJB-MJHT") || !strings.Contains(out, "nothing is written") || p.asked.Load() > asked+1 {
		t.Errorf("once more: %d\n%s%s", code, out, errs)
	}
}

// TestSetupKeepsFallbackServers: the same address changes nothing, and another one takes the place
// of the preferred one alone.
func TestSetupKeepsFallbackServers(t *testing.T) {
	const head, tail = "[uplink]\nauth = \"none\"\nurls = ", "\n"
	for name, c := range map[string]struct {
		args  []string
		after string
	}{
		"no address":   {nil, `["wss://a.example/x", "wss://b.example/x"]`},
		"the same":     {[]string{"wss://a.example/x"}, `["wss://a.example/x", "wss://b.example/x"]`},
		"another":      {[]string{"wss://c.example/x"}, `["wss://c.example/x", "wss://b.example/x"]`},
		"the fallback": {[]string{"wss://b.example/x"}, `["wss://b.example/x", "wss://a.example/x"]`},
	} {
		t.Run(name, func(t *testing.T) {
			s := &site{t: t, dir: t.TempDir()}
			s.main = filepath.Join(s.dir, "portti.toml")
			paths := "[paths]\nstate = \"DIR/state\"\nrun = \"DIR/run\"\n"
			s.put(s.main, paths+head+`["wss://a.example/x", "wss://b.example/x"]`+tail)
			code, out, errs := s.setup(append(c.args, "--no-connect", "--yes", "--id", "XXXX00SETUP000001")...)
			if code != exitOK || !strings.Contains(s.read(s.main), head+c.after+tail) {
				t.Errorf("%d\n%s%s\n%s", code, out, errs, s.read(s.main))
			}
			if changed := strings.Contains(out, "[wss://a.example/x wss://b.example/x] -> "+strings.ReplaceAll(strings.ReplaceAll(c.after, `"`, ""), ",", "")); changed != (len(c.args) > 0 && name != "the same") {
				t.Errorf("it shows\n%s", out)
			}
		})
	}
}

// TestSetupOfALinkedConfiguration: what the link points to is written, with the file before next to
// it, and the link stays.
func TestSetupOfALinkedConfiguration(t *testing.T) {
	s := &site{t: t, dir: t.TempDir()}
	kept := filepath.Join(s.dir, "data", "gateway.toml")
	s.main = filepath.Join(s.dir, "etc", "portti.toml")
	if err := os.Mkdir(filepath.Dir(s.main), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("../data/gateway.toml", s.main); err != nil {
		t.Fatal(err)
	}
	args := []string{"wss://a.example/x", "--auth", "none", "--no-connect", "--yes"}
	code, out, errs := s.setup(args...)
	if code != exitFailed || !strings.Contains(errs, "a link to what is not there") {
		t.Errorf("a link to nothing: %d\n%s%s", code, out, errs)
	}
	s.put(kept, packaged)
	before := s.read(kept)
	code, out, errs = s.setup(args...)
	if code != exitOK || !strings.Contains(out, fmt.Sprintf("To undo: sudo mv %[1]s.bak %[1]s && sudo portti reload", kept)) {
		t.Errorf("%d\n%s%s", code, out, errs)
	}
	if to, err := os.Readlink(s.main); err != nil || to != "../data/gateway.toml" {
		t.Errorf("the link was replaced: %q %v", to, err)
	}
	if s.read(kept+".bak") != before || !strings.Contains(s.read(kept), `url = "wss://a.example/x"`) || len(glob(t, filepath.Join(s.dir, "etc/*"))) != 1 {
		t.Errorf("%q\n%s", s.read(kept+".bak"), s.read(kept))
	}
}
