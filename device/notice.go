package device

// codeText is the problem of lines that hold nothing but what cannot be sent.
const codeText = "LINES-TEXT"

func linesProblems() []Problem {
	return []Problem{
		{Code: codeText, Title: "Nothing but text", ImpactsData: true,
			Sentence: "{subject} sends lines in which nothing can be forwarded: {detail}.",
			Actions: []string{"Let the device send a number, such as 1 and 0 for on and off",
				"If the server wants texts: extra = \"keep\" in this [[device]] sends them as they are; extra = \"drop\" drops them silently; then: `sudo portti reload`"}},
	}
}

// textShown is how many lines with a reading in them take the problem back.
const textShown = 100

// notice tells people of fields that cannot be sent.
type notice struct {
	unsent *key // the first such field of this line
	why    string
	shown  int // lines until the problem is taken back, 0 = it is not raised
}

// see notes a field of the line being read.
func (n *notice) see(k *key, why string) {
	if n.unsent == nil {
		n.unsent, n.why = k, why
	}
}

// line tells of a line at its end, and gives what it counts as: one of which nothing
// can be sent for that reason was understood.
func (n *notice) line(result Result, out Out) Result {
	k := n.unsent
	n.unsent = nil
	if k != nil && !k.told {
		k.told = true
		out.Detail("field " + k.sent + n.why)
	}
	switch {
	case k != nil && result == Unknown:
		if n.shown == 0 {
			raise(out, codeText, true)
		}
		n.shown = textShown
		return OK
	case n.shown > 0 && result == OK:
		if n.shown--; n.shown == 0 {
			raise(out, codeText, false)
		}
	}
	return result
}
