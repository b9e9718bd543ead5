//go:build figures

package figures

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// program is a room's tests for an ARMv6.
type program struct {
	room, file, ranges string
	symbols            []symbol
}

func emulated(t *testing.T, room, file string) *program {
	build := exec.Command("go", "test", "-vet=off", "-c", "-o", file, "portti/"+room)
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOARCH=arm", "GOARM=6")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	out, err := exec.Command("go", "tool", "nm", "-n", "-size", file).Output()
	fatal(t, err)
	p := &program{room: room, file: file, symbols: functions(string(out))}
	p.ranges = filter(p.symbols)
	return p
}

// executed runs the program and adds up, by the address of a block, what
// qemu's log says was run. Each block is listed once, when it is translated.
func (p *program) executed(t *testing.T, args ...string) map[uint32]int64 {
	read, write, err := os.Pipe()
	fatal(t, err)
	defer read.Close()
	cmd := exec.Command(emulator, append([]string{"-d", "in_asm,exec,nochain", "-dfilter", p.ranges, "-D", "/dev/fd/3", p.file}, args...)...)
	cmd.Dir = filepath.Join("../../..", p.room)
	cmd.ExtraFiles = []*os.File{write}
	_, err = unix.FcntlInt(write.Fd(), unix.F_SETPIPE_SZ, pipeSize)
	fatal(t, err)
	cmd.Env = append(os.Environ(), "GOMAXPROCS=1", "GOGC=off", "GODEBUG=asyncpreemptoff=1")
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	fatal(t, cmd.Start())
	write.Close()
	n, err := count(bulk{read})
	fatal(t, err)
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v\n%s", err, said.Bytes())
	}
	return n
}

// bulk reads a pipe that is filled by small writes, when it is rather full: to be woken for
// each of them takes longer than all the rest.
type bulk struct{ pipe *os.File }

const pipeSize = 1 << 20

func (b bulk) Read(p []byte) (int, error) {
	waiting, err := unix.IoctlGetInt(int(b.pipe.Fd()), unix.TIOCINQ)
	if err == nil && waiting < pipeSize/2 {
		time.Sleep(2 * time.Millisecond)
	}
	return b.pipe.Read(p)
}
