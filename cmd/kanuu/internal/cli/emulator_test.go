package cli_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kanuu-io/kanuu-go"
	"github.com/kanuu-io/kanuu-go/cmd/kanuu/internal/cli"
	"github.com/kanuu-io/kanuu-go/kanuutest"
)

// output can be waited for.
type output struct {
	mu      sync.Mutex
	text    strings.Builder
	written chan struct{}
}

func newOutput() *output { return &output{written: make(chan struct{}, 1)} }

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	select {
	case o.written <- struct{}{}:
	default:
	}
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// await returns the first complete line that has all parts.
func (o *output) await(t *testing.T, parts ...string) string {
	t.Helper()
	late := time.After(20 * time.Second)
	for {
		text := o.String()
		complete := text[:strings.LastIndexByte(text, '\n')+1]
	lines:
		for line := range strings.Lines(complete) {
			for _, part := range parts {
				if !strings.Contains(line, part) {
					continue lines
				}
			}
			return line
		}
		select {
		case <-o.written:
		case <-late:
			require.Fail(t, "no such line", "%q in:\n%s", parts, o)
		}
	}
}

// running emulator.
type running struct {
	stdout, stderr *output
	env            environment       // as it printed it
	stop           func() (code int) // as Ctrl-C does
}

func launch(t *testing.T, args ...string) *running {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	r := &running{stdout: newOutput(), stderr: newOutput()}
	program := cli.Program{Getenv: func(string) string { return "" }, Stdout: r.stdout, Stderr: r.stderr}

	ended := make(chan int, 1)
	go func() { ended <- program.Run(ctx, append([]string{"emulator", "--addr", "127.0.0.1:0"}, args...)) }()

	r.stop = sync.OnceValue(func() int {
		cancel()
		return <-ended
	})
	t.Cleanup(func() { r.stop() })

	r.stdout.await(t, "PADDLE_PUBLIC_KEY")
	return r
}

// startEmulator starts one whose environment can be used.
func startEmulator(t *testing.T, args ...string) *running {
	t.Helper()
	r := launch(t, args...)
	r.stderr.await(t, "  control  ") // which follows the whole environment
	r.env = environment{}
	for line := range strings.Lines(r.stdout.String()) {
		name, value, ok := strings.Cut(strings.TrimPrefix(line, "export "), "=")
		require.True(t, ok, line)
		r.env[name] = strings.Trim(value, "'\n") // no value in the tests that use it has a quote
	}
	return r
}

// control calls the emulator's control API.
func (r *running) control(t *testing.T, call, body string) {
	t.Helper()
	res, err := http.Post(r.env["KANUU_BASE_URL"]+"/control/api/"+call, "application/json", strings.NewReader(body))
	require.NoError(t, err)
	defer res.Body.Close()
	require.Equal(t, http.StatusOK, res.StatusCode)
}

// newApp receives webhooks as the library does.
func newApp(t *testing.T) (app *httptest.Server, use func(publicKey string), events <-chan kanuu.Event) {
	t.Helper()
	client, err := kanuu.NewClient(kanuu.Config{APIKey: "unused", BaseURL: "http://127.0.0.1"})
	require.NoError(t, err)

	received := make(chan kanuu.Event, 9)
	ready := make(chan struct{})

	var hook *kanuu.WebhookHandler
	app = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		<-ready
		hook.ServeHTTP(w, r)
	}))
	t.Cleanup(app.Close)
	return app, func(publicKey string) {
		defer close(ready)
		hook, err = kanuu.NewWebhookHandler(client, publicKey, nil)
		require.NoError(t, err)
		hook.On("*", func(_ context.Context, e kanuu.Event) error {
			received <- e
			return nil
		})
	}, received
}

