// Package kanuuredis is what several instances of an application share on a
// Redis: the cache of subscriptions, and the memory of which webhooks were handled.
//
//	store, err := kanuuredis.NewFromURL(os.Getenv("REDIS_URL"), nil)
//	defer store.Close()
//	client, err := kanuu.NewClient(kanuu.Config{APIKey: key, SharedCache: store})
//	hook, err := kanuu.NewWebhookHandler(client, publicKey, &kanuu.WebhookOptions{Deduplicator: store, Name: "shop"})
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
// While Redis is unavailable, lookups fail without waiting, and each instance uses
// its own cache. Invalidate, Begin and End wait for at most a second: webhooks get a
// 503 then, and are delivered again. Redis is tried again every second.
// If a part of a cluster is unavailable, that holds for the keys of this part.
type Store struct {
	client atomic.Pointer[rueidis.Client] // nil: not connected
	option rueidis.ClientOption
	prefix string
	log    *slog.Logger
	outage outage
	nodes  nodes

	missed  atomic.Bool // whether changes may not have been announced
	ctx     context.Context
	cancel  context.CancelFunc
	running sync.WaitGroup

	mu       sync.Mutex
	watchers map[*func(key string)]bool
}

var (
	_ kanuu.SharedCache  = (*Store)(nil)
	_ kanuu.Deduplicator = (*Store)(nil)
)

const (
	// dialTimeout, and connTimeout for a peer that is silent, unless set.
	dialTimeout = 500 * time.Millisecond
	connTimeout = time.Second

	// maxOperation is how long an operation takes at most. The client has pages wait for
	// less.
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
// DisableRetry; Dialer.Timeout is 500 ms by default, ConnWriteTimeout and
// ClusterOption.ShardsRefreshInterval 1 s.
//
// A Redis that cannot be reached is no error: the store begins with an outage.
// Errors: [*kanuu.ConfigError] with every problem of option and options; and the error
// of a Redis that does not let this program in, is too old, or refuses a command: GET,
// SET, DEL, PTTL and CLIENT TRACKING are needed, on all keys that begin with
// Options.Prefix, and CLUSTER SLOTS of a cluster.
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
		option: option, prefix: cmp.Or(set.Prefix, "kanuu:"), log: set.Logger, watchers: make(map[*func(string)]bool),
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	s.option.DisableRetry = true // an operation has a deadline
	s.option.PipelineMultiplex = -1
	s.option.ClientTrackingOptions = []string{
		"BCAST", "NOLOOP", "PREFIX", s.prefix + entryKind, "PREFIX", s.prefix + versionKind,
	}
	s.option.OnInvalidations = s.onInvalidations
	s.option.Dialer.Timeout = cmp.Or(s.option.Dialer.Timeout, dialTimeout)
	s.option.ConnWriteTimeout = cmp.Or(s.option.ConnWriteTimeout, connTimeout)
	s.option.ClusterOption.ShardsRefreshInterval = cmp.Or(s.option.ClusterOption.ShardsRefreshInterval, checkEvery)
	s.ctx, s.cancel = context.WithCancel(context.Background())

	err := s.connect()
	if err == nil {
		s.reach()
		s.missed.Store(false) // there is no watcher yet
		err = s.probe("", maxOperation)
	}
	if remedy := remedyOf(err); remedy == checkLogin || remedy == allow {
		s.Close()
		return nil, fmt.Errorf("kanuuredis: connect: %w (%s)", err, remedy)
	}
	if err != nil {
		s.fail(s.shardOf(""), "", err, true)
	}
	s.running.Go(s.maintain)
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
	return problems
}

// connect makes the first connections, or new ones.
func (s *Store) connect() error {
	client, err := rueidis.NewClient(s.option)
	if errors.Is(err, rueidis.ErrNoCache) { // its text has a remedy that does not work here
		return errNoTracking
	}
	if err == nil {
		s.client.Store(&client)
	}
	return err
}

// disconnect closes the connections to a Redis that is the primary no longer.
func (s *Store) disconnect() {
	if client := s.client.Swap(nil); client != nil {
		(*client).Close()
	}
}

// Close ends the connections to Redis and what runs in the background, and waits
// for both. After that, all methods fail.
func (s *Store) Close() {
	s.cancel()
	s.running.Wait()
	s.disconnect()
}

// commands are about one key.
type commands func(rueidis.Builder) []rueidis.Completed

// lookup is do for a page, which does not wait in an outage.
func (s *Store) lookup(ctx context.Context, what, key string, send commands) ([]rueidis.RedisResult, error) {
	if s.isDown(s.shardOf(key)) {
		return nil, errDown
	}
	return s.do(ctx, what, key, send)
}

// do sends commands in one go. An error begins an outage.
func (s *Store) do(ctx context.Context, what, key string, send commands) ([]rueidis.RedisResult, error) {
	client := s.client.Load()
	if client == nil {
		return nil, errDown
	}
	results, err := run(ctx, maxOperation, *client, send((*client).B()))
	if err != nil {
		if !errors.Is(err, context.Canceled) {
			s.fail(s.shardOf(key), key, err, false)
		}
		return nil, fmt.Errorf("kanuuredis: %s: %w", what, err)
	}
	return results, nil
}

// run ends in time, also where rueidis waits for a connection. Its error is the first
// one that is not about the type of one key.
func run(
	ctx context.Context, limit time.Duration, client rueidis.Client, list []rueidis.Completed,
) ([]rueidis.RedisResult, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	done := make(chan []rueidis.RedisResult, 1)
	go func() { done <- client.DoMulti(ctx, list...) }()
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case results := <-done:
		for _, result := range results {
			if err := result.Error(); err != nil && !rueidis.IsRedisNil(err) && !isAnswer(err, "WRONGTYPE") {
				return nil, err
			}
		}
		return results, nil
	}
}
