package conformance

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/kanuu-io/kanuu-go"
	"github.com/kanuu-io/kanuu-go/kanuutest"
)

// plan of an application under test.
type plan struct {
	options   kanuu.RedirectOptions
	gate      kanuu.GateOptions
	transport http.RoundTripper // of the client; default: its own
	listens   func(ctx context.Context, e kanuu.Event) error
}

// site is a running application under test, with a Kanuu and a Paddle of its own.
type site struct {
	kanuu   *kanuutest.Server
	paddle  *kanuutest.Signer
	app     *httptest.Server
	log     *journal // of the client and of the server
	reports bool

	mu     sync.Mutex
	errors []report
}

// report is an error that the framework heard of.
type report struct {
	status int
	err    error
}

func start(t *testing.T, framework Framework, p plan) *site {
	t.Helper()

	s := &site{kanuu: kanuutest.NewServer(nil), paddle: kanuutest.NewSigner(), log: new(journal), reports: framework.Reports}
	t.Cleanup(s.kanuu.Close)

	config := kanuu.Config{
		APIKey: kanuutest.DefaultAPIKey, BaseURL: s.kanuu.URL,
		Logger: slog.New(slog.NewTextHandler(s.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	if p.transport != nil {
		config.HTTPClient = &http.Client{Transport: p.transport}
	}

	client, err := kanuu.NewClient(config)
	if err != nil {
		t.Fatal(err)
	}

	hook, err := kanuu.NewWebhookHandler(client, s.paddle.PublicKey(), nil)
	if err != nil {
		t.Fatal(err)
	}

	if p.listens != nil {
		hook.On("subscription_*", p.listens)
	}

	s.app = httptest.NewUnstartedServer(framework.Build(App{
		Client: client, Who: who, Options: &p.options,
		Gate: kanuu.NewGate(client, &p.gate), Page: gatedPage,
		Webhook: hook,
		Report: func(status int, err error) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.errors = append(s.errors, report{status, err})
		},
	}))
	s.app.Config.ErrorLog = log.New(s.log, "", 0)
	s.app.Start()
	t.Cleanup(s.app.Close)
	return s
}

// heard is what the framework heard of.
func (s *site) heard() []report {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]report(nil), s.errors...)
}

// calls counts the calls of that path of Kanuu's API.
func (s *site) calls(path string) int {
	calls := 0
	for _, request := range s.kanuu.Requests() {
		if request.Path == path {
			calls++
		}
	}
	return calls
}

// send makes the visit, and returns an error when there is no answer.
func (s *site) send(t *testing.T, v visit) (*http.Response, []byte, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), v.method, s.app.URL+v.path+v.query, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range v.headers {
		req.Header.Set(name, strings.ReplaceAll(value, "SELF", s.app.URL))
	}
	switch v.user {
	case "":
		req.Header.Set(userHeader, "42")
	case nobody:
	default:
		req.Header.Set(userHeader, v.user)
	}
	return s.do(req)
}

func (s *site) do(req *http.Request) (*http.Response, []byte, error) {
	// The transport itself: a client would follow the redirect.
	res, err := s.app.Client().Transport.RoundTrip(req)
	if err != nil {
		return nil, nil, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	return res, body, err
}

// mustAnswer makes a visit that others build on.
func (s *site) mustAnswer(t *testing.T, v visit, status int) {
	t.Helper()
	res, body, err := s.send(t, v)
	if err != nil {
		t.Fatal(err)
	}
	if res.StatusCode != status {
		t.Fatalf("%s is answered with %d %q, want %d", v.path, res.StatusCode, body, status)
	}
}

// userHeader logs its value in.
const userHeader = "Test-User"

// Users other than customers.
const (
	nobody    = "nobody"    // is not logged in
	forbidden = "forbidden" // is logged in, and not the one who pays
	invalid   = "invalid"   // is none that Kanuu takes
	unknown   = "unknown"   // cannot be found, since an upstream of the application refuses to tell
	cancelled = "cancelled" // cannot be found, since something in the application was cancelled
	panics    = "panics"    // is one on whom the resolver panics
)

func who(r *http.Request) (kanuu.Identity, error) {
	switch user := r.Header.Get(userHeader); user {
	case "":
		return kanuu.Identity{}, kanuu.ErrUnauthenticated
	case forbidden:
		return kanuu.Identity{}, kanuu.ErrForbidden
	case invalid:
		return kanuu.Identity{Email: "nobody"}, nil
	case unknown:
		return kanuu.Identity{}, errUpstream
	case cancelled:
		return kanuu.Identity{}, fmt.Errorf("look for the user: %w", context.Canceled)
	case panics:
		panic("the resolver panics")
	default:
		return kanuu.Identity{Identifier: user, Email: user + "@example.com"}, nil
	}
}

// upstreamError has its status in the method that web frameworks look for.
type upstreamError struct{ status int }

var errUpstream error = &upstreamError{http.StatusUnauthorized}

func (e *upstreamError) Error() string   { return "upstream said " + http.StatusText(e.status) }
func (e *upstreamError) StatusCode() int { return e.status }

// journal is a log that a server's goroutines may write to.
type journal struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.buf.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.buf.String()
}

// silence is a Kanuu that never answers.
type silence struct {
	asked chan struct{} // gets something when a call comes
	ended chan error    // and then why it ended
}

func newSilence() silence {
	return silence{asked: make(chan struct{}, 8), ended: make(chan error, 8)}
}

func (s silence) RoundTrip(r *http.Request) (*http.Response, error) {
	s.asked <- struct{}{}
	<-r.Context().Done()
	err := r.Context().Err()
	s.ended <- err
	return nil, errors.Join(errors.New("no answer"), err)
}
