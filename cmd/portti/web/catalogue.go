package web

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"encoding/json"
	"slices"
	"strings"

	"portti/cmd/portti/status"
)

// The catalogue is catalogue.fi.json, packed by go test -update to a third of its size.
//
//go:embed catalogue.fi.json.gz
var finnishCatalogue []byte

// translation is an entry of the catalogue in another language, with the same places.
// Its actions are as many as the entry's; an empty one, which is nothing but a place for
// advice that the gateway puts together, stays in English.
type translation struct {
	Title    string   `json:"title"`
	Sentence string   `json:"sentence"`
	Actions  []string `json:"actions"`
}

func loadFinnish() map[string]translation {
	all := map[string]translation{}
	z, err := gzip.NewReader(bytes.NewReader(finnishCatalogue))
	if err == nil {
		err = json.NewDecoder(z).Decode(&all)
	}
	if err != nil {
		panic(err) // it is part of the program, and tested
	}
	return all
}

// advice is what to do, and the command in it; "" = there is none.
type advice struct {
	text, command string
	english       bool // on a page in another language
}

// explained is a problem in the language of the page.
type explained struct {
	title, sentence string
	actions         []advice
	english         bool
}

// explain says what a problem is and what to do. Without a translation it says so in
// English: a newer gateway's problem is better read in another language than not at all.
func (v *view) explain(p status.Problem) explained {
	e := explained{title: clean(p.Title), sentence: clean(p.Sentence)}
	for i, text := range p.Actions {
		a := advice{text: clean(text)}
		if i < len(p.Commands) {
			a.command = clean(p.Commands[i])
		}
		e.actions = append(e.actions, a)
	}
	if v.w.Lang == "en" {
		return e
	}
	t, ok := v.page.finnish()[p.Code]
	if !ok || len(t.Actions) != len(e.actions) {
		e.english = true
		return e
	}
	args := []string{"subject", p.Subject}
	for name, value := range p.Args {
		args = append(args, name, v.w.value(value))
	}
	e.title, e.sentence = t.Title, clean(fill(t.Sentence, args...))
	for i, text := range t.Actions {
		if text == "" {
			e.actions[i].english = true
			continue
		}
		e.actions[i].text = clean(strings.ReplaceAll(fill(text, args...), "`", ""))
	}
	return e
}

// value is one of a sentence's as this language writes it, where it is of a known form.
func (w *words) value(text string) string {
	switch text {
	case "forward":
		return "eteenpäin"
	case "back":
		return "taaksepäin"
	case "ever":
		return "käynnistyksestä asti"
	case "a higher":
		return "suuremmalla"
	case "a lower":
		return "pienemmällä"
	case "the device server's":
		return "laitepalvelimen"
	case "an unknown time":
		return "ei tiedossa"
	}
	if isSpan(text) {
		return w.spoken(text)
	}
	return text
}

// CheckFinnish says what the Finnish of an entry lacks; "" = nothing. The drivers' tests
// ask it about their own problems.
func CheckFinnish(e status.Entry) string {
	t, ok := loadFinnish()[e.Code]
	switch {
	case !ok:
		return "no Finnish: add it to web/catalogue.fi.json"
	case t.Title == "" || t.Sentence == "" || len(t.Actions) != len(e.Actions):
		return "the Finnish has no title, no sentence, or another number of actions"
	case !slices.Equal(placesOf(t.Sentence), placesOf(e.Sentence)):
		return "the Finnish sentence has other places"
	}
	for i, action := range t.Actions {
		alone := strings.HasPrefix(e.Actions[i], "{") && strings.HasSuffix(e.Actions[i], "}")
		switch {
		case action == "" && alone:
		case action == "" || !slices.Equal(placesOf(action), placesOf(e.Actions[i])):
			return "the Finnish of an action is missing, or has other places: " + e.Actions[i]
		case !slices.Equal(quoted(action), quoted(e.Actions[i])):
			return "the Finnish of an action has other commands: " + e.Actions[i]
		}
	}
	return ""
}

// placesOf are the {places} of a text, sorted, each once.
func placesOf(text string) []string {
	var all []string
	for {
		_, after, open := strings.Cut(text, "{")
		if !open {
			slices.Sort(all)
			return slices.Compact(all)
		}
		name, rest, _ := strings.Cut(after, "}")
		all, text = append(all, name), rest
	}
}

// quoted are the commands in a text.
func quoted(text string) []string {
	var all []string
	for i, part := range strings.Split(text, "`") {
		if i%2 == 1 {
			all = append(all, part)
		}
	}
	return all
}
