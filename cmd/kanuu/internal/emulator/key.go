package emulator

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
)

// minKeyBits is the smallest RSA key that Go signs with.
const minKeyBits = 1024

// ReadSigningKey reads an RSA private key from a PEM file. Its errors repeat
// nothing of the file.
func ReadSigningKey(file string) (*rsa.PrivateKey, error) {
	text, err := os.ReadFile(file) //nolint:gosec // the user named it
	if err != nil {
		return nil, fmt.Errorf("cannot read the signing key: %w", err)
	}
	key, err := parseKey(text)
	if err != nil {
		return nil, fmt.Errorf("%s %w", file, err)
	}
	return key, nil
}

func parseKey(text []byte) (*rsa.PrivateKey, error) {
	block, _ := pem.Decode(text)
	switch {
	case block == nil:
		return nil, errors.New("is not PEM")
	case block.Type == "PUBLIC KEY" || block.Type == "RSA PUBLIC KEY":
		return nil, errors.New("is a public key, and signing takes the private one")
	case block.Type == "ENCRYPTED PRIVATE KEY" || block.Headers["DEK-Info"] != "":
		return nil, errors.New("is encrypted: take the passphrase off (openssl pkey -in FILE -out NEW)")
	}
	key, err := x509.ParsePKCS1PrivateKey(block.Bytes)
	if err != nil {
		parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
		if err != nil {
			return nil, errors.New("is not a private key in the form of PKCS #1 or #8")
		}
		var ok bool
		if key, ok = parsed.(*rsa.PrivateKey); !ok {
			return nil, errors.New("is not an RSA key, and Paddle signs with RSA")
		}
	}
	if bits := key.N.BitLen(); bits < minKeyBits {
		return nil, fmt.Errorf("has %d bits, too few to sign with: at least %d", bits, minKeyBits)
	}
	return key, nil
}
