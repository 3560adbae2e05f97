package kanuu_test

import (
	"context"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kanuu-io/kanuu-go"
	"github.com/kanuu-io/kanuu-go/kanuutest"
)

const key = "sk_live_4eC39HqLyjWDarjtT1zdp7dc"

// setup is a client of a fake Kanuu of its own.
func setup(t *testing.T) (*kanuu.Client, *kanuutest.Server) {
	t.Helper()
	fake := kanuutest.NewServer(&kanuutest.Options{APIKey: key})
	t.Cleanup(fake.Close)
	client, err := kanuu.NewClient(kanuu.Config{APIKey: key, BaseURL: fake.URL})
	require.NoError(t, err)
	return client, fake
}

func TestNewClient(t *testing.T) {
	t.Parallel()
	for name, config := range map[string]kanuu.Config{
		"defaults":       {APIKey: key},
		"path":           {APIKey: key, BaseURL: "https://billing.acme.com/kanuu/"},
		"port":           {APIKey: key, BaseURL: "https://kanuu.io:8443"},
		"http localhost": {APIKey: key, BaseURL: "http://localhost:8080"},
		"http IPv4":      {APIKey: key, BaseURL: "http://127.9.9.9"},
		"http IPv6":      {APIKey: key, BaseURL: "http://[::1]:8080"},
		"timeouts":       {APIKey: key, Timeout: time.Minute, AttemptTimeout: time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client, err := kanuu.NewClient(config)
			require.NoError(t, err)
			assert.NotNil(t, client)
		})
	}
}

func TestNewClientConfigErrors(t *testing.T) {
	t.Parallel()
	const ok = "https://kanuu.io"
	for name, tc := range map[string]struct {
		config kanuu.Config
		want   []string // a part of each problem
	}{
		"no key":          {kanuu.Config{}, []string{"APIKey is empty: set KANUU_API_KEY"}},
		"newline in key":  {kanuu.Config{APIKey: key + "\n"}, []string{"APIKey has white space around it"}},
		"key in quotes":   {kanuu.Config{APIKey: `"` + key + `"`}, []string{"APIKey is in quotes"}},
		"key in ' quotes": {kanuu.Config{APIKey: "'" + key + "'"}, []string{"APIKey is in quotes"}},
		"Bearer in key":   {kanuu.Config{APIKey: "Bearer " + key}, []string{`APIKey starts with "Bearer "`}},
		"control in key":  {kanuu.Config{APIKey: key[:9] + "\r\nX: y"}, []string{"APIKey has a character"}},
		"umlaut in key":   {kanuu.Config{APIKey: key + "ü"}, []string{"APIKey has a character"}},
		"no scheme":       {kanuu.Config{APIKey: key, BaseURL: "kanuu.io"}, []string{"BaseURL is not an absolute URL"}},
		"opaque":          {kanuu.Config{APIKey: key, BaseURL: "https:kanuu.io"}, []string{"BaseURL is not an absolute URL"}},
		"no host":         {kanuu.Config{APIKey: key, BaseURL: "https:///api"}, []string{"BaseURL is not an absolute URL"}},
		"port alone":      {kanuu.Config{APIKey: key, BaseURL: "https://:443"}, []string{"BaseURL is not an absolute URL"}},
		"port too high":   {kanuu.Config{APIKey: key, BaseURL: ok + ":65536"}, []string{"BaseURL is not an absolute URL"}},
		"empty port":      {kanuu.Config{APIKey: key, BaseURL: ok + ":"}, []string{"BaseURL is not an absolute URL"}},
		"control":         {kanuu.Config{APIKey: key, BaseURL: ok + "/\n"}, []string{"BaseURL is not an absolute URL"}},
		"ftp":             {kanuu.Config{APIKey: key, BaseURL: "ftp://kanuu.io"}, []string{"BaseURL is neither https nor http"}},
		"http":            {kanuu.Config{APIKey: key, BaseURL: "http://kanuu.io"}, []string{"BaseURL is plain http"}},
		"http like local": {kanuu.Config{APIKey: key, BaseURL: "http://localhost.evil.example"},
			[]string{"BaseURL is plain http"}},
		"http private": {kanuu.Config{APIKey: key, BaseURL: "http://192.0.2.7"}, []string{"BaseURL is plain http"}},
		"user": {kanuu.Config{APIKey: key, BaseURL: "https://me:" + key + "@kanuu.io"},
			[]string{"BaseURL has a user"}},
		"query":            {kanuu.Config{APIKey: key, BaseURL: ok + "?a=b"}, []string{"BaseURL has a query"}},
		"fragment":         {kanuu.Config{APIKey: key, BaseURL: ok + "#a"}, []string{"BaseURL has a query or a fragment"}},
		"negative timeout": {kanuu.Config{APIKey: key, Timeout: -1}, []string{"Timeout is negative"}},
		"all at once": {
			kanuu.Config{BaseURL: "kanuu.io", Timeout: -1, AttemptTimeout: -1},
			[]string{"APIKey is empty", "BaseURL is not", "Timeout is negative", "AttemptTimeout is negative"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client, err := kanuu.NewClient(tc.config)
			assert.Nil(t, client)

			var configErr *kanuu.ConfigError
			require.ErrorAs(t, err, &configErr)
			require.Len(t, configErr.Problems, len(tc.want))
			for i, want := range tc.want {
				assert.Contains(t, configErr.Problems[i], want)
				assert.Contains(t, err.Error(), want)
			}

			assert.NotContains(t, err.Error(), key[:9])
		})
	}
}