// The whole way: start, paste, ask, trigger, stop.
func TestEmulator(t *testing.T) {
	t.Parallel()
	app, use, events := newApp(t)
	emu := startEmulator(t, "--webhook-url", app.URL+"/webhooks/paddle", "--app-url", "http://localhost:8080/")
	use(emu.env["PADDLE_PUBLIC_KEY"])

	assert.Regexp(t, `\Aexport KANUU_API_KEY='kanuu-test-key'
export KANUU_BASE_URL='http://127\.0\.0\.1:\d+'
export PADDLE_PUBLIC_KEY='-----BEGIN PUBLIC KEY-----\\nMII[A-Za-z0-9+/=\\]+\\n-----END PUBLIC KEY-----'
\z`, emu.stdout.String())
	emu.stderr.await(t, "control", emu.env["KANUU_BASE_URL"]+"/control")
	emu.stderr.await(t, "webhooks", app.URL+"/webhooks/paddle")

	res, err := http.Get(emu.env["KANUU_BASE_URL"]) // in a browser
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	assert.Equal(t, http.StatusOK, res.StatusCode)
	assert.Equal(t, "/control", res.Request.URL.Path)

	got := run(t, emu.env, "doctor", "--webhook-url", app.URL+"/webhooks/paddle")
	assert.Equal(t, 0, got.code, got.stdout)
	assert.NotContains(t, got.stdout, "warn")
	assert.Equal(t, "kanuu_doctor", (<-events).AlertName)

	got = run(t, emu.env, "nonce", "user:42")
	require.Equal(t, 0, got.code, got.stderr)
	emu.stderr.await(t, "POST /api/nonce", "201", "user:42")

	got = run(t, emu.env, "trigger", "subscription_payment_failed", "user:42")
	assert.Equal(t, 0, got.code, got.stderr)
	assert.Regexp(t,
		`\Aalert       subscription_payment_failed\nalert id    \d+\nidentifier  user:42\nanswer      200, taken\n\z`, got.stdout)
	assert.Equal(t, "subscription_payment_failed", (<-events).AlertName)
	emu.stderr.await(t, "webhook subscription_payment_failed", "200", "user:42")

	assert.Equal(t, 0, emu.stop())
	assert.True(t, strings.HasSuffix(emu.stderr.String(), "\nstopped\n"))

	_, err = net.Dial("tcp", strings.TrimPrefix(emu.env["KANUU_BASE_URL"], "http://"))
	require.Error(t, err, "the port is free again")
}

// A base URL that is not the emulator's is a 404, and its path is in the log.
func TestEmulatorWithWrongBaseURL(t *testing.T) {
	t.Parallel()
	emu := startEmulator(t)
	for _, path := range []string{"/api", "/foo/bar", "/control"} {
		got := run(t, emu.env.with("KANUU_BASE_URL", emu.env["KANUU_BASE_URL"]+path), "nonce", "user:42")
		assert.Equal(t, 1, got.code, path)
		assert.Contains(t, got.stderr, "The route "+path[1:]+"/api/nonce could not be found.")
		emu.stderr.await(t, "POST "+path+"/api/nonce", "404", "user:42")
	}

	// What people do on the control page is no call.
	emu.control(t, "reset", "{}")
	emu.stop()
	assert.NotContains(t, emu.stderr.String(), "/control/api/reset")
}

// A link is not for the log.
func TestEmulatorLogsNoSecret(t *testing.T) {
	t.Parallel()
	emu := startEmulator(t, "--key", "s3cret-key")
	got := run(t, emu.env, "nonce", "42")
	require.Equal(t, 0, got.code, got.stderr)
	nonce := strings.TrimSpace(got.stdout)
	for range 2 { // the first one uses it up
		res, err := http.Get(nonce) //nolint:gosec // of the emu
		require.NoError(t, err)
		res.Body.Close()
	}

	emu.stop()

	assert.NotContains(t, emu.stderr.String(), filepath.Base(nonce))
	assert.NotContains(t, emu.stderr.String(), "s3cret-key")
}

