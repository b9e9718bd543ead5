package device

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"portti/cross/testkit"
)

// TestOpensAreCounted: a port that is missing, held by somebody else, and there, counts as
// each of these, and what hears tags says how many while it is open.
func TestOpensAreCounted(t *testing.T) {
	master, path := newPty(t)
	link := filepath.Join(t.TempDir(), "usb-bridge")
	env, _ := loggedEnv()
	c := Config{Name: "tags", Type: "ble-bridge", Port: link, ID: tuid}
	s := newSet(t, env, newSink(), Tuning{Pause: quick}, c)
	runSet(t, s)
	opens := func(r OpenResult) uint64 { return s.Status()[0].Opens[r] }
	testkit.Eventually(t, "it is missing", func() bool { return opens(OpenENOENT) > 1 })

	other, err := os.OpenFile(path, os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(unix.Flock(int(other.Fd()), unix.LOCK_EX), os.Symlink(path, link)); err != nil {
		t.Fatal(err)
	}
	testkit.Eventually(t, "it is busy", func() bool { return opens(OpenEBUSY) > 1 })
	if st := s.Status()[0]; st.Opens[OpenOK] != 0 || st.Heard != -1 {
		t.Errorf("opened %d times, and hears %d tags", st.Opens[OpenOK], st.Heard)
	}
	if err := errors.Join(unix.Flock(int(other.Fd()), unix.LOCK_UN), other.Close()); err != nil {
		t.Fatal(err)
	}
	testkit.Eventually(t, "it is open", func() bool { return opens(OpenOK) == 1 && s.Status()[0].Heard == 0 })
	for range 2 {
		write(t, master, `{"id":"A4:C1:38:00:00:01","tempc":20}`+"\r\n"+`{"id":"A4:C1:38:00:00:02","tempc":20}`+"\r\n")
	}
	testkit.Eventually(t, "two tags are heard", func() bool { return s.Status()[0].Heard == 2 })
	if st := s.Status()[0]; st.Opens[OpenEACCES]+st.Opens[OpenEIO]+st.Opens[OpenOther] != 0 || st.Opened != 1 {
		t.Errorf("%+v", st.Opens)
	}
	if err := errors.Join(os.Remove(link), master.Close()); err != nil {
		t.Fatal(err)
	}
	testkit.Eventually(t, "nothing is heard of a port that is gone", func() bool { return s.Status()[0].Heard == -1 })
}

func TestOpenResults(t *testing.T) {
	path := func(errno error) error {
		return openError("/dev/x", &fs.PathError{Op: "open", Path: "/dev/x", Err: errno})
	}
	_, unmatched := opener{root: t.TempDir()}.find(Match{VID: "0000"})
	for _, c := range []struct {
		err  error
		want string
	}{
		{path(unix.ENOENT), "enoent"}, {unmatched, "enoent"}, {path(unix.EACCES), "eacces"}, {path(unix.EPERM), "eacces"}, {path(unix.EIO), "eio"},
		{opener{}.heldError("/dev/x", unix.EWOULDBLOCK), "ebusy"}, {opener{}.heldError("/dev/x", unix.EBUSY), "ebusy"},
		{path(unix.EMFILE), "other"}, {path(unix.ENXIO), "other"}, {errors.New("x"), "other"},
	} {
		if got := fmt.Sprint(openResult(c.err)); got != c.want {
			t.Errorf("%v: %s, want %s", c.err, got, c.want)
		}
	}
}
