package cli

import (
	"crypto/tls"
	"net/http"
)

// httpClient is nil, which stands for the library's own, unless the program
// was given root certificates.
func (a *app) httpClient() *http.Client {
	if a.RootCAs == nil {
		return nil
	}
	return &http.Client{Transport: &http.Transport{
		Proxy:           http.ProxyFromEnvironment,
		TLSClientConfig: &tls.Config{RootCAs: a.RootCAs, MinVersion: tls.VersionTLS12},
	}}
}
