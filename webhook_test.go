package kanuu_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kanuu-io/kanuu-go"
	"github.com/kanuu-io/kanuu-go/internal/paddle"
	"github.com/kanuu-io/kanuu-go/kanuutest"
	"github.com/kanuu-io/kanuu-go/kanuutest/conformance"
)

// signer signs as Paddle does.
var signer = kanuutest.NewSigner() //nolint:gochecknoglobals // a constant

// webhookServer receives webhooks, and shows what came of them.
type webhookServer struct {
	*kanuu.WebhookHandler

	log   bytes.Buffer
	cache recordingCache
}

func newWebhookServer(t *testing.T, publicKey string, options *kanuu.WebhookOptions) *webhookServer {
	t.Helper()
	s := new(webhookServer)
	s.cache.SharedCache = conformance.NewMemoryStore().Connect()
	client, err := kanuu.NewClient(kanuu.Config{APIKey: key, Logger: debug(&s.log), SharedCache: &s.cache})
	require.NoError(t, err)

	s.WebhookHandler, err = kanuu.NewWebhookHandler(client, publicKey, options)
	require.NoError(t, err)
	return s
}

// handledAlerts counts the alerts that the server handles from now on.
func (s *webhookServer) handledAlerts() *int {
	n := new(int)
	s.On("*", func(context.Context, kanuu.Event) error {
		*n++
		return nil
	})
	return n
}

// post delivers a body and returns the status.
func (s *webhookServer) post(body string) int {
	return serve(s, webhookRequest(body)).Code
}

func serve(h http.Handler, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func webhookRequest(body string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/webhooks/paddle", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return r
}

// recordingCache is a shared cache that shows what was invalidated.
type recordingCache struct {
	kanuu.SharedCache

	mu          sync.Mutex
	invalidated []string
	err         error
}

func (c *recordingCache) Invalidate(ctx context.Context, key string) error {
	_, identifier, _ := strings.Cut(key, ":")
	c.mu.Lock()
	defer c.mu.Unlock()
	c.invalidated = append(c.invalidated, identifier)
	return errors.Join(c.err, ctx.Err())
}

// phpCase is a body that PHP signed, or that it finds not to be signed.
type phpCase struct {
	Name      string `json:"name"`
	Body      string `json:"body"`
	Valid     bool   `json:"valid"`
	publicKey string
}

func phpCases(tb testing.TB) []phpCase {
	tb.Helper()
	var cases []phpCase
	for _, name := range []string{"sample", "signed"} {
		var file struct {
			PublicKey string    `json:"public_key"`
			Cases     []phpCase `json:"cases"`
		}
		text, err := os.ReadFile("testdata/paddle/" + name + ".json")
		require.NoError(tb, err)
		require.NoError(tb, json.Unmarshal(text, &file))
		for _, c := range file.Cases {
			c.Name, c.publicKey = name+"/"+c.Name, file.PublicKey
			cases = append(cases, c)
		}
	}
	require.Greater(tb, len(cases), 40)
	return cases
}

func TestWebhookAgreesWithPHP(t *testing.T) {
	t.Parallel()
	for _, tc := range phpCases(t) {
		t.Run(tc.Name, func(t *testing.T) {
			t.Parallel()
			s := newWebhookServer(t, tc.publicKey, &kanuu.WebhookOptions{MaxAge: -1})
			events := s.handledAlerts()

			w := serve(s, webhookRequest(tc.Body))
			if tc.Valid {
				assert.Equal(t, http.StatusOK, w.Code)
				assert.Equal(t, "OK", w.Body.String())
				assert.Equal(t, 1, *events)
				assert.Empty(t, s.log.String())
			} else {
				assert.Equal(t, http.StatusUnauthorized, w.Code)
				assert.Equal(t, "Unauthorized", w.Body.String(), "no hint")
				assert.Zero(t, *events)
				assert.Empty(t, s.cache.invalidated)
				assert.Equal(t, 1, strings.Count(s.log.String(), "\n"), "one line")
			}

			assert.Equal(t, "no-store", w.Header().Get("Cache-Control"))
			assert.Equal(t, "text/plain; charset=utf-8", w.Header().Get("Content-Type"))
			assert.Equal(t, strconv.Itoa(w.Body.Len()), w.Header().Get("Content-Length"))
		})
	}
}

// TestTamperedWebhookRejected leaves out changes that PHP does not see, such
// as another case of an escape's digits.
func TestTamperedWebhookRejected(t *testing.T) {
	t.Parallel()
	s := newWebhookServer(t, signer.PublicKey(), nil)
	body := signer.Body(kanuutest.Webhook{Identifier: "42", Fields: map[string]string{"tags[]": "red +%"}})

	fields := func(body string) string {
		form, err := paddle.Parse(body)
		require.NoError(t, err)
		form.Sort()
		return string(form.AppendSerialized(nil))
	}

	require.Equal(t, http.StatusOK, s.post(body))

	want := fields(body)
	changed := 0
	for i := range body {
		for _, b := range []byte{body[i] + 1, body[i] ^ 2, body[i] ^ 0x10, body[i] ^ 0x20, body[i] ^ 0x80} {
			other := []byte(body)
			other[i] = b
			if fields(string(other)) == want {
				continue
			}
			changed++
			require.Equal(t, http.StatusUnauthorized, s.post(string(other)), "byte %d, %q instead of %q", i, other[i], body[i])
		}
		if without := body[:i] + body[i+1:]; fields(without) != want {
			require.Equal(t, http.StatusUnauthorized, s.post(without), "byte %d missing", i)
		}
	}

	assert.Greater(t, changed, 4*len(body))
}

func TestMalformedWebhookRejected(t *testing.T) {
	t.Parallel()
	valid := signer.Body(kanuutest.Webhook{Identifier: "42"})
	form := []string{"Content-Type", "application/x-www-form-urlencoded"}
	for name, tc := range map[string]struct {
		method string
		header []string
		body   io.Reader
		status int
		logged string
	}{
		"GET":  {"GET", form, strings.NewReader(valid), 405, "is no POST"},
		"HEAD": {"HEAD", form, nil, 405, "is no POST"},
		"PUT":  {"PUT", form, strings.NewReader(valid), 405, "is no POST"},
		"JSON": {"POST", []string{"Content-Type", "application/json"}, strings.NewReader(`{"alert_id": "1"}`),
			415, "the Content-Type is not"},
		"multipart": {"POST", []string{"Content-Type", "multipart/form-data; boundary=x"}, strings.NewReader(valid),
			415, "the Content-Type is not"},
		"JSON as a form":  {"POST", form, strings.NewReader(`{"alert_id": "1"}`), 401, "has no p_signature"},
		"empty":           {"POST", form, strings.NewReader(""), 401, "has no p_signature"},
		"no body":         {"POST", form, nil, 401, "has no p_signature"},
		"empty signature": {"POST", form, strings.NewReader("a=1&p_signature="), 401, "has no p_signature"},
		"signature is a list": {"POST", form, strings.NewReader(strings.Replace(valid, "p_signature=", "p_signature[]=", 1)),
			401, "has no p_signature"},
		"signature in the URL": {"POST", form, strings.NewReader("a=1"), 401, "has no p_signature"},
		"declared too large":   {"POST", form, strings.NewReader(strings.Repeat("a", 64<<10+1)), 413, "more than 65536 bytes"},
		"too large": {"POST", form, io.MultiReader(strings.NewReader(strings.Repeat("a", 64<<10+1))), 413,
			"more than 65536 bytes"},
		"as large as allowed": {"POST", form, strings.NewReader(strings.Repeat("a", 64<<10)), 401, "has no p_signature"},
		"too many fields": {"POST", form, strings.NewReader(strings.Repeat("a&", 1001) + valid), 400,
			"more fields than a webhook"},
		"too deep": {"POST", form, strings.NewReader("a" + strings.Repeat("[]", 65) + "=1&" + valid), 400,
			"more subscripts than PHP takes"},
		"broken off": {"POST", form, failingReader{}, 400, "ended early"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newWebhookServer(t, signer.PublicKey(), nil)
			s.On("*", func(context.Context, kanuu.Event) error {
				t.Error("handled")
				return nil
			})

			// Fields of the URL are none of the webhook's.
			r := httptest.NewRequest(tc.method, "/webhooks/paddle?"+valid, tc.body)
			for i := 0; i < len(tc.header); i += 2 {
				r.Header.Set(tc.header[i], tc.header[i+1])
			}

			w := serve(s, r)
			assert.Equal(t, tc.status, w.Code)
			assert.Equal(t, http.StatusText(tc.status), w.Body.String())
			assert.Equal(t, "no-store", w.Header().Get("Cache-Control"))
			assert.Contains(t, s.log.String(), tc.logged)
			assert.Contains(t, s.log.String(), "remedy=")
			assert.Empty(t, s.cache.invalidated)
			if tc.status == http.StatusMethodNotAllowed {
				assert.Equal(t, "POST", w.Header().Get("Allow"))
				assert.Contains(t, s.log.String(), "level=DEBUG")
			} else {
				assert.Contains(t, s.log.String(), "level=WARN")
			}
		})
	}
}

