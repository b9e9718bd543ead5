package redact

import (
	"maps"
	"slices"
)

// Options say what is taken out besides secrets.
type Options struct {
	Secrets []string // the values of now
	// Private also takes out where things are and which: see Names.
	Private bool
	Names   Names
}

// Scrubber takes secrets out of texts.
type Scrubber struct {
	known   *index
	shapes  []shape
	private *private // nil = names stay
}

// New makes a scrubber.
func New(o Options) *Scrubber {
	s := &Scrubber{known: newIndex(o.Secrets), shapes: shapes()}
	if o.Private {
		s.private = newPrivate(o.Names)
	}
	return s
}

// Counts are how much was taken out, by what it was.
type Counts map[string]int

// Add adds what was taken out of another text.
func (c Counts) Add(d Counts) {
	for _, k := range slices.Sorted(maps.Keys(d)) {
		c[k] += d[k]
	}
}

// Scrub gives text without what has to be taken out. The text itself is not changed.
func (s *Scrubber) Scrub(text []byte) ([]byte, Counts) {
	counts := Counts{}
	text, n := s.known.blot(text)
	count(counts, "known secret", n)
	for i := range s.shapes {
		text, n = s.shapes[i].blot(text, fold(text))
		count(counts, s.shapes[i].name, n)
	}
	if s.private != nil {
		text = s.private.mask(text, counts)
	}
	return text, counts
}

func count(c Counts, name string, n int) {
	if n > 0 {
		c[name] += n
	}
}

// Lines is the last, or else the first, of text in at most so many bytes, and how many
// were left out. It cuts at the ends of lines, so that no part of a secret stays that
// cannot be told from other text.
func Lines(text []byte, most int, last bool) ([]byte, int) {
	if len(text) <= most {
		return text, 0
	}
	var kept []byte
	if last {
		kept = text[len(text)-most:]
		if text[len(text)-most-1] != '\n' {
			kept = kept[lineEnd(kept):]
		}
	} else {
		kept = text[:most]
		kept = kept[:len(kept)-tailOf(kept)]
	}
	return kept, len(text) - len(kept)
}

// lineEnd is where the first line ends.
func lineEnd(b []byte) int {
	if i := slices.Index(b, '\n'); i >= 0 {
		return i + 1
	}
	return len(b)
}

// tailOf is how long a line is that has no end.
func tailOf(b []byte) int {
	for i := len(b) - 1; i >= 0; i-- {
		if b[i] == '\n' {
			return len(b) - 1 - i
		}
	}
	return len(b)
}
