package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"portti/device"
)

// LoadOptions say what else than the main file makes the configuration.
type LoadOptions struct {
	// Environ is the environment as os.Environ gives it; nil = none is read.
	Environ []string
	// Vendor is the layer below the main file. Empty means VendorPath where
	// the main file is DefaultPath, otherwise none.
	Vendor string
	// Kinds are the types of devices there are; nil = device.Kinds().
	Kinds device.Table
	// Fits holds a configuration without mistakes against the machine: whether the
	// files and folders that it names can be used. nil = nothing is opened, and the
	// answer is the same on a build machine.
	Fits func(*Config, Say)
	// Drafts are texts to be judged in the place of files, by their paths, as if they
	// had been written already. A file need not be there for that.
	Drafts map[string][]byte
}

// Say takes a finding about a key. With unfit the daemon would not work as
// configured, otherwise it is a warning.
type Say func(unfit bool, key, text, hint string)

// maxFile bounds one configuration file, so that a wrong path (a device, a
// log) is noticed instead of read.
const maxFile = 1 << 20

// Load reads all layers: what is built in, the image builder's file, the main
// file, the *.toml in the folder conf.d next to it in the order of their names,
// the environment. A later layer wins key by key; devices are joined by name.
//
// The error is an *Error with everything that is wrong; errors.Is with
// ErrNotConfigured tells a configuration that is not there. Nothing is opened
// that the configuration names, but by LoadOptions.Fits, and the file of a declared
// sensor, which is a part of it.
func Load(path string, o LoadOptions) (*Config, error) {
	l := loader{cfg: Defaults(), path: path, drafts: o.Drafts}
	missing := l.layers(path, o)
	if missing && len(l.cfg.Files) == 0 {
		return nil, &Error{missing: true, Faults: []Fault{{
			File: path, Text: "there is no configuration file here",
			Hint: "make one:  portti config create > " + path,
		}}}
	}
	l.environment(o.Environ)
	l.infer()
	l.check(path)
	if len(l.faults) > 0 {
		l.faults = append(l.faults, l.unfits...)
		sortFaults(l.faults, l.cfg.Files)
		return nil, &Error{Faults: l.faults}
	}
	l.cfg.origins = l.origins()
	if o.Fits != nil {
		o.Fits(l.cfg, l.say)
	}
	sortFaults(l.warnings, l.cfg.Files)
	sortFaults(l.unfits, l.cfg.Files)
	l.cfg.Warnings, l.cfg.Unfit = l.warnings, l.unfits
	return l.cfg, nil
}

func (l *loader) say(unfit bool, key, text, hint string) {
	if unfit {
		l.unfit(key, text, hint)
	} else {
		l.warnings = append(l.warnings, l.faultAt(l.path, key, text, hint))
	}
}

// unfit notes what the daemon works without.
func (l *loader) unfit(key, text, hint string) {
	l.unfits = append(l.unfits, l.faultAt(l.path, key, text, hint))
}

// SocketOf says where the daemon that runs with the configuration at path
// listens.
func SocketOf(path string, o LoadOptions) (string, error) {
	p, err := PathsOf(path, o)
	if err != nil {
		return "", err
	}
	return p.Socket(), nil
}

// PathsOf reads what it can: a mistake elsewhere in the file must not keep
// `portti status` from answering.
func PathsOf(path string, o LoadOptions) (Paths, error) {
	l := loader{cfg: Defaults()}
	if missing := l.layers(path, o); missing && path != DefaultPath {
		return Paths{}, fmt.Errorf("cannot read %s: %w", path, fs.ErrNotExist)
	}
	l.environment(o.Environ)
	return l.cfg.Paths, nil
}

// loader gathers the layers and what is wrong with them.
type loader struct {
	cfg      *Config
	kinds    device.Table
	types    map[string]string // of each device by its name, from whichever file says it last
	sources  []*source
	set      map[string]setting // where each key was last set
	bad      map[string]bool    // keys that already have a fault
	broken   bool               // some file could not be read to its end
	faults   []Fault
	unfits   []Fault
	warnings []Fault
	path     string // of the main file
	drafts   map[string][]byte
}

// setting is the place a key got its value.
type setting struct {
	src *source
	at  place
}

