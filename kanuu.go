package kanuu

import (
	"cmp"
	"context"
	"log/slog"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kanuu-io/kanuu-go/internal/api"
	"github.com/kanuu-io/kanuu-go/internal/urlcheck"
)

// Version of the library, as in its User-Agent.
const Version = "0.1.0-dev"

const userAgent = "kanuu-go/" + Version + " (+https://github.com/kanuu-io/kanuu-go)"

const defaultBaseURL = "https://kanuu.io"

// Environment variables that [NewClientFromEnv] reads.
const (
	EnvAPIKey  = "KANUU_API_KEY"
	EnvBaseURL = "KANUU_BASE_URL"
)

const (
	defaultTimeout        = 10 * time.Second
	defaultAttemptTimeout = 5 * time.Second
)

// Config is the configuration of a [Client]. Only APIKey is required. It prints,
// logs and marshals without the key, except in an unexported field of another
// struct, where its methods are out of reach.
type Config struct {
	// APIKey from the Kanuu dashboard.
	APIKey string

	// BaseURL of the API, default https://kanuu.io. It may have a path. It must
	// be https, or http on a loopback address for tests and development.
	BaseURL string

	// HTTPClient makes the calls. It is copied. Its CheckRedirect is not used: the
	// key is never sent to another host. Default, also for a nil Transport:
	// [NewTransport].
	HTTPClient *http.Client

	// Logger gets what goes wrong, with the cause and the remedy, and never a key, a
	// nonce or a portal URL. Default: nothing is logged.
	Logger *slog.Logger

	// Timeout of a call with its retries, default 10 s.
	Timeout time.Duration

	// AttemptTimeout of one attempt, default 5 s.
	AttemptTimeout time.Duration

	// Cache sets how long subscriptions are served without a call to Kanuu.
	Cache CacheOptions

	// SharedCache is shared by several instances of the application, such as that of
	// kanuuredis: they see each other's invalidations, and one of them calls Kanuu
	// for all. A lookup waits at most 250 ms for it. While it fails, each instance
	// uses its own cache. nil: none. [Client.Close] ends its use.
	SharedCache SharedCache

	// LastKnown returns the subscription of identifier from the application's own
	// records, and as of when. It is called when Kanuu is unavailable and nothing is
	// cached. Its result becomes a stale entry of that age. An error means that
	// nothing is known. It must be safe for concurrent use. nil: none.
	LastKnown func(ctx context.Context, identifier string) (s Subscription, asOf time.Time, err error)
}

// Client calls Kanuu. Make one for the whole program: it is safe for concurrent use,
// and its callers share connections, cache and circuit breaker.
type Client struct {
	api               *api.Client // has the key: a pointer, which fmt does not follow
	http              *http.Client
	createNonce       *api.Endpoint
	fetchSubscription *api.Endpoint
	insecureURLs      bool // portal URLs may be http: the base URL is loopback
	log               *slog.Logger
	nonces            *atomic.Uint64
	cache             *cache
	stopWatching      func()
	emailWarning      *sync.Once
}

// NewClient makes a client without calling Kanuu. It returns a [*ConfigError] with
// every problem of the config.
func NewClient(config Config) (*Client, error) {
	var found problems
	found.add(api.CheckKey(config.APIKey))
	base, problem := urlcheck.Base(cmp.Or(config.BaseURL, defaultBaseURL))
	found.add(problem)
	timeout := found.timeout("Timeout", config.Timeout, defaultTimeout)
	attempt := found.timeout("AttemptTimeout", config.AttemptTimeout, defaultAttemptTimeout)
	cacheOptions := config.Cache.withDefaults(&found)
	if found != nil {
		return nil, &ConfigError{Problems: found}
	}
	log := config.Logger
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	httpClient := api.NewHTTPClient(config.HTTPClient)
	calls := api.New(api.Options{
		BaseURL: base, Key: config.APIKey, UserAgent: userAgent, Logger: log,
		HTTPClient: httpClient, Timeout: timeout, AttemptTimeout: attempt,
	})
	client := &Client{
		api:               calls,
		http:              httpClient,
		createNonce:       calls.Endpoint("create nonce", "api/nonce"),
		fetchSubscription: calls.Endpoint("fetch subscription", "api/subscription"),
		insecureURLs:      base.Scheme == "http",
		log:               log,
		nonces:            new(atomic.Uint64),
		cache:             newCache(cacheOptions, log),
		stopWatching:      func() {},
		emailWarning:      new(sync.Once),
	}
	client.cache.fetch = client.fetchForCache
	client.cache.lastKnown = config.LastKnown
	if config.SharedCache != nil {
		client.cache.shared, client.stopWatching =
			newSharing(client.cache, config.SharedCache, base.String(), config.APIKey)
	}
	return client, nil
}

// NewClientFromEnv is [NewClient] with APIKey from KANUU_API_KEY, BaseURL from
// KANUU_BASE_URL, which may be unset, and [slog.Default] as the Logger.
func NewClientFromEnv() (*Client, error) {
	return NewClient(Config{
		APIKey:  os.Getenv(EnvAPIKey),
		BaseURL: os.Getenv(EnvBaseURL),
		Logger:  slog.Default(), // the caller cannot set one, and the first error must be seen
	})
}

// NewTransport returns a transport for calls to Kanuu, to be wrapped by one that
// traces and then set in [Config.HTTPClient]. It keeps an idle connection for each
// concurrent caller, where [http.DefaultTransport] keeps two; it speaks HTTP/2 and
// closes connections that stopped responding; it dials for at most 3 s, through the
// proxy that the environment names.
func NewTransport() *http.Transport { return api.NewTransport() }

// CloseIdleConnections closes the idle connections to Kanuu. The client can still be
// used.
func (c *Client) CloseIdleConnections() { c.http.CloseIdleConnections() }

// Close ends the use of [Config.SharedCache] and closes idle connections. A client
// without a SharedCache need not be closed.
func (c *Client) Close() {
	c.stopWatching()
	c.CloseIdleConnections()
}

// problems of a configuration, each with the field and the remedy.
type problems []string

func (p *problems) add(problem string) {
	if problem != "" {
		*p = append(*p, problem)
	}
}

// timeout returns value, or the standard if it is 0.
func (p *problems) timeout(field string, value, standard time.Duration) time.Duration {
	if value < 0 {
		p.add(field + " is negative: leave it 0 for the default of " + standard.String())
	}
	return cmp.Or(value, standard)
}