func TestOversizedBodyNotRead(t *testing.T) {
	t.Parallel()
	s := newWebhookServer(t, kanuutest.NewSigner().PublicKey(), nil)
	r := webhookRequest("")
	r.Body, r.ContentLength = io.NopCloser(failingReader{}), 64<<10+1
	assert.Equal(t, http.StatusRequestEntityTooLarge, serve(s, r).Code)
}

func TestContentTypeAccepted(t *testing.T) {
	t.Parallel()
	s := newWebhookServer(t, signer.PublicKey(), nil)
	for _, contentType := range []string{
		"application/x-www-form-urlencoded", "application/x-www-form-urlencoded; charset=UTF-8",
		"Application/X-WWW-Form-Urlencoded ;charset=utf-8", "",
	} {
		r := signer.Request("/", kanuutest.Webhook{})
		r.Header.Set("Content-Type", contentType)
		assert.Equal(t, http.StatusOK, serve(s, r).Code, contentType)
	}
}

// The log says what can be told, and nothing of what was in the fields.
func TestSignatureErrorsLogged(t *testing.T) {
	t.Parallel()
	small := newRSAKey(t)
	stranger, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)

	webhook := kanuutest.Webhook{Identifier: "user-4711", Fields: map[string]string{
		"email": "ann@secret.example", "linked_subscriptions": "4, 6, 3",
	}}
	valid := signer.Body(webhook)
	unsigned, _, _ := strings.Cut(valid, "&p_signature=")
	for name, tc := range map[string]struct {
		body string
		want []string
	}{
		"no signature":    {unsigned, []string{"has no p_signature"}},
		"not base64":      {unsigned + "&p_signature=%25%25", []string{"p_signature is not base64"}},
		"url-safe base64": {unsigned + "&p_signature=_-__", []string{"p_signature is not base64"}},
		"cut off":         {valid[:len(unsigned)+32], []string{"p_signature is not base64"}},
		"cut in half": {unsigned + "&p_signature=AAAA",
			[]string{"it has 24 bits, and the key has 2048", "set PADDLE_PUBLIC_KEY"}},
		"a field dropped": {strings.Replace(valid, "&marketing_consent=", "", 1),
			[]string{"with the right key for other fields", "proxies and middlewares"}},
		"a field trimmed": {strings.Replace(valid, "%2C+", "%2C", 1), []string{"with the right key for other fields"}},
		"another key": {kanuutest.NewSignerWithKey(stranger).Body(webhook),
			[]string{"with another key", "set PADDLE_PUBLIC_KEY"}},
		"a key of another": {kanuutest.NewSignerWithKey(small).Body(webhook),
			[]string{"it has 1024 bits, and the key has 2048", "set PADDLE_PUBLIC_KEY"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.NotEqual(t, valid, tc.body)

			s := newWebhookServer(t, signer.PublicKey(), nil)
			require.Equal(t, http.StatusUnauthorized, s.post(tc.body))
			assert.Equal(t, 1, strings.Count(s.log.String(), "\n"), "one line")
			assert.Contains(t, s.log.String(), `level=WARN msg="kanuu: webhook rejected" status=401`)
			for _, want := range tc.want {
				assert.Contains(t, s.log.String(), want)
			}

			for _, secret := range []string{"4711", "secret", "hash=", "67890"} {
				assert.NotContains(t, s.log.String(), secret)
			}
		})
	}
}

