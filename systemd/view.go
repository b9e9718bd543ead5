package systemd

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
)

// View is with whose rights the installed service runs, and what its sandbox lets it
// see: the lines of the unit, drop-ins included, that decide whether a file can be
// read and a folder written.
type View struct {
	Config string   `json:"config"` // the file it runs with; "" = no unit is installed
	Exec   string   `json:"exec"`   // the program that the unit starts; "" = there is none
	Init   Kind     `json:"init"`   // Systemd where there is a unit; "" = an init script, or nothing
	User   string   `json:"user"`
	UID    int      `json:"uid"`
	GID    int      `json:"gid"`
	Groups []int    `json:"groups"`
	Env    []string `json:"env"`

	Made        []string `json:"made"`     // folders that systemd makes for it at each start
	Writable    []string `json:"writable"` // folders inside of ReadOnly that are not, Made included
	ReadOnly    []string `json:"readonly"`
	Hidden      []string `json:"hidden"`  // cannot be entered
	Private     []string `json:"private"` // replaced by an empty folder of its own
	Credentials []string `json:"credentials"`
}

// ViewOf reads it from the machine whose root folder that is; systemd need not run. An
// init script gives its file and the user portti, and no sandbox. ok is false where there
// is no service: neither a unit nor the user of its name.
func ViewOf(root fs.FS) (v View, ok bool) { return viewWithout(root, "") }

// viewWithout leaves one drop-in out.
func viewWithout(root fs.FS, dropIn string) (v View, ok bool) {
	v.User = Name
	group := Name
	lines := unitLines(root, dropIn)
	if len(lines) > 0 {
		v.Init, v.User, group = Systemd, "root", ""
	}
	for _, line := range lines {
		key, value, _ := strings.Cut(line, "=")
		switch key, value = strings.TrimSpace(key), strings.TrimSpace(value); key {
		case "User":
			v.User = value
		case "Group":
			group = value
		case "SupplementaryGroups":
			for _, name := range strings.Fields(value) {
				if gid, err := groupID(root, name); err == nil {
					v.Groups = append(v.Groups, gid)
				}
			}
		case "Environment":
			v.Env = append(v.Env, words(value)...)
		case "EnvironmentFile":
			v.Env = append(v.Env, environmentFile(root, value)...)
		case "ExecStart":
			command := strings.Fields(strings.TrimLeft(value, "@-:+!"))
			if v.Config = configOf(command); len(command) > 0 {
				v.Exec = command[0]
			}
		case "LoadCredential", "LoadCredentialEncrypted", "SetCredential", "SetCredentialEncrypted":
			name, _, _ := strings.Cut(value, ":")
			v.Credentials = append(v.Credentials, name)
		default:
			v.paths(key, value)
		}
	}
	if len(lines) == 0 {
		v.Config = configOfScript(root)
	}
	if v.Credentials == nil {
		v.Credentials = []string{} // none, as far as the unit goes
	}
	if err := v.identify(root, group); err != nil {
		return View{}, false
	}
	return v, true
}

// paths takes a line of the unit that is about folders.
func (v *View) paths(key, value string) {
	names := func(prefix string, list *[]string) {
		for _, name := range strings.Fields(value) {
			name = strings.TrimLeft(name, "-+")
			name, _, _ = strings.Cut(name, ":") // StateDirectory=name:link
			*list = append(*list, path.Join(prefix, name))
		}
	}
	yes := isYes(value)
	switch key {
	case "StateDirectory":
		names("/var/lib", &v.Made)
	case "RuntimeDirectory":
		names("/run", &v.Made)
	case "CacheDirectory":
		names("/var/cache", &v.Made)
	case "LogsDirectory":
		names("/var/log", &v.Made)
	case "ReadWritePaths":
		if value == "" {
			v.Writable = nil
		}
		names("", &v.Writable)
	case "ReadOnlyPaths":
		names("", &v.ReadOnly)
	case "InaccessiblePaths":
		names("", &v.Hidden)
	case "ProtectSystem":
		v.ReadOnly = slices.DeleteFunc(v.ReadOnly, func(p string) bool { return slices.Contains(systemFolders(), p) })
		switch {
		case value == "strict":
			v.ReadOnly = append(v.ReadOnly, "/")
		case value == "full":
			v.ReadOnly = append(v.ReadOnly, "/usr", "/boot", "/efi", "/etc")
		case yes:
			v.ReadOnly = append(v.ReadOnly, "/usr", "/boot", "/efi")
		}
	case "ProtectHome":
		home := func(p string) bool { return slices.Contains(homeFolders(), p) }
		v.Hidden, v.ReadOnly, v.Private = slices.DeleteFunc(v.Hidden, home), slices.DeleteFunc(v.ReadOnly, home), slices.DeleteFunc(v.Private, home)
		switch {
		case value == "read-only":
			v.ReadOnly = append(v.ReadOnly, homeFolders()...)
		case value == "tmpfs":
			v.Private = append(v.Private, homeFolders()...)
		case yes:
			v.Hidden = append(v.Hidden, homeFolders()...)
		}
	case "PrivateTmp":
		v.Private = slices.DeleteFunc(v.Private, func(p string) bool { return p == "/tmp" || p == "/var/tmp" })
		if yes {
			v.Private = append(v.Private, "/tmp", "/var/tmp")
		}
	}
}

func systemFolders() []string { return []string{"/", "/usr", "/boot", "/efi", "/etc"} }
func homeFolders() []string   { return []string{"/home", "/root", "/run/user"} }

