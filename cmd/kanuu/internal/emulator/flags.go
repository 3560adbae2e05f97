package emulator

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"

	"github.com/kanuu-io/kanuu-go/kanuutest"
)

// PlanForm shows how a plan is written.
const PlanForm = `12345:Basic:9.00 EUR/month`

var planForm = regexp.MustCompile(`^(\d+):(.*\S.*):\s*(\d+(?:\.\d\d)?) ([A-Z]{3})/(month|year)(?:, (\d{1,3}) days trial)?$`)

// ParsePlans reads plans in the form of [PlanForm], optionally with
// ", 14 days trial" at the end.
func ParsePlans(texts []string) ([]kanuutest.Plan, error) {
	var plans []kanuutest.Plan
	seen := make(map[int64]bool)
	for _, text := range texts {
		part := planForm.FindStringSubmatch(text)
		if part == nil {
			return nil, fmt.Errorf("%q is not a plan: write it like %q, or with /year, or with \", 14 days trial\" at the end",
				text, PlanForm)
		}
		id, err := strconv.ParseInt(part[1], 10, 64)
		if err != nil || id == 0 {
			return nil, fmt.Errorf("%q is not a plan: its id is not one of Paddle's", text)
		}

		if seen[id] {
			return nil, fmt.Errorf("two plans have the id %d", id)
		}
		seen[id] = true
		trial, _ := strconv.Atoi(part[6]) // at most three digits, or empty: none

		plans = append(plans, kanuutest.Plan{
			ID: id, Name: strings.TrimSpace(part[2]), Price: part[3], Currency: part[4], Yearly: part[5] == "year",
			TrialDays: trial,
		})
	}
	return plans, nil
}

// minKeyBits is the smallest RSA key that Go signs with.
const minKeyBits = 1024

// ReadSigningKey reads an RSA private key from a PEM file. Its errors repeat
// nothing of the file.
func ReadSigningKey(file string) (*rsa.PrivateKey, error) {
	text, err := os.ReadFile(file) //nolint:gosec // the user named it
	if err != nil {
		return nil, fmt.Errorf("cannot read the signing key: %w", err)
	}
	block, _ := pem.Decode(text)
	switch {
	case block == nil:
		return nil, fmt.Errorf("%s is not PEM", file)
	case block.Type == "PUBLIC KEY" || block.Type == "RSA PUBLIC KEY":
		return nil, fmt.Errorf("%s is a public key, and signing takes the private one", file)
	case block.Type == "ENCRYPTED PRIVATE KEY" || block.Headers["DEK-Info"] != "":
		return nil, fmt.Errorf("%s is encrypted: take the passphrase off (openssl pkey -in FILE -out NEW)", file)
	}

	key, err := parseKey(block)
	if err != nil {
		return nil, fmt.Errorf("%s %w", file, err)
	}
	return key, nil
}

func parseKey(block *pem.Block) (*rsa.PrivateKey, error) {
	if key, err := x509.ParsePKCS1PrivateKey(block.Bytes); err == nil {
		return strong(key)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, errors.New("is not a private key in the form of PKCS #1 or #8")
	}
	key, ok := parsed.(*rsa.PrivateKey)
	if !ok {
		return nil, errors.New("is not an RSA key, and Paddle signs with RSA")
	}
	return strong(key)
}

func strong(key *rsa.PrivateKey) (*rsa.PrivateKey, error) {
	if bits := key.N.BitLen(); bits < minKeyBits {
		return nil, fmt.Errorf("has %d bits, too few to sign with: at least %d", bits, minKeyBits)
	}
	return key, nil
}
