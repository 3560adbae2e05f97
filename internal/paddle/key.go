package paddle

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // it is what Paddle signs with
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
)

// ParseKey reads a public key: PEM, PEM with each line end written as \n, or base64
// of the PEM. It returns what is wrong instead, which repeats nothing of the text:
// it may be a private key.
func ParseKey(text string) (*rsa.PublicKey, string) {
	const again = ": copy the public key from Paddle's dashboard again, and set PADDLE_PUBLIC_KEY to all of it"

	text = unquote(text)
	if text == "" {
		return nil, "is empty: set PADDLE_PUBLIC_KEY to the public key that Paddle's dashboard shows"
	}

	if !strings.Contains(text, "-----BEGIN") {
		decoded, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(strings.Join(strings.Fields(text), ""), "="))
		switch {
		case err != nil:
			return nil, "is neither PEM nor base64 of it" + again
		case bytes.HasPrefix(decoded, []byte{0x30}): // how DER starts
			return nil, "is without its lines -----BEGIN PUBLIC KEY----- and -----END PUBLIC KEY-----" + again
		case !bytes.Contains(decoded, []byte("-----BEGIN")):
			return nil, "is base64, but not of PEM" + again
		}
		text = unquote(string(decoded))
	}

	block, rest := pem.Decode([]byte(text))
	switch {
	case strings.Contains(text, "PRIVATE KEY-----"):
		return nil, "is a private key, which must not be here" + again
	case block == nil && !strings.Contains(text, "-----END"):
		return nil, "is cut off: it has no line -----END PUBLIC KEY-----" + again
	case block == nil:
		return nil, "is damaged PEM, or all of it is on one line: keep the line ends, or write each as \\n"
	case block.Type == "CERTIFICATE":
		return nil, "is a certificate and not a public key" + again
	case len(bytes.TrimSpace(rest)) > 0:
		return nil, "has text after the key: further keys go to WebhookOptions.ExtraPublicKeys"
	}
	return parseRSA(block, again)
}

// unquote undoes what shells, .env files and dashboards do to a text with
// several lines.
func unquote(text string) string {
	text = strings.Trim(text, " \t\r\n\"'`\ufeff")
	return strings.NewReplacer(`\r\n`, "\n", `\n`, "\n", `\r`, "\n").Replace(text)
}

func parseRSA(block *pem.Block, again string) (*rsa.PublicKey, string) {
	parsed, err := x509.ParsePKIXPublicKey(block.Bytes)
	if block.Type == "RSA PUBLIC KEY" {
		parsed, err = x509.ParsePKCS1PublicKey(block.Bytes)
	}

	if err != nil {
		return nil, "is damaged" + again
	}
	key, ok := parsed.(*rsa.PublicKey)
	if !ok {
		return nil, fmt.Sprintf("is a key for another algorithm, %T, and Paddle's is RSA%s", parsed, again)
	}

	// Go verifies nothing with keys that are too weak.
	if err := rsa.VerifyPKCS1v15(key, crypto.SHA1, make([]byte, sha1.Size), make([]byte, key.Size())); !errors.Is(err,
		rsa.ErrVerification) {
		return nil, fmt.Sprintf("is an RSA key of %d bits that Go does not use (%v)%s", key.N.BitLen(), err, again)
	}
	return key, ""
}
