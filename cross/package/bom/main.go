// Command bom lists what a program is made of, as the Go toolchain noted it in the
// program itself: a software bill of materials (CycloneDX 1.6, JSON), and the texts of
// the licences. A module whose licence it does not know is an error: somebody has to
// look.
package main

import (
	"cmp"
	"crypto/sha256"
	"debug/buildinfo"
	_ "embed"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
)

func main() {
	version := flag.String("version", "", "the program's `VERSION`")
	sbom := flag.String("sbom", "", "write the bill of materials to `FILE`")
	licences := flag.String("licences", "", "write the texts of the licences to `FILE`")
	flag.Parse()
	if err := run(flag.Arg(0), *version, *sbom, *licences); err != nil {
		fmt.Fprintln(os.Stderr, "bom:", err)
		os.Exit(1)
	}
}

func run(program, version, sbom, licences string) error {
	info, err := buildinfo.ReadFile(program)
	if err != nil {
		return fmt.Errorf("cannot read what %s is made of: %w", program, err)
	}
	parts, err := partsOf(info)
	if err != nil {
		return err
	}
	doc, err := document(program, version, info, parts)
	if err != nil {
		return err
	}
	if err := os.WriteFile(sbom, doc, 0o644); err != nil {
		return err
	}
	return os.WriteFile(licences, texts(parts), 0o644)
}

// part is one module of the program.
type part struct {
	path, version string
	sum           string // "h1:...", of go.sum
	licence       string // SPDX
	text          string // its licence files, word for word
	purl          string // "" = it is a Go module
}

func partsOf(info *buildinfo.BuildInfo) ([]part, error) {
	parts := make([]part, 0, len(info.Deps)+1)
	goroot, err := tool("go", "env", "GOROOT")
	if err != nil {
		return nil, err
	}
	std, err := licensed(part{path: "std", version: strings.TrimPrefix(info.GoVersion, "go")}, goroot)
	if err != nil {
		return nil, err
	}
	parts = append(parts, std)
	for _, m := range info.Deps {
		if m.Replace != nil {
			m = m.Replace
		}
		dir, err := folder(m)
		if err != nil {
			return nil, err
		}
		p, err := licensed(part{path: m.Path, version: m.Version, sum: m.Sum}, dir)
		if err != nil {
			return nil, err
		}
		parts = append(parts, p)
	}
	root, err := tool("go", "list", "-m", "-f", "{{.Dir}}")
	if err != nil {
		return nil, err
	}
	page, err := licensed(part{path: "uPlot", version: "1.6.32", purl: "pkg:npm/uplot@1.6.32"}, filepath.Join(root, "cmd/portti/web/assets"))
	if err != nil {
		return nil, err
	}
	return append(parts, page), nil
}

// folder is where a module's source lies: beside ours, in the tarball, else where go
// keeps it.
func folder(m *debug.Module) (string, error) {
	if dir := filepath.Join("vendor", m.Path); isFolder(dir) {
		return dir, nil
	}
	return tool("go", "list", "-m", "-f", "{{.Dir}}", m.Path)
}

func isFolder(dir string) bool {
	info, err := os.Stat(dir)
	return err == nil && info.IsDir()
}

func tool(name string, args ...string) (string, error) {
	out, err := exec.Command(name, args...).Output()
	if err != nil {
		return "", fmt.Errorf("cannot run %s %s: %w", name, strings.Join(args, " "), err)
	}
	return strings.TrimSpace(string(out)), nil
}

func licensed(p part, dir string) (part, error) {
	found, err := os.ReadDir(dir)
	if err != nil {
		return p, fmt.Errorf("cannot look for the licence of %s: %w", p.path, err)
	}
	var b strings.Builder
	for _, f := range found {
		name := strings.ToUpper(f.Name())
		if f.IsDir() || !slices.ContainsFunc([]string{"LICENSE", "LICENCE", "COPYING", "NOTICE", "PATENTS"}, func(word string) bool { return strings.HasPrefix(name, word) }) {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, f.Name()))
		if err != nil {
			return p, fmt.Errorf("cannot read the licence of %s: %w", p.path, err)
		}
		if p.licence == "" {
			p.licence = spdx(string(text))
		}
		b.Write(text)
		if strings.Contains(string(text), "and Eclipse Distribution License v1.0 which accompany") {
			b.WriteString(edl) // its text stands in a file that go mod vendor leaves behind
		}
	}
	if p.text = b.String(); p.licence == "" {
		return p, fmt.Errorf("the licence of %s is none that is known to be free to pass on: look at %s", p.path, dir)
	}
	return p, nil
}

