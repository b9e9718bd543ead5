//go:build peers

package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"portti/cross/testkit"
)

// TestDownloadsInABrowser: Chromium, with script and without, on a phone's screen, takes the
// files by their names, knows a broken one from a whole one, and finds nothing to complain of
// on the page they come from. PORTTI_SHOTS keeps the pictures.
func TestDownloadsInABrowser(t *testing.T) {
	chromium, err := exec.LookPath("chromium")
	testkit.Need(t, "chromium", err)
	testkit.NeedTool(t, "node", "npm")
	dir, shots := nodeModules(t), os.Getenv("PORTTI_SHOTS")
	if shots == "" {
		shots = t.TempDir()
	}
	taken := 0
	page := New(Options{API: http.NotFoundHandler(), Log: slog.New(slog.DiscardHandler), Status: sample,
		Bundle: func(_ context.Context, _ http.Handler, private bool) (string, func(io.Writer) error) {
			return "portti-bundle-gw-1.tar.gz", func(w io.Writer) error {
				_, err := fmt.Fprintf(w, "a file, private: %v", private)
				return err
			}
		},
		Export: func(w io.Writer) error {
			_, err := io.WriteString(w, strings.Repeat("readings ", 20_000))
			if taken++; taken > 1 {
				err = errors.New("the disk failed")
			}
			return err
		}})
	server := httptest.NewServer(page.Handler(false))
	defer server.Close()
	base := strings.Replace(server.URL, "127.0.0.1", "localhost", 1)
	take := exec.Command("node", filepath.Join(dir, "take.js"), chromium, base+page.Invite(Act), base+page.Invite(Act), shots)
	take.Stderr = os.Stderr
	out, err := take.Output()
	var saw struct {
		Violations, Errors, Axe, Wide []string
		Files                         map[string]struct{ Name, Broken, Text string }
	}
	if err == nil {
		err = json.Unmarshal(out, &saw)
	}
	if err != nil {
		t.Fatalf("%v: %.500s", err, out)
	}
	for what, list := range map[string][]string{"violations of the policy": saw.Violations, "errors": saw.Errors, "findings of axe": saw.Axe, "wider than the screen": saw.Wide} {
		if len(list) > 0 {
			t.Errorf("%s: %q", what, list)
		}
	}
	for which, want := range map[string]struct{ name, text string }{
		"plain":    {`^portti-bundle-gw-1\.tar\.gz$`, "a file, private: false"},
		"private":  {`^portti-bundle-gw-1\.tar\.gz$`, "a file, private: true"},
		"readings": {`^portti-[0-9]{8}-[0-9]{6}\.jsonl$`, "readings readings"},
		"broken":   {`^portti-[0-9]{8}-[0-9]{6}\.jsonl$`, ""},
	} {
		got := saw.Files[which]
		if !regexp.MustCompile(want.name).MatchString(got.Name) || !strings.HasPrefix(got.Text, want.text) || (got.Broken != "") != (which == "broken") {
			t.Errorf("%s: %+v", which, got)
		}
	}
}
