//go:debug x509usefallbackroots=1

package bench_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kanuu-io/kanuu-go"
)

const (
	apiKey     = "kanuu_0123456789abcdef0123456789abcdef"
	identifier = "42"
	email      = "ann@example.com"
)

var (
	// server is the process that all benchmarks call.
	server *upstream

	errUnexpected = errors.New("unexpected response")
)

// TestMain runs this binary as the server if the environment says so, and otherwise starts it as
// one for the duration of the benchmarks.
func TestMain(m *testing.M) {
	if os.Getenv(serverEnv) != "" {
		serve()
		return
	}
	started, err := startServer()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	server = started
	code := m.Run()
	server.stop()
	os.Exit(code)
}

// peer is one of the programs that a benchmark compares.
type peer struct {
	name  string
	do    func(i int) error // i is different in each call
	close func()            // may be nil
}

func closeAll(peers []peer) {
	for _, p := range peers {
		if p.close != nil {
			p.close()
		}
	}
}

// protocols are the values of /proto with the base URLs of the server.
func protocols() [][2]string { return [][2]string{{"h1", server.h1}, {"h2", server.h2}} }

// together has a number of callers run do n times in total, all at once, and returns the longest
// time that one run took.
func together(b *testing.B, do func(int) error, callers, n int) time.Duration {
	b.Helper()
	longest, errs := make([]time.Duration, callers), make([]error, callers)
	var group sync.WaitGroup
	for caller := range callers {
		group.Go(func() {
			for i := caller; i < n && errs[caller] == nil; i += callers {
				start := time.Now()
				errs[caller] = do(i)
				longest[caller] = max(longest[caller], time.Since(start))
			}
		})
	}
	group.Wait()
	if err := errors.Join(errs...); err != nil {
		b.Fatal(err)
	}
	return slices.Max(longest)
}

// round is the CPU time that one run of a peer and one run of its base took, in nanoseconds.
type round struct{ peer, base float64 }

// rounds runs do b.N times in up to 50 rounds. Before each round, off the clock, it runs base as
// many times. The machine's speed changes from second to second, so only neighbours are compared.
func rounds(b *testing.B, base, do func(int) error) []round {
	b.Helper()
	const most = 50
	took := make([]round, 0, most)
	run := func(do func(int) error, from, to int) float64 {
		start := cpuTime()
		for i := from; i < to; i++ {
			if err := do(i); err != nil {
				b.Fatal(err)
			}
		}
		return float64(cpuTime()-start) / float64(to-from)
	}
	run(base, 0, 1) // opens connections, fills pools
	run(do, 0, 1)
	b.ReportAllocs()
	b.ResetTimer()
	for n := range min(b.N, most) {
		from, to := n*b.N/min(b.N, most), (n+1)*b.N/min(b.N, most)
		b.StopTimer()
		baseTook := run(base, from, to)
		b.StartTimer()
		took = append(took, round{run(do, from, to), baseTook})
	}
	b.StopTimer()
	return took
}

// median reports the median of a value over all rounds as a metric.
func median(b *testing.B, unit string, took []round, value func(round) float64) {
	b.Helper()
	values := make([]float64, len(took))
	for i, r := range took {
		values[i] = value(r)
	}
	slices.Sort(values)
	b.ReportMetric(values[len(values)/2], unit)
}

// cpu and overBase are values for median.
func cpu(r round) float64      { return r.peer }
func perBase(r round) float64  { return r.peer / r.base }
func overBase(r round) float64 { return r.peer - r.base }

// newClient returns a client that calls base with the library's own transport.
func newClient(b *testing.B, config kanuu.Config) *kanuu.Client {
	b.Helper()
	config.APIKey = apiKey
	client, err := kanuu.NewClient(config)
	if err != nil {
		b.Fatal(err)
	}
	return client
}

// newOfflineClient returns a client whose transport answers at once, without a network.
func newOfflineClient(b *testing.B) *kanuu.Client {
	b.Helper()
	return newClient(b, kanuu.Config{HTTPClient: &http.Client{Transport: offline{}}})
}

type offline struct{}

func (offline) RoundTrip(r *http.Request) (*http.Response, error) {
	status, body := http.StatusCreated, nonceResponse
	if r.URL.Path == "/api/subscription" {
		status, body = http.StatusOK, subscriptionResponse
	}
	return &http.Response{
		StatusCode: status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: jsonHeader, Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)), Request: r,
	}, nil
}

var jsonHeader = http.Header{"Content-Type": {"application/json"}}

// handle returns a function that serves r and expects the status. It reuses the request and the
// response writer, so it is for one caller.
func handle(handler http.Handler, r *http.Request, want int) func() error {
	w := &discardWriter{header: make(http.Header)}
	return func() error {
		clear(w.header)
		w.status = http.StatusOK
		handler.ServeHTTP(w, r)
		if w.status != want {
			return fmt.Errorf("%w: %d", errUnexpected, w.status)
		}
		return nil
	}
}

type discardWriter struct {
	header http.Header
	status int
}

func (w *discardWriter) Header() http.Header             { return w.header }
func (w *discardWriter) WriteHeader(status int)          { w.status = status }
func (*discardWriter) Write(b []byte) (int, error)       { return len(b), nil }
func (*discardWriter) WriteString(s string) (int, error) { return len(s), nil }

// click is the request that a browser sends when a person clicks a link.
func click(path string) *http.Request {
	r, err := http.NewRequestWithContext(context.Background(), http.MethodGet, "https://example.com"+path, http.NoBody)
	if err != nil {
		panic(err) // the URL is a constant
	}
	r.Header = http.Header{
		"Accept":         {"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"},
		"Cookie":         {"session=0123456789abcdef"},
		"Sec-Fetch-Dest": {"document"}, "Sec-Fetch-Mode": {"navigate"},
		"Sec-Fetch-Site": {"same-origin"}, "Sec-Fetch-User": {"?1"},
		"User-Agent": {"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"},
	}
	return r
}
