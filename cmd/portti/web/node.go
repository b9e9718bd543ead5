package web

import (
	"encoding/json"
	"strings"
)

// node is an element with what is in it. It can be written as HTML for a browser and as
// JSON for the script, which builds the same elements of it: the page has one source.
// Tags and names of attributes are constants of this package, everything else is escaped.
type node struct {
	tag   string // "" = text alone
	text  string
	attrs []*attr
	kids  []*node
}

type attr struct{ name, value string }

// el makes an element of attributes, texts, elements and lists of elements, in their
// order. A nil element is left out.
func el(tag string, parts ...any) *node {
	n := &node{tag: tag}
	for _, p := range parts {
		switch p := p.(type) {
		case *attr:
			n.attrs = append(n.attrs, p)
		case string:
			n.say(p)
		case *node:
			n.add(p)
		case []*node:
			for _, kid := range p {
				n.add(kid)
			}
		}
	}
	return n
}

func (n *node) add(kid *node) {
	if kid != nil {
		n.kids = append(n.kids, kid)
	}
}

// say appends a text: to the text before, as a browser reads the two.
func (n *node) say(text string) {
	if last := len(n.kids) - 1; last >= 0 && n.kids[last].tag == "" {
		n.kids[last] = &node{text: n.kids[last].text + text}
	} else if text != "" {
		n.kids = append(n.kids, &node{text: text})
	}
}

func at(name, value string) *attr { return &attr{name, value} }
func class(name string) *attr     { return at("class", name) }
func id(name string) *attr        { return at("id", name) }

// void elements have no content and no end.
func void(tag string) bool { return tag == "meta" || tag == "link" || tag == "input" }

// html appends the element. A quote is escaped in texts as well, where it does no harm.
func (n *node) html(b *strings.Builder) {
	escape := strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&#34;", "'", "&#39;")
	n.write(b, escape)
}

func (n *node) write(b *strings.Builder, escape *strings.Replacer) {
	if n.tag == "" {
		_, _ = escape.WriteString(b, n.text) // a Builder takes everything
		return
	}
	b.WriteString("<" + n.tag)
	for _, a := range n.attrs {
		b.WriteString(" " + a.name + `="`)
		_, _ = escape.WriteString(b, a.value)
		b.WriteByte('"')
	}
	b.WriteByte('>')
	if void(n.tag) {
		return
	}
	for _, k := range n.kids {
		k.write(b, escape)
	}
	b.WriteString("</" + n.tag + ">")
}

// MarshalJSON gives a text as a string and an element as [tag, attributes, content...].
func (n *node) MarshalJSON() ([]byte, error) {
	if n.tag == "" {
		return json.Marshal(n.text)
	}
	all := make([]any, 0, 2+len(n.kids))
	all = append(all, n.tag, n.attributes())
	for _, k := range n.kids {
		all = append(all, k)
	}
	return json.Marshal(all)
}

func (n *node) attributes() map[string]string {
	all := make(map[string]string, len(n.attrs))
	for _, a := range n.attrs {
		all[a.name] = a.value
	}
	return all
}

// attribute is the value of one; "" = it has none.
func (n *node) attribute(name string) string {
	for _, a := range n.attrs {
		if a.name == name {
			return a.value
		}
	}
	return ""
}
