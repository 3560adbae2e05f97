package kanuu

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"reflect"
)

// Trust makes a client that was given no transport, and has made no call yet,
// trust a test's server.
func Trust(client *Client, roots *x509.CertPool) {
	transport, ok := client.http.Transport.(*http.Transport)
	if !ok { // wrapped by a test
		transport = reflect.ValueOf(client.http.Transport).Field(0).Interface().(*http.Transport)
	}
	transport.TLSClientConfig = &tls.Config{RootCAs: roots}
}
