package config

import (
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"
)

// secretWord finds names that promise a secret behind them.
func secretWord(key string) bool {
	key = strings.ReplaceAll(strings.ToLower(key), "-", "_")
	switch key {
	case "credential", "client_key", "query_name", "token_source", "token_url":
		return false // a path, a name or an address
	}
	if strings.HasSuffix(key, "_file") || strings.HasSuffix(key, "_credential") {
		return false
	}
	for _, w := range []string{"token", "secret", "passw", "credential", "api_key", "apikey", "authorization", "cookie"} {
		if strings.Contains(key, w) {
			return true
		}
	}
	return false
}

// assignment splits a line of TOML at its equals sign. It looks for every key
// on the line, so that inline tables are covered.
var assignment = regexp.MustCompile(`["']?([A-Za-z0-9_.-]+)["']?\s*=\s*("[^"]*"?|'[^']*'?|[^,}\s#]+)`)

// address finds what looks like a URL.
var address = regexp.MustCompile(`[A-Za-z][A-Za-z0-9+.-]*://[^\s"']+`)

// sealed finds the keys of Bluetooth tags: a table of keys on one line, and what stands
// under an address, which is too long for a tag's name, on a line of its own; and what may
// be a key where the address should stand.
var (
	sealed      = regexp.MustCompile(`(?i)\bkeys["']?\s*=\s*\{.*`)
	sealedValue = regexp.MustCompile(`(=\s*)("[^"]*"?|'[^']*'?|[^,}\s#"'{]+)`)
	misplaced   = regexp.MustCompile(`(^|["'\s{,.])([0-9A-Fa-f]{24,})`)
	underTag    = regexp.MustCompile(`((?:[0-9A-Fa-f]{2}[:-]?){5}[0-9A-Fa-f]{2}["']?\s*=\s*)("[^"]{24,}"?|'[^']{24,}'?)`)
)

// HoldsSecret says whether a text in the form of a configuration has a secret in it, and
// not only the name of a file with one.
func HoldsSecret(text string) bool {
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "#") && blot(line) != line {
			return true
		}
	}
	return false
}

// blotKeys replaces the keys of Bluetooth tags.
func blotKeys(line string) string {
	hide := func(re *regexp.Regexp, text string) string {
		return re.ReplaceAllStringFunc(text, func(m string) string {
			at := re.FindStringSubmatchIndex(m)
			return m[:at[4]] + stars(m[at[4]:at[5]])
		})
	}
	line = sealed.ReplaceAllStringFunc(line, func(table string) string { return hide(sealedValue, table) })
	return hide(misplaced, hide(underTag, line))
}

// blot replaces every secret in a line of configuration with asterisks, one
// for each character, so that columns stay where they are.
func blot(line string) string {
	line = assignment.ReplaceAllStringFunc(line, func(m string) string {
		parts := assignment.FindStringSubmatchIndex(m)
		key := m[parts[2]:parts[3]]
		if !secretWord(key[strings.LastIndexByte(key, '.')+1:]) {
			return m
		}
		return m[:parts[4]] + stars(m[parts[4]:parts[5]])
	})
	return address.ReplaceAllStringFunc(blotKeys(line), blotURL)
}

// tableLine finds the names of tables.
var tableLine = regexp.MustCompile(`(?m)^[ \t]*\[+[ \t]*([^\]\n]*)`)

// hideHeader replaces the values of a line of headers, which stand under any name: in
// their table, or in one line with it. before is the text above the line. Each byte is
// replaced by one.
func hideHeader(before, line string) string {
	table := ""
	if all := tableLine.FindAllStringSubmatch(before, -1); all != nil {
		table = strings.TrimSpace(all[len(all)-1][1])
	}
	name, value, ok := strings.Cut(line, "=")
	if !ok || !strings.HasSuffix(table, "headers") && !strings.Contains(name, "headers") {
		return line
	}
	hidden := []byte(value)
	for i, c := range hidden {
		if c != ' ' && c != '\t' && c != '\r' {
			hidden[i] = '*'
		}
	}
	return name + "=" + string(hidden)
}

func stars(s string) string { return strings.Repeat("*", utf8.RuneCountInString(s)) }

// blotURL keeps scheme, host and path of an address and the names in its
// query.
func blotURL(raw string) string {
	return cutURL(raw, func(secret string) string { return stars(secret) })
}

// RedactURL gives an address as it may be shown: user and password, the values
// in the query and the fragment are replaced by how long they are.
func RedactURL(raw string) string {
	return cutURL(raw, func(secret string) string {
		return fmt.Sprintf("«set, %d characters»", utf8.RuneCountInString(secret))
	})
}

// MaskURL is RedactURL in few letters.
func MaskURL(raw string) string { return cutURL(raw, func(string) string { return "***" }) }

// cutURL hands every secret part of an address to hide. It works on the text,
// so that an address that cannot be parsed is covered as well.
func cutURL(raw string, hide func(string) string) string {
	scheme, rest, hasScheme := strings.Cut(raw, "://")
	if !hasScheme {
		scheme, rest = "", raw
	}
	user := userinfo(rest)
	rest, fragment, hasFragment := strings.Cut(rest[len(user):], "#")
	rest, query, hasQuery := strings.Cut(rest, "?")
	host, path, hasPath := strings.Cut(rest, "/")
	if user != "" {
		host = hide(user) + host
	}
	var b strings.Builder
	if hasScheme {
		b.WriteString(scheme + "://")
	}
	b.WriteString(host)
	if hasPath {
		b.WriteString("/" + path)
	}
	if hasQuery {
		b.WriteByte('?')
		for i, pair := range strings.Split(query, "&") {
			if i > 0 {
				b.WriteByte('&')
			}
			name, value, has := strings.Cut(pair, "=")
			switch {
			case has:
				b.WriteString(name + "=" + hide(value))
			case name == query && name != "":
				b.WriteString(hide(name)) // no name, but for all that can be told a token alone
			default:
				b.WriteString(name)
			}
		}
	}
	if hasFragment {
		b.WriteString("#" + hide(fragment))
	}
	return b.String()
}

// userinfo is what stands before the host of an address without its scheme, with the @
// left out. A password that was not escaped may have a slash, a ? or a # in it: what
// follows a host's colon and is no port is one.
func userinfo(rest string) string {
	host := rest
	if end := strings.IndexAny(rest, "/?#"); end >= 0 {
		host = rest[:end]
	}
	at := strings.LastIndexByte(host, '@')
	if name, port, ok := strings.Cut(host, ":"); at < 0 && ok && !strings.HasPrefix(name, "[") && strings.Trim(port, "0123456789") != "" {
		at = strings.LastIndexByte(rest, '@')
	}
	return rest[:max(at, 0)]
}
