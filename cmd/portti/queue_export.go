package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"portti/cmd/portti/carry"
	"portti/cmd/portti/config"
	"portti/cmd/portti/console"
	"portti/cmd/portti/durable"
	"portti/cmd/portti/gateway"
	"portti/cmd/portti/status"
	"portti/device/clock"
)

func queueExportCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "export",
		Short: "copy all readings that wait into a file, as onto a stick",
		Long: `Copies every reading that waits, and those that are delivered and held until
fence_hold is over, removing nothing, as Thingsee arrays with numbers and
checksums, one a line. Another gateway takes the file over with portti queue import.

Asks the running gateway, which also has the newest readings in memory; where none runs
the files are read, without changing them. --files reads the files in any case, as when
the gateway does not answer.

--out FILE is never overwritten; with a folder a name is made. The file has its name only
once it is whole, on the disk, and was read back. Without --out it goes to standard output.
--json tells of a file how much is in it, its first and last reading, and whether it is whole.

Exit codes: 0 all copied, 1 not copied, or something could not be read and is named in
the file, 4 the gateway does not answer, or no permission.`,
		Example: `  portti queue export --out /media/stick
  ssh gateway sudo portti queue export > readings.jsonl`,
		Args: cobra.NoArgs,
		RunE: runQueueExport,
	}
	cmd.Flags().StringP("out", "o", "", "write to this `FILE`, or to a new one in this folder")
	cmd.Flags().Bool("files", false, "read the files even where a gateway runs")
	return cmd
}

func runQueueExport(cmd *cobra.Command, _ []string) error {
	out, _ := cmd.Flags().GetString("out")
	g := globalsOf(cmd)
	switch {
	case out == "" && isTerminal(cmd.OutOrStdout()):
		return usage(errors.New("where to? Name a file or a folder with --out, or redirect the output"))
	case out == "" && g.json:
		return usage(errors.New("--json is about a file, and standard output has the readings here: name the file with --out"))
	}
	source, err := exportSource(cmd)
	if err != nil {
		return err
	}
	defer source.Close()
	v, err := export(cmd, out, source)
	if err != nil {
		return err
	}
	return exported(cmd, v)
}

// export copies the text of an export to where it is wanted.
func export(cmd *cobra.Command, out string, source io.Reader) (v exportView, err error) {
	from, back := meter{from: source}, meter{}
	defer showProgress(cmd, func() string {
		if n := back.n.Load(); n > 0 {
			return fmt.Sprintf("reading it back: %s of %s", console.Bytes(n), console.Bytes(from.n.Load()))
		}
		return console.Bytes(from.n.Load()) + " copied"
	}).end()
	if out != "" {
		return exportTo(out, &from, &back)
	}
	text := newCounted(&from)
	if _, err = io.Copy(cmd.OutOrStdout(), text); err != nil {
		return v, fmt.Errorf("cannot copy the readings: %w", err)
	}
	if v, err = text.end(); err != nil {
		err = fmt.Errorf("what was copied is not whole: %w", err)
	}
	return v, err
}

// exportView is the JSON of portti queue export. Fields are only ever added.
type exportView struct {
	File string `json:"file"`
	carry.Summary
	carry.Span
	Whole bool `json:"whole"` // all that waits is in it
}

// exported says what was copied.
func exported(cmd *cobra.Command, v exportView) error {
	g := globalsOf(cmd)
	v.Whole = v.Missing == 0
	if g.json {
		if err := writeJSON(cmd, v); err != nil {
			return err
		}
	} else if !g.quiet {
		to, name := cmd.ErrOrStderr(), ""
		if v.File != "" {
			to, name = cmd.OutOrStdout(), " to "+v.File
		}
		fmt.Fprintf(to, "%s copied%s, and also kept in this gateway\n", status.Count(v.Records, "reading"), name)
		if q := runningQueue(cmd); q != nil && q.Buffer.Held > 0 {
			fmt.Fprintf(to, "Some of them may have been delivered already (%d are waiting); those are held until fence_hold is over\n", q.Buffer.Waiting)
		}
		if v.Undated > 0 {
			fmt.Fprintf(to, "%d of them have no time yet, because the clock was never set; see portti queue import --help\n", v.Undated)
		}
	}
	if !v.Whole {
		return exit(exitFailed, fmt.Errorf("up to %s could not be read; their numbers are in the file. portti queue check says where", status.Count(v.Missing, "reading")))
	}
	return nil
}

