package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"portti/cmd/portti/fleet"
	"portti/cmd/portti/gateway"
	"portti/cmd/portti/status"
	"portti/cross/testkit"
)

// schemaFolder has a JSON Schema for each document that a verb prints.
const schemaFolder = "../../docs/schemas"

// printed are the documents that verbs print with --json, or that the control socket
// answers with, by the name of their schema.
func printed() map[string]any {
	return map[string]any{
		"status":        status.Document{},
		"stopped":       stopped{}, // status of a gateway that cannot be asked
		"queue":         status.Queue{},
		"history":       status.History{},
		"devices":       deviceList{},
		"devices-show":  deviceShow{},
		"explain":       explained{},
		"ping":          pinged{},
		"logs":          logView{},
		"log":           status.LogDocument{},
		"reconnect":     gateway.Reconnected{},
		"identity":      identityView{},
		"reload":        gateway.Reloaded{},
		"doctor":        doctorView{},
		"doctor-list":   checkList{},
		"netcheck":      netcheckJSON{},
		"gps":           status.GPSDocument{},
		"track":         status.Track{},
		"bundle":        bundleView{},
		"manifest":      manifest{}, // in a bundle
		"web-sessions":  gateway.PageSessions{},
		"web-link":      gateway.PageLink{},
		"version":       build{},
		"check":         verdict{},
		"config-check":  configVerdict{},
		"config-diff":   gateway.ConfigDiff{},
		"discover":      foundList{},
		"queue-check":   queueVerdict{},
		"queue-export":  exportView{},
		"queue-import":  importView{},
		"setup":         setupView{},
		"config-import": stickView{},
		"test":          trial{},
		"fleet":         fleet.Report{},
	}
}

// schema is the part of JSON Schema that is used.
type schema struct {
	Dialect    string             `json:"$schema,omitempty"`
	Title      string             `json:"title,omitempty"`
	Type       any                `json:"type,omitempty"` // a name, or a list of them
	Format     string             `json:"format,omitempty"`
	Minimum    *int               `json:"minimum,omitempty"`
	Properties map[string]*schema `json:"properties,omitempty"`
	Required   []string           `json:"required,omitempty"`
	Items      *schema            `json:"items,omitempty"`
	Values     *schema            `json:"additionalProperties,omitempty"`
}

func loadSchema(t *testing.T, name string) *schema {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(schemaFolder, name+".json"))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	var s schema
	if err == nil {
		err = json.Unmarshal(text, &s)
	}
	if err != nil {
		t.Fatal(err)
	}
	return &s
}

// schemaOf makes the schema of a type. was is the one before: what it does not require is
// not required, since an older gateway does not have it, and what it has must be there.
func schemaOf(t *testing.T, place string, typ reflect.Type, was *schema) *schema {
	t.Helper()
	zero, s := 0, &schema{}
	inner := func(f func(*schema) *schema) *schema {
		if was == nil {
			return nil
		}
		return f(was)
	}
	switch {
	case typ == reflect.TypeFor[time.Time]():
		s.Type, s.Format = "string", "date-time"
	case typ.Kind() == reflect.Pointer:
		s = schemaOf(t, place, typ.Elem(), inner(func(w *schema) *schema {
			bare := *w
			if types, ok := w.Type.([]any); ok {
				bare.Type = types[0]
			}
			return &bare
		}))
		s.Type = []any{s.Type, "null"}
	case typ.Kind() == reflect.Struct:
		s.Type, s.Properties = "object", map[string]*schema{}
		fieldsOfSchema(t, s, place, typ, was)
	case typ.Kind() == reflect.Map:
		s.Type, s.Values = "object", schemaOf(t, place+".*", typ.Elem(), inner(func(w *schema) *schema { return w.Values }))
	case typ.Kind() == reflect.Slice || typ.Kind() == reflect.Array:
		s.Type, s.Items = "array", schemaOf(t, place+"[]", typ.Elem(), inner(func(w *schema) *schema { return w.Items }))
	case typ.Kind() == reflect.String:
		s.Type = "string"
	case typ.Kind() == reflect.Bool:
		s.Type = "boolean"
	case typ.Kind() == reflect.Float64:
		s.Type = "number"
	case typ.Kind() >= reflect.Int && typ.Kind() <= reflect.Int64:
		s.Type = "integer"
	case typ.Kind() >= reflect.Uint && typ.Kind() <= reflect.Uint64:
		s.Type, s.Minimum = "integer", &zero
	default:
		t.Fatalf("%s: no schema for %s", place, typ)
	}
	if was != nil {
		if !reflect.DeepEqual(s.Type, was.Type) {
			t.Errorf("%s was of type %v and is of type %v: JSON only grows", place, was.Type, s.Type)
		}
		for name := range was.Properties {
			if s.Properties[name] == nil {
				t.Errorf("%s.%s is gone: JSON only grows", place, name)
			}
		}
	}
	return s
}

func fieldsOfSchema(t *testing.T, s *schema, place string, typ reflect.Type, was *schema) {
	t.Helper()
	for i := range typ.NumField() {
		f := typ.Field(i)
		tag, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Anonymous && tag == "":
			fieldsOfSchema(t, s, place, f.Type, was)
			continue
		case !f.IsExported() || tag == "-":
			continue
		case tag == "":
			t.Errorf("%s.%s has no name in JSON", place, f.Name)
			continue
		}
		var before *schema
		if was != nil {
			before = was.Properties[tag]
		}
		s.Properties[tag] = schemaOf(t, place+"."+tag, f.Type, before)
		if !strings.Contains(options, "omit") && (was == nil || slices.Contains(was.Required, tag)) {
			s.Required = append(s.Required, tag)
		} else if was != nil && slices.Contains(was.Required, tag) {
			t.Errorf("%s.%s may be left out now: who reads it needs it", place, tag)
		}
	}
	slices.Sort(s.Required)
}

