package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/creack/pty"

	"portti/cmd/portti/config"
	"portti/cmd/portti/gateway"
	"portti/cmd/portti/status"
	"portti/cmd/portti/testbed"
	"portti/cross/testkit"
)

// loginSite is a folder with a configuration whose [uplink] and tables below
// it are given.
func loginSite(t *testing.T, uplink string) (dir, file string) {
	t.Helper()
	dir = t.TempDir()
	file = filepath.Join(dir, "portti.toml")
	text := fmt.Sprintf("[gateway]\nid = \"XXXX00TEST0000001\"\nreport_interval = \"0s\"\n[paths]\nstate = %q\nrun = %q\n[metrics]\nlisten = \"\"\n[web]\nlisten = \"\"\n[buffer]\nmin_free_disk = \"0B\"\n%s\n",
		filepath.Join(dir, "state"), filepath.Join(dir, "run"), strings.ReplaceAll(uplink, "DIR", dir))
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir, file
}

// login runs the verb with text on its standard input.
func login(t *testing.T, stdin string, args ...string) (code int, out, errs string) {
	t.Helper()
	var o, e bytes.Buffer
	code = run(t.Context(), append([]string{"login"}, args...), strings.NewReader(stdin), &o, &e)
	return code, o.String(), e.String()
}

func TestLoginWritesWhatIsPasted(t *testing.T) {
	const head = "[uplink]\nurl = \"wss://ingest.example.net/in\"\n"
	for name, c := range map[string]struct {
		uplink, stdin string
		code          int
		says, file    string
	}{
		"token":       {head + `token_file = "DIR/state/credentials/uplink-token"`, "canary-token\n", 0, "The access token was written", "state/credentials/uplink-token"},
		"JWT":         {head + `token_file = "DIR/etc/token"`, "e30.eyJleHAiOjQxMDI0NDQ4MDB9.AA", 0, "expires on 1 January 2100", "etc/token"},
		"ended":       {head + `token_file = "DIR/etc/token"`, "e30.eyJleHAiOjEwMDAwMDAwMDB9.AA", 0, "expired on", "etc/token"},
		"nothing":     {head + `token_file = "DIR/etc/token"`, " \n", 1, "no access token was given", ""},
		"a header":    {head + `token_file = "DIR/etc/token"`, "Authorization: Bearer canary\n", 1, "a whole header", ""},
		"its scheme":  {head + `token_file = "DIR/etc/token"`, "Bearer canary\n", 1, `begins with "Bearer"`, ""},
		"in quotes":   {head + `token_file = "DIR/etc/token"`, "\"canary\"\n", 1, "in quotes", ""},
		"an answer":   {head + `token_file = "DIR/etc/token"`, `{"access_token":"canary"}`, 1, "the value of access_token", ""},
		"two lines":   {head + `token_file = "DIR/etc/token"`, "canary\ncanary\n", 1, "more than one line", ""},
		"too long":    {head + `token_file = "DIR/etc/token"`, strings.Repeat("canary", 20_000), 1, "longer than 64 KB", ""},
		"bytes":       {head + `token_file = "DIR/etc/token"`, "canary\x01", 1, "cannot be used", ""},
		"unit":        {head + `credential = "uplink-token"`, "canary", 1, "systemd credential", ""},
		"no token":    {head + `auth = "none"`, "", 1, "needs no login", ""},
		"secret":      {head + "token_source = \"oauth\"\n[uplink.oauth]\ntoken_url = \"https://l.example/t\"\nclient_id = \"gw\"\nclient_secret_file = \"DIR/state/credentials/secret\"", "canary-secret", 0, "client secret was written", "state/credentials/secret"},
		"refresh":     {head + "token_source = \"oauth\"\n[uplink.oauth]\ngrant = \"refresh-token\"\ntoken_url = \"https://l.example/t\"\nclient_id = \"gw\"\nrefresh_token_file = \"DIR/state/credentials/first\"", "canary-refresh", 0, "refresh token was written", "state/credentials/first"},
		"password":    {head + "token_source = \"login\"\n[uplink.login]\nurl = \"https://l.example/auth\"\nemail = \"gw@example.net\"\npassword_file = \"DIR/state/credentials/password\"", "pä ss wörd", 0, "password of gw@example.net was written", "state/credentials/password"},
		"bad config":  {"[uplink]\nurl = 7", "", 1, "must be text", ""},
		"nobody runs": {head + `token_file = "DIR/etc/token"`, "canary", 0, "not running. Start it", "etc/token"},
	} {
		t.Run(name, func(t *testing.T) {
			dir, file := loginSite(t, c.uplink)
			code, out, errs := login(t, c.stdin, "-c", file)
			if code != c.code || !strings.Contains(out+errs, c.says) || strings.Contains(out+errs, "canary") {
				t.Errorf("exit code %d\n%s%s", code, out, errs)
			}
			if c.file == "" {
				return
			}
			got, err := os.ReadFile(filepath.Join(dir, c.file))
			info, _ := os.Stat(filepath.Join(dir, c.file))
			if err != nil || string(got) != strings.TrimSpace(c.stdin)+"\n" || info.Mode().Perm() != 0o600 {
				t.Errorf("%q %v", got, err)
			}
		})
	}
	if code, _, errs := login(t, "", "-c", filepath.Join(t.TempDir(), "none.toml")); code != exitNotConfigured {
		t.Errorf("no configuration: %d %s", code, errs)
	}
}

