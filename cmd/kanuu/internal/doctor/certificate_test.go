package doctor_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"log"
	"math/big"
	"net"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kanuu-io/kanuu-go/cmd/kanuu/internal/doctor"
	"github.com/kanuu-io/kanuu-go/kanuutest"
)

const day = 24 * time.Hour

// authority issues certificates.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)

	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Acme Root"},
		NotBefore: time.Now().Add(-1000 * day), NotAfter: time.Now().Add(1000 * day),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	certificate, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	return &authority{certificate, key}
}

func (a *authority) pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.certificate)
	return pool
}

// server has a certificate of the authority, valid between the two times from now.
func (a *authority) server(t *testing.T, from, to time.Duration, names ...string) *httptest.Server {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "fake"},
		NotBefore: time.Now().Add(from), NotAfter: time.Now().Add(to), DNSNames: names,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	if len(names) == 0 {
		template.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1)}
	}

	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, &key.PublicKey, a.key)
	require.NoError(t, err)

	server := httptest.NewUnstartedServer(kanuutest.New(nil))
	server.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	return server
}

func TestCertificate(t *testing.T) {
	t.Parallel()
	root := newAuthority(t)
	for name, tt := range map[string]struct {
		from, to time.Duration
		names    []string
		roots    *x509.CertPool
		clock    time.Duration
		status   doctor.Status
		says     []string
	}{
		"fine": {from: -day, to: 90 * day, roots: root.pool(), status: doctor.OK,
			says: []string{"in 90 days", "TLS 1.3"}},
		"expires soon": {from: -80 * day, to: 10 * day, roots: root.pool(), status: doctor.Warn,
			says: []string{"in 10 days", "renew"}},
		"expired": {from: -91 * day, to: -day, roots: root.pool(), status: doctor.Fail,
			says: []string{"certificate has expired", "renew it", "clock"}},
		"not yet valid": {from: day, to: 90 * day, roots: root.pool(), status: doctor.Fail,
			says: []string{"not yet valid", "is before", "clock"}},
		"unknown CA": {
			from: -day, to: 90 * day, roots: newAuthority(t).pool(), status: doctor.Fail,
			says: []string{"signed by unknown authority", "SSL_CERT_FILE"},
		},
		"wrong host": {
			from: -day, to: 90 * day, names: []string{"kanuu.example", "www.kanuu.example"}, roots: root.pool(),
			status: doctor.Fail,
			says:   []string{"127.0.0.1", "KANUU_BASE_URL"},
		},
		"fine, but the clock is a year ahead": {
			from: -day, to: 90 * day, roots: root.pool(), clock: 365 * day, status: doctor.Fail,
			says: []string{"certificate has expired", "unless it is this machine's clock"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := root.server(t, tt.from, tt.to, tt.names...)
			findings := examine(t, doctor.Setup{
				APIKey: kanuutest.DefaultAPIKey, BaseURL: server.URL, RootCAs: tt.roots,
				Now: func() time.Time { return time.Now().Add(tt.clock) },
			})

			assertFinding(t, findings["certificate"], tt.status, tt.says...)
			assert.Equal(t, doctor.OK, findings["base url"].Status, "somebody is there")

			want := doctor.OK
			if tt.status == doctor.Fail {
				want = doctor.Skip // the key is not sent to whoever that is
			}
			assert.Equal(t, want, findings["key accepted"].Status)
		})
	}
}
