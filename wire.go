package kanuu

import (
	"bytes"
	"context"
	"io"
	"maps"
	"math"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"
)

const userAgent = "kanuu-go/" + Version + " (+https://github.com/kanuu-io/kanuu-go)"

// maxAnswer is how many bytes of an answer are read. A nonce takes 120.
const maxAnswer = 1 << 20

// endpoint is one of the API's calls with all that its requests have in common.
type endpoint struct {
	operation string        // for errors and log lines
	breaker   *breaker      // of its own: what fails for one endpoint says nothing of the other
	request   *http.Request // without context and body; shared, so never changed
}

func newEndpoint(operation string, base *url.URL, path string, key secret, breaker *breaker) *endpoint {
	target := base.JoinPath(path)
	if base.Path == "" { // JoinPath then takes it for a relative URL
		target.Path = "/" + target.Path
	}
	return &endpoint{operation: operation, breaker: breaker, request: &http.Request{
		Method: http.MethodPost,
		URL:    target,
		Host:   target.Host,
		Proto:  "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{
			"Accept":        {"application/json"},
			"Authorization": {"Bearer " + key.reveal()},
			"Content-Type":  {"application/json"},
			"User-Agent":    {userAgent},
		},
	}}
}

// newRequest sends body. The header is the endpoint's own.
func (e *endpoint) newRequest(ctx context.Context, body []byte) *http.Request {
	req := e.request.WithContext(ctx)
	req.Body = payload(body)
	req.ContentLength = int64(len(body))
	req.GetBody = func() (io.ReadCloser, error) { return payload(body), nil }
	return req
}

// payload is body as a request has it. In just this type net/http finds its
// way around a copy.
func payload(body []byte) io.ReadCloser { return io.NopCloser(bytes.NewReader(body)) }

// answer of Kanuu, read to its end or beyond the limit.
type answer struct {
	*reading

	status int
	header http.Header
}

// reading of a body, in memory that is used again.
type reading struct {
	buffer  bytes.Buffer
	limited io.LimitedReader
}

var readings = sync.Pool{New: func() any { return new(reading) }}

func newReading() *reading {
	r := readings.Get().(*reading) //nolint:forcetypeassert // nothing else is ever put there
	r.buffer.Reset()
	return r
}

// read at most limit+1 bytes of body.
func (r *reading) read(body io.Reader, limit int64) error {
	r.limited = io.LimitedReader{R: body, N: limit + 1}
	_, err := r.buffer.ReadFrom(&r.limited)
	r.limited.R = nil
	return err
}

func (r *reading) bytes() []byte { return r.buffer.Bytes() }

// release lets the next one have the memory: nothing of bytes may be used any
// more. A reading that is not released is garbage like any other.
func (r *reading) release() {
	if r.buffer.Cap() <= 64<<10 {
		readings.Put(r)
	}
}

// wire is how requests get to Kanuu.
type wire struct {
	client *http.Client

	// direct is the client's transport where the client adds nothing that this
	// package asks for: no cookies, no timeout of its own, and redirects are
	// not followed anyway.
	direct http.RoundTripper
}

func newWire(own *http.Client) wire {
	client := new(http.Client)
	if own != nil {
		*client = *own
	}

	if client.Transport == nil {
		client.Transport = newFirst(NewTransport())
	}
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

	wire := wire{client: client}
	switch client.Transport.(type) {
	case *first, *http.Transport: // which do not change requests
		if client.Jar == nil && client.Timeout == 0 {
			wire.direct = client.Transport
		}
	}
	return wire
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

// roundTrip sends body and reads the answer to its end, so that the connection
// is free for the next call.
func (w wire) roundTrip(ctx context.Context, to *endpoint, body []byte) (answer, error) {
	res, err := w.send(to.newRequest(ctx, body))
	if err != nil {
		return answer{}, err
	}
	defer res.Body.Close()
	reading := newReading()
	return answer{status: res.StatusCode, header: res.Header, reading: reading}, reading.read(res.Body, maxAnswer)
}

func (w wire) send(req *http.Request) (*http.Response, error) {
	if w.direct != nil {
		return w.direct.RoundTrip(req)
	}

	// Transports must not change a request, but many that add a header do.
	req.Header = maps.Clone(req.Header)
	return w.client.Do(req)
}
