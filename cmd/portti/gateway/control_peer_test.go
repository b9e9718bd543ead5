package gateway_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"portti/cmd/portti/gateway"
	"portti/cmd/portti/rig"
	"portti/cmd/portti/status"
	"portti/cmd/portti/testbed"
)

// TestEverybodyMayAskHowItIs: any user of the machine sees the state, and neither
// readings nor a way to act; nor does he keep the owner out.
func TestEverybodyMayAskHowItIs(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can ask as another user")
	}
	s := rig.New(t, testbed.Options{})
	if err := os.Chmod(s.Dir, 0o755); err != nil {
		t.Fatal(err)
	}
	g := s.Run(gateway.Options{})
	feed(t, s, "what is this? it is no reading at all, whatever it may be\n")
	g.Until("its last line is known", func(st *status.Document) bool { return st.Devices[0].LastLine != "" })

	run := filepath.Join(s.Dir, "run")
	for _, c := range []struct {
		who          uint32
		socket       string
		method, path string
		code         int // 0 = it cannot even be opened
		line         bool
	}{
		{0, "portti.sock", "GET", "/api/v1/status", 200, true},
		{0, "portti.sock", "GET", "/api/v1/queue/export", 200, false},
		{65534, "portti.sock", "GET", "/api/v1/status", 0, false},
		{65534, "status.sock", "GET", "/api/v1/status", 200, false},
		{65534, "status.sock", "GET", "/api/v1/queue", 200, false},
		{65534, "status.sock", "GET", "/api/v1/queue/export", 403, false},
		{65534, "status.sock", "GET", "/api/v1/devices/panel/follow?raw=1", 403, false},
		{65534, "status.sock", "POST", "/api/v1/reload", 403, false},
		{65534, "status.sock", "POST", "/api/v1/status", 403, false},
		{0, "status.sock", "POST", "/api/v1/reload", 403, false},
	} {
		code, body := askAs(t, c.who, filepath.Join(run, c.socket), c.method, c.path)
		if code != c.code || strings.Contains(body, "no reading at all") != c.line {
			t.Errorf("%+v: %d %s", c, code, body)
		}
	}
	for range 200 { // connections that say nothing
		conn, err := net.Dial("unix", filepath.Join(run, "status.sock"))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
	}
	for _, socket := range []string{"portti.sock", "status.sock"} {
		if code, body := askAs(t, 0, filepath.Join(run, socket), "GET", "/api/v1/status"); code != 200 {
			t.Errorf("%s: %d %s", socket, code, body)
		}
	}
	g.Halt()
	for _, socket := range []string{"portti.sock", "status.sock"} {
		if _, err := os.Lstat(filepath.Join(run, socket)); !os.IsNotExist(err) {
			t.Errorf("%s is left behind: %v", socket, err)
		}
	}
}

// feed writes on the line until what it says is taken.
func feed(t *testing.T, s *rig.Site, line string) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	for range 5 {
		if _, err := s.Line().Pty.Write(ctx, []byte(line)); err != nil {
			t.Fatal(err)
		}
	}
}

// askAs asks with the rights of a user; a code of 0 is that the socket did not open.
func askAs(t *testing.T, uid uint32, socket, method, path string) (code int, body string) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // and never given back: it ends with this goroutine
		if uid != 0 {
			if err := unix.Setfsuid(int(uid)); err != nil {
				t.Error(err)
				return
			}
			if err := unix.Setfsgid(int(uid)); err != nil {
				t.Error(err)
				return
			}
		}
		conn, err := net.Dial("unix", socket)
		if err != nil {
			body = err.Error()
			return
		}
		defer conn.Close()
		client := http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(context.Context, string, string) (net.Conn, error) { return conn, nil }}}
		r, _ := http.NewRequestWithContext(t.Context(), method, "http://portti"+path, nil)
		resp, err := client.Do(r)
		if err != nil {
			t.Error(err)
			return
		}
		defer resp.Body.Close()
		text, _ := io.ReadAll(resp.Body)
		code, body = resp.StatusCode, string(text)
	}()
	<-done
	return code, body
}
