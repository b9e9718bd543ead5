package testbed

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"go.bug.st/serial"
	"golang.org/x/sys/unix"

	"portti/cross/testkit"
)

func openPair(t *testing.T, link string) *Pty {
	t.Helper()
	p, err := OpenPty(link, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

func openReader(t *testing.T, name string) serial.Port {
	t.Helper()
	port, err := serial.Open(name, &serial.Mode{BaudRate: 9600})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { port.Close() })
	return port
}

// readAll reads n bytes, however slowly, and fails if they do not come.
func readAll(t *testing.T, port serial.Port, n int) []byte {
	t.Helper()
	port.SetReadTimeout(testkit.Patience)
	got := make([]byte, 0, n)
	buf := make([]byte, 4096)
	for len(got) < n {
		k, err := port.Read(buf[:min(len(buf), n-len(got))])
		if err != nil || k == 0 {
			t.Fatalf("read %d of %d bytes, then n=%d err=%v", len(got), n, k, err)
		}
		got = append(got, buf[:k]...)
	}
	return got
}

// every byte value and every pair of neighbours that line editing would touch.
func awkwardBytes(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i*7 + i/256)
	}
	return b
}

func TestPtyCarriesEveryByteBothWays(t *testing.T) {
	p := openPair(t, "")
	port := openReader(t, p.Path())
	want := awkwardBytes(1024)
	if n, err := p.Write(t.Context(), want); n != len(want) || err != nil {
		t.Fatal(n, err)
	}
	if got := readAll(t, port, len(want)); !bytes.Equal(got, want) {
		t.Fatal("bytes changed on the way to the reader")
	}
	if _, err := port.Write(want); err != nil {
		t.Fatal(err)
	}
	back := make([]byte, len(want))
	if _, err := io.ReadFull(p, back); err != nil || !bytes.Equal(back, want) {
		t.Fatal("bytes changed on the way back", err)
	}
}

func TestPtyWaitsForASlowReader(t *testing.T) {
	p := openPair(t, "")
	port := openReader(t, p.Path())
	want := awkwardBytes(400_000) // far more than the kernel holds
	wrote := make(chan error, 1)
	go func() {
		_, err := p.Write(t.Context(), want)
		wrote <- err
	}()
	if got := readAll(t, port, len(want)); !bytes.Equal(got, want) {
		t.Fatal("a full line lost or changed bytes")
	}
	if err := <-wrote; err != nil {
		t.Fatal(err)
	}
}

func TestPtyKeepsWhatIsSentBeforeAReaderOpens(t *testing.T) {
	p := openPair(t, "")
	want := []byte("sent early\r\n\x03\x04\x1a")
	p.Write(t.Context(), want)
	if unread, err := p.Unread(); !unread || err != nil {
		t.Fatal(unread, err)
	}
	port := openReader(t, p.Path())
	if got := readAll(t, port, len(want)); !bytes.Equal(got, want) {
		t.Fatalf("got %q", got)
	}
	if unread, _ := p.Unread(); unread {
		t.Fatal("read bytes count as unread")
	}
}

func TestPtySurvivesReadersThatComeAndGo(t *testing.T) {
	p := openPair(t, filepath.Join(t.TempDir(), "tty"))
	for i := range 3 {
		port := openReader(t, p.Name())
		p.Write(t.Context(), []byte{byte(i), '\n'})
		if got := readAll(t, port, 2); got[0] != byte(i) {
			t.Fatalf("round %d: got %v", i, got)
		}
		port.Close()
	}
	testkit.Eventually(t, "three openings", func() bool { return p.Opens() == 3 })
}

// A killed reader leaves its exclusive mark on the line.
func TestPtyTakesTheMarkOfAKilledReaderAway(t *testing.T) {
	p := openPair(t, "")
	fd, err := unix.Open(p.Path(), unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetInt(fd, unix.TIOCEXCL, 0); err != nil {
		t.Fatal(err)
	}
	if _, err := unix.IoctlGetInt(fd, unix.TIOCGEXCL); err != nil {
		unix.Close(fd)
		t.Skip("the mark cannot be looked at, as under emulation: ", err)
	}
	unix.Close(fd) // without taking the mark away, as the kernel does after kill -9
	testkit.Eventually(t, "the mark is gone", func() bool {
		marked := 1
		control(p.slave, func(fd int) error {
			marked, err = unix.IoctlGetInt(fd, unix.TIOCGEXCL)
			return err
		})
		return err == nil && marked == 0
	})
}

func TestPtyWriteEndsWithItsContext(t *testing.T) {
	p := openPair(t, "")
	ctx, cancel := context.WithCancel(t.Context())
	wrote := make(chan error, 1)
	go func() {
		_, err := p.Write(ctx, make([]byte, 1<<20)) // nobody reads
		wrote <- err
	}()
	testkit.Eventually(t, "bytes on the line", func() bool { u, _ := p.Unread(); return u })
	cancel()
	if err := testkit.Receive(t, "a full line lets Write go", wrote); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if err := p.Discard(); err != nil {
		t.Fatal(err)
	}
	if unread, _ := p.Unread(); unread {
		t.Fatal("discarded bytes are still there")
	}
}

func TestPtyCloseIsAHangUpAndTakesTheLinkAway(t *testing.T) {
	link := filepath.Join(t.TempDir(), "ttyGPS")
	p := openPair(t, link)
	if to, err := os.Readlink(link); err != nil || to != p.Path() {
		t.Fatal(to, err)
	}
	port := openReader(t, link)
	p.Close()
	port.SetReadTimeout(testkit.Patience)
	if n, err := port.Read(make([]byte, 8)); err == nil {
		t.Fatalf("a reader of a closed pair got n=%d and no error", n)
	}
	if _, err := os.Lstat(link); !errors.Is(err, os.ErrNotExist) {
		t.Fatal("the link is still there")
	}
	p.Close() // twice is harmless
}

func TestPtyNamesOnlyLinks(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "precious")
	os.WriteFile(file, []byte("x"), 0o644)
	if p, err := OpenPty(file, 0); err == nil {
		p.Close()
		t.Fatal("a file was replaced by a link")
	}
	if b, _ := os.ReadFile(file); string(b) != "x" {
		t.Fatal("the file is damaged")
	}
	old := filepath.Join(dir, "old")
	os.Symlink("/dev/pts/does-not-exist", old)
	first := openPair(t, old)
	second := openPair(t, old) // takes the name over
	first.Close()
	if to, _ := os.Readlink(old); to != second.Path() {
		t.Fatalf("closing the first pair spoiled the second one's name: %q", to)
	}
	if names, _ := os.ReadDir(dir); len(names) != 2 {
		t.Fatalf("leftovers: %v", names)
	}
}

func TestPtyLeavesNoDescriptors(t *testing.T) {
	before := descriptors(t)
	for range 20 {
		p, err := OpenPty("", 0o666)
		if err != nil {
			t.Fatal(err)
		}
		p.Close()
	}
	testkit.Eventually(t, "descriptors closed", func() bool { return descriptors(t) <= before })
}

func descriptors(t *testing.T) int {
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip("no /proc here: ", err)
	}
	return len(list)
}
