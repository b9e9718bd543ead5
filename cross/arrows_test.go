// Package cross_test holds the rules that concern the whole tree: who may
// import whom, no init functions, no function too long to read.
package cross_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// rooms lists the rooms and what each may import besides the standard library.
// The longest matching room counts. A name that ends in / stands for
// everything below it.
func rooms() map[string][]string {
	return map[string][]string{
		"cmd/portti":                   {"portti/", "github.com/spf13/cobra", "github.com/spf13/cobra/doc", "github.com/spf13/pflag", "github.com/cpuguy83/go-md2man/v2/md2man", "golang.org/x/sys/"}, // manuals: pages.go, which is built for packages alone
		"cmd/portti/config":            {"portti/device", "portti/uplink", "github.com/pelletier/go-toml/v2", "github.com/pelletier/go-toml/v2/"},
		"cmd/portti/status":            {},
		"cmd/portti/conform":           {"github.com/gorilla/websocket"},
		"cmd/portti/fleet":             {"portti/uplink"},
		"cmd/portti/web":               {"portti/cmd/portti/status", "rsc.io/qr"},
		"cmd/portti/gateway":           {"portti/cmd/portti/carry", "portti/cmd/portti/config", "portti/cmd/portti/durable", "portti/cmd/portti/machine", "portti/cmd/portti/redact", "portti/cmd/portti/status", "portti/cmd/portti/web", "portti/buffer", "portti/device", "portti/device/", "portti/systemd", "portti/uplink", "golang.org/x/sys/"},
		"cmd/portti/console":           {"portti/cmd/portti/status"},
		"cmd/portti/doctor":            {"portti/cmd/portti/config", "portti/cmd/portti/machine", "portti/cmd/portti/netcheck", "portti/cmd/portti/status", "portti/device", "portti/systemd", "golang.org/x/sys/"},
		"cmd/portti/netcheck":          {"portti/cmd/portti/config", "portti/cmd/portti/console", "portti/cmd/portti/status", "portti/uplink"},
		"cmd/portti/console/live":      {"portti/cmd/portti/console", "portti/cmd/portti/status", "golang.org/x/sys/"},
		"cmd/portti/carry":             {"portti/buffer", "portti/device", "portti/device/"},
		"cmd/portti/testbed":           {"portti/cmd/portti/durable", "portti/device/", "github.com/gorilla/websocket", "github.com/golang-jwt/jwt/v5", "golang.org/x/sys/"},
		"cmd/portti/rig":               {"portti/cmd/portti/config", "portti/cmd/portti/gateway", "portti/cmd/portti/status", "portti/cmd/portti/testbed", "portti/device", "portti/cross/testkit"},
		"cmd/portti/rig/faultfs":       {"github.com/hanwen/go-fuse/v2/"},
		"device/bluez":                 {"github.com/godbus/dbus/v5"},
		"device/bluez/mocktest":        {"github.com/godbus/dbus/v5", "portti/cross/testkit"},
		"device":                       {"portti/device/", "go.bug.st/serial", "golang.org/x/sys/"},
		"device/":                      {}, // byte formats: the standard library alone
		"device/adv":                   {"portti/device/fields"},
		"device/clock":                 {"golang.org/x/sys/"},
		"device/declared":              {"portti/device/fields", "github.com/pelletier/go-toml/v2"},
		"device/clock/clocktest":       {"portti/device/clock"},
		"device/dualmcu/sinktest":      {"portti/device/dualmcu"},
		"device/thingsee/thingseetest": {"portti/device/thingsee"},
		"device/uarttest":              {"golang.org/x/sys/"},
		"device/tsmcbor":               {"github.com/fxamacker/cbor/v2"},
		"device/replay":                {"portti/device", "portti/device/"},
		"device/devicetest":            {"portti/device", "portti/device/", "portti/cross/testkit"},
		"buffer":                       {"go.etcd.io/bbolt", "go.etcd.io/bbolt/", "golang.org/x/sys/", "portti/buffer/boltfile"},
		"uplink":                       {"github.com/gorilla/websocket", "github.com/eclipse/paho.golang/packets", "golang.org/x/oauth2", "golang.org/x/oauth2/", "github.com/golang-jwt/jwt/v5", "golang.org/x/net/proxy", "golang.org/x/sys/"},
		"systemd":                      {"github.com/kardianos/service", "github.com/coreos/go-systemd/v22/", "golang.org/x/sys/"},
		"cross":                        {},
		"buffer/boltfile":              {},
		"buffer/crashtest":             {}, // not even package buffer, whose own tests import it
		"buffer/formattest":            {}, // not even what it is held against
		"cmd/portti/durable":           {},
		"cmd/portti/figures/reference": {"github.com/gorilla/websocket", "go.etcd.io/bbolt"}, // not portti: it is what that is measured beside
		"cmd/portti/redact":            {},
		"cmd/portti/machine":           {"portti/cmd/portti/durable"},
	}
}

// forTests lists the packages that exist for tests.
func forTests() []string {
	return []string{"portti/buffer/crashtest", "portti/buffer/formattest", "portti/cmd/portti/rig", "portti/cmd/portti/rig/faultfs", "portti/cross/testkit", "portti/device/bluez/mocktest", "portti/device/clock/clocktest", "portti/device/devicetest", "portti/device/dualmcu/sinktest", "portti/device/thingsee/thingseetest", "portti/device/uarttest", "portti/uplink/uplinktest"}
}

