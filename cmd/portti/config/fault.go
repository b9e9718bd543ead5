package config

import (
	"bytes"
	"errors"
	"fmt"
	"sort"
	"strings"
	"unicode"
	"unicode/utf8"
)

// ErrNotConfigured is what Load's error is where there is no configuration at
// all, which is another thing than a wrong one.
var ErrNotConfigured = errors.New("there is no configuration")

// Fault is one thing wrong with the configuration, and where.
type Fault struct {
	File    string // or "environment NAME"
	Line    int    // from 1; 0 = the file as a whole
	Column  int    // from 1, counted in characters
	Key     string // path such as uplink.ping_interval or device.gps.baud; may be empty
	Text    string // one sentence
	Hint    string // what to do; may be empty
	Excerpt string // the line with secrets blotted out; may be empty
	mark    string // what stands under the excerpt, up to and with the carets
}

// String prints the fault as file:line:column: sentence, and where a line is
// known, that line with the place marked.
func (f Fault) String() string {
	var b strings.Builder
	b.WriteString(f.File)
	if f.Line > 0 {
		fmt.Fprintf(&b, ":%d:%d", f.Line, f.Column)
	}
	b.WriteString(": " + f.Text)
	if f.Excerpt == "" {
		if f.Hint != "" {
			b.WriteString("\n      | " + f.Hint)
		}
		return b.String()
	}
	fmt.Fprintf(&b, "\n%5d | %s\n      | %s", f.Line, f.Excerpt, f.mark)
	if f.Hint != "" {
		b.WriteString(" " + f.Hint)
	}
	return b.String()
}

// Error is everything wrong with a configuration at once, in the order
// of the files.
type Error struct {
	Faults  []Fault
	missing bool
}

// Error prints every fault and how many there are, one paragraph of whole
// lines.
func (e *Error) Error() string {
	var b strings.Builder
	for _, f := range e.Faults {
		b.WriteString(f.String() + "\n")
	}
	if len(e.Faults) == 1 {
		b.WriteString("1 problem.")
	} else {
		fmt.Fprintf(&b, "%d problems.", len(e.Faults))
	}
	return b.String()
}

// Short is the first fault without its excerpt and how many more there are, for a place
// that shows no lines.
func (e *Error) Short() string {
	if len(e.Faults) == 0 {
		return "no mistake is named"
	}
	f := e.Faults[0]
	f.Excerpt, f.Hint = "", ""
	text := strings.TrimRight(f.String(), ".")
	switch more := len(e.Faults) - 1; {
	case more == 1:
		text += ", and 1 more"
	case more > 1:
		text += fmt.Sprintf(", and %d more", more)
	}
	return text
}

// Is tells a missing configuration from a wrong one.
func (e *Error) Is(target error) bool { return target == ErrNotConfigured && e.missing }

// sortFaults puts faults in reading order: file by file as they were loaded,
// then by line and column. What has no file comes last.
func sortFaults(faults []Fault, files []string) {
	rank := map[string]int{}
	for i, f := range files {
		rank[f] = i - len(files)
	}
	sort.SliceStable(faults, func(i, j int) bool {
		a, b := faults[i], faults[j]
		if rank[a.File] != rank[b.File] {
			return rank[a.File] < rank[b.File]
		}
		if a.Line != b.Line {
			return a.Line < b.Line
		}
		return a.Column < b.Column
	})
}

// source is one file as text, to say where in it something stands.
type source struct {
	name   string
	doc    []byte
	x      *index
	tree   map[string]any
	broken bool  // lines of it could not be read
	starts []int // where each line begins; made at first use
}

// line gives the number of the line that offset at is in, and its begin.
func (src *source) line(at int) (number, start int) {
	if src.starts == nil {
		src.starts = []int{0}
		for i, c := range src.doc {
			if c == '\n' {
				src.starts = append(src.starts, i+1)
			}
		}
	}
	n := sort.SearchInts(src.starts, at+1)
	return n, src.starts[n-1]
}

// fault makes a fault that points at s in the file.
func (src *source) fault(s span, key, text, hint string) Fault {
	f := Fault{File: src.name, Key: key, Text: text, Hint: hint}
	if src.doc == nil || s == (span{}) {
		return f
	}
	line, start := src.line(s.from)
	end := len(src.doc)
	if n := bytes.IndexByte(src.doc[s.from:], '\n'); n >= 0 {
		end = s.from + n
	}
	f.Line = line
	f.Column = 1 + utf8.RuneCount(src.doc[start:s.from])
	f.Excerpt, f.mark = excerpt(hideHeader(string(src.doc[:start]), string(src.doc[start:end])), s.from-start, min(s.to, end)-start)
	return f
}

// excerpt prepares one line for printing: secrets and control characters
// blotted out, cut to a window around the bytes from..to, and the carets that
// go under them.
func excerpt(line string, from, to int) (shown, mark string) {
	const before, width = 40, 100
	left := []rune(printable(line[:from]))
	word := []rune(printable(line[from:max(from, to)]))
	all := []rune(printable(blot(strings.TrimRight(line, "\r"))))
	cut := 0
	if len(left)+len(word) > width {
		cut = max(0, len(left)-before)
	}
	all = all[min(cut, len(all)):]
	if len(all) > width {
		all = append(all[:width:width], '…')
	}
	carets := min(max(1, len(word)), width)
	return string(all), strings.Repeat(" ", len(left)-cut) + strings.Repeat("^", carets)
}

func isPrintable(r rune) bool { return r != utf8.RuneError && unicode.IsPrint(r) }

// printable replaces what would move the cursor, so that carets stay under
// their word and a file cannot paint on the terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\t':
			return ' '
		case !isPrintable(r):
			return '·'
		}
		return r
	}, s)
}
