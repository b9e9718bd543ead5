package thingsee

// Fields goes through the fields of a message in their order. It allocates nothing, and
// is good until the message is changed.
type Fields struct {
	m     *Message
	i, at int

	Name, Value []byte // of the field that Next found; the value is JSON
}

// Fields begins before the first field.
func (m *Message) Fields() Fields { return Fields{m: m} }

// Next goes to the next field; false: there is none.
func (f *Fields) Next() bool {
	if f.i >= f.m.fields {
		return false
	}
	head := f.m.head(f.i)
	f.Name = head[headBefore : len(head)-headAfter]
	from := f.at + len(head)
	f.at = from + valueSize(f.m.body[from:])
	f.Value = f.m.body[from:f.at]
	f.i++
	return true
}

// valueSize is how long the JSON value is that b begins with.
func valueSize(b []byte) int {
	depth, quoted := 0, false
	for i := 0; i < len(b); i++ {
		switch c := b[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '[' || c == '{':
			depth++
		case c == ']' || c == '}':
			depth--
		case c == ',' && depth == 0:
			return i
		}
	}
	return len(b)
}

// Copy adds a field whose value is that of another message, as Fields gave it.
func (m *Message) Copy(name string, value []byte) bool {
	head := m.open(name)
	if head == nil {
		return false
	}
	m.body = append(append(m.body, head...), value...)
	return true
}
