package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"portti/device/recording"
)

// A recording comes from others: nothing in its head acts on the terminal.
func TestReplayOfAHeadWithControls(t *testing.T) {
	const clear = "\x1b[2J\u009b2J"
	for says, h := range map[string]recording.Header{
		`not in a recording: a\x1b[2J\x9b2J`:        {Type: "lines", Withheld: []string{"a" + clear}},
		`settings of the recording: b\x1b[2J\x9b2J`: {Type: "lines", Name: "p", Keys: map[string]json.RawMessage{"id": json.RawMessage(`"T1"`), "b" + clear: json.RawMessage("1")}},
		`must be one of`:                            {Type: "c" + clear},
		`cannot play the recording`:                 {Type: "lines", Name: clear, Keys: map[string]json.RawMessage{"id": json.RawMessage(`"\u001b[2J\u009b2J"`)}},
		`cannot use baud of the recording`:          {Type: "lines", Keys: map[string]json.RawMessage{"baud": json.RawMessage(`"\u001b[2J"`)}},
		`3 readings, 0 rejected, 0 sent`:            {Type: "lines", Name: "p", Gateway: clear, Keys: map[string]json.RawMessage{"id": json.RawMessage(`"T1"`)}},
	} {
		file := filepath.Join(t.TempDir(), "sent.wire")
		var b bytes.Buffer
		w, err := recording.NewWriter(&b, h)
		for range 3 {
			if err == nil {
				err = w.Write(recording.Record{What: recording.In, Data: []byte("temp=1\n")})
			}
		}
		if err = errors.Join(err, os.WriteFile(file, b.Bytes(), 0o600)); err != nil {
			t.Fatal(err)
		}
		var said bytes.Buffer
		run(t.Context(), []string{"replay", file}, nil, &said, &said)
		if text := said.String(); !strings.Contains(text, says) || strings.ContainsAny(text, "\x1b\u009b") {
			t.Errorf("not %q, or with controls: %q", says, text)
		}
	}
}
