package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"portti/cmd/portti/status"
	"portti/device"
	"portti/device/recording"
)

func recordCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "record NAME",
		Short: "keep the bytes of a device with their times in a file",
		Long: `Writes everything that is read from the port of a device and written to it, with the
times and with the port's comings and goings, into a file that portti replay and portti
simulate --play take. The device's settings go with it, secret ones left out.

The running gateway hands out copies; where none runs the port is opened here. The file is
text and good up to the last line that reached the disk, whatever ends the recording. What
comes is saved within five seconds, readable by you alone, and never takes the place of
another file unless --force is given. A reload that touches the device ends it.

Ends with Ctrl-C, or after --for. Exit codes: 0 recorded, 1 ended by itself or something
was missed, 2 no such device, 4 no answer or no permission.`,
		Example: `  portti record gps -o gps.wire --for 10m
  portti record panel -o /media/stick`,
		Args: cobra.ExactArgs(1),
		RunE: runRecord,
	}
	f := cmd.Flags()
	f.StringP("out", "o", "", "write to this `FILE`, or to a new one in this folder (default: here)")
	f.Duration("for", 0, "end after this `TIME`; 0 = with Ctrl-C")
	f.Bool("force", false, "overwrite the file if it is there")
	return cmd
}

// saveEvery is how long after it came a record is on the disk at the latest.
const saveEvery = 5 * time.Second

func runRecord(cmd *cobra.Command, args []string) error {
	out, _ := cmd.Flags().GetString("out")
	force, _ := cmd.Flags().GetBool("force")
	ctx, stop := lasting(cmd)
	defer stop()
	s, err := follow(ctx, cmd, args[0], device.View{Raw: true})
	if err != nil {
		return err
	}
	defer s.close()
	path := recordingPath(out, args[0])
	file, err := makeRecording(path, force)
	if err != nil {
		return err
	}
	if g := globalsOf(cmd); !g.quiet {
		fmt.Fprintf(cmd.ErrOrStderr(), "recording %s to %s (Ctrl-C ends)\n", args[0], path)
	}
	sum, err := record(s, file)
	if err = errors.Join(err, file.Close()); err != nil {
		err = fmt.Errorf("cannot write %s: %w. What it holds is good", path, fullStick(err))
	}
	return recorded(cmd, path, sum, err)
}

// recordingPath makes a name where out names none.
func recordingPath(out, name string) string {
	if info, err := os.Stat(out); out == "" || err == nil && info.IsDir() {
		return filepath.Join(out, name+"-"+time.Now().UTC().Format("20060102-150405")+".wire")
	}
	return out
}

func makeRecording(path string, force bool) (*os.File, error) {
	how := os.O_EXCL
	if force {
		how = os.O_TRUNC | unix.O_NOFOLLOW
	}
	var file *os.File
	err := asCaller(func() (err error) {
		file, err = os.OpenFile(path, os.O_WRONLY|os.O_CREATE|how, 0o600)
		return err
	})
	if errors.Is(err, os.ErrExist) {
		return nil, exit(exitFailed, fmt.Errorf("%s is there already and is not overwritten; choose another name, or add --force", path))
	}
	if err != nil {
		return nil, fmt.Errorf("cannot write the recording: %w", err)
	}
	if err := file.Chmod(0o600); err != nil && !errors.Is(err, unix.EPERM) { // one that was there; a stick with FAT has no modes
		return nil, errors.Join(fmt.Errorf("cannot keep the recording to yourself: %w", err), file.Close())
	}
	return file, nil
}

// asCaller makes a file that is for one person alone: under sudo with the rights of who
// called it, to whom it then belongs; and where those may not, such as in a folder of
// root's, as root. Given away afterwards, a file there would let him write what root reads.
func asCaller(write func() error) error {
	uid, err := strconv.Atoi(os.Getenv("SUDO_UID"))
	gid, err2 := strconv.Atoi(os.Getenv("SUDO_GID"))
	if err != nil || err2 != nil || os.Geteuid() != 0 {
		return write()
	}
	err = withRights(uid, gid, write)
	if errors.Is(err, os.ErrPermission) {
		err = write()
	}
	return err
}

