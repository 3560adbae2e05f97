package kanuutest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"time"
)

// Server is a [Kanuu] that listens on a free loopback port.
type Server struct {
	*Kanuu

	// URL is the base URL, http://127.0.0.1:port without a slash at the end;
	// with https where [NewTLSServer] made it.
	URL string

	http *httptest.Server
}

// NewServer starts a fake. Nil options are the defaults. It panics when there is no
// port to be had. Close the server when done.
func NewServer(opts *Options) *Server {
	s := newServer(opts)
	s.http.Start()
	s.URL = s.http.URL
	return s
}

func newServer(opts *Options) *Server {
	k := New(opts)
	s := &Server{Kanuu: k, http: httptest.NewUnstartedServer(k)}
	s.http.Config.ReadHeaderTimeout = 10 * time.Second
	return s
}

// Close stops listening, ends every open connection, and stops sending webhooks.
// The recorded requests can still be read. Closing twice is fine.
func (s *Server) Close() {
	s.Kanuu.Close()
	s.http.CloseClientConnections()
	s.http.Close()
}

// NewTLSServer is [NewServer] with HTTPS, and HTTP/2, with the certificate of
// [httptest.Server]. Clients have to trust it: [Server.Client] does.
func NewTLSServer(opts *Options) *Server {
	s := newServer(opts)
	s.http.EnableHTTP2 = true
	s.http.Config.ErrorLog = log.New(io.Discard, "", 0) // of clients that do not trust it
	s.http.StartTLS()
	s.URL = s.http.URL
	return s
}

// Certificate is the server's own; nil unless [NewTLSServer] made it.
func (s *Server) Certificate() *x509.Certificate { return s.http.Certificate() }

// Client returns a client that trusts the server's certificate.
func (s *Server) Client() *http.Client { return s.http.Client() }

// NewCertificate makes a self-signed certificate, and a key of its own, for
// localhost, 127.0.0.1, ::1 and the further host names and IP addresses. It is
// valid for a year, and Leaf is set. For a PEM file, such as that of
// SSL_CERT_FILE, write Certificate[0] into a block of type CERTIFICATE.
func NewCertificate(hosts ...string) tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil { // never fails: it crashes the program instead
		panic("kanuutest: " + err.Error())
	}
	now := time.Now()
	template := &x509.Certificate{
		Subject:     pkix.Name{Organization: []string{"Fake Kanuu for development"}, CommonName: "localhost"},
		NotBefore:   now.Add(-time.Hour), // of a client whose clock is behind
		NotAfter:    now.AddDate(1, 0, 0),
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		IsCA:        true, // clients trust it as its own authority

		BasicConstraintsValid: true,
	}
	for _, host := range append([]string{"localhost", "127.0.0.1", "::1"}, hosts...) {
		if ip := net.ParseIP(host); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, host)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		panic("kanuutest: NewCertificate: " + err.Error())
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil { // it was just made
		panic("kanuutest: NewCertificate: " + err.Error())
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}
