package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"syscall"

	"github.com/spf13/cobra"

	"portti/buffer"
	"portti/cmd/portti/carry"
	"portti/cmd/portti/config"
	"portti/cmd/portti/gateway"
	"portti/cmd/portti/status"
	"portti/device"
	"portti/device/clock"
)

func queueImportCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "import FILE...",
		Short: "take over readings that another gateway exported",
		Long: `Puts the readings of files that portti queue export wrote into this gateway's buffer,
each exactly once: the same file again, a file that overlaps another one, and an import
that was interrupted, by whatever, take over only what is not here yet. The messages
stay as they are, byte for byte. Their account is kept under import:GATEWAY/DEVICE.

The gateway must be stopped meanwhile, so that nobody else writes to the buffer:
  sudo systemctl stop portti
  sudo portti queue import /media/stick/*.jsonl
  sudo portti service start

Nothing of this gateway's own is given up to make room: where there is too little, the
import stops, and goes on when it is repeated later.

Readings without a time were taken before their gateway's clock was ever set. They are
left out, unless a file named next to theirs, exported later, knows the time of that
boot. --guess dates them by when the file was exported, with the greatest error in
tsErr; use it where their gateway will never deliver them itself.

Exit codes: 0 everything is here now, 1 something was left and is named, 2 wrong usage,
130 interrupted; what was taken over until then stays.`,
		Example: `  sudo portti queue import /media/stick/portti-queue-*`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usage(errors.New("which files? Name those that portti queue export wrote, as /media/stick/*.jsonl"))
			}
			return nil
		},
		RunE: runQueueImport,
	}
	cmd.Flags().Bool("guess", false, "date readings whose time is not known")
	return cmd
}

// tally is what an import did.
type tally struct {
	Files   int      `json:"files"`
	Taken   uint64   `json:"taken"`
	Here    uint64   `json:"here_already"`
	Undated uint64   `json:"undated_left"`
	Damaged uint64   `json:"damaged_lines"`
	Left    []string `json:"left"` // why something was left, for people
}

func runQueueImport(cmd *cobra.Command, args []string) error {
	g := globalsOf(cmd)
	cfg, err := config.Load(g.config, config.LoadOptions{Environ: os.Environ()})
	switch {
	case errors.Is(err, config.ErrNotConfigured):
		return exit(exitNotConfigured, err)
	case err != nil:
		return exit(exitConfig, err)
	}
	files, err := openAll(args)
	for _, f := range files {
		defer f.Close()
	}
	if err != nil {
		return err
	}
	ticks, err := clock.New(builtAt())
	if err != nil {
		return err
	}
	guess, _ := cmd.Flags().GetBool("guess")
	i := &importer{ctx: cmd.Context(), now: ticks.Now(), boots: map[string]carry.Boot{}, devices: map[string]uint16{}, guess: guess}
	if guess && !i.now.Trusted {
		return errors.New("cannot guess times: this gateway's own clock is not set. See: timedatectl")
	}
	files, err = i.learn(files)
	if err != nil {
		return err
	}
	if len(files) == 0 {
		return i.report(cmd)
	}
	if err := becomeOwner(cfg.Paths.State); err != nil {
		return err
	}
	if i.own, err = gateway.IdentityOf(cfg); err != nil && !errors.Is(err, fs.ErrNotExist) { // "" is nobody's
		return err
	}
	log := slog.New(slog.DiscardHandler)
	if g.verbose {
		log = newLog(cmd.ErrOrStderr(), cfg.Log, slog.LevelDebug)
	}
	queue, closeQueue, err := gateway.OpenBuffer(cfg, builtAt(), log)
	if errors.Is(err, gateway.ErrRunning) {
		return fmt.Errorf("%w.\nStop the gateway, import, start it again:  sudo portti service stop; sudo portti queue import ...; sudo portti service start", err)
	}
	if err != nil {
		return err
	}
	i.queue = queue
	err = i.all(files)
	if err := errors.Join(err, closeQueue()); err != nil && i.ctx.Err() == nil {
		return fmt.Errorf("the import is not done; repeat it, nothing is taken over twice: %w", err)
	}
	return i.report(cmd)
}

