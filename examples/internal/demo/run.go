// Package demo is Acme Notes, the app that all the examples are: its people,
// its sessions, its pages and its server. How a web framework and Kanuu meet is in
// each example's main.go, apart from what net/http and its routers share.
package demo

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"github.com/kanuu-io/kanuu-go"
)

const (
	defaultAddr = "127.0.0.1:8080"
	// drainTimeout is how long requests in flight get once the app is told to
	// stop.
	drainTimeout = 10 * time.Second
)

// Build makes the part of the app that is written with a web framework: the
// home page, the session middleware and everything of Kanuu's.
type Build func(app *App) (http.Handler, error)

// Run runs the app until Ctrl-C or SIGTERM, and returns the exit code.
// The framework's name is shown on the page.
func Run(framework string, build Build) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // so that a second Ctrl-C does not wait for anybody
	return Serve(ctx, os.Getenv, os.Stderr, framework, build)
}

// Serve is Run for tests, which bring their own environment: it serves until
// ctx is done. These are the variables that it reads:
//
//	ADDR               where to listen: 127.0.0.1:8080
//	KANUU_API_KEY      without it, an emulator of Kanuu runs inside the app
//	KANUU_BASE_URL     https://kanuu.io
//	PADDLE_PUBLIC_KEY  without it, the app listens to the emulator's webhooks, or to none
//	REDIS_URL          without it, each replica has a cache of its own
//	DATABASE_URL       (examples/database) without it, a file of SQLite in the working folder
//	SESSION_KEY        signs the session cookies: random, so a restart logs everybody out
func Serve(ctx context.Context, getenv func(string) string, stderr io.Writer, framework string, build Build) int {
	logger := slog.New(slog.NewTextHandler(stderr, nil))
	if err := serve(ctx, getenv, logger, framework, build); err != nil {
		fmt.Fprintln(stderr, "acme-notes:", err)
		return 1
	}
	return 0
}

func serve(ctx context.Context, getenv func(string) string, logger *slog.Logger, framework string, build Build) error {
	sessions, err := newSessions(getenv("SESSION_KEY"))
	if err != nil {
		return err
	}

	addr := cmp.Or(getenv("ADDR"), defaultAddr)

	listener, err := listen(ctx, addr)
	if err != nil {
		return err
	}
	defer listener.Close()

	home := homeURL(addr, listener.Addr())

	shared, err := newShared(getenv("REDIS_URL"), logger)
	if err != nil {
		return err
	}
	defer shared.close()

	app := &App{Getenv: getenv, framework: framework, sessions: sessions, logger: logger}
	recall := func(ctx context.Context, identifier string) (kanuu.Subscription, time.Time, error) {
		if app.LastKnown == nil {
			return kanuu.Subscription{}, time.Time{}, kanuu.ErrUnavailable
		}
		return app.LastKnown(ctx, identifier)
	}
	client, fake, err := newClient(getenv, home, shared.cache, recall, logger)
	if err != nil {
		return err
	}
	defer client.Close()
	if fake != nil {
		defer fake.Close()
	}

	publicKey := getenv("PADDLE_PUBLIC_KEY")
	if fake != nil && publicKey == "" {
		publicKey = fake.PublicKey()
		fake.SetWebhookURL(home + "webhooks/paddle")
	}

	hook, err := newWebhook(client, publicKey, shared.dedup)
	if err != nil {
		return err
	}

	app.Client, app.Webhook = client, hook
	if fake != nil {
		app.control = fake.URL + "/control"
	}

	handler, err := build(app)
	if err != nil {
		return err
	}
	if app.Close != nil {
		defer func() { _ = app.Close() }()
	}

	server := &http.Server{
		Handler:           app.around(handler),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      time.Minute, // a slow Kanuu has its own, shorter limit
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(logger.Handler(), slog.LevelWarn),
	}
	if fake != nil {
		logger.Info("no KANUU_API_KEY, so an emulator of Kanuu runs inside: click around, nothing is charged; set "+
			"KANUU_API_KEY to use the real one", "portal", fake.URL, "control", app.control)
	}
	if hook == nil {
		logger.Info("no PADDLE_PUBLIC_KEY, so there is no /webhooks/paddle: set PADDLE_PUBLIC_KEY to the public key in " +
			"Paddle's dashboard to hear of changes at once")
	}

	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	logger.Info("Acme Notes is running: open it in a browser, stop it with Ctrl-C", "url", home, "framework", framework)
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}

	logger.Info("stopping: requests in flight are finished first", "at_most", drainTimeout)

	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTimeout)
	defer cancel()
	if err := server.Shutdown(drain); err != nil {
		return errors.Join(fmt.Errorf("requests were still running after %s: %w", drainTimeout, err), server.Close())
	}
	return nil
}

func listen(ctx context.Context, addr string) (net.Listener, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	if err == nil {
		return listener, nil
	}

	// The operation's own error names the address a second time.
	if op, ok := errors.AsType[*net.OpError](err); ok {
		err = op.Err
	}
	return nil, fmt.Errorf("cannot listen on %s (%w): choose another address, for example set ADDR=%s",
		addr, err, neighbour(addr))
}

// neighbour is the address one port up.
func neighbour(addr string) string {
	host, port, _ := net.SplitHostPort(addr)
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil || number == 0 || number == 65535 {
		return "127.0.0.1:8081"
	}
	return net.JoinHostPort(host, strconv.FormatUint(number+1, 10))
}

// homeURL is where a browser on this machine finds the app. The host is the
// one of ADDR, since a cookie of localhost is not one of 127.0.0.1; the port is
// the one that was bound, since ADDR may leave the choice to the system.
func homeURL(addr string, bound net.Addr) string {
	host, _, _ := net.SplitHostPort(addr)
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	_, port, _ := net.SplitHostPort(bound.String())
	return "http://" + net.JoinHostPort(host, port) + "/"
}