// TestSchemas holds the schemas against the types, and both against the promise that JSON
// only grows: nothing that once was there may go or change, whatever -update is asked for.
func TestSchemas(t *testing.T) {
	for name, document := range printed() {
		was := loadSchema(t, name)
		typ := reflect.TypeOf(document)
		_, numbered := typ.FieldByName("Schema")
		if was != nil && !numbered {
			delete(was.Properties, "schema")
		}
		s := schemaOf(t, name, typ, was)
		if !numbered { // writeJSON adds it
			s.Properties["schema"], s.Required = &schema{Type: "integer"}, append(s.Required, "schema")
			slices.Sort(s.Required)
		}
		if t.Failed() {
			continue
		}
		s.Dialect, s.Title = "https://json-schema.org/draft/2020-12/schema", "portti "+name
		text, err := json.MarshalIndent(s, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		testkit.Golden(t, filepath.Join(schemaFolder, name+".json"), string(text)+"\n")
	}
	paths, err := filepath.Glob(filepath.Join(schemaFolder, "*.json"))
	if err != nil || len(paths) < len(printed()) {
		t.Errorf("%d schemas of %d documents: %v", len(paths), len(printed()), err)
	}
}

// faults says where v does not fit.
func (s *schema) faults(place string, v any) (all []string) {
	types, ok := s.Type.([]any)
	if !ok {
		types = []any{s.Type}
	}
	if !slices.Contains(types, any(kindOf(v))) && !(kindOf(v) == "integer" && slices.Contains(types, "number")) {
		return []string{fmt.Sprintf("%s is %s, want %v", place, kindOf(v), s.Type)}
	}
	switch v := v.(type) {
	case map[string]any:
		for _, name := range s.Required {
			if _, there := v[name]; !there {
				all = append(all, place+"."+name+" is missing")
			}
		}
		for _, name := range slices.Sorted(maps.Keys(v)) {
			inner := s.Values
			if p := s.Properties[name]; p != nil {
				inner = p
			}
			if inner != nil {
				all = append(all, inner.faults(place+"."+name, v[name])...)
			}
		}
	case []any:
		for i := range v {
			all = append(all, s.Items.faults(fmt.Sprintf("%s[%d]", place, i), v[i])...)
		}
	case float64:
		if s.Minimum != nil && v < float64(*s.Minimum) {
			all = append(all, fmt.Sprintf("%s is %v", place, v))
		}
	case string:
		if _, err := time.Parse(time.RFC3339Nano, v); s.Format == "date-time" && err != nil {
			all = append(all, fmt.Sprintf("%s is no time: %q", place, v))
		}
	}
	return all
}

func kindOf(v any) string {
	switch v := v.(type) {
	case map[string]any:
		return "object"
	case []any:
		return "array"
	case string:
		return "string"
	case bool:
		return "boolean"
	case float64:
		if v == math.Trunc(v) {
			return "integer"
		}
		return "number"
	}
	return "null"
}

// validate holds a document against a schema that must be there.
func (s *schema) validate(t *testing.T, what string, text []byte) {
	t.Helper()
	var v any
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	for _, f := range s.faults("", v) {
		t.Errorf("%s: %s", what, f)
	}
}

// TestDocumentsFitTheirSchema: those of today, and those that an older gateway printed,
// which nothing rewrites.
func TestDocumentsFitTheirSchema(t *testing.T) {
	for pattern, least := range map[string]int{"console/testdata/documents/*.json": 12, "testdata/schema/status-*.json": 2} {
		paths, err := filepath.Glob(pattern)
		if err != nil || len(paths) < least {
			t.Fatalf("%d documents: %v", len(paths), err)
		}
		for _, path := range paths {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			loadSchema(t, "status").validate(t, path, text)
		}
	}
}

// TestSchemaFindsFaults: a validator that takes everything proves nothing.
func TestSchemaFindsFaults(t *testing.T) {
	for text, want := range map[string]string{
		`{}`:                                       "status.buffer is missing",
		`{"time":"yesterday"}`:                     "status.time is no time",
		`{"uptime_s":"long"}`:                      "status.uptime_s is string",
		`{"devices":[{"name":5}]}`:                 "status.devices[0].name is integer",
		`{"totals":{"lost":{"full":"many"}}}`:      "status.totals.lost.full is string",
		`{"buffer":{"waiting":-1}}`:                "status.buffer.waiting is -1",
		`{"link":{"last_outage":{"began":false}}}`: "status.link.last_outage.began is boolean",
		`{"devices":null}`:                         "status.devices is null",
	} {
		var v any
		if err := json.Unmarshal([]byte(text), &v); err != nil {
			t.Fatal(err)
		}
		if all := strings.Join(loadSchema(t, "status").faults("status", v), "\n"); !strings.Contains(all, want) {
			t.Errorf("%s: no %q in\n%s", text, want, all)
		}
	}
}

// TestVerbsPrintWhatTheirSchemaSays, those that need no gateway to print something.
func TestVerbsPrintWhatTheirSchemaSays(t *testing.T) {
	for name, args := range map[string][]string{
		"explain": {"explain", "4001"},
		"ping":    {"ping"},
		"stopped": {"status"},
	} {
		var out, errs strings.Builder
		run(t.Context(), append(args, "--json", "--socket", filepath.Join(t.TempDir(), "none.sock")), nil, &out, &errs)
		loadSchema(t, name).validate(t, "portti "+args[0], []byte(out.String()))
	}
}
