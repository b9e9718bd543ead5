package main

import (
	"archive/tar"
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"portti/cmd/portti/config"
	"portti/cmd/portti/durable"
	"portti/cmd/portti/redact"
	"portti/cmd/portti/status"
	"portti/systemd"
)

func bundleCmd(machine fs.FS) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "bundle",
		Short: "write a support file with secrets removed",
		Long: `Writes one file for whoever helps you: state, problems, configuration, log, figures and
what the machine is like. Secrets are taken out. It is readable by you alone, and nothing
is sent anywhere: look into it, then pass it on yourself. docs/bundle.md says what is in it.

It works while the gateway runs and while it does not, and says what is missing. With sudo
more is in it. The log gets a line with the bundle's mark, so that the moment can be found.

Readings and bytes of devices are in it only with --include-readings, which listens for ten
seconds, or with --record, which listens until you press Enter and has the log at debug
meanwhile. With --private positions are rounded to 0.1 degrees, and what tells devices,
vessels, networks and hosts from others is replaced by names such as device-1.

Exit codes: 0 written, 1 not, 2 wrong usage.`,
		Example: `  sudo portti bundle
  sudo portti bundle --since 2h --note "link drops at noon" -o /media/stick
  sudo portti bundle --record --note "pulled the plug of the panel"
  tar -xzf portti-bundle-*.tar.gz -O --wildcards '*/config.toml'`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runBundle(cmd, machine) },
	}
	f := cmd.Flags()
	f.StringP("out", "o", "", "write to this `FILE`, or to a new one in this folder (default: here)")
	f.Duration("since", 24*time.Hour, "how far back the log goes")
	f.String("note", "", "`TEXT` for whoever reads it: what you did and saw")
	f.Bool("include-readings", false, "listen to each device for ten seconds and keep its bytes")
	f.Bool("private", false, "without positions, ids and addresses")
	f.Bool("record", false, "listen to each device, with the log at debug, until Enter is pressed")
	return cmd
}

// bundleSchema is the version of manifest.json.
const bundleSchema = 1

// bundleOptions are what somebody asked to have in it.
type bundleOptions struct {
	since             time.Duration
	note              string
	readings, private bool
	record            bool
}

// bundle is a support bundle in the making. It goes where it is written to file by file,
// so that no more than one of them is in memory.
type bundle struct {
	g        globals
	machine  fs.FS
	view     systemd.View
	socket   string
	client   *http.Client   // of the running gateway
	cfg      *config.Config // as far as it can be read
	options  bundleOptions
	run      func(ctx context.Context, name string, args ...string) ([]byte, error)
	served   bool  // the gateway makes it of itself, see servedBundle
	most     int64 // bytes of one file
	progress io.Writer
	stdin    io.Reader

	scrub    *redact.Scrubber
	manifest manifest
	folder   string // in which all of it lies
	tar      *tar.Writer
	err      error // of tar
}

// manifest says what is in a bundle.
type manifest struct {
	Schema   int            `json:"schema"`
	Mark     string         `json:"mark"` // stands in the log too
	Version  string         `json:"version"`
	Time     time.Time      `json:"time"`
	Gateway  string         `json:"gateway"`
	Running  bool           `json:"running"`
	Note     string         `json:"note,omitempty"`
	SinceS   float64        `json:"since_s"`
	Private  bool           `json:"private"`
	Readings bool           `json:"readings"`
	Files    []manifestFile `json:"files"`
	Missing  []manifestLack `json:"missing"`
	Redacted redact.Counts  `json:"redacted"` // how much was taken out, by what it was
}

type manifestFile struct {
	Name    string `json:"name"`
	Bytes   int    `json:"bytes"`
	LeftOut int    `json:"left_out,omitempty"` // bytes beyond what a source may have
}

type manifestLack struct {
	Name string `json:"name"`
	Why  string `json:"why"`
}

func runBundle(cmd *cobra.Command, machine fs.FS) error {
	ctx, f := cmd.Context(), cmd.Flags()
	var o bundleOptions
	o.since, _ = f.GetDuration("since")
	o.readings, _ = f.GetBool("include-readings")
	o.private, _ = f.GetBool("private")
	o.record, _ = f.GetBool("record")
	o.note, _ = f.GetString("note")
	switch {
	case o.since <= 0:
		return usage(errors.New("--since must be a time such as 2h"))
	case o.private && (o.readings || o.record):
		return usage(errors.New("--private leaves out what --include-readings and --record put in, the bytes of devices: say one of them"))
	}
	b := newBundle(ctx, globalsOf(cmd), machine, o, nil)
	b.run, b.stdin = runProgram, cmd.InOrStdin()
	if !b.g.quiet {
		b.progress = cmd.ErrOrStderr()
	}
	out, _ := f.GetString("out")
	path, err := b.path(out)
	if err != nil {
		return err
	}
	var text bytes.Buffer
	err = b.write(ctx, &text, strings.TrimSuffix(filepath.Base(path), ".tar.gz"))
	if ctx.Err() != nil {
		return exit(exitInterrupted, nil)
	}
	if err != nil {
		return err
	}
	err = asCaller(func() error { return durable.Replace(path, text.Bytes(), 0o600) })
	if err != nil {
		return fmt.Errorf("cannot write the bundle: %w. Name a folder that you may write in: portti bundle -o /tmp", err)
	}
	return b.said(cmd, path, text.Len())
}

