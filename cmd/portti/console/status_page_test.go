package console

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// docs/status.md explains every word that the screen of portti status can show. The words
// are those of the program's own source: a new one fails here until the page has it.
func TestStatusPageHasEveryWord(t *testing.T) {
	page := read(t, "status.md") + read(t, "losses.md")
	var code []string // what stands in backquotes
	for i, part := range strings.Split(strings.ReplaceAll(page, "```", ""), "`") {
		if i%2 == 1 {
			code = append(code, part)
		}
	}
	shownBy := map[string][]string{
		"render.go":              {"head", "link", "buffer", "data", "problems", "reasons"},
		"table.go":               {"table", "deviceState"},
		"text.go":                {"mark", "arrow", "since", "span", "coarse", "milliseconds", "bytesOf", "percent"},
		"../status/statement.go": {"when", "readings", "delivery", "lost", "moment", "count", "reasonWord", "lossWord"},
		"../status/started.go":   {"Sentence"},
	}
	words := 0
	for file, functions := range shownBy {
		for _, literal := range shown(t, file, functions) {
			for _, phrase := range phrases(literal) {
				words++
				if !strings.Contains(page, phrase) {
					t.Errorf("docs/status.md does not have %q of %s", phrase, file)
				}
			}
		}
	}
	for _, name := range []string{"../status/status.go", "../status/ledger.go", "../../../device/clock/clock.go"} {
		for _, word := range states(t, name) {
			words++
			if !slices.ContainsFunc(code, regexp.MustCompile(`\b`+word+`\b`).MatchString) {
				t.Errorf("docs/status.md does not explain %q of %s", word, name)
			}
		}
	}
	if words < 150 {
		t.Errorf("only %d words were found: the functions have other names now", words)
	}
}

func read(t *testing.T, page string) string {
	t.Helper()
	text, err := os.ReadFile("../../../docs/" + page)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(strings.Fields(string(text)), " ")
}

// shown are the texts in these functions of a file. What a case or a comparison asks for is
// not shown, nor is a layout of times.
func shown(t *testing.T, file string, functions []string) []string {
	t.Helper()
	tree, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, decl := range tree.Decls {
		f, ok := decl.(*ast.FuncDecl)
		if !ok || !slices.Contains(functions, f.Name.Name) {
			continue
		}
		ast.Inspect(f.Body, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.CaseClause:
				for _, s := range n.Body {
					ast.Inspect(s, collect(&all))
				}
				return false
			default:
				return collect(&all)(n)
			}
		})
	}
	return all
}

// collect takes the texts under a node.
func collect(all *[]string) func(ast.Node) bool {
	return func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.KeyValueExpr: // of a map of words
			ast.Inspect(n.Value, collect(all))
			return false
		case *ast.BinaryExpr:
			return n.Op == token.ADD || n.Op == token.LAND || n.Op == token.LOR
		case *ast.BasicLit:
			if text, err := strconv.Unquote(n.Value); n.Kind == token.STRING && err == nil {
				*all = append(*all, text)
			}
		}
		return true
	}
}

var (
	verbs  = regexp.MustCompile(`%[0-9.]*[a-z]|\x1b\[[0-9;]*m?|2006-01-02|15:04|2 Jan|[()",.:]`)
	letter = regexp.MustCompile(`\pL`)
)

// phrases are the words of a text between what is filled in.
func phrases(text string) []string {
	var all []string
	for _, part := range verbs.Split(text, -1) {
		if part = strings.TrimSpace(part); letter.MatchString(part) {
			all = append(all, part)
		}
	}
	return all
}

// states are the constants of states: of link, buffer and devices, of losses, and what
// the clock rests on.
func states(t *testing.T, file string) []string {
	t.Helper()
	tree, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	ast.Inspect(tree, func(n ast.Node) bool {
		v, ok := n.(*ast.ValueSpec)
		if !ok || len(v.Values) == 0 || !regexp.MustCompile(`^(Link|Buffer|Device|Loss|Source)[A-Z]`).MatchString(v.Names[0].Name) {
			return true
		}
		ast.Inspect(v.Values[0], collect(&all))
		return true
	})
	return all
}
