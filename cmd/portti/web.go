package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"portti/cmd/portti/console"
	"portti/cmd/portti/gateway"
	"portti/cmd/portti/status"
	"portti/cmd/portti/web"
)

func webCmd() *cobra.Command {
	cmd := group(&cobra.Command{
		Use:   "web",
		Short: "the gateway's local page: sign in, put it on the LAN, see who is in",
		Long: `The running gateway has a page of its own, by default for this machine alone. There is no
password: a link that is made here signs one browser in, once, within ten minutes. Who may
use the gateway's control socket may make one: root, and the group portti.`,
		Example: `  portti web link
  sudo portti web enable --lan
  portti web sessions`,
	})
	link := &cobra.Command{Use: "link", Short: "a link that signs one browser in", Example: "  portti web link\n  sudo portti web link --act",
		Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error { return webLink(cmd, false) }}
	open := &cobra.Command{Use: "open", Short: "open the page in this machine's browser, or show the link", Example: "  portti web open",
		Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error { return webLink(cmd, true) }}
	enable := &cobra.Command{Use: "enable", Short: "serve the page: for this machine, or on the LAN over HTTPS", Example: "  sudo portti web enable\n  sudo portti web enable --lan",
		Args: cobra.NoArgs, RunE: webEnable}
	for _, c := range []*cobra.Command{link, open, enable} {
		c.Flags().Bool("act", false, "who signs in by this link may also change things, as who made it may")
	}
	enable.Flags().Bool("lan", false, "on every address of this machine, over HTTPS")
	disable := &cobra.Command{Use: "disable", Short: "serve the page nowhere, not even for this machine", Example: "  sudo portti web disable",
		Args: cobra.NoArgs, RunE: webDisable}
	sessions := &cobra.Command{Use: "sessions", Short: "who is signed in to the page", Example: "  portti web sessions",
		Args: cobra.NoArgs, RunE: webSessions}
	revoke := &cobra.Command{Use: "revoke ID", Short: "sign somebody out; --all: everybody, and no link is good any more", Example: "  portti web sessions\n  sudo portti web revoke --all",
		Args: cobra.MaximumNArgs(1), RunE: webRevoke}
	revoke.Flags().Bool("all", false, "everybody")
	cmd.AddCommand(link, open, enable, disable, sessions, revoke)
	return cmd
}

// askPage is ask about the page, which an older gateway does not have.
func askPage(cmd *cobra.Command, method, path string, answer any) error {
	g := globalsOf(cmd)
	socket, err := socketOf(g)
	if err != nil {
		return err
	}
	err = ask(cmd.Context(), socket, g.timeout, method, path, answer)
	if errors.Is(err, errNoPage) {
		err = exit(exitFailed, errors.New("the running gateway is of a version without a page. Restart it: sudo portti service restart"))
	}
	return err
}

func webLink(cmd *cobra.Command, open bool) error {
	l, err := newPageLink(cmd)
	if err != nil {
		return err
	}
	if globalsOf(cmd).json {
		return writeJSON(cmd, l)
	}
	if open && browse(cmd.Context(), l.URLs[0]) {
		_, err := fmt.Fprintln(cmd.OutOrStdout(), "The page opens in the browser.")
		return err
	}
	return showLink(cmd, l)
}

func newPageLink(cmd *cobra.Command) (*gateway.PageLink, error) {
	role := web.View
	if act, _ := cmd.Flags().GetBool("act"); act {
		role = web.Act
	}
	l := new(gateway.PageLink)
	err := askPage(cmd, http.MethodPost, "/api/v1/web/link?role="+url.QueryEscape(string(role)), l)
	if err == nil && len(l.URLs) == 0 {
		err = exit(exitFailed, errors.New("this machine has no address by which others reach it: see whether the network is up (ip -br addr)"))
	}
	return l, err
}

