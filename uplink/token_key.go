package uplink

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
)

// DeviceKey is a key that was made on this gateway and stays here. What it
// shows is public.
type DeviceKey struct {
	ID     string // kid: the thumbprint of RFC 7638
	JWK    string // the public key as RFC 7517 has it, with kid and alg
	Public string // the public key in PEM

	private crypto.Signer
}

// String, GoString and Format by fmt would print the private key's numbers.
func (k *DeviceKey) String() string { return "device key " + k.ID }

// GoString is String.
func (k *DeviceKey) GoString() string { return k.String() }

// LoadDeviceKey reads the key for alg at path, or makes it there when there is
// none yet; home is as for WriteSecret. A key that cannot be written is not
// used: nobody could have given its public half to the server.
func LoadDeviceKey(path, home, alg string) (*DeviceKey, error) {
	text, err := readFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return newDeviceKey(path, home, alg)
	case err != nil:
		return nil, fmt.Errorf("cannot read the device key: %w", err)
	}
	block, _ := pem.Decode(text)
	if block == nil || block.Type != "PRIVATE KEY" {
		return nil, fmt.Errorf("cannot read the device key %s: it is not a PEM file with a PRIVATE KEY", path)
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("cannot read the device key %s: it is damaged", path)
	}
	switch private := key.(type) {
	case *ecdsa.PrivateKey:
		if alg == AlgES256 && private.Curve == elliptic.P256() {
			return describeKey(private), nil
		}
	case ed25519.PrivateKey:
		if alg == AlgEdDSA {
			return describeKey(private), nil
		}
	}
	return nil, fmt.Errorf("cannot use the device key %s: it is not one for %s; put alg back, or move the file away to have a new key made", path, alg)
}

func newDeviceKey(path, home, alg string) (*DeviceKey, error) {
	var private crypto.Signer
	var err error
	if alg == AlgEdDSA {
		_, private, err = ed25519.GenerateKey(rand.Reader)
	} else {
		private, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot make a device key: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return nil, fmt.Errorf("cannot make a device key: %w", err)
	}
	if err := WriteSecret(path, home, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})); err != nil {
		return nil, fmt.Errorf("cannot keep the device key: %w", err)
	}
	return describeKey(private), nil
}

// describeKey computes what others need of a key. The members of the JWK stand
// in the order that RFC 7638 hashes them in. Keys of these two kinds can always be
// written.
func describeKey(private crypto.Signer) *DeviceKey {
	encode := base64.RawURLEncoding.EncodeToString
	var members, alg string
	switch public := private.Public().(type) {
	case *ecdsa.PublicKey:
		point, _ := public.Bytes() // 4, x, y
		members = fmt.Sprintf(`"crv":"P-256","kty":"EC","x":"%s","y":"%s"`, encode(point[1:33]), encode(point[33:]))
		alg = AlgES256
	case ed25519.PublicKey:
		members = fmt.Sprintf(`"crv":"Ed25519","kty":"OKP","x":"%s"`, encode(public))
		alg = AlgEdDSA
	}
	sum := sha256.Sum256([]byte("{" + members + "}"))
	der, _ := x509.MarshalPKIXPublicKey(private.Public())
	k := &DeviceKey{ID: encode(sum[:]), private: private, Public: string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))}
	k.JWK = fmt.Sprintf(`{%s,"use":"sig","alg":"%s","kid":"%s"}`, members, alg, k.ID)
	return k
}