func TestEmulatorEnvironmentInAShell(t *testing.T) {
	t.Parallel()
	shell, err := exec.LookPath("sh")
	require.NoError(t, err)

	emu := startEmulator(t, "--key", `it's"$(x)`)
	//nolint:gosec // that is the point
	script := exec.Command(shell, "-c", `eval "$1"; printf '%s\n' "$KANUU_API_KEY" "$KANUU_BASE_URL" "$PADDLE_PUBLIC_KEY"`, "-",
		emu.stdout.String())
	script.Env = []string{}
	said, err := script.CombinedOutput()
	require.NoError(t, err, string(said))

	lines := strings.Split(string(said), "\n")
	assert.Equal(t, `it's"$(x)`, lines[0])
	assert.Equal(t, emu.env["KANUU_BASE_URL"], lines[1])

	client, err := kanuu.NewClient(kanuu.Config{APIKey: lines[0], BaseURL: lines[1]})
	require.NoError(t, err)
	_, err = client.CreateNonce(t.Context(), kanuu.Identity{Identifier: "42"})
	require.NoError(t, err)
	_, err = kanuu.NewWebhookHandler(client, emu.env["PADDLE_PUBLIC_KEY"], nil)
	require.NoError(t, err)
}

func TestEmulatorAsJSON(t *testing.T) {
	t.Parallel()
	emu := launch(t, "--json", "--free-customers", "1")
	said := decode(t, emu.stdout.String())
	base, _ := said["url"].(string)
	assert.Equal(t, base+"/control", said["control_url"])
	env, _ := said["environment"].(map[string]any)
	assert.Equal(t, base, env["KANUU_BASE_URL"])
	assert.Equal(t, "kanuu-test-key", env["KANUU_API_KEY"])

	got := run(t, environment{"KANUU_API_KEY": "wrong", "KANUU_BASE_URL": base}, "subscription", "user:42")
	assert.Equal(t, 1, got.code)

	line := decode(t, emu.stderr.await(t, "/api/subscription"))
	assert.Equal(t, "call", line["kind"])
	assert.Equal(t, "POST /api/subscription", line["name"])
	assert.Equal(t, "user:42", line["identifier"])
	assert.InDelta(t, 401, line["status"], 0)

	assert.Equal(t, 0, emu.stop())
	for line := range strings.Lines(emu.stderr.String()) {
		assert.True(t, json.Valid([]byte(line)), line)
	}
}

func TestEmulatorReportsDroppedConnections(t *testing.T) {
	t.Parallel()
	emu := startEmulator(t)
	emu.control(t, "faults", `{"drop": true}`)
	got := run(t, emu.env, "subscription", "42")
	assert.Equal(t, 5, got.code)
	emu.stderr.await(t, "POST /api/subscription", "---", "dropped")
}

func TestEmulatorReportsRefusedWebhooks(t *testing.T) {
	t.Parallel()
	app := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(app.Close)

	emu := startEmulator(t, "--webhook-url", app.URL)
	assert.Equal(t, 4, run(t, emu.env, "trigger", "subscription_created", "42").code)
	emu.stderr.await(t, "webhook subscription_created", "404", "42")

	app.Close()

	assert.Equal(t, 4, run(t, emu.env, "trigger", "subscription_cancelled", "7").code)
	emu.stderr.await(t, "webhook subscription_cancelled", "---", "7", "refused")
}

// Ctrl-C waits neither for calls that are delayed on demand nor for
// applications that do not answer.
func TestEmulatorStopsDuringCalls(t *testing.T) {
	t.Parallel()
	asked, left := make(chan struct{}), make(chan struct{})
	app := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // only then the server notices who leaves
		close(asked)
		<-r.Context().Done()
		close(left)
	}))
	t.Cleanup(app.Close)

	emu := startEmulator(t, "--webhook-url", app.URL)
	emu.control(t, "faults", `{"path": "/api/nonce", "delay": "1h"}`)
	emu.control(t, "act", `{"identifier": "42", "action": "subscribe", "plan_id": 67}`)
	<-asked

	call := make(chan result, 1)
	go func() { call <- runWith(t.Context(), cli.Program{}, emu.env, "nonce", "42") }()
	// The delayed call is in the state once it has arrived.
	require.Eventually(t, func() bool {
		res, err := http.Get(emu.env["KANUU_BASE_URL"] + "/control/api/state")
		if err != nil {
			return false
		}
		defer res.Body.Close()
		text, err := io.ReadAll(res.Body)
		return err == nil && strings.Contains(string(text), `"path":"/api/nonce","identifier":"42"`)
	}, 10*time.Second, 10*time.Millisecond)

	begun := time.Now()
	assert.Equal(t, 0, emu.stop())
	<-left
	assert.Less(t, time.Since(begun), 4*time.Second, "sooner than an application's time is over")
	assert.Equal(t, 5, (<-call).code)
}

