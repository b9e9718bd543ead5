//go:build figures

package figures

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// sizes builds for ARMv7 as make cross does.
func sizes(t *testing.T, _ plan) []row {
	bin := filepath.Join(t.TempDir(), "portti")
	const root = "../../.."
	how, err := exec.Command("make", "-n", "-C", root, "--no-print-directory", "build", "VCS=false", "VERSION=figures").Output()
	fatal(t, err)
	build := exec.Command("sh", "-c", strings.Replace(string(how), "-o bin/portti", "-o "+bin, 1))
	build.Dir = root
	build.Env = append(os.Environ(), "GOOS=linux", "GOARCH=arm", "GOARM=7")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	info, err := os.Stat(bin)
	fatal(t, err)
	rows := []row{{"program, ARMv7, stripped", "14.5 MB", mb(info.Size()), "as make cross builds it"}}
	for _, c := range []string{"xz -6", "gzip -9"} {
		f := strings.Fields(c)
		out, err := exec.Command(f[0], f[1], "-c", bin).Output()
		if err != nil {
			rows = append(rows, skipped("  packed by "+c, "5 MB", err.Error())...)
			continue
		}
		rows = append(rows, row{"  packed by " + c, "5 MB", mb(int64(len(out))), ""})
	}
	return rows
}
