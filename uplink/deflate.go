package uplink

import (
	"log/slog"
	"net/http"
	"strings"
)

// minDeflate is the least frame that is compressed: below it the dictionary
// that begins anew with each message finds nothing to save. The token and other
// messages of the dialect never are.
const minDeflate = 512

// deflating reports whether a frame of size bytes is compressed.
func (g *guard) deflating(size int) bool { return g.deflate && size >= minDeflate }

// slack is how much a frame of size bytes may grow by being compressed: what
// does not compress is stored, with 5 bytes for each 64 KB and a few at its end.
func (g *guard) slack(size int) int {
	if !g.deflating(size) {
		return 0
	}
	return maxSlack(size)
}

func maxSlack(size int) int { return size>>10 + 64 }

// agreed reports whether the server's answer names nothing but the extension
// that was offered, on the terms that were: no dictionary outlives a message.
// It is as exact as gorilla, which would not switch on what is spelt otherwise.
func agreed(header http.Header) bool {
	answer := strings.Join(header.Values("Sec-WebSocket-Extensions"), ",")
	name, terms, _ := strings.Cut(answer, ";")
	if strings.Trim(name, headerSpace) != "permessage-deflate" {
		return false
	}
	seen := map[string]bool{}
	for term := range strings.SplitSeq(terms, ";") {
		key, _, _ := strings.Cut(strings.Trim(term, headerSpace), "=")
		seen[key] = true
	}
	delete(seen, "server_max_window_bits") // may be there
	return seen["server_no_context_takeover"] && seen["client_no_context_takeover"] && len(seen) == 2
}

// withoutDeflate stops offering compression to a server that objected to it,
// for as long as the Link lives, and tries again without.
func (l *Link) withoutDeflate(f *finding) {
	l.route.plain = true
	f.do, f.class = actionRetry, classNetwork
	l.board.event(slog.LevelWarn, "uplink.uncompressed", "", "the server objects while compression is on: going on without", "remote", l.route.name)
}
