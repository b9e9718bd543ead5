package config

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/pelletier/go-toml/v2"
)

// maxSyntax is how many syntax errors of one file are reported: later ones
// are mostly consequences.
const maxSyntax = 10

// document reads one file; layers applies it. A line that is not TOML is reported
// and blanked, and the rest read all the same, so that one run of `config check`
// shows as many mistakes as possible.
func (l *loader) document(name string, original []byte) {
	doc := bytes.Clone(original)
	src := &source{name: name, doc: original}
	l.sources = append(l.sources, src)
	var tree map[string]any
	for n := 0; ; n++ {
		tree = nil
		err := toml.Unmarshal(doc, &tree)
		if err == nil {
			break
		}
		l.broken, src.broken = true, true
		at := syntaxAt(doc, err)
		text, hint := syntaxText(doc, at, err)
		l.add(src.fault(span{at, at + 1}, "", text, hint))
		if n+1 >= maxSyntax || !blank(doc, at) {
			doc = doc[:bytes.LastIndexByte(doc[:at], '\n')+1]
			if toml.Unmarshal(doc, &tree) != nil {
				return
			}
			break
		}
	}
	src.x = newIndex(doc)
	src.tree = tree
}

// syntaxAt is the offset of a syntax error in doc.
func syntaxAt(doc []byte, err error) int {
	var e *toml.DecodeError
	if !errors.As(err, &e) {
		return 0
	}
	line, column := e.Position()
	at := 0
	for ; line > 1; line-- {
		n := bytes.IndexByte(doc[at:], '\n')
		if n < 0 {
			break
		}
		at += n + 1
	}
	return min(at+column-1, len(doc))
}

// syntaxText says what is wrong in words for people who edit by hand.
func syntaxText(doc []byte, at int, err error) (text, hint string) {
	why := strings.TrimPrefix(err.Error(), "toml: ")
	line := lineAround(doc, at)
	switch {
	case strings.Contains(why, "already defined"), strings.Contains(why, "already exists"):
		return "this is set a second time: " + why, "keep one of the two"
	case strings.Contains(why, "expected keyword"), strings.Contains(why, "start of value"), strings.Contains(why, "must be quoted"):
		return "this value cannot be read", `put text in quotes: key = "text"`
	case strings.Contains(why, "expected '=' after key"):
		return "a setting needs a value: " + why, `write it as key = "text" or key = 5`
	case strings.Contains(why, "expected newline"):
		return "there is something after the value", "one setting a line; a comment begins with #"
	case strings.Contains(why, "start of key"):
		return "this line does not begin with a setting", "names are made of a-z, digits, _ and -"
	case strings.Contains(why, "unterminated"), strings.Count(line, `"`)%2 == 1:
		return "a quote is missing on this line: " + why, `put text between two "`
	}
	return fmt.Sprintf("this is not TOML: %s", why), ""
}

func lineAround(doc []byte, at int) string {
	from := bytes.LastIndexByte(doc[:at], '\n') + 1
	if n := bytes.IndexByte(doc[at:], '\n'); n >= 0 {
		return string(doc[from : at+n])
	}
	return string(doc[from:])
}

// blank overwrites the line around at with spaces. It refuses where the line
// begins something that may go on below, since what follows would be misread.
func blank(doc []byte, at int) bool {
	from := bytes.LastIndexByte(doc[:at], '\n') + 1
	line := lineAround(doc, at)
	trimmed := strings.TrimSpace(line)
	if trimmed == "" || strings.HasPrefix(trimmed, "[") ||
		strings.ContainsAny(trimmed, "[{") || strings.Contains(trimmed, `"""`) || strings.Contains(trimmed, "'''") {
		return false
	}
	copy(doc[from:], bytes.Repeat([]byte(" "), len(line)))
	return true
}
