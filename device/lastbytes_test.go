package device

import (
	"strings"
	"testing"
)

func TestLastLineIsMadeVisible(t *testing.T) {
	for name, c := range map[string]struct {
		chunks []string
		want   string
	}{
		"nothing":               {nil, ""},
		"a line":                {[]string{"T=21,5 C\r\n"}, "T=21,5 C"},
		"one that has not come": {[]string{"T=21,5 C\nT=2"}, "T=21,5 C"},
		"no end of a line":      {[]string{"T=21,", "5 C"}, "T=21,5 C"},
		"in pieces":             {[]string{"first\nsec", "ond", "\n"}, "second"},
		"an escape":             {[]string{"\x1b[2Jhello, this is a boot message\n"}, `\x1b[2Jhello, this is a boot message`},
		"binary":                {[]string{"\xb5\x62\x01\x07\x5c\x00\xff"}, "b5 62 01 07 5c 00 ff"},
		"much":                  {[]string{strings.Repeat("x", 300), "\nend\n"}, "end"},
		"a long line":           {[]string{strings.Repeat("x", 1000) + "\n"}, strings.Repeat("x", lastKept-1)},
		"many":                  {[]string{strings.Repeat("0123456789\n", 100)}, "0123456789"},
	} {
		var l lastBytes
		for _, p := range c.chunks {
			l.add([]byte(p))
		}
		if got := l.seen(); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}