func TestNewClientFromEnv(t *testing.T) {
	fake := kanuutest.NewServer(&kanuutest.Options{APIKey: key})
	t.Cleanup(fake.Close)

	t.Setenv("KANUU_API_KEY", "")
	t.Setenv("KANUU_BASE_URL", "")

	_, err := kanuu.NewClientFromEnv()
	require.ErrorContains(t, err, "set KANUU_API_KEY")

	t.Setenv("KANUU_API_KEY", key)
	t.Setenv("KANUU_BASE_URL", fake.URL)

	client, err := kanuu.NewClientFromEnv()
	require.NoError(t, err)

	_, err = client.CreateNonce(t.Context(), kanuu.Identity{Identifier: "42"})
	require.NoError(t, err)
	assert.Len(t, fake.Requests(), 1)
}

// What fails behind a client from the environment is not kept to itself.
func TestNewClientFromEnvLogs(t *testing.T) {
	var log strings.Builder
	before := slog.Default()
	t.Cleanup(func() { slog.SetDefault(before) })
	slog.SetDefault(slog.New(slog.NewTextHandler(&log, nil)))

	fake := kanuutest.NewServer(nil) // with another key
	t.Cleanup(fake.Close)

	t.Setenv("KANUU_API_KEY", key)
	t.Setenv("KANUU_BASE_URL", fake.URL)

	client, err := kanuu.NewClientFromEnv()
	require.NoError(t, err)

	who := kanuu.IdentifierResolverFunc(func(*http.Request) (kanuu.Identity, error) {
		return kanuu.Identity{Identifier: "42"}, nil
	})
	answer := httptest.NewRecorder()
	kanuu.NewRedirectHandler(client, who, nil).ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/billing", nil))

	assert.Equal(t, http.StatusInternalServerError, answer.Code)
	assert.Equal(t, 1, strings.Count(log.String(), "\n"), log.String())
	assert.Contains(t, log.String(), "kanuu: no redirect to the portal")
	assert.Contains(t, log.String(), "remedy=")
	assert.NotContains(t, log.String(), key)
}

