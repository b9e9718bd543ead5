package systemd

import (
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

func viewed(files map[string]string) fstest.MapFS {
	root := fstest.MapFS{
		"etc/passwd": {Data: []byte("root:x:0:0::/root:/bin/sh\nportti:x:990:990::/:/bin/false\nother:x:991:991::/:/x\n")},
		"etc/group":  {Data: []byte("root:x:0:\nportti:x:990:\nuucp:x:14:\ndialout:x:20:alice,portti\n")},
	}
	for name, text := range files {
		root[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return root
}

// The unit that install writes is read as it is meant.
func TestViewOfTheUnit(t *testing.T) {
	v, ok := ViewOf(viewed(map[string]string{"etc/systemd/system/portti.service": rendered(t)}))
	if !ok || v.UID != 990 || v.GID != 990 || v.Config != "/etc/portti/portti.toml" || !slices.Contains(v.Groups, 20) {
		t.Errorf("%v %+v", ok, v)
	}
	if !slices.Equal(v.Made, []string{"/var/lib/portti", "/run/portti"}) || !slices.Equal(v.Writable, v.Made) || !slices.Equal(v.ReadOnly, []string{"/"}) ||
		!slices.Equal(v.Hidden, homeFolders()) || !slices.Equal(v.Private, []string{"/tmp", "/var/tmp"}) || v.Credentials == nil || len(v.Credentials) != 0 {
		t.Errorf("%+v", v)
	}
}

func TestViewOfDropIns(t *testing.T) {
	v, ok := ViewOf(viewed(map[string]string{
		"usr/lib/systemd/system/portti.service": "[Service]\nUser=portti\nExecStart=/usr/bin/portti run -c /srv/p.toml\nProtectSystem=strict\nProtectHome=yes\nPrivateTmp=yes\nReadWritePaths=/one\n",
		"etc/systemd/system/portti.service.d/20.conf": "[Service]\nUser=other\nGroup=uucp\nReadWritePaths=\nReadWritePaths=-/data /more\nProtectHome=read-only\nPrivateTmp=no\n" +
			"Environment=\"PORTTI_A=b c\" PORTTI_D=e\nEnvironmentFile=-/etc/default/portti\nLoadCredential=up:/x\n# ReadWritePaths=/no\n",
		"run/systemd/system/portti.service.d/20.conf":     "[Service]\nUser=portti\n", // the one in etc has its name
		"usr/lib/systemd/system/portti.service.d/10.conf": "[Service]\nUser=root\nReadWritePaths=\\\n  /two\n",
		"etc/default/portti":                              "# what\nPORTTI_F=\"g\"\n",
	}))
	want := View{Config: "/srv/p.toml", Exec: "/usr/bin/portti", User: "other", UID: 991, GID: 14, Env: []string{"PORTTI_A=b c", "PORTTI_D=e", "PORTTI_F=g"},
		Writable: []string{"/data", "/more"}, ReadOnly: append([]string{"/"}, homeFolders()...), Hidden: []string{}, Private: []string{}, Credentials: []string{"up"}}
	if !ok || v.Config != want.Config || v.Exec != want.Exec || v.User != want.User || v.UID != want.UID || v.GID != want.GID || !slices.Equal(v.Env, want.Env) ||
		!slices.Equal(v.Writable, want.Writable) || !slices.Equal(v.ReadOnly, want.ReadOnly) || len(v.Hidden)+len(v.Private) != 0 || !slices.Equal(v.Credentials, want.Credentials) {
		t.Errorf("%v\n%+v\n%+v", ok, v, want)
	}
}

// What a mask hides is still what the service would be.
func TestViewOfAMaskedUnit(t *testing.T) {
	v, ok := ViewOf(viewed(map[string]string{
		"etc/systemd/system/portti.service":     "", // a link to /dev/null
		"usr/lib/systemd/system/portti.service": "[Service]\nUser=portti\nExecStart=/usr/bin/portti run -c /srv/p.toml\n",
	}))
	if !ok || v.UID != 990 || v.Config != "/srv/p.toml" {
		t.Errorf("%v %+v", ok, v)
	}
}

// Without a unit the user alone counts, and without either nothing does.
func TestViewWithoutAUnit(t *testing.T) {
	if v, ok := ViewOf(viewed(nil)); !ok || v.UID != 990 || v.Config != "" || len(v.ReadOnly)+len(v.Hidden)+len(v.Private) != 0 {
		t.Errorf("%v %+v", ok, v)
	}
	if _, ok := ViewOf(fstest.MapFS{}); ok {
		t.Error("a service on an empty machine")
	}
	if _, ok := ViewOf(viewed(map[string]string{"etc/systemd/system/portti.service": "[Service]\nUser=gone\n"})); ok {
		t.Error("a service of a user who is not there")
	}
}

func FuzzView(f *testing.F) {
	f.Add("[Service]\nUser=portti\nEnvironment=\"a b\" c='d\nReadWritePaths=-/a \\\n /b\nExecStart=/x run -c\n")
	f.Fuzz(func(t *testing.T, unit string) {
		ViewOf(viewed(map[string]string{"etc/systemd/system/portti.service": unit}))
	})
}

func TestTakenAway(t *testing.T) {
	root := fstest.MapFS{
		"etc/systemd/system/portti.service":               {Data: []byte("[Service]\nPrivateDevices=yes\n")}, // no drop-in
		"etc/systemd/system/portti.service.d/b.conf":      {Data: []byte("[Service]\n# PrivateDevices=yes\n PrivateDevices = true\nReadOnlyPaths=-/var/lib/portti\n")},
		"run/systemd/system/portti.service.d/a.conf":      {Data: []byte("[Service]\nPrivateNetwork=no\nInaccessiblePaths=/srv /var/lib/portti\n")},
		"run/systemd/system/portti.service.d/b.conf":      {Data: []byte("[Service]\nPrivateTmp=yes\n")}, // hidden by that in /etc
		"etc/systemd/system/portti.service.d/$(id).conf":  {Data: []byte("[Service]\nProtectClock=yes\n")},
		"etc/systemd/system/other.service.d/devices.conf": {Data: []byte("[Service]\nPrivateIPC=yes\n")},
	}
	for line, want := range map[string]string{
		"PrivateDevices=yes":                "/etc/systemd/system/portti.service.d/b.conf PrivateDevices",
		"ReadOnlyPaths=/var/lib/portti":     "/etc/systemd/system/portti.service.d/b.conf ReadOnlyPaths",
		"PrivateNetwork=yes":                "",
		"InaccessiblePaths=/var/lib/portti": "", // more than that stands in the line, which would go as well
		"PrivateTmp=yes":                    "",
		"ProtectClock=yes":                  "", // a name that a shell would read
		"PrivateIPC=yes":                    "",
	} {
		file, setting := TakenAway(root, "X=y", line)
		if got := strings.TrimSpace(file + " " + setting); got != want {
			t.Errorf("%s: %q, want %q", line, got, want)
		}
	}
}
