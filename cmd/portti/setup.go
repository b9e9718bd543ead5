package main

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"portti/cmd/portti/config"
	"portti/cmd/portti/gateway"
	"portti/uplink"
)

func setupCmd(machine fs.FS) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "setup [URL]",
		Short: "set the server: check it, log in, and write it to the configuration",
		Long: `Asks for the server's address and the token, as far as they are not given, connects once to
see whether both are right, shows everything that it will write, and writes it when you say
yes. Everything else in the configuration stays as it is. Then the gateway is started, or told
of the change, and setup waits until it is online.

Said once more with the same answers it changes nothing. The configuration as it was is kept
next to it as portti.toml.bak. Where portti.toml is a link, both are where it points to.

Exit codes: 0 done, 1 not done, 2 something is missing and there is nobody to ask, 130
interrupted. Nothing was written unless it is 0, or says so.`,
		Example: `  sudo portti setup                                       asks for everything
  sudo portti setup wss://ingest.example.net/ws           asks for the token
  sudo portti setup wss://... --token-file t --yes        asks for nothing`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return runSetup(cmd, machine, args) },
	}
	f := cmd.Flags()
	f.String("token-file", "", "take the access token from `FILE`; - reads standard input")
	f.String("auth", "", "how the token travels, a `MODE`: header, query, first-message, hash or none")
	f.String("dialect", "", "what the server speaks, a `DIALECT`: thingsee, haltless, zyeta or heimdall")
	f.String("id", "", "this gateway's `ID`, which the server knows it by (tsmGw)")
	f.Bool("insecure", false, "allow an address that begins with ws://")
	f.Bool("no-connect", false, "do not connect to see whether it works")
	f.BoolP("yes", "y", false, "write without asking")
	return cmd
}

// setup is one run of the verb.
type setup struct {
	cmd     *cobra.Command
	g       globals
	out     io.Writer
	answers *bufio.Reader // nil: there is nobody to ask

	main    string         // the configuration's main file
	file    string         // what main is a link to, or main
	before  []byte         // its text; nil: it is not there
	old     *config.Config // nil: there is none
	after   []byte
	changes []config.Change
	cfg     *config.Config // as it will be
	token   string         // "": the one that is there stays, or none is needed
	online  bool           // the gateway was, at the end
}

// setupView is the JSON of portti setup. Fields are only ever added.
type setupView struct {
	Changed []string `json:"changed"` // settings
	Token   bool     `json:"token_written"`
	Online  bool     `json:"online"` // the gateway was, at the end
}

func runSetup(cmd *cobra.Command, machine fs.FS, args []string) error {
	s := &setup{cmd: cmd, g: globalsOf(cmd), out: cmd.OutOrStdout()}
	s.main = s.g.config
	if in, ok := cmd.InOrStdin().(*os.File); ok && isTerminal(in) && !s.g.json {
		s.answers = bufio.NewReader(in)
	}
	if s.g.json || s.g.quiet && s.answers == nil {
		s.out = io.Discard
	}
	steps := []func() error{
		s.begin,
		func() error { return s.address(args) },
		s.login,
		s.connect,
		s.confirm,
		s.write,
		func() error { return s.apply(machine) },
	}
	for _, step := range steps {
		err := step()
		if cmd.Context().Err() != nil {
			return exit(exitInterrupted, errors.New("interrupted"))
		}
		if err != nil {
			return err
		}
	}
	if !s.g.json {
		return nil
	}
	changed := []string{}
	for _, c := range s.changes {
		changed = append(changed, c.Path())
	}
	return writeJSON(cmd, setupView{changed, s.token != "", s.online})
}

// begin reads what is there.
func (s *setup) begin() error {
	var err error
	if s.file, err = linked(s.main); err != nil {
		return fmt.Errorf("cannot read the configuration %s: %w; nothing was changed", s.main, err)
	}
	if err := mayWrite(s.file); err != nil {
		return err
	}
	s.before, err = os.ReadFile(s.main)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("cannot read the configuration: %w", err)
	}
	s.old, _, err = load(s.cmd, nil)
	if err != nil && !errors.Is(err, config.ErrNotConfigured) {
		return exit(exitFailed, fmt.Errorf("%w\nCorrect that first, then run setup again; nothing was changed", err))
	}
	return nil
}

