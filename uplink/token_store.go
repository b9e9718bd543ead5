package uplink

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// WriteSecret replaces the file at path as replaceFile does: after a power cut
// it holds either the old text or the new. Folders that are missing are made.
// Only the owner may read it. Written as root, file and folders belong to the
// owner of the folder home (the state folder: its owner is the service's user)
// and, where path lies below home, no symbolic link on the way leads out of it.
func WriteSecret(path, home string, text []byte) error {
	if err := os.MkdirAll(home, 0o700); err != nil {
		return fmt.Errorf("cannot write %s: %w", path, err)
	}
	info, err := os.Stat(home)
	if err != nil {
		return fmt.Errorf("cannot write %s: %w", path, err)
	}
	base, rel := home, ""
	if rel, err = filepath.Rel(home, path); err != nil || !filepath.IsLocal(rel) {
		base, rel = filepath.Dir(path), filepath.Base(path)
		if err := makeFolder(os.Mkdir, os.Lchown, base, info); err != nil && !errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("cannot write %s: %w", path, err)
		}
	}
	root, err := os.OpenRoot(base)
	if err != nil {
		return fmt.Errorf("cannot write %s: %w", path, err)
	}
	defer root.Close()
	return writeSecret(root, rel, info, text)
}

// writeSecret writes below root.
func writeSecret(root *os.Root, rel string, owner fs.FileInfo, text []byte) error {
	if dir := filepath.Dir(rel); dir != "." {
		err := makeFolder(root.Mkdir, root.Lchown, dir, owner)
		if err == nil {
			err = syncFolder(root, filepath.Dir(dir), (*os.File).Sync)
		}
		if err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	return replaceFile(root, rel, text, owner)
}

// makeFolder makes one folder that is missing, by the calls of package os or of a
// root; fs.ErrExist: it is not.
func makeFolder(mkdir func(string, fs.FileMode) error, lchown func(string, int, int) error, dir string, owner fs.FileInfo) error {
	if err := mkdir(dir, 0o700); err != nil {
		return err
	}
	return give(owner, func(uid, gid int) error { return lchown(dir, uid, gid) })
}

// login is what a refresh token needs to be used: kept as JSON in one file.
type login struct {
	issuer, client string // where the refresh token may be sent, and for whom
	seed           string // Fingerprint-like sum of the token it began with; "" = portti login
	refresh        Secret
	access         Secret // that came with it; may be empty
	made           int64  // of access, Unix seconds by a clock that was trusted; 0 = not known
	life           time.Duration
}

// take puts the access token in that came with the refresh token.
func (l *login) take(got issued, o *Options) {
	l.access, l.life = got.access, lifeOf(got.expiresIn, got.span, o.Now(), o.ClockTrusted())
	if o.ClockTrusted() {
		l.made = o.Now().Unix()
	}
}

// loginFile is login as it is written.
type loginFile struct {
	Version int    `json:"version"`
	Issuer  string `json:"token_url"`
	Client  string `json:"client_id"`
	Seed    string `json:"seed,omitempty"`
	Refresh string `json:"refresh_token"`
	Access  string `json:"access_token,omitempty"`
	Made    int64  `json:"obtained,omitempty"`
	LifeS   int64  `json:"lifetime_s,omitempty"`
}

const loginVersion = 1

// keeper keeps a login in a file of the state folder.
type keeper struct{ path, home string }

// save writes l durably: when it returns nil a power cut cannot lose it.
func (k keeper) save(l login) error {
	text, _ := json.Marshal(loginFile{Version: loginVersion, Issuer: l.issuer, Client: l.client, Seed: l.seed,
		Refresh: l.refresh.Reveal(), Access: l.access.Reveal(), Made: l.made, LifeS: int64(l.life / time.Second)})
	return WriteSecret(k.path, k.home, append(text, '\n'))
}

// load reads what was kept. An absent file gives fs.ErrNotExist. Its errors
// never quote the file.
func (k keeper) load() (login, os.FileInfo, error) {
	info, err := os.Stat(k.path)
	if err != nil {
		return login{}, nil, err
	}
	text, err := readFile(k.path)
	if err != nil {
		return login{}, info, err
	}
	l, err := parseLogin(text)
	return l, info, err
}

// errNoLogin is of a file that was read; every other error says nothing of what is
// in it.
var errNoLogin = errors.New("it is damaged, or of another version of portti")

// parseLogin reads the text of a login file.
func parseLogin(text []byte) (login, error) {
	var v loginFile
	if err := json.Unmarshal(text, &v); err != nil || v.Version != loginVersion || v.Refresh == "" {
		return login{}, errNoLogin
	}
	l := login{issuer: v.Issuer, client: v.Client, seed: v.Seed, refresh: NewSecret(v.Refresh), access: NewSecret(v.Access), made: v.Made, life: lifeOfSeconds(v.LifeS)}
	if CheckToken(v.Access) != nil {
		l.access = Secret{}
	}
	return l, nil
}
