package kanuu_test

import (
	"crypto/rsa"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kanuu-io/kanuu-go"
)

// What one request that is neither of a logged-in user nor signed may cost
// beyond what net/http itself spends.
const (
	maxCost   = time.Millisecond
	maxMemory = 1 << 20
)

// cost is the least of several runs: other work on the machine only adds to it.
func cost(serve func()) (took time.Duration, bytes uint64) {
	took, bytes = time.Hour, 1<<62
	for range 9 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		start := time.Now()
		serve()
		took = min(took, time.Since(start))
		runtime.ReadMemStats(&after)
		bytes = min(bytes, after.TotalAlloc-before.TotalAlloc)
	}
	return took, bytes
}

// This test is not parallel: it measures.
//
//nolint:paralleltest // see above
func TestHostileRequestsAreCheap(t *testing.T) {
	private := newRSAKey(t)
	client, _ := setup(t)
	hook, err := kanuu.NewWebhookHandler(client, publicPEM(t, &private.PublicKey), nil)
	require.NoError(t, err)
	portal := kanuu.NewRedirectHandler(client, kanuu.IdentifierResolverFunc(
		func(*http.Request) (kanuu.Identity, error) { return kanuu.Identity{}, kanuu.ErrUnauthenticated },
	), nil)

	for name, body := range hostileForms(&private.PublicKey) {
		t.Run("webhook, "+name, func(t *testing.T) {
			assertCheap(t, hook, func() *http.Request { return webhookRequest(body) })
		})
	}
	for name, header := range hostileHeaders() {
		t.Run("/billing, "+name, func(t *testing.T) {
			assertCheap(t, portal, func() *http.Request {
				r := httptest.NewRequest(http.MethodGet, "/billing", nil)
				r.Header = header
				return r
			})
		})
	}
}

func assertCheap(t *testing.T, handler http.Handler, request func() *http.Request) {
	t.Helper()
	limit := maxCost
	if raceEnabled {
		limit *= 20 // its instrumentation, not the code's work
	}
	var status int
	took, bytes := cost(func() {
		r, w := request(), httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		status = w.Code
	})
	t.Logf("%d in %v with %d bytes", status, took, bytes)
	assert.GreaterOrEqual(t, status, 400)
	assert.Less(t, took, limit)
	assert.Less(t, bytes, uint64(maxMemory))
}

// hostileForms are bodies of at most 64 KiB. They all have a signature of the
// right length: nothing spares the handler the work.
func hostileForms(key *rsa.PublicKey) map[string]string {
	signature := "p_signature=" + strings.NewReplacer("+", "%2B").Replace(
		base64.StdEncoding.EncodeToString(make([]byte, key.Size())))
	fields := func(n int, format string) string {
		var body strings.Builder
		for i := range n {
			fmt.Fprintf(&body, format, i)
		}
		return body.String()
	}
	long := strings.Repeat("7", 8000)
	return map[string]string{
		"number-like names":        fields(1000, "8919777777777777777%de-334=&") + signature,
		"few number-like names":    fields(7, long+"%de-334=&") + signature,
		"integers as names":        fields(127, "9223372036854775%03d=&") + signature,
		"long integers as names":   fields(7, long+"%d=&") + signature,
		"deep brackets":            fields(127, "a%d"+strings.Repeat("[]", 63)+"=&") + signature,
		"open brackets":            fields(127, "a%d"+strings.Repeat("[", 480)+"=&") + signature,
		"spaces":                   fields(127, strings.Repeat("+", 480)+"a%d=&") + signature,
		"dots":                     fields(127, strings.Repeat(".", 480)+"a%d=&") + signature,
		"percent signs":            fields(127, strings.Repeat("%%", 480)+"a%d=&") + signature,
		"one array of many":        fields(127, "a[]=%d&") + signature,
		"separators":               strings.Repeat("&", 64000) + signature,
		"large value":              "a=" + strings.Repeat("%41", 21000) + "&" + signature,
		"large signature":          "p_signature=" + strings.Repeat("QUFB", 16000),
		"spaces in the signature":  "p_signature=" + strings.Repeat("+A", 32000),
		"many signatures":          fields(127, "p_signature[%d]=&") + signature,
		"nothing but a signature":  signature,
		"no signature, many names": fields(1000, "1e%d=&"),
	}
}

// hostileHeaders make requests of nearly a megabyte, which is what
// net/http takes.
func hostileHeaders() map[string]http.Header {
	return map[string]http.Header{
		"long quality":      {"Accept": {"application/json;q=0." + strings.Repeat("1", 900_000)}},
		"long qualities":    {"Accept": {strings.Repeat("application/json;q=0."+strings.Repeat("1", 700)+",", 1200)}},
		"many media ranges": {"Accept": {strings.Repeat("a/b,", 225_000)}},
		"many parameters":   {"Accept": {"*/*, text/html" + strings.Repeat(";a=b", 225_000)}},
		"many lines":        {"Accept": strings.Split("*/*,"+strings.Repeat("text/html;q=0.1,", 50_000), ",")},
		"empty ranges":      {"Accept": {strings.Repeat(",", 900_000)}},
		"many purposes":     {"Sec-Purpose": {strings.Repeat("a;", 450_000)}},
		"spaces":            {"Purpose": {strings.Repeat(" ", 900_000)}},
		"long mode":         {"Sec-Fetch-Mode": {strings.Repeat("a", 900_000)}},
		"long origin":       {"Origin": {"https://" + strings.Repeat("a", 900_000)}, "Sec-Fetch-Site": {"cross-site"}},
		"long htmx":         {"Hx-Request": {strings.Repeat("true", 225_000)}},
	}
}