// address finds one that config check would take.
func (s *setup) address(args []string) error {
	given, known := "", ""
	if len(args) > 0 {
		given = args[0]
	}
	if s.old != nil {
		if all := s.old.Uplink.Addresses(); len(all) > 0 {
			known = all[0]
		}
	}
	for tries := 0; ; tries++ {
		url := given
		if url == "" && s.answers == nil && known == "" {
			return usage(errors.New("which server? portti setup wss://HOST/PATH"))
		}
		if url == "" && s.answers == nil {
			url = known
		}
		if url == "" {
			var err error
			if url, err = s.ask("Address of the server, such as wss://ingest.example.net/ws", known, config.RedactURL(known)); err != nil {
				return err
			}
		}
		err := s.draft(strings.TrimSpace(url))
		if err == nil || s.answers == nil || given != "" || tries == 2 {
			return err
		}
		fmt.Fprintln(s.out, err)
	}
}

// draft makes the text that the configuration will have, and judges it.
func (s *setup) draft(url string) error {
	f := s.cmd.Flags()
	flag := func(name string) string { v, _ := f.GetString(name); return v }
	key, value := "url", any(url)
	if s.old != nil && len(s.old.Uplink.URLs) > 0 {
		key, value = "urls", preferring(url, s.old.Uplink.URLs)
	}
	wanted := []config.Change{{Table: "uplink", Key: key, Value: value}}
	for _, name := range []string{"dialect", "auth"} {
		if v := flag(name); v != "" {
			wanted = append(wanted, config.Change{Table: "uplink", Key: name, Value: v})
		}
	}
	if v, _ := f.GetBool("insecure"); v {
		wanted = append(wanted, config.Change{Table: "uplink", Key: "insecure", Value: true})
	}
	if v := flag("id"); v != "" {
		wanted = append(wanted, config.Change{Table: "gateway", Key: "id", Value: v})
	}
	if s.lacksToken(flag("auth"), flag("dialect")) {
		wanted = append(wanted, config.Change{Table: "uplink", Key: "token_file", Value: filepath.Join(filepath.Dir(s.main), "credentials", "uplink-token")})
	}
	return s.judge(wanted)
}

// preferring puts url where the preferred one of several addresses stands. The others stay; where
// url is one of them already, so does the one that was preferred.
func preferring(url string, all []string) any {
	rest := all[1:]
	if slices.Contains(rest, url) {
		rest = all
	}
	list := []any{url}
	for _, other := range rest {
		if other != url {
			list = append(list, other)
		}
	}
	return list
}

// lacksToken says whether the configuration will want a token and names no place for it.
func (s *setup) lacksToken(auth, dialect string) bool {
	old := config.Defaults()
	if s.old != nil {
		old = s.old
	}
	if auth == "" && old.Origin("uplink.auth") != (config.Origin{}) {
		auth = old.Uplink.Auth
	}
	if auth == "" {
		auth = uplink.DialectAuth(cmp.Or(dialect, old.Uplink.Dialect))
	}
	u := old.Uplink
	return auth != uplink.AuthNone && auth != uplink.AuthHash && u.TokenSource == config.TokenFromFile && u.TokenFile == "" && u.Credential == ""
}

// judge drafts the configuration with the changes of wanted that are none yet.
func (s *setup) judge(wanted []config.Change) error {
	s.changes = nil
	for _, c := range wanted {
		if s.old == nil || fmt.Sprint(c.Value) != s.old.Settings()[c.Path()] {
			s.changes = append(s.changes, c)
		}
	}
	text, err := config.Edit(s.before, s.changes)
	if err != nil {
		return fmt.Errorf("cannot change %s: %w", s.main, err)
	}
	s.after = text
	s.cfg, err = config.Load(s.main, config.LoadOptions{Environ: os.Environ(), Drafts: map[string][]byte{s.main: text}})
	var bad *config.Error
	if errors.As(err, &bad) {
		return exit(exitFailed, &setupFault{bad.Faults, wanted})
	}
	if err != nil {
		return err
	}
	for _, c := range s.changes { // a later file may say otherwise
		if got := s.cfg.Settings()[c.Path()]; got != fmt.Sprint(c.Value) {
			return fmt.Errorf("%s is set in %s too, which wins over %s: change it there; nothing was changed", c.Path(), s.cfg.Origin(c.Path()), s.main)
		}
	}
	return nil
}