func TestLoginTakesATokenFile(t *testing.T) {
	dir, file := loginSite(t, "[uplink]\nurl = \"wss://h.example/in\"\ntoken_file = \"DIR/state/credentials/token\"")
	from := filepath.Join(dir, "mailed.txt")
	if err := os.WriteFile(from, []byte("mailed\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for arg, stdin := range map[string]string{from: "", "-": "mailed"} {
		if code, out, errs := login(t, stdin, "-c", file, "--token-file", arg); code != 0 {
			t.Fatalf("%d %s%s", code, out, errs)
		}
		if got, _ := os.ReadFile(filepath.Join(dir, "state/credentials/token")); string(got) != "mailed\n" {
			t.Errorf("%s: %q", arg, got)
		}
	}
	if code, _, errs := login(t, "", "-c", file, "--token-file", filepath.Join(dir, "gone")); code != 1 || !strings.Contains(errs, "cannot read the access token") {
		t.Errorf("%d %s", code, errs)
	}
}

// The gateway may take longer over a reload than --timeout allows for an answer.
func TestLoginWaitsForTheReload(t *testing.T) {
	dir, file := loginSite(t, "[uplink]\nurl = \"wss://h.example/in\"\ntoken_file = \"DIR/state/credentials/token\"")
	socket := filepath.Join(dir, "s")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "{}") })}
	go func() { _ = server.Serve(listener) }()
	defer server.Close()
	code, out, errs := login(t, "token", "-c", file, "--token-file", "-", "--socket", socket, "--timeout", "1ns")
	if code != 0 || !strings.Contains(out, "was told and connects now") {
		t.Errorf("%d %s%s", code, out, errs)
	}
}

// On a terminal the token is asked for, and not shown.
func TestLoginHidesWhatIsTyped(t *testing.T) {
	dir, file := loginSite(t, "[uplink]\nurl = \"wss://h.example/in\"\ntoken_file = \"DIR/state/credentials/token\"")
	master, terminal, err := pty.Open()
	if err != nil {
		t.Skipf("no pseudo-terminal here: %v", err)
	}
	defer master.Close()
	defer terminal.Close()
	out := &prompt{asked: make(chan struct{})}
	var errs bytes.Buffer
	done := make(chan int, 1)
	go func() { done <- run(t.Context(), []string{"login", "-c", file}, terminal, out, &errs) }()
	<-out.asked
	if echoes(t, terminal) {
		t.Error("it asks while what is typed is shown still")
	}
	if _, err := master.WriteString("canary-typed\n"); err != nil {
		t.Fatal(err)
	}
	if code := <-done; code != 0 {
		t.Fatal(code, errs.String())
	}
	if got, _ := os.ReadFile(filepath.Join(dir, "state/credentials/token")); string(got) != "canary-typed\n" {
		t.Errorf("%q", got)
	}
	if !echoes(t, terminal) {
		t.Error("the terminal stays mute")
	}
	if strings.Contains(out.b.String()+errs.String(), "canary") {
		t.Error("the token was printed")
	}
}

