//go:build peers

package peers_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"portti/cross/testkit"
)

// receiver is a server program that appends what it handles to a file.
type receiver struct {
	t    *testing.T
	argv []string // PORT and FILE are filled in
	port int
	file string
	mute bool // does not say when it is ready
	cmd  *exec.Cmd
}

func nodeReceiver(t *testing.T, args ...string) *receiver {
	t.Helper()
	dir := nodeFolder(t)
	data, err := os.ReadFile(filepath.Join("testdata", "receiver.js"))
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "receiver.js"), data, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	return newReceiver(t, append([]string{"node", filepath.Join(dir, "receiver.js"), "PORT", "FILE"}, args...))
}

// nodeFolder is a folder in which programs find Node's ws.
func nodeFolder(t *testing.T) string {
	t.Helper()
	_, err := exec.LookPath("npm")
	testkit.Need(t, "npm", err)
	dir := t.TempDir()
	for _, name := range []string{"package.json", "package-lock.json"} {
		data, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	install := exec.Command("npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts")
	install.Dir = dir
	if out, err := install.CombinedOutput(); err != nil {
		testkit.Need(t, "the ws package", fmt.Errorf("npm ci: %w\n%s", err, out))
	}
	return dir
}

func pythonReceiver(t *testing.T) *receiver {
	t.Helper()
	return newReceiver(t, []string{python(t), filepath.Join("testdata", "receiver.py"), "PORT", "FILE"})
}

// python is Debian's own, which sees Debian's packages.
func python(t *testing.T) string {
	t.Helper()
	const python = "/usr/bin/python3"
	out, err := exec.Command(python, "-c", "import websockets").CombinedOutput()
	if err != nil {
		err = fmt.Errorf("%w: %s", err, out)
	}
	testkit.Need(t, "python3-websockets", err)
	return python
}

func newReceiver(t *testing.T, argv []string) *receiver {
	r := &receiver{t: t, argv: argv, port: freePort(t), file: filepath.Join(t.TempDir(), "received")}
	r.start()
	t.Cleanup(func() { r.kill() })
	return r
}

func freePort(t *testing.T) int {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().(*net.TCPAddr).Port
}

func (r *receiver) start() {
	r.t.Helper()
	argv := make([]string, 0, len(r.argv))
	for _, a := range r.argv {
		switch a {
		case "PORT":
			a = strconv.Itoa(r.port)
		case "FILE":
			a = r.file
		}
		argv = append(argv, a)
	}
	r.cmd = exec.Command(argv[0], argv[1:]...)
	r.cmd.Stderr = os.Stderr
	if r.mute {
		if err := r.cmd.Start(); err != nil {
			r.t.Fatal(err)
		}
		testkit.Eventually(r.t, argv[0]+" listens", func() bool { return listens(r.port) })
		return
	}
	out, err := r.cmd.StdoutPipe()
	if err == nil {
		err = r.cmd.Start()
	}
	if err != nil {
		r.t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || strings.TrimSpace(line) != "ready" {
		r.t.Fatalf("%s said %q: %v", argv[0], line, err)
	}
}

// kill is kill -9.
func (r *receiver) kill() {
	_ = r.cmd.Process.Kill()
	_ = r.cmd.Wait()
}

// received counts how often each record was handled. A line holds its number,
// or the message, or a batch of them; one that is cut off does not count.
func (r *receiver) received() map[int]int {
	data, _ := os.ReadFile(r.file)
	got := map[int]int{}
	for line := range strings.Lines(string(data)) {
		if !strings.HasSuffix(line, "\n") {
			break
		}
		if n, err := strconv.Atoi(strings.TrimSpace(line)); err == nil {
			got[n]++
			continue
		}
		var m struct {
			N    int
			Msgs []struct{ N int }
		}
		if json.Unmarshal([]byte(line), &m) != nil {
			continue
		}
		if m.N > 0 {
			got[m.N]++
		}
		for _, each := range m.Msgs {
			got[each.N]++
		}
	}
	return got
}

func (r *receiver) url() string { return fmt.Sprintf("ws://127.0.0.1:%d/socket", r.port) }

// nginx starts a TLS proxy in front of the receiver and gives its URL and the
// file of its certificate.
func nginx(t *testing.T, r *receiver) (url, caFile string) {
	t.Helper()
	path, err := exec.LookPath("nginx")
	if err != nil {
		path, err = exec.LookPath("/usr/sbin/nginx")
	}
	testkit.Need(t, "nginx", err)
	dir, port := t.TempDir(), freePort(t)
	certFile, keyFile := certificate(t, dir)
	conf := fmt.Sprintf(`
daemon off; master_process off; pid %[1]s/pid; error_log %[1]s/error.log;
events { worker_connections 64; }
http {
	access_log off;
	client_body_temp_path %[1]s; proxy_temp_path %[1]s; fastcgi_temp_path %[1]s; uwsgi_temp_path %[1]s; scgi_temp_path %[1]s;
	server {
		listen 127.0.0.1:%[2]d ssl;
		ssl_certificate %[3]s; ssl_certificate_key %[4]s;
		location /socket {
			proxy_pass http://127.0.0.1:%[5]d;
			proxy_http_version 1.1;
			proxy_set_header Upgrade $http_upgrade;
			proxy_set_header Connection "upgrade";
			proxy_read_timeout 60s;
		}
	}
}
`, dir, port, certFile, keyFile, r.port)
	file := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(file, []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, "-p", dir, "-c", file, "-e", filepath.Join(dir, "error.log"))
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	testkit.Eventually(t, "nginx listens", func() bool { return listens(port) })
	return fmt.Sprintf("wss://127.0.0.1:%d/socket", port), certFile
}

func listens(port int) bool {
	c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err == nil {
		c.Close()
	}
	return err == nil
}
