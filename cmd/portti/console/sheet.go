package console

// Sheet is text for people that another room makes, with the marks and folds of this one.
type Sheet struct{ d drawing }

// NewSheet is one that folds at 40 columns or more.
func NewSheet(o Options) *Sheet { return &Sheet{drawing{o: o, least: 40}} }

// Line writes a line that is not folded.
func (s *Sheet) Line(text string) { s.d.b.WriteString(text + "\n") }

// Hang writes text between words, behind first and on further lines behind indent.
func (s *Sheet) Hang(first, indent, text string) { s.d.hang(first, indent, text) }

// Advise writes something to do, in which command stays on one line.
func (s *Sheet) Advise(indent, action, command string) {
	s.d.advise(indent, s.d.arrow()+" ", action, command)
}

// Mark draws one of the marks.
func (s *Sheet) Mark(mark string) string {
	return s.d.mark(map[string]sign{MarkGood: good, MarkUnsure: unsure, MarkWarn: warn, MarkBad: bad}[mark])
}

func (s *Sheet) String() string { return s.d.written() }