func TestWhiteSpaceInSignatureAccepted(t *testing.T) {
	t.Parallel()
	body := signer.Body(kanuutest.Webhook{})
	middle := strings.Index(body, "p_signature=") + 60 // no escape is so near to the start that it is cut apart
	for strings.Contains(body[middle-2:middle+1], "%") {
		middle++
	}
	assert.Equal(t, http.StatusOK, newWebhookServer(t, signer.PublicKey(), nil).post(body[:middle]+"%0D%0A+%09"+body[middle:]))
}

// Over a real connection, since the body of another request may come twice.
func TestBodyReadByMiddleware(t *testing.T) {
	t.Parallel()
	for name, read := range map[string]func(r *http.Request) error{
		"parsed":    (*http.Request).ParseForm,
		"one value": func(r *http.Request) error { r.FormValue("_method"); return nil },
		"read":      func(r *http.Request) error { _, err := io.Copy(io.Discard, r.Body); return err },
		"read and closed": func(r *http.Request) error {
			_, err := io.Copy(io.Discard, r.Body)
			return errors.Join(err, r.Body.Close())
		},
	} {
		for _, declared := range []bool{true, false} {
			if !declared && name == "read" {
				continue // that looks like nothing was sent
			}
			t.Run(name+" "+strconv.FormatBool(declared), func(t *testing.T) {
				t.Parallel()
				s := newWebhookServer(t, signer.PublicKey(), nil)
				server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					assert.NoError(t, read(r))
					s.ServeHTTP(w, r)
				}))
				t.Cleanup(server.Close)

				r := signer.Request(server.URL, kanuutest.Webhook{})
				if !declared {
					r.Body, r.ContentLength = io.NopCloser(r.Body), -1
				}

				res, err := server.Client().Do(r)
				require.NoError(t, err)
				require.NoError(t, res.Body.Close())
				server.Close()

				assert.Equal(t, http.StatusUnauthorized, res.StatusCode)
				assert.Contains(t, s.log.String(), "something has read the body before the webhook handler")
				assert.Contains(t, s.log.String(), "outside of every middleware")
			})
		}
	}
}

// newRSAKey makes a key of the least size that Go takes.
func newRSAKey(t *testing.T) *rsa.PrivateKey {
	t.Helper()
	private, err := rsa.GenerateKey(rand.Reader, 1024) //nolint:gosec // is made faster, and protects nothing
	require.NoError(t, err)
	return private
}

func publicPEM(t *testing.T, key any) string {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(key)
	require.NoError(t, err)
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}

func TestPublicKeyFormats(t *testing.T) {
	t.Parallel()
	private := newRSAKey(t)
	signer := kanuutest.NewSignerWithKey(private)
	key := signer.PublicKey()
	for name, text := range map[string]string{
		"PEM":                       key,
		"without the last line end": strings.TrimSpace(key),
		"CRLF":                      strings.ReplaceAll(key, "\n", "\r\n"),
		`\n`:                        strings.ReplaceAll(key, "\n", `\n`),
		`\r\n`:                      strings.ReplaceAll(key, "\n", `\r\n`),
		`\n and a line end`:         strings.ReplaceAll(key, "\n", `\n`) + "\n",
		"quotes":                    `"` + strings.ReplaceAll(key, "\n", `\n`) + `"`,
		"single quotes":             "'" + key + "'",
		"white space":               " \t\n" + key + "\r\n ",
		"byte order mark":           "\ufeff" + key,
		"base64":                    base64.StdEncoding.EncodeToString([]byte(key)),
		"base64 without padding":    base64.RawStdEncoding.EncodeToString([]byte(key)),
		"base64 in lines": base64.StdEncoding.EncodeToString([]byte(key))[:76] + "\n" +
			base64.StdEncoding.EncodeToString([]byte(key))[76:] + "\n",
		"base64 in quotes": `"` + base64.StdEncoding.EncodeToString([]byte(key)) + `"`,
		`base64 of \n`:     base64.StdEncoding.EncodeToString([]byte(strings.ReplaceAll(key, "\n", `\n`))),
		"PKCS #1": string(
			pem.EncodeToMemory(&pem.Block{Type: "RSA PUBLIC KEY", Bytes: x509.MarshalPKCS1PublicKey(&private.PublicKey)})),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, http.StatusOK, newWebhookServer(t, text, nil).post(signer.Body(kanuutest.Webhook{})))
		})
	}
}

