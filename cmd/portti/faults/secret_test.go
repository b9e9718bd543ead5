//go:build faults

package faults

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"portti/cmd/portti/rig"
	"portti/cross/testkit"
)

// Every slot of the configuration that can hold a secret, a server that gives
// back what it is sent in each way it can, and whatever the program ever shows:
// its log at the level debug, status, configuration, metrics, and what a crash
// leaves. The planted words are in none of it.
func TestSecretsStayInside(t *testing.T) {
	for name, uplink := range map[string]string{
		"header": `url = "ws://ADDR/in"
token_file = "DIR/canary"`,
		"query": `url = "ws://ADDR/in?key=canary-in-query"
auth = "query"
token_file = "DIR/canary"`,
		"fragment": `url = "ws://ADDR/in#canary-fragment"
auth = "hash"
hash_as = "header:X-Key"`,
		"user": `url = "ws://gw:canary-password@ADDR/in"
auth = "none"`,
		"first message": `url = "ws://ADDR/in"
dialect = "haltless"
token_file = "DIR/canary"`,
		"client secret": `url = "ws://ADDR/in"
token_source = "oauth"
[uplink.oauth]
token_url = "http://ADDR/token"
client_id = "portti"
client_secret_file = "DIR/canary"`,
		"refresh token": `url = "ws://ADDR/in"
token_source = "oauth"
[uplink.oauth]
grant = "refresh-token"
token_url = "http://ADDR/token"
client_id = "portti"
refresh_token_file = "DIR/canary"`,
		"password": `url = "ws://ADDR/in"
token_source = "login"
[uplink.login]
url = "http://ADDR/auth"
email = "gw@example.net"
password_file = "DIR/canary"`,
		"signed": `url = "ws://ADDR/in?key=canary-in-query"
token_source = "jwt"`,
		"proxy": `url = "wss://ingest.acme.invalid/in"
proxy = "http://portti:canary-proxy@ADDR"
token_file = "DIR/canary"`,
	} {
		t.Run(strings.ReplaceAll(name, " ", "-"), func(t *testing.T) {
			t.Parallel()
			dir := rig.Folder(t)
			addr, asked := parrot(t)
			if err := os.WriteFile(filepath.Join(dir, "canary"), []byte("canary-in-a-file\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			metrics := freeAddress(t)
			config := filepath.Join(dir, "portti.toml")
			text := fmt.Sprintf("config_version = 1\n[paths]\nstate = %q\nrun = %q\n[log]\nlevel = \"debug\"\nformat = \"text\"\n[metrics]\nlisten = %q\n[web]\nlisten = \"\"\n[uplink.backoff]\nbase = \"50ms\"\ncap = \"300ms\"\n[uplink]\n%s\n",
				filepath.Join(dir, "state"), filepath.Join(dir, "run"), metrics, strings.NewReplacer("ADDR", addr, "DIR", dir).Replace(uplink))
			if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command(os.Getenv(binaryVar), "run", "-c", config)
			cmd.Env = append(rig.PlainEnv(), "GOTRACEBACK=system") // the most a crash tells without a core
			var log strings.Builder
			cmd.Stdout, cmd.Stderr = &log, &log
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			ended := make(chan struct{})
			go func() { _ = cmd.Wait(); close(ended) }()
			t.Cleanup(func() { _ = cmd.Process.Kill(); <-ended })

			shown := map[string]string{}
			askedOnce := name == "client secret" || name == "refresh token" || name == "password" // a token server is, in 30 s
			testkit.Eventually(t, "the server was asked, and all of it is shown", func() bool {
				shown["status"] = say(config, "status", "--json")
				shown["metrics"] = fetch("http://" + metrics + "/metrics")
				return asked.Load() >= 3 || askedOnce && asked.Load() > 0 && strings.Contains(shown["status"], "UP-TOKEN")
			})
			shown["status on the screen"] = say(config, "status")
			shown["configuration"] = say(config, "config", "show")
			shown["check"] = say(config, "config", "check")
			_ = cmd.Process.Signal(syscall.SIGQUIT)
			<-ended
			shown["log and crash"] = log.String()
			if !strings.Contains(shown["log and crash"], "goroutine ") || !strings.Contains(shown["status"], `"link"`) || !strings.Contains(shown["metrics"], "portti_") {
				t.Errorf("nothing to look at: %d bytes of log, status %.100s, metrics %.100s", log.Len(), shown["status"], shown["metrics"])
			}
			for where, text := range shown {
				if at := strings.Index(text, "canary-"); at >= 0 {
					t.Errorf("%s shows a secret: …%.200s", where, text[max(0, at-80):])
				}
			}
		})
	}
}

// parrot is a server that refuses every request and gives back, in its status
// line, headers and body, all that it was sent.
func parrot(t *testing.T) (addr string, asked *atomic.Int64) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	asked = new(atomic.Int64)
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				req, err := http.ReadRequest(bufio.NewReader(conn))
				if err != nil {
					return
				}
				body, _ := io.ReadAll(io.LimitReader(req.Body, 4096))
				heard := fmt.Sprintf("%s %s %s %s", req.RequestURI, req.Header.Get("Authorization"), req.Header.Get("X-Key"), body)
				line := strings.ReplaceAll(strings.ReplaceAll(heard, "\r", " "), "\n", " ")
				code := []int{401, 503, 400}[asked.Add(1)%3]
				fmt.Fprintf(conn, "HTTP/1.1 %d %s\r\nX-Echo: %s\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n{\"error\":\"invalid_grant\",\"error_description\":%q}",
					code, line, line, heard)
			}()
		}
	}()
	return ln.Addr().String(), asked
}

func freeAddress(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().String()
}

// say runs the program and gives all that it says, whatever it thinks of it.
func say(config string, args ...string) string {
	cmd := exec.Command(os.Getenv(binaryVar), append(args, "-c", config)...)
	cmd.Env = rig.PlainEnv()
	out, _ := cmd.CombinedOutput()
	return string(out)
}

func fetch(url string) string {
	client := http.Client{Timeout: 5 * time.Second}
	resp, err := client.Get(url)
	if err != nil {
		return err.Error()
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(resp.Body)
	return string(text)
}
