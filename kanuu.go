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

// Version of the library, as its User-Agent says it.
const Version = "0.1.0-dev"

const userAgent = "kanuu-go/" + Version + " (+https://github.com/kanuu-io/kanuu-go)"

// DefaultBaseURL is where Kanuu's API is.
const DefaultBaseURL = "https://kanuu.io"

// Environment variables that [NewClientFromEnv] reads.
const (
	EnvAPIKey  = "KANUU_API_KEY"
	EnvBaseURL = "KANUU_BASE_URL"
)

const (
	defaultTimeout        = 10 * time.Second
	defaultAttemptTimeout = 5 * time.Second
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

	// Timeout of a call in all, default 10 s.
	Timeout time.Duration

	// AttemptTimeout of one attempt, default 5 s.
	AttemptTimeout time.Duration

	// Cache sets how long subscriptions are served without asking Kanuu.
	Cache CacheOptions

	// SharedCache is what several instances of the application share, such as
	// that of kanuuredis: they see each other's invalidations and make one call to
	// Kanuu for all. A lookup waits at most 250 ms for it; while it fails, each
	// instance goes on with its own cache. nil: none. End its use with
	// [Client.Close].
	SharedCache SharedCache

	// LastKnown returns the subscription of identifier from the application's own
	// records, and as of when. It is called when Kanuu is unavailable and nothing
	// is cached; its result is then used as a stale entry of that age, within
	// [CacheOptions.StaleIfError]. It must be safe for concurrent use. An error
	// means that nothing is known. nil: none.
	LastKnown func(ctx context.Context, identifier string) (s Subscription, asOf time.Time, err error)
}

// Client talks to Kanuu. Make one for the whole program and share it: it is
// safe for concurrent use, and its connections, its circuit breaker and its
// counters are worth the more the more callers share them.
type Client struct {
	api               *api.Client // behind a pointer, which fmt does not follow: it has the key
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

// NewClient makes a client, or returns a [*ConfigError] with every problem of
// the config at once. It does not call Kanuu.
func NewClient(config Config) (*Client, error) {
	var problems []string
	if problem := api.CheckKey(config.APIKey); problem != "" {
		problems = append(problems, problem)
	}

	base, problem := urlcheck.Base(cmp.Or(config.BaseURL, DefaultBaseURL))
	if problem != "" {
		problems = append(problems, problem)
	}

	timeout, problem := parseTimeout("Timeout", config.Timeout, defaultTimeout)
	if problem != "" {
		problems = append(problems, problem)
	}

	attempt, problem := parseTimeout("AttemptTimeout", config.AttemptTimeout, defaultAttemptTimeout)
	if problem != "" {
		problems = append(problems, problem)
	}

	cacheOptions, cacheProblems := config.Cache.withDefaults()
	problems = append(problems, cacheProblems...)
	if problems != nil {
		return nil, &ConfigError{Problems: problems}
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
// KANUU_BASE_URL (which may be unset), Logger as [slog.Default] is at this
// moment, and the defaults.
func NewClientFromEnv() (*Client, error) {
	return NewClient(Config{
		APIKey:  os.Getenv(EnvAPIKey),
		BaseURL: os.Getenv(EnvBaseURL),
		Logger:  slog.Default(), // nobody who calls this could set one, and a silent 502 is no start
	})
}

// NewTransport returns a transport for calls to Kanuu, to be wrapped by one that
// traces and then set in [Config.HTTPClient]. It keeps an idle connection for each
// concurrent caller, where [http.DefaultTransport] keeps two; it speaks HTTP/2 and
// closes connections that stopped responding; it dials for at most 3 s, through the
// proxy that the environment names.
func NewTransport() *http.Transport { return api.NewTransport() }

// CloseIdleConnections to Kanuu, for programs that drop a client before they
// end. The client has nothing else running and can still be used.
func (c *Client) CloseIdleConnections() { c.http.CloseIdleConnections() }

// Close ends the use of [Config.SharedCache] and closes idle connections. A client
// without a SharedCache has nothing running, and need not be closed.
func (c *Client) Close() {
	c.stopWatching()
	c.CloseIdleConnections()
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
