package redact

import (
	"bytes"
	"regexp"
)

// shape is what secrets of a kind look like. Where the expression has a first group, what
// that matches stays.
type shape struct {
	name string
	hint []string // one of these, small, stands in any text that it can match
	re   *regexp.Regexp
}

// value is what may stand behind a name: in quotes, which may be escaped, or up to what
// ends a word.
const value = `(?:"(?:[^"\\\r\n]|\\.)*|\\+"(?:[^"\\\r\n]|\\\\\\"|\\[^"])*|'[^'\r\n]*|[^\s"'&,;\\{}\]\[][^\s"'&,;\\}]*)`

// shapes are looked for in this order.
func shapes() []shape {
	return []shape{
		{"private key or certificate", []string{"-----begin", "-----end"}, regexp.MustCompile(
			`()-----BEGIN [A-Z0-9 ]+-----(?:[A-Za-z0-9+/=\s]|\\+[nr])*(?:-----END [A-Z0-9 ]+-----)?|()(?:[A-Za-z0-9+/=]{16,}(?:\s|\\+[nr])+)+-----END [A-Z0-9 ]+-----`)},
		{"header", []string{"authorization", "cookie", "api-key"}, regexp.MustCompile(
			`(?i)\b((?:proxy-)?authorization\\*["']?\s*[:=]\s*\\*["']?\[?|(?:set-)?cookie\\*["']?\s*[:=]\s*\\*["']?\[?|x-api-key\\*["']?\s*[:=]\s*\\*["']?\[?)[^\r\n"'\\\s\[](?:(?:username|realm|nonce|uri|response|opaque|cnonce|qop|algorithm)=\\*"[^"\\\r\n]*\\*"|[^\r\n"'\\])*`)},
		{"bearer", []string{"bearer "}, regexp.MustCompile(`(?i)\b(bearer +)[A-Za-z0-9._~+/=-]{8,}`)},
		{"token", []string{"eyj"}, regexp.MustCompile(`()\beyJ[A-Za-z0-9_-]{10,}(?:\.[A-Za-z0-9_-]*){0,4}`)},
		{"address", []string{"://"}, regexp.MustCompile(`(?i)(\b[a-z][a-z0-9+.-]*://)[^\s/@"'<>\\]+@`)},
		{"query", []string{"://"}, regexp.MustCompile(`(?i)(\b[a-z][a-z0-9+.-]*://[^\s"'<>?#\\]*[?#])(?:«set, \d+ characters»|\\u0026|[^\s"'<>\\])+`)},
		{"named", []string{"token", "secret", "passw", "pass=", "passcode", "passphrase", "pwd", "psk", "apikey", "api_key", "access_key", "private_key", "privatekey", "signature"}, regexp.MustCompile(
			`(?i)((?:[a-z0-9_.-]*)(?:token|secret|password|passwd|passcode|passphrase|pwd|psk|api_?key|access_?key|private_?key|signature)(?:=|["']?\s+=\s+|\\*["']\s*[:=]\s*))` + value)},
		{"named", []string{"pass="}, regexp.MustCompile(`(?i)(\bpass=)` + value)},
		{"named", []string{"passw", "passcode", "passphrase", "pwd", "psk", "token", "secret", "key"}, regexp.MustCompile(
			`(?i)\b((?:password|passwd|passcode|passphrase|pwd|[a-z0-9-]*\.?psk|(?:x-)?api[-_]?key|(?:[a-z0-9]+[-_])+(?:token|secret)):\s*)(?:\\*"[^"\\\r\n]*|[^\s"'\\{\[]+)`)},
		{"Bluetooth key", []string{"="}, regexp.MustCompile(`(?i)((?:[0-9a-f]{2}[:-]?){5}[0-9a-f]{2}\\*["']?\s*[=:]\s*\\*["']?)[0-9a-f]{24,}`)},
	}
}

// blot takes out what has the shape, and says how often.
func (s *shape) blot(text, low []byte) ([]byte, int) {
	if !s.among(low) {
		return text, 0
	}
	var out bytes.Buffer
	done, count := 0, 0
	for _, at := range s.re.FindAllSubmatchIndex(text, -1) {
		from := at[0]
		if at[3] > 0 {
			from = at[3] // behind what stays
		}
		found := text[from:at[1]]
		if harmless(found) || number(found) && jsonKey(text[:from]) {
			continue
		}
		out.Write(text[done:from])
		if q := opening(found); q > 0 { // a value in quotes keeps them
			out.Write(found[:q])
		}
		out.WriteString(Mark)
		if bytes.HasSuffix(found, []byte("@")) {
			out.WriteByte('@')
		}
		done = at[1]
		count++
	}
	out.Write(text[done:])
	return out.Bytes(), count
}

func (s *shape) among(low []byte) bool {
	for _, h := range s.hint {
		if bytes.Contains(low, []byte(h)) {
			return true
		}
	}
	return false
}

// opening is how many bytes the quotes at the beginning have.
func opening(b []byte) int {
	n := 0
	for n < len(b) && b[n] == '\\' {
		n++
	}
	if n < len(b) && (b[n] == '"' || b[n] == '\'') {
		return n + 1
	}
	return 0
}

// harmless is what was taken out before, by whichever layer, or is no secret.
func harmless(b []byte) bool {
	b = bytes.TrimSuffix(b[opening(b):], []byte("@"))
	switch string(b) {
	case "", "true", "false", "null", "0", "***", "none", "***:***":
		return true
	}
	return bytes.HasPrefix(b, []byte(Mark)) || bytes.HasPrefix(b, []byte(Mark[1:])) || masked.Match(b) || bytes.HasPrefix(b, []byte("«")) || characters.Match(b)
}

// number says whether b is a number, jsonKey whether b ends with a key of JSON: behind
// one stands a secret in quotes or none.
func number(b []byte) bool { return len(bytes.Trim(b, "+-.0123456789eE")) == 0 }

func jsonKey(b []byte) bool {
	b, isKey := bytes.CutSuffix(bytes.TrimRight(b, " \t"), []byte(":"))
	return isKey && bytes.HasSuffix(bytes.TrimRight(b, " \t"), []byte(`"`))
}

// masked is a query of which all values were taken out.
var masked = regexp.MustCompile(`^(?:(?:[A-Za-z0-9_.-]+=)?(?:«set, \d+ characters»|\*+|\[redacted\])(?:&|\\u0026|#)?)+$`)

// characters is how the configuration shows a secret.
var characters = regexp.MustCompile(`^\[\d+ characters?\]$`)
