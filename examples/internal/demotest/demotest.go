// Package demotest holds what every example app has to do, whatever framework
// it is written with.
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

// asApp is the variable that makes a test binary be the app that it tests.
const asApp = "ACME_NOTES_IN_A_TEST"

// Main is for TestMain: it lets the tests start the app as a process of its
// own, without the go command.
func Main(m *testing.M, framework string, build demo.Build) {
	if os.Getenv(asApp) != "" {
		os.Exit(demo.Run(framework, build))
	}
	os.Exit(m.Run())
}

// command is the app as a process with no environment but this one.
func command(t *testing.T, env map[string]string) *exec.Cmd {
	t.Helper()

	// Only for an app that keeps running although it should not.
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)

	cmd := exec.CommandContext(ctx, os.Args[0])
	cmd.Env = []string{asApp + "=1", "SYSTEMROOT=" + os.Getenv("SYSTEMROOT")}
	for name, value := range env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	return cmd
}

// site is a running app, with a Kanuu of its own.
type site struct {
	URL   string
	Kanuu *kanuutest.Server
	Log   *record

	stop context.CancelFunc
	code chan int
}

// start runs the app in this process until the test is over, and looks then
// whether it ended well.
func start(t *testing.T, framework string, build demo.Build, env map[string]string) *site {
	t.Helper()
	kanuu := kanuutest.NewServer(nil)
	t.Cleanup(kanuu.Close)
	return startOn(t, kanuu, framework, build, env)
}

// startOn is start with a Kanuu that others have, too.
func startOn(t *testing.T, kanuu *kanuutest.Server, framework string, build demo.Build, env map[string]string) *site {
	t.Helper()

	vars := map[string]string{
		"ADDR":           "127.0.0.1:0",
		"KANUU_API_KEY":  kanuutest.DefaultAPIKey,
		"KANUU_BASE_URL": kanuu.URL,
	}
	maps.Copy(vars, env)

	ctx, stop := context.WithCancel(context.Background())
	s := &site{Kanuu: kanuu, Log: newRecord(), stop: stop, code: make(chan int, 1)}

	go func() {
		s.code <- demo.Serve(ctx, func(name string) string { return vars[name] }, s.Log, framework, build)
	}()
	t.Cleanup(func() { assert.Zero(t, s.end(), "exit code; the log:\n%s", s.Log) })
	select {
	case s.URL = <-s.Log.running:
	case code := <-s.code:
		s.code <- code
		require.FailNow(t, "the app did not start", s.Log.String())
	}
	return s
}

// calls counts the calls of that path of Kanuu's API.
func (s *site) calls(path string) int {
	calls := 0
	for _, request := range s.Kanuu.Requests() {
		if request.Path == path {
			calls++
		}
	}
	return calls
}

// end stops the app and waits for it.
func (s *site) end() int {
	s.stop()
	code := <-s.code
	s.code <- code
	return code
}

// record is the app's stderr.
type record struct {
	running  chan string // gets the app's URL
	stopping chan struct{}

	mu   sync.Mutex
	text bytes.Buffer
}

func newRecord() *record {
	return &record{running: make(chan string, 1), stopping: make(chan struct{}, 1)}
}

var runningLine = regexp.MustCompile(`msg="Acme Notes is running.* url=(\S+)/`)

// Write relies on what slog's handlers promise: one call for each line.
func (r *record) Write(line []byte) (int, error) {
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

func (r *record) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.String()
}

// visitor is a browser as far as these tests need one: it keeps cookies, and
// stops at a redirect so that the test can look at it.
type visitor struct {
	*site

	client *http.Client
}

// visit returns a visitor, logged in unless the login is empty.
func (s *site) visit(t *testing.T, login string) *visitor {
	t.Helper()

	jar, err := cookiejar.New(nil)
	require.NoError(t, err)

	transport := &http.Transport{MaxIdleConnsPerHost: 200} // of which some tests send as many at once
	t.Cleanup(transport.CloseIdleConnections)

	v := &visitor{site: s, client: &http.Client{
		Jar:           jar,
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	if login != "" {
		got := v.post(t, "/login", url.Values{"user": {login}}, nil)
		require.Equal(t, http.StatusSeeOther, got.Status, got.Body)
	}
	return v
}

// answer is a response that was read to its end.
type answer struct {
	Status int
	Header http.Header
	Body   string
}

func (v *visitor) get(t *testing.T, path string, header http.Header) answer {
	t.Helper()
	return v.send(t, http.MethodGet, path, nil, header)
}

func (v *visitor) post(t *testing.T, path string, form url.Values, header http.Header) answer {
	t.Helper()
	return v.send(t, http.MethodPost, path, form, header)
}

// status of a page of the app, for goroutines beside the test's own.
func (v *visitor) status(ctx context.Context, path string) (int, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, v.URL+path, http.NoBody)
	if err != nil {
		return 0, err
	}
	res, err := v.client.Do(req)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()

	_, err = io.Copy(io.Discard, res.Body)
	return res.StatusCode, err
}

// send asks the app, or where the path is a URL whoever is there.
func (v *visitor) send(t *testing.T, method, path string, form url.Values, header http.Header) answer {
	t.Helper()
	if strings.HasPrefix(path, "/") {
		path = v.URL + path
	}

	req, err := http.NewRequestWithContext(t.Context(), method, path, strings.NewReader(form.Encode()))
	require.NoError(t, err)
	maps.Copy(req.Header, header)
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}

	res, err := v.client.Do(req)
	require.NoError(t, err)
	defer res.Body.Close()

	body, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return answer{res.StatusCode, res.Header, string(body)}
}

// eventually looks again and again whether something is so.
func eventually(t *testing.T, within time.Duration, so func() bool, message string) {
	t.Helper()
	for end := time.Now().Add(within); !so(); time.Sleep(20 * time.Millisecond) {
		require.True(t, time.Now().Before(end), "not within %s: %s", within, message)
	}
}