// edl is the Eclipse Distribution License.
//
//go:embed edl-v10.txt
var edl string

// spdx names a licence by what only its text says; "" = unknown.
func spdx(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	switch {
	case strings.Contains(text, "and Eclipse Distribution License v1.0 which accompany"): // beside the EPL, to choose from
		return "BSD-3-Clause"
	case strings.Contains(text, "Apache License Version 2.0"):
		return "Apache-2.0"
	case strings.Contains(text, "Permission is hereby granted, free of charge") && strings.Contains(text, "The above copyright notice and this permission notice shall be included"):
		return "MIT"
	case strings.Contains(text, "provided 'as-is', without any express or implied warranty"):
		return "Zlib"
	case !strings.Contains(text, "Redistribution and use in source and binary forms"):
		return ""
	case strings.Contains(text, "endorse or promote products derived from this software"):
		return "BSD-3-Clause"
	}
	return "BSD-2-Clause"
}

func texts(parts []part) []byte {
	var b strings.Builder
	b.WriteString("The program portti is made of its own source, under the Apache License 2.0, and of these modules\nand libraries.\n\n")
	for _, p := range parts {
		fmt.Fprintf(&b, "  %s %s: %s\n", p.path, p.version, p.licence)
	}
	for _, p := range parts {
		fmt.Fprintf(&b, "\n%s\n%s %s\n\n%s\n", strings.Repeat("=", 80), p.path, p.version, strings.TrimSpace(p.text))
	}
	return []byte(b.String())
}

// The part of CycloneDX that is used: https://cyclonedx.org/docs/1.6/json/
type component struct {
	Type     string    `json:"type"`
	Ref      string    `json:"bom-ref"`
	Name     string    `json:"name"`
	Version  string    `json:"version"`
	Purl     string    `json:"purl,omitempty"`
	Hashes   []hash    `json:"hashes,omitempty"`
	Licences []licence `json:"licenses"`
}

type hash struct {
	Alg     string `json:"alg"`
	Content string `json:"content"`
}

type licence struct {
	License struct {
		ID string `json:"id"`
	} `json:"license"`
}

type depends struct {
	Ref       string   `json:"ref"`
	DependsOn []string `json:"dependsOn,omitempty"`
}

func document(program, version string, info *buildinfo.BuildInfo, parts []part) ([]byte, error) {
	binary, err := os.ReadFile(program)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(binary)
	self := component{Type: "application", Ref: "portti", Name: "portti", Version: version,
		Hashes: []hash{{"SHA-256", hex.EncodeToString(sum[:])}}, Licences: []licence{named("Apache-2.0")}}
	all := make([]component, 0, len(parts))
	needs := depends{Ref: self.Ref}
	for _, p := range parts {
		c := component{Type: "library", Name: p.path, Version: p.version, Licences: []licence{named(p.licence)}}
		c.Purl = cmp.Or(p.purl, "pkg:golang/"+p.path+"@"+p.version)
		c.Ref = c.Purl
		if c.Hashes, err = hashes(p.sum); err != nil {
			return nil, fmt.Errorf("%s: %w", p.path, err)
		}
		all, needs.DependsOn = append(all, c), append(needs.DependsOn, c.Ref)
	}
	properties := []map[string]string{{"name": "go:version", "value": info.GoVersion}}
	for _, s := range info.Settings {
		properties = append(properties, map[string]string{"name": "go:build:" + s.Key, "value": s.Value})
	}
	return json.MarshalIndent(map[string]any{
		"$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json", "bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1,
		"metadata":     map[string]any{"component": self, "properties": properties},
		"components":   all,
		"dependencies": []depends{needs},
	}, "", "  ")
}

func named(id string) (l licence) {
	l.License.ID = id
	return l
}

// hashes are the module's, as go.sum has it: a SHA-256 over the sums of its files.
func hashes(sum string) ([]hash, error) {
	if sum == "" {
		return nil, nil
	}
	coded, ok := strings.CutPrefix(sum, "h1:")
	raw, err := base64.StdEncoding.DecodeString(coded)
	if !ok || err != nil {
		return nil, errors.Join(fmt.Errorf("cannot read the checksum %q", sum), err)
	}
	return []hash{{"SHA-256", hex.EncodeToString(raw)}}, nil
}
