package thingsee

import (
	"encoding/json"
	"testing"

	"portti/cross/testkit"
)

// firstOwn is the lowest tsmId of portti's own messages.
const firstOwn = 90100

// docs/schemas/messages.json is for whoever writes a server: portti's own messages as a
// JSON Schema, made of the same table.
//
//	go test ./device/thingsee -run MessagesSchema -update
func TestMessagesSchema(t *testing.T) {
	var kinds []any
	for _, d := range table {
		if d.ID < firstOwn || d.Direction == Down {
			continue
		}
		properties, required := map[string]any{}, []string{}
		for _, f := range d.Fields {
			properties[f.Name] = fieldSchema(f)
			if f.Required {
				required = append(required, f.Name)
			}
		}
		kinds = append(kinds, map[string]any{
			"if":   map[string]any{"properties": map[string]any{"tsmId": map[string]any{"const": d.ID}}},
			"then": map[string]any{"title": d.Name, "properties": properties, "required": required},
		})
	}
	header := map[string]any{
		"tsmId":   map[string]any{"type": "integer", "minimum": firstOwn},
		"tsmEv":   map[string]any{"type": "integer"},
		"tsmTs":   map[string]any{"type": "number", "description": "seconds, UTC"},
		"tsmTuid": map[string]any{"type": "string"},
		"tsmGw":   map[string]any{"type": "string"},
		"tsErr":   map[string]any{"type": "number", "description": "seconds that tsmTs may be wrong by; absent = the clock was right"},
	}
	text, err := json.MarshalIndent(map[string]any{
		"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "portti's own messages",
		"description": "Those of the private profile 90, from 90100 up. Fields may be added; what is not known here is to be passed over.",
		"type":        "object", "properties": header, "required": []string{"tsmId", "tsmEv", "tsmTs", "tsmTuid", "tsmGw"}, "allOf": kinds,
	}, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	testkit.Golden(t, "../../docs/schemas/messages.json", string(text)+"\n")
}

func fieldSchema(f Field) map[string]any {
	s := map[string]any{"type": f.Type.String()}
	if f.Type == Buffer {
		delete(s, "type") // in one of several forms
	}
	if f.Unit != "" {
		s["description"] = f.Unit
	}
	for name, limit := range map[string]float64{"minimum": f.Min, "maximum": f.Max} {
		if limit != lo && limit != hi && (f.Type == Number || f.Type == Integer) {
			s[name] = limit
		}
	}
	return s
}