// browse opens an address where there is somebody to see it.
func browse(ctx context.Context, address string) bool {
	if os.Getenv("DISPLAY") == "" && os.Getenv("WAYLAND_DISPLAY") == "" {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	return exec.CommandContext(ctx, "xdg-open", address).Run() == nil
}

// showLink says how to get in: with a phone on the LAN, or through SSH where only this
// machine reaches the page.
func showLink(cmd *cobra.Command, l *gateway.PageLink) error {
	g, out := globalsOf(cmd), cmd.OutOrStdout()
	may := "look"
	if l.Role == web.Act {
		may = "look and act"
	}
	fmt.Fprintf(out, "This link signs one browser in to %s, once, within %s:\n\n", may, status.InWords(time.Duration(l.GoodForS)*time.Second))
	for _, u := range l.URLs {
		fmt.Fprintln(out, "  "+status.Clean(u, 200))
	}
	if l.Local {
		fmt.Fprintf(out, "\nOnly this machine reaches the page. From your computer, open a way there first\nand leave it open:\n\n  ssh -L %s:localhost:%s %s\n\nFor a phone, put it on the LAN: sudo portti web enable --lan\n", l.Port, l.Port, sshTarget(l.Host, os.Getenv))
		return nil
	}
	o := consoleOptions(g, out, os.Getenv)
	if o.Terminal || g.verbose {
		code, err := web.QR(l.URLs[0], o.ASCII, o.Colour)
		if err != nil {
			return err
		}
		fmt.Fprint(out, "\n"+code)
	}
	_, err := fmt.Fprintf(out, "\nThe browser warns, since nobody else has signed this gateway's certificate.\nLook at the certificate before you go on: its SHA-256 fingerprint must be\n\n  %s\n", twoLines(l.Fingerprint))
	return err
}

// twoLines breaks a fingerprint in its middle, as it fits 80 columns.
func twoLines(fingerprint string) string {
	half := len(fingerprint) / 2
	if half == 0 {
		return ""
	}
	return fingerprint[:half+1] + "\n  " + fingerprint[half+1:]
}

// sshTarget is what to give to ssh: the way by which this person came, or the machine's name.
func sshTarget(host string, getenv func(string) string) string {
	name := getenv("SUDO_USER")
	if name == "" {
		if u, err := user.Current(); err == nil {
			name = u.Username
		}
	}
	if way := strings.Fields(getenv("SSH_CONNECTION")); len(way) == 4 {
		host = way[2]
	} else if !strings.Contains(host, ".") {
		host += ".local"
	}
	if name == "" {
		return host
	}
	return name + "@" + host
}

func webSessions(cmd *cobra.Command, _ []string) error {
	var all gateway.PageSessions
	if err := askPage(cmd, http.MethodGet, "/api/v1/web/sessions", &all); err != nil {
		return err
	}
	if globalsOf(cmd).json {
		return writeJSON(cmd, all)
	}
	return showSessions(cmd, all.Sessions)
}

func showSessions(cmd *cobra.Command, all []web.Session) error {
	g, out := globalsOf(cmd), cmd.OutOrStdout()
	switch {
	case g.plain:
		for _, s := range all {
			fmt.Fprintf(out, "%s\t%s\t%s\t%.0f\t%.0f\t%s\n", s.ID, s.Role, s.Address, s.SeenS, s.ExpiresS, console.ASCII(status.Clean(s.Browser, 60)))
		}
		return nil
	case len(all) == 0 && g.quiet:
		return nil
	case len(all) == 0:
		_, err := fmt.Fprintln(out, "Nobody is signed in to the page.")
		return err
	}
	fmt.Fprintf(out, "%-8s  %-4s  %-22s  %-14s  %-12s  %s\n", "ID", "MAY", "FROM", "SEEN", "ENDS IN", "BROWSER")
	for _, s := range all {
		fmt.Fprintf(out, "%-8s  %-4s  %-22s  %-14s  %-12s  %s\n", s.ID, s.Role, s.Address, status.InSeconds(s.SeenS)+" ago", status.InSeconds(s.ExpiresS), status.Clean(s.Browser, 60))
	}
	if g.quiet {
		return nil
	}
	_, err := fmt.Fprintln(out, "\nTo sign one out: portti web revoke ID")
	return err
}

func webRevoke(cmd *cobra.Command, args []string) error {
	all, _ := cmd.Flags().GetBool("all")
	if all == (len(args) == 1) {
		return usage(errors.New("say whom: an ID as portti web sessions shows it, or --all"))
	}
	query := "all=true"
	if !all {
		query = "id=" + url.QueryEscape(args[0])
	}
	var r gateway.PageRevoked
	if err := askPage(cmd, http.MethodPost, "/api/v1/web/revoke?"+query, &r); err != nil {
		return err
	}
	if r.Ended == 0 && !all {
		return exit(exitFailed, fmt.Errorf("no session has the ID %q: see portti web sessions", args[0]))
	}
	_, err := fmt.Fprintf(cmd.OutOrStdout(), "Signed out: %s.\n", status.Count(uint64(r.Ended), "session"))
	return err
}
