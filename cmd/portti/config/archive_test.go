package config

import (
	"os"
	"strings"
	"testing"
)

// archive is a text file that holds several: a comment, then for each file a
// line "-- name --" and its text. It is the format of txtar.
type archive struct {
	comment string
	names   []string
	files   map[string]string
}

func readArchive(t testing.TB, path string) *archive {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	a, name := &archive{files: map[string]string{}}, ""
	for _, line := range strings.SplitAfter(string(text), "\n") {
		head, isStart := strings.CutPrefix(line, "-- ")
		head, isHead := strings.CutSuffix(head, " --\n")
		switch {
		case isStart && isHead:
			name = head
			a.set(name, "")
		case name == "":
			a.comment += line
		default:
			a.files[name] += line
		}
	}
	return a
}

func (a *archive) set(name, text string) {
	if _, ok := a.files[name]; !ok {
		a.names = append(a.names, name)
	}
	a.files[name] = text
}

func (a *archive) text() string {
	text := a.comment
	for _, name := range a.names {
		text += "-- " + name + " --\n" + a.files[name]
	}
	return text
}
