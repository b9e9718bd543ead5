package uplink

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"
)

// What stands in one publish, Options.Payload.
const (
	PayloadArray  = "array"  // a JSON array of records
	PayloadObject = "object" // one record
)

const (
	maxTopic = 256 // bytes of a template: AWS IoT Core takes no longer topic
	maxLevel = 64  // bytes of what stands for a name in it
)

// DefaultTopic is where records are published where nothing else is said.
func DefaultTopic(engine string) string {
	switch engine {
	case EngineMQTT:
		return "portti/{gw}/{tuid}/{tsmId}"
	case EngineNATS:
		return "portti.{gw}.{tuid}.{tsmId}"
	}
	return ""
}

// topic is a template of the topic or subject of a record, in pieces: a text, the name of
// what follows it, a text and so on.
type topic struct {
	pieces []string
	level  string // what stands between levels
	apart  string // characters that no level may contain
}

// CheckTopic says what is wrong with the template of a topic (EngineMQTT) or a subject
// (EngineNATS): levels divided by "/" or ".", in which {gw}, {tuid} and {tsmId} stand for
// the gateway's id and for tsmTuid and tsmId of a record.
func CheckTopic(engine, template string) error {
	_, err := parseTopic(engine, template)
	return err
}

func parseTopic(engine, template string) (t topic, err error) {
	what := "topic"
	if t.level, t.apart = "/", "/+#\x00"; engine == EngineNATS {
		what, t.level, t.apart = "subject", ".", ".*> \t\r\n\x00"
	}
	wrong := func(why string) (topic, error) {
		return topic{}, fmt.Errorf("the %s %.80q cannot be one: %s", what, template, why)
	}
	rest := template
	for {
		text, after, more := strings.Cut(rest, "{")
		switch {
		case strings.Contains(text, "}"):
			return wrong("a } without a {")
		case strings.ContainsAny(strings.ReplaceAll(text, t.level, ""), t.apart):
			return wrong(fmt.Sprintf("none of %q may be in it", strings.Trim(strings.ReplaceAll(t.apart, t.level, ""), "\x00")))
		}
		if t.pieces = append(t.pieces, text); !more {
			break
		}
		name, after, closed := strings.Cut(after, "}")
		if name != "gw" && name != "tuid" && name != "tsmId" || !closed {
			return wrong("in braces stand gw, tuid or tsmId")
		}
		t.pieces, rest = append(t.pieces, name), after
	}
	switch {
	case template == "" || len(template) > maxTopic || !utf8.ValidString(template):
		return wrong(fmt.Sprintf("it has 1 to %d bytes of UTF-8", maxTopic))
	case engine == EngineNATS && strings.Contains("."+template+".", ".."):
		return wrong("a level is empty")
	}
	return t, nil
}

// of gives the topic of a record. A sign that would divide a level is "_" in it, as is what
// the record does not have.
func (t *topic) of(gateway string, rec []byte) string {
	var m struct {
		Tuid string      `json:"tsmTuid"`
		ID   json.Number `json:"tsmId"`
	}
	if len(t.pieces) > 1 {
		_ = json.Unmarshal(rec, &m) // of a record that is none of Thingsee's no part is known
	}
	var b strings.Builder
	for i, piece := range t.pieces {
		if i%2 == 0 {
			b.WriteString(piece)
			continue
		}
		value := gateway
		switch piece {
		case "tuid":
			value = m.Tuid
		case "tsmId":
			value = m.ID.String()
		}
		if value == "" || len(value) > maxLevel {
			value = "_"
		}
		for _, r := range value {
			if r < ' ' || r == utf8.RuneError || strings.ContainsRune(t.apart, r) {
				r = '_'
			}
			b.WriteRune(r)
		}
	}
	return b.String()
}
