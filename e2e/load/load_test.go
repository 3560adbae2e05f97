// Package load_test clicks on the billing link of an application as many customers at a time, while its Kanuu fails in one way
// after another:
//
//	go test ./e2e/load -count 1 -v -load.for 30s
package load_test

import (
	"bytes"
	"cmp"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kanuu-io/kanuu-go"
	"github.com/kanuu-io/kanuu-go/kanuutest"
)

var (
	duration = flag.Duration("load.for", 9*time.Second, "how long all phases take together, without the recovery after each")
	clickers = flag.Int("load.clickers", 64, "how many customers click at the same time")
)

const (
	attemptTimeout = 2 * time.Second // shortens the phase in which Kanuu hangs
	maxRecovery    = 10 * time.Second
	maxAttempts    = 3 // for one click
	maxGrowth      = 2 << 20
)

// phase is a time in which Kanuu fails in one way.
type phase struct {
	name   string
	faults []kanuutest.Fault
	want   []int // statuses
}

var (
	portal      = http.StatusFound
	unavailable = kanuu.HTTPStatus(kanuu.ErrUnavailable)
	unusable    = kanuu.HTTPStatus(kanuu.ErrUnexpectedResponse)
	limited     = kanuu.HTTPStatus(kanuu.ErrRateLimited)

	tooMany = kanuutest.Fault{Status: http.StatusTooManyRequests, Header: http.Header{"Retry-After": {"1"}}}
	cutOff  = kanuutest.Fault{
		Status: http.StatusCreated, Header: http.Header{"Content-Length": {"120"}}, Body: `{"nonce":"n","url":"https:`,
	}
	garbage = []kanuutest.Fault{
		{Rate: 0.2, Body: `<!doctype html><title>Welcome to nginx!</title>`},
		{Rate: 0.2, Body: `{"nonce":"0123456789abcdef","url":"https://kanuu.io/man`},
		{Rate: 0.2, Body: `{"nonce":null,"url":null}`},
		{Rate: 0.2, Body: `{"nonce":"n","url":"javascript:alert(1)"}`},
		{Rate: 0.2, Body: `{"nonce":"n","url":"https://kanuu.io@evil.example/n"}`},
		{Rate: 0.2, Body: `{"nonce":"n","url":"https://kanuu.io/\r\nSet-Cookie: a=b"}`},
		{Body: `[]`},
	}
	mixture = []kanuutest.Fault{
		{Rate: 0.1, Delay: 200 * time.Millisecond},
		{Rate: 0.1, Drop: true},
		{Rate: 0.1, Status: http.StatusInternalServerError},
		{Rate: 0.1, Body: `[]`},
		rated(tooMany, 0.1), rated(cutOff, 0.1),
	}

	phases = []phase{
		{"healthy", nil, []int{portal}},
		{"slow, 200 ms", []kanuutest.Fault{{Delay: 200 * time.Millisecond}}, []int{portal}},
		{"503", []kanuutest.Fault{{Status: http.StatusServiceUnavailable}}, []int{unavailable}},
		{"hangs", []kanuutest.Fault{{Delay: time.Hour, Drop: true}}, []int{unavailable}},
		{"drops connections", []kanuutest.Fault{{Drop: true}}, []int{unavailable}},
		{"200 with garbage", garbage, []int{unusable}},
		{"429, Retry-After: 1", []kanuutest.Fault{tooMany}, []int{limited}},
		{"a mixture", mixture, []int{portal, unavailable, unusable, limited}},
		{"healthy again", nil, []int{portal}},
	}
)

func rated(f kanuutest.Fault, rate float64) kanuutest.Fault { f.Rate = rate; return f }

// TestLoad checks that every click ends in the portal of the customer who clicked or in an error page with the documented
// status, that each phase is recovered from, and that neither goroutines nor memory stay behind.
func TestLoad(t *testing.T) { //nolint:paralleltest // counts goroutines
	goroutines, heap := runtime.NumGoroutine(), liveHeap()
	client := runPhases(t)
	for end := time.Now().Add(maxRecovery); runtime.NumGoroutine() > goroutines && time.Now().Before(end); {
		time.Sleep(10 * time.Millisecond)
	}
	assert.LessOrEqual(t, runtime.NumGoroutine(), goroutines, "goroutines, of which the test had so many before")
	grown := int64(liveHeap()) - int64(heap) //nolint:gosec // no heap is that large
	assert.Less(t, grown, int64(maxGrowth), "bytes that the client keeps")
	t.Logf("goroutines before and after: %d, %d; the client keeps %d KiB", goroutines, runtime.NumGoroutine(), grown>>10)
	runtime.KeepAlive(client)
}

