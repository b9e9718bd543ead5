package uplink

import (
	"net/url"
	"slices"
	"sort"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	maxForeignText  = 200 // bytes of a server's or library's text that reach a log or the status
	minScrubbed     = 3   // a shorter secret would blank out ordinary words
	minHeaderSecret = 12  // a header's value may be no secret at all, and then short
	passingSecrets  = 8   // a server may still echo a token that was replaced a while ago
)

// scrubber takes every known secret out of a text before anybody sees it. It
// is the second line: the sentences are built without secrets, but a server
// may echo one in its close reason and a library may quote a URL.
type scrubber struct {
	secrets []string
	passed  []string // those of secrets that passing added, the oldest first
}

// with returns a scrubber that knows these too, each also in the forms it
// takes inside a URL.
func (s scrubber) with(secrets ...string) scrubber {
	all := slices.Clone(s.secrets)
	for _, t := range secrets {
		for _, form := range []string{t, url.QueryEscape(t), url.PathEscape(t)} {
			if len(form) >= minScrubbed && !slices.Contains(all, form) {
				all = append(all, form)
			}
		}
	}
	// The longest first: one secret may be part of another.
	sort.Slice(all, func(i, j int) bool { return len(all[i]) > len(all[j]) })
	return scrubber{secrets: all, passed: s.passed}
}

// passing is with for a secret that is replaced now and then, as tokens are:
// of those the last passingSecrets are known, or a year of renewals would fill
// the memory.
func (s scrubber) passing(secret string) scrubber {
	if slices.Contains(s.secrets, secret) {
		return s
	}
	s.passed = append(slices.Clone(s.passed), secret)
	if len(s.passed) > passingSecrets {
		old := s.passed[0]
		s.passed = s.passed[1:]
		s.secrets = slices.DeleteFunc(slices.Clone(s.secrets), func(t string) bool {
			return t == old || t == url.QueryEscape(old) || t == url.PathEscape(old)
		})
	}
	return s.with(secret)
}

// clean makes foreign text fit to show: no secrets, no control characters,
// valid UTF-8, at most maxForeignText bytes. Secrets go first, so that a cut
// never leaves the head of one.
func (s scrubber) clean(text string) string {
	for _, t := range s.secrets {
		text = strings.ReplaceAll(text, t, hidden)
	}
	text = strings.ToValidUTF8(text, "\uFFFD")
	text = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '\uFFFD'
		}
		return r
	}, text)
	if len(text) <= maxForeignText {
		return text
	}
	cut := maxForeignText
	for cut > 0 && !utf8.RuneStart(text[cut]) {
		cut--
	}
	return text[:cut] + "..."
}
