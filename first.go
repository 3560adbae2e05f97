package kanuu

import (
	"context"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// maxFirst is how long callers wait for the first call before they open
// connections of their own.
const maxFirst = time.Second

// first lets one caller open the first connection while the others wait for its
// answer: over HTTP/2 they then share that connection, where http.Transport
// alone would have opened one for each of them. Once a server was seen to speak
// HTTP/1.1 only, nobody waits any more.
type first struct {
	transport *http.Transport

	open  atomic.Int64 // connections
	http1 atomic.Bool  // each caller needs a connection anyway

	mu     sync.Mutex                    // held to become the one
	answer atomic.Pointer[chan struct{}] // closed when the first call is over; nil: there is none
}

// newFirst counts the transport's connections.
func newFirst(transport *http.Transport) *first {
	f := &first{transport: transport}
	dial := transport.DialContext
	transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		f.open.Add(1)
		return &countedConn{Conn: conn, closed: sync.OnceFunc(func() { f.open.Add(-1) })}, nil
	}
	return f
}

type countedConn struct {
	net.Conn

	closed func()
}

func (c *countedConn) Close() error {
	c.closed()
	return c.Conn.Close()
}

// RoundTrip is the transport's.
func (f *first) RoundTrip(req *http.Request) (*http.Response, error) {
	if f.http1.Load() || req.URL.Scheme != "https" || f.open.Load() > 0 && f.answer.Load() == nil {
		return f.transport.RoundTrip(req)
	}
	over, others := f.lead()
	if others != nil {
		wait(req.Context(), others)
		return f.transport.RoundTrip(req) // which sees to it if the context is done
	}
	defer over()

	res, err := f.transport.RoundTrip(req)
	if err == nil && res.ProtoMajor == 1 {
		f.http1.Store(true)
	}
	return res, err
}

// lead makes the caller the first, who says when it is over, or returns what
// the others wait for.
func (f *first) lead() (over func(), others <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if answer := f.answer.Load(); answer != nil {
		return nil, *answer
	}
	answer := make(chan struct{})
	f.answer.Store(&answer)
	return func() {
		f.answer.Store(nil)
		close(answer)
	}, nil
}

func wait(ctx context.Context, others <-chan struct{}) {
	timer := time.NewTimer(maxFirst)
	defer timer.Stop()
	select {
	case <-others:
	case <-timer.C:
	case <-ctx.Done():
	}
}

// CloseIdleConnections is the transport's.
func (f *first) CloseIdleConnections() { f.transport.CloseIdleConnections() }
