package bench_test

import (
	"bufio"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"runtime/debug"
	"strconv"
	"sync/atomic"
	"testing"
	"time"
)

// serverEnv makes this test binary the server.
const serverEnv = "KANUU_BENCH_SERVER"

// Responses in the form of each API, about as long as the real ones.
const (
	portalURL = "https://kanuu.io/manage/acme/d3e2c48bb1fb4badfa27fe9a03924207"

	nonceResponse = `{"nonce":"d3e2c48bb1fb4badfa27fe9a03924207","url":"` + portalURL + `"}`

	subscriptionResponse = `{"is_trialing":false,"is_subscribed":true,"status":"active","plan_id":12345,"subscription_id":67890}`

	stripeResponse = `{"id":"bps_1MrSjzLkdIwHu7ixex0IvU9b","object":"billing_portal.session",` +
		`"configuration":"bpc_1MAhNDLkdIwHu7ixckACO1Jq","created":1680210639,"customer":"cus_NciAYcXfLnqBoz",` +
		`"flow":null,"livemode":false,"locale":null,"on_behalf_of":null,"return_url":"https://example.com/account",` +
		`"url":"https://billing.stripe.com/p/session/test_YWNjdF8xTTJKVGtMa2RJd0h1N2l4LF9OY2lBYjJXcHY4a2NPck96"}`

	paddleResponse = `{"data":{"id":"cpls_01h4ge9r64c22exjsx0fy8b48b","customer_id":"ctm_01gysfvfy7vqhpzkq8rjmrq7an",` +
		`"urls":{"general":{"overview":"https://customer-portal.paddle.com/cpl_01j7zbyqs3vah3aafp4jf62qaw?action=overview"},` +
		`"subscriptions":[]},"created_at":"2024-10-25T06:53:58Z"},"meta":{"request_id":"fa176777-4bca-49ec-aa1e-f53885333cb7"}}`
)

// upstream is the server process as the benchmarks see it. Its memory, allocations and CPU time
// are not part of what they measure.
type upstream struct {
	h1, h2 string // base URLs, both with TLS, as Kanuu's is

	command *exec.Cmd
	stdin   io.WriteCloser
	stdout  io.Reader
}

func startServer() (*upstream, error) {
	s := &upstream{command: exec.Command(os.Args[0])} //nolint:gosec // this binary; stop ends it
	s.command.Env = append(os.Environ(), serverEnv+"=1")
	s.command.Stderr = os.Stderr
	stdin, err := s.command.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := s.command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := s.command.Start(); err != nil {
		return nil, err
	}
	s.stdin, s.stdout = stdin, bufio.NewReader(stdout)
	var certificate string
	if _, err := fmt.Fscanln(s.stdout, &s.h1, &s.h2, &certificate); err != nil {
		return nil, fmt.Errorf("the server does not start: %w", err)
	}
	der, err := base64.StdEncoding.DecodeString(certificate)
	if err != nil {
		return nil, err
	}
	root, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	roots.AddCert(root)
	x509.SetFallbackRoots(roots) // also for peers that do not let a caller choose their transport
	return s, nil
}

func (s *upstream) stop() {
	s.stdin.Close()
	_ = s.command.Wait()
}

// setDelay sets how long each response takes from now on, and returns the number of connections
// that were opened so far.
func (s *upstream) setDelay(b *testing.B, delay time.Duration) (connections int) {
	b.Helper()
	fmt.Fprintln(s.stdin, int64(delay))
	if _, err := fmt.Fscanln(s.stdout, &connections); err != nil {
		b.Fatal("the server has ended: ", err)
	}
	return connections
}

// serve is the server process. It ends when its standard input does, which is when its parent ends.
func serve() {
	debug.SetGCPercent(400)
	var delay, connections atomic.Int64
	mux := http.NewServeMux()
	for pattern, response := range map[string]struct {
		status int
		body   string
	}{
		"POST /api/nonce":                            {http.StatusCreated, nonceResponse},
		"POST /v1/billing_portal/sessions":           {http.StatusOK, stripeResponse},
		"POST /customers/{customer}/portal-sessions": {http.StatusCreated, paddleResponse},
	} {
		body, length := []byte(response.body), strconv.Itoa(len(response.body))
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			time.Sleep(time.Duration(delay.Load()))
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Content-Length", length)
			w.WriteHeader(response.status)
			_, _ = w.Write(body)
		})
	}
	start := func(http2 bool) *httptest.Server {
		s := httptest.NewUnstartedServer(mux)
		s.EnableHTTP2 = http2
		s.Config.ErrorLog = log.New(io.Discard, "", 0) // clients that hang up are part of the benchmarks
		s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
			if state == http.StateNew {
				connections.Add(1)
			}
		}
		s.StartTLS()
		return s
	}
	h1, h2 := start(false), start(true)
	fmt.Println(h1.URL, h2.URL, base64.StdEncoding.EncodeToString(h1.Certificate().Raw))
	for {
		var next int64
		if _, err := fmt.Scanln(&next); err != nil {
			return
		}
		delay.Store(next)
		fmt.Println(connections.Load())
	}
}
