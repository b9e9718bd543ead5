//go:build pages

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Every verb has a page, and every flag stands in one: they are made of the tables of the
// program, and a verb that they do not reach is found here.
func TestPagesHaveEveryVerbAndFlag(t *testing.T) {
	dir := t.TempDir()
	if code, out, said := try(t, "pages", dir); code != exitOK {
		t.Fatalf("%d %s%s", code, out, said)
	}
	eachVerb(t, func(name string, cmd *cobra.Command) {
		file := "portti-" + strings.ReplaceAll(name, " ", "-") + ".1"
		text, err := os.ReadFile(filepath.Join(dir, "man", "man1", file))
		if err != nil {
			t.Error(err)
			return
		}
		page := strings.ReplaceAll(string(text), `\-`, "-")
		cmd.InheritedFlags() // joins them
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			if !f.Hidden && !strings.Contains(page, "--"+f.Name) {
				t.Errorf("%s has no --%s", file, f.Name)
			}
		})
	})
	for _, shell := range []string{"bash", "zsh", "fish"} {
		text, err := os.ReadFile(filepath.Join(dir, "completion", "portti."+shell))
		if err != nil || !strings.Contains(string(text), "__complete") {
			t.Errorf("%s: %v", shell, err)
		}
	}
	root := plain(fstest.MapFS{})
	for _, c := range root.Commands() {
		if c.Name() == "pages" {
			t.Error("the manual explains what is not installed")
		}
	}
}