// prompt closes asked when the question is out.
type prompt struct {
	b     bytes.Buffer
	asked chan struct{}
}

func (p *prompt) Write(b []byte) (int, error) {
	n, err := p.b.Write(b)
	if bytes.Contains(b, []byte("it is not shown")) {
		close(p.asked)
	}
	return n, err
}

func TestLoginShowsTheKey(t *testing.T) {
	dir, file := loginSite(t, "[uplink]\nurl = \"wss://h.example/in\"\ntoken_source = \"jwt\"\n[uplink.jwt]\nalg = \"EdDSA\"")
	code, out, errs := login(t, "", "-c", file)
	if code != 0 || !strings.Contains(out, "BEGIN PUBLIC KEY") || strings.Contains(out, "PRIVATE") {
		t.Fatalf("%d %s%s", code, out, errs)
	}
	_, doc, _ := login(t, "", "-c", file, "--json")
	var jwk map[string]string
	if err := json.Unmarshal([]byte(doc), &jwk); err != nil || jwk["crv"] != "Ed25519" || jwk["d"] != "" || !strings.Contains(out, jwk["kid"]) {
		t.Errorf("%s: %v", doc, err)
	}
	if _, err := os.Stat(filepath.Join(dir, "state/credentials/device-key.pem")); err != nil {
		t.Error(err)
	}
}

// phone is an OAuth server with a user who confirms a code when it is out, if
// willing.
type phone struct {
	willing   atomic.Bool
	confirmed atomic.Bool
	answer    atomic.Value // error code in place of a token
	asked     atomic.Int64
	url       string
}

func newPhone(t *testing.T) *phone {
	p := &phone{}
	mux := http.NewServeMux()
	mux.HandleFunc("/device", func(w http.ResponseWriter, r *http.Request) {
		p.confirmed.Store(p.willing.Load())
		fmt.Fprintf(w, `{"device_code":"canary-device","user_code":"WDJB-MJHT","verification_uri":"https://login.example/device","verification_uri_complete":"https://login.example/device?user_code=WDJB-MJHT","expires_in":600,"interval":1}`)
	})
	mux.HandleFunc("/token", func(w http.ResponseWriter, r *http.Request) {
		p.asked.Add(1)
		code, _ := p.answer.Load().(string)
		switch {
		case code != "":
		case r.FormValue("grant_type") == "refresh_token" || p.confirmed.Load():
			fmt.Fprint(w, `{"access_token":"canary-access","refresh_token":"canary-refresh","expires_in":3600}`)
			return
		default:
			code = "authorization_pending"
		}
		w.WriteHeader(400)
		fmt.Fprintf(w, `{"error":%q}`, code)
	})
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	p.url = srv.URL
	return p
}

func (p *phone) uplink(server string) string {
	return fmt.Sprintf("[uplink]\nurl = %q\ntoken_source = \"oauth\"\nproxy = \"none\"\n[uplink.backoff]\nbase = \"100ms\"\ncap = \"1s\"\n[uplink.oauth]\ngrant = \"device-code\"\ntoken_url = \"%s/token\"\ndevice_url = \"%s/device\"\nclient_id = \"gw\"", server, p.url, p.url)
}

