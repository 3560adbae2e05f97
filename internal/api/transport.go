package api

import (
	"math"
	"net"
	"net/http"
	"time"
)

// NewHTTPClient returns a copy of the application's own client, if it has one, that
// follows no redirect: the key is for one host.
func NewHTTPClient(own *http.Client) *http.Client {
	client := new(http.Client)
	if own != nil {
		*client = *own
	}
	if client.Transport == nil {
		client.Transport = NewTransport()
	}
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return client
}

// NewTransport is documented where the root package has it.
func NewTransport() *http.Transport {
	dialer := &net.Dialer{Timeout: 3 * time.Second, KeepAlive: 30 * time.Second}
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            dialer.DialContext,
		TLSHandshakeTimeout:    3 * time.Second,
		ResponseHeaderTimeout:  0, // the attempt's deadline covers it
		MaxIdleConns:           0, // no limit
		MaxIdleConnsPerHost:    math.MaxInt,
		IdleConnTimeout:        90 * time.Second,
		MaxResponseHeaderBytes: 64 << 10,
		ForceAttemptHTTP2:      true, // a DialContext of its own would switch it off
		// A connection that a router on the way dropped looks like one that is
		// slow, and over HTTP/2 every call would go to it for minutes.
		HTTP2:              &http.HTTP2Config{SendPingTimeout: 4 * time.Second, PingTimeout: 2 * time.Second},
		DisableCompression: true, // answers are smaller than gzip's gain
	}
}
