// Package kanuuredis has a [kanuu.Cache] for applications that run on several
// machines: they share what they know of subscriptions through Redis.
//
//	option, err := rueidis.ParseURL(os.Getenv("REDIS_URL"))
//	cache, err := kanuuredis.New(option, nil)
//	defer cache.Close()
//	client, err := kanuu.NewClient(kanuu.Config{APIKey: key, Cache: cache})
//
// Each machine answers from its own memory, and Redis itself tells it what has
// changed (server-assisted client-side caching). Redis 6 or newer, Valkey, a
// cluster, or Sentinel will do.
//
// Identifiers are in the names of the keys in Redis, and with them stands what
// [kanuu.Subscription] has: if your identifiers are personal data, so are the
// keys. API keys, nonces and e-mail addresses never go there.
package kanuuredis

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"

	"github.com/maypok86/otter/v2/stats"
	"github.com/redis/rueidis"

	"github.com/kanuu-io/kanuu-go"
)

// Defaults of [Options].
const (
	DefaultPrefix  = "kanuu:"
	DefaultTimeout = 250 * time.Millisecond
)

// ErrNotShared is what [Cache.Forget] returns when Redis could not be told.
var ErrNotShared = errors.New("forgotten on this machine alone")

// Options of a [Cache]. The zero value is the defaults.
type Options struct {
	// Cache has the numbers, which mean what they mean for a
	// [kanuu.MemoryCache]; MaxEntries counts those in the memory of this
	// machine. Give all machines the same.
	Cache kanuu.CacheOptions

	// Prefix of all keys, default [DefaultPrefix]. Applications that share a
	// Redis and not their customers need one each. It must not have a brace.
	Prefix string

	// Timeout of one operation of Redis, default [DefaultTimeout]: so long at
	// most a visitor waits before Redis is taken for gone.
	Timeout time.Duration

	// Logger hears when Redis is gone (Warn) and back (Info), once each, and
	// once if something else is to be mended meanwhile (Warn). It never hears
	// an identifier. nil is silent.
	Logger *slog.Logger
}

// Cache is a [kanuu.Cache] that several machines share. It is safe for
// concurrent use, and a hit in this machine's memory allocates nothing.
//
// Of all machines one at a time asks Kanuu about an identifier. The others wait
// for it, for at most 5 s, or for 2 s when it died.
//
// While Redis is gone, each machine goes on alone: with what is in its memory,
// for as long as [Options.Cache] says, and with calls of its own. A Forget on
// one machine is then seen by the others once Redis is back, or when their entry
// is no longer fresh, whichever comes first. Redis is tried again
// after 500 ms and then at least every 2 s, over a new connection, and never by a
// visitor.
type Cache struct {
	local   *local
	redis   *shared
	outage  outage
	waiting waiting
	counts  *stats.Counter

	options kanuu.CacheOptions
	log     *slog.Logger

	refreshes, failures atomic.Uint64
}

var _ kanuu.Cache = (*Cache)(nil)

// New makes a cache on the Redis that option names: rueidis.ParseURL makes one
// of a URL. nil options are the defaults. End it with [Cache.Close].
//
// Of option, these are set by New, since the cache depends on them:
// ClientTrackingOptions, OnInvalidations, PipelineMultiplex, DisableRetry; and
// these have shorter defaults than rueidis': Dialer.Timeout 500 ms,
// ConnWriteTimeout 1 s.
//
// A Redis that cannot be reached is no error: the cache starts as it would go on
// in an outage. Errors: [*kanuu.ConfigError] with every problem of option and
// options; and what Redis says when it does not let this program in, is too old, or
// refuses a command that the cache needs: GET, SET, DEL, EXISTS, PTTL, PEXPIRE, EVAL
// and CLIENT TRACKING, on all keys that begin with Options.Prefix.
func New(option rueidis.ClientOption, options *Options) (*Cache, error) {
	if options == nil {
		options = new(Options)
	}

	set, numbers, problems := options.withDefaults()
	problems = append(problems, check(option)...)

	if problems != nil {
		return nil, &kanuu.ConfigError{Problems: problems}
	}

	cache := &Cache{
		local:   newLocal(numbers),
		options: numbers,
		log:     set.Logger,
		counts:  stats.NewCounter(),
	}
	cache.outage.closing = make(chan struct{})
	cache.redis = newShared(option, set, ear{cache})

	err := cache.redis.connect()
	if err == nil {
		err = cache.redis.probe()
	}
	if cause := causeOf(err); cause.refusal {
		cache.Close()
		return nil, fmt.Errorf("kanuuredis: connect: %w (%s)", err, cause.remedy)
	}
	if err != nil {
		cache.fail(context.Background(), err)
	}
	return cache, nil
}

// withDefaults is o with each zero replaced, and every problem of it.
func (o Options) withDefaults() (set Options, numbers kanuu.CacheOptions, problems []string) {
	// The core alone knows the defaults and the rules of its numbers.
	memory, err := kanuu.NewMemoryCache(&o.Cache)

	switch invalid, ok := errors.AsType[*kanuu.ConfigError](err); {
	case ok:
		problems = invalid.Problems
	case err != nil:
		problems = []string{err.Error()}
	default:
		numbers = memory.Options()
	}

	if o.Prefix == "" {
		o.Prefix = DefaultPrefix
	} else if strings.ContainsAny(o.Prefix, "{}") {
		problems = append(problems, "Options.Prefix has a brace, which a Redis cluster would take for its own: leave it out")
	}

	if o.Timeout < 0 {
		problems = append(problems, "Options.Timeout is negative: leave it 0 for the default of "+DefaultTimeout.String())
	} else if o.Timeout == 0 {
		o.Timeout = DefaultTimeout
	}

	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}

	return o, numbers, problems
}

