// Package emulator runs the fake Kanuu of kanuutest on an address of its own, and
// reports what happens there.
package emulator

import (
	"cmp"
	"context"
	"crypto/rsa"
	"crypto/tls"
	"encoding/pem"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/kanuu-io/kanuu-go"
	"github.com/kanuu-io/kanuu-go/kanuutest"
)

// Config of an emulator.
type Config struct {
	// Options of the fake. Webhooks is required.
	Options kanuutest.Options

	// Addr to listen on, host and port. AllowRemote permits one that other machines
	// reach.
	Addr        string
	AllowRemote bool

	// CertFile makes the emulator speak https unless it is empty: the certificate
	// that clients have to trust is written to it.
	CertFile string

	// StateFile keeps everything for the next start. Empty: nothing is kept.
	StateFile string

	// Customers are there when the emulator starts, unless the state file is.
	Customers []Customer

	// SigningKey signs the webhooks. Nil: that of the state file, else a new one.
	SigningKey *rsa.PrivateKey

	// Report gets what happens, from several goroutines. Required.
	Report func(Event)
}

// Event is something that happened in the emulator. It has no key, no nonce and no
// link.
type Event struct {
	Time       time.Time `json:"time"`
	Kind       string    `json:"kind"` // "call" of the API, "webhook" for one try, "notice" of the server
	Name       string    `json:"name"` // "POST /api/nonce"; the alert's name; the notice
	Identifier string    `json:"identifier,omitempty"`
	AlertID    string    `json:"alert_id,omitempty"`
	Status     int       `json:"status,omitempty"` // of the response; 0: there was none
	Error      string    `json:"error,omitempty"`  // why it was not taken
}

// Emulator listens, and answers once [Emulator.Serve] is called.
type Emulator struct {
	// URL is the base URL of the API, as programs on this machine reach it.
	URL string

	// Remote reports whether other machines reach it.
	Remote bool

	fake     *kanuutest.Kanuu
	state    *state
	config   Config
	listener net.Listener
	server   *http.Server
}

// What [Listen] finds wrong with the address.
var (
	ErrAddress = errors.New("cannot listen")
	ErrRemote  = errors.New("other machines could reach the emulator")
)

// Listen makes an emulator that has its port. Errors: [ErrAddress], [ErrRemote],
// [ErrState], and why the certificate could not be written.
func Listen(ctx context.Context, config Config) (*Emulator, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", config.Addr)
	if errors.Is(err, syscall.EADDRINUSE) {
		err = syscall.EADDRINUSE // without the address, which stands beside it
	}
	if err != nil {
		return nil, fmt.Errorf("%w on %s: %w", ErrAddress, config.Addr, err)
	}
	e := &Emulator{config: config, listener: listener}
	if err := e.prepare(); err != nil {
		listener.Close()
		return nil, err
	}
	return e, nil
}

func (e *Emulator) prepare() error {
	bound, _ := e.listener.Addr().(*net.TCPAddr) // "tcp" has no others
	e.Remote = !bound.IP.IsLoopback()
	if e.Remote && !e.config.AllowRemote {
		return fmt.Errorf("%w at %s", ErrRemote, e.config.Addr)
	}
	// The host is the configured one, since a cookie of localhost is not one of
	// 127.0.0.1; the port is the bound one, since the system may have chosen it.
	host, _, _ := net.SplitHostPort(e.config.Addr)
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	e.URL = "http://" + net.JoinHostPort(host, strconv.Itoa(bound.Port))
	if err := e.open(); err != nil {
		return err
	}
	e.server = &http.Server{
		Handler:           welcome(e.state.saving(e.fake)),
		ReadHeaderTimeout: 10 * time.Second,
		ErrorLog:          log.New(notices(e.config.Report), "", 0),
	}
	if e.config.CertFile == "" {
		return nil
	}
	e.URL = strings.Replace(e.URL, "http:", "https:", 1)
	return e.useTLS(host)
}

