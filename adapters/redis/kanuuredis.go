// Package kanuuredis is what several instances of an application share on a
// Redis: the cache of subscriptions, and the memory of which webhooks were handled.
//
//	store, err := kanuuredis.NewFromURL(os.Getenv("REDIS_URL"), nil)
//	defer store.Close()
//	client, err := kanuu.NewClient(kanuu.Config{APIKey: key, SharedCache: store})
//	hook, err := kanuu.NewWebhookHandler(client, publicKey, &kanuu.WebhookOptions{Deduplicator: store})
//
// Each instance answers from its own memory, and Redis notifies it of what has
// changed (server-assisted client-side caching). It works with Redis 6 or newer,
// Valkey, a cluster and Sentinel, and needs no scripts.
//
// Identifiers are part of the names of the keys: if yours are personal data, so are
// the keys. API keys, nonces and email addresses never go there.
package kanuuredis

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/rueidis"

	"github.com/kanuu-io/kanuu-go"
)

// Options of a [Store]. The zero value is ready for use.
type Options struct {
	// Prefix of all keys, default "kanuu:". It must not have a brace. Applications
	// with different API keys can share one: the keys of the cache carry a hash of
	// key and base URL.
	Prefix string

	// Logger gets one line when Redis becomes unavailable (Warn), one if the cause
	// changes, and one when it is back (Info). It never gets an identifier. nil is
	// silent.
	Logger *slog.Logger
}

// Store is a [kanuu.SharedCache] and a [kanuu.Deduplicator] on a Redis. It is safe
// for concurrent use.
//
// While Redis is unavailable its methods fail without waiting: the cache of each
// instance goes on by itself, and webhooks get a 503 and are delivered again. Redis
// is tried again after 500 ms and then every 2 s at least, over a new connection.
type Store struct {
	client atomic.Pointer[rueidis.Client] // nil until Redis was reached for the first time
	option rueidis.ClientOption
	prefix string
	log    *slog.Logger
	outage outage

	mu       sync.Mutex
	watchers map[int]func(key string)
	next     int
}

var (
	_ kanuu.SharedCache  = (*Store)(nil)
	_ kanuu.Deduplicator = (*Store)(nil)
)

const (
	// dialTimeout, and connTimeout for a peer that is silent, unless set.
	dialTimeout = 500 * time.Millisecond
	connTimeout = time.Second

	// maxOperation is how long one operation may take where its context allows
	// more: then Redis counts as unavailable.
	maxOperation = time.Second
)

// NewFromURL is [New] with what rueidis.ParseURL makes of a URL such as
// redis://user:password@host:6379/0. Its errors do not repeat the URL.
func NewFromURL(url string, options *Options) (*Store, error) {
	option, err := rueidis.ParseURL(url)
	if err != nil { // its text has the password
		return nil, &kanuu.ConfigError{Problems: []string{
			"the URL is not one of Redis: write it like redis://user:password@host:6379/0, with special characters escaped",
		}}
	}
	return New(option, options)
}

