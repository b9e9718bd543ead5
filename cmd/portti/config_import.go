package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"portti/cmd/portti/config"
	"portti/cmd/portti/durable"
	"portti/cmd/portti/status"
	"portti/uplink"
)

func configImportCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "import DIR",
		Short: "take the configuration from a stick or the boot partition, once",
		Long: `Takes DIR/portti/*.toml and DIR/portti/uplink-token, as somebody has put them on a stick or
on the boot partition of a card:

  - all of it is checked together with what is configured already; with any mistake
    nothing at all is changed
  - the files move to conf.d next to the configuration, as 80-stick-NAME, and the token to
    where it is read; on the stick the token is overwritten and removed
  - DIR/portti/ANSWER.txt says in plain words what was taken, or what is wrong and where,
    and which files have a name that portti does not know, such as uplink-token.txt

What was taken is taken once: the same files in there again do nothing. A package or image may
run it at boot, before the gateway; portti-stick.service is for that, and off by default,
since whoever can plug in a stick can then change the configuration.

Exit codes: 0 taken, or there is nothing to take, 1 not, or there are only other files.`,
		Example: `  sudo portti config import /media/stick`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := openStick(args[0])
			if err != nil || s == nil {
				return err
			}
			defer s.Close()
			return takeFrom(cmd, s)
		},
	}
}

// stick is a folder in which somebody has put files for the gateway.
type stick interface {
	// Files are the names of what is there to be taken, and of what is left aside.
	Files() (names, aside []string, err error)
	Read(name string) ([]byte, error)
	// Wipe overwrites a file and removes it.
	Wipe(name string) error
	Remove(name string) error
	// Answer leaves a text for whoever looks at it next.
	Answer(text string) error
}

const (
	stickToken  = "uplink-token"
	stickPrefix = "80-stick-"
	stickAnswer = "ANSWER.txt"
	stickDone   = "portti has taken over what was in here."
	// stickTaken says in conf.d what was taken, so that it is taken once from a stick
	// that cannot be written.
	stickTaken = ".taken-from-stick"
)

// stickView is the JSON of portti config import. Fields are only ever added.
type stickView struct {
	Taken map[string]string `json:"taken"` // path of a file -> its name on the stick
	Token bool              `json:"token_taken"`
}

// errStick is of a stick that cannot be read.
var errStick = errors.New("cannot read what is on the stick")

// takeover is what is to be taken, and where it goes.
type takeover struct {
	names []string // on the stick
	aside []string // likewise, of what is not taken
	files []durable.File
	from  map[string]string // path of a file -> its name on the stick
	token string
	wiped bool              // the token on the stick is zeros: the power failed before it was removed
	sums  map[string]string // of each by its name
	cfg   *config.Config
}

func takeFrom(cmd *cobra.Command, s stick) error {
	main := globalsOf(cmd).config
	folder := filepath.Join(filepath.Dir(main), "conf.d")
	t, err := readStick(s, folder)
	leave := func(text string) error { return s.Answer(text + t.passedOver()) }
	if err != nil {
		return errors.Join(err, leave("portti has taken nothing from here:\n\n"+err.Error()+"\n"))
	}
	note := filepath.Join(folder, stickTaken)
	if t.knownTo(note) { // and only taking it from the stick may be left to do
		if err := t.clean(s); err != nil {
			fmt.Fprintf(cmd.ErrOrStderr(), "What is on the stick was taken before, and cannot be removed there: %v\n", err)
		}
		if err := t.nothingElse(s); err != nil || !globalsOf(cmd).json {
			return err
		}
		return writeJSON(cmd, stickView{Taken: map[string]string{}})
	}
	if err := t.judge(main); err != nil {
		text := "portti has taken nothing from here, and nothing was changed on the gateway:\n\n" + err.Error() +
			"\n\nCorrect it, and start the gateway with this once more.\n"
		return exit(exitFailed, errors.Join(err, leave(text)))
	}
	if err := t.place(readersOf(main)); err != nil {
		return errors.Join(err, leave("portti has taken nothing from here:\n\n"+err.Error()+"\n"))
	}
	if err := t.note(note); err != nil {
		return fmt.Errorf("it was taken, but that cannot be noted: %w", err)
	}
	text := t.answer() + t.passedOver()
	switch g := globalsOf(cmd); {
	case g.json:
		err = writeJSON(cmd, stickView{t.from, t.token != ""})
	case !g.quiet:
		_, err = fmt.Fprint(cmd.OutOrStdout(), text)
	}
	if err != nil {
		return err
	}
	// From here on all of it is safe on the gateway, which is told whatever becomes of the stick.
	left := errors.Join(t.clean(s), s.Answer(text))
	if left != nil {
		left = fmt.Errorf("%w.\nIt was taken, and will not be taken again; but the token may still be on the stick: remove it", left)
	}
	return errors.Join(left, applyNow(cmd, "The gateway reads it when it starts."))
}