// longest is the greatest number of lines of a function outside of tests.
const longest = 80

type file struct {
	dir  string // its folder, from the top of the module
	path string
	tree *ast.File
	set  *token.FileSet
}

// sources parses every Go file of the program itself, whatever its build tags.
func sources(t *testing.T) []file {
	t.Helper()
	var files []file
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		switch name := d.Name(); {
		case err != nil:
			return err
		case d.IsDir() && (name == "testdata" || len(name) > 2 && name[0] == '.'):
			return filepath.SkipDir
		case d.IsDir() || filepath.Ext(name) != ".go" || strings.HasSuffix(name, "_test.go"):
			return nil
		}
		set := token.NewFileSet()
		tree, err := parser.ParseFile(set, path, nil, parser.SkipObjectResolution)
		dir, _ := filepath.Rel("..", filepath.Dir(path))
		files = append(files, file{dir, path, tree, set})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 20 {
		t.Fatalf("found only %d files: this test looks in the wrong place", len(files))
	}
	return files
}

func TestRoomsImportOnlyWhatTheyMay(t *testing.T) {
	for _, f := range sources(t) {
		for _, spec := range f.tree.Imports {
			path, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			if !allowed(f.dir, path) {
				t.Errorf("%s: %s must not import %s", f.path, f.dir, path)
			}
			if slices.Contains(forTests(), path) && !slices.Contains(forTests(), "portti/"+f.dir) {
				t.Errorf("%s: only tests may import %s", f.path, path)
			}
			if spec.Name != nil && (spec.Name.Name == "_" && path != "embed" || spec.Name.Name == ".") {
				t.Errorf("%s: blank or dot import of %s", f.path, path)
			}
		}
	}
}

// allowed says whether a package in dir may import path.
func allowed(dir, path string) bool {
	first, _, _ := strings.Cut(path, "/")
	if first != "portti" && !strings.Contains(first, ".") {
		return true // the standard library
	}
	may, ok := rooms()[room(dir)]
	return ok && slices.ContainsFunc(may, func(m string) bool {
		return path == m || strings.HasSuffix(m, "/") && strings.HasPrefix(path, m)
	})
}

func room(dir string) string {
	best := ""
	for name := range rooms() {
		if (dir == name || strings.HasPrefix(dir, strings.TrimSuffix(name, "/")+"/")) && len(name) > len(best) {
			best = name
		}
	}
	return best
}

func TestArrowsAreSeen(t *testing.T) {
	for _, c := range []struct {
		dir, path string
		want      bool
	}{
		{"device", "portti/device/nmea", true},
		{"device", "portti/buffer", false},
		{"device", "portti/cmd/portti/gateway", false},
		{"device/nmea", "strings", true},
		{"device/nmea", "portti/device/thingsee", false},
		{"device/nmea", "golang.org/x/sys/unix", false},
		{"device/clock", "golang.org/x/sys/unix", true},
		{"uplink", "portti/buffer", false},
		{"buffer", "portti/uplink", false},
		{"buffer", "go.etcd.io/bbolt", true},
		{"buffer", "go.etcd.io/bbolt-not", false},
		{"systemd", "portti/device", false},
		{"cmd/portti/gateway", "portti/uplink", true},
		{"cmd/portti/gateway", "portti/cmd/portti/console", false},
		{"cmd/portti/gateway", "portti/cmd/portti/testbed", false},
		{"cmd/portti/web", "portti/cmd/portti/status", true},
		{"cmd/portti/web", "portti/cmd/portti/gateway", false},
		{"cmd/portti/console", "portti/cmd/portti/gateway", false},
		{"cmd/portti/console", "portti/buffer", false},
		{"cmd/portti/config", "portti/buffer", false},
		{"cmd/portti/status", "portti/device", false},
		{"cmd/portti/carry", "portti/uplink", false},
		{"cmd/portti/testbed", "portti/device/nmea", true},
		{"cmd/portti/testbed", "portti/buffer", false},
		{"cmd/portti", "portti/cmd/portti/console", true},
		{"cmd/portti", "go.etcd.io/bbolt", false},
		{"util", "portti/device", false},
		{"", "github.com/spf13/cobra", false},
	} {
		if got := allowed(c.dir, c.path); got != c.want {
			t.Errorf("%q imports %s: allowed is %v", c.dir, c.path, got)
		}
	}
}

func TestFunctionsStaySmallAndNoneIsInit(t *testing.T) {
	for _, f := range sources(t) {
		for _, decl := range f.tree.Decls {
			fn, ok := decl.(*ast.FuncDecl)
			if !ok {
				continue
			}
			if fn.Recv == nil && fn.Name.Name == "init" {
				t.Errorf("%s has an init function", f.path)
			}
			if n := f.set.Position(fn.End()).Line - f.set.Position(fn.Pos()).Line; n > longest {
				t.Errorf("%s: %s has %d lines, %d at most", f.path, fn.Name.Name, n, longest)
			}
		}
	}
}
