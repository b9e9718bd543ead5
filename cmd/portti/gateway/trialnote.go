package gateway

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"portti/cmd/portti/config"
	"portti/cmd/portti/durable"
	"portti/device"
)

// The states of a trial.
const (
	onTrial   = "trial"
	takenBack = "taken-back"
)

// quarters is in how many parts the time of a trial is counted over a power cut.
const quarters = 4

// trialNote is what a trial leaves for the next start. It is one file with the
// configuration to go back to, so that a power cut leaves both or neither.
//
// The time that counts is that of the machine since it started. In another boot nobody
// knows how far the last one got, so the quarter of the window that had begun counts as
// a whole: however often the machine restarts, a trial ends after its window.
type trialNote struct {
	State  string   `json:"state"`
	Window int64    `json:"window_ms"`
	Left   int64    `json:"left_ms"` // at Mono of Boot
	Boot   string   `json:"boot"`
	Mono   int64    `json:"mono_ms"` // since that boot
	Tried  string   `json:"tried"`   // sum of the settings on trial, or taken back
	Keys   []string `json:"keys"`    // which of them differ from those before
	Why    string   `json:"why"`     // they were taken back
}

const (
	trialFile = "config-before.toml"
	trialHead = "# The configuration before a reload with --confirm. portti wrote it and removes it.\n# trial "
)

// remaining is what is left of the window.
func (n *trialNote) remaining(boot string, mono int64) time.Duration {
	left := n.Left - n.Window/quarters
	if boot == n.Boot {
		left = n.Left - (mono - n.Mono)
	}
	return time.Duration(max(left, 0)) * time.Millisecond
}

func trialPath(p config.Paths) string { return filepath.Join(p.State, trialFile) }

// write makes the note durable together with the configuration before.
func (n *trialNote) write(path string, before *config.Config) error {
	text, err := json.Marshal(n)
	if err != nil {
		return err
	}
	return durable.Replace(path, fmt.Appendf(nil, "%s%s\n%s", trialHead, text, before.Text()), 0o600)
}

// readTrial is what write has written. An error that is fs.ErrNotExist says that there is
// no trial.
func readTrial(path string, kinds device.Table) (*trialNote, *config.Config, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, nil, err
	}
	line, ok := bytes.CutPrefix(text, []byte(trialHead))
	line, _, whole := bytes.Cut(line, []byte("\n"))
	n := new(trialNote)
	if !ok || !whole || json.Unmarshal(line, n) != nil || n.State != onTrial && n.State != takenBack || n.Window <= 0 {
		return nil, nil, fmt.Errorf("cannot use %s: it is not as portti wrote it", path)
	}
	before, err := config.Load(path, config.LoadOptions{Kinds: kinds})
	if err != nil {
		return nil, nil, fmt.Errorf("cannot use the configuration before: %w", err)
	}
	return n, before, nil
}

// sumOf tells one configuration from another.
func sumOf(c *config.Config) string {
	all, h := c.Settings(), sha256.New()
	for _, key := range slices.Sorted(maps.Keys(all)) {
		fmt.Fprintf(h, "%q %q\n", key, all[key])
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}
