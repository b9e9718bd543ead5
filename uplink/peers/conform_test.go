//go:build peers

package peers_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"portti/cmd/portti/conform"
)

// Every program of the documentation keeps the rules that server authors try theirs by,
// killed in between. The programs drop repeats while they run; after a kill only
// envelope still knows them.
func TestDocumentedReceiversConform(t *testing.T) {
	folder := nodeFolder(t)
	for name, source := range programs(t) {
		if strings.HasPrefix(name, "post.") {
			continue // the rules are those of a WebSocket
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rc := documented(t, folder, name, source)
			o := conform.Options{URL: fmt.Sprintf("ws://127.0.0.1:%d/socket", rc.port), Ack: conform.Fence,
				Kill:   func(context.Context) error { rc.kill(); rc.start(); return nil },
				Stored: func() ([]byte, error) { return os.ReadFile(rc.file) }}
			if base := strings.TrimSuffix(name, filepath.Ext(name)); base != "plain" {
				o.Ack = base
			}
			tried := 0
			failed, err := conform.Run(t.Context(), o, func(r conform.Result) {
				tried++
				if r.Verdict != conform.OK && r.Verdict != conform.Note {
					t.Errorf("%s: %s: %s", r.Rule, r.Verdict, r.Says)
				}
			})
			if err != nil || failed > 0 || tried < 8 {
				t.Errorf("%d of %d rules failed: %v", failed, tried, err)
			}
		})
	}
}