// TestWrongResponsesAreNoticed checks what TestLoad relies on.
func TestWrongResponsesAreNoticed(t *testing.T) { //nolint:paralleltest // TestLoad counts goroutines
	fake := kanuutest.NewServer(nil)
	defer fake.Close()
	client, err := kanuu.NewClient(kanuu.Config{APIKey: kanuutest.DefaultAPIKey, BaseURL: fake.URL})
	require.NoError(t, err)
	defer client.CloseIdleConnections()
	portalOf := func(identifier string) http.Handler {
		nonce, err := client.CreateNonce(t.Context(), kanuu.Identity{Identifier: identifier})
		require.NoError(t, err)
		return http.RedirectHandler(nonce.URL, http.StatusFound)
	}
	page := func(body string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			w.WriteHeader(unavailable)
			w.Write([]byte(body))
		})
	}
	used := portalOf("customer-0")
	for _, test := range []struct {
		name string
		app  http.Handler
		ok   bool
	}{
		{"own portal", used, true},
		{"used link", used, false},
		{"portal of another customer", portalOf("customer-1"), false},
		{"elsewhere", http.RedirectHandler("/elsewhere", http.StatusFound), false},
		{"error page", page("<html>Sorry</html>"), true},
		{"incomplete error page", page("<html>"), false},
		{"error page with the API key", page("<html>" + kanuutest.DefaultAPIKey + "</html>"), false},
	} {
		app := httptest.NewServer(test.app)
		got := visit(newBrowser(&http.Transport{DisableKeepAlives: true}), app.URL, "customer-0")
		app.Close()
		assert.Equal(t, test.ok, got.err == nil, "%s: %v", test.name, got.err)
	}
}

// liveHeap collects twice, because pools keep what they have over one collection.
func liveHeap() uint64 {
	runtime.GC()
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}

// runPhases returns the client of the application, of which everything else is closed.
func runPhases(t *testing.T) *kanuu.Client {
	t.Helper()
	fake := kanuutest.NewServer(nil)
	defer fake.Close()
	log := new(secretCounter)
	client, err := kanuu.NewClient(kanuu.Config{
		APIKey: kanuutest.DefaultAPIKey, BaseURL: fake.URL, AttemptTimeout: attemptTimeout,
		Logger: slog.New(slog.NewTextHandler(log, nil)),
	})
	require.NoError(t, err)
	defer client.CloseIdleConnections()
	app := httptest.NewServer(kanuu.NewRedirectHandler(client, kanuu.IdentifierResolverFunc(identity),
		&kanuu.RedirectOptions{MintBurst: -1})) // these customers click without end
	defer app.Close()
	transport := &http.Transport{MaxIdleConnsPerHost: 2 * *clickers}
	defer transport.CloseIdleConnections()
	browser := newBrowser(transport)

	t.Logf("%d customers, %s, %s/%s, %d cores", *clickers, runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU())
	t.Log("| Kanuu | clicks | portal | 5xx | wrong | p50 | p99 | attempts | back after |")
	for _, phase := range phases {
		for _, fault := range phase.faults {
			fake.Inject(fault)
		}
		attempts := client.Stats().Attempts
		clicks := swarm(browser, app.URL, *duration/time.Duration(len(phases)))
		attempts = client.Stats().Attempts - attempts
		fake.Reset()
		back := recovery(t, browser, app.URL)

		statuses, wrong := make(map[int]int), 0
		for _, c := range clicks {
			statuses[c.status]++
			if c.err != nil {
				wrong++
				t.Errorf("%s: %v", phase.name, c.err)
			}
		}
		assert.Subset(t, phase.want, slices.Collect(maps.Keys(statuses)), "%s: %v", phase.name, statuses)
		assert.LessOrEqual(t, attempts, uint64(maxAttempts*len(clicks)), phase.name)
		t.Logf("| %s | %d | %d | %d | %d | %v | %v | %d | %v |", phase.name, len(clicks), statuses[portal],
			len(clicks)-statuses[portal]-wrong, wrong, percentile(clicks, 50), percentile(clicks, 99), attempts, back)
	}
	assert.Zero(t, log.count, "log lines with a secret")
	return client
}