func TestCreateNonceRequest(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		identity kanuu.Identity
		want     string
	}{
		"identifier alone": {kanuu.Identity{Identifier: "42"}, `{"identifier": "42"}`},
		"email": {kanuu.Identity{Identifier: "42", Email: "ann@example.com"},
			`{"identifier": "42", "email": "ann@example.com"}`},
		"empty map": {kanuu.Identity{Identifier: "42", Supplemental: map[string]string{}}, `{"identifier": "42"}`},
		"all": {
			kanuu.Identity{Identifier: "team:7", Email: "a@b.c", Supplemental: map[string]string{"k": "", "<é>": "\u2028&\"\\"}},
			`{"identifier": "team:7", "email": "a@b.c", "supplemental": {"k": "", "<é>": "\u2028&\"\\"}}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client, fake := setup(t)
			nonce, err := client.CreateNonce(t.Context(), tc.identity)
			require.NoError(t, err)
			assert.Len(t, nonce.Value, 32)
			assert.Equal(t, fake.URL+"/manage/acme/"+nonce.Value, nonce.URL)

			requests := fake.Requests()
			require.Len(t, requests, 1)
			assert.Equal(t, "POST", requests[0].Method)
			assert.Equal(t, "/api/nonce", requests[0].Path)
			assert.Equal(t, "Bearer "+key, requests[0].Header.Get("Authorization"))
			assert.Equal(t, "application/json", requests[0].Header.Get("Content-Type"))
			assert.Equal(t, "application/json", requests[0].Header.Get("Accept"))
			assert.Contains(t, requests[0].Header.Get("User-Agent"), "kanuu-go/"+kanuu.Version)
			assert.JSONEq(t, tc.want, string(requests[0].Body))
		})
	}
}

func TestCreateNonceUnderABasePath(t *testing.T) {
	t.Parallel()
	mux := http.NewServeMux()
	mux.Handle("/some/where/", http.StripPrefix("/some/where", kanuutest.New(nil)))
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	for _, base := range []string{"/some/where", "/some/where/"} {
		client, err := kanuu.NewClient(kanuu.Config{APIKey: kanuutest.DefaultAPIKey, BaseURL: server.URL + base})
		require.NoError(t, err)
		nonce, err := client.CreateNonce(t.Context(), kanuu.Identity{Identifier: "42"})
		require.NoError(t, err)
		assert.Equal(t, server.URL+"/some/where/manage/acme/"+nonce.Value, nonce.URL)
	}
}

func TestCreateNonceResponses(t *testing.T) {
	t.Parallel()
	const value = "d3e2c48bb1fb4badfa27fe9a03924207"
	large := `{"nonce": "` + value + `", "url": "https://kanuu.io/x", "pad": "` + strings.Repeat("x", 1<<20) + `"}`
	for name, tc := range map[string]struct {
		status int
		body   string
		want   string // the URL; empty: an error
		says   string // a part of the error
	}{
		"201": {201, `{"nonce": "` + value + `", "url": "https://kanuu.io/manage/acme/` + value + `"}`,
			"https://kanuu.io/manage/acme/" + value, ""},
		"200": {200, `{"nonce": "` + value + `", "url": "https://acme.kanuu.io/` + value + `"}`,
			"https://acme.kanuu.io/" + value, ""},
		"unknown fields": {201, `{"url": "https://billing.acme.com:8443/x?y#z", "nonce": "x", "ttl": [60]}`,
			"https://billing.acme.com:8443/x?y#z", ""},
		"http on loopback": {201, `{"nonce": "x", "url": "http://127.0.0.1/x"}`, "http://127.0.0.1/x", ""},
		"202":              {202, `{"nonce": "x", "url": "https://kanuu.io/x"}`, "", "only 200 and 201"},
		"empty":            {201, ``, "", "not the JSON"},
		"HTML":             {200, `<html>`, "", "not the JSON"},
		"null":             {201, `null`, "", "not the JSON"},
		"list":             {201, `[]`, "", "not the JSON"},
		"two values":       {201, `{"nonce": "x", "url": "https://kanuu.io/x"} {}`, "", "not the JSON"},
		"cut off":          {201, `{"nonce": "x", "url": "https://kanuu`, "", "not the JSON"},
		"number":           {201, `{"nonce": 7, "url": "https://kanuu.io/x"}`, "", "not the JSON"},
		"no nonce":         {201, `{"url": "https://kanuu.io/x"}`, "", "has no nonce"},
		"no url":           {201, `{"nonce": "x"}`, "", "has no url"},
		"1 MiB and more":   {201, large, "", "larger than 1 MiB"},
		"redirect":         {302, ``, "", "redirects are not followed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client, fake := setup(t)
			fake.Inject(kanuutest.Fault{Status: tc.status, Body: or(tc.body, " "),
				Header: http.Header{"Location": {"https://evil.example/"}}})

			nonce, err := client.CreateNonce(t.Context(), kanuu.Identity{Identifier: "42"})
			if tc.want != "" {
				require.NoError(t, err)
				assert.Equal(t, tc.want, nonce.URL)
				return
			}

			require.ErrorIs(t, err, kanuu.ErrUnexpectedResponse)
			require.ErrorContains(t, err, tc.says)
			assert.Zero(t, nonce)
			assert.NotContains(t, err.Error(), value, "the answer may hold a nonce")
			assert.Len(t, fake.Requests(), 1, "trying again would not help")

			var apiErr *kanuu.APIError
			require.ErrorAs(t, err, &apiErr)
			assert.Equal(t, tc.status, apiErr.Status)
		})
	}
}