func TestPublicKeyRejected(t *testing.T) {
	t.Parallel()
	private := newRSAKey(t)
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	require.NoError(t, err)

	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)

	ed, _, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)

	key := kanuutest.NewSignerWithKey(private).PublicKey()
	der := strings.Join(strings.Split(key, "\n")[1:5], "")
	block := func(kind string, der []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	// Go makes no key of 512 bits either.
	weak := block("PUBLIC KEY",
		mustDecode(t,
			"MFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBAMNnTRaYS6/JbUVWZLMbyBsw97FbNQzFiC86pEdx2WMyMoJF"+
				"M1z5FBkuEDAaonIRnOLEuKVmQhTkcaNIWcUfyC8CAwEAAQ=="))
	for name, tc := range map[string]struct{ text, want string }{
		"empty":                {"", "is empty: set PADDLE_PUBLIC_KEY"},
		"white space":          {" \n\t", "is empty"},
		"quotes alone":         {`""`, "is empty"},
		"private key":          {block("PRIVATE KEY", pkcs8), "is a private key"},
		"PKCS #1 private key":  {block("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(private)), "is a private key"},
		"private key, base64":  {base64.StdEncoding.EncodeToString([]byte(block("PRIVATE KEY", pkcs8))), "is a private key"},
		"private key, cut off": {strings.TrimSpace(block("PRIVATE KEY", pkcs8))[:200], "is a private key"},
		"certificate":          {block("CERTIFICATE", pkcs8), "is a certificate"},
		"ECDSA":                {publicPEM(t, &ec.PublicKey), "is a key for another algorithm, *ecdsa.PublicKey"},
		"Ed25519":              {publicPEM(t, ed), "is a key for another algorithm, ed25519.PublicKey"},
		"512 bits":             {weak, "is an RSA key of 512 bits that Go does not use"},
		"cut off":              {key[:100], "is cut off"},
		"base64, cut off":      {base64.StdEncoding.EncodeToString([]byte(key))[:100], "is cut off"},
		"damaged":              {strings.Replace(key, "A", "!", 1), "is damaged"},
		"a line missing":       {strings.Replace(key, der[:64]+"\n", "", 1), "is damaged"},
		"not DER":              {block("PUBLIC KEY", []byte("no key")), "is damaged"},
		"on one line":          {strings.ReplaceAll(key, "\n", " "), "is damaged PEM, or all of it is on one line"},
		"without its lines":    {der, "is without its lines"},
		"base64 of DER":        {strings.TrimRight(der, "="), "is without its lines"},
		"two keys":             {key + key, "has text after the key: further keys go to WebhookOptions.ExtraPublicKeys"},
		"an API key":           {"pdl_live_apikey_01", "is neither PEM nor base64"},
		"ssh":                  {"ssh-rsa AAAAB3NzaC1yc2E= ann@example.com", "is neither PEM nor base64"},
		"base64 of a word":     {base64.StdEncoding.EncodeToString([]byte("secret")), "is base64, but not of PEM"},
		"file name":            {"paddle.pem", "is neither PEM nor base64"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client, _ := setup(t)
			hook, err := kanuu.NewWebhookHandler(client, tc.text, nil)
			assert.Nil(t, hook)

			var configErr *kanuu.ConfigError
			require.ErrorAs(t, err, &configErr)
			require.Len(t, configErr.Problems, 1)
			assert.Contains(t, err.Error(), "kanuu: publicKey "+tc.want)
			for field := range strings.FieldsSeq(tc.text) {
				if len(field) > 12 && !strings.Contains(field, "-----") {
					assert.NotContains(t, err.Error(), field)
				}
			}
		})
	}
}

func mustDecode(t *testing.T, text string) []byte {
	t.Helper()
	data, err := base64.StdEncoding.DecodeString(text)
	require.NoError(t, err)
	return data
}

func TestNewWebhookHandlerReportsAllProblems(t *testing.T) {
	t.Parallel()
	hook, err := kanuu.NewWebhookHandler(nil, "", &kanuu.WebhookOptions{
		ExtraPublicKeys: []string{kanuutest.NewSigner().PublicKey(), "", "x"}, Timeout: -1,
	})
	assert.Nil(t, hook)

	var configErr *kanuu.ConfigError
	require.ErrorAs(t, err, &configErr)
	require.Len(t, configErr.Problems, 5)
	for i, want := range []string{
		"client is nil", "publicKey is empty", "ExtraPublicKeys[1] is empty", "ExtraPublicKeys[2] is neither PEM nor base64",
		"Timeout is negative",
	} {
		assert.Contains(t, configErr.Problems[i], want)
	}
}

func TestExtraPublicKeys(t *testing.T) {
	t.Parallel()
	small := newRSAKey(t)
	oldKey, newKey := kanuutest.NewSigner(), kanuutest.NewSignerWithKey(small)
	s := newWebhookServer(t, newKey.PublicKey(), &kanuu.WebhookOptions{ExtraPublicKeys: []string{oldKey.PublicKey()}})
	assert.Equal(t, http.StatusOK, s.post(oldKey.Body(kanuutest.Webhook{AlertID: "1"})))
	assert.Equal(t, http.StatusOK, s.post(newKey.Body(kanuutest.Webhook{AlertID: "2"})))
	assert.Equal(t, http.StatusUnauthorized, newWebhookServer(t, newKey.PublicKey(), nil).post(oldKey.Body(kanuutest.Webhook{})))
}

func TestOnPanics(t *testing.T) {
	t.Parallel()
	s := newWebhookServer(t, kanuutest.NewSigner().PublicKey(), nil)
	nothing := func(context.Context, kanuu.Event) error { return nil }
	assert.PanicsWithValue(t, `kanuu: WebhookHandler.On: "subscription_[" is not a pattern: write it like "subscription_*"`,
		func() { s.On("subscription_[", nothing) })
	assert.PanicsWithValue(t, `kanuu: WebhookHandler.On: "" is not a pattern: write it like "subscription_*"`,
		func() { s.On("", nothing) })
	assert.PanicsWithValue(t, `kanuu: WebhookHandler.On: the handler for "*" is nil`, func() { s.On("*", nil) })
}

func TestHandlersMatchedByPatternInOrder(t *testing.T) {
	t.Parallel()
	s := newWebhookServer(t, signer.PublicKey(), nil)

	var called []string
	for _, pattern := range []string{
		"subscription_*", "subscription_cancelled", "*", "subscription_payment_*", "subscription_p*d", "payment_*",
		"subscription_[x-z]*", "*",
	} {
		s.On(pattern, func(_ context.Context, e kanuu.Event) error {
			called = append(called, e.AlertName+" "+pattern)
			return nil
		})
	}

	for _, name := range []string{"subscription_cancelled", "subscription_payment_failed", "payment_dispute_created",
		"new_audience_member"} {
		require.Equal(t, http.StatusOK, s.post(signer.Body(kanuutest.Webhook{AlertName: name})))
	}
	assert.Equal(t, []string{
		"subscription_cancelled subscription_*",
		"subscription_cancelled subscription_cancelled", //nolint:dupword // one is a pattern
		"subscription_cancelled *", "subscription_cancelled *",
		"subscription_payment_failed subscription_*", "subscription_payment_failed *",
		"subscription_payment_failed subscription_payment_*",
		"subscription_payment_failed subscription_p*d", "subscription_payment_failed *",
		"payment_dispute_created *", "payment_dispute_created payment_*", "payment_dispute_created *",
		"new_audience_member *", "new_audience_member *",
	}, called)
}

func TestAlertWithoutHandler(t *testing.T) {
	t.Parallel()
	s := newWebhookServer(t, signer.PublicKey(), nil)
	s.On("payment_*", func(context.Context, kanuu.Event) error { return io.ErrUnexpectedEOF })
	assert.Equal(t, http.StatusOK, s.post(signer.Body(kanuutest.Webhook{Identifier: "42"})))
	assert.Equal(t, []string{"42"}, s.cache.invalidated, "the subscription has changed all the same")
}

func TestSubscriptionInvalidatedBeforeHandlers(t *testing.T) {
	t.Parallel()
	s := newWebhookServer(t, signer.PublicKey(), nil)

	var then []string
	s.On("*", func(context.Context, kanuu.Event) error {
		then = append(then, strings.Join(s.cache.invalidated, " "))
		return nil
	})

	body := signer.Body(kanuutest.Webhook{Identifier: "user:42"})
	require.Equal(t, http.StatusOK, s.post(body))
	assert.Equal(t, []string{"user:42"}, then)

	require.Equal(t, http.StatusOK, s.post(body))
	assert.Len(t, s.cache.invalidated, 2, "a webhook that comes twice may be the one that comes last")

	require.Equal(t, http.StatusOK, s.post(signer.Body(kanuutest.Webhook{})))
	assert.Len(t, s.cache.invalidated, 2, "about nobody that Kanuu knows")
	assert.Len(t, then, 2)
}

func TestFailedInvalidationIsRetried(t *testing.T) {
	t.Parallel()
	s := newWebhookServer(t, signer.PublicKey(), nil)
	s.cache.err = io.ErrClosedPipe
	events := s.handledAlerts()

	body := signer.Body(kanuutest.Webhook{Identifier: "42"})
	assert.Equal(t, http.StatusInternalServerError, s.post(body), "Paddle shall come again")
	assert.Equal(t, 1, *events, "what does not need the cache goes on")
	assert.Contains(t, s.log.String(), "wait until Config.SharedCache is available")

	s.cache.err = nil
	assert.Equal(t, http.StatusOK, s.post(body))
	assert.Equal(t, 1, *events)
}

// refusing is a Deduplicator of a database that is down.
type refusing struct{}

func (refusing) Begin(context.Context, string, time.Duration) (bool, error) {
	return false, io.ErrClosedPipe
}
func (refusing) End(context.Context, string, bool) error { return io.ErrClosedPipe }

// In an outage of what both are on, a delivery has one line.
func TestRefusedWebhookIsLoggedOnce(t *testing.T) {
	t.Parallel()
	s := newWebhookServer(t, signer.PublicKey(), &kanuu.WebhookOptions{Deduplicator: refusing{}, Name: "shop"})
	s.cache.err = io.ErrClosedPipe
	events := s.handledAlerts()

	assert.Equal(t, http.StatusServiceUnavailable, s.post(signer.Body(kanuutest.Webhook{Identifier: "42"})))
	assert.Zero(t, *events)
	assert.Equal(t, 1, strings.Count(s.log.String(), "\n"), s.log.String())
	assert.Contains(t, s.log.String(), "check the Deduplicator")
}

func TestFailedHandlerIsRetried(t *testing.T) {
	t.Parallel()
	for name, fail := range map[string]func() error{
		"error": func() error { return errors.New("database is locked") },
		"panic": func() error { panic("database is locked") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newWebhookServer(t, signer.PublicKey(), nil)
			failing := true

			var called []string
			s.On("*", func(context.Context, kanuu.Event) error {
				called = append(called, "first")
				return nil
			})
			s.On("subscription_*", func(context.Context, kanuu.Event) error {
				called = append(called, "second")
				if failing {
					return fail()
				}
				return nil
			})
			s.On("*", func(context.Context, kanuu.Event) error {
				called = append(called, "third")
				return nil
			})

			body := signer.Body(kanuutest.Webhook{AlertID: "4711", Identifier: "user-42",
				Fields: map[string]string{"email": "ann@secret.example"}})
			w := serve(s, webhookRequest(body))
			require.Equal(t, http.StatusInternalServerError, w.Code)
			assert.Equal(t, "Internal Server Error", w.Body.String())
			assert.Equal(t, []string{"first", "second"}, called)

			log := s.log.String()
			assert.Equal(t, 1, strings.Count(log, "\n"), "one line")
			assert.Contains(t, log, `level=ERROR msg="kanuu: webhook not handled" alert_name=subscription_created alert_id=4711`)
			assert.Contains(t, log, "database is locked")
			assert.Contains(t, log, "pattern=subscription_*")
			assert.NotContains(t, log, "user-42")
			assert.NotContains(t, log, "secret")
			if name == "panic" {
				assert.Contains(t, log, "webhook_test.go", "a stack")
			} else {
				assert.NotContains(t, log, "stack=")
			}

			failing = false

			require.Equal(t, http.StatusOK, s.post(body))
			require.Equal(t, http.StatusOK, s.post(body))
			assert.Equal(t, []string{"first", "second", "first", "second", "third"}, called)
		})
	}
}

