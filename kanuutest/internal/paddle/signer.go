// Package paddle is Paddle Classic as an application sees it: signed webhooks
// that arrive, are retried, and sometimes come twice, late or out of order.
package paddle

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // it is what Paddle signs with
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/kanuu-io/kanuu-go/internal/paddle"
)

// Signer signs webhooks as Paddle Classic does. It is safe for concurrent use.
type Signer struct {
	key       func() *rsa.PrivateKey // on demand: making one takes long
	lastAlert atomic.Int64
}

// NewSigner makes a signer with the key of the process.
func NewSigner() *Signer { return newSigner(processKey) }

var processKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil { // a size that Go allows: cannot happen
		panic("kanuutest: " + err.Error())
	}
	return key
})

// NewSignerWithKey makes a signer with a key of its own.
func NewSignerWithKey(key *rsa.PrivateKey) *Signer {
	return newSigner(func() *rsa.PrivateKey { return key })
}

func newSigner(key func() *rsa.PrivateKey) *Signer {
	s := &Signer{key: key}
	s.lastAlert.Store(170_000)
	return s
}

// PublicKey is what Paddle's dashboard would show: PEM.
func (s *Signer) PublicKey() string {
	der, _ := x509.MarshalPKIXPublicKey(&s.key().PublicKey) // never fails for RSA
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}

// Sign adds the p_signature to a form. It panics when PHP would not take all fields.
func (s *Signer) Sign(form string) string {
	fields, err := paddle.Parse(form)
	if err != nil {
		panic("kanuutest: the form has " + err.Error())
	}
	fields.Remove("p_signature")
	fields.Sort()
	digest := sha1.Sum(fields.AppendSerialized(nil)) //nolint:gosec // it is what Paddle signs with
	signature, err := rsa.SignPKCS1v15(nil, s.key(), crypto.SHA1, digest[:])
	if err != nil {
		panic("kanuutest: the key cannot sign: " + err.Error())
	}
	if form != "" {
		form += "&"
	}
	return form + "p_signature=" + url.QueryEscape(base64.StdEncoding.EncodeToString(signature))
}

// Body is the signed form of a webhook.
func (s *Signer) Body(webhook Webhook) string { return s.Sign(encode(s.fields(webhook))) }

func encode(fields map[string]string) string {
	form := url.Values{}
	for name, value := range fields {
		form.Set(name, value)
	}
	return form.Encode()
}

// Request is a webhook as it would arrive at that URL.
func (s *Signer) Request(url string, webhook Webhook) *http.Request {
	r, err := http.NewRequestWithContext(context.Background(), http.MethodPost, url, strings.NewReader(s.Body(webhook)))
	if err != nil {
		panic("kanuutest: " + err.Error())
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return r
}

// Answer of a handler to a webhook.
type Answer struct {
	StatusCode int
	Header     http.Header
	Body       string
}

// Post hands a webhook to a handler, as a request for http://example.com/webhooks/paddle.
func (s *Signer) Post(h http.Handler, webhook Webhook) Answer {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, s.Request("http://example.com/webhooks/paddle", webhook))
	return Answer{StatusCode: w.Code, Header: w.Result().Header, Body: w.Body.String()}
}
