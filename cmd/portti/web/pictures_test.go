//go:build peers

package web

import (
	"flag"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"portti/cmd/portti/status"
	"portti/cross/testkit"
)

// TestPictures takes the pictures of docs/page.md in Chromium: a phone and a screen. No two
// machines draw letters alike, so that what is held is the text that they show, which
// lies beside them; make pictures writes both anew.
func TestPictures(t *testing.T) {
	chromium, err := exec.LookPath("chromium")
	testkit.Need(t, "chromium", err)
	testkit.NeedTool(t, "node", "npm")
	page := New(Options{API: http.NewServeMux(), Log: slog.New(slog.DiscardHandler), Status: func() status.Document { return sample() }})
	server := httptest.NewServer(page.Handler(false))
	defer server.Close()
	link := strings.Replace(server.URL, "127.0.0.1", "localhost", 1) + page.Invite(View)

	shots := t.TempDir()
	take := exec.Command("node", filepath.Join(nodeModules(t), "pictures.js"), chromium, link, shots)
	take.Stderr = os.Stderr
	text, err := take.Output()
	if err != nil {
		t.Fatalf("%v: %.500s", err, text)
	}
	const folder = "../../../docs/img"
	testkit.Golden(t, filepath.Join(folder, "page.txt"), string(text))
	for _, name := range []string{"page-phone.png", "page-screen.png"} {
		picture, err := os.ReadFile(filepath.Join(shots, name))
		if err != nil || len(picture) < 10_000 {
			t.Fatalf("%s has %d bytes: %v", name, len(picture), err)
		}
		if flag.Lookup("update").Value.String() != "true" {
			continue
		}
		if err := os.WriteFile(filepath.Join(folder, name), picture, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