// t.FailNow and the like end the goroutine: the alert must not stay claimed.
func TestHandlerThatCallsGoexit(t *testing.T) {
	t.Parallel()
	s := newWebhookServer(t, signer.PublicKey(), nil)
	calls := 0

	s.On("*", func(context.Context, kanuu.Event) error {
		if calls++; calls == 1 {
			runtime.Goexit()
		}
		return nil
	})

	body := signer.Body(kanuutest.Webhook{})
	var first sync.WaitGroup
	first.Go(func() { s.post(body) })
	first.Wait()

	assert.Equal(t, http.StatusOK, s.post(body))
	assert.Equal(t, 2, calls)
}

func TestAlertWithoutIDNotDeduplicated(t *testing.T) {
	t.Parallel()
	s := newWebhookServer(t, signer.PublicKey(), nil)
	events := s.handledAlerts()
	for range 2 {
		assert.Equal(t, http.StatusOK, s.post(signer.Sign("p_product_id=1")))
	}
	assert.Equal(t, 2, *events)
}

// Where several of one alert come at the same time, the first is handled, and
// the others wait for what becomes of it.
func TestConcurrentDeliveriesOfAnAlert(t *testing.T) {
	t.Parallel()
	for name, failures := range map[string]int{"handled": 0, "failed twice": 2} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			signer := kanuutest.NewSigner() // its alerts count from 170001
			body := signer.Body(kanuutest.Webhook{})
			other := signer.Body(kanuutest.Webhook{})
			synctest.Test(t, func(t *testing.T) {
				s := newWebhookServer(t, signer.PublicKey(), nil)
				var (
					mu       sync.Mutex
					calls    = make(map[string]int)
					statuses = make(map[int]int)
					all      sync.WaitGroup
				)

				s.On("*", func(_ context.Context, e kanuu.Event) error {
					mu.Lock()
					calls[e.AlertID]++
					n := calls[e.AlertID]
					mu.Unlock()

					time.Sleep(time.Second)
					if n <= failures {
						return io.ErrUnexpectedEOF
					}
					return nil
				})
				for range 50 {
					for _, b := range []string{body, other} {
						all.Go(func() {
							status := s.post(b)
							mu.Lock()
							defer mu.Unlock()
							statuses[status]++
						})
					}
				}

				start := time.Now()
				all.Wait()
				assert.Equal(t, time.Duration(failures+1)*time.Second, time.Since(start), "alerts do not wait for others")
				assert.Equal(t, map[string]int{"170001": failures + 1, "170002": failures + 1}, calls)

				want := map[int]int{http.StatusOK: 100}
				if failures > 0 {
					want = map[int]int{http.StatusOK: 100 - 2*failures, http.StatusInternalServerError: 2 * failures}
				}

				assert.Equal(t, want, statuses)
			})
		})
	}
}

