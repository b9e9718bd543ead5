package config

import (
	"fmt"
	"io/fs"
)

// Lenient reads what it can of the configuration at path, for verbs that look at
// files: a mistake elsewhere in it must not keep them from it.
func Lenient(path string, o LoadOptions) (*Config, error) {
	l := loader{cfg: Defaults()}
	if missing := l.layers(path, o); missing && path != DefaultPath {
		return nil, fmt.Errorf("cannot read %s: %w", path, fs.ErrNotExist)
	}
	l.environment(o.Environ)
	l.infer()
	l.cfg.origins = l.origins()
	return l.cfg, nil
}
