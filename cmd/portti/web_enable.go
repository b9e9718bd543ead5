package main

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"portti/cmd/portti/config"
	"portti/cmd/portti/gateway"
)

// pageFile is where portti web keeps the page's address: a file of its own, so that it
// never has to change what a person wrote.
const pageFile = "20-web.toml"

func webEnable(cmd *cobra.Command, _ []string) error {
	lan, _ := cmd.Flags().GetBool("lan")
	cfg, err := config.Load(globalsOf(cmd).config, config.LoadOptions{Environ: os.Environ()})
	if err != nil {
		return exit(exitFailed, fmt.Errorf("%w\nNothing was changed. Correct the above first", err))
	}
	if err := setPage(cmd, pageAddress(cfg.Web.Listen, lan), "To undo: sudo portti web disable"); err != nil {
		return err
	}
	l, err := awaitPage(cmd)
	var code *exitError
	switch {
	case errors.As(err, &code) && code.code == exitNotRunning:
		return nil // which was said
	case err != nil:
		return err
	case globalsOf(cmd).json:
		return writeJSON(cmd, l)
	}
	fmt.Fprintln(cmd.OutOrStdout())
	return showLink(cmd, l)
}

// pageAddress is where the page is to be, on the port that it has.
func pageAddress(now string, lan bool) string {
	host, port, err := net.SplitHostPort(cmp.Or(now, config.Defaults().Web.Listen))
	if err != nil { // which the configuration would not have been good with
		return config.Defaults().Web.Listen
	}
	loopback := config.ThisMachine(host)
	switch {
	case lan && loopback:
		return ":" + port
	case !lan && !loopback:
		return net.JoinHostPort("127.0.0.1", port)
	}
	return net.JoinHostPort(host, port)
}

func webDisable(cmd *cobra.Command, _ []string) error {
	return setPage(cmd, "", "To have it again, for this machine alone: sudo portti web enable")
}

// setPage writes the page's address and has the running gateway take it over.
func setPage(cmd *cobra.Command, listen, undo string) error {
	main := globalsOf(cmd).config
	path := filepath.Join(filepath.Dir(main), "conf.d", pageFile)
	text := []byte(fmt.Sprintf("# Where the local page is served, as portti web has set it; \"\" = nowhere.\n[web]\nlisten = %q\n", listen))
	cfg, err := config.Load(main, config.LoadOptions{Environ: os.Environ(), Drafts: map[string][]byte{path: text}})
	if err != nil {
		return exit(exitFailed, fmt.Errorf("%w\nNothing was changed. Correct the above first", err))
	}
	if cfg.Web.Listen != listen {
		return exit(exitFailed, fmt.Errorf("listen of [web] is set in %s too, which comes after %s; nothing was changed. Remove it there first", cfg.Origin("web.listen"), path))
	}
	if err := readersOf(main).write(path, text); err != nil {
		return err
	}
	if g := globalsOf(cmd); !g.quiet && !g.json {
		fmt.Fprintf(cmd.OutOrStdout(), "Written to %s. %s\n", path, undo)
	}
	return applyNow(cmd, "The gateway is not running. Start it: sudo portti service start")
}

// awaitPage makes a link as soon as there is a page: its server begins beside the reload.
func awaitPage(cmd *cobra.Command) (l *gateway.PageLink, err error) {
	for end := time.Now().Add(5 * time.Second); ; {
		if l, err = newPageLink(cmd); err == nil || time.Now().After(end) {
			return l, err
		}
		var code *exitError
		if errors.As(err, &code) && code.code == exitNotRunning {
			return nil, err
		}
		select {
		case <-cmd.Context().Done():
			return nil, exit(exitInterrupted, nil)
		case <-time.After(200 * time.Millisecond):
		}
	}
}