// readStick reads all of it before anything is done: a stick may be pulled out at any time. After an
// error the takeover knows only what is left aside.
func readStick(s stick, folder string) (*takeover, error) {
	names, aside, err := s.Files()
	t := &takeover{aside: aside, from: map[string]string{}, sums: map[string]string{}}
	if err != nil {
		return t, fmt.Errorf("%w: %w", errStick, err)
	}
	for _, name := range names {
		text, err := s.Read(name)
		if err != nil {
			return t, fmt.Errorf("%w: %w; nothing was changed", errStick, err)
		}
		if name == stickToken && len(text) > 0 && len(bytes.Trim(text, "\x00")) == 0 {
			t.wiped = true
			continue
		}
		t.names = append(t.names, name)
		sum := sha256.Sum256(text)
		t.sums[name] = hex.EncodeToString(sum[:])
		text = bytes.TrimPrefix(text, []byte("\ufeff")) // what editors on other systems put there
		if name == stickToken {
			t.token = strings.TrimSpace(string(text))
			continue
		}
		path := filepath.Join(folder, stickPrefix+strings.TrimSuffix(name, filepath.Ext(name))+".toml")
		if twin := t.from[path]; twin != "" {
			return t, fmt.Errorf("portti/%s and %s would have one name on the gateway: rename one; nothing was changed", name, twin)
		}
		t.files = append(t.files, durable.File{Path: path, Text: bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n"))})
		t.from[path] = "portti/" + name
	}
	return t, nil
}

// knownTo says whether all of it was taken before, by the note of that.
func (t *takeover) knownTo(note string) bool {
	old, _ := os.ReadFile(note)
	lines := strings.Split(string(old), "\n")
	for name, sum := range t.sums {
		if !slices.Contains(lines, sum+" "+name) {
			return false
		}
	}
	return true
}

// note keeps for the owner alone what was taken, file by file: of a stick that is pulled out
// too early some are left.
func (t *takeover) note(path string) error {
	old, _ := os.ReadFile(path)
	var b strings.Builder
	for line := range strings.Lines(string(old)) {
		if _, name, _ := strings.Cut(strings.TrimSpace(line), " "); t.sums[name] == "" {
			b.WriteString(line)
		}
	}
	for _, name := range t.names {
		b.WriteString(t.sums[name] + " " + name + "\n")
	}
	return durable.Replace(path, []byte(b.String()), 0o600)
}

// judge holds it against what is configured, as if it were in place.
func (t *takeover) judge(main string) error {
	load := func() (err error) {
		drafts := map[string][]byte{}
		for _, f := range t.files {
			drafts[f.Path] = f.Text
		}
		t.cfg, err = config.Load(main, config.LoadOptions{Environ: os.Environ(), Drafts: drafts})
		return err
	}
	err := load()
	if t.has(stickToken) && (err != nil || t.cfg.Uplink.TokenFile == "") { // then it says where the token goes, too
		dir := filepath.Dir(main)
		own := durable.File{Path: filepath.Join(dir, "conf.d", "79-stick-token.toml"),
			Text: fmt.Appendf(nil, "# Made by portti config import for the token that came with it.\n[uplink]\ntoken_file = %q\n", filepath.Join(dir, "credentials", stickToken))}
		t.files = append(t.files, own)
		if err = load(); err != nil { // its faults are those of the stick alone
			t.files = t.files[:len(t.files)-1]
		}
	}
	var bad *config.Error
	if errors.As(err, &bad) {
		for i, f := range bad.Faults {
			if name := t.from[f.File]; name != "" {
				bad.Faults[i].File = name
			}
		}
		return bad
	}
	if err != nil || !t.has(stickToken) {
		return err
	}
	if u := t.cfg.Uplink; u.Auth == "none" || u.Auth == "hash" || u.TokenSource != config.TokenFromFile || u.Credential != "" {
		return fmt.Errorf("portti/%s: the configuration has no use for a token (auth = %q): remove the file", stickToken, u.Auth)
	}
	if err := uplink.CheckAccessToken(t.token, t.cfg.Uplink.Auth); err != nil {
		return fmt.Errorf("portti/%s: this cannot be an access token: %w. Put the token alone in there, without quotes and without \"Bearer\" in front", stickToken, err)
	}
	return nil
}

// place puts all of it where it belongs, or nothing: the token first, as in setup, and back as it
// was where the files cannot follow.
func (t *takeover) place(r readers) error {
	if t.token == "" {
		return r.writeAll(t.files)
	}
	path, state := t.cfg.Uplink.TokenFile, t.cfg.Paths.State
	before, err := os.ReadFile(path)
	none := errors.Is(err, fs.ErrNotExist)
	if err != nil && !none {
		return fmt.Errorf("cannot replace the token: %w; nothing was changed", err)
	}
	if err := writeToken(path, state, t.token); err != nil {
		return fmt.Errorf("%w. Run it with sudo, or see whether token_file names a place that can be written (df -h); nothing was changed", err)
	}
	if err = r.writeAll(t.files); err == nil {
		return nil
	}
	back := func() error { return uplink.WriteSecret(path, state, before) }
	if none {
		back = func() error { return os.Remove(path) }
	}
	if undo := back(); undo != nil {
		return fmt.Errorf("%w, except that the token in %s is the new one: %w", err, path, undo)
	}
	return err
}

func (t *takeover) has(name string) bool { return slices.Contains(t.names, name) }

// clean takes from the stick what is safe on the gateway, the token first.
func (t *takeover) clean(s stick) error {
	var all error
	switch {
	case t.wiped:
		all = s.Remove(stickToken)
	case t.has(stickToken):
		all = s.Wipe(stickToken)
	}
	for _, name := range t.names {
		if name != stickToken {
			all = errors.Join(all, s.Remove(name))
		}
	}
	return all
}

// answer says what was taken.
func (t *takeover) answer() string {
	var b strings.Builder
	b.WriteString(stickDone + "\n\n")
	for _, f := range t.files {
		if name := t.from[f.Path]; name != "" {
			fmt.Fprintf(&b, "  %s is now %s\n", name, f.Path)
		} else {
			fmt.Fprintf(&b, "  %s was made, which says where the token is\n", f.Path)
		}
	}
	if t.token != "" {
		fmt.Fprintf(&b, "  portti/%s is now %s, and was overwritten here\n", stickToken, t.cfg.Uplink.TokenFile)
	}
	server := "no server"
	if len(t.cfg.Uplink.Addresses()) > 0 {
		server = "server " + t.cfg.Uplink.Server()
	}
	fmt.Fprintf(&b, "\nThe gateway has %s now, and %s.\n", status.Count(uint64(len(t.cfg.ActiveDevices())), "device"), server)
	for _, w := range t.cfg.Warnings {
		fmt.Fprintf(&b, "\nTo know: %s\n", w)
	}
	b.WriteString("\nTo undo: remove these files on the gateway, then: sudo portti reload\n")
	return b.String()
}