// newBundle begins one; api is what the running gateway answers, nil = ask its socket.
func newBundle(ctx context.Context, g globals, machine fs.FS, o bundleOptions, api http.Handler) *bundle {
	b := &bundle{g: g, machine: machine, options: o, progress: io.Discard, served: api != nil, most: maxSource}
	view, installed := systemd.ViewOf(machine)
	if b.view = view; installed && !b.g.configSet && view.Config != "" {
		b.g.config = view.Config
	}
	environ := append(os.Environ(), view.Env...)
	var err error
	if b.cfg, err = config.Lenient(b.g.config, config.LoadOptions{Environ: environ}); err != nil {
		b.cfg = config.Defaults()
	}
	if b.socket = b.g.socket; b.socket == "" {
		b.socket = b.cfg.Paths.Socket()
	}
	if b.client = clientOf(b.socket); b.served {
		b.client, b.most = &http.Client{Transport: within{api}}, maxServed
	}
	id := make([]byte, 4)
	_, _ = rand.Read(id) // it never fails
	b.manifest = manifest{Schema: bundleSchema, Mark: fmt.Sprintf("BUNDLE-%X", id), Version: buildInfo().Version, Time: time.Now().UTC().Truncate(time.Second),
		Note: o.note, SinceS: o.since.Seconds(), Private: o.private, Readings: o.readings || o.record,
		Files: []manifestFile{}, Missing: []manifestLack{}, Redacted: redact.Counts{}}
	b.manifest.Gateway = b.identity(ctx)
	b.scrub = redact.New(redact.Options{Secrets: config.Secrets(b.g.config, config.LoadOptions{Environ: environ}), Private: o.private, Names: b.names()})
	return b
}

// write makes the archive. All lies in one folder, the manifest last: without it a file is
// not whole.
func (b *bundle) write(ctx context.Context, w io.Writer, folder string) error {
	zipped := gzip.NewWriter(w)
	b.tar, b.folder = tar.NewWriter(zipped), folder
	b.mark(ctx)
	if b.options.readings || b.options.record {
		if err := b.listen(ctx); err != nil {
			return err
		}
	}
	for _, s := range b.sources() {
		b.collect(ctx, s)
	}
	if err := cmp.Or(ctx.Err(), b.err); err != nil {
		return err
	}
	note, counts := b.text(b.manifest.Note)
	b.manifest.Note = note
	b.manifest.Redacted.Add(counts)
	b.manifest.Gateway, _ = b.text(b.manifest.Gateway)
	text, err := json.MarshalIndent(b.manifest, "", "  ")
	if err != nil {
		return err
	}
	b.put("manifest.json", append(text, '\n'))
	return errors.Join(b.err, b.tar.Close(), zipped.Close())
}

// put writes a file into the archive.
func (b *bundle) put(name string, text []byte) {
	if b.err == nil {
		b.err = b.tar.WriteHeader(&tar.Header{Name: b.folder + "/" + name, Mode: 0o600, Size: int64(len(text)), ModTime: b.manifest.Time})
	}
	if b.err == nil {
		_, b.err = b.tar.Write(text)
	}
}

// name is what the file is called where nobody called it otherwise.
func (b *bundle) name() string {
	id := status.Clean(strings.Map(func(r rune) rune {
		if strings.ContainsRune("/\\ :", r) {
			return '-'
		}
		return r
	}, b.manifest.Gateway), 40)
	if b.options.private || id == "" {
		id = "gateway"
	}
	return "portti-bundle-" + id + "-" + b.manifest.Time.Format("20060102-150405") + ".tar.gz"
}

// path is where the bundle will be: never in the place of another file.
func (b *bundle) path(out string) (string, error) {
	if info, err := os.Stat(out); out == "" || err == nil && info.IsDir() {
		out = filepath.Join(out, b.name())
	}
	if _, err := os.Lstat(out); err == nil {
		return "", fmt.Errorf("%s is there already and is not overwritten; choose another name", out)
	}
	if _, err := os.Stat(filepath.Dir(out)); err != nil {
		return "", fmt.Errorf("cannot write the bundle: %w", err)
	}
	return out, nil
}

// mark puts a line in the log: the gateway's own, or else the journal.
func (b *bundle) mark(ctx context.Context) {
	err := b.tell(ctx, "/api/v1/mark?id="+b.manifest.Mark)
	b.manifest.Running = err == nil || !notRunning(err)
	if err == nil {
		return
	}
	entry := fmt.Sprintf("MESSAGE=a support bundle is made: %s\nPRIORITY=6\nSYSLOG_IDENTIFIER=portti\nPORTTI_EVENT=bundle.made\n", b.manifest.Mark)
	if entryErr := systemd.JournalEntry([]byte(entry)); entryErr != nil {
		b.lacks("mark in the log", fmt.Errorf("neither the gateway nor the journal takes it: %w", entryErr))
	}
}

