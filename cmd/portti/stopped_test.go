package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
)

// TestWhyItIsStopped: portti status says of a service that does not run how its last
// run ended, and what helps.
func TestWhyItIsStopped(t *testing.T) {
	bin := t.TempDir()
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	for name, c := range map[string]struct {
		show   string // of systemctl
		config string // appended
		says   []string
		never  string
	}{
		"never started": {show: "ActiveState=inactive\nSubState=dead\nResult=success\nExecMainStatus=0", says: []string{"the service was stopped, or was never started", "sudo portti service start"}},
		"a mistake": {show: "ActiveState=failed\nSubState=failed\nResult=exit-code\nExecMainStatus=78\nStatusText=ended: p.toml:9:1: what", config: "\nnonsense = 1\n",
			says: []string{"its last start ended with exit status 78, because the configuration has mistakes: DIR/portti.toml:", `unknown setting "nonsense"`, "See every mistake: sudo portti config check DIR/portti.toml", "sudo portti service start"}},
		"a mistake that is mended": {show: "ActiveState=failed\nSubState=failed\nResult=exit-code\nExecMainStatus=78\nStatusText=ended: p.toml:9:1: what",
			says: []string{"exit status 78", "Its last words: ended: p.toml:9:1: what.", "sudo portti service start"}},
		"not configured": {show: "ActiveState=failed\nSubState=failed\nResult=exit-code\nExecMainStatus=6", says: []string{"exit status 6, because there is no configuration", "portti config create"}},
		"killed":         {show: "ActiveState=failed\nSubState=failed\nResult=oom-kill\nExecMainStatus=9", says: []string{"memory had run out", "journalctl -u portti"}},
		"restarting":     {show: "ActiveState=activating\nSubState=auto-restart\nResult=watchdog\nExecMainStatus=6", says: []string{"systemd starts it again by itself", "by the watchdog"}, never: "service start"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			file := filepath.Join(dir, "portti.toml")
			text := fmt.Sprintf("[paths]\nrun = %q\n[uplink]\nurl = \"wss://h.test/in\"\nauth = \"none\"\n%s", filepath.Join(dir, "run"), c.config)
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(bin, "systemctl"), []byte("#!/bin/sh\ncat <<END\nLoadState=loaded\nUnitFileState=enabled\nMainPID=0\n"+c.show+"\nEND\n"), 0o755); err != nil {
				t.Fatal(err)
			}
			machine := fstest.MapFS{
				"etc/passwd":                        {Data: []byte("portti:x:990:990::/:/x\n")},
				"etc/systemd/system/portti.service": {Data: []byte("[Service]\nUser=portti\nExecStart=/usr/bin/portti run -c " + file + "\n")},
			}
			var out, errs bytes.Buffer
			if code := runOn(t.Context(), machine, []string{"status", "-c", file}, nil, &out, &errs); code != exitNotRunning || out.Len() > 0 {
				t.Errorf("exit code %d\n%s", code, out.String())
			}
			for _, want := range c.says {
				if want = strings.ReplaceAll(want, "DIR", dir); !strings.Contains(errs.String(), want) {
					t.Errorf("lacks %q:\n%s", want, errs.String())
				}
			}
			if c.never != "" && strings.Contains(errs.String(), c.never) {
				t.Errorf("says\n%s", errs.String())
			}
			out.Reset()
			var doc stopped
			if code := runOn(t.Context(), machine, []string{"status", "-c", file, "--json"}, nil, &out, &errs); code != exitNotRunning {
				t.Errorf("exit code %d", code)
			}
			if err := json.Unmarshal(out.Bytes(), &doc); err != nil || doc.Running == nil || *doc.Running || doc.Reason == "" || doc.State == "" {
				t.Errorf("%v %s", err, out.String())
			}
		})
	}
}
