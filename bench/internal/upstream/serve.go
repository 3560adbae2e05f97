package upstream

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"runtime/debug"
	"strconv"
	"sync/atomic"
	"time"
)

// Answers in the shape of each API, about as long as the real ones.
const (
	nonceAnswer = `{"nonce":"d3e2c48bb1fb4badfa27fe9a03924207","url":"https://kanuu.io/manage/acme/d3e2c48bb1fb4badfa27fe9a03924207"}`

	subscriptionAnswer = `{"is_trialing":false,"is_subscribed":true,"status":"active","plan_id":12345,"subscription_id":67890}`

	stripeAnswer = `{"id":"bps_1MrSjzLkdIwHu7ixex0IvU9b","object":"billing_portal.session",` +
		`"configuration":"bpc_1MAhNDLkdIwHu7ixckACO1Jq","created":1680210639,"customer":"cus_NciAYcXfLnqBoz",` +
		`"flow":null,"livemode":false,"locale":null,"on_behalf_of":null,"return_url":"https://example.com/account",` +
		`"url":"https://billing.stripe.com/p/session/test_YWNjdF8xTTJKVGtMa2RJd0h1N2l4LF9OY2lBYjJXcHY4a2NPck96"}`

	paddleAnswer = `{"data":{"id":"cpls_01h4ge9r64c22exjsx0fy8b48b","customer_id":"ctm_01gysfvfy7vqhpzkq8rjmrq7an",` +
		`"urls":{"general":{"overview":"https://customer-portal.paddle.com/cpl_01j7zbyqs3vah3aafp4jf62qaw?action=overview&token=pga_eyJhbGciOiJFZERTQSJ9"},` +
		`"subscriptions":[]},"created_at":"2024-10-25T06:53:58Z"},"meta":{"request_id":"fa176777-4bca-49ec-aa1e-f53885333cb7"}}`
)

// child is the server, seen from inside.
type child struct {
	answer                atomic.Int64 // nanoseconds to wait
	answers, handshakes   gathering
	connections, requests atomic.Int64
	present, peak         atomic.Int64
}

// serve answers until stdin ends, which is when the parent does.
func serve(stdin io.Reader, stdout io.Writer) error {
	debug.SetGCPercent(400) // the server's own work is nobody's measurement

	c := new(child)

	said, err := c.listen()
	if err != nil {
		return err
	}

	out, in := json.NewEncoder(stdout), json.NewDecoder(stdin)

	if err := out.Encode(said); err != nil {
		return err
	}

	for {
		var heard order

		switch err := in.Decode(&heard); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}

		if heard.Delays != nil {
			c.answer.Store(int64(heard.Delays.Answer))
			c.answers.lull.Store(int64(heard.Delays.Lull))
			c.handshakes.lull.Store(int64(heard.Delays.Lull / 2))
			c.peak.Store(0)
		}

		counts := Counts{Connections: c.connections.Load(), Requests: c.requests.Load(), Peak: c.peak.Load()}
		if err := out.Encode(counts); err != nil {
			return err
		}
	}
}

// api answers as each of those does that are called.
func (c *child) api() http.Handler {
	mux := http.NewServeMux()

	for pattern, answer := range map[string]struct {
		status int
		body   string
	}{
		"POST /api/nonce":                            {http.StatusCreated, nonceAnswer},
		"POST /api/subscription":                     {http.StatusOK, subscriptionAnswer},
		"POST /v1/billing_portal/sessions":           {http.StatusOK, stripeAnswer},
		"POST /customers/{customer}/portal-sessions": {http.StatusCreated, paddleAnswer},
	} {
		body, length := []byte(answer.body), strconv.Itoa(len(answer.body))

		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			c.requests.Add(1)
			raise(&c.peak, c.present.Add(1))

			defer c.present.Add(-1)

			_, _ = io.Copy(io.Discard, r.Body)

			time.Sleep(time.Duration(c.answer.Load()))
			c.answers.wait()

			h := w.Header()
			h.Set("Content-Type", "application/json")
			h.Set("Content-Length", length)
			w.WriteHeader(answer.status)
			_, _ = w.Write(body)
		})
	}

	return mux
}

// gathering holds all who come together until nobody new has come for a while.
type gathering struct {
	lull   atomic.Int64 // nanoseconds; 0: nobody is held
	newest atomic.Int64 // when the last one came, in nanoseconds since start
}

var start = time.Now()

func (g *gathering) wait() {
	lull := time.Duration(g.lull.Load())
	if lull == 0 {
		return
	}

	g.newest.Store(int64(time.Since(start)))

	for {
		rest := lull - (time.Since(start) - time.Duration(g.newest.Load()))
		if rest <= 0 {
			return
		}

		time.Sleep(rest)
	}
}

// raise makes highest at least value.
func raise(highest *atomic.Int64, value int64) {
	for {
		old := highest.Load()
		if value <= old || highest.CompareAndSwap(old, value) {
			return
		}
	}
}

// listen starts a server for each protocol.
func (c *child) listen() (hello, error) {
	certificate, err := newCertificate()
	if err != nil {
		return hello{}, err
	}

	said := hello{Certificate: certificate.Certificate[0]}
	api := c.api()

	var h1, h2 http.Protocols

	h1.SetHTTP1(true)
	h2.SetHTTP2(true)

	if said.H1, err = c.start(api, certificate, &h1); err != nil {
		return hello{}, err
	}

	said.H2, err = c.start(api, certificate, &h2)

	return said, err
}

// start starts a server and returns its base URL. It ends with the process.
func (c *child) start(api http.Handler, certificate tls.Certificate, protocols *http.Protocols) (string, error) {
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}

	server := &http.Server{
		Handler:           api,
		Protocols:         protocols,
		ReadHeaderTimeout: time.Minute,
		ErrorLog:          log.New(io.Discard, "", 0), // clients that leave are a part of the measurement
		ConnState: func(_ net.Conn, state http.ConnState) {
			if state == http.StateNew {
				c.connections.Add(1)
			}
		},
		TLSConfig: &tls.Config{
			MinVersion:   tls.VersionTLS13,
			Certificates: []tls.Certificate{certificate},
			GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
				c.handshakes.wait()

				return nil, nil //nolint:nilnil // the one above
			},
		},
	}

	go func() { _ = server.ServeTLS(listener, "", "") }()

	return "https://" + listener.Addr().String(), nil
}

// newCertificate makes one that is its own authority.
func newCertificate() (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}

	template := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().Add(24 * time.Hour),
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
		IsCA:                  true,
		IPAddresses:           []net.IP{net.IPv4(127, 0, 0, 1)},
	}

	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return tls.Certificate{}, err
	}

	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, nil
}
