//go:build peers

package peers_test

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"

	"portti/uplink"
)

func TestNATSLogin(t *testing.T) {
	user, _ := nkeys.CreateUser()
	public, _ := user.PublicKey()
	seed, _ := user.Seed()
	other, _ := nkeys.CreateUser()
	wrong, _ := other.Seed()
	conf := "authorization { %s }\n"
	creds, resolver := credentials(t)
	for name, c := range map[string]struct {
		conf, user, good, bad string
		own                   nats.Option
	}{
		"token":    {fmt.Sprintf(conf, `token: "t0ken-of-all"`), "", "t0ken-of-all", "t0ken-of-none", nats.Token("t0ken-of-all")},
		"password": {fmt.Sprintf(conf, `user: "gw", password: "pass-of-gw"`), "gw", "pass-of-gw", "pass-of-none", nats.UserInfo("gw", "pass-of-gw")},
		"nkey":     {fmt.Sprintf(conf, `users: [ { nkey: `+public+` } ]`), "", string(seed), string(wrong), nkeyOption(public, user)},
		"jwt":      {resolver, "", creds(nil), creds(other), nats.UserCredentials(write(t, creds(nil)))},
	} {
		t.Run(name, func(t *testing.T) {
			s := newNATS(t, c.conf, c.own)
			js := s.client()
			addStream(t, js, nats.StreamConfig{})
			o := natsOptions(s.url())
			file := write(t, c.bad)
			o.Auth, o.Token, o.NATS.Username = uplink.AuthFirstMessage, uplink.NewFileToken(file), c.user
			r := run(t, o, newQueue(0))
			r.q.add(300)
			words(t, r, uplink.ProblemAuthRejected, "Authorization Violation")
			if err := os.WriteFile(file, []byte(c.good), 0o600); err != nil {
				t.Fatal(err)
			}
			r.link.Wake()
			complete(t, r, js, 300)
		})
	}
}

func write(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func nkeyOption(public string, key nkeys.KeyPair) nats.Option {
	return nats.Nkey(public, key.Sign)
}

// credentials makes an operator with one account, as the tool nsc would, and gives what makes
// files of credentials for a user, signed with the key of another one where that is given.
func credentials(t *testing.T) (creds func(signer nkeys.KeyPair) string, conf string) {
	t.Helper()
	operator, _ := nkeys.CreateOperator()
	account, _ := nkeys.CreateAccount()
	user, _ := nkeys.CreateUser()
	accountKey, _ := account.PublicKey()
	userKey, _ := user.PublicKey()
	operatorKey, _ := operator.PublicKey()
	limits := map[string]any{"subs": -1, "data": -1, "payload": -1, "imports": -1, "exports": -1, "wildcards": true, "conn": -1, "leaf": -1, "mem_storage": -1, "disk_storage": -1, "streams": -1, "consumer": -1}
	op := signed(t, operator, operatorKey, "O", map[string]any{"type": "operator", "version": 2})
	system, _ := nkeys.CreateAccount()
	systemKey, _ := system.PublicKey()
	sys := signed(t, operator, systemKey, "S", map[string]any{"type": "account", "version": 2, "limits": map[string]any{"subs": -1, "conn": -1}})
	acc := signed(t, operator, accountKey, "A", map[string]any{"type": "account", "version": 2, "limits": limits})
	seed, _ := user.Seed()
	creds = func(signer nkeys.KeyPair) string {
		u := signed(t, account, userKey, "U", map[string]any{"type": "user", "version": 2, "subs": -1, "data": -1, "payload": -1})
		by := seed
		if signer != nil {
			by, _ = signer.Seed()
		}
		return fmt.Sprintf("-----BEGIN NATS USER JWT-----\n%s\n------END NATS USER JWT------\n\n************************* IMPORTANT *************************\nNKEY Seed printed below can be used to sign and prove identity.\n\n-----BEGIN USER NKEY SEED-----\n%s\n------END USER NKEY SEED------\n\n*************************************************************\n", u, by)
	}
	return creds, fmt.Sprintf("operator: %s\nresolver: MEMORY\nsystem_account: %s\nresolver_preload: { %s: %s, %s: %s }\n", op, systemKey, systemKey, sys, accountKey, acc)
}

// signed is a JWT as NATS has them (github.com/nats-io/jwt, claims.go).
func signed(t *testing.T, by nkeys.KeyPair, subject, name string, claims map[string]any) string {
	t.Helper()
	issuer, _ := by.PublicKey()
	body := map[string]any{"iat": time.Now().Unix(), "iss": issuer, "sub": subject, "name": name, "nats": claims}
	plain, _ := json.Marshal(body)
	sum := sha256.Sum256(plain)
	body["jti"] = base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(sum[:])
	text, _ := json.Marshal(body)
	head := base64.RawURLEncoding.EncodeToString([]byte(`{"typ":"JWT","alg":"ed25519-nkey"}`)) + "." + base64.RawURLEncoding.EncodeToString(text)
	sig, err := by.Sign([]byte(head))
	if err != nil {
		t.Fatal(err)
	}
	return head + "." + base64.RawURLEncoding.EncodeToString(sig)
}