func TestEmulatorWithPlansAndFreeCustomers(t *testing.T) {
	t.Parallel()
	seed := filepath.Join(t.TempDir(), "seed.json")
	plan := `{"plans":[{"id":5,"name":"Team","price":"99.00","currency":"USD","yearly":true,"trial_days":14}]}`
	require.NoError(t, os.WriteFile(seed, []byte(plan), 0o600))
	emu := startEmulator(t, "--seed", seed, "--free-customers", "1")
	for _, identifier := range []string{"1", "2"} {
		assert.Equal(t, 0, run(t, emu.env, "nonce", identifier).code)
		emu.control(t, "act", `{"identifier": "`+identifier+`", "action": "subscribe", "plan_id": 5}`)
	}
	got := run(t, emu.env, "nonce", "3")
	assert.Equal(t, 1, got.code)
	assert.Contains(t, got.stderr, "20 active customers")
}

func TestEmulatorWithSigningKey(t *testing.T) {
	t.Parallel()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "paddle.pem")
	require.NoError(t,
		os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}),
			0o600))

	emu := startEmulator(t, "--signing-key", file)
	want := strings.TrimSpace(kanuutest.NewSignerWithKey(key).PublicKey())
	assert.Equal(t, want, strings.ReplaceAll(emu.env["PADDLE_PUBLIC_KEY"], `\n`, "\n"))
}

func TestEmulatorWithTLS(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "new", "emulator.pem")
	emu := startEmulator(t, "--tls", "--tls-cert", file)

	assert.Regexp(t, `^https://127\.0\.0\.1:\d+$`, emu.env["KANUU_BASE_URL"])
	assert.Equal(t, file, emu.env["SSL_CERT_FILE"])

	// Whoever does not trust it hears why, and so does the log.
	got := run(t, emu.env, "doctor")
	assert.Equal(t, 1, got.code)
	assert.Contains(t, got.stdout, "fail  certificate   certificate signed by unknown authority")
	emu.stderr.await(t, "TLS handshake error")
	assert.Equal(t, 5, run(t, emu.env, "nonce", "42").code)

	text, err := os.ReadFile(file)
	require.NoError(t, err)
	roots := x509.NewCertPool()
	require.True(t, roots.AppendCertsFromPEM(text))
	assert.NotContains(t, string(text), "PRIVATE")

	trusting := cli.Program{RootCAs: roots}
	for _, command := range [][]string{{"doctor"}, {"nonce", "42"}} {
		got := runWith(t.Context(), trusting, emu.env, command...)
		assert.Equal(t, 0, got.code, got.stdout+got.stderr)
	}

	got = runWith(t.Context(), trusting, emu.env, "trigger", "subscription_created", "42")
	assert.Equal(t, 4, got.code)
	assert.Contains(t, got.stdout, "it was not sent")

	conn, err := tls.Dial("tcp", strings.TrimPrefix(emu.env["KANUU_BASE_URL"], "https://"),
		&tls.Config{RootCAs: roots, NextProtos: []string{"h2"}})
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	assert.Equal(t, "h2", conn.ConnectionState().NegotiatedProtocol)
}

func TestEmulatorPortTaken(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { taken.Close() })

	got := run(t, nil, "emulator", "--addr", taken.Addr().String())
	assert.Equal(t, 1, got.code)
	assert.Empty(t, got.stdout)
	assert.Contains(t, got.stderr, "kanuu: cannot listen on "+taken.Addr().String()+": address already in use\n")
	assert.Contains(t, got.stderr, "--addr 127.0.0.1:")
}

func TestEmulatorAllowRemote(t *testing.T) {
	t.Parallel()
	for _, addr := range []string{":0", "0.0.0.0:0", "[::]:0"} {
		got := run(t, nil, "emulator", "--addr", addr)
		assert.Equal(t, 2, got.code, addr)
		assert.Contains(t, got.stderr, "other machines could reach the emulator at "+addr)
		assert.Contains(t, got.stderr, "--allow-remote")
	}
	emu := startEmulator(t, "--addr", "0.0.0.0:0", "--allow-remote")
	assert.Regexp(t, `^http://localhost:\d+$`, emu.env["KANUU_BASE_URL"])
	emu.stderr.await(t, "WARNING", "can subscribe to anything for nothing")
}

