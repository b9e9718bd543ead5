package uplink

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

const maxTokenFile = 64 << 10 // bytes; a token is a line, not a book

// TokenSource gives the credential for the next dial. Token is called before
// every dial and after every refusal; it may take as long as ctx lets it.
type TokenSource interface {
	Token(ctx context.Context) (Secret, error)
}

// watchable is a TokenSource that can cheaply tell whether the credential may
// have changed since the last Token.
type watchable interface {
	Changed() bool
}

// refusable is a TokenSource that wants to know when the server refused a
// token: the next one should be another, if there is one.
type refusable interface {
	Refused(Secret)
}

// revocable is a TokenSource that keeps something which a server can
// make worthless: the session was ended for good.
type revocable interface {
	Revoke()
}

// FileToken is a credential kept in a file, trimmed of white space (see TokenText). Token reads
// the file every time; Changed looks at its modification time, size and inode,
// so a token can be replaced (written in place or by rename) while the link
// runs. It is safe for concurrent use.
type FileToken struct {
	path string

	mu   sync.Mutex
	seen os.FileInfo // as Token last found it
	shut bool        // and could not open it
	last Secret      // as Token last gave it
	span lifespan    // of last
}

// NewFileToken uses the file at path, which need not exist yet.
func NewFileToken(path string) *FileToken { return &FileToken{path: path} }

// NewCredentialToken uses the systemd credential of that name, found through
// $CREDENTIALS_DIRECTORY. systemd does not change it while the unit runs.
func NewCredentialToken(name string) (*FileToken, error) {
	dir := os.Getenv("CREDENTIALS_DIRECTORY")
	if dir == "" {
		return nil, fmt.Errorf("cannot find credential %q: CREDENTIALS_DIRECTORY is not set (LoadCredential= in the unit sets it)", name)
	}
	if name != filepath.Base(name) || name == "." || name == ".." {
		return nil, fmt.Errorf("cannot use %q as the name of a credential: it must be a plain file name", name)
	}
	return NewFileToken(filepath.Join(dir, name)), nil
}

// Token returns the credential as the file holds it now.
func (t *FileToken) Token(context.Context) (Secret, error) {
	secret, err := t.text()
	if err != nil {
		return Secret{}, err
	}
	if err := CheckToken(secret.Reveal()); err != nil {
		return Secret{}, fmt.Errorf("cannot use the token file %s: %w", t.path, err)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.last != secret {
		t.last, t.span = secret, readLifespan(secret.Reveal())
	}
	return secret, nil
}

// State tells what the token last read says of itself.
func (t *FileToken) State() TokenState {
	t.mu.Lock()
	defer t.mu.Unlock()
	return TokenState{Source: "file", Fingerprint: t.last.Fingerprint(), Expires: t.span.ends, Made: t.span.made}
}

// text reads the file, whatever characters are in it.
func (t *FileToken) text() (Secret, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	info, err := os.Stat(t.path)
	if t.shut = err != nil; t.shut {
		return Secret{}, fmt.Errorf("cannot read the token file: %w", err)
	}
	// Noted first, whatever comes of it: Changed must neither report a bad
	// file for ever nor miss one that is replaced while it is being read.
	t.seen = info
	if !info.Mode().IsRegular() {
		return Secret{}, fmt.Errorf("cannot use the token file %s: it is not a regular file", t.path)
	}
	f, err := os.Open(t.path)
	if t.shut = err != nil; t.shut {
		return Secret{}, fmt.Errorf("cannot read the token file: %w", err)
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, maxTokenFile+1))
	if err != nil {
		return Secret{}, fmt.Errorf("cannot read the token file: %w", err)
	}
	if len(raw) > maxTokenFile {
		return Secret{}, fmt.Errorf("cannot use the token file %s: it is larger than %d bytes", t.path, maxTokenFile)
	}
	text := strings.TrimSpace(strings.TrimPrefix(string(raw), "\ufeff")) // some editors put that mark before UTF-8
	if text == "" {
		return Secret{}, fmt.Errorf("cannot use the token file %s: it is empty", t.path)
	}
	return NewSecret(TokenText(text)), nil
}

// Changed reports whether the file differs from what Token last saw. A file
// that is missing has not changed: the token in use stays good until refused.
func (t *FileToken) Changed() bool {
	info, err := os.Stat(t.path)
	if err != nil {
		return false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.shut && info.Mode().IsRegular() { // owner, mode or folder may be another now: the file itself shows nothing of that
		f, err := os.Open(t.path)
		return err == nil && f.Close() == nil
	}
	return t.seen == nil || !sameFile(t.seen, info)
}

// sameFile compares what a writer can hardly help changing. Missed is only a
// file rewritten in place, to the same size, within one tick of the file
// system's clock; the next dial reads it all the same.
func sameFile(a, b os.FileInfo) bool {
	return os.SameFile(a, b) && a.ModTime().Equal(b.ModTime()) && a.Size() == b.Size()
}

// TokenEnds is when a JWT says that it ends, which is not verified; zero
// where it does not say.
func TokenEnds(text string) time.Time { return readLifespan(text).ends }

// CheckToken says why text cannot travel in a header or URL unharmed as a token;
// the error never quotes it.
func CheckToken(text string) error {
	if text == "" {
		return errors.New("it is empty")
	}
	for i := range len(text) {
		switch c := text[i]; {
		case c == '\r' || c == '\n':
			return errors.New("it has more than one line")
		case c < 0x20 || c >= 0x7f:
			return errors.New("it has characters that cannot be sent (only printable ASCII can)")
		}
	}
	return nil
}

// CheckAccessToken says why text cannot be an access token that is presented in that way
// (Options.Auth): what people paste is often more than the token. Of the characters only those
// are refused that no server takes for part of one; RFC 6750, section 2.1, allows fewer. As the first
// message anything may go. The error never quotes the token.
func CheckAccessToken(text, auth string) error {
	if err := CheckToken(text); err != nil {
		return err
	}
	word, _, more := strings.Cut(text, " ")
	ends := text[:1] + text[len(text)-1:]
	switch {
	case strings.HasPrefix(strings.ToLower(text), "authorization:"):
		return errors.New(`it begins with "Authorization:": that is a whole header, of which only what comes after "Bearer" is the token`)
	case more && slices.Contains([]string{"bearer", "basic", "token", "jwt"}, strings.ToLower(word)):
		return fmt.Errorf("it begins with %q, which is not part of it: portti adds that itself", word)
	case ends == `""` || ends == "''" || ends == "``":
		return errors.New("it is in quotes, which are not part of it")
	case ends == "{}" && strings.Contains(text, `"access_token"`):
		return errors.New("it is the whole answer of a token server, of which only the value of access_token is the token")
	case auth != AuthFirstMessage && strings.ContainsAny(text, " \"\\{}<>"):
		return errors.New("it contains a space, a quote, a bracket or a backslash, which no token does (RFC 6750, section 2.1)")
	}
	return nil
}

// credentialPoll is how often a watchable source is asked. One stat every
// 10 s works on every file system and costs nothing.
const credentialPoll = 10 * time.Second
