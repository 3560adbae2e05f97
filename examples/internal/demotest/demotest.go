// Package demotest tests the example apps, each with the same tests.
package demotest

import (
	"bytes"
	"context"
	"io"
	"maps"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kanuu-io/kanuu-go/examples/internal/demo"
	"github.com/kanuu-io/kanuu-go/kanuutest"
)

// runApp is the environment variable that makes a test binary run the app that it tests.
const runApp = "ACME_NOTES_IN_A_TEST"

// The example app under test.
var (
	framework string
	build     demo.Build
)

// Main is for TestMain. It lets the tests start the app as a process, without the go command.
func Main(m *testing.M, frameworkName string, newHandler demo.Build) {
	framework, build = frameworkName, newHandler
	if os.Getenv(runApp) != "" {
		os.Exit(demo.Run(framework, build))
	}
	m.Run()
}

// Run tests the example app that was given to [Main].
func Run(t *testing.T) {
	t.Helper()
	for name, test := range map[string]func(*testing.T){
		"requests":                    testRequests,
		"login and logout":            testLogin,
		"session cookie":              testSessionCookie,
		"billing redirects to portal": testBilling,
		"subscription":                testSubscription,
		"purchase":                    testPurchase,
		"webhook":                     testWebhook,
		"webhook opens gate":          testWebhookOpensGate,
		"webhook needs key":           testWebhookNeedsKey,
		"two instances on Redis":      testTwoInstances,
		"Redis unavailable":           testRedisUnavailable,
		"Redis refuses password":      testRedisRefusesPassword,
		"graceful shutdown":           testShutdown,
		"wrong configuration":         testWrongConfiguration,
		"process":                     testProcess,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t)
		})
	}
}

// command is the app as a process, with only this environment, separated by spaces.
func command(t *testing.T, env string) *exec.Cmd {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // ends an app that does not end by itself
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, os.Args[0])
	cmd.Env = append(strings.Fields(runApp+"=1 ADDR=127.0.0.1:0 "+env), "SYSTEMROOT="+os.Getenv("SYSTEMROOT"))
	return cmd
}

// instance is a running app with its fake Kanuu.
type instance struct {
	URL   string
	Kanuu *kanuutest.Server
	Log   *logRecorder

	stop context.CancelFunc
	code chan int
}

// start runs the app in this process with a fake Kanuu of its own, until the test ends.
func start(t *testing.T, env map[string]string) *instance {
	t.Helper()
	fake := kanuutest.NewServer(nil)
	t.Cleanup(fake.Close)
	return startWith(t, fake, build, env)
}

func startWith(t *testing.T, fake *kanuutest.Server, build demo.Build, env map[string]string) *instance {
	t.Helper()
	vars := map[string]string{"ADDR": "127.0.0.1:0", "KANUU_API_KEY": kanuutest.DefaultAPIKey, "KANUU_BASE_URL": fake.URL}
	maps.Copy(vars, env)
	ctx, stop := context.WithCancel(context.Background())
	app := &instance{Kanuu: fake, Log: newLogRecorder(), stop: stop, code: make(chan int, 1)}
	go func() {
		app.code <- demo.Serve(ctx, func(name string) string { return vars[name] }, app.Log, framework, build)
	}()
	t.Cleanup(func() { assert.Zero(t, app.end(), "exit code; the log:\n%s", app.Log) })
	select {
	case app.URL = <-app.Log.running:
	case code := <-app.code:
		app.code <- code
		require.FailNow(t, "the app did not start", app.Log.String())
	}
	return app
}

// calls counts the requests that Kanuu's API got at path.
func (app *instance) calls(path string) (calls int) {
	for _, request := range app.Kanuu.Requests() {
		if request.Path == path {
			calls++
		}
	}
	return calls
}

// end stops the app and returns its exit code.
func (app *instance) end() int {
	app.stop()
	code := <-app.code
	app.code <- code
	return code
}

// logRecorder is the app's stderr.
type logRecorder struct {
	running  chan string // gets the app's URL
	stopping chan struct{}

	mu   sync.Mutex
	text bytes.Buffer
}

func newLogRecorder() *logRecorder {
	return &logRecorder{running: make(chan string, 1), stopping: make(chan struct{}, 1)}
}

var runningLine = regexp.MustCompile(`msg="Acme Notes is running.* url=(\S+)/`)

// Write gets one line at a time, as slog's handlers promise.
func (r *logRecorder) Write(line []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if found := runningLine.FindSubmatch(line); found != nil {
		r.running <- string(found[1])
	}
	if bytes.Contains(line, []byte(`msg="stopping`)) {
		r.stopping <- struct{}{}
	}
	return r.text.Write(line)
}

func (r *logRecorder) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.String()
}

// browser keeps cookies and does not follow redirects.
type browser struct {
	*instance

	client *http.Client
}

// browser returns a browser in which the user is logged in; nobody if login is empty.
func (app *instance) browser(t *testing.T, login string) *browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	b := &browser{app, &http.Client{Jar: jar, Transport: transport, CheckRedirect: keepRedirect}}
	if login != "" {
		require.Equal(t, http.StatusSeeOther, b.post(t, "/login", url.Values{"user": {login}}).Status)
	}
	return b
}

func keepRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// response was read to its end.
type response struct {
	Status int
	Header http.Header
	Body   string
}

func (r response) location() string { return r.Header.Get("Location") }

func (b *browser) get(t *testing.T, path string) response {
	t.Helper()
	return b.send(t, http.MethodGet, path, nil, nil)
}

func (b *browser) post(t *testing.T, path string, form url.Values) response {
	t.Helper()
	return b.send(t, http.MethodPost, path, form, nil)
}

// send sends a request to the app, or to another server if path is a URL.
func (b *browser) send(t *testing.T, method, path string, form url.Values, header http.Header) response {
	t.Helper()
	if strings.HasPrefix(path, "/") {
		path = b.URL + path
	}
	req, err := http.NewRequestWithContext(t.Context(), method, path, strings.NewReader(form.Encode()))
	require.NoError(t, err)
	maps.Copy(req.Header, header)
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	res, err := b.client.Do(req)
	require.NoError(t, err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return response{res.StatusCode, res.Header, string(body)}
}

// assertShows checks that a page has all texts of shows and none of hides, which are separated by "|".
func assertShows(t *testing.T, body, shows, hides string) {
	t.Helper()
	for text := range strings.SplitSeq(shows, "|") {
		assert.Contains(t, body, text)
	}
	for text := range strings.SplitSeq(hides, "|") {
		assert.False(t, text != "" && strings.Contains(body, text), "%q is in %s", text, body)
	}
}

// eventually waits until the condition holds.
func eventually(t *testing.T, within time.Duration, condition func() bool, message string) {
	t.Helper()
	for end := time.Now().Add(within); !condition(); time.Sleep(20 * time.Millisecond) {
		require.True(t, time.Now().Before(end), "not within %s: %s", within, message)
	}
}