// setupFault says what is wrong with what was given: it stands in no file yet, so that no
// line of one is named, unless something else in there is wrong as well.
type setupFault struct {
	faults []config.Fault
	wanted []config.Change
}

func (e *setupFault) Error() string {
	var b strings.Builder
	for _, f := range e.faults {
		text := f.String()
		for _, c := range e.wanted {
			if f.Key == c.Path() {
				text = f.Text
				if f.Hint != "" {
					text += ": " + strings.ReplaceAll(f.Hint, "say insecure = true", "give --insecure")
				}
			}
		}
		b.WriteString(text + "\n")
	}
	return b.String() + "Nothing was changed."
}

func (s *setup) wantsToken() bool {
	u := s.cfg.Uplink
	return u.Auth != uplink.AuthNone && u.Auth != uplink.AuthHash && u.TokenSource == config.TokenFromFile
}

// login gets the token, or the login where the server has one for phones.
func (s *setup) login() error {
	u := s.cfg.Uplink
	source, _ := s.cmd.Flags().GetString("token-file")
	if u.TokenSource != config.TokenFromFile { // a login keeps what it gets
		if err := ownState(s.cfg.Paths.State); err != nil {
			return err
		}
	}
	switch {
	case u.TokenSource == config.TokenFromOAuth && u.OAuth.Grant == uplink.GrantDevice:
		if _, err := os.Stat(s.cfg.Paths.LoginFile()); err == nil {
			return nil
		}
		if out := s.cmd.OutOrStdout(); s.g.json { // which has to stay one document
			s.cmd.SetOut(s.cmd.ErrOrStderr())
			defer s.cmd.SetOut(out)
		}
		return deviceLogin(s.cmd, s.cfg)
	case !s.wantsToken():
		if source != "" {
			return usage(fmt.Errorf("--token-file is given, but auth = %q and token_source = %q need no token", u.Auth, u.TokenSource))
		}
		return nil
	case u.Credential != "":
		return nil // the unit has it
	}
	there := false
	if _, err := os.Stat(s.cfg.Uplink.TokenFile); err == nil {
		there = true
	}
	var err error
	switch {
	case source != "":
		s.token, err = readSecret(s.cmd, source, "access token")
	case s.answers == nil && there:
		return nil
	case s.answers == nil:
		return usage(errors.New("which token? Give --token-file FILE, or - for standard input, or --auth none"))
	default:
		s.token, err = s.askToken(there)
	}
	if err != nil || s.token == "" {
		return err
	}
	if err := uplink.CheckAccessToken(s.token, u.Auth); err != nil {
		return fmt.Errorf("the access token cannot be used: %w.\nCopy it again, without quotes and without \"Bearer\" in front; nothing was changed", err)
	}
	if now, err := os.ReadFile(s.cfg.Uplink.TokenFile); err == nil && strings.TrimSpace(string(now)) == s.token {
		s.token = "" // it is there already
	}
	return nil
}

// connect sees whether it works before anything is written.
func (s *setup) connect() error {
	if skip, _ := s.cmd.Flags().GetBool("no-connect"); skip {
		return nil
	}
	fmt.Fprintf(s.out, "Connecting to %s …\n", s.cfg.Uplink.Server())
	got, err := gateway.Try(s.cmd.Context(), s.cfg, s.token, gateway.Options{Version: buildInfo().Version, Built: builtAt()})
	if err != nil {
		return fmt.Errorf("cannot try it: %w; nothing was changed", err)
	}
	if got.Online {
		_, err = fmt.Fprintf(s.out, "The server takes this login and answers (round trip %.1f ms).\n", float64(got.RTT)/float64(time.Millisecond))
		return err
	}
	text := got.Says
	if s.wantsToken() && (got.Code == uplink.ProblemAuthRejected || got.Code == uplink.ProblemTokenFile) {
		got.Advice = []string{"Get another token from the server's operator, and run setup again"}
	}
	for _, a := range got.Advice {
		text += "\n  " + a
	}
	if got.Code != "" {
		text += "\n  (" + got.Code + ")"
	}
	if s.answers == nil {
		return exit(exitFailed, fmt.Errorf("%s\nNothing was changed. To write it all the same: --no-connect", text))
	}
	fmt.Fprintln(s.out, text)
	return s.yes("Write it all the same?", false)
}
