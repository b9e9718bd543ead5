package systemd

import (
	"errors"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"portti/cross/testkit"
)

// standIn is what the script starts in the place of portti.
const standIn = `#!/bin/sh
dir=${0%/*}
case $1 in
service) echo "$*" >>"$dir/prepared"; exit "$(cat "$dir/ready")" ;;
esac
echo started >>"$dir/log"
trap 'echo stopped >>"$dir/log"; exit 0' TERM
trap 'echo reloaded >>"$dir/log"' HUP
while sleep 0.05; do
	[ ! -e "$dir/end" ] || { code=$(cat "$dir/end"); rm "$dir/end"; exit "$code"; }
done
`

// sysvScript is the script of this machine in a folder of its own, run by one shell.
type sysvScript struct {
	t     *testing.T
	dir   string
	shell []string
}

func newSysvScript(t *testing.T, shell []string) *sysvScript {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can start a service")
	}
	tool(t, shell[0])
	tool(t, "start-stop-daemon")
	s := &sysvScript{t: t, dir: t.TempDir(), shell: shell}
	_, text, err := Unit{Exec: s.dir + "/portti", Args: []string{"run", "-c", "/etc/portti/site.toml"}}.Script(SysV)
	if err != nil {
		t.Fatal(err)
	}
	text = strings.NewReplacer("=/run/", "="+s.dir+"/", "-c portti", "-c root", "apart sh ", "apart "+strings.Join(shell, " ")+" ").Replace(text)
	s.write("init", text)
	s.write("portti", standIn)
	s.write("ready", "0")
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP) // under nohup it would be ignored by each shell from its beginning
	t.Cleanup(func() { s.do("stop"); signal.Stop(hup) })
	return s
}

func (s *sysvScript) write(name, text string) {
	s.t.Helper()
	if err := os.WriteFile(filepath.Join(s.dir, name), []byte(text), 0o755); err != nil {
		s.t.Fatal(err)
	}
}

func (s *sysvScript) read(name string) string {
	text, _ := os.ReadFile(filepath.Join(s.dir, name))
	return string(text)
}

func (s *sysvScript) do(action string) (code int) {
	s.t.Helper()
	cmd := exec.Command(s.shell[0], append(s.shell[1:], s.dir+"/init", action)...)
	out, err := cmd.CombinedOutput()
	var ended *exec.ExitError
	if errors.As(err, &ended) {
		return ended.ExitCode()
	}
	if err != nil {
		s.t.Errorf("%s: %v\n%s", action, err, out)
	}
	return 0
}

func (s *sysvScript) expect(action string, code int) {
	s.t.Helper()
	if got := s.do(action); got != code {
		s.t.Errorf("%s ends with %d, want %d; the daemon says %q", action, got, code, s.read("log"))
	}
}

// TestSysVScript runs the script as an init system does, with a stand-in for portti.
func TestSysVScript(t *testing.T) {
	for name, shell := range map[string][]string{"dash": {"dash"}, "busybox": {"busybox", "sh"}, "bash": {"bash", "--posix"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSysvScript(t, shell)
			s.expect("status", 3)
			s.expect("stop", 0)
			s.expect("reload", 7)
			s.expect("try-restart", 0)
			s.expect("nonsense", 2)
			s.write("ready", "6")
			s.expect("start", 6)
			s.expect("status", 3)
			s.write("ready", "0")
			s.expect("start", 0)
			s.expect("status", 0)
			if said := s.read("prepared"); !strings.Contains(said, "service prepare -c /etc/portti/site.toml --init sysv\n") {
				t.Errorf("before the start it asked %q", said)
			}
			pid := s.read("portti.pid")
			testkit.Eventually(t, "the daemon is up", func() bool { return strings.Contains(s.read("log"), "started") })
			s.expect("start", 0)
			s.expect("reload", 0)
			testkit.Eventually(t, "the daemon hears of the reload", func() bool { return strings.Contains(s.read("log"), "reloaded") })

			s.write("ready", "6")
			s.expect("restart", 6)
			if now := s.read("portti.pid"); now != pid {
				t.Errorf("process %q went for a configuration that would not start", pid)
			}
			s.expect("status", 0)
			s.write("ready", "0")
			s.expect("restart", 0)
			if now := s.read("portti.pid"); now == pid {
				t.Error("a restart left the same process")
			}
			testkit.Eventually(t, "the next daemon is up", func() bool { return strings.Count(s.read("log"), "started") == 2 })
			s.expect("stop", 0)
			s.expect("status", 3)
			if log := s.read("log"); log != "started\nreloaded\nstopped\nstarted\nstopped\n" {
				t.Errorf("the daemon saw %q", log)
			}
		})
	}
}

// TestSysVScriptStartsAgain: what ended by itself is started again, what a start would
// not help is not.
func TestSysVScriptStartsAgain(t *testing.T) {
	for name, shell := range map[string][]string{"dash": {"dash"}, "busybox": {"busybox", "sh"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSysvScript(t, shell)
			s.expect("start", 0)
			testkit.Eventually(t, "it is started", func() bool { return strings.Contains(s.read("log"), "started") })
			pid, err := strconv.Atoi(strings.TrimSpace(s.read("portti.pid")))
			if err != nil {
				t.Fatal(err)
			}
			if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			testkit.Eventually(t, "it is started again", func() bool { return strings.Count(s.read("log"), "started") == 2 })
			s.expect("status", 0)
			s.write("end", "78")
			testkit.Eventually(t, "it ended for good", func() bool { return s.do("status") == 1 })
			testkit.Eventually(t, "nobody waits to start it again", func() bool { _, err := os.Stat(s.dir + "/portti-keeper.pid"); return err != nil })
			s.expect("start", 0)
			s.expect("status", 0)
		})
	}
}
