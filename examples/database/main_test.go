package main_test

import (
	"context"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	app "github.com/kanuu-io/kanuu-go/examples/database"
	"github.com/kanuu-io/kanuu-go/examples/internal/demo"
	"github.com/kanuu-io/kanuu-go/examples/internal/demotest"
	"github.com/kanuu-io/kanuu-go/kanuutest"
)

// newHandler is an app with a database of its own.
func newHandler(notes *demo.App) (http.Handler, error) {
	folder, err := os.MkdirTemp("", "acme-notes")
	if err != nil {
		return nil, err
	}
	getenv := notes.Getenv
	notes.Getenv = func(name string) string {
		if name == "DATABASE_URL" {
			return "file:" + filepath.Join(folder, "app.db") + "?_pragma=busy_timeout(3000)"
		}
		return getenv(name)
	}
	handler, err := app.NewHandler(notes)
	if closeDB := notes.Close; closeDB != nil {
		notes.Close = func() error { _ = closeDB(); return os.RemoveAll(folder) }
	}
	return handler, err
}

func TestMain(m *testing.M) { demotest.Main(m, "net/http and a database", newHandler) }

func TestApp(t *testing.T) {
	t.Parallel()
	demotest.Run(t)
}

// The home page shows what is in the table, and a restart in an outage keeps it and
// the subscriber.
func TestHomePage(t *testing.T) {
	t.Parallel()
	fake := kanuutest.NewServer(nil)
	defer fake.Close()
	database := "file:" + filepath.Join(t.TempDir(), "app.db") + "?_pragma=busy_timeout(3000)"
	get, stop := serve(t, fake, database)
	require.NoError(t, fake.Customer("1001").Subscribe(67))
	home := get("/")
	assert.Contains(t, home, "Plan 67")
	assert.Contains(t, home, "1 × 29.00 EUR")
	assert.Contains(t, home, "Renews on")
	require.NoError(t, fake.Customer("1001").Cancel())
	home = get("/")
	assert.Contains(t, home, "Ends on")
	assert.Equal(t, 1, strings.Count(home, "Welcome to Pro"))
	stop()

	fake.GoDown()
	get, _ = serve(t, fake, database)
	assert.Contains(t, get("/"), "Ends on")
	assert.Contains(t, get("/pro"), "<h1>Welcome to Pro, Alice")
}

// serve runs the app, logs Alice in, and returns how to get a page and to stop it.
func serve(t *testing.T, fake *kanuutest.Server, database string) (get func(path string) string, stop func()) {
	t.Helper()
	vars := map[string]string{
		"ADDR": "127.0.0.1:0", "KANUU_API_KEY": kanuutest.DefaultAPIKey, "KANUU_BASE_URL": fake.URL,
		"PADDLE_PUBLIC_KEY": fake.PublicKey(), "DATABASE_URL": database,
	}
	ctx, cancel := context.WithCancel(t.Context())
	log, logWriter := io.Pipe()
	ended := make(chan int, 1)
	go func() {
		ended <- demo.Serve(ctx, func(name string) string { return vars[name] }, logWriter, "a database", app.NewHandler)
		_ = logWriter.Close()
	}()
	address := make(chan string, 1)
	go func() {
		text := make([]byte, 4096)
		for n, err := log.Read(text); err == nil; n, err = log.Read(text) {
			if found := regexp.MustCompile(`url=(http://\S+)/`).FindSubmatch(text[:n]); found != nil {
				address <- string(found[1])
			}
		}
	}()
	stop = func() { cancel(); assert.Zero(t, <-ended) }
	t.Cleanup(cancel)
	home := <-address
	fake.SetWebhookURL(home + "/webhooks/paddle")
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	client := &http.Client{Jar: jar, Timeout: time.Minute}
	t.Cleanup(client.CloseIdleConnections)
	answer, err := client.PostForm(home+"/login", url.Values{"user": {"alice"}})
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	return func(path string) string {
		answer, err := client.Get(home + path)
		require.NoError(t, err)
		defer func() { _ = answer.Body.Close() }()
		body, err := io.ReadAll(answer.Body)
		require.NoError(t, err)
		return string(body)
	}, stop
}
