package load_test

import (
	"context"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kanuu-io/kanuu-go/e2e/internal/app"
	"github.com/kanuu-io/kanuu-go/e2e/internal/load"
	"github.com/kanuu-io/kanuu-go/kanuutest"
)

const appEnv = "KANUU_E2E_APP"

// TestMain makes the test binary the app, too, so that the race detector
// watches it where it watches the test.
func TestMain(m *testing.M) {
	switch os.Getenv(appEnv) {
	case "":
		os.Exit(m.Run())
	case "cheat":
		os.Exit(app.Main(cheat))
	default:
		os.Exit(app.Main(nil))
	}
}

// cheat sends some users where another one was sent before.
func cheat(next http.Handler) http.Handler {
	var (
		clicks   atomic.Int64
		location atomic.Value
	)

	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer := httptest.NewRecorder()
		next.ServeHTTP(answer, r)

		if to := answer.Header().Get("Location"); to != "" {
			if before, ok := location.Swap(to).(string); ok && clicks.Add(1)%10 == 0 {
				answer.Header().Set("Location", before)
			}
		}

		maps.Copy(w.Header(), answer.Header())
		w.WriteHeader(answer.Code)
		w.Write(answer.Body.Bytes())
	})
}

func run(t *testing.T, kind string, clickers int, phases ...load.Phase) load.Report {
	t.Helper()

	if runtime.GOOS == "windows" {
		t.Skip("no process can send Ctrl-C to another there")
	}

	self, err := os.Executable()
	require.NoError(t, err)

	report, err := load.Run(t.Context(), load.Plan{
		Command: func(ctx context.Context) *exec.Cmd {
			cmd := exec.CommandContext(ctx, self)
			cmd.Env = []string{appEnv + "=" + kind, "GORACE=atexit_sleep_ms=50"}

			return cmd
		},
		Users:    load.Users(clickers),
		Debug:    true,
		Clickers: clickers,
		WarmUp:   400 * time.Millisecond,
		Phases:   phases,
	})
	require.NoError(t, err)
	t.Logf("\n%s", report.Markdown())

	return report
}

// TestFaults: five seconds of what the command does in more.
func TestFaults(t *testing.T) {
	t.Parallel()

	const clickers = 32

	report := run(t, "honest", clickers,
		load.Phase{Name: "healthy", For: 300 * time.Millisecond},
		load.Phase{Name: "slow", For: 400 * time.Millisecond, Fault: load.Slow},
		load.Phase{Name: "garbage", For: 200 * time.Millisecond, Fault: load.Garbage},
		load.Phase{Name: "mixture", For: 500 * time.Millisecond, Fault: load.Mixture},
		load.Phase{Name: "stopped", For: 700 * time.Millisecond, Stopped: true},
		load.Phase{Name: "healthy again", For: 300 * time.Millisecond},
	)

	assert.Empty(t, report.Problems())
	assert.Zero(t, report.Wrong, report.Samples)
	assert.LessOrEqual(t, report.MostCalls, int64(3), "calls of Kanuu for one click")
	assert.InDelta(t, report.Before.Goroutines, report.After.Goroutines, 3)
	assert.LessOrEqual(t, report.MostOpen, int64(2*clickers), "connections at one time")

	for _, phase := range report.Phases {
		require.NotZero(t, phase.Clicks, phase.Name)

		switch phase.Name {
		case "healthy", "healthy again":
			assert.Equal(t, phase.Clicks, phase.Portal, phase.Name)
			assert.LessOrEqual(t, phase.Dialed, int64(2*clickers), phase.Name)
		case "slow", "garbage": // all of the body is read, so the connection lives on
			assert.LessOrEqual(t, phase.Dialed, int64(2*clickers), phase.Name)
			assert.Equal(t, phase.Clicks, phase.Portal+phase.BadGateway, phase.Name)
		case "stopped":
			assert.Equal(t, phase.Clicks, phase.Portal+phase.Unavailable, phase.Name)
			assert.Less(t, phase.Recovered, 10*time.Second)
			assert.Zero(t, phase.Calls)
		}
	}
}

// TestCheat: a wrong answer is seen.
func TestCheat(t *testing.T) {
	t.Parallel()

	report := run(t, "cheat", 4, load.Phase{Name: "healthy", For: 500 * time.Millisecond})

	assert.NotZero(t, report.Wrong)
	assert.Less(t, report.Wrong, report.Clicks/2)
	assert.NotEmpty(t, report.Problems())
}

func TestJudge(t *testing.T) {
	t.Parallel()

	const page = "<!doctype html><title>Sorry</title></html>"

	html := http.Header{"Content-Type": {"text/html; charset=utf-8"}}

	for name, test := range map[string]struct {
		status int
		header http.Header
		body   string
		wrong  string
	}{
		"own portal":       {302, http.Header{"Location": {"http://kanuu/ann"}}, "", ""},
		"another's portal": {302, http.Header{"Location": {"http://kanuu/bob"}}, "", "the URL of bob for ann"},
		"used portal":      {302, http.Header{"Location": {"http://kanuu/used"}}, "", "a URL that somebody has already"},
		"elsewhere":        {302, http.Header{"Location": {"/login"}}, "", "a URL that Kanuu did not mint"},
		"no Location":      {302, nil, "", "a URL that Kanuu did not mint"},
		"honest page":      {503, html, page, ""},
		"page with a key":  {503, html, kanuutest.DefaultAPIKey + page, "a page with a secret"},
		"page with nonce":  {502, html, strings.Repeat("0a", 16) + page, "a page with a secret"},
		"page cut off":     {503, html, "<!doctype html>", "status 503 without a page"},
		"no page":          {502, http.Header{"Content-Type": {"application/json"}}, "{}", "status 502 without a page"},
		"error that leads": {
			503, http.Header{"Content-Type": {"text/html"}, "Location": {"http://kanuu/ann"}}, page, "status 503 with a Location",
		},
		"OK":           {200, html, page, "status 200"},
		"unauthorized": {401, html, page, "status 401"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			var ledger load.Ledger

			ledger.Mint("http://kanuu/ann", "ann")
			ledger.Mint("http://kanuu/bob", "bob")
			ledger.Mint("http://kanuu/used", "ann")

			_, err := ledger.Hand("http://kanuu/used", "ann")
			require.NoError(t, err)

			minted, err := load.Judge(&ledger, "ann", load.Answer{Status: test.status, Header: test.header, Body: []byte(test.body)})
			if test.wrong != "" {
				require.EqualError(t, err, test.wrong)

				return
			}

			require.NoError(t, err)
			assert.Equal(t, test.status == http.StatusFound, !minted.IsZero())
		})
	}
}
