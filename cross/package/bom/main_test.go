package main

import (
	"debug/buildinfo"
	"encoding/json"
	"os"
	"strings"
	"testing"
)

// The licences of this very test program are found, and one that nobody knows is an
// error, since somebody has to look at it.
func TestBillOfMaterials(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	info, err := buildinfo.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	parts, err := partsOf(info)
	if err != nil {
		t.Fatal(err)
	}
	if parts[0].path != "std" || parts[0].licence != "BSD-3-Clause" || !strings.Contains(parts[0].text, "The Go Authors") {
		t.Errorf("the standard library is %+v", parts[0])
	}
	doc, err := document(self, "1.2.3", info, append(parts, part{path: "example.org/m", version: "v1.0.0", sum: "h1:Z2Vyb2VudGxpY2hlcyBHZWhlaW1uaXMgdW5kIG1laHI=", licence: "MIT"}))
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Components []struct {
			Purl   string
			Hashes []hash
		}
	}
	if err := json.Unmarshal(doc, &got); err != nil {
		t.Fatal(err)
	}
	if n := len(got.Components); n < 2 || got.Components[n-1].Purl != "pkg:golang/example.org/m@v1.0.0" || len(got.Components[n-1].Hashes[0].Content) != 64 {
		t.Errorf("components: %+v", got.Components)
	}

	dir := t.TempDir()
	if err := os.WriteFile(dir+"/LICENSE", []byte("You may not pass this on."), 0o644); err != nil {
		t.Fatal(err)
	}
	if p, err := licensed(part{path: "example.org/closed"}, dir); err == nil {
		t.Errorf("a licence that forbids it was taken for %q", p.licence)
	}
}

func TestSPDX(t *testing.T) {
	bsd := "Redistribution and use in source and\nbinary forms, with or without modification"
	for text, want := range map[string]string{
		"  Apache License\n  Version 2.0, January 2004": "Apache-2.0",
		bsd: "BSD-2-Clause",
		bsd + " may be used to\nendorse or promote products derived from this software":                                             "BSD-3-Clause",
		"Permission is hereby granted, free of charge ... The above copyright\nnotice and this permission notice shall be included": "MIT",
		"Eclipse Public License v2.0\nand Eclipse Distribution License v1.0 which accompany this distribution":                      "BSD-3-Clause",
		"GNU GENERAL PUBLIC LICENSE": "",
		"":                           "",
	} {
		if got := spdx(text); got != want {
			t.Errorf("%q is %q, wanted %q", text, got, want)
		}
	}
}
