package device

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// TestRS485Struct: what the kernel is given, as <linux/serial.h> lays it out.
func TestRS485Struct(t *testing.T) {
	if n := unsafe.Sizeof(serialRS485{}); n != 32 {
		t.Errorf("struct serial_rs485 has 32 bytes, not %d", n)
	}
	for _, row := range []struct {
		c    Config
		want serialRS485
	}{
		{Config{}, serialRS485{flags: 0b011}},
		{Config{RTSLevel: "high", RTSBefore: "1ms", RTSAfter: "100ms"}, serialRS485{flags: 0b011, before: 1, after: 100}},
		{Config{RTSLevel: "low"}, serialRS485{flags: 0b101}},
	} {
		if got := rs485Of(row.c); got != row.want {
			t.Errorf("%+v: %+v", row.c, got)
		}
	}
}

// TestRS485Refused: a port without the mode is not opened without it, and its driver is
// named where the system knows one.
func TestRS485Refused(t *testing.T) {
	_, path := newPty(t)
	_, err := Open(t.Context(), Config{Type: "modbus", Port: path, Baud: 9600, RS485: true})
	var oe *OpenError
	if !errors.As(err, &oe) || oe.Code != CodeNoRS485 || oe.State != Busy {
		t.Fatalf("%v", err)
	}
	eq(t, "error", err.Error(), "cannot set rs485 on "+path+": its driver has no RS-485 mode")
	openPort(t, path) // nothing holds it

	root := t.TempDir()
	folder := filepath.Join(root, "sys/class/tty/ttyUSB0/device")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("../../../../bus/usb-serial/drivers/ftdi_sio", filepath.Join(folder, "driver")); err != nil {
		t.Fatal(err)
	}
	for cause, want := range map[error]string{
		unix.ENOTTY: "its driver, ftdi_sio, has no RS-485 mode",
		unix.EIO:    "input/output error",
	} {
		eq(t, "error", opener{root: root}.refusedRS485("/dev/ttyUSB0", cause).Error(), "cannot set rs485 on /dev/ttyUSB0: "+want)
	}
}

// TestRS485Set: the mode is set on the port's own descriptor, once, after everything
// else is. No port here has the mode, so strace answers for the kernel: a first run
// counts the calls before it, in a second one that call is answered with success.
func TestRS485Set(t *testing.T) {
	strace, err := exec.LookPath("strace")
	switch {
	case err != nil && os.Getenv("CI") != "":
		t.Fatal(err)
	case err != nil:
		t.Skip("strace answers for the kernel: ", err)
	}
	if err := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^$").Run(); err != nil {
		t.Skip("this test's program is not this machine's: ", err)
	}
	_, path := newPty(t)
	run := func(name string, more ...string) (said string, calls []string) {
		log := filepath.Join(t.TempDir(), name)
		args := append([]string{"-f", "-qq", "-o", log, "-e", "trace=ioctl"}, more...)
		cmd := exec.CommandContext(t.Context(), strace, append(args, os.Args[0], "-test.run=^TestRS485Helper$", "-test.v")...)
		cmd.Env = append(os.Environ(), "PORTTI_RS485_PORT="+path, "GODEBUG=asyncpreemptoff=1") // a call that a signal interrupts stands there twice
		out, _ := cmd.CombinedOutput()                                                         // which fails in the first run
		trace, err := os.ReadFile(log)
		if err != nil || strings.Contains(string(out), "ptrace") {
			t.Skipf("strace cannot trace here: %v %s", err, out)
		}
		thread := ""
		for line := range strings.Lines(string(trace)) {
			if strings.Contains(line, "TIOCSRS485") {
				thread, _, _ = strings.Cut(line, " ")
			}
		}
		for line := range strings.Lines(string(trace)) {
			id, call, _ := strings.Cut(line, " ")
			if call = strings.TrimSpace(call); id == thread && strings.HasPrefix(call, "ioctl(") { // the runtime's signals are no calls
				calls = append(calls, call)
			}
		}
		return string(out), calls
	}
	sets := func(call string) bool { return strings.Contains(call, "TIOCSRS485") }
	said, calls := run("counted")
	at := slices.IndexFunc(calls, sets)
	if at < 0 || !strings.Contains(said, "has no RS-485 mode") {
		t.Fatalf("%s\n%v", said, calls)
	}
	said, calls = run("answered", "-e", fmt.Sprintf("inject=ioctl:retval=0:when=%d", at+1))
	if !strings.Contains(said, "opened") || strings.Contains(said, "cannot") {
		t.Errorf("%s", said)
	}
	again := slices.IndexFunc(calls, sets)
	if again < 0 || slices.ContainsFunc(calls[again+1:], sets) || !regexp.MustCompile(`ioctl\(\d+, TIOCSRS485, 0x[0-9a-f]+\) += 0 \(INJECTED\)`).MatchString(calls[again]) {
		t.Fatalf("calls %v", calls)
	}
	own, _, _ := strings.Cut(calls[again], ",")
	if !slices.ContainsFunc(calls[:again], func(c string) bool { return strings.HasPrefix(c, own+", TIOCGEXCL") }) {
		t.Errorf("it is not the port's own descriptor: %v", calls)
	}
	if slices.ContainsFunc(calls[again+1:], func(c string) bool { return strings.Contains(c, "TCSETS") || strings.Contains(c, "TIOCMSET") }) {
		t.Errorf("the line is set up after it: %v", calls[again:])
	}
}

// TestRS485Helper opens the port for TestRS485Set, all in one thread, since strace counts
// the calls of each.
func TestRS485Helper(t *testing.T) {
	path := os.Getenv("PORTTI_RS485_PORT")
	if path == "" {
		t.Skip("it is run by TestRS485Set")
	}
	runtime.LockOSThread()
	o, err := Open(context.Background(), Config{Type: "modbus", Port: path, Baud: 9600, RS485: true})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("opened", o.Path)
	_ = o.Line.Close()
}

// TestLineKeys: parity, stop bits and the keys of RS-485.
func TestLineKeys(t *testing.T) {
	yes := true
	for key, c := range map[string]Config{
		"parity":     {Parity: "mark"},
		"stop_bits":  {StopBits: 3},
		"rts_level":  {RS485: true, RTSLevel: "on"},
		"rts_before": {RS485: true, RTSBefore: "1.5ms"},
		"rts_after":  {RTSAfter: "1ms"},
		"rts":        {RS485: true, RTS: &yes},
		"rs485":      {RS485: true, Port: "tcp://a:1"},
	} {
		c.Name, c.Type, c.ID = "x", "lines", tuid
		if c.Port == "" {
			c.Port = "/dev/ttyX"
		}
		var wrong *KeyError
		if err := Kinds().Check(c); !errors.As(err, &wrong) || wrong.Key != key {
			t.Errorf("%s: %v", key, err)
		}
	}
	c := Config{Name: "x", Type: "lines", ID: tuid, Port: "/dev/ttyX", Parity: "even", StopBits: 2, RS485: true, RTSLevel: "low", RTSBefore: "0ms", RTSAfter: "2ms"}
	if err := Kinds().Check(c); err != nil {
		t.Error(err)
	}
	if m := mode(c); m.Parity != 2 || m.StopBits != 2 {
		t.Errorf("%+v", m)
	}
}