func TestDeliveryDuringAnother(t *testing.T) {
	t.Parallel()
	body := signer.Body(kanuutest.Webhook{})
	synctest.Test(t, func(t *testing.T) {
		s := newWebhookServer(t, signer.PublicKey(), nil)
		s.On("*", func(context.Context, kanuu.Event) error {
			time.Sleep(time.Minute) // ctx or not
			return nil
		})

		var first sync.WaitGroup
		first.Go(func() { assert.Equal(t, http.StatusOK, s.post(body)) })
		synctest.Wait()

		start := time.Now()
		assert.Equal(t, http.StatusServiceUnavailable, s.post(body))
		assert.Equal(t, 4*time.Second, time.Since(start))
		assert.Contains(t, s.log.String(), "another delivery of the alert is being handled")

		first.Wait()
		assert.Equal(t, http.StatusOK, s.post(body))
	})
}

func TestHandledAlertsExpire(t *testing.T) {
	t.Parallel()
	body := signer.Body(kanuutest.Webhook{})
	synctest.Test(t, func(t *testing.T) {
		s := newWebhookServer(t, signer.PublicKey(), nil)
		events := s.handledAlerts()
		for _, tc := range []struct {
			after  time.Duration
			events int
		}{{0, 1}, {72*time.Hour - 1, 1}, {1, 2}, {72*time.Hour - 1, 2}, {1, 3}} {
			time.Sleep(tc.after)
			require.Equal(t, http.StatusOK, s.post(body))
			assert.Equal(t, tc.events, *events, tc.after)
		}
	})
}

func TestHandlerTimeout(t *testing.T) {
	t.Parallel()
	body := signer.Body(kanuutest.Webhook{})
	for name, tc := range map[string]struct {
		options *kanuu.WebhookOptions
		want    time.Duration
	}{
		"default": {nil, 4 * time.Second},
		"own":     {&kanuu.WebhookOptions{Timeout: time.Minute}, time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newWebhookServer(t, signer.PublicKey(), tc.options)
				second := false

				s.On("*", func(ctx context.Context, _ kanuu.Event) error {
					<-ctx.Done()
					return nil // it has done what it could
				})
				s.On("*", func(context.Context, kanuu.Event) error {
					second = true
					return nil
				})

				start := time.Now()
				assert.Equal(t, http.StatusInternalServerError, s.post(body))
				assert.Equal(t, tc.want, time.Since(start))
				assert.False(t, second, "there is no time left")
				assert.Contains(t, s.log.String(), "context deadline exceeded")
			})
		})
	}
}