// open makes the fake, and continues from the state.
func (e *Emulator) open() error {
	o := e.config.Options
	host, _, _ := net.SplitHostPort(e.config.Addr)
	o.ControlHosts = append([]string{host}, o.ControlHosts...) // an empty one matches nothing
	saved, err := read(e.config.StateFile)
	if err != nil {
		return err
	}
	key, err := saved.key(e.config.SigningKey)
	if err != nil {
		return err
	}
	webhooks := *o.Webhooks
	webhooks.Signer = kanuutest.NewSigner()
	if key != nil {
		webhooks.Signer = kanuutest.NewSignerWithKey(key)
	}
	e.state = &state{file: e.config.StateFile, signingKey: encodeKey(key), report: e.config.Report}
	webhooks.OnTry = func(d kanuutest.Delivery) {
		e.config.Report(Event{time.Now(), "webhook", d.AlertName, d.Identifier, d.AlertID, d.Status, d.Error})
		e.state.save()
	}
	o.Webhooks = &webhooks
	o.OnCall = func(r kanuutest.Request) {
		happened := Event{time.Now(), "call", r.Method + " " + r.Path, r.Identifier(), "", r.Status, ""}
		if r.Status == 0 {
			happened.Error = "the connection was dropped"
		}
		e.config.Report(happened)
	}
	e.fake = kanuutest.New(&o)
	e.state.fake = e.fake
	if saved.isNew() {
		for _, c := range e.config.Customers {
			e.fake.SetSubscription(c.Identifier, c.subscription(e.fake.Now()))
		}
	} else if err := e.fake.Restore(saved.Fake); err != nil {
		return fmt.Errorf("%w: %s is none: %w", ErrState, e.config.StateFile, err)
	}
	return e.state.write()
}

// welcome leads a browser from the base URL to the control page.
func welcome(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/" && r.Method == http.MethodGet {
			http.Redirect(w, r, "/control", http.StatusFound)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (e *Emulator) useTLS(host string) error {
	certificate := kanuutest.NewCertificate(host)
	e.server.TLSConfig = &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Certificate[0]})
	err := os.MkdirAll(filepath.Dir(e.config.CertFile), 0o750)
	if err == nil {
		err = os.WriteFile(e.config.CertFile, text, 0o600)
	}
	if err != nil {
		return fmt.Errorf("cannot write the certificate: %w", err)
	}
	return nil
}

// ControlURL is the control page.
func (e *Emulator) ControlURL() string { return e.URL + "/control" }

// Variable of an environment.
type Variable struct{ Name, Value string }

// Environment is what an application needs to use the emulator. The public key
// has its line ends written as \n: not everything that keeps variables takes
// real ones.
func (e *Emulator) Environment() []Variable {
	variables := []Variable{
		{kanuu.EnvAPIKey, cmp.Or(e.config.Options.APIKey, kanuutest.DefaultAPIKey)},
		{kanuu.EnvBaseURL, e.URL},
		{"PADDLE_PUBLIC_KEY", strings.ReplaceAll(strings.TrimSpace(e.fake.PublicKey()), "\n", `\n`)},
	}
	if e.config.CertFile != "" {
		variables = append(variables, Variable{"SSL_CERT_FILE", e.config.CertFile})
	}
	return variables
}

// WebhookURL is where webhooks go; empty: nowhere.
func (e *Emulator) WebhookURL() string { return e.fake.WebhookURL() }

// Serve answers until ctx is done, and returns nil then.
func (e *Emulator) Serve(ctx context.Context) error {
	defer e.fake.Close()
	defer e.state.stop() // before webhooks that wait are given up
	serve := e.server.Serve
	if e.server.TLSConfig != nil {
		serve = func(l net.Listener) error { return e.server.ServeTLS(l, "", "") }
	}
	ended := make(chan error, 1)
	go func() { ended <- serve(e.listener) }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	if e.server.Shutdown(drain) != nil { // something still waits, such as for a delay on demand
		_ = e.server.Close() // nothing is lost with those connections
	}
	if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// notices reports the lines that are written to it.
type notices func(Event)

func (report notices) Write(line []byte) (int, error) {
	report(Event{Time: time.Now(), Kind: "notice", Name: strings.TrimSpace(string(line))})
	return len(line), nil
}