// check finds what a cache cannot work with.
func check(option rueidis.ClientOption) []string {
	var problems []string

	if len(option.InitAddress) == 0 {
		problems = append(problems, "ClientOption.InitAddress is empty: rueidis.ParseURL fills it from a URL")
	}

	if option.DisableCache || option.AlwaysRESP2 {
		problems = append(problems, "ClientOption.DisableCache and AlwaysRESP2 keep Redis from saying what changed: leave them out")
	}

	if option.ReplicaOnly || option.SendToReplicas != nil || len(option.Standalone.ReplicaAddress) > 0 {
		problems = append(problems, "ClientOption sends commands to replicas, which lag behind: leave ReplicaOnly, SendToReplicas and Standalone.ReplicaAddress out")
	}

	if option.OnInvalidations != nil || option.ClientTrackingOptions != nil {
		problems = append(problems, "ClientOption.OnInvalidations and ClientTrackingOptions are the cache's own: leave them out")
	}

	return problems
}

// Close ends the connections to Redis and what runs in the background, and
// waits for both. The cache then goes on as in an outage, and says nothing.
func (c *Cache) Close() {
	if c.close() {
		c.redis.close()
	}
}

// Get returns what is known of identifier, here or in Redis, or what load says.
//
// Errors are those of load, as they are, and ctx's own when it ends first; load
// then goes on for the others. Redis' are none: without Redis, load is asked.
func (c *Cache) Get(ctx context.Context, identifier string, load kanuu.LoadFunc) (kanuu.Subscription, error) {
	known, now, ok := c.local.get(identifier)
	if ok && (c.local.isCurrent(identifier, known) || c.isDown()) {
		c.counts.RecordHits(1)
		c.refreshIfStale(ctx, identifier, known, now, load)

		return known.subscription, nil
	}

	var enough <-chan time.Time

	if known != nil && known.subscription.IsSubscribed {
		timer := time.NewTimer(c.options.Patience)
		defer timer.Stop()

		enough = timer.C
	}

	found := c.local.refresh(context.WithoutCancel(ctx), identifier, finder{cache: c, load: load})

	select {
	case result := <-found:
		if result.Err != nil {
			c.counts.RecordMisses(1)

			return kanuu.Subscription{}, result.Err
		}

		if result.Value.asked {
			c.counts.RecordMisses(1)
		} else {
			c.counts.RecordHits(1)
		}

		c.refreshIfStale(ctx, identifier, result.Value, time.Now().UnixNano(), load)

		return result.Value.subscription, nil
	case <-enough:
		c.counts.RecordMisses(1)

		return c.last(identifier)
	case <-ctx.Done():
		c.counts.RecordMisses(1)

		return kanuu.Subscription{}, ctx.Err()
	}
}

// errImpatient is for a subscriber whose entry went while they waited.
var errImpatient = fmt.Errorf("kanuuredis: %w: no answer within CacheOptions.Patience", kanuu.ErrUnavailable)

// last is what is known by now.
func (c *Cache) last(identifier string) (kanuu.Subscription, error) {
	known, _, _ := c.local.get(identifier)
	if known == nil {
		return kanuu.Subscription{}, errImpatient
	}

	return known.subscription, nil
}

// refreshIfStale starts a refresh in the background, one at a time and after a
// pause when the last one failed.
func (c *Cache) refreshIfStale(ctx context.Context, identifier string, known *entry, now int64, load kanuu.LoadFunc) {
	at := known.refreshAt.Load()
	if now >= at && known.refreshAt.CompareAndSwap(at, now+int64(c.options.RefreshPause)) {
		c.local.refresh(context.WithoutCancel(ctx), identifier, finder{cache: c, load: load, background: true})
	}
}

// ear is where the cache listens to Redis.
type ear struct{ cache *Cache }

func (e ear) changed(identifier string) {
	e.cache.local.doubt(identifier) // and not dropped: it is of use should Redis go
	e.cache.waiting.wake(identifier)
}

func (e ear) forgotten(identifier string) {
	e.cache.local.forget(identifier)
	e.cache.waiting.wake(identifier)
}

func (e ear) anything() { e.cache.local.doubtAll() }

// Forget has Kanuu asked before any machine says more about identifier, within
// milliseconds, and opens its settling window. ctx ending does not keep it from
// that. Where Kanuu fails, or takes longer than [kanuu.CacheOptions] say, each machine
// goes by what was in its own memory.
//
// Its error is [ErrNotShared], with the cause, when Redis could not be told:
// then identifier is forgotten on this machine now, and Redis is told as soon as
// it is back, of up to 10,000 identifiers. A machine that does not live to do so
// leaves the others with what they know until that is no longer fresh.
func (c *Cache) Forget(ctx context.Context, identifier string) error {
	err := c.tell(ctx, identifier)

	// Last: what is read from Redis until it was told is dropped with the rest.
	c.local.forget(identifier)

	return err
}

// Stats of this machine's part of the cache so far. Entries from Redis count as
// hits; waiting for another machine's call counts as a miss.
func (c *Cache) Stats() kanuu.CacheStats {
	counted := c.counts.Snapshot()

	return kanuu.CacheStats{
		Hits:      counted.Hits,
		Misses:    counted.Misses,
		Refreshes: c.refreshes.Load(),
		Failures:  c.failures.Load(),
		Entries:   c.local.size(),
	}
}
