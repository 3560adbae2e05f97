// Package app is a web app to be measured: net/http and the library's handler,
// as many users as there are names, and a page that counts its goroutines. It
// trusts everybody, and is for loopback only.
package app

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"time"

	"github.com/kanuu-io/kanuu-go"
)

// State is what GET /debug answers.
type State struct {
	Goroutines int         `json:"goroutines"`
	Heap       uint64      `json:"heap"` // live bytes; only GET /debug?gc looks for them
	Stats      kanuu.Stats `json:"stats"`
}

// Main runs the app until it is interrupted, and returns the exit code. It is
// configured as the examples are: ADDR, KANUU_API_KEY, KANUU_BASE_URL. A nil
// around leaves the handler alone.
func Main(around func(http.Handler) http.Handler) int {
	if err := run(around); err != nil {
		fmt.Fprintln(os.Stderr, "app:", err)

		return 1
	}

	return 0
}

func run(around func(http.Handler) http.Handler) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()

	log := slog.New(slog.NewTextHandler(os.Stderr, nil))

	client, err := kanuu.NewClient(kanuu.Config{
		APIKey:  os.Getenv(kanuu.EnvAPIKey),
		BaseURL: os.Getenv(kanuu.EnvBaseURL),
		Logger:  log,
	})
	if err != nil {
		return err
	}

	handler := newHandler(client)
	if around != nil {
		handler = around(handler)
	}

	listener, err := net.Listen("tcp", os.Getenv("ADDR"))
	if err != nil {
		return err
	}

	server := &http.Server{Handler: handler, ReadHeaderTimeout: 5 * time.Second, IdleTimeout: 2 * time.Minute}
	ended := make(chan error, 1)

	go func() { ended <- server.Serve(listener) }()

	log.Info("running", "url", "http://"+listener.Addr().String()+"/")

	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
		return server.Close()
	}
}

func newHandler(client *kanuu.Client) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/billing", kanuu.NewRedirectHandler(client, kanuu.IdentifierResolverFunc(who), nil))
	mux.HandleFunc("POST /login", login)
	mux.HandleFunc("GET /debug", func(w http.ResponseWriter, r *http.Request) {
		state := State{Stats: client.Stats()}

		if r.URL.Query().Has("gc") {
			state.Heap = liveHeap()
		}

		state.Goroutines = runtime.NumGoroutine()
		_ = json.NewEncoder(w).Encode(state) // fails when the caller has left
	})

	return mux
}

const userCookie = "user"

// login believes what it is told: the load knows what it said.
func login(w http.ResponseWriter, r *http.Request) {
	http.SetCookie(w, &http.Cookie{Name: userCookie, Value: r.PostFormValue("user"), HttpOnly: true}) //nolint:gosec // plain http, on loopback
	w.WriteHeader(http.StatusNoContent)
}

func who(r *http.Request) (kanuu.Identity, error) {
	cookie, err := r.Cookie(userCookie)
	if err != nil {
		return kanuu.Identity{}, kanuu.ErrUnauthenticated
	}

	return kanuu.Identity{Identifier: cookie.Value}, nil
}

// liveHeap collects twice, since pools keep what they have over one collection.
func liveHeap() uint64 {
	runtime.GC()
	runtime.GC()

	var stats runtime.MemStats

	runtime.ReadMemStats(&stats)

	return stats.HeapAlloc
}