// withRights does something to files with the rights of a user and a group.
func withRights(uid, gid int, do func() error) error {
	runtime.LockOSThread() // they are those of a thread
	defer runtime.UnlockOSThread()
	defer func() { _, _ = unix.Setfsgid(os.Getegid()), unix.Setfsuid(os.Geteuid()) }() // root may
	if err := errors.Join(unix.Setfsgid(gid), unix.Setfsuid(uid)); err != nil {
		return err
	}
	return do()
}

// recordSum is what a recording holds.
type recordSum struct {
	in, out, opened uint64
	took            time.Duration
	why             string // it ended, where that was not asked for
}

// syncer is the file of a recording.
type syncer interface {
	io.Writer
	Sync() error
}

// saver syncs a file saveEvery after the first write that is not on the disk, whether
// more comes or not.
type saver struct {
	file syncer

	mu  sync.Mutex
	due *time.Timer // nil = nothing waits to be synced
	err error       // what a sync failed with: the kernel says it only once
}

func (s *saver) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return 0, s.err
	}
	if s.due == nil {
		s.due = time.AfterFunc(saveEvery, s.save)
	}
	return s.file.Write(p)
}

func (s *saver) save() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.due != nil {
		s.due = nil
		s.err = errors.Join(s.err, s.file.Sync())
	}
}

// end syncs what is not yet, and says whether all is on the disk.
func (s *saver) end() error {
	s.mu.Lock()
	due := s.due
	s.mu.Unlock()
	if due != nil {
		due.Stop()
	}
	s.save()
	return s.err
}

// record copies what happens to the file until there is no more.
func record(s *sight, file syncer) (sum recordSum, err error) {
	save := &saver{file: file}
	defer func() {
		if endErr := save.end(); err == nil {
			err = endErr
		}
	}()
	w, err := recording.NewWriter(save, s.Header)
	if err != nil {
		return sum, err
	}
	began := time.Now()
	for last := (recording.Record{Clock: recording.Clock{Unix: s.Started.UnixMilli()}}); ; {
		r, err := s.next()
		if err != nil {
			r = recording.Record{What: recording.Stopped, Data: []byte(err.Error())}
		}
		if r.What == recording.Stopped && r.At == 0 { // nobody said when
			r.At, r.Clock = max(last.At, time.Since(began)), last.Clock
			r.Clock.Unix += (r.At - last.At).Milliseconds()
		}
		if err := w.Write(r); err != nil {
			return sum, err
		}
		last = r
		if sum.add(r); r.What == recording.Stopped {
			return sum, nil
		}
	}
}

func (s *recordSum) add(r recording.Record) {
	s.took = r.At
	switch r.What {
	case recording.In:
		s.in += uint64(len(r.Data))
	case recording.Out:
		s.out += uint64(len(r.Data))
	case recording.Opened:
		s.opened++
	case recording.Stopped:
		s.why = string(r.Data)
	}
}

// recorded says what was recorded.
func recorded(cmd *cobra.Command, path string, sum recordSum, err error) error {
	g := globalsOf(cmd)
	switch {
	case g.json:
		if jsonErr := writeJSON(cmd, map[string]any{"file": path, "bytes_in": sum.in, "bytes_out": sum.out, "opened": sum.opened, "seconds": status.Seconds(sum.took), "ended": sum.why}); err == nil {
			err = jsonErr
		}
	case !g.quiet:
		written := ""
		if sum.out > 0 {
			written = fmt.Sprintf(" and %s written to it", status.Count(sum.out, "byte"))
		}
		fmt.Fprintf(cmd.OutOrStdout(), "%s from the device%s in %v, recorded to %s\n", status.Count(sum.in, "byte"), written, sum.took.Round(100*time.Millisecond), path)
		if sum.in == 0 && err == nil && sum.why == "" {
			fmt.Fprintln(cmd.ErrOrStderr(), "Nothing came. See what is wrong: portti status")
		}
	}
	if err == nil && sum.why != "" {
		err = exit(exitFailed, fmt.Errorf("the recording ended early: %s", status.Clean(sum.why, 320)))
	}
	return err
}
