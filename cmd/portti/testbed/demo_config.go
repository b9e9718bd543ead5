package testbed

import (
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
)

// demoPorts are the names of the simulated serial ports.
func demoPorts(dir string) []string {
	return []string{
		filepath.Join(dir, "ttyGPS"),
		filepath.Join(dir, "ttyPANEL"),
		filepath.Join(dir, "ttyBLE"),
	}
}

// writeToken makes the secret that gateway and receiver share.
func writeToken(dir string) (string, error) {
	token := rand.Text()
	if err := os.WriteFile(filepath.Join(dir, "token"), []byte(token+"\n"), 0o600); err != nil {
		return "", fmt.Errorf("cannot write the demo's token: %w", err)
	}
	return token, nil
}

// writeConfig writes a real configuration. Waits and holds are short, so that
// the story can be told in seconds.
func writeConfig(dir, url string) (string, error) {
	ports := demoPorts(dir)
	text := fmt.Sprintf(`# The demo's gateway. A real one looks the same, with longer waits.
config_version = 1

[gateway]
id = "XXXX00DEMO0000001"
report_interval = "0s"            # every reading shown here comes from a device

[paths]
state = %q
run   = %q

[uplink]
url           = %q
auth          = "header"
token_file    = %q
ack           = "fence"
fence_hold    = "3s"
ping_interval = "5s"
pong_timeout  = "3s"

[uplink.backoff]
base = "250ms"
cap  = "1s"

[buffer]
max_size     = "20MB"
commit_every = "1s"

[[device]]
name = "gps"
type = "gps"
port = %q
id   = "XXXX00GPS00000001"

[[device]]
name = "panel"
type = "lines"
port = %q
id   = "XXXX00PNL00000001"

[[device]]
name = "ble"
type = "ble-bridge"
port = %q
id   = "XXXX00BLE00000001"

[device.tags]
"D1:5A:0E:21:7C:01" = "XXXX00TAGSAUNA001"
"E4:07:93:B8:5F:02" = "XXXX00TAGFRIDGE01"
"C8:36:D4:1B:A2:03" = "XXXX00TAGYARD0001"
`, filepath.Join(dir, "state"), filepath.Join(dir, "run"), url, filepath.Join(dir, "token"), ports[0], ports[1], ports[2])
	file := filepath.Join(dir, "portti.toml")
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		return "", fmt.Errorf("cannot write the demo's configuration: %w", err)
	}
	for _, name := range []string{"state", "run"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
			return "", fmt.Errorf("cannot make the demo's folders: %w", err)
		}
	}
	return file, nil
}
