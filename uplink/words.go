package uplink

import (
	"bytes"
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
)

// maxWords is how much of an answer is searched for words.
const maxWords = 4 << 10

// serverWords is what a server says in an answer that refuses, in one line: the
// description of a challenge (RFC 6750), the member of a JSON body that is meant for people,
// the title of a page, or the text as it is. It is foreign text, to be cleaned
// and cut before anybody sees it.
func serverWords(h http.Header, body []byte) string {
	for _, key := range []string{`error_description="`, `error="`} {
		if _, after, ok := strings.Cut(strings.Join(h.Values("WWW-Authenticate"), ", "), key); ok {
			words, _, _ := strings.Cut(after, `"`)
			return words
		}
	}
	body = body[:min(len(body), maxWords)]
	text := string(bytes.TrimSpace(body))
	if words := jsonWords(body); words != "" {
		text = words
	} else if strings.HasPrefix(text, "<") {
		text = pageWords(text)
	}
	return strings.Join(strings.Fields(text), " ")
}

// jsonWords looks for words where APIs put them, "" when there are none.
func jsonWords(raw []byte) string {
	var (
		text string
		list []json.RawMessage
		all  map[string]json.RawMessage
	)
	switch {
	case json.Unmarshal(raw, &text) == nil:
		return text
	case json.Unmarshal(raw, &list) == nil && len(list) > 0:
		return jsonWords(list[0])
	case json.Unmarshal(raw, &all) == nil:
		for _, key := range []string{"error_description", "detail", "message", "msg", "reason", "title", "error"} {
			if words := jsonWords(all[key]); words != "" {
				return words
			}
		}
	}
	return ""
}

// pageWords is the title of a page, or all its text.
func pageWords(page string) string {
	if title := regexp.MustCompile(`(?is)<title[^>]*>([^<]*[^<\s][^<]*)<`).FindStringSubmatch(page); title != nil {
		page = title[1]
	}
	page = regexp.MustCompile(`(?is)<(script|style|title).*?</(script|style|title)>|<[^>]*>?`).ReplaceAllString(page, " ")
	return strings.NewReplacer("&lt;", "<", "&gt;", ">", "&quot;", `"`, "&#39;", "'", "&amp;", "&").Replace(page)
}
