//go:debug x509usefallbackroots=1

package bench_test

import (
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kanuu-io/kanuu-go/bench/internal/count"
	"github.com/kanuu-io/kanuu-go/bench/internal/upstream"
	"github.com/kanuu-io/kanuu-go/bench/internal/work"
)

// server that all benchmarks call.
var server *upstream.Server

func TestMain(m *testing.M) {
	os.Exit(upstream.During(func(started *upstream.Server) int {
		server = started

		return m.Run()
	}))
}

// protocols are names and base URLs.
func protocols() [][2]string { return [][2]string{{"h1", server.H1}, {"h2", server.H2}} }

// A call that mints a link to a portal. Where the answer is there at once, all
// peers have a tuned transport, and what differs is their own work; where it
// takes 20 ms, each has the transport that it comes with. "conns/op" are
// connections that the server saw come.
func BenchmarkCall(b *testing.B) {
	for _, protocol := range protocols() {
		for _, delay := range []time.Duration{0, 20 * time.Millisecond} {
			for _, callers := range []int{1, 64, 256} {
				b.Run(protocol[0]+"/"+delay.String()+"/"+strconv.Itoa(callers), func(b *testing.B) {
					require.NoError(b, server.SetDelay(delay))

					calls := work.Calls
					if delay > 0 {
						calls = work.CallsAsTheyCome
					}

					works, err := calls(protocol[1])
					require.NoError(b, err)

					defer work.CloseAll(works)

					for _, w := range works {
						b.Run(w.Name, func(b *testing.B) { benchmarkCalls(b, w, callers) })
					}
				})
			}
		}
	}
}

func benchmarkCalls(b *testing.B, w work.Work, callers int) {
	b.Helper()
	each(b, w, callers, callers) // warm

	before, err := server.Counts()
	require.NoError(b, err)

	b.ReportAllocs()
	b.ResetTimer()
	each(b, w, callers, b.N)
	b.StopTimer()

	after, err := server.Counts()
	require.NoError(b, err)

	b.ReportMetric(float64(after.Since(before).Connections)/float64(b.N), "conns/op")
}

// The first callers of a client, all at once, over HTTP/2. "conns/op" are the
// connections that all of them together opened.
func BenchmarkColdBurst(b *testing.B) {
	const callers = 64

	clients := func() []work.Work {
		works, err := work.CallsAsTheyCome(server.H2)
		require.NoError(b, err)

		return works
	}

	for i, w := range clients() {
		b.Run(w.Name, func(b *testing.B) {
			var connections int64

			for range b.N {
				burst, err := count.ColdBurst(server, clients()[i], callers, count.Lull)
				require.NoError(b, err)

				connections += burst.Connections
			}

			b.ReportMetric(float64(connections)/float64(b.N), "conns/op")
		})
	}
}

// A thousand visitors at once of whom nothing is known. "calls/op" are those
// that Kanuu got.
func BenchmarkColdSubscription(b *testing.B) {
	clients := func() []work.Work {
		works, err := work.Subscriptions(server.H1)
		require.NoError(b, err)

		return works
	}

	for i, w := range clients() {
		b.Run(w.Name, func(b *testing.B) {
			var calls int64

			for range b.N {
				burst, err := count.ColdBurst(server, clients()[i], 1000, count.Lull)
				require.NoError(b, err)

				calls += burst.Requests
			}

			b.ReportMetric(float64(calls)/float64(b.N), "calls/op")
		})
	}
}

// What a click on "Billing" costs, without the network.
func BenchmarkVisit(b *testing.B) {
	works, err := work.Visits()
	require.NoError(b, err)
	benchmarkAlone(b, works)
}

// sizes of the caches.
func sizes() []int {
	if testing.Short() {
		return []int{1_000}
	}

	return []int{100_000, 1_000_000}
}

// A subscriber whom the gate knows.
func BenchmarkHit(b *testing.B) {
	for _, size := range sizes() {
		ids := work.NewIdentifiers(size)

		for _, hit := range work.Hits() {
			w, err := hit.Make(ids)
			require.NoError(b, err)

			for _, callers := range []int{1, 64} {
				b.Run(strconv.Itoa(size)+"/"+strconv.Itoa(callers)+"/"+hit.Name, func(b *testing.B) {
					b.ReportAllocs()
					each(b, w, callers, b.N)
				})
			}

			work.CloseAll([]work.Work{w})
		}
	}
}

// What a subscription takes in memory, without its identifier.
func BenchmarkMemory(b *testing.B) {
	for _, size := range sizes() {
		for _, hit := range work.Hits() {
			b.Run(strconv.Itoa(size)+"/"+hit.Name, func(b *testing.B) {
				var bytes float64

				for range b.N {
					one, err := count.EntryMemory(hit, size)
					require.NoError(b, err)

					bytes += one
				}

				b.ReportMetric(bytes/float64(b.N), "B/entry")
			})
		}
	}
}

// A webhook with 34 fields.
func BenchmarkWebhook(b *testing.B) {
	works, err := work.Webhooks(work.Form(34))
	require.NoError(b, err)
	benchmarkAlone(b, works)
}

func benchmarkAlone(b *testing.B, works []work.Work) {
	b.Helper()

	for _, w := range works {
		b.Run(w.Name, func(b *testing.B) {
			each(b, w, 1, 1) // warm
			b.ReportAllocs()
			b.ResetTimer()
			each(b, w, 1, b.N)
		})
	}

	work.CloseAll(works)
}

// each has so many callers do the work n times together.
func each(b *testing.B, w work.Work, callers, n int) {
	b.Helper()

	if callers == 1 {
		for i := range n {
			require.NoError(b, w.Do(i))
		}

		return
	}

	errs := make(chan error, callers)

	for caller := range callers {
		go func() {
			var err error

			for i := caller; i < n && err == nil; i += callers {
				err = w.Do(i)
			}

			errs <- err
		}()
	}

	for range callers {
		require.NoError(b, <-errs)
	}
}