func openAll(names []string) (files []*os.File, err error) {
	for _, name := range names {
		f, err := os.Open(name)
		if err != nil {
			return files, fmt.Errorf("cannot read a file to import: %w", err)
		}
		files = append(files, f)
	}
	return files, nil
}

// becomeOwner gives up being root for the owner of the state folder: the daemon
// must be able to write the files that an import makes.
func becomeOwner(dir string) error {
	info, err := os.Stat(dir)
	if err != nil {
		return fmt.Errorf("there is no state folder yet; start the gateway once: %w", err)
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !ok || os.Geteuid() != 0 || owner.Uid == 0 {
		return nil
	}
	err = errors.Join(syscall.Setgroups(nil), syscall.Setgid(int(owner.Gid)), syscall.Setuid(int(owner.Uid)))
	if err != nil {
		return fmt.Errorf("cannot work as the owner of %s: %w", dir, err)
	}
	return nil
}

type importer struct {
	ctx     context.Context
	queue   *buffer.Queue
	own     string // tsmGw of this gateway
	now     clock.Now
	guess   bool
	boots   map[string]carry.Boot // by gateway and boot: those whose time is known
	devices map[string]uint16
	tally   tally
	arena   []byte
}

// learn reads what the files' headers know of times, before any record, and
// gives the files that can be read.
func (i *importer) learn(files []*os.File) (sound []*os.File, err error) {
	for _, f := range files {
		r, err := carry.NewReader(f)
		if err != nil {
			i.leave(f.Name(), "nothing of it was taken over: %s", unusable(f, err))
			continue
		}
		for _, b := range r.Header.Boots {
			if b.Offset != nil {
				i.boots[bootKey(&r.Header, b)] = b
			}
		}
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			return nil, fmt.Errorf("cannot import %s, which must be a file: %w", f.Name(), err)
		}
		sound = append(sound, f)
	}
	return sound, nil
}

// unusable says why a file cannot be begun with, and what to do about it.
func unusable(f *os.File, err error) string {
	if info, e := f.Stat(); e == nil && info.IsDir() {
		return "it is a folder; name the files in it"
	}
	switch {
	case errors.Is(err, carry.ErrPacked):
		return fmt.Sprintf("it is %v. Unpack it with gunzip, and import what comes out", err)
	case errors.Is(err, carry.ErrNewer):
		return fmt.Sprintf("it was %v. Update portti on this gateway, and repeat the import", err)
	case errors.Is(err, carry.ErrNotExport):
		return fmt.Sprintf("it is %v. Copy it or export it again, and repeat the import", err)
	}
	return fmt.Sprintf("it cannot be read (%v). Copy it to another place, and import the copy", err)
}

func (i *importer) all(files []*os.File) error {
	for _, f := range files {
		i.tally.Files++
		r, err := carry.NewReader(f)
		if err == nil {
			err = i.file(f.Name(), r)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", f.Name(), err)
		}
	}
	return nil
}

func (i *importer) leave(name, format string, args ...any) {
	i.tally.Left = append(i.tally.Left, name+": "+fmt.Sprintf(format, args...))
}

// file takes over one file. Only what stops the whole import is an error.
func (i *importer) file(name string, r *carry.Reader) error {
	if from := r.Header.Called(); from.Gateway == i.own && from.Epoch == i.queue.Epoch() {
		i.leave(name, "these are this gateway's own readings, and it has them; or those of a gateway with a copy of its card. Import the file on another gateway")
		return nil
	}
	// Up to where every record of the source has been seen; not known behind a
	// gap. Where a line is gone, after tells.
	seen, known := r.Before(), true
	var from buffer.Name // of the record before
	var left remainder
	for i.ctx.Err() == nil {
		item, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			left.unread = err
			break
		}
		if item.Record == nil {
			known = false
			left.line(item.Line, item.Damaged)
			continue
		}
		rec, why := i.final(&r.Header, item.Record)
		if why != nil {
			known = false
			left.line(item.Line, why)
			continue
		}
		n := item.Record.Number
		if !known || seen != item.After || from != item.Record.Called && from != (buffer.Name{}) {
			seen = n - 1
		}
		from = item.Record.Called
		if err := i.take(seen, item.Record, rec); err != nil {
			return err
		}
		seen, known = n, true
	}
	i.tally.Undated += left.undated
	i.tally.Damaged += left.damaged
	if i.ctx.Err() == nil {
		i.remarks(name, left, r.Complete())
	}
	return nil
}

