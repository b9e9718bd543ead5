package config

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
)

// Secrets gives what is secret in the files of the configuration at path, and in the
// files that they name, as far as this process may read them. A configuration with
// mistakes gives what can be told from its text. It is for taking these values out of
// what leaves the machine, and for nothing else; the same value may come twice.
func Secrets(path string, o LoadOptions) []string {
	var all []string
	files := []string{path}
	if path == DefaultPath {
		files = append(files, VendorPath)
	}
	more, _ := filepath.Glob(filepath.Join(filepath.Dir(path), "conf.d", "*.toml"))
	for _, file := range append(files, more...) {
		if text, err := os.ReadFile(file); err == nil {
			all = append(all, secretsIn(string(text))...)
		}
	}
	cfg, err := Lenient(path, o)
	if err != nil {
		cfg = Defaults()
	}
	u := cfg.Uplink
	for _, address := range append(u.Addresses(), u.Proxy, u.OAuth.TokenURL, u.OAuth.DeviceURL, u.Login.URL) {
		all = append(all, inAddress(address)...)
	}
	for _, v := range u.Headers {
		all = append(all, v)
	}
	for _, v := range o.Environ {
		if name, value, _ := strings.Cut(v, "="); strings.HasSuffix(strings.ToLower(name), "_proxy") || strings.HasPrefix(name, "PORTTI_") {
			all = append(all, inAddress(value)...)
		}
	}
	for _, name := range []string{u.TokenFile, u.OAuth.SecretFile, u.OAuth.RefreshFile, u.Login.PasswordFile, u.ClientKey, cfg.Paths.KeyFile(), cfg.Paths.LoginFile()} {
		all = append(all, secretFile(name)...)
	}
	for _, name := range []string{u.Credential, u.OAuth.SecretInUnit} {
		for _, dir := range []string{os.Getenv("CREDENTIALS_DIRECTORY"), "/run/credentials/portti.service", "/etc/portti/credentials"} {
			if name != "" && dir != "" {
				all = append(all, secretFile(filepath.Join(dir, name))...)
			}
		}
	}
	if entries, err := os.ReadDir(cfg.Paths.Credentials()); err == nil {
		for _, e := range entries {
			all = append(all, secretFile(filepath.Join(cfg.Paths.Credentials(), e.Name()))...)
		}
	}
	for i := range cfg.Devices {
		for _, f := range fieldsOf(reflect.ValueOf(&cfg.Devices[i]).Elem()) {
			if f.secret {
				all = append(all, secretSetting(f.value)...)
			}
		}
	}
	return all
}

// secretSetting are the values of a setting of a device that is secret; a text is the
// path of a file.
func secretSetting(v reflect.Value) (all []string) {
	if v.Kind() == reflect.String {
		return secretFile(v.String())
	}
	if v.Kind() == reflect.Map {
		for _, k := range v.MapKeys() {
			all = append(all, v.MapIndex(k).String())
		}
	}
	return all
}

// inAddress are the parts of an address that are secret, as they stand and decoded.
func inAddress(address string) (all []string) {
	cutURL(address, func(part string) string {
		all = append(all, part)
		if _, password, ok := strings.Cut(part, ":"); ok {
			all = append(all, password)
		}
		return ""
	})
	return all
}

// quotedText finds the values of a line in quotes, section the name of a table, and
// longWord what may be a key in a file of keys.
var (
	quotedText = regexp.MustCompile(`"((?:[^"\\]|\\.)*)"|'([^']*)'`)
	section    = regexp.MustCompile(`^\s*\[+\s*([^\]]*?)\s*\]`)
	longWord   = regexp.MustCompile(`[^\s"',:={}\[\]]{8,}`)
)

// secretsIn finds secrets in the text of a configuration that may not be TOML: what is
// blotted out where a line is quoted, and what stands in a table of headers or keys.
func secretsIn(text string) (all []string) {
	table := ""
	for line := range strings.Lines(text) {
		if m := section.FindStringSubmatch(line); m != nil {
			table = m[1]
			continue
		}
		for _, address := range address.FindAllString(line, -1) {
			all = append(all, inAddress(address)...)
		}
		hidden := strings.Contains(line, "headers") || strings.HasSuffix(table, "headers") || strings.HasSuffix(table, "keys")
		for _, m := range quotedText.FindAllStringSubmatch(line, -1) {
			if value := m[1] + m[2]; !strings.Contains(value, "://") && (hidden || !strings.Contains(blot(line), m[0])) {
				all = append(all, value)
			}
		}
	}
	return all
}

// maxSecretFile bounds what is read of a file with a secret.
const maxSecretFile = 64 << 10

// secretFile are the secrets in a file of which all is secret: a token alone, lines of
// keys, JSON, or PEM. A file that cannot be read has none.
func secretFile(path string) (all []string) {
	info, err := os.Stat(path)
	if path == "" || err != nil || !info.Mode().IsRegular() || info.Size() > maxSecretFile {
		return nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	whole := strings.TrimSpace(strings.TrimPrefix(string(text), "\ufeff"))
	var doc map[string]any
	if json.Unmarshal([]byte(whole), &doc) == nil {
		for k, v := range doc {
			if text, ok := v.(string); ok && secretWord(k) {
				all = append(all, text)
			}
		}
		return all
	}
	if !strings.Contains(whole, "\n") {
		return []string{whole}
	}
	for line := range strings.Lines(whole) {
		if strings.Contains(line, "-----") {
			continue
		}
		line, _, _ = strings.Cut(line, "#")
		for _, word := range longWord.FindAllString(line, -1) {
			if raw, err := hex.DecodeString(word); err == nil && len(raw) == 6 || strings.HasPrefix(word, "//") {
				continue // an address: of a tag, or behind its scheme
			}
			all = append(all, word)
		}
	}
	return all
}
