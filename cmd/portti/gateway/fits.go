package gateway

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"portti/cmd/portti/config"
	"portti/uplink"
)

// Ground is what the service is given by whoever starts it. The zero value is a
// process that has everything already.
type Ground struct {
	Made        []string // folders that will be there and the service's own
	Hidden      []string // folders that it cannot see into, whatever their rights
	Credentials []string // names that LoadCredential= hands over; nil = those of $CREDENTIALS_DIRECTORY
}

// Fits holds a configuration against the machine, with the rights of this process and
// what it can see. Both run and config check ask it; the second after it has become
// the service's user in the service's sandbox.
func (g Ground) Fits(c *config.Config, say config.Say) {
	g.folder(say, "paths.state", c.Paths.State, "until it can, readings are kept in memory alone")
	g.folder(say, "paths.run", c.Paths.Run, "until it can, portti status and the other commands cannot reach the gateway")
	for _, inside := range []string{c.Paths.BufferDir(), c.Paths.Credentials()} {
		if _, err := os.Lstat(inside); err == nil {
			g.folder(say, "paths.state", inside, "")
		}
	}
	if c.Gateway.ID == autoID {
		own(say, "gateway.id", idFile(c.Paths.State))
	}
	u := c.Uplink
	g.needed(say, "uplink.ca_file", u.CAFile)
	g.needed(say, "uplink.client_cert", u.ClientCert)
	g.needed(say, "uplink.client_key", u.ClientKey)
	switch {
	case u.Auth == "none" || u.Auth == "hash" || len(u.Addresses()) == 0:
	case u.TokenSource == config.TokenFromOAuth:
		g.secret(say, "uplink.oauth.client_secret_file", u.OAuth.SecretFile)
		g.credential(say, "uplink.oauth.client_secret_credential", u.OAuth.SecretInUnit)
		if u.OAuth.Grant == uplink.GrantRefresh {
			g.secret(say, "uplink.oauth.refresh_token_file", u.OAuth.RefreshFile)
		}
		own(say, "uplink.token_source", c.Paths.LoginFile())
	case u.TokenSource == config.TokenFromLogin:
		g.secret(say, "uplink.login.password_file", u.Login.PasswordFile)
	case u.TokenSource == config.TokenFromJWT:
		own(say, "uplink.token_source", c.Paths.KeyFile())
	default:
		g.secret(say, "uplink.token_file", u.TokenFile)
		g.credential(say, "uplink.credential", u.Credential)
	}
}

func (g Ground) folder(say config.Say, key, dir, without string) {
	if slices.Contains(g.Made, dir) {
		if _, err := os.Lstat(dir); errors.Is(err, fs.ErrNotExist) {
			return
		}
	}
	err := usable(dir)
	if err == nil {
		return
	}
	hint := "let the service's user write there: sudo chown portti: " + dir
	if _, missing := os.Lstat(dir); errors.Is(err, unix.EROFS) || errors.Is(missing, fs.ErrNotExist) {
		hint = "have it made, and let through the service's sandbox: sudo portti service restart"
	}
	if without != "" {
		hint += "; " + without
	}
	say(true, key, fmt.Sprintf("the folder %s cannot be written: %s", dir, cause(err)), hint)
}

// usable says why a folder cannot be written, or cannot be made.
func usable(dir string) error {
	info, err := os.Stat(dir)
	for errors.Is(err, fs.ErrNotExist) && dir != filepath.Dir(dir) {
		dir = filepath.Dir(dir)
		info, err = os.Stat(dir)
	}
	switch {
	case err != nil:
		return err
	case !info.IsDir():
		return unix.ENOTDIR
	}
	return unix.Access(dir, unix.R_OK|unix.W_OK|unix.X_OK)
}

// needed is a file without which there is no connection, secret one that portti login
// may still write, own one that the gateway writes itself.
func (g Ground) needed(say config.Say, key, path string) {
	if err := readable(path); err != nil {
		say(true, key, fmt.Sprintf("%s cannot be read: %s", path, cause(err)), "there is no connection without it; "+g.letRead(path, "ls -l "+path))
	}
}

func (g Ground) secret(say config.Say, key, path string) {
	switch err := readable(path); {
	case errors.Is(err, fs.ErrNotExist):
		say(false, key, fmt.Sprintf("%s is not there: the gateway reads its devices, and connects when it is", path), "write it: sudo portti login")
	case err != nil:
		say(true, key, fmt.Sprintf("%s cannot be read: %s", path, cause(err)), g.letRead(path, "sudo chown portti "+path))
	}
}

// letRead is a hint: how the service's user comes to read a file.
func (g Ground) letRead(path, command string) string {
	for _, dir := range g.Hidden {
		if strings.HasPrefix(path, dir+"/") {
			return "homes and temporary folders are hidden from the service; copy it, and name the copy: sudo install -g portti -m 640 " + path + " /etc/portti/credentials/"
		}
	}
	return "let the service's user read it: " + command
}

func own(say config.Say, key, path string) {
	if err := readable(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		say(true, key, fmt.Sprintf("%s cannot be read: %s", path, cause(err)), "give it to the service's user: sudo chown portti "+path)
	}
}

// readable says why a file cannot be read; "" can.
func readable(path string) error {
	if path == "" {
		return nil
	}
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return errors.Join(err, errors.New("not a regular file"))
	}
	return nil
}

func (g Ground) credential(say config.Say, key, name string) {
	if name == "" || slices.Contains(g.Credentials, name) {
		return
	}
	dir := os.Getenv("CREDENTIALS_DIRECTORY")
	if g.Credentials == nil && dir != "" && readable(filepath.Join(dir, name)) == nil {
		return
	}
	say(true, key, fmt.Sprintf("the unit passes no credential %q to the service", name),
		"add it: sudo systemctl edit portti, and there [Service] LoadCredential="+name+":/etc/portti/credentials/"+name)
}

// cause is an error without the path that is named next to it.
func cause(err error) string {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err.Error()
	}
	return err.Error()
}
