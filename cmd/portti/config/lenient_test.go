package config

import (
	"os"
	"path/filepath"
	"reflect"
	"testing"
)

// TestLenientInfers: a verb that looks at the files goes the way that the gateway goes, also
// where that follows from other settings.
func TestLenientInfers(t *testing.T) {
	for _, uplink := range []string{
		`url = "wss://h.example.org/"`, `url = "https://h.example.org/"` + "\n" + `engine = "http"`,
		`url = "wss://h.example.org/"` + "\n" + `dialect = "haltless"`, `url = "wss://h.example.org/"` + "\n" + `dialect = "zyeta"`,
	} {
		path := filepath.Join(t.TempDir(), "portti.toml")
		text := "config_version = 1\n[uplink]\n" + uplink + "\ntoken_file = \"/t\"\n[[device]]\nname = \"gps\"\ntype = \"gps\"\nport = \"/dev/ttyACM0\"\nid = \"XXXX03GPS00000001\"\n"
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		strict, err := Load(path, LoadOptions{})
		if err != nil {
			t.Fatal(err)
		}
		lenient, err := Lenient(path, LoadOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(strict.Uplink, lenient.Uplink) {
			t.Errorf("%s:\n%+v\n%+v", uplink, strict.Uplink, lenient.Uplink)
		}
	}
}
