package config_test

import (
	"fmt"
	"os"
	"path/filepath"

	"portti/cmd/portti/config"
)

// What Load gives has passed every rule.
func ExampleLoad() {
	dir, err := os.MkdirTemp("", "portti")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "portti.toml")
	if err := os.WriteFile(path, []byte("[uplink]\nurl = \"wss://example.net/in\"\nauth = \"none\"\n"), 0o600); err != nil {
		fmt.Println(err)
		return
	}
	cfg, err := config.Load(path, config.LoadOptions{})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(cfg.Uplink.Server())
	// Output: wss://example.net/in
}