func TestCreateNonceUnsafeURLs(t *testing.T) {
	t.Parallel()
	for _, unsafe := range []string{
		"/manage/acme/x", "//kanuu.io/x", "kanuu.io/x", "x", "https:", "https:x", "https:///x", "https:/x",
		"javascript:alert(1)", "JavaScript:alert(1)", "data:text/html,x", "ftp://kanuu.io/x",
		"https://kanuu.io@evil.example/x", "https://user:pass@kanuu.io/x", "https://@kanuu.io/",
		`https:\\kanuu.io\x`, `https://kanuu.io\@evil.example`, `https://kanuu.io/\x`,
		"https://kanuu.io/\nSet-Cookie: a=b", "https://kanuu.io/\x00", " https://kanuu.io/", "https://kanuu.io/ x",
		"https://kanuu.io:x/", "https://kanuu.io:99999/", "https://:443/", "https://kanuu.io/%zz", "https://bücher.example/",
	} {
		t.Run(unsafe, func(t *testing.T) {
			t.Parallel()
			body, err := json.Marshal(map[string]string{"nonce": "d3e2c48b", "url": unsafe})
			require.NoError(t, err)

			client, fake := setup(t)
			fake.Inject(kanuutest.Fault{Status: 201, Body: string(body)})

			_, err = client.CreateNonce(t.Context(), kanuu.Identity{Identifier: "42"})
			require.ErrorIs(t, err, kanuu.ErrUnexpectedResponse)
			assert.Equal(t, http.StatusInternalServerError, kanuu.HTTPStatus(err))
			assert.NotContains(t, err.Error(), "evil.example")
		})
	}
}

func TestPlainHTTPPortalOnlyFromLoopback(t *testing.T) {
	t.Parallel()
	answer := roundTripper(func(*http.Request) (*http.Response, error) {
		return response(201, `{"nonce": "x", "url": "http://127.0.0.1/x"}`), nil
	})
	client, err := kanuu.NewClient(kanuu.Config{APIKey: key, HTTPClient: &http.Client{Transport: answer}})
	require.NoError(t, err)
	_, err = client.CreateNonce(t.Context(), kanuu.Identity{Identifier: "42"})
	require.ErrorIs(t, err, kanuu.ErrUnexpectedResponse)
}

func TestAPIErrors(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		fault  kanuutest.Fault
		want   error
		status int // for the customer
		text   string
	}{
		"401": {kanuutest.Fault{Status: 401}, kanuu.ErrInvalidAPIKey, 500,
			"the API key was refused (Kanuu responded 401): Unauthenticated."},
		"403": {kanuutest.Fault{Status: 403, Body: "{}"}, kanuu.ErrInvalidAPIKey, 500,
			"the API key was refused (Kanuu responded 403)"},
		"402": {kanuutest.Fault{Status: 402}, kanuu.ErrPaymentRequired, 503,
			"the seller's Kanuu account needs a subscription (Kanuu responded 402): Payment Required"},
		"422": {kanuutest.Fault{Status: 422, Body: `{"message": "The given data was invalid.", "errors": ` +
			`{"identifier": ["The identifier field is required."], "email": ["A.", "B."]}}`}, kanuu.ErrValidation, 500,
			"the data was refused (Kanuu responded 422): The given data was invalid." +
				"; email: A. B.; identifier: The identifier field is required."},
		"429": {kanuutest.Fault{Status: 429, Header: http.Header{"Retry-After": {"60"}}}, kanuu.ErrRateLimited, 503,
			"too many calls (Kanuu responded 429): Too Many Attempts."},
		"500 and its stack trace": {kanuutest.Fault{Status: 500, Body: `{"message": "SQLSTATE[08006]"}`},
			kanuu.ErrUnavailable, 503, "Kanuu is unavailable (Kanuu responded 500)"},
		"418": {kanuutest.Fault{Status: 418, Body: `{"message": "a\r\nb\u0000 see https://kanuu.io/manage/acme/x ` + key + `"}`},
			kanuu.ErrUnexpectedResponse, 500, "unexpected response (Kanuu responded 418): a b\u0000 see [url] [redacted]"},
		"endless message": {kanuutest.Fault{Status: 402, Body: `{"message": "` + strings.Repeat("é", 1000) + `"}`},
			kanuu.ErrPaymentRequired, 503,
			"the seller's Kanuu account needs a subscription (Kanuu responded 402): " + strings.Repeat("é", 200)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client, fake := setup(t)
			fake.Inject(tc.fault)
			_, err := client.CreateNonce(t.Context(), kanuu.Identity{Identifier: "42"})
			require.ErrorIs(t, err, tc.want)
			require.EqualError(t, err, "kanuu: create nonce: "+tc.text)
			assert.Equal(t, tc.status, kanuu.HTTPStatus(err))
			var apiErr *kanuu.APIError
			require.ErrorAs(t, err, &apiErr)
			assert.Equal(t, tc.fault.Status, apiErr.Status)
			if name == "422" {
				assert.Equal(t, map[string][]string{"identifier": {"The identifier field is required."}, "email": {"A.", "B."}},
					apiErr.Fields)
			}
		})
	}
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]time.Duration{
		"120": 2 * time.Minute, "2147483647": 10 * time.Minute, "-1": 10 * time.Second,
		time.Now().Add(5 * time.Minute).UTC().Format(http.TimeFormat): 5 * time.Minute,
	} {
		client, fake := setup(t)
		fake.Inject(kanuutest.Fault{Status: 429, Header: http.Header{"Retry-After": {header}}})
		_, err := client.CreateNonce(t.Context(), kanuu.Identity{Identifier: "42"})
		var apiErr *kanuu.APIError
		require.ErrorAs(t, err, &apiErr)
		assert.InDelta(t, want, apiErr.RetryAfter, float64(time.Minute), header)
	}
}

