package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"slices"
	"syscall"

	"github.com/spf13/cobra"

	"portti/buffer"
	"portti/cmd/portti/carry"
	"portti/cmd/portti/config"
	"portti/cmd/portti/console"
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

--json tells of all files and of each what was taken over, what was here already, what was
left and why, its first and last reading, and whether all of it is here now.

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

// importView is the JSON of portti queue import. Fields are only ever added.
type importView struct {
	Files int `json:"files"` // that were begun with
	taken
	Whole bool           `json:"whole"` // all that is in the files is here now
	Each  []importedFile `json:"each"`
}

// importedFile is what became of one file.
type importedFile struct {
	File    string `json:"file"`
	Gateway string `json:"gateway"` // whose readings these are; "" = not known
	carry.Span
	taken
	Whole bool `json:"whole"`
}

// importing is a file on its way.
type importing struct {
	importedFile
	text  *os.File // nil = it cannot be begun with
	from  meter
	begun bool
}

// taken is what an import did.
type taken struct {
	Taken   uint64   `json:"taken"`
	Here    uint64   `json:"here_already"`
	Undated uint64   `json:"undated_left"`
	Damaged uint64   `json:"damaged_lines"`
	Left    []string `json:"left"` // why something was left, for people
}

// view sums up the files.
func (i *importer) view() importView {
	v := importView{taken: taken{Left: []string{}}, Whole: true}
	for _, f := range i.files {
		if f.begun {
			v.Files++
		}
		v.Taken, v.Here, v.Undated, v.Damaged = v.Taken+f.Taken, v.Here+f.Here, v.Undated+f.Undated, v.Damaged+f.Damaged
		v.Left, v.Whole, v.Each = append(v.Left, f.Left...), v.Whole && f.Whole, append(v.Each, f.importedFile)
	}
	return v
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
	if err := i.learn(files); err != nil {
		return err
	}
	if !slices.ContainsFunc(i.files, func(f *importing) bool { return f.text != nil }) {
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
	line := showProgress(cmd, i.progress)
	err = i.all()
	line.end()
	if err := errors.Join(err, closeQueue()); err != nil && i.ctx.Err() == nil {
		if g.json {
			_ = i.report(cmd) // what it came to until then
		}
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
	files   []*importing
	arena   []byte
}

// learn reads what the files' headers know of times, before any record.
func (i *importer) learn(files []*os.File) error {
	for _, text := range files {
		f := &importing{importedFile: importedFile{File: text.Name(), taken: taken{Left: []string{}}}}
		i.files = append(i.files, f)
		r, err := carry.NewReader(text)
		if err != nil {
			f.leave("nothing of it was taken over: %s", unusable(text, err))
			continue
		}
		for _, b := range r.Header.Boots {
			if b.Offset != nil {
				i.boots[bootKey(&r.Header, b)] = b
			}
		}
		if _, err := text.Seek(0, io.SeekStart); err != nil {
			return fmt.Errorf("cannot import %s, which must be a file: %w", f.File, err)
		}
		f.text, f.from.from, f.Gateway = text, text, r.Header.Gateway
	}
	return nil
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

func (i *importer) all() error {
	for _, f := range i.files {
		if f.text == nil {
			continue
		}
		f.begun = true
		r, err := carry.NewReader(&f.from)
		if err == nil {
			err = i.file(f, r)
		}
		if err != nil {
			if i.ctx.Err() == nil {
				f.leave("%v", err)
			}
			return fmt.Errorf("%s: %w", f.File, err)
		}
	}
	return nil
}

// progress says how much of the files has been read.
func (i *importer) progress() string {
	var done, all int64
	for _, f := range i.files {
		if f.text == nil {
			continue
		}
		if info, err := f.text.Stat(); err == nil {
			done, all = done+f.from.n.Load(), all+info.Size()
		}
	}
	return console.Bytes(done) + " of " + console.Bytes(all) + " read"
}

func (f *importedFile) leave(format string, args ...any) {
	f.Left = append(f.Left, f.File+": "+fmt.Sprintf(format, args...))
}

// file takes over one file. Only what stops the whole import is an error.
func (i *importer) file(f *importing, r *carry.Reader) error {
	if from := r.Header.Called(); from.Gateway == i.own && from.Epoch == i.queue.Epoch() {
		f.leave("these are this gateway's own readings, and it has them; or those of a gateway with a copy of its card. Import the file on another gateway")
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
		f.Add(&r.Header, item.Record)
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
		if err := i.take(&f.importedFile, seen, item.Record, rec); err != nil {
			return err
		}
		seen, known = n, true
	}
	f.Undated, f.Damaged = left.undated, left.damaged
	if i.ctx.Err() == nil {
		f.remarks(left, r.Complete())
		f.Whole = len(f.Left) == 0
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
func (f *importedFile) remarks(l remainder, complete error) {
	if l.undated > 0 {
		f.leave("no time is known yet for %s. Export again when their gateway knows it, and name both files; or see --guess", status.Count(l.undated, "reading"))
	}
	if l.first != nil && !errors.Is(l.first, carry.ErrCut) {
		f.leave("%s could not be used (first %v). Copy the file again, and repeat the import", status.Count(l.damaged, "line"), l.first)
	}
	switch {
	case l.unread != nil:
		f.leave("it cannot be read any further (%v). What is before is here now; copy the file to another place, and import the copy", l.unread)
	case l.joined > 0:
		f.leave("another export begins in line %d, and nothing from there on was taken over. Import each file as it was exported", l.joined)
	case errors.Is(complete, carry.ErrCut):
		f.leave("%v. What was in it is here now; import the whole file when you have it", complete)
	case complete != nil && l.first == nil:
		f.leave("%v. What was in it is here now; copy the file again, and repeat the import", complete)
	}
}

// take puts one record into the queue, waiting for room in memory.
func (i *importer) take(f *importedFile, after uint64, r *buffer.Record, rec []byte) error {
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
			f.Taken++
		default:
			f.Here++
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
	g, v := globalsOf(cmd), i.view()
	if g.json {
		if err := writeJSON(cmd, v); err != nil {
			return err
		}
	} else {
		if !g.quiet {
			fmt.Fprintf(cmd.OutOrStdout(), "%s taken over, %d already here\n", status.Count(v.Taken, "reading"), v.Here)
		}
		for _, why := range v.Left {
			fmt.Fprintln(cmd.ErrOrStderr(), "left: "+why)
		}
	}
	switch {
	case i.ctx.Err() != nil:
		return exit(exitInterrupted, errors.New("interrupted; what was taken over until now stays, and the rest is taken over when you repeat it"))
	case !v.Whole:
		return exit(exitFailed, nil)
	}
	return nil
}
