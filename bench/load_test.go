package bench_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/kanuu-io/kanuu-go"
)

// BenchmarkLoad has many callers create nonces at once while the server takes 20 ms to respond.
// Each client has the transport that it comes with. new-conns/op are connections opened by a warm
// client; max-ms is the longest call.
func BenchmarkLoad(b *testing.B) {
	for _, load := range []struct {
		proto, base string
		callers     int
	}{{"h1", server.h1, 64}, {"h1", server.h1, 256}, {"h2", server.h2, 64}} {
		peers := noncePeers(b, load.base, false)
		for _, p := range peers {
			b.Run(fmt.Sprintf("proto=%s/callers=%d/peer=%s", load.proto, load.callers, p.name), func(b *testing.B) {
				if b.N > 1 { // one call alone needs no more than its own connection
					warm(b, p, load.callers)
				}
				before := server.setDelay(b, 20*time.Millisecond)
				b.ResetTimer()
				longest := together(b, p.do, load.callers, b.N)
				b.StopTimer()
				opened := server.setDelay(b, 0) - before
				b.ReportMetric(float64(opened)/float64(b.N), "new-conns/op")
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "req/s")
				b.ReportMetric(float64(longest)/float64(time.Millisecond), "max-ms")
			})
		}
		closeAll(peers)
	}
}

// warm opens the connections that a client keeps: all callers wait for their response at the same
// time, until a turn opens no connection.
func warm(b *testing.B, p peer, callers int) {
	b.Helper()
	opened := server.setDelay(b, 150*time.Millisecond)
	for range 3 {
		together(b, p.do, callers, callers)
		now := server.setDelay(b, 150*time.Millisecond)
		if now == opened {
			return
		}
		opened = now
	}
}

// BenchmarkColdBurst has 64 callers make the first calls of an HTTP/2 client at once. conns/op are
// the connections that they open.
func BenchmarkColdBurst(b *testing.B) {
	for i, p := range coldPeers(b, server.h2) {
		b.Run("peer="+p.name, func(b *testing.B) {
			opened := 0
			for b.Loop() {
				cold := coldPeers(b, server.h2)[i]
				before := server.setDelay(b, 100*time.Millisecond)
				together(b, cold.do, 64, 64)
				opened += server.setDelay(b, 0) - before
				closeAll([]peer{cold})
			}
			b.ReportMetric(float64(opened)/float64(b.N), "conns/op")
		})
	}
}

// coldPeers are noncePeers, and the library with a transport of the application.
func coldPeers(b *testing.B, base string) []peer {
	b.Helper()
	own := newClient(b, kanuu.Config{BaseURL: base, HTTPClient: &http.Client{Transport: newTransport()}})
	return append(noncePeers(b, base, false), kanuuPeer("kanuu-own-transport", own))
}
