package kanuu

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/kanuu-io/kanuu-go/internal/flatjson"
)

// Version of the library, as its User-Agent says it.
const Version = "0.1.0-dev"

// DefaultBaseURL is where Kanuu's API is.
const DefaultBaseURL = "https://kanuu.io"

// Environment variables that [NewClientFromEnv] reads.
const (
	// EnvAPIKey names the variable with [Config.APIKey].
	EnvAPIKey = "KANUU_API_KEY"

	// EnvBaseURL names the variable with [Config.BaseURL].
	EnvBaseURL = "KANUU_BASE_URL"
)

// Defaults of [Config].
const (
	// DefaultTimeout for a call in all, with its retries and the waits between.
	DefaultTimeout = 10 * time.Second

	// DefaultAttemptTimeout for one attempt of a call, to its last byte.
	DefaultAttemptTimeout = 5 * time.Second
)

// Config of a [Client]. Only APIKey is required. However it is printed, logged
// or marshalled as text or JSON, the key stays hidden; only a Config in an
// unexported field of another struct is out of reach of its methods, so do not
// keep it there.
type Config struct {
	// APIKey from the Kanuu dashboard.
	APIKey string

	// BaseURL of the API, default [DefaultBaseURL]. It may have a path. It must
	// be https, or http on a loopback address for tests and development.
	BaseURL string

	// HTTPClient makes the calls. It is copied; its Transport (tracing, a
	// proxy), Jar and Timeout are respected, its CheckRedirect is not: the key
	// is never sent to another host. Default, also for a nil Transport: one as
	// [NewTransport] makes it, on which the first callers wait for the first
	// connection instead of opening one each. [Client.CloseIdleConnections] does
	// nothing if the Transport has no such method.
	HTTPClient *http.Client

	// Logger hears what goes wrong, with the cause and the remedy, and never a
	// key, a nonce or a portal URL. nil is silent.
	Logger *slog.Logger

	// Timeout of a call in all, default [DefaultTimeout].
	Timeout time.Duration

	// AttemptTimeout of one attempt, default [DefaultAttemptTimeout].
	AttemptTimeout time.Duration

	// Cache remembers subscriptions. Default: a [MemoryCache] with the defaults
	// of [CacheOptions].
	Cache Cache
}

// Client talks to Kanuu. Make one for the whole program and share it: it is
// safe for concurrent use, and its connections, its circuit breaker and its
// counters are worth the more the more callers share them.
type Client struct {
	wire              wire
	createNonce       *endpoint
	fetchSubscription *endpoint
	key               secret
	insecureURLs      bool // answered URLs may be http: the base URL is loopback
	log               *slog.Logger
	timeout           time.Duration
	attempt           time.Duration
	count             *counters
	cache             Cache
	load              LoadFunc // FetchSubscription, bound once so that a hit allocates nothing
}

// NewClient makes a client, or returns a [*ConfigError] with every problem of
// the config at once. It does not call Kanuu.
func NewClient(config Config) (*Client, error) {
	var problems []string
	if problem := checkAPIKey(config.APIKey); problem != "" {
		problems = append(problems, problem)
	}

	base, problem := parseBaseURL(config.BaseURL)
	if problem != "" {
		problems = append(problems, problem)
	}

	timeout, problem := parseTimeout("Timeout", config.Timeout, DefaultTimeout)
	if problem != "" {
		problems = append(problems, problem)
	}

	attempt, problem := parseTimeout("AttemptTimeout", config.AttemptTimeout, DefaultAttemptTimeout)
	if problem != "" {
		problems = append(problems, problem)
	}

	if problems != nil {
		return nil, &ConfigError{Problems: problems}
	}

	log := config.Logger
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}

	key := newSecret(config.APIKey)
	count := new(counters)
	client := &Client{
		wire:              newWire(config.HTTPClient),
		createNonce:       newEndpoint("create nonce", base, "api/nonce", key, newBreaker(log, &count.outages)),
		fetchSubscription: newEndpoint("fetch subscription", base, "api/subscription", key, newBreaker(log, &count.outages)),
		key:               key,
		insecureURLs:      base.Scheme == "http",
		log:               log,
		timeout:           timeout,
		attempt:           attempt,
		count:             count,
		cache:             config.Cache,
	}
	client.load = client.FetchSubscription
	if client.cache == nil {
		memory, err := NewMemoryCache(nil)
		if err != nil { // defaults are valid
			return nil, err
		}
		client.cache = memory
	}
	return client, nil
}

// NewClientFromEnv is [NewClient] with APIKey from KANUU_API_KEY, BaseURL from
// KANUU_BASE_URL (which may be unset), Logger as [slog.Default] is at this
// moment, and the defaults.
func NewClientFromEnv() (*Client, error) {
	return NewClient(Config{
		APIKey:  os.Getenv(EnvAPIKey),
		BaseURL: os.Getenv(EnvBaseURL),
		Logger:  slog.Default(), // nobody who calls this could set one, and a silent 502 is no start
	})
}

// CloseIdleConnections to Kanuu, for programs that drop a client before they
// end. The client has nothing else running and can still be used.
func (c *Client) CloseIdleConnections() { c.wire.client.CloseIdleConnections() }

