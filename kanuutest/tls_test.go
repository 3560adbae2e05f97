package kanuutest_test

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kanuu-io/kanuu-go/kanuutest"
)

func TestNewTLSServer(t *testing.T) {
	t.Parallel()
	s := kanuutest.NewTLSServer(nil)
	t.Cleanup(s.Close)
	require.True(t, strings.HasPrefix(s.URL, "https://127.0.0.1:"), s.URL)

	made := send(t, s.Client(), newCall(t, s.URL+noncePath, `{"identifier":"42"}`))
	assert.Equal(t, http.StatusCreated, made.StatusCode)
	assert.Equal(t, "HTTP/2.0", made.Proto)
	link := decode(t, made)["url"]
	assert.True(t, strings.HasPrefix(link, s.URL+"/manage/acme/"))
	page := visit(t, s.Client(), http.MethodGet, link)
	require.Len(t, page.Cookies(), 1)
	assert.True(t, page.Cookies()[0].Secure)
	require.NotNil(t, s.Certificate())
	assert.Equal(t, s.Certificate().Raw, made.TLS.PeerCertificates[0].Raw)

	require.ErrorAs(t, try(newCall(t, s.URL+noncePath, "")), new(*tls.CertificateVerificationError))
	s.Inject(kanuutest.Fault{Drop: true, Times: 1})
	_, err := s.Client().Do(newCall(t, s.URL+noncePath, "{}")) //nolint:bodyclose // there is none
	require.Error(t, err)
}

func TestClientOfAPlainServer(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	assert.Nil(t, s.Certificate())
	assert.Equal(t, http.StatusCreated, send(t, s.Client(), newCall(t, s.URL+noncePath, `{"identifier":"42"}`)).StatusCode)
}

func TestNewCertificate(t *testing.T) {
	t.Parallel()
	certificate := kanuutest.NewCertificate("kanuu.test", "10.0.0.7")
	roots := x509.NewCertPool()
	roots.AddCert(certificate.Leaf)
	for _, host := range []string{"localhost", "127.0.0.1", "::1", "kanuu.test", "10.0.0.7"} {
		_, err := certificate.Leaf.Verify(x509.VerifyOptions{DNSName: host, Roots: roots})
		require.NoError(t, err, host)
	}
	_, err := certificate.Leaf.Verify(x509.VerifyOptions{DNSName: "kanuu.io", Roots: roots})
	require.Error(t, err)
	assert.WithinDuration(t, time.Now().AddDate(1, 0, 0), certificate.Leaf.NotAfter, time.Minute)
	assert.NotEqual(t, certificate.Leaf.SerialNumber, kanuutest.NewCertificate().Leaf.SerialNumber)
}
