//go:build peers

package peers_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"portti/cross/testkit"
	"portti/uplink"
)

// page is where the programs stand that server authors copy.
const page = "../../docs/receivers.md"

// programs takes the receivers out of the page, by name.
func programs(t *testing.T) map[string][]byte {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][]byte{}
	for _, m := range regexp.MustCompile("(?s)<!-- receiver: (\\S+) -->\n```\\w+\n(.*?)\n```\n").FindAllSubmatch(text, -1) {
		all[string(m[1])] = append(m[2], '\n')
	}
	if len(all) != 11 {
		t.Fatalf("%s has %d programs, not 11: three languages in three modes, and two web servers", page, len(all))
	}
	return all
}

// documented starts a program of the page.
func documented(t *testing.T, folder, name string, source []byte) *receiver {
	t.Helper()
	path := filepath.Join(folder, name)
	if err := os.WriteFile(path, source, 0o600); err != nil {
		t.Fatal(err)
	}
	argv := []string{"node", path}
	switch filepath.Ext(name) {
	case ".py":
		argv = []string{python(t), path}
	case ".go":
		binary := path + ".bin"
		if out, err := exec.Command("go", "build", "-o", binary, path).CombinedOutput(); err != nil {
			t.Fatalf("%s does not compile: %v\n%s", name, err, out)
		}
		argv = []string{binary}
	}
	r := &receiver{t: t, argv: append(argv, "PORT", "FILE"), port: freePort(t), file: filepath.Join(t.TempDir(), "received"), mute: true}
	r.start()
	t.Cleanup(func() { r.kill() })
	return r
}

// Every program of the documentation takes a stream from a real link, is killed
// while it works and comes back, Node's and Python's behind nginx with TLS. It
// drops repeats, nothing is missing, and with envelope nothing is there twice
// even after a kill.
func TestDocumentedReceivers(t *testing.T) {
	folder := nodeFolder(t)
	for name, source := range programs(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rc := documented(t, folder, name, source)
			o := options(rc.url())
			if filepath.Ext(name) != ".go" {
				o.URL, o.CAFile = nginx(t, rc)
			}
			hold := time.Duration(0)
			switch name[:len(name)-len(filepath.Ext(name))] {
			case "plain":
				hold = 10 * time.Second
			case "count":
				o.Ack = uplink.AckCount
			case "envelope":
				o.Ack = uplink.AckEnvelope
				o.Gateway = "XXXX00PEER0000001"
			case "post":
				o.Engine = uplink.EngineHTTP
				o.URL = "http" + strings.TrimPrefix(o.URL, "ws")
			default:
				t.Fatal("what is it?")
			}
			first := newQueue(hold)
			before := run(t, o, first)
			first.add(2_000)
			if n := before.finish(rc, 2_000); n > 0 {
				t.Errorf("%d records are there twice after one sending", n)
			}
			// The same again, as after a connection that broke at the wrong moment.
			q := newQueue(hold)
			r := run(t, o, q)
			q.add(2_001)
			testkit.Eventually(t, "the one that is new has arrived", func() bool { return rc.received()[2_001] == 1 })
			for n, times := range rc.received() {
				if times != 1 {
					t.Fatalf("record %d is there %d times: repeats are not dropped", n, times)
				}
			}
			testkit.Eventually(t, "all is proven", func() bool { return q.waiting() == 0 })
			records, kills := 2_001, 2
			if hold > 0 {
				kills = 1 // the hold covers one crash at a time
			}
			for range kills {
				for range 50 {
					q.add(5)
					records += 5
					time.Sleep(2 * time.Millisecond)
				}
				rc.kill()
				q.add(200) // into the buffer
				records += 200
				rc.start()
				testkit.Eventually(t, "all is proven", func() bool { return q.waiting() == 0 })
			}
			repeats := r.finish(rc, records)
			if o.Ack == uplink.AckEnvelope && repeats > 0 {
				t.Errorf("%d records are there twice", repeats)
			}
			if st := r.link.Status(); st.Connects < 2 {
				t.Errorf("%d connections: the kill did not bite", st.Connects)
			}
		})
	}
}