// The whole way: a gateway that nobody has logged in says so; a technician
// runs the verb, confirms on the phone, and the gateway is online.
func TestLoginWithAPhone(t *testing.T) {
	t.Parallel()
	server, err := testbed.NewReceiver(testbed.Options{Listen: "127.0.0.1:0", Auth: "header", Token: "canary-access"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan struct{})
	go func() { defer close(served); _ = server.Run(ctx) }()
	defer func() { cancel(); <-served }()
	p := newPhone(t)
	dir, file := loginSite(t, p.uplink(server.URL()))
	loadAgain := func() (*config.Config, error) { return config.Load(file, config.LoadOptions{}) }
	cfg, err := loadAgain()
	if err != nil {
		t.Fatal(err)
	}
	g, err := gateway.New(cfg, gateway.Options{Version: "test", Load: loadAgain})
	if err != nil {
		t.Fatal(err)
	}
	running, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- g.Run(running) }()
	until := func(what string, ok func(status.Document) bool) {
		t.Helper()
		testkit.Eventually(t, what, func() bool { return ok(g.Status()) }, func() string { return fmt.Sprintf("%+v", g.Status().Link) })
	}
	until("parked for want of a login", func(s status.Document) bool {
		return s.Link.State == status.LinkParked && s.Link.Problem == "UP-TOKEN-LOGIN"
	})
	p.willing.Store(true)
	code, out, errs := login(t, "", "-c", file)
	if code != 0 || !strings.Contains(out, "https://login.example/device\n") || !strings.Contains(out, "WDJB-MJHT") || !strings.Contains(out, "was told and connects now") || strings.Contains(out+errs, "canary") {
		t.Fatalf("%d\n%s%s", code, out, errs)
	}
	until("online", func(s status.Document) bool { return s.Link.State == status.LinkOnline })
	if s := g.Status(); s.Link.Token == nil || s.Link.Token.Source != "device-code" || s.Link.Token.Fingerprint == "" {
		t.Errorf("%+v", s.Link.Token)
	}
	if text, _ := os.ReadFile(filepath.Join(dir, "state/credentials/uplink-login")); !bytes.Contains(text, []byte("canary-refresh")) {
		t.Errorf("kept %s", text)
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestLoginWithAPhoneThatSaysNo(t *testing.T) {
	t.Parallel()
	for answer, says := range map[string]string{
		"access_denied":  "was refused on the other device",
		"expired_token":  "nobody confirmed the code in time",
		"invalid_client": "Check client_id",
	} {
		t.Run(answer, func(t *testing.T) {
			t.Parallel()
			p := newPhone(t)
			p.answer.Store(answer)
			_, file := loginSite(t, p.uplink("wss://h.example/in"))
			if code, out, errs := login(t, "", "-c", file); code != 1 || !strings.Contains(errs, says) || strings.Contains(out+errs, "canary") {
				t.Errorf("%d\n%s%s", code, out, errs)
			}
		})
	}
}

// Nobody there at all, and Ctrl-C while waiting.
func TestLoginWithAPhoneBreaksOff(t *testing.T) {
	t.Parallel()
	p := newPhone(t)
	_, file := loginSite(t, strings.ReplaceAll(p.uplink("wss://h.example/in"), p.url, "http://127.0.0.1:1"))
	if code, _, errs := login(t, "", "-c", file); code != 1 || !strings.Contains(errs, "Try again in a minute") {
		t.Errorf("no network: %d %s", code, errs)
	}
	_, file = loginSite(t, p.uplink("wss://h.example/in"))
	ctx, cancel := context.WithCancel(t.Context())
	var out, errs bytes.Buffer
	done := make(chan int, 1)
	go func() { done <- run(ctx, []string{"login", "-c", file}, strings.NewReader(""), &out, &errs) }()
	testkit.Eventually(t, "it asks whether the user has confirmed", func() bool { return p.asked.Load() > 0 })
	cancel()
	if code := <-done; code != exitInterrupted || !strings.Contains(errs.String(), "nothing was changed") {
		t.Errorf("interrupted: %d %s", code, errs.String())
	}
}
