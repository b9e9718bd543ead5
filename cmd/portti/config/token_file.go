package config

import (
	"fmt"
	"io"
	"os"
	"strings"

	"portti/uplink"
)

// CheckTokenFile looks into the file of the access token, if it can be read, and gives an
// *Error where what is in it cannot be one. Unlike Load it depends on the machine.
func (c *Config) CheckTokenFile() error {
	u := c.Uplink
	if u.TokenFile == "" || u.Auth == "none" || u.Auth == "hash" {
		return nil
	}
	if info, err := os.Stat(u.TokenFile); err != nil || !info.Mode().IsRegular() {
		return nil
	}
	f, err := os.Open(u.TokenFile)
	if err != nil {
		return nil
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxFile))
	if err != nil {
		return nil
	}
	if err = uplink.CheckAccessToken(uplink.TokenText(strings.TrimSpace(strings.TrimPrefix(string(text), "\ufeff"))), u.Auth); err == nil {
		return nil
	}
	at := c.origins["uplink.token_file"]
	return &Error{Faults: []Fault{{File: at.File, Line: at.Line, Column: min(at.Line, 1), Key: "uplink.token_file",
		Text: fmt.Sprintf("what is in %s cannot be an access token: %v", u.TokenFile, err), Hint: "write the token alone there: sudo portti login"}}}
}
