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
	"github.com/kanuu-io/kanuu-go/kanuutest"
)

func TestParsePlans(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]kanuutest.Plan{
		emulator.PlanForm:                        {ID: 12345, Name: "Basic", Price: "9.00", Currency: "EUR"},
		"67:Pro:290.00 EUR/year":                 {ID: 67, Name: "Pro", Price: "290.00", Currency: "EUR", Yearly: true},
		"67:Pro: 290 JPY/month":                  {ID: 67, Name: "Pro", Price: "290", Currency: "JPY"},
		"5:Team: big, 5 seats:0.99 USD/month":    {ID: 5, Name: "Team: big, 5 seats", Price: "0.99", Currency: "USD"},
		"5:Team:99.00 USD/month, 14 days trial":  {ID: 5, Name: "Team", Price: "99.00", Currency: "USD", TrialDays: 14},
		"5: Größe XL :99.00 USD/month":           {ID: 5, Name: "Größe XL", Price: "99.00", Currency: "USD"},
		"9223372036854775807:Max:1.00 EUR/month": {ID: 9223372036854775807, Name: "Max", Price: "1.00", Currency: "EUR"},
	} {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			plans, err := emulator.ParsePlans([]string{text})
			require.NoError(t, err)
			assert.Equal(t, []kanuutest.Plan{want}, plans)
		})
	}
}

func TestParsePlansRefuses(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		texts []string
		says  string
	}{
		"nothing":        {[]string{""}, "is not a plan: write it like"},
		"no name":        {[]string{"1::9.00 EUR/month"}, "is not a plan"},
		"a blank name":   {[]string{"1:  :9.00 EUR/month"}, "is not a plan"},
		"no currency":    {[]string{"1:Basic:9.00/month"}, "is not a plan"},
		"a week":         {[]string{"1:Basic:9.00 EUR/week"}, "is not a plan"},
		"a comma":        {[]string{"1:Basic:9,00 EUR/month"}, "is not a plan"},
		"one decimal":    {[]string{"1:Basic:9.0 EUR/month"}, "is not a plan"},
		"the id 0":       {[]string{"0:Basic:9.00 EUR/month"}, "id is not one of Paddle's"},
		"a large id":     {[]string{"9223372036854775808:Basic:9.00 EUR/month"}, "id is not one of Paddle's"},
		"an id twice":    {[]string{"1:Basic:9.00 EUR/month", "01:Pro:9.00 EUR/month"}, "two plans have the id 1"},
		"trial of weeks": {[]string{"1:Basic:9.00 EUR/month, 2 weeks trial"}, "is not a plan"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := emulator.ParsePlans(tt.texts)
			require.ErrorContains(t, err, tt.says)
		})
	}
}

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