type contextKey struct{}

func TestHandlerContext(t *testing.T) {
	t.Parallel()
	s := newWebhookServer(t, signer.PublicKey(), nil)

	ctx, leave := context.WithCancel(context.WithValue(t.Context(), contextKey{}, "trace"))
	s.On("*", func(ctx context.Context, _ kanuu.Event) error {
		assert.Equal(t, "trace", ctx.Value(contextKey{}))
		leave()
		return ctx.Err()
	})

	serve(s, signer.Request("/", kanuutest.Webhook{}).WithContext(ctx))
	assert.Contains(t, s.log.String(), "context canceled")
}

// fakeDeduplicator records its calls.
type fakeDeduplicator struct {
	calls            []string
	fresh            bool
	beginErr, endErr error
}

func (d *fakeDeduplicator) Begin(ctx context.Context, alertID string, lease time.Duration) (bool, error) {
	d.calls = append(d.calls, "begin "+alertID+" "+lease.String())
	return d.fresh, errors.Join(d.beginErr, ctx.Err())
}

func (d *fakeDeduplicator) End(ctx context.Context, alertID string, handled bool) error {
	d.calls = append(d.calls, "end "+alertID+" "+strconv.FormatBool(handled))
	return errors.Join(d.endErr, ctx.Err())
}

func TestDeduplicator(t *testing.T) {
	t.Parallel()
	webhook := kanuutest.Webhook{AlertID: "7"}
	for name, tc := range map[string]struct {
		alerts fakeDeduplicator
		err    error
		status int
		calls  []string
		logged string
	}{
		"fresh": {fakeDeduplicator{fresh: true}, nil, 200, []string{"begin shop:7 1m4s", "call", "end shop:7 true"}, ""},
		"failed": {fakeDeduplicator{fresh: true}, io.ErrUnexpectedEOF, 500,
			[]string{"begin shop:7 1m4s", "call", "end shop:7 false"}, "unexpected EOF"},
		"known": {fakeDeduplicator{}, nil, 200, []string{"begin shop:7 1m4s"},
			`level=DEBUG msg="kanuu: webhook was handled before" alert_name=subscription_created alert_id=7`},
		"cannot begin": {fakeDeduplicator{fresh: true, beginErr: io.ErrClosedPipe}, nil, 503, []string{"begin shop:7 1m4s"},
			"check the Deduplicator"},
		"cannot end": {fakeDeduplicator{fresh: true, endErr: io.ErrClosedPipe}, nil, 200,
			[]string{"begin shop:7 1m4s", "call", "end shop:7 true"}, "may be handled twice"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newWebhookServer(t, signer.PublicKey(), &kanuu.WebhookOptions{Deduplicator: &tc.alerts, Name: "shop"})
			s.On("subscription_*", func(context.Context, kanuu.Event) error {
				tc.alerts.calls = append(tc.alerts.calls, "call")
				return tc.err
			})

			assert.Equal(t, tc.status, s.post(signer.Body(webhook)))
			assert.Equal(t, tc.calls, tc.alerts.calls)
			if tc.logged == "" {
				assert.Empty(t, s.log.String())
			} else {
				assert.Contains(t, s.log.String(), tc.logged)
			}

			assert.Equal(t, http.StatusOK, s.post(signer.Body(kanuutest.Webhook{AlertName: "new_audience_member"})))
			assert.Equal(t, tc.calls, tc.alerts.calls, "nobody listens to that one")
		})
	}
}

// Paddle may have left: what was claimed must be given back.
func TestClaimReleasedAfterCancellation(t *testing.T) {
	t.Parallel()
	own := &fakeDeduplicator{fresh: true}
	s := newWebhookServer(t, signer.PublicKey(), &kanuu.WebhookOptions{Deduplicator: own, Name: "shop"})
	ctx, leave := context.WithCancel(t.Context())

	s.On("*", func(context.Context, kanuu.Event) error {
		leave()
		return io.ErrUnexpectedEOF
	})

	serve(s, signer.Request("/", kanuutest.Webhook{AlertID: "7"}).WithContext(ctx))
	assert.Equal(t, []string{"begin shop:7 1m4s", "end shop:7 false"}, own.calls)
	assert.NotContains(t, s.log.String(), "check the Deduplicator")
}

func TestOnDuringServing(t *testing.T) {
	t.Parallel()
	s := newWebhookServer(t, signer.PublicKey(), nil)
	var all sync.WaitGroup
	for range 20 {
		body := signer.Body(kanuutest.Webhook{})
		all.Go(func() { assert.Equal(t, http.StatusOK, s.post(body)) })
		all.Go(func() { s.On("*", func(context.Context, kanuu.Event) error { return nil }) })
	}
	all.Wait()
}

func FuzzWebhook(f *testing.F) {
	for _, tc := range phpCases(f) {
		f.Add(tc.Body)
	}
	f.Add("p_signature=" + strings.Repeat("A", 344))

	client, err := kanuu.NewClient(kanuu.Config{APIKey: key})
	require.NoError(f, err)

	hook, err := kanuu.NewWebhookHandler(client, signer.PublicKey(), &kanuu.WebhookOptions{MaxAge: -1})
	require.NoError(f, err)

	var got kanuu.Event
	hook.On("*", func(_ context.Context, e kanuu.Event) error {
		got = e
		return nil
	})

	f.Fuzz(func(t *testing.T, body string) {
		assert.Contains(t, []int{400, 401, 413}, serve(hook, webhookRequest(body)).Code)
		if form, err := paddle.Parse(body); err != nil || form.Len() == 0 || len(body) > 60<<10 ||
			strings.Contains(body, "alert_id") {
			return
		}

		// Whatever it is: signed, it is taken, and can be read.
		assert.Equal(t, http.StatusOK, serve(hook, webhookRequest(signer.Sign(body))).Code)
		for name := range got.Fields.All() {
			assert.NotEmpty(t, name)
		}
	})
}