// unitLines are the lines of the unit and of its drop-ins, but one.
func unitLines(root fs.FS, without string) []string {
	text := []byte(nil)
	for _, dir := range unitDirs() {
		if unit, err := fs.ReadFile(root, dir+"/"+Name+".service"); err == nil && len(text) == 0 { // an empty one masks the next
			text = unit
		}
	}
	if len(text) == 0 {
		return nil
	}
	for _, f := range dropIns(root, without) {
		more, _ := fs.ReadFile(root, f)
		text = append(append(text, '\n'), more...)
	}
	return linesOf(text)
}

func unitDirs() []string {
	return []string{"etc/systemd/system", "run/systemd/system", "usr/local/lib/systemd/system", "usr/lib/systemd/system", "lib/systemd/system"}
}

// dropIns are the files that change the unit, in systemd's order: of a name that is there
// twice the first folder wins.
func dropIns(root fs.FS, without string) (files []string) {
	for _, dir := range unitDirs() {
		found, _ := fs.Glob(root, dir+"/"+Name+".service.d/*.conf")
		for _, f := range found {
			if "/"+f != without && !slices.ContainsFunc(files, func(g string) bool { return path.Base(g) == path.Base(f) }) {
				files = append(files, f)
			}
		}
	}
	slices.SortFunc(files, func(a, b string) int { return strings.Compare(path.Base(a), path.Base(b)) })
	return files
}

// TakenAway finds the drop-in that takes something away which the service needs, by its
// lines: "PrivateDevices=yes". setting is what stands before the =; both are "" where there
// is none.
func TakenAway(root fs.FS, lines ...string) (file, setting string) {
	for _, f := range dropIns(root, "") {
		text, _ := fs.ReadFile(root, f)
		for _, line := range linesOf(text) {
			key, value, _ := strings.Cut(line, "=")
			key, value = strings.TrimSpace(key), strings.TrimSpace(value)
			if isYes(value) {
				value = "yes"
			}
			if slices.Contains(lines, key+"="+strings.TrimLeft(value, "-+")) && !strings.ContainsFunc(f, special) {
				file, setting = "/"+f, key
			}
		}
	}
	return file, setting
}

func isYes(value string) bool { return slices.Contains([]string{"yes", "true", "1", "on"}, value) }

// linesOf are the lines of a file of systemd's that say something.
func linesOf(text []byte) (lines []string) {
	for s := bufio.NewScanner(bytes.NewReader(bytes.ReplaceAll(text, []byte("\\\n"), []byte(" ")))); s.Scan(); {
		if line := strings.TrimSpace(s.Text()); line != "" && !strings.HasPrefix(line, "#") && !strings.HasPrefix(line, ";") {
			lines = append(lines, line)
		}
	}
	return lines
}

// identify looks user and group up.
func (v *View) identify(root fs.FS, group string) error {
	user, err := entry(root, "etc/passwd", v.User)
	if err != nil {
		return err
	}
	var gidErr error
	v.UID, err = strconv.Atoi(user[2])
	v.GID, gidErr = strconv.Atoi(user[3])
	if err = errors.Join(err, gidErr); err != nil {
		return err
	}
	if group != "" {
		if gid, err := groupID(root, group); err == nil {
			v.GID = gid
		}
	}
	text, _ := fs.ReadFile(root, "etc/group")
	for line := range strings.Lines(string(text)) {
		f := strings.Split(strings.TrimSpace(line), ":")
		if len(f) == 4 && slices.Contains(strings.Split(f[3], ","), v.User) {
			if gid, err := strconv.Atoi(f[2]); err == nil {
				v.Groups = append(v.Groups, gid)
			}
		}
	}
	v.Writable = append(v.Writable, v.Made...)
	return nil
}

func groupID(root fs.FS, name string) (int, error) {
	f, err := entry(root, "etc/group", name)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(f[2])
}

// entry is the line of a name, or of a number, in a file such as /etc/passwd.
func entry(root fs.FS, file, name string) ([]string, error) {
	text, err := fs.ReadFile(root, file)
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(string(text)) {
		if f := strings.Split(strings.TrimSpace(line), ":"); len(f) >= 4 && (f[0] == name || f[2] == name) {
			return f, nil
		}
	}
	return nil, fmt.Errorf("%s has no %s", file, name)
}

// configOf is the file after -c or --config.
func configOf(command []string) string {
	for i, word := range command {
		if file, ok := strings.CutPrefix(word, "--config="); ok {
			return file
		}
		if (word == "-c" || word == "--config") && i+1 < len(command) {
			return command[i+1]
		}
	}
	return defaultConfig
}

// configOfScript is the file that the init script names; "" = there is none.
func configOfScript(root fs.FS) string {
	text, err := fs.ReadFile(root, strings.TrimPrefix(initScript, "/"))
	if err != nil {
		return ""
	}
	_, rest, _ := strings.Cut(string(text), " service prepare -c ")
	if f := strings.Fields(rest); len(f) > 0 {
		return f[0]
	}
	return defaultConfig
}

const defaultConfig = configDir + "/portti.toml"

// words splits the value of Environment=: each word may be quoted as a whole.
func words(value string) []string {
	var all []string
	for value = strings.TrimSpace(value); value != ""; value = strings.TrimSpace(value) {
		var word, rest string
		if q := value[0]; q == '"' || q == '\'' {
			word, rest, _ = strings.Cut(value[1:], string(q))
		} else {
			word, rest, _ = strings.Cut(value, " ")
		}
		all, value = append(all, word), rest
	}
	return all
}

func environmentFile(root fs.FS, name string) (env []string) {
	text, _ := fs.ReadFile(root, strings.TrimLeft(name, "-/"))
	for line := range strings.Lines(string(text)) {
		key, value, ok := strings.Cut(strings.TrimSpace(line), "=")
		if ok && !strings.HasPrefix(key, "#") && !strings.HasPrefix(key, ";") {
			env = append(env, key+"="+strings.Trim(value, `"'`))
		}
	}
	return env
}