// newBrowser returns a client that does not follow redirects.
func newBrowser(transport *http.Transport) *http.Client {
	noRedirect := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &http.Client{Transport: transport, CheckRedirect: noRedirect}
}

const userHeader = "X-User"

func identity(r *http.Request) (kanuu.Identity, error) {
	return kanuu.Identity{Identifier: r.Header.Get(userHeader)}, nil
}

// click is one click and its response; err says what is wrong with the response.
type click struct {
	status int
	took   time.Duration
	err    error
}

// swarm lets every customer click again and again, and returns when the last click has its response.
func swarm(browser *http.Client, app string, during time.Duration) (clicks []click) {
	var (
		mu  sync.Mutex
		all sync.WaitGroup
	)
	end := time.Now().Add(during)
	for i := range *clickers {
		all.Go(func() {
			var own []click
			for time.Now().Before(end) {
				time.Sleep(40*time.Millisecond + rand.N(60*time.Millisecond)) //nolint:gosec // nothing secret
				own = append(own, visit(browser, app, fmt.Sprintf("customer-%d", i)))
			}
			mu.Lock()
			defer mu.Unlock()
			clicks = append(clicks, own...)
		})
	}
	all.Wait()
	return clicks
}

// visit clicks on the billing link and follows it into the portal, which opens once and names its customer.
func visit(browser *http.Client, app, identifier string) click {
	start := time.Now()
	status, header, body, err := get(browser, app, identifier)
	c := click{status: status, took: time.Since(start), err: err}
	if err != nil {
		return c
	}
	location := header.Get("Location")
	if status == portal {
		status, _, body, c.err = get(browser, location, "")
		if c.err == nil && (status != http.StatusOK || !bytes.Contains(body, []byte("<code>"+identifier+"</code>"))) {
			c.err = fmt.Errorf("%s was sent to %q: status %d: %s", identifier, location, status, body)
		}
		return c
	}
	complete := strings.HasPrefix(header.Get("Content-Type"), "text/html") && bytes.Contains(body, []byte("</html>"))
	if !complete || location != "" || secrets.Match(body) {
		c.err = fmt.Errorf("%s got status %d, location %q: %s", identifier, status, location, body)
	}
	return c
}

// get sends the request of a browser in which a link was clicked.
func get(browser *http.Client, url, identifier string) (status int, header http.Header, body []byte, err error) {
	req, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		return 0, nil, nil, err
	}
	req.Header = http.Header{
		"Accept":         {"text/html,application/xhtml+xml,*/*;q=0.8"},
		"Sec-Fetch-Dest": {"document"},
		"Sec-Fetch-Mode": {"navigate"},
		"Sec-Fetch-Site": {"same-origin"},
		"Sec-Fetch-User": {"?1"},
		userHeader:       {identifier},
	}
	res, err := browser.Do(req)
	if err != nil {
		return 0, nil, nil, err
	}
	defer res.Body.Close()
	body, err = io.ReadAll(res.Body)
	return res.StatusCode, res.Header, body, err
}

// recovery clicks until Kanuu, which is healthy again, is used again.
func recovery(t *testing.T, browser *http.Client, app string) time.Duration {
	t.Helper()
	start := time.Now()
	for time.Since(start) < maxRecovery {
		c := visit(browser, app, "customer-0")
		require.NoError(t, c.err)
		if c.status == portal {
			return time.Since(start).Round(time.Millisecond)
		}
		time.Sleep(10 * time.Millisecond)
	}
	require.FailNow(t, "Kanuu is healthy, and not used again")
	return 0
}

func percentile(clicks []click, p int) time.Duration {
	slices.SortFunc(clicks, func(a, b click) int { return cmp.Compare(a.took, b.took) })
	return clicks[(len(clicks)-1)*p/100].took.Round(100 * time.Microsecond)
}

// secrets are the API key, nonces and portal URLs.
var secrets = regexp.MustCompile(regexp.QuoteMeta(kanuutest.DefaultAPIKey) + `|[0-9a-f]{32}|/manage/`)

// secretCounter counts log lines with a secret. slog writes one line at a time.
type secretCounter struct{ count int }

func (c *secretCounter) Write(line []byte) (int, error) {
	if secrets.Match(line) {
		c.count++
	}
	return len(line), nil
}