// Frameworks look for such a method on errors, and would answer with it.
func TestAPIErrorHasNoStatusCodeMethod(t *testing.T) {
	t.Parallel()
	_, ok := any(&kanuu.APIError{}).(interface{ StatusCode() int })
	assert.False(t, ok)
}

func TestHTTPStatus(t *testing.T) {
	t.Parallel()
	wrap := func(err error) error { return fmt.Errorf("while testing: %w", err) }
	for name, tc := range map[string]struct {
		err  error
		want int
	}{
		"nil":             {nil, 200},
		"unauthenticated": {wrap(kanuu.ErrUnauthenticated), 401},
		"forbidden":       {wrap(kanuu.ErrForbidden), 403},
		"not subscribed":  {wrap(kanuu.ErrNotSubscribed), 402},
		"cross-origin":    {wrap(kanuu.ErrCrossOrigin), 403},
		"method":          {kanuu.ErrMethodNotAllowed, 405},
		"cancelled":       {wrap(context.Canceled), 499},
		"identity":        {wrap(&kanuu.IdentityError{}), 500},
		"unknown":         {io.ErrUnexpectedEOF, 500},
		"key":             {kanuu.ErrInvalidAPIKey, 500},
		"validation":      {kanuu.ErrValidation, 500},
		"unexpected":      {kanuu.ErrUnexpectedResponse, 500},
		"payment":         {kanuu.ErrPaymentRequired, 503},
		"rate":            {kanuu.ErrRateLimited, 503},
		"unavailable":     {kanuu.ErrUnavailable, 503},
		"deadline":        {wrap(context.DeadlineExceeded), 503},
		"API error":       {wrap(&kanuu.APIError{Status: 401}), 500},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, tc.want, kanuu.HTTPStatus(tc.err))
		})
	}
}

func TestSecretsNeverPrint(t *testing.T) {
	t.Parallel()
	client, _ := setup(t)
	config := kanuu.Config{APIKey: key, BaseURL: "https://me:" + key + "@kanuu.io"}
	nonce := kanuu.Nonce{Value: key, URL: "https://kanuu.io/manage/acme/" + key}
	handler := kanuu.NewRedirectHandler(client, kanuu.IdentifierResolverFunc(nil), nil)

	type holder struct {
		client  *kanuu.Client
		byValue any
		Config  kanuu.Config
		Nonce   *kanuu.Nonce
	}
	for name, value := range map[string]any{
		"config": config, "config pointer": &config, "nonce": nonce, "nonce pointer": &nonce,
		"client": client, "client value": *client, "handler": handler, "handler value": *handler,
		"holder": holder{client, *client, config, &nonce},
		"slice":  []any{config, nonce, client}, "map": map[string]any{"c": config, "n": nonce},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out strings.Builder
			for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d", "%T"} {
				fmt.Fprintf(&out, format+"\n", value)
			}
			slog.New(slog.NewTextHandler(&out, nil)).Info("text", "value", value)
			slog.New(slog.NewJSONHandler(&out, nil)).Info("JSON", "value", value)
			if encoded, err := json.Marshal(value); err == nil {
				out.Write(encoded)
			}

			if encoded, err := xml.Marshal(value); err == nil {
				out.Write(encoded)
			}
			assert.NotContains(t, out.String(), key)
			assert.NotContains(t, out.String(), fmt.Sprintf("%x", key))
			assert.NotEmpty(t, out.String())
		})
	}

	assert.Equal(t, `kanuu.Config{APIKey: "", BaseURL: "https://kanuu.io", Timeout: 0s, AttemptTimeout: 0s}`,
		fmt.Sprint(kanuu.Config{}))
	assert.Equal(t, `kanuu.Nonce{Value: [redacted], URL: [redacted]}`, fmt.Sprint(nonce))
}

func or(s, fallback string) string {
	if s == "" {
		return fallback
	}
	return s
}
