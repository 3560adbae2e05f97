package kanuu

import (
	"math"
	"net"
	"net/http"
	"time"
)

const userAgent = "kanuu-go/" + Version + " (+https://github.com/kanuu-io/kanuu-go)"

// newHTTPClient is a copy of the application's own client, if it has one, that
// follows no redirect: the key is for one host.
func newHTTPClient(own *http.Client) *http.Client {
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

// NewTransport makes a transport that suits calls to Kanuu, to be wrapped by one
// that traces and then set in [Config.HTTPClient]. It keeps an idle connection
// for every caller there was at once, where [http.DefaultTransport] keeps two
// and dials for every other call of a busy application; it speaks HTTP/2 and
// gives up connections that died in silence; it gives up dialing after 3 s. It
// goes through the proxy that the environment names.
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
		// A connection that a router on the way forgot looks like one that is
		// slow, and over HTTP/2 every call would go to it for minutes.
		HTTP2:              &http.HTTP2Config{SendPingTimeout: 4 * time.Second, PingTimeout: 2 * time.Second},
		DisableCompression: true, // answers are smaller than gzip's gain
	}
}
