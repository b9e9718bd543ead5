package thingsee

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"strings"
	"testing"
)

// TestIDsHaveTheirPublishedNames: the comment of each message is its name in the
// catalogue.
func TestIDsHaveTheirPublishedNames(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "ids.go", nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	group, ok := file.Decls[0].(*ast.GenDecl)
	if !ok || len(group.Specs) < 20 {
		t.Fatal("the first declaration is not the list of messages")
	}
	for _, s := range group.Specs {
		c := s.(*ast.ValueSpec)
		id, err := strconv.Atoi(c.Values[0].(*ast.BasicLit).Value)
		if d, ok := Lookup(id); err != nil || !ok || strings.TrimSpace(c.Comment.Text()) != d.Name {
			t.Errorf("%s = %d is %q in the catalogue", c.Names[0].Name, id, d.Name)
		}
	}
}