// tell has the running gateway do something.
func (b *bundle) tell(ctx context.Context, page string) error {
	var done struct{}
	return askBy(ctx, b.client, b.socket, b.g.timeout, http.MethodPost, page, &done)
}

// lacks notes what is not in the bundle. Errors that are the same say so once.
func (b *bundle) lacks(name string, err error) {
	why := err.Error()
	if notRunning(err) {
		why = "the gateway is not running"
	}
	if errors.Is(err, fs.ErrPermission) && os.Geteuid() != 0 && !strings.Contains(why, "sudo") {
		why += ": run it with sudo"
		if b.served {
			why = err.Error() + "; on the gateway: sudo portti bundle"
		}
	}
	why, counts := b.text(why)
	b.manifest.Redacted.Add(counts)
	b.manifest.Missing = append(b.manifest.Missing, manifestLack{name, status.Clean(strings.ReplaceAll(why, "\n", " "), 400)})
}

func (b *bundle) text(s string) (string, redact.Counts) {
	text, counts := b.scrub.Scrub([]byte(s))
	return string(text), counts
}

// namedAfter is after how long a source is named while it is waited for.
const namedAfter = 2 * time.Second

// collect takes one source into the bundle, or notes why it cannot.
func (b *bundle) collect(ctx context.Context, s source) {
	if ctx.Err() != nil || b.err != nil {
		return
	}
	named := time.AfterFunc(namedAfter, func() { fmt.Fprintf(b.progress, "still collecting %s\n", s.name) })
	defer named.Stop()
	ctx, cancel := context.WithTimeout(ctx, sourcePatience)
	defer cancel()
	text, err := s.get(ctx)
	if err != nil {
		b.lacks(s.name, err)
	}
	if len(text) > 0 {
		b.add(s.name, text, s.last)
	}
}

// add scrubs a file and puts it in.
func (b *bundle) add(name string, text []byte, last bool) {
	text, left := redact.Lines(text, int(b.most), last)
	text, counts := b.scrub.Scrub(text)
	b.manifest.Redacted.Add(counts)
	b.manifest.Files = append(b.manifest.Files, manifestFile{name, len(text), left})
	b.put(name, text)
}

// bundleView is the JSON of portti bundle: where the file is, and its manifest.
type bundleView struct {
	File  string `json:"file"`
	Bytes int    `json:"bytes"`
	manifest
}

// said shows what was written.
func (b *bundle) said(cmd *cobra.Command, path string, size int) error {
	out, m := cmd.OutOrStdout(), b.manifest
	path, _ = b.text(path)
	switch {
	case b.g.json:
		return writeJSON(cmd, bundleView{path, size, m})
	case b.g.quiet:
		return nil
	case b.g.plain:
		for _, f := range m.Files {
			fmt.Fprintf(out, "file\t%s\t%d\t%d\n", f.Name, f.Bytes, f.LeftOut)
		}
		for _, l := range m.Missing {
			fmt.Fprintf(out, "missing\t%s\t%s\n", l.Name, l.Why)
		}
		_, err := fmt.Fprintf(out, "bundle\t%s\t%d\t%s\n", path, size, m.Mark)
		return err
	}
	b.contents(out)
	_, err := fmt.Fprintf(out, "\n%s\n%s, readable by you alone. Its mark in the log is %s.\nNothing was sent. Look into it, then pass it on: tar -tzf %s\n", path, sizeWords(size), m.Mark, path)
	return err
}

// contents lists the files, what is missing and what was taken out.
func (b *bundle) contents(out io.Writer) {
	for _, f := range b.manifest.Files {
		cut := ""
		if f.LeftOut > 0 {
			cut = fmt.Sprintf("  (%s more left out)", sizeWords(f.LeftOut))
		}
		fmt.Fprintf(out, "%12s  %s%s\n", sizeWords(f.Bytes), f.Name, cut)
	}
	if len(b.manifest.Missing) > 0 {
		fmt.Fprintln(out, "\nNot in it:")
	}
	var reasons []string // each once, with all that it holds for
	names := map[string][]string{}
	for _, l := range b.manifest.Missing {
		if names[l.Why] == nil {
			reasons = append(reasons, l.Why)
		}
		names[l.Why] = append(names[l.Why], l.Name)
	}
	for _, why := range reasons {
		fmt.Fprintf(out, "  %s: %s\n", strings.Join(names[why], ", "), why)
	}
	if n := total(b.manifest.Redacted); n > 0 {
		fmt.Fprintf(out, "\n%s taken out of it.\n", status.Count(uint64(n), "value"))
	}
}

func total(counts redact.Counts) (n int) {
	for _, c := range counts {
		n += c
	}
	return n
}

func sizeWords(n int) string {
	if n < 10_000 {
		return status.Count(uint64(n), "byte")
	}
	return fmt.Sprintf("%d kB", n/1000)
}
