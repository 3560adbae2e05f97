// Package emulator runs the fake Kanuu of kanuutest on an address of its own,
// and tells what happens there.
package emulator

import (
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
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/kanuu-io/kanuu-go"
	"github.com/kanuu-io/kanuu-go/kanuutest"
)

// Config of an emulator.
type Config struct {
	// Addr to listen on, host and port.
	Addr string

	// AllowRemote lets Addr be one that other machines reach.
	AllowRemote bool

	// Hosts are the names to answer for besides localhost, IP addresses and the
	// host of Addr.
	Hosts []string

	// CertFile, where it is not empty, makes the emulator speak https: the
	// certificate that clients have to trust is written to it.
	CertFile string

	// APIKey, AppURL, WebhookURL, Plans and FreeCustomers are
	// [kanuutest.Options]'s. Empty ones are the defaults.
	APIKey, AppURL, WebhookURL string
	Plans                      []kanuutest.Plan
	FreeCustomers              int

	// SigningKey signs the webhooks. Nil: a new one.
	SigningKey *rsa.PrivateKey

	// Report hears what happens, from several goroutines at once. Required.
	Report func(Event)
}

// Limits of an emulator.
const (
	headerTimeout  = 10 * time.Second
	webhookTimeout = 5 * time.Second // Paddle's
	drainTimeout   = time.Second     // for requests in flight when it stops
)

// Emulator listens, and answers once [Emulator.Serve] is called.
type Emulator struct {
	// URL is the base URL of the API, as programs on this machine reach it.
	URL string

	// Remote tells whether other machines reach it.
	Remote bool

	fake     *kanuutest.Kanuu
	signer   *kanuutest.Signer
	config   Config
	listener net.Listener
	server   *http.Server
}

// What [Listen] finds wrong with the address.
var (
	// ErrAddress: nobody can listen there.
	ErrAddress = errors.New("cannot listen")

	// ErrRemote: it would listen for more than this machine.
	ErrRemote = errors.New("other machines could reach the emulator")
)

// Listen makes an emulator that has its port. Errors: [ErrAddress], [ErrRemote],
// and what kept the certificate from being written.
func Listen(ctx context.Context, config Config) (*Emulator, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", config.Addr)
	if err != nil {
		return nil, fmt.Errorf("%w on %s: %w", ErrAddress, config.Addr, bare(err))
	}

	e := &Emulator{config: config, listener: listener, signer: kanuutest.NewSigner()}
	if config.SigningKey != nil {
		e.signer = kanuutest.NewSignerWithKey(config.SigningKey)
	}

	bound, _ := listener.Addr().(*net.TCPAddr) // "tcp" has no others
	e.Remote = !bound.IP.IsLoopback()
	if e.Remote && !config.AllowRemote {
		listener.Close()
		return nil, fmt.Errorf("%w at %s", ErrRemote, config.Addr)
	}

	e.URL = e.baseURL(bound)
	host, _, _ := net.SplitHostPort(config.Addr)
	e.fake = kanuutest.New(&kanuutest.Options{
		ControlHosts:  append(slices.Clone(config.Hosts), host), // an empty one matches nothing
		APIKey:        config.APIKey,
		ReturnURL:     config.AppURL,
		Plans:         config.Plans,
		FreeCustomers: config.FreeCustomers,
		Webhooks: &kanuutest.WebhookOptions{
			URL: config.WebhookURL, Signer: e.signer, Client: newWebhookClient(config.Report),
		},
	})
	e.server = &http.Server{
		Handler:           welcome(reportCalls(e.fake, config.Report)),
		ReadHeaderTimeout: headerTimeout,
		ErrorLog:          log.New(notices(config.Report), "", 0),
	}
	if config.CertFile != "" {
		if err := e.useTLS(); err != nil {
			listener.Close()
			return nil, err
		}
	}
	return e, nil
}

// baseURL has the host of the configured address, since a cookie of localhost
// is not one of 127.0.0.1, and the port that was bound, since the address may
// leave the choice to the system.
func (e *Emulator) baseURL(bound *net.TCPAddr) string {
	host, _, _ := net.SplitHostPort(e.config.Addr)
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	scheme := "http"
	if e.config.CertFile != "" {
		scheme = "https"
	}
	return fmt.Sprintf("%s://%s", scheme, net.JoinHostPort(host, strconv.Itoa(bound.Port)))
}

// welcome leads who opens the base URL in a browser to the control page.
func welcome(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/" && r.Method == http.MethodGet {
			http.Redirect(w, r, "/control", http.StatusFound)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (e *Emulator) useTLS() error {
	host, _, _ := net.SplitHostPort(e.config.Addr)

	var names []string
	if host != "" {
		names = append(names, host)
	}
	certificate := kanuutest.NewCertificate(names...)
	e.server.TLSConfig = &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}

	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Certificate[0]})
	if err := os.MkdirAll(filepath.Dir(e.config.CertFile), 0o750); err != nil {
		return fmt.Errorf("cannot write the certificate: %w", err)
	}

	if err := os.WriteFile(e.config.CertFile, text, 0o600); err != nil {
		return fmt.Errorf("cannot write the certificate: %w", err)
	}
	return nil
}

// ControlURL is the page from which people steer it.
func (e *Emulator) ControlURL() string { return e.URL + "/control" }

// Variable of an environment.
type Variable struct{ Name, Value string }

// Environment is what an application needs to use the emulator. The public key
// has its line ends written as \n: not everything that keeps variables takes
// real ones.
func (e *Emulator) Environment() []Variable {
	key := e.config.APIKey
	if key == "" {
		key = kanuutest.DefaultAPIKey
	}
	variables := []Variable{
		{kanuu.EnvAPIKey, key},
		{kanuu.EnvBaseURL, e.URL},
		{"PADDLE_PUBLIC_KEY", strings.ReplaceAll(strings.TrimSpace(e.signer.PublicKey()), "\n", `\n`)},
	}
	if e.config.CertFile != "" {
		variables = append(variables, Variable{"SSL_CERT_FILE", e.config.CertFile})
	}
	return variables
}

// Serve answers until ctx is done, and returns nil then.
func (e *Emulator) Serve(ctx context.Context) error {
	defer e.fake.Close()

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

	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTimeout)
	defer cancel()
	if e.server.Shutdown(drain) != nil { // something still waits, such as for a delay on demand
		_ = e.server.Close() // nothing is lost with those connections
	}

	if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// bare is the error without the operation and the address, which stand beside it.
func bare(err error) error {
	if errors.Is(err, syscall.EADDRINUSE) {
		return syscall.EADDRINUSE
	}
	if op, ok := errors.AsType[*net.OpError](err); ok {
		return op.Err
	}
	return err
}
