package gateway

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"portti/cmd/portti/status"
)

// The journal gets the code as a field of its own and the identifier under which its
// catalogue has the text; what it does not take goes to standard error as a line.
func TestJournalEntry(t *testing.T) {
	var lines bytes.Buffer
	var entries []string
	refuse := false
	log := slog.New(NewJournalHandler(&lines, slog.LevelInfo, func(fields []byte) error {
		if refuse {
			return errors.New("the journal does not read")
		}
		entries = append(entries, string(fields))
		return nil
	}))
	log.With("component", "device", "device", "gps").Warn("device is silent\nFAKE=1", "event", "device.changed", "code", "DEV-SILENT")
	log.Debug("not of this level")
	refuse = true
	log.Info("portti runs", "event", "daemon.started")

	want := "MESSAGE=msg=\"device is silent\\nFAKE=1\" component=device device=gps event=device.changed code=DEV-SILENT\n" +
		"PRIORITY=4\nSYSLOG_IDENTIFIER=portti\nPORTTI_EVENT=device.changed\nPORTTI_CODE=DEV-SILENT\nMESSAGE_ID=" + status.MessageID("DEV-SILENT") + "\nPORTTI_DEVICE=gps\n"
	if len(entries) != 1 || entries[0] != want {
		t.Errorf("entries:\n%s\nwanted:\n%s", strings.Join(entries, "---\n"), want)
	}
	if want := "<6>msg=\"portti runs\" event=daemon.started\n"; lines.String() != want {
		t.Errorf("lines: %q, wanted %q", lines.String(), want)
	}
}

// A name with a line break makes no field of its own.
func TestJournalFieldsOfForeignText(t *testing.T) {
	var entry string
	log := slog.New(NewJournalHandler(nil, slog.LevelInfo, func(fields []byte) error { entry = string(fields); return nil }))
	log.Info("x", "subject", "a\nMESSAGE_ID=1")
	for line := range strings.Lines(entry) {
		if strings.HasPrefix(line, "MESSAGE_ID") {
			t.Errorf("a foreign name became a field:\n%s", entry)
		}
	}
}