// A name that Paddle does not write would never be called.
func TestMisspelledAlerts(t *testing.T) {
	t.Parallel()
	nothing := func(context.Context, kanuu.Event) error { return nil }
	for pattern, want := range map[string]string{
		"subscription_canceled":          "subscription_cancelled",
		"subscription.created":           "subscription_created",
		"Subscription_Updated":           "subscription_updated",
		"subscription_payment_succeedet": "subscription_payment_succeeded",
		"payment_refund":                 "payment_refunded",
	} {
		s := newWebhookServer(t, signer.PublicKey(), nil)
		message := fmt.Sprintf("kanuu: WebhookHandler.On: Paddle has no alert %q: did you mean %q?", pattern, want)
		assert.PanicsWithValue(t, message, func() { s.On(pattern, nothing) })
	}
	for pattern, logs := range map[string]bool{
		"*": false, "subscription_*": false, kanuu.AlertInvoiceOverdue: false, "*_refunded": false,
		"subscription_activated": true, "transaction_*": true, "subscriptions_*": true,
	} {
		s := newWebhookServer(t, signer.PublicKey(), nil)
		s.On(pattern, nothing)
		assert.Equal(t, logs, strings.Contains(s.log.String(), "kanuu: webhook handler for an unknown alert"), pattern)
	}
}

func TestMaxAge(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		maxAge, age time.Duration
		status      int
	}{
		"new":           {0, 0, 200},
		"a week":        {0, 7*24*time.Hour - time.Minute, 200},
		"over a week":   {0, 7*24*time.Hour + time.Minute, 400},
		"own":           {time.Hour, 2 * time.Hour, 400},
		"any":           {-1, 10 * 365 * 24 * time.Hour, 200},
		"in the future": {0, -time.Hour, 200},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newWebhookServer(t, signer.PublicKey(), &kanuu.WebhookOptions{MaxAge: tc.maxAge})
			handled := s.handledAlerts()
			assert.Equal(t, tc.status, s.post(signer.Body(kanuutest.Webhook{Identifier: "42", Time: time.Now().Add(-tc.age)})))
			assert.Equal(t, tc.status == http.StatusOK, *handled == 1)
			assert.Equal(t, tc.status == http.StatusOK, len(s.cache.invalidated) == 1)
			assert.Equal(t, tc.status != http.StatusOK, strings.Contains(s.log.String(), "older than WebhookOptions.MaxAge"))
		})
	}
}

// Verify is for applications with their own dispatch: it decides and does nothing.
func TestVerify(t *testing.T) {
	t.Parallel()
	s := newWebhookServer(t, signer.PublicKey(), nil)
	handled := s.handledAlerts()
	e, err := s.Verify(webhookRequest(signer.Body(kanuutest.Webhook{AlertID: "7", Identifier: "42"})))
	require.NoError(t, err)
	assert.Equal(t, "7", e.AlertID)
	assert.Equal(t, "42", e.Identifier)

	get := httptest.NewRequest(http.MethodGet, "/", nil)
	old := signer.Body(kanuutest.Webhook{Time: time.Now().AddDate(-1, 0, 0)})
	for want, r := range map[int]*http.Request{
		401: webhookRequest("a=b"), 405: get, 413: webhookRequest(strings.Repeat("x", 64<<10+1)), 400: webhookRequest(old),
	} {
		e, err := s.Verify(r)
		assert.Equal(t, want, kanuu.HTTPStatus(err))
		require.ErrorContains(t, err, "kanuu: webhook rejected: ")
		assert.Empty(t, e.AlertName)
	}
	assert.Zero(t, *handled)
	assert.Empty(t, s.cache.invalidated)
	assert.Empty(t, s.log.String())
	assert.Zero(t, s.Stats())
}

// A handler that ends its goroutine, as a failed assertion of a test does, has failed.
func TestGoexitIsAFailure(t *testing.T) {
	t.Parallel()
	s := newWebhookServer(t, signer.PublicKey(), nil)
	s.On("*", func(context.Context, kanuu.Event) error {
		runtime.Goexit()
		return nil
	})
	server := httptest.NewServer(s)
	defer server.Close()
	body := signer.Body(kanuutest.Webhook{})
	for range 2 { // the claim is free again
		res, err := http.Post(server.URL, "application/x-www-form-urlencoded", strings.NewReader(body))
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
		assert.Equal(t, http.StatusInternalServerError, res.StatusCode)
	}
	assert.Contains(t, s.log.String(), "runtime.Goexit")
	assert.Equal(t, uint64(2), s.Stats().Failed)
}

// Whatever a handler returns after its time, the log says that the time was over.
func TestHandlerOutOfTimeIsLogged(t *testing.T) {
	t.Parallel()
	body := signer.Body(kanuutest.Webhook{})
	synctest.Test(t, func(t *testing.T) {
		s := newWebhookServer(t, signer.PublicKey(), nil)
		s.On("*", func(ctx context.Context, _ kanuu.Event) error {
			<-ctx.Done()
			return errors.New("sql: transaction has already been committed or rolled back")
		})
		assert.Equal(t, http.StatusInternalServerError, s.post(body))
		assert.Contains(t, s.log.String(), "took=4s timeout=4s")
		assert.Contains(t, s.log.String(), "do less in the handlers")
	})
}