// remainder is what of a file was not taken over.
type remainder struct {
	undated uint64
	damaged uint64 // lines
	first   error  // of them
	joined  int    // the line in which another file begins
	unread  error
}

// line notes a line that was not taken over. One without a cause is a gap, which
// is no fault of the file.
func (l *remainder) line(number int, why error) {
	switch {
	case why == nil:
		return
	case errors.Is(why, errUndated):
		l.undated++
		return
	case errors.Is(why, carry.ErrJoined):
		l.joined = number
		return
	case l.first == nil:
		l.first = fmt.Errorf("line %d: %w", number, why)
	}
	l.damaged++
}

// remarks says what of a file is not here, why, and what to do about it.
func (i *importer) remarks(name string, l remainder, complete error) {
	if l.undated > 0 {
		i.leave(name, "no time is known yet for %s. Export again when their gateway knows it, and name both files; or see --guess", status.Count(l.undated, "reading"))
	}
	if l.first != nil && !errors.Is(l.first, carry.ErrCut) {
		i.leave(name, "%s could not be used (first %v). Copy the file again, and repeat the import", status.Count(l.damaged, "line"), l.first)
	}
	switch {
	case l.unread != nil:
		i.leave(name, "it cannot be read any further (%v). What is before is here now; copy the file to another place, and import the copy", l.unread)
	case l.joined > 0:
		i.leave(name, "another export begins in line %d, and nothing from there on was taken over. Import each file as it was exported", l.joined)
	case errors.Is(complete, carry.ErrCut):
		i.leave(name, "%v. What was in it is here now; import the whole file when you have it", complete)
	case complete != nil && l.first == nil:
		i.leave(name, "%v. What was in it is here now; copy the file again, and repeat the import", complete)
	}
}

// take puts one record into the queue, waiting for room in memory.
func (i *importer) take(after uint64, r *buffer.Record, rec []byte) error {
	dev, err := i.device("import:" + r.Called.Gateway + "/" + r.Name)
	if err != nil {
		return err
	}
	for {
		fresh, err := i.queue.Import(r.Called, after, r.Number, r.Class&^device.ClassProvisional, dev, r.Stream, rec)
		switch {
		case errors.Is(err, buffer.ErrFull):
			select {
			case <-i.queue.NotFull():
				continue
			case <-i.ctx.Done():
				return i.ctx.Err()
			}
		case errors.Is(err, buffer.ErrNoSpace):
			return fmt.Errorf("%w. Let the gateway deliver first, or raise max_size in [buffer]", err)
		case err != nil:
			return err
		case fresh:
			i.tally.Taken++
		default:
			i.tally.Here++
		}
		return nil
	}
}

// maxDevices bounds what names a file may bring.
const maxDevices = 1000

func (i *importer) device(name string) (uint16, error) {
	if n, ok := i.devices[name]; ok {
		return n, nil
	}
	if len(i.devices) >= maxDevices {
		return 0, fmt.Errorf("readings of more than %d devices", maxDevices)
	}
	n, err := i.queue.Device(name)
	if err == nil {
		i.devices[name] = n
	}
	return n, err
}

func (i *importer) report(cmd *cobra.Command) error {
	g, t := globalsOf(cmd), &i.tally
	if t.Left == nil {
		t.Left = []string{}
	}
	if g.json {
		if err := writeJSON(cmd, t); err != nil {
			return err
		}
	} else {
		if !g.quiet {
			fmt.Fprintf(cmd.OutOrStdout(), "%s taken over, %d already here\n", status.Count(t.Taken, "reading"), t.Here)
		}
		for _, why := range t.Left {
			fmt.Fprintln(cmd.ErrOrStderr(), "left: "+why)
		}
	}
	switch {
	case i.ctx.Err() != nil:
		return exit(exitInterrupted, errors.New("interrupted; what was taken over until now stays, and the rest is taken over when you repeat it"))
	case len(t.Left) > 0:
		return exit(exitFailed, nil)
	}
	return nil
}
