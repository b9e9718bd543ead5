package gateway

import (
	"os"
	"path/filepath"
	"testing"
)

// Row 5: half an identity, as an older program could have left it, is none.
func TestIdentityStays(t *testing.T) {
	state := t.TempDir()
	path := filepath.Join(state, "gateway-id")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	first, err := gatewayID("auto", state)
	if err != nil || len(first) != 17 || content(t, path) != first+"\n" {
		t.Fatalf("%q %q: %v", first, content(t, path), err)
	}
	if again, err := gatewayID("auto", state); err != nil || again != first {
		t.Errorf("%q, then %q: %v", first, again, err)
	}
}

func content(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
