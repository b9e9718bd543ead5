package config

import (
	"strings"
	"testing"
)

// Every kind of proxy that the link can use passes the check, and no other.
func TestProxyInConfig(t *testing.T) {
	for proxy, good := range map[string]bool{
		"environment": true, "none": true, "http://proxy.example:3128": true, "https://proxy.example": true,
		"socks5://proxy.example:1080": true, "socks5h://user:canary-pw@[fd00::1]:1080": true,
		"": false, "socks4://canary-pw@proxy.example": false, "proxy.example:3128": false, "http://": false, "https://u:canary-pw@h:99999": false,
	} {
		_, err := load(t, map[string]string{"portti.toml": "[uplink]\nurl = \"wss://h/p\"\nauth = \"none\"\nproxy = \"" + proxy + "\"\n"})
		if good != (err == nil) {
			t.Errorf("%q: %v", proxy, err)
		}
		if err != nil && strings.Contains(err.Error(), "canary") {
			t.Errorf("%q is quoted: %v", proxy, err)
		}
	}
}
