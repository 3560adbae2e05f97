package kanuuredis_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/rueidis"
	"github.com/stretchr/testify/require"
)

// endpoint is an address that stays the same while the server behind it changes, as a
// DNS name or a Kubernetes Service does. Connections stay where they are. The network
// in between can be slow, or let nothing through.
type endpoint struct {
	listener net.Listener
	target   atomic.Pointer[redisServer]
	delay    atomic.Int64 // in each direction
	blocked  atomic.Bool
}

func newEndpoint(tb testing.TB, target *redisServer) *endpoint {
	tb.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(tb, err)
	e := &endpoint{listener: listener}
	e.target.Store(target)
	ctx, cancel := context.WithCancel(context.WithoutCancel(tb.Context()))
	var running sync.WaitGroup
	running.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			running.Go(func() { e.serve(ctx, conn) })
		}
	})
	tb.Cleanup(func() {
		_ = listener.Close()
		cancel()
		running.Wait()
	})
	return e
}

// serve copies both ways until either side ends, or ctx does.
func (e *endpoint) serve(ctx context.Context, client net.Conn) {
	defer func() { _ = client.Close() }()
	server, err := net.Dial("tcp", e.target.Load().address)
	if err != nil {
		return
	}
	end := func() { _, _ = client.Close(), server.Close() }
	defer context.AfterFunc(ctx, end)()
	var copying sync.WaitGroup
	for _, pair := range [][2]net.Conn{{client, server}, {server, client}} {
		copying.Go(func() {
			defer end()
			e.copy(ctx, pair[0], pair[1])
		})
	}
	copying.Wait()
}

// copy passes on what it reads as late as the network does.
func (e *endpoint) copy(ctx context.Context, to io.Writer, from io.Reader) {
	type packet struct {
		due  time.Time
		data []byte
	}
	packets := make(chan packet, 1024)
	var reading sync.WaitGroup
	defer reading.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	reading.Go(func() {
		defer close(packets)
		for buffer := make([]byte, 1<<16); ; {
			n, err := from.Read(buffer)
			if err != nil {
				return
			}
			select {
			case packets <- packet{time.Now().Add(time.Duration(e.delay.Load())), bytes.Clone(buffer[:n])}:
			case <-ctx.Done():
				return
			}
		}
	})
	for p := range packets {
		for e.blocked.Load() || time.Now().Before(p.due) {
			select {
			case <-ctx.Done():
				return
			case <-time.After(tick):
			}
		}
		if _, err := to.Write(p.data); err != nil {
			return
		}
	}
}

func (e *endpoint) option() rueidis.ClientOption {
	return rueidis.ClientOption{InitAddress: []string{e.listener.Addr().String()}}
}

// replicate makes s a replica of primary, and returns when it has everything.
func (s *redisServer) replicate(primary *redisServer) {
	s.t.Helper()
	host, port := primary.host()
	s.command("REPLICAOF", host, port)
	eventually(s.t, func() bool {
		return strings.Contains(s.command("INFO", "replication"), "master_link_status:up")
	}, "replication")
}
