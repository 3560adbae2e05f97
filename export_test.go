package kanuu

import (
	"crypto/tls"
	"crypto/x509"
)

// Trust makes a client that was given no transport, and has made no call yet,
// trust a test's server.
func Trust(client *Client, roots *x509.CertPool) {
	client.wire.client.Transport.(*first).transport.TLSClientConfig = &tls.Config{RootCAs: roots}
}
