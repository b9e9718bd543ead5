//go:build faults

package faultfs

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"portti/cross/testkit"
)

// childVar makes this program the one under test, in the folder that it names.
const childVar = "FAULTFS_CHILD"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childVar); dir != "" {
		child(dir, os.Stdin, os.Stdout)
		return
	}
	os.Exit(m.Run())
}

// child does what it is told, a line each, and says "ok" or what went wrong.
func child(dir string, in io.Reader, out io.Writer) {
	u := &user{dir: dir}
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		err := u.obey(strings.Fields(lines.Text()))
		said := "ok"
		if err != nil {
			said = strings.ReplaceAll(err.Error(), "\n", " ")
		}
		fmt.Fprintln(out, said)
	}
}

// user is a program with a database.
type user struct {
	dir  string
	db   *bolt.DB
	file *os.File // the same, to be read without its map
	mine []byte   // a map of our own, since a fault inside of bbolt leaves its locks held
	puts int
	sum  int
}

func (u *user) path(name string) string { return filepath.Join(u.dir, name) }

func (u *user) obey(words []string) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("fault: %v", p)
		}
	}()
	switch words[0] {
	case "open": // as the buffer does
		u.db, err = bolt.Open(u.path("db"), 0o600, &bolt.Options{Timeout: time.Second, NoFreelistSync: true, InitialMmapSize: 8 << 20})
		if err == nil {
			u.file, err = os.Open(u.path("db"))
		}
	case "put":
		err = u.db.Update(u.put)
	case "view":
		err = u.db.View(u.view)
	case "map":
		u.mine, err = syscall.Mmap(int(u.file.Fd()), 0, 4*4096, syscall.PROT_READ, syscall.MAP_SHARED)
	case "touch":
		for at := 0; at < len(u.mine); at += 4096 {
			u.sum += int(u.mine[at])
		}
	case "second":
		var db *bolt.DB
		if db, err = bolt.Open(u.path("db"), 0o600, &bolt.Options{Timeout: time.Millisecond}); err == nil {
			err = db.Close()
		}
	case "close":
		err = errors.Join(u.file.Close(), u.db.Close())
	case "pread":
		_, err = u.file.ReadAt(make([]byte, 4096), 4096)
	case "list":
		_, err = os.ReadDir(u.dir)
	case "openfile":
		var f *os.File
		if f, err = os.Open(u.path("other")); err == nil {
			err = f.Close()
		}
	case "stat":
		_, err = os.Stat(u.path("other"))
	case "write":
		err = os.WriteFile(u.path("other"), []byte("words"), 0o600)
	case "truncate":
		err = os.Truncate(u.path("other"), 3)
	case "sync":
		err = u.file.Sync()
	case "syncdir":
		var d *os.File
		if d, err = os.Open(u.dir); err == nil {
			err = errors.Join(d.Sync(), d.Close())
		}
	case "create":
		var f *os.File
		if f, err = os.OpenFile(u.path("new"), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600); err == nil {
			err = f.Close()
		}
	case "rename":
		err = os.Rename(u.path("new"), u.path("newer"))
	case "unlink":
		err = os.Remove(u.path("newer"))
	default:
		err = fmt.Errorf("unknown: %v", words)
	}
	return err
}

const perPut = 500

func value(n int) []byte { return bytes.Repeat([]byte(strconv.Itoa(n)+" "), 20) }

func (u *user) put(tx *bolt.Tx) error {
	b, err := tx.CreateBucketIfNotExists([]byte("b"))
	for n := u.puts * perPut; n < (u.puts+1)*perPut && err == nil; n++ {
		err = b.Put(fmt.Appendf(nil, "%08d", n), value(n))
	}
	if err == nil {
		u.puts++
	}
	return err
}

func (u *user) view(tx *bolt.Tx) error { return holds(tx, u.puts*perPut) }

func holds(tx *bolt.Tx, want int) error {
	n := 0
	err := tx.Bucket([]byte("b")).ForEach(func(k, v []byte) error {
		if string(k) != fmt.Sprintf("%08d", n) || !bytes.Equal(v, value(n)) {
			return fmt.Errorf("record %d is %q: %q", n, k, v)
		}
		n++
		return nil
	})
	if err == nil && n != want {
		err = fmt.Errorf("%d records, want %d", n, want)
	}
	return err
}

// place is a mount and a program in it.
type place struct {
	*testing.T
	*FS
	real  string
	tell  io.Writer
	heard chan string
}

func newPlace(t *testing.T) *place {
	t.Helper()
	at := t.TempDir()
	p := &place{T: t, real: t.TempDir()}
	var err error
	if p.FS, err = Mount(p.real, at); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("FUSE is missing, and in CI it must not be: %v", err)
		}
		t.Skipf("FUSE is missing: %v", err)
	}
	t.Cleanup(func() {
		defer p.Abandon()
		testkit.Eventually(t, "it can be unmounted", func() bool { return p.Unmount() == nil })
	})
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childVar+"="+at)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { in.Close(); _ = cmd.Process.Kill(); _ = cmd.Wait() })
	p.tell, p.heard = in, make(chan string, 1)
	go func() {
		defer close(p.heard)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			p.heard <- lines.Text()
		}
	}()
	return p
}