func checkAPIKey(key string) string {
	switch {
	case key == "":
		return "APIKey is empty: set " + EnvAPIKey + " or Config.APIKey"
	case strings.TrimSpace(key) != key:
		return "APIKey has white space around it: trim it where it is read"
	case strings.ContainsAny(key[:1], "\"'`") && strings.HasSuffix(key[1:], key[:1]):
		return "APIKey is in quotes: leave them out where it is set"
	case len(key) > len("Bearer ") && strings.EqualFold(key[:len("Bearer ")], "Bearer "):
		return "APIKey starts with \"Bearer \": leave that word out, the client adds it"
	case strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r > '~' }):
		return "APIKey has a character that no key has: copy it from the Kanuu dashboard again"
	default:
		return ""
	}
}

// parseBaseURL never repeats the URL in a problem: it may hold a password.
func parseBaseURL(raw string) (*url.URL, string) {
	if raw == "" {
		raw = DefaultBaseURL
	}
	base, err := url.Parse(raw)
	switch {
	case err != nil || base.Opaque != "" || base.Hostname() == "" || !validPort(base):
		return nil, "BaseURL is not an absolute URL: write it like " + DefaultBaseURL
	case base.User != nil:
		return nil, "BaseURL has a user in it: leave it out, the API key is all that Kanuu asks for"
	case base.RawQuery != "" || base.ForceQuery || base.Fragment != "":
		return nil, "BaseURL has a query or a fragment: leave it out"
	case base.Scheme == "http" && !isLoopback(base.Hostname()):
		return nil, "BaseURL is plain http to another machine, which would show the key to the network: use https"
	case base.Scheme != "https" && base.Scheme != "http":
		return nil, "BaseURL is neither https nor http: write it like " + DefaultBaseURL
	default:
		return base, ""
	}
}

func validPort(u *url.URL) bool {
	if u.Port() == "" {
		return !strings.HasSuffix(u.Host, ":")
	}
	_, err := strconv.ParseUint(u.Port(), 10, 16)
	return err == nil
}

func isLoopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	address, err := netip.ParseAddr(host)
	return err == nil && address.Unmap().IsLoopback()
}

func parseTimeout(field string, value, standard time.Duration) (time.Duration, string) {
	switch {
	case value < 0:
		return 0, field + " is negative: leave it 0 for the default of " + standard.String()
	case value == 0:
		return standard, ""
	default:
		return value, ""
	}
}

// Nonce opens the portal once, as the customer it was made for, for whoever has
// it. However it is printed, logged or marshalled as text or JSON, it stays
// hidden; to hand it out, take its fields.
type Nonce struct {
	// Value is the nonce itself.
	Value string

	// URL of the portal, with the nonce in it: absolute, https (http only where
	// [Config.BaseURL] itself is). Its host is Kanuu's or the team's own.
	URL string
}

// CreateNonce makes a one-time URL to the portal of id, as Kanuu's "Create a
// nonce" page has it. Make one when the customer clicks, never ahead of time;
// [RedirectHandler] does.
//
// Errors: [*IdentityError] without a call; [*APIError] for what Kanuu answered;
// [ErrUnavailable] when it did not; ctx's own error when that came first.
// Network errors, 429 and 5xx are tried again, at most twice and within
// [Config.Timeout]. With success, the cache forgets the identifier's
// subscription: they are off to change it.
func (c *Client) CreateNonce(ctx context.Context, id Identity) (Nonce, error) {
	if err := id.Validate(); err != nil {
		return Nonce{}, err
	}
	answer, err := c.post(ctx, c.createNonce, id.appendJSON(nil))
	if err != nil {
		return Nonce{}, err
	}
	nonce, err := decodeNonce(answer.bytes(), c.insecureURLs)
	answer.release()
	if err != nil {
		c.count.failures.Add(1)
		return Nonce{}, &APIError{Operation: c.createNonce.operation, Status: answer.status, Message: err.Error()}
	}

	c.count.nonces.Add(1)
	c.forget(ctx, id.Identifier)
	return nonce, nil
}

// decodeNonce reads a successful answer of POST /api/nonce. Its errors repeat
// nothing of the answer, which may hold a nonce.
func decodeNonce(body []byte, insecure bool) (Nonce, error) {
	var (
		nonce Nonce
		wrong bool // a field is of another type than the API page shows
	)
	isObject := flatjson.Members(body, func(name, value []byte) {
		ok := true
		switch string(name) {
		case "nonce":
			nonce.Value, ok = flatjson.Text(value)
		case "url":
			nonce.URL, ok = flatjson.Text(value)
		}
		wrong = wrong || !ok && !isNull(value)
	})
	switch {
	case !isObject || wrong:
		return Nonce{}, errors.New("the answer is not the JSON that the API page shows")
	case nonce.Value == "":
		return Nonce{}, errors.New("the answer has no nonce")
	case nonce.URL == "":
		return Nonce{}, errors.New("the answer has no url")
	case !isPortalURL(nonce.URL, insecure):
		return Nonce{}, errors.New("the answer's url is not one to send a customer to: not absolute https")
	default:
		return nonce, nil
	}
}

// isPortalURL tells whether raw can stand in a Location header and leads where
// it seems to: browsers read a backslash as a slash and skip control
// characters, and what stands before an @ is there to deceive.
func isPortalURL(raw string, insecure bool) bool {
	if strings.ContainsFunc(raw, func(r rune) bool { return r <= ' ' || r > '~' || r == '\\' }) {
		return false
	}
	u, err := url.Parse(raw)
	if err != nil || u.Opaque != "" || u.Hostname() == "" || u.User != nil || !validPort(u) {
		return false
	}
	return u.Scheme == "https" || insecure && u.Scheme == "http"
}
