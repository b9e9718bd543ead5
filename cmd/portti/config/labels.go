package config

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// Limits of labels: they are in every page of metrics and in every health message.
const (
	maxLabels     = 8
	maxLabelValue = 64 // characters
)

// checkLabels takes names that a collector can take, and none that the metrics use.
func (l *loader) checkLabels(path string) {
	const key = "gateway.labels"
	labels := l.cfg.Gateway.Labels
	if l.bad[key] {
		return
	}
	if len(labels) > maxLabels {
		l.fault(path, key, fmt.Sprintf(`"labels" may have %d, found %d`, maxLabels, len(labels)), "")
	}
	name := regexp.MustCompile(`^[a-z][a-z0-9_]{0,30}$`)
	for _, n := range sortedKeys(labels) {
		switch {
		case !name.MatchString(n) || strings.Contains(n, "__"):
			l.fault(path, key+"."+n, fmt.Sprintf("a label cannot be called %q", n), "take lower-case letters, digits and _, such as site")
		case slices.Contains([]string{"id", "name", "config", "version", "job", "instance", "device", "code"}, n):
			l.fault(path, key+"."+n, fmt.Sprintf("the label %q has a meaning of its own in the metrics", n), "call it site_"+n)
		case utf8.RuneCountInString(labels[n]) > maxLabelValue || strings.ContainsAny(labels[n], ",=\n\"\\"):
			l.fault(path, key+"."+n, fmt.Sprintf("the value of label %q must be at most %d characters without , = \" or \\", n, maxLabelValue), "")
		}
	}
}

// Hash tells configurations apart: twelve hexadecimal digits of what Show prints, so
// that of a secret its length alone takes part. It is that of the file, also where the
// machine does not grant all of it.
func (c *Config) Hash() string {
	var b strings.Builder
	_ = c.Show(&b, false) // a Builder takes everything
	sum := sha256.Sum256([]byte(b.String()))
	return hex.EncodeToString(sum[:6])
}
