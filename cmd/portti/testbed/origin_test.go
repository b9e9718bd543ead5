package testbed

import (
	"net/http"
	"strings"
	"testing"

	"github.com/gorilla/websocket"
)

// TestForeignOriginIsRefused: a page of the web cannot send through the browser of
// somebody at this machine, unless it was told.
func TestForeignOriginIsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		told   []string
		origin string // HOST = the server's own
		host   string
		ok     bool
	}{
		"a gateway":                 {nil, "", "", true},
		"the server's own address":  {nil, "http://HOST", "", true},
		"a page":                    {nil, "https://evil.example", "", false},
		"a page of this machine":    {nil, "http://127.0.0.1:1", "", false},
		"a file":                    {nil, "null", "", false},
		"a name that leads here":    {nil, "http://evil.example:80", "evil.example:80", false},
		"a page that was told":      {[]string{"https://app.example", "https://other.example"}, "https://APP.example", "", true},
		"another than the one told": {[]string{"https://app.example"}, "https://app.example.evil.example", "", false},
		"any":                       {[]string{"*"}, "https://evil.example", "", true},
	} {
		r := running(t, Options{Origins: c.told})
		header := http.Header{}
		if c.origin != "" {
			header.Set("Origin", strings.ReplaceAll(c.origin, "HOST", r.Addr()))
		}
		if c.host != "" {
			header.Set("Host", c.host)
		}
		conn, resp, err := websocket.DefaultDialer.Dial(r.URL(), header)
		if (err == nil) != c.ok || !c.ok && (resp == nil || resp.StatusCode != http.StatusForbidden) {
			t.Errorf("%s: %v %v", name, err, resp)
		}
		if conn != nil {
			conn.Close()
		}
	}
}