// exportSource is the text of an export: from the daemon, else from the files.
func exportSource(cmd *cobra.Command) (io.ReadCloser, error) {
	g := globalsOf(cmd)
	if files, _ := cmd.Flags().GetBool("files"); !files {
		resp, err := openPage(cmd.Context(), g, "/api/v1/queue/export")
		if err == nil {
			return resp.Body, nil
		}
		if !notRunning(err) || g.socket != "" {
			return nil, err
		}
	}
	cfg, err := config.Lenient(g.config, config.LoadOptions{Environ: os.Environ()})
	if err != nil {
		return nil, exit(exitUsage, err)
	}
	look, err := lookAt(cfg.Paths.BufferDir())
	if err != nil {
		return nil, err
	}
	id, err := gateway.IdentityOf(cfg)
	if err != nil {
		return nil, exit(exitFailed, fmt.Errorf("%w. Give it: PORTTI_GATEWAY__ID=…", err))
	}
	ticks, err := clock.New(builtAt())
	if err != nil {
		return nil, err
	}
	h := carry.HeaderOf(id, look.Head())
	h.Exported = time.Now().UTC().Truncate(time.Second)
	for _, b := range look.Boots {
		if b.ID == ticks.BootID() {
			h.Boot, h.Mono = b.Index, ticks.Now().Mono
		}
	}
	read, write := io.Pipe()
	go func() {
		_, err := carry.Write(write, h, look.Each)
		write.CloseWithError(err)
	}()
	return read, nil
}

// meter counts what is read through it.
type meter struct {
	from io.Reader
	n    atomic.Int64
}

// Read is part of io.Reader.
func (m *meter) Read(b []byte) (int, error) {
	n, err := m.from.Read(b)
	m.n.Add(int64(n))
	return n, err
}

// counted sees what passes by: how much it is, and whether it is whole.
type counted struct {
	io.Reader
	end func() (exportView, error)
}

func newCounted(r io.Reader) counted {
	read, write := io.Pipe()
	var v exportView
	result := make(chan error, 1)
	go func() {
		var err error
		v.Summary, v.Span, err = carry.Verify(bufio.NewReader(read))
		_, _ = io.Copy(io.Discard, read) // whatever is behind: the copy must not stop
		result <- err
	}()
	return counted{io.TeeReader(r, write), func() (exportView, error) {
		write.Close()
		err := <-result
		return v, err
	}}
}

// exportTo writes the file under another name, syncs it, reads it back by way of back,
// gives it its name and syncs the folder.
func exportTo(out string, source io.Reader, back *meter) (v exportView, err error) {
	dir, name := filepath.Split(out)
	if info, err := os.Stat(out); err == nil && info.IsDir() {
		dir, name = out, "portti-"+time.Now().UTC().Format("20060102-150405")+".jsonl"
	}
	path := filepath.Join(dir, name)
	v.File = path
	if _, err := os.Lstat(path); err == nil {
		return v, exit(exitFailed, fmt.Errorf("%s is there already and is not overwritten; choose another name", path))
	}
	part := path + ".part"
	f, err := os.OpenFile(part, os.O_RDWR|os.O_CREATE|os.O_TRUNC|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return v, fmt.Errorf("cannot write to %s: %w", filepath.Clean(filepath.Dir(path)), err)
	}
	_, err = io.Copy(f, source)
	if err == nil {
		err = f.Sync()
	}
	if err == nil {
		if _, err = f.Seek(0, io.SeekStart); err == nil {
			back.from = f
			v.Summary, v.Span, err = carry.Verify(back)
		}
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = giveName(part, path)
	}
	if err != nil {
		err = errors.Join(fmt.Errorf("cannot write %s, nothing of it was left: %w", path, fullStick(err)), ignoreMissing(os.Remove(part)))
	}
	return v, err
}

// fullStick says a full disk in words.
func fullStick(err error) error {
	if errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) || errors.Is(err, unix.EFBIG) {
		return fmt.Errorf("there is no room on it (%w)", err)
	}
	return err
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// giveName gives the file its name, over nothing that is there, and syncs the
// folder.
func giveName(part, path string) error {
	err := unix.Renameat2(unix.AT_FDCWD, part, unix.AT_FDCWD, path, unix.RENAME_NOREPLACE)
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS) { // not every file system can
		if _, err := os.Lstat(path); err == nil {
			return fs.ErrExist
		}
		err = os.Rename(part, path)
	}
	if err != nil {
		return err
	}
	return durable.SyncFolderOf(path)
}