// New makes a store on the Redis that option names. nil options are the defaults.
// End it with [Store.Close].
//
// Of option, New sets ClientTrackingOptions, OnInvalidations, PipelineMultiplex and
// DisableRetry; Dialer.Timeout is 500 ms and ConnWriteTimeout 1 s by default.
//
// A Redis that cannot be reached is no error: the store begins with an outage.
// Errors: [*kanuu.ConfigError] with every problem of option and options; and what
// Redis says when it does not let this program in, is too old, or refuses a command:
// GET, SET, DEL, PTTL and CLIENT TRACKING are needed, on all keys that begin with
// Options.Prefix.
func New(option rueidis.ClientOption, options *Options) (*Store, error) {
	set := Options{}
	if options != nil {
		set = *options
	}
	problems := check(option)
	if strings.ContainsAny(set.Prefix, "{}") {
		problems = append(problems, "Options.Prefix has a brace, which a Redis cluster would take for its own: leave it out")
	}
	if problems != nil {
		return nil, &kanuu.ConfigError{Problems: problems}
	}
	s := &Store{
		option: option, prefix: cmp.Or(set.Prefix, "kanuu:"), log: set.Logger, watchers: make(map[int]func(string)),
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	s.outage.closing = make(chan struct{})
	s.option.DisableRetry = true // whoever waits has a deadline
	s.option.PipelineMultiplex = -1
	s.option.ClientTrackingOptions = []string{
		"BCAST", "NOLOOP", "PREFIX", s.prefix + storedKind, "PREFIX", s.prefix + invalidKind,
	}
	s.option.OnInvalidations = s.onInvalidations
	s.option.Dialer.Timeout = cmp.Or(s.option.Dialer.Timeout, dialTimeout)
	s.option.ConnWriteTimeout = cmp.Or(s.option.ConnWriteTimeout, connTimeout)

	err := s.connect()
	if err == nil {
		err = s.probe()
	}
	if cause := causeOf(err); cause.refusal {
		s.Close()
		return nil, fmt.Errorf("kanuuredis: connect: %w (%s)", err, cause.remedy)
	}
	if err != nil {
		s.fail(context.Background(), err)
	}
	return s, nil
}

// check finds what a store cannot work with.
func check(option rueidis.ClientOption) []string {
	var problems []string
	if len(option.InitAddress) == 0 {
		problems = append(problems, "ClientOption.InitAddress is empty: NewFromURL fills it from a URL")
	}
	if option.DisableCache || option.AlwaysRESP2 {
		problems = append(problems,
			"ClientOption.DisableCache and AlwaysRESP2 keep Redis from saying what changed: leave them out")
	}
	if option.ReplicaOnly || option.SendToReplicas != nil || len(option.Standalone.ReplicaAddress) > 0 {
		problems = append(problems, "ClientOption sends commands to replicas, which lag behind: leave ReplicaOnly, "+
			"SendToReplicas and Standalone.ReplicaAddress out")
	}
	if option.OnInvalidations != nil || option.ClientTrackingOptions != nil {
		problems = append(problems, "ClientOption.OnInvalidations and ClientTrackingOptions are the store's own: leave them out")
	}
	return problems
}

// connect makes new connections and closes the old ones: behind an address that
// stays the same, these may lead to a Redis that is the primary no longer. Where it
// fails, the old ones stay, which may know more nodes of a cluster than option.
func (s *Store) connect() error {
	client, err := rueidis.NewClient(s.option)
	if errors.Is(err, rueidis.ErrNoCache) { // its text has a remedy that does not work here
		answer := strings.TrimSuffix(err.Error(), rueidis.ErrNoCache.Error())
		return fmt.Errorf("%w: %s", errNoTracking, cmp.Or(strings.TrimSpace(answer), "it has no RESP3"))
	}
	if err != nil {
		return err
	}
	if old := s.client.Swap(&client); old != nil {
		(*old).Close()
	}
	return nil
}

// Close ends the connections to Redis and what runs in the background, and waits
// for both. After that, all methods fail.
func (s *Store) Close() {
	if !s.outage.close() {
		return
	}
	if client := s.client.Load(); client != nil {
		(*client).Close()
	}
}

// onInvalidations is called by rueidis with what Redis says has changed, and with
// nil when a connection is gone or everything was flushed.
func (s *Store) onInvalidations(messages []rueidis.RedisMessage) {
	if messages == nil {
		s.announce("")
	}
	for _, message := range messages {
		name, _ := message.ToString() // it is one
		for _, kind := range []string{storedKind, invalidKind} {
			if key, ok := strings.CutPrefix(name, s.prefix+kind); ok {
				s.announce(strings.TrimSuffix(key, "}"))
			}
		}
	}
}

// announce calls the watchers, one call at a time.
func (s *Store) announce(key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range slices.Sorted(maps.Keys(s.watchers)) {
		s.watchers[id](key)
	}
}

// Watch calls changed for each key that another instance changes, and with "" after
// a lost connection, an outage and FLUSHALL.
func (s *Store) Watch(changed func(key string)) (stop func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := s.next
	s.next++
	s.watchers[id] = changed
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.watchers, id)
	}
}

// do runs commands in one go. It fails at once in an outage, and starts one if
// Redis fails; what it says about one key does not.
func (s *Store) do(ctx context.Context, what string, commands func(rueidis.Builder) []rueidis.Completed) ([]rueidis.RedisResult,
	error) {
	client := s.client.Load()
	if client == nil || s.outage.down.Load() {
		return nil, errDown
	}
	ctx, cancel := context.WithTimeout(ctx, maxOperation)
	defer cancel()
	results := (*client).DoMulti(ctx, commands((*client).B())...)
	for _, result := range results {
		if err := result.Error(); err != nil && !rueidis.IsRedisNil(err) && !isWrongType(err) {
			if !errors.Is(err, context.Canceled) {
				s.fail(ctx, err)
			}
			return nil, fmt.Errorf("kanuuredis: %s: %w", what, err)
		}
	}
	return results, nil
}

// isWrongType tells whether err is that of a key which somebody else has written.
func isWrongType(err error) bool {
	answer, ok := rueidis.IsRedisErr(err)
	return ok && strings.HasPrefix(answer.Error(), "WRONGTYPE")
}
