//go:build faults

package faults

import (
	"fmt"
	"strings"
	"testing"

	"portti/cmd/portti/rig"
	"portti/cmd/portti/testbed"
	"portti/cross/testkit"
)

// bareRoot makes a root folder that is read-only and holds the program, /dev, /proc and
// the folder of this test, and nothing else: no /tmp, no /etc, no home. Then it runs
// the program in it, without any of the variables that a shell has.
const bareRoot = `set -e
mount -t tmpfs none "$1/root"
cd "$1/root"
mkdir -p dev proc ".$1"
cp "$2" portti
mount --rbind /dev dev
mount -t proc none proc
mount --bind "$1" ".$1"
mount -o remount,ro .
shift 2
exec env -i LANGUAGE=tr LC_ALL=tr_TR.UTF-8 TZ=Asia/Kathmandu "$(command -v chroot)" . /portti "$@"`

// Row 170: a read-only root without /tmp, /etc, a home or a machine-id, under
// a foreign locale and time zone. It runs as anywhere, and its identity stays.
func TestBareMachine(t *testing.T) {
	t.Parallel()
	needRoot(t)
	testkit.NeedTool(t, "unshare")
	s := newSite(t, testbed.Options{})
	command(t, "mkdir", s.Dir+"/root")
	program := s.Program[len(s.Program)-1]
	s.Program = []string{"unshare", "-m", "sh", "-c", bareRoot, "sh", s.Dir, program}
	for range 2 {
		g := s.Start()
		s.Line().Feed(100)
		g.Until("all arrive", s.Arrived)
		s.Whole(g.Until("all are acknowledged", rig.Drained))
		g.Stop()
	}
}

// Few files may be open: it works, or says in one sentence that it cannot.
func TestFewDescriptors(t *testing.T) {
	t.Parallel()
	testkit.NeedTool(t, "prlimit")
	for _, limit := range []int{9, 16, 23, 24, 32} {
		t.Run(fmt.Sprint(limit), func(t *testing.T) {
			t.Parallel()
			s := newSite(t, testbed.Options{})
			s.wrap("prlimit", fmt.Sprintf("--nofile=%d:%d", limit, limit))
			if limit >= 24 {
				g := s.Start()
				s.Line().Feed(100)
				g.Until("all arrive", s.Arrived)
				s.Whole(g.Until("all are acknowledged", rig.Drained))
				g.Stop()
				return
			}
			g := s.Spawn()
			g.Await()
			said := strings.TrimSpace(g.Said())
			if code := g.Cmd.ProcessState.ExitCode(); code != 1 || !strings.Contains(said, "LimitNOFILE") || strings.Contains(said, "\n") {
				t.Errorf("it ended with %d and said:\n%s", code, said)
			}
		})
	}
}