// A line of the log is of one event, whatever a customer is called.
func TestEmulatorLogCannotBeForged(t *testing.T) {
	t.Parallel()
	emu := startEmulator(t)
	run(t, emu.env, "subscription", "eve")
	for _, identifier := range []string{"x\n12:00:00  POST /api/nonce  200  forged", "a\r\nb", strings.Repeat("long", 100)} {
		body, err := json.Marshal(map[string]string{"identifier": identifier})
		require.NoError(t, err)
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, emu.env["KANUU_BASE_URL"]+"/api/subscription",
			strings.NewReader(string(body)))
		require.NoError(t, err)
		req.Header.Set("Authorization", "Bearer "+emu.env["KANUU_API_KEY"])
		req.Header.Set("Content-Type", "application/json")
		res, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
	}
	emu.stderr.await(t, "longlong", "…")
	for line := range strings.Lines(emu.stderr.String()) {
		assert.False(t, strings.HasPrefix(line, "12:00:00  POST"), line)
		assert.Less(t, len(line), 500)
	}
}

func TestEmulatorHosts(t *testing.T) {
	t.Parallel()
	emu := startEmulator(t, "--host", "kanuu")
	for host, want := range map[string]int{"kanuu:4242": 200, "localhost": 200, "127.0.0.1": 200, "evil.test": 403} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, emu.env["KANUU_BASE_URL"]+"/control", http.NoBody)
		require.NoError(t, err)
		req.Host = host
		res, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
		assert.Equal(t, want, res.StatusCode, host)
	}
}

func TestEmulatorFlags(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		args   []string
		stderr string
	}{
		"an argument":   {[]string{"now"}, "now"},
		"a bare port":   {[]string{"--addr", "4242"}, "write it like 127.0.0.1:4242"},
		"a path as app": {[]string{"--app-url", "/"}, "--app-url \"/\" is not an absolute URL"},
		"a host as webhook": {[]string{"--webhook-url", "localhost:8080/x"},
			"write it like http://localhost:8080/webhooks/paddle"},
		"an empty key":       {[]string{"--key", ""}, "--key cannot be one"},
		"a key with Bearer":  {[]string{"--key", "Bearer s3cret"}, "--key cannot be one"},
		"no seed":            {[]string{"--seed", "/nowhere.json"}, "--seed: open /nowhere.json"},
		"a folder as state":  {[]string{"--addr", "127.0.0.1:0", "--state", "/"}, "--state: no state of an emulator"},
		"no key file":        {[]string{"--signing-key", "/nowhere.pem"}, "openssl genrsa"},
		"negative customers": {[]string{"--free-customers", "-1"}, "negative"},
		"no number":          {[]string{"--free-customers", "many"}, "invalid argument"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := run(t, nil, append([]string{"emulator"}, tt.args...)...)
			assert.Equal(t, 2, got.code)
			assert.Empty(t, got.stdout)
			assert.Contains(t, got.stderr, tt.stderr)
			assert.NotContains(t, got.stderr, "s3cret")
		})
	}
}

func TestEmulatorCertificateNotWritable(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	got := run(t, nil, "emulator", "--addr", "127.0.0.1:0", "--tls", "--tls-cert", filepath.Join(file, "emulator.pem"))
	assert.Equal(t, 1, got.code)
	assert.Contains(t, got.stderr, "cannot write the certificate")
}

// What cannot be printed cannot be pasted.
func TestEmulatorWithoutStdout(t *testing.T) {
	t.Parallel()
	var stderr strings.Builder
	program := cli.Program{Getenv: func(string) string { return "" }, Stdout: closed{}, Stderr: &stderr}
	assert.Equal(t, 1, program.Run(t.Context(), []string{"emulator", "--addr", "127.0.0.1:0"}))
	assert.Contains(t, stderr.String(), "broken pipe")
}

type closed struct{ io.Writer }

func (closed) Write([]byte) (int, error) { return 0, errors.New("broken pipe") }
