package device

// codeText is the problem of lines that hold nothing but what cannot be sent.
const codeText = "LINES-TEXT"

func linesProblems() []Problem {
	return []Problem{
		{Code: codeText, Title: "Nothing but text", ImpactsData: true,
			Sentence: "{subject} sends lines of which nothing can be sent on: {detail}.",
			Actions: []string{"Let the device send a number, such as 1 and 0 for on and off",
				"If the server wants texts: extra = \"keep\" in this [[device]] sends them as they are; extra = \"drop\" leaves them out without a word"}},
	}
}

// textShown is how many lines with a reading in them take the problem back.
const textShown = 100

// notice tells people of fields that cannot be sent.
type notice struct {
	unsent *key // the first such field of this line
	why    string
	only   bool // nothing of this line could be sent, for that reason
	shown  int  // lines until the problem is taken back, 0 = it is not raised
}

// see notes a field of the line being read.
func (n *notice) see(k *key, why string) {
	if n.unsent == nil {
		n.unsent, n.why = k, why
	}
}

// line says what became of the line, at its end.
func (n *notice) line(result Result, out Out) {
	k := n.unsent
	n.unsent, n.only = nil, k != nil && result == Unknown
	if k != nil && !k.told {
		k.told = true
		out.Detail("field " + k.sent + n.why)
	}
	switch {
	case n.only:
		if n.shown == 0 {
			raise(out, codeText, true)
		}
		n.shown = textShown
	case n.shown > 0 && result == OK:
		if n.shown--; n.shown == 0 {
			raise(out, codeText, false)
		}
	}
}
