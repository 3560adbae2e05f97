package cli

import (
	"crypto/tls"
	"net/http"
)

// httpClient trusts the root certificates that the program was given.
func (a *app) httpClient() *http.Client {
	return &http.Client{Transport: &http.Transport{
		Proxy:             http.ProxyFromEnvironment,
		DisableKeepAlives: true,
		TLSClientConfig:   &tls.Config{RootCAs: a.RootCAs, MinVersion: tls.VersionTLS12},
	}}
}