// do has the program do something and holds what it says against want.
func (p *place) do(what, want string) {
	p.Helper()
	fmt.Fprintln(p.tell, what)
	// "" = the program has ended
	if got := testkit.Receive(p, what, p.heard); got == "" || !strings.Contains(got, want) {
		p.Fatalf("%s: it says %q, not %q", what, got, want)
	}
}

// A database that is written, read by its map and read by calls in turn is the same
// as on the real file system, with the lock that bbolt takes.
func TestPassesADatabaseOn(t *testing.T) {
	p := newPlace(t)
	p.do("open", "ok")
	p.do("second", "timeout")
	for range 20 {
		p.do("put", "ok")
		p.do("view", "ok")
		p.do("pread", "ok")
	}
	p.do("close", "ok")
	p.do("open", "ok")
	p.do("view", "ok")
	p.do("close", "ok")
	db, err := bolt.Open(filepath.Join(p.real, "db"), 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.View(func(tx *bolt.Tx) error {
		for err := range tx.Check() {
			t.Error(err)
		}
		return holds(tx, 20*perPut)
	}); err != nil {
		t.Error(err)
	}
}

// Each kind of call fails while the plan is on, with its error, and not before or
// after.
func TestAnswersWithErrors(t *testing.T) {
	p := newPlace(t)
	p.do("open", "ok")
	p.do("put", "ok")
	p.do("write", "ok")
	for _, c := range []struct {
		op    Op
		what  string
		errno syscall.Errno
	}{
		{Open, "openfile", syscall.EMFILE},
		{Open, "list", syscall.EIO},
		{Stat, "stat", syscall.EIO},
		{Stat, "openfile", syscall.ENOMEM},
		{Read, "pread", syscall.EIO},
		{Read, "pread", syscall.EAGAIN},
		{ReadDir, "list", syscall.EIO},
		{Write, "write", syscall.ENOSPC},
		{Write, "truncate", syscall.EIO},
		{Fsync, "sync", syscall.EIO},
		{Fsync, "syncdir", syscall.EIO},
		{Create, "create", syscall.ENOSPC},
		{Rename, "rename", syscall.EIO},
		{Unlink, "unlink", syscall.EIO},
	} {
		if p.On(Plan{Calls: []Op{c.op}, Errno: c.errno}); p.Struck() != 0 {
			t.Errorf("%v: a new plan begins with %s", c.op, p.Report())
		}
		p.do(c.what, c.errno.Error())
		if p.Struck() == 0 {
			t.Errorf("%v: %s", c.op, p.Report())
		}
		p.Off()
		p.do(c.what, "ok")
	}
	want := []Change{{Create, "db", "", false}, {Create, "other", "", false}, {Create, "new", "", false}, {Rename, "new", "newer", false}, {Unlink, "newer", "", false}}
	if got := p.Changes(); !slices.Equal(got, want) {
		t.Errorf("it saw %v", got)
	}
}

// What the program has read by its map before cannot be read while the plan is on,
// nor what it has just written, and is there again after that. A file that is cut
// short below it is so above.
func TestFaultsOfMappedPages(t *testing.T) {
	p := newPlace(t)
	p.do("open", "ok")
	p.do("put", "ok")
	p.do("map", "ok")
	p.do("touch", "ok")
	eio := Plan{Calls: []Op{Read}, Errno: syscall.EIO}
	p.On(eio)
	p.do("touch", "fault")
	p.do("touch", "fault")
	p.do("pread", syscall.EIO.Error())
	if p.Struck() < 3 {
		t.Error(p.Report())
	}
	p.Off()
	p.do("touch", "ok")
	if !p.direct {
		t.Log("the kernel is older than 6.6: what was just written is not read again")
	} else {
		p.do("put", "ok")
		p.mu.Lock()
		p.course = &course{plan: eio, ready: true} // On without its Drop
		p.mu.Unlock()
		p.do("touch", "fault")
		p.Off()
		p.do("touch", "ok")
	}
	if err := os.Truncate(filepath.Join(p.real, "db"), 8192); err != nil {
		t.Fatal(err)
	}
	p.Drop()
	p.do("touch", "fault")
}

// A share of the calls fails, and which ones the seed says.
func TestShareOfTheCalls(t *testing.T) {
	p := newPlace(t)
	p.do("write", "ok")
	plan := Plan{Calls: []Op{Open}, Errno: syscall.EIO, Share: 5, Seed: 42}
	for range 2 {
		p.On(plan)
		for k := range uint64(100) {
			want := "ok"
			if plan.fails(Open, k) {
				want = syscall.EIO.Error()
			}
			p.do("openfile", want)
		}
		t.Log(p.Report())
		p.Off()
	}
}
