package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io"
	"net/http"
	"path"
	"strings"
)

//go:embed assets/*.css assets/*.js assets/*.svg assets/*.gz
var files embed.FS

// asset is a file of the page under a name that changes with what is in it, so that a
// browser may keep it for good.
type asset struct {
	name   string // style.0123456789ab.css
	kind   string // Content-Type
	packed []byte // gzip
	plain  []byte
}

// loadAssets packs all of them, by the name that they have here.
func loadAssets() map[string]asset {
	entries, err := files.ReadDir("assets")
	if err != nil {
		panic(err) // they are part of the program
	}
	all := map[string]asset{}
	for _, e := range entries {
		text, err := files.ReadFile("assets/" + e.Name())
		if err != nil {
			panic(err)
		}
		name, packed := strings.CutSuffix(e.Name(), ".gz") // as it came from who wrote it, to be small in the program too
		if packed {
			text = unpacked(text)
		}
		sum := sha256.Sum256(text)
		ext := path.Ext(name)
		a := asset{name: strings.TrimSuffix(name, ext) + "." + hex.EncodeToString(sum[:6]) + ext, plain: text}
		switch ext {
		case ".css":
			a.kind = "text/css; charset=utf-8"
		case ".js":
			a.kind = "text/javascript; charset=utf-8"
		case ".svg":
			a.kind = "image/svg+xml"
		}
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		_, _ = z.Write(text) // to memory
		_ = z.Close()
		a.packed = b.Bytes()
		all[name] = a
	}
	return all
}

// unpacked is a file of the program's own.
func unpacked(text []byte) []byte {
	z, err := gzip.NewReader(bytes.NewReader(text))
	if err == nil {
		text, err = io.ReadAll(z)
	}
	if err != nil {
		panic(err)
	}
	return text
}

func (p *Page) serveAsset(w http.ResponseWriter, r *http.Request) {
	for _, a := range p.assets() {
		if a.name != r.PathValue("name") {
			continue
		}
		h := w.Header()
		h.Set("Content-Type", a.kind)
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
		h.Set("Vary", "Accept-Encoding")
		body := a.plain
		if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
			h.Set("Content-Encoding", "gzip")
			body = a.packed
		}
		_, _ = w.Write(body) // who went away does not miss it
		return
	}
	http.NotFound(w, r)
}

// url is where a browser finds a file of the page.
func (p *Page) url(file string) string { return "/assets/" + p.assets()[file].name }