// layers reads the files. It says whether the main file is missing.
func (l *loader) layers(path string, o LoadOptions) (missing bool) {
	if l.kinds = o.Kinds; l.kinds == nil {
		l.kinds = device.Kinds()
	}
	vendor := o.Vendor
	if vendor == "" && path == DefaultPath {
		vendor = VendorPath
	}
	if vendor != "" {
		l.file(vendor, true)
	}
	missing = !l.file(path, true)
	l.confD(filepath.Join(filepath.Dir(path), "conf.d"))
	l.types = typesIn(l.sources)
	for _, src := range l.sources {
		l.apply(src, src.tree)
	}
	return missing
}

// confD reads the files next to the main one, hidden ones and editors' left
// overs excluded by the pattern. A folder that is there and cannot be listed may say
// anything.
func (l *loader) confD(dir string) {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		l.broken = true
		l.add(Fault{File: dir, Text: "cannot be read: " + reason(err)})
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	for path := range l.drafts {
		if filepath.Dir(path) == dir {
			names = append(names, filepath.Base(path))
		}
	}
	slices.Sort(names)
	for _, n := range slices.Compact(names) {
		if strings.HasSuffix(n, ".toml") && !strings.HasPrefix(n, ".") {
			l.file(filepath.Join(dir, n), false)
		}
	}
}

// file reads one layer. It gives false where the file may be missing and is.
func (l *loader) file(name string, mayMiss bool) bool {
	doc, err := l.read(name)
	if mayMiss && errors.Is(err, fs.ErrNotExist) {
		return false
	}
	l.cfg.Files = append(l.cfg.Files, name)
	if err != nil {
		l.broken = true
		l.add(Fault{File: name, Text: "cannot be read: " + reason(err)})
		return true
	}
	l.document(name, doc)
	return true
}

func (l *loader) read(name string) ([]byte, error) {
	if draft, ok := l.drafts[name]; ok {
		return plainText(draft)
	}
	return readFile(name)
}

func readFile(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	doc, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(doc) > maxFile {
		return nil, fmt.Errorf("it is larger than %d bytes", maxFile)
	}
	if err != nil {
		return nil, err
	}
	return plainText(doc)
}

// plainText takes off the mark that some editors put before UTF-8, and names the
// encoding that they call "Unicode".
func plainText(doc []byte) ([]byte, error) {
	if len(doc) > 1 && (doc[0] == 0xff && doc[1] == 0xfe || doc[0] == 0xfe && doc[1] == 0xff || (doc[0] == 0) != (doc[1] == 0)) {
		return nil, errors.New("it is UTF-16 text: save it as UTF-8, or run it through iconv -f UTF-16 -t UTF-8")
	}
	return bytes.TrimPrefix(doc, []byte("\ufeff")), nil
}

// reason is an error without the path that is named before it anyway.
func reason(err error) string {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err.Error()
	}
	return err.Error()
}

func (l *loader) add(f Fault) {
	if f.Key != "" {
		if l.bad == nil {
			l.bad = map[string]bool{}
		}
		l.bad[f.Key] = true
	}
	l.faults = append(l.faults, f)
}

// at finds where key was set, or the table around it; the file as a whole
// otherwise.
func (l *loader) at(key, fallback string) (*source, place) {
	if s, ok := l.set[key]; ok {
		return s.src, s.at
	}
	table := key
	for strings.Contains(table, ".") {
		table = table[:strings.LastIndexByte(table, '.')]
		if s, ok := l.set[table]; ok {
			return s.src, place{key: s.at.key}
		}
	}
	for _, s := range l.sources {
		if s.name == fallback {
			return s, place{}
		}
	}
	return &source{name: fallback}, place{}
}

// fault notes that the value of key breaks a rule.
func (l *loader) fault(path, key, text, hint string) {
	l.add(l.faultAt(path, key, text, hint))
}

func (l *loader) faultAt(path, key, text, hint string) Fault {
	src, at := l.at(key, path)
	where := at.value
	if where == (span{}) {
		where = at.key
	}
	f := src.fault(where, key, text, hint)
	if f.Line == 0 && src.doc != nil {
		f.Line, f.Column = 1, 1 // about the file as a whole: every message has a place to go to
	}
	return f
}

// origins keeps where each key was set, for `config show --origin`.
func (l *loader) origins() map[string]Origin {
	all := map[string]Origin{}
	for key, s := range l.set {
		o := Origin{File: s.src.name}
		if s.at.key != (span{}) {
			o.Line, _ = s.src.line(s.at.key.from)
		}
		all[key] = o
	}
	return all
}
