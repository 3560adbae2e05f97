package emulator_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kanuu-io/kanuu-go/cmd/kanuu/internal/emulator"
)

func TestReadSigningKey(t *testing.T) {
	t.Parallel()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	_, other, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)

	pkcs8 := func(key any) []byte {
		der, err := x509.MarshalPKCS8PrivateKey(key)
		require.NoError(t, err)
		return der
	}
	public, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	require.NoError(t, err)
	for name, tt := range map[string]struct {
		kind string
		der  []byte
		says string // empty: it is read
	}{
		"PKCS #1":     {"RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(key), ""},
		"PKCS #8":     {"PRIVATE KEY", pkcs8(key), ""},
		"public key":  {"PUBLIC KEY", public, "is a public key"},
		"other kind":  {"PRIVATE KEY", pkcs8(other), "is not an RSA key"},
		"encrypted":   {"ENCRYPTED PRIVATE KEY", []byte{1}, "is encrypted: take the passphrase off"},
		"damaged":     {"PRIVATE KEY", pkcs8(key)[:99], "is not a private key in the form"},
		"certificate": {"CERTIFICATE", public, "is not a private key in the form"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "key.pem")
			require.NoError(t, os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: tt.kind, Bytes: tt.der}), 0o600))

			got, err := emulator.ReadSigningKey(file)
			if tt.says != "" {
				require.ErrorContains(t, err, file+" "+tt.says)
				return
			}

			require.NoError(t, err)
			assert.True(t, key.Equal(got))
		})
	}

	_, err = emulator.ReadSigningKey(filepath.Join(t.TempDir(), "none.pem"))
	require.ErrorIs(t, err, os.ErrNotExist)

	file := filepath.Join(t.TempDir(), "text")
	require.NoError(t, os.WriteFile(file, []byte("s3cret"), 0o600))
	_, err = emulator.ReadSigningKey(file)
	require.EqualError(t, err, file+" is not PEM")
}
