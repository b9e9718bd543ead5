package web

import (
	"encoding/json"
	"slices"
)

// change is an element beside the one that was in its place, which may be nil. As JSON it
// is the element as in node.MarshalJSON, but with 0 in place of what in it stays as it is.
type change struct{ now, before *node }

// none says that it looks as before.
func (c *change) none() bool { return c.now.same(c.before) }

func (n *node) same(o *node) bool {
	switch {
	case n == o:
		return true
	case o == nil || n.text != o.text || !n.alike(o) || len(n.kids) != len(o.kids):
		return false
	}
	for i, k := range n.kids {
		if !k.same(o.kids[i]) {
			return false
		}
	}
	return true
}

// alike says that the two differ in their content alone.
func (n *node) alike(o *node) bool {
	return n.tag == o.tag && slices.EqualFunc(n.attrs, o.attrs, func(a, b *attr) bool { return *a == *b })
}

func (c *change) MarshalJSON() ([]byte, error) {
	if c.before == nil || c.now.tag == "" || c.now.tag != c.before.tag {
		return json.Marshal(c.now)
	}
	all := []any{c.now.tag, c.now.attributes()}
	for i, k := range c.now.kids {
		switch {
		case i >= len(c.before.kids):
			all = append(all, k)
		case k.same(c.before.kids[i]):
			all = append(all, 0)
		default:
			all = append(all, &change{k, c.before.kids[i]})
		}
	}
	return json.Marshal(all)
}
