package config

import (
	"strings"
	"testing"
)

func TestEdit(t *testing.T) {
	set := []Change{{"uplink", "url", "wss://new/ws"}, {"uplink", "insecure", true}}
	for name, c := range map[string]struct{ in, want string }{
		"nothing":         {"", "\n[uplink]\nurl = \"wss://new/ws\"\ninsecure = true\n"},
		"the table alone": {"[uplink]\n# url = \"wss://a\"\n[log]\n", "[uplink]\nurl = \"wss://new/ws\"\ninsecure = true\n# url = \"wss://a\"\n[log]\n"},
		"one of them":     {"[uplink] # the way\n url  =  'x'  # mine\n[log]\n", "[uplink] # the way\ninsecure = true\n url  =  \"wss://new/ws\"  # mine\n[log]\n"},
		"both":            {"[uplink]\ninsecure = false\nurl = \"x\"", "[uplink]\ninsecure = true\nurl = \"wss://new/ws\""},
		"dotted":          {"uplink.url = \"x\"\nuplink.insecure = false\n", "uplink.url = \"wss://new/ws\"\nuplink.insecure = true\n"},
		"a table below":   {"[uplink.backoff]\nbase = \"1s\"", "[uplink.backoff]\nbase = \"1s\"\n\n[uplink]\nurl = \"wss://new/ws\"\ninsecure = true\n"},
		"no end of line":  {"[uplink]", "[uplink]\nurl = \"wss://new/ws\"\ninsecure = true\n"},
		"CRLF and a BOM":  {"\ufeff[uplink]\r\n# no\r\n", "\ufeff[uplink]\r\nurl = \"wss://new/ws\"\r\ninsecure = true\r\n# no\r\n"},
	} {
		got, err := Edit([]byte(c.in), set)
		if err != nil || string(got) != c.want {
			t.Errorf("%s: %v\n%q, want\n%q", name, err, got, c.want)
		}
		again, err := Edit(got, set)
		if err != nil || string(again) != string(got) {
			t.Errorf("%s: once more changes it: %v\n%q", name, err, again)
		}
		o := LoadOptions{Drafts: map[string][]byte{"x.toml": append(got, "\n[gateway]\n"...), "conf.d/x.toml": []byte("[uplink]\nauth = \"none\"\n")}}
		if cfg, err := Load("x.toml", o); err != nil || cfg.Uplink.URL != "wss://new/ws" || !cfg.Uplink.Insecure {
			t.Errorf("%s: what came of it does not load: %v", name, err)
		}
	}
	if _, err := Edit([]byte("\xff\xfe[\x00"), set); err == nil || !strings.Contains(err.Error(), "UTF-16") {
		t.Error(err)
	}
	// Secrets and quotes.
	got, err := Edit([]byte("[uplink]\nurl = \"x\"\n"), []Change{{"uplink", "url", `wss://h/"a\`}})
	if err != nil || !strings.Contains(string(got), `url = "wss://h/\"a\\"`) {
		t.Errorf("%v %q", err, got)
	}
}

func TestDraftsAreJudgedAsIfWritten(t *testing.T) {
	dir := t.TempDir()
	main, extra := dir+"/portti.toml", dir+"/conf.d/10-x.toml"
	o := LoadOptions{Drafts: map[string][]byte{main: []byte("[gateway]\nname = \"a\"\n"), extra: []byte("[gateway]\nname = \"b\"\n")}}
	cfg, err := Load(main, o)
	if err != nil || cfg.Gateway.Name != "b" || cfg.Origin("gateway.name").File != extra {
		t.Fatalf("%v %+v", err, cfg)
	}
	o.Drafts[extra] = []byte("[gateway]\nnmae = 7\n")
	if _, err := Load(main, o); err == nil || !strings.Contains(err.Error(), extra+":2:1") {
		t.Errorf("%v", err)
	}
}
