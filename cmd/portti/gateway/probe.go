package gateway

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	"portti/buffer"
)

// A file of the buffer that may end the process which opens it is opened by
// another one first: by this program again, with a verb that help does not
// show. It gets no environment, no descriptor of ours but two pipes, and what
// ConfineProbe allows itself.

// ProbeVerb is how the program is called for it, before the path.
func ProbeVerb() []string { return []string{"queue", "probe"} }

// ProbeBegins is the first line that the other process says: whatever happens
// to it before has nothing to do with the file.
const ProbeBegins = "probing"

// probeGrace is for the kernel to end a process that was told to; one that hangs
// in a read of a dead card ends when it pleases, and nobody waits for it.
const probeGrace = 2 * time.Second

// program is what must be running for Probe to run itself: in a test it is
// another one, which would start all tests again.
const program = "portti/cmd/portti"

// probe is Probe where the buffer's files are real ones.
func (g *Gateway) probe() func(ctx context.Context, path string) error {
	if g.opt.FS != nil {
		return nil
	}
	return Probe
}

// Probe opens a file of the buffer in another process. ctx limits the time; the
// process is killed when it ends. An error that is buffer.ErrNoProbe says that
// none could be started.
func Probe(ctx context.Context, path string) error {
	// The tests of the program itself have its path too, and flags of their own.
	if info, ok := debug.ReadBuildInfo(); !ok || info.Path != program || flag.Lookup("test.v") != nil {
		return fmt.Errorf("%w: this is not the program itself", buffer.ErrNoProbe)
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return fmt.Errorf("%w: %v", buffer.ErrNoProbe, err)
	}
	// The link leads to this very program, also while a newer one lies in its
	// place on disk.
	return probeWith(ctx, "/proc/self/exe", path)
}

func probeWith(ctx context.Context, exe, path string) error {
	cmd := exec.CommandContext(ctx, exe, append(ProbeVerb(), path)...)
	cmd.Args[0] = "portti"
	cmd.Env = []string{"GOTRACEBACK=none"}
	cmd.Dir = "/"
	cmd.WaitDelay = probeGrace / 2
	said := &head{most: 4096}
	cmd.Stdout, cmd.Stderr = said, said
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	ended := make(chan error, 1)
	started := make(chan error, 1)
	go func() {
		// The signal of its parent's death is that of the thread's.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			ended <- cmd.Wait()
		}
	}()
	if err := <-started; err != nil {
		return fmt.Errorf("%w: %v", buffer.ErrNoProbe, err)
	}
	select {
	case err := <-ended:
		return probeResult(ctx, err, said.b.String())
	case <-ctx.Done():
	}
	select {
	case err := <-ended:
		return probeResult(ctx, err, said.b.String())
	case <-time.After(probeGrace): // said is still its own
		return errors.New("it had not ended when its time was over, and cannot be killed")
	}
}

// probeResult says what the end of the process means.
func probeResult(ctx context.Context, err error, said string) error {
	rest, begun := strings.CutPrefix(said, ProbeBegins+"\n")
	switch {
	case begun && err == nil:
		return nil
	case !begun:
		return fmt.Errorf("%w: it ended before it began: %v", buffer.ErrNoProbe, err)
	case ctx.Err() != nil:
		return fmt.Errorf("it had not ended when its time was over: %w", ctx.Err())
	}
	first, _, _ := strings.Cut(strings.TrimSpace(rest), "\n")
	if len(first) > 200 {
		first = first[:200]
	}
	return fmt.Errorf("%v: %s", err, first)
}

// head keeps the beginning of what is written to it.
type head struct {
	b    bytes.Buffer
	most int
}

func (h *head) Write(p []byte) (int, error) {
	h.b.Write(p[:min(len(p), h.most-h.b.Len())])
	return len(p), nil
}
