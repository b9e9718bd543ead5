package declared

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"reflect"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"
)

// File is a declaration in a file of its own.
type File struct {
	Title   string `toml:"title"`   // what it is in the field's word
	Name    string `toml:"name"`    // for a device in a sample, "dust"
	Thing   string `toml:"thing"`   // three letters for its tsmTuid there
	Baud    int    `toml:"baud"`    // of the line
	Silence string `toml:"silence"` // how long nothing may come before the device counts as silent
	Source  string `toml:"source"`  // of the facts
	Declaration
}

// Parse reads a file. Its error says where in name the mistake stands.
func Parse(name string, text []byte) (File, error) {
	var f File
	err := toml.NewDecoder(bytes.NewReader(text)).DisallowUnknownFields().Decode(&f)
	var wrong *toml.DecodeError
	var unknown *toml.StrictMissingError
	switch {
	case errors.As(err, &unknown) && len(unknown.Errors) > 0:
		row, column := unknown.Errors[0].Position()
		key := unknown.Errors[0].Key()
		return f, fmt.Errorf("%s:%d:%d: there is no key %s%s", name, row, column, strings.Join(key, "."), instead(key))
	case errors.As(err, &wrong):
		row, column := wrong.Position()
		return f, fmt.Errorf("%s:%d:%d: %s", name, row, column, inWords(wrong))
	case err != nil:
		return f, fmt.Errorf("%s: %w", name, err)
	}
	if f.Declaration.File != "" {
		return f, fmt.Errorf("%s: file cannot be set in a file", name)
	}
	return f, nil
}

// instead says what a key that there is none of may have been meant to be.
func instead(key []string) string {
	switch {
	case key[0] == "device":
		return ": the tables of a file are [field.temp], without device"
	case len(key) == 3 && key[0] == "field":
		return ": a field has " + strings.Join(keysOf[Field](), ", ")
	case slices.Contains([]string{"type", "port", "id"}, key[0]):
		return ": it stands in the [[device]]"
	}
	return ""
}

// keysOf lists the keys of a table.
func keysOf[T any]() (keys []string) {
	of := reflect.TypeFor[T]()
	for i := range of.NumField() {
		keys = append(keys, of.Field(i).Tag.Get("toml"))
	}
	return keys
}

// inWords is an error of the decoder without the names that Go has for things.
func inWords(err *toml.DecodeError) string {
	text := strings.TrimPrefix(err.Error(), "toml: ")
	_, wanted, ok := strings.Cut(text, " of type ")
	if kind, known := map[string]string{"string": "text in quotes", "int": "a whole number", "float64": "a number", "int64": "a whole number"}[strings.TrimLeft(wanted, "*")]; ok && known {
		return strings.Join(err.Key(), ".") + " must be " + kind
	}
	return text
}

//go:embed shipped
var shipped embed.FS

// Shipped gives the declarations that come with the program, by the names of types.
func Shipped() (map[string]File, error) {
	all := map[string]File{}
	names, err := fs.Glob(shipped, "shipped/*.toml")
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		text, err := shipped.ReadFile(name)
		if err != nil {
			return nil, err
		}
		f, err := Parse(name, text)
		if err != nil {
			return nil, err
		}
		all[strings.TrimSuffix(strings.TrimPrefix(name, "shipped/"), ".toml")] = f
	}
	return all, nil
}
