package config

import (
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"
)

// span is a range of bytes in a file; the zero value means nowhere.
type span struct{ from, to int }

// place is where a setting stands: its key and its value. A table has no
// value.
type place struct{ key, value span }

// index says where in one file every setting stands, by key path. Parts are
// joined with a dot, a part that is not a bare key is quoted, and an element
// of an array has its number behind: device[0].map.t
type index struct {
	places map[string]place
	counts map[string]int // elements of each array of tables so far
	parser unstable.Parser
	doc    []byte
}

// newIndex walks doc as far as it can be parsed. The positions are those of
// the tokens, so a message can point at the very word it is about.
func newIndex(doc []byte) *index {
	x := &index{places: map[string]place{}, counts: map[string]int{}, doc: doc}
	x.parser.Reset(doc)
	table := ""
	for x.parser.NextExpression() {
		switch e := x.parser.Expression(); e.Kind {
		case unstable.Table:
			table = x.enter("", e, false)
		case unstable.ArrayTable:
			table = x.enter("", e, true)
		case unstable.KeyValue:
			x.keyValue(table, e)
		}
	}
	return x
}

// enter resolves the key of a table, a dotted key included, and notes every
// part that was not there before.
func (x *index) enter(path string, e *unstable.Node, array bool) string {
	for it := e.Key(); it.Next(); {
		node := it.Node()
		path = join(path, string(node.Data))
		at := place{key: spanOf(node.Raw)}
		last := it.IsLast()
		if array && last {
			x.note(path, at)
			n := x.counts[path]
			x.counts[path] = n + 1
			path += "[" + strconv.Itoa(n) + "]"
		} else if n := x.counts[path]; n > 0 {
			path += "[" + strconv.Itoa(n-1) + "]"
		}
		x.note(path, at)
	}
	return path
}

func (x *index) keyValue(table string, e *unstable.Node) {
	path, key := table, span{}
	for it := e.Key(); it.Next(); {
		node := it.Node()
		path = join(path, string(node.Data))
		key = spanOf(node.Raw)
		if !it.IsLast() {
			x.note(path, place{key: key})
		}
	}
	x.value(path, key, e.Value(), spanOf(e.Raw).to)
}

// value notes the setting at path and what is inside it. end is where its
// text stops, for the kinds of value whose own range the parser does not tell.
func (x *index) value(path string, key span, v *unstable.Node, end int) {
	at := spanOf(v.Raw)
	if v.Kind == unstable.Array || v.Kind == unstable.InlineTable {
		from := key.to
		if v.Kind == unstable.InlineTable {
			from = at.from
		}
		for from < end && strings.IndexByte(" \t=", x.doc[from]) >= 0 {
			from++
		}
		at = span{from, end}
	}
	x.note(path, place{key: key, value: at})
	switch v.Kind {
	case unstable.InlineTable:
		for it := v.Children(); it.Next(); {
			x.keyValue(path, it.Node())
		}
	case unstable.Array:
		i := 0
		for it := v.Children(); it.Next(); i++ {
			elem := spanOf(it.Node().Raw)
			x.value(path+"["+strconv.Itoa(i)+"]", elem, it.Node(), elem.to)
		}
	}
}

// note keeps the first place of a path: a table opened again later, or made by
// a dotted key, is still where it began.
func (x *index) note(path string, at place) {
	if _, ok := x.places[path]; !ok {
		x.places[path] = at
	}
}

func spanOf(r unstable.Range) span {
	return span{int(r.Offset), int(r.Offset) + int(r.Length)}
}

// join adds one part to a key path.
func join(path, part string) string {
	if !bare(part) {
		part = strconv.Quote(part)
	}
	if path == "" {
		return part
	}
	return path + "." + part
}

// bare says whether key needs no quotes in TOML.
func bare(key string) bool {
	for i := range len(key) {
		c := key[i]
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-') {
			return false
		}
	}
	return key != ""
}
