package kanuu

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"reflect"
	"strconv"
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

// KeptOf puts n keys into what the package remembers of recent events, and again
// in between, and returns those that are kept.
func KeptOf(n int, again string) []string {
	r := newRecent[int]()
	for i := range n {
		r.put("k"+strconv.Itoa(i), i)
		r.put(again, i)
	}
	return r.identifiers()
}
