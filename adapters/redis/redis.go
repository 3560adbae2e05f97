package kanuuredis

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/redis/rueidis"

	"github.com/kanuu-io/kanuu-go"
)

// shared is what the machines have in common. An identifier has keys of these
// kinds, in one slot of a cluster:
//
//	kanuu:entry:{id:42}      the subscription, as long as it is kept
//	kanuu:lock:{id:42}       who asks Kanuu; "-" after a failed refresh
//	kanuu:settling:{id:42}   as long as its settling window is open
//	kanuu:changed:{id:42}    written and removed when the entry has changed
//	kanuu:forgotten:{id:42}  written and removed when it was forgotten
//
// Redis tells every machine at once when a key of the last two kinds is written
// (BCAST), but not the machine that wrote it (NOLOOP). They are there for
// nothing else: an entry's own key is written by a script, of which Redis would
// tell its author too, and the author would ask anew for what it has just
// stored. No clocks are compared: an entry's age is read from its TTL.
//
// What reads and writes is a script, since a load must not be remembered if what
// it began with was forgotten: whoever stores must still hold the lock, which
// Forget takes away. (The lock of rueidisaside names a machine and not a load,
// so that an old load is remembered under the lock of a newer one.)
type shared struct {
	client  atomic.Pointer[rueidis.Client] // nil until Redis was reached for the first time
	option  rueidis.ClientOption
	prefix  string
	timeout time.Duration
}

// listener hears what Redis says has changed. It must not take long.
type listener interface {
	changed(identifier string)   // there is another entry, or none
	forgotten(identifier string) // by Forget on another machine
	anything()                   // may have changed
}

// Key kinds, behind the prefix.
const (
	entryKind     = "entry:{id:"
	lockKind      = "lock:{id:"
	settlingKind  = "settling:{id:"
	changedKind   = "changed:{id:"
	forgottenKind = "forgotten:{id:"
)

// dialTimeout, and connTimeout for a peer that is silent, unless set.
const (
	dialTimeout = 500 * time.Millisecond
	connTimeout = time.Second
)

func newShared(option rueidis.ClientOption, set Options, heard listener) *shared {
	s := &shared{option: option, prefix: set.Prefix, timeout: set.Timeout}

	s.option.DisableRetry = true // who waits has a deadline
	s.option.PipelineMultiplex = -1
	s.option.ClientTrackingOptions = []string{
		"BCAST", "NOLOOP", "PREFIX", s.prefix + changedKind, "PREFIX", s.prefix + forgottenKind,
	}
	s.option.OnInvalidations = func(messages []rueidis.RedisMessage) {
		if messages == nil { // the connection is gone, or everything was flushed
			heard.anything()
		}

		for _, message := range messages {
			key, _ := message.ToString() // is one

			if identifier, ok := s.cut(key, changedKind); ok {
				heard.changed(identifier)
			} else if identifier, ok := s.cut(key, forgottenKind); ok {
				heard.forgotten(identifier)
			}
		}
	}

	if s.option.Dialer.Timeout == 0 {
		s.option.Dialer.Timeout = dialTimeout
	}

	if s.option.ConnWriteTimeout == 0 {
		s.option.ConnWriteTimeout = connTimeout
	}

	return s
}

func (s *shared) key(kind, identifier string) string { return s.prefix + kind + identifier + "}" }

func (s *shared) cut(key, kind string) (identifier string, ok bool) {
	rest, ok := strings.CutPrefix(key, s.prefix+kind)

	return strings.TrimSuffix(rest, "}"), ok
}

// connect makes new connections and closes the old ones: behind an address that
// stays the same, these may lead to a Redis that is the primary no longer. Where
// it fails, the old ones stay, which may know more nodes of a cluster than option.
func (s *shared) connect() error {
	client, err := rueidis.NewClient(s.option)
	if errors.Is(err, rueidis.ErrNoCache) { // its text has a remedy that the cache cannot work with
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

func (s *shared) close() {
	if client := s.client.Load(); client != nil {
		(*client).Close()
	}
}

func (s *shared) build() rueidis.Builder { return (*s.client.Load()).B() }

var errNoTracking = errors.New("Redis has no client-side caching for this program")

// cause is why Redis cannot be used.
type cause struct {
	answer  string // what Redis' answer begins with
	refusal bool   // which waiting does not change
	remedy  string
}

// Remedies that several causes have.
const (
	letIn = "look at the user and the password"
	allow = "allow GET, SET, DEL, EXISTS, PTTL, PEXPIRE, EVAL and CLIENT TRACKING on all keys that begin with Options.Prefix; " +
		"Redis 6 or newer has them"
)

// What else goes wrong passes by itself, or is the network's.
var (
	unreachable = cause{remedy: "start Redis, or look at the network; nothing else has to be done"}
	noTracking  = cause{refusal: true, remedy: allow}
	causes      = []cause{
		{"NOAUTH", true, letIn},
		{"WRONGPASS", true, letIn},
		{"NOPERM", true, allow},
		{"unknown command", true, allow},
		{"The user executing the script", true, allow}, // may not call a command; Redis 7.0
		{"ACL failure in script", true, allow},         // the same; Redis 7.2
		{"OOM", false, "raise maxmemory, or set a maxmemory-policy that evicts keys with a TTL"},
		{"READONLY", false, "connect to the primary; after a failover this passes by itself"},
		{"MISCONF", false, "look at the log of Redis, which cannot save to its disk"},
	}
)

func causeOf(err error) cause {
	if errors.Is(err, errNoTracking) || errors.Is(err, rueidis.ErrNoCache) {
		return noTracking
	}
	if answer, ok := errors.AsType[*rueidis.RedisError](err); ok {
		for _, cause := range causes {
			if strings.HasPrefix(answer.Error(), cause.answer) {
				return cause
			}
		}
	}
	return unreachable
}

// command is a script for identifier, with what the scripts count as KEYS.
func (s *shared) command(script, identifier string, args ...string) rueidis.Completed {
	return s.build().Eval().Script(script).Numkeys(3).
		Key(s.key(entryKind, identifier), s.key(lockKind, identifier), s.key(settlingKind, identifier)).
		Arg(args...).Build()
}

// tell has the other machines hear of identifier.
func (s *shared) tell(kind, identifier string) []rueidis.Completed {
	key := s.key(kind, identifier)

	return []rueidis.Completed{
		s.build().Set().Key(key).Value("").Px(time.Second).Build(), // should the next be lost
		s.build().Del().Key(key).Build(),
	}
}

// do runs commands in one go, within the timeout whoever waits, and returns the
// answer to the first, or the first error.
func (s *shared) do(ctx context.Context, timeout time.Duration, commands ...rueidis.Completed) (rueidis.RedisResult, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), timeout)
	defer cancel()

	answers := (*s.client.Load()).DoMulti(ctx, commands...)
	for _, answer := range answers {
		if err := answer.Error(); err != nil && !rueidis.IsRedisNil(err) {
			return rueidis.RedisResult{}, err
		}
	}

	return answers[0], nil
}

// probe tells whether Redis does whatever the cache has it do. What a script may
// not call is tried without one too, since Redis then says which command it is.
func (s *shared) probe() error {
	key := s.prefix + "probe"
	_, err := s.do(context.Background(), s.timeout,
		s.build().Set().Key(key).Value("").Px(time.Second).Build(),
		s.build().Get().Key(key).Build(),
		s.build().Pttl().Key(key).Build(),
		s.build().Pexpire().Key(key).Milliseconds(time.Second.Milliseconds()).Build(),
		s.build().Exists().Key(key).Build(),
		s.build().Eval().Script(`return redis.call('SET', KEYS[1], '', 'PX', ARGV[1])`).Numkeys(1).
			Key(key).Arg(millis(time.Second)).Build(),
		s.build().Del().Key(key).Build(),
	)
	return err
}

// takeScript reads the entry, and takes the lock if there is none; in the background
// also if it is stale, which the number in front of it says: the TTL below which
// that is so.
const takeScript = `
local entry = redis.call('GET', KEYS[1])
local below = entry and tonumber(string.match(entry, '^%d+'))
local left = 0
if below then left = redis.call('PTTL', KEYS[1]) end
local lock = redis.call('GET', KEYS[2])
local locked = 0
if not below and (not lock or lock == '-') or below and left <= below and ARGV[3] == '1' and not lock then
	redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[2])
	locked = 1
end
return {below and entry or '', left, locked, redis.call('EXISTS', KEYS[3])}
`

// taken is what takeScript found.
type taken struct {
	found        bool
	subscription kanuu.Subscription
	fresh, keep  time.Duration // from now; fresh is not positive if it is stale
	locked       bool
	settling     bool
}

func (s *shared) take(ctx context.Context, identifier, token string, background bool) (taken, error) {
	stale := "0"
	if background {
		stale = "1"
	}

	result, err := s.do(ctx, s.timeout, s.command(takeScript, identifier, token, millis(lockLife), stale))
	if err != nil {
		return taken{}, err
	}

	answer, err := result.ToArray()
	if err != nil || len(answer) != 4 {
		return taken{}, fmt.Errorf("the script answered %d values, not 4: %w", len(answer), err)
	}

	value, err := answer[0].ToString()
	left, err2 := answer[1].AsInt64()
	locked, err3 := answer[2].AsInt64()
	settling, err4 := answer[3].AsInt64()
	got := taken{found: value != "", locked: locked == 1, settling: settling == 1}

	if err := errors.Join(err, err2, err3, err4); err != nil || !got.found {
		return got, err
	}

	if got.subscription, got.keep, got.fresh, err = decode(value, left); err != nil {
		return got, fmt.Errorf("%w: %w", errUnreadable, err)
	}

	return got, nil
}

// errUnreadable is of an entry that this version has not written.
var errUnreadable = errors.New("an entry cannot be read")

// storeScript remembers what a load said, if token still has the lock, and gives
// the lock back. It answers one of the outcomes, and 1 more while settling.
const storeScript = `
local settling = redis.call('EXISTS', KEYS[3])
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return settling end
redis.call('DEL', KEYS[2])
local keep, below = ARGV[3], ARGV[4]
if settling == 1 then keep, below = ARGV[5], ARGV[6] end
redis.call('SET', KEYS[1], below .. ' ' .. ARGV[2], 'PX', keep)
return 2 + settling
`

// outcome of storing.
type outcome int64

const (
	// lost is the lock: it ran out while Redis could not be reached, or Redis
	// has forgotten everything.
	lost outcome = iota

	// forgotten is the identifier, and with it the lock.
	forgotten

	// stored, and stored for as long as it settles.
	stored
	storedSettling
)

func (s *shared) store(
	ctx context.Context, identifier, token string, subscription kanuu.Subscription, options kanuu.CacheOptions,
) (outcome, error) {
	value, err := encode(subscription)
	if err != nil { // strings and numbers: cannot happen
		return lost, err
	}

	args := []string{token, value}

	for _, settling := range []bool{false, true} {
		life := lifeOf(subscription, settling, options)
		args = append(args, millis(life.serve), strconv.FormatInt((life.serve-life.fresh).Milliseconds(), 10))
	}

	commands := append([]rueidis.Completed{s.command(storeScript, identifier, args...)}, s.tell(changedKind, identifier)...)

	result, err := s.do(ctx, s.timeout, commands...)
	if err != nil {
		return lost, err
	}

	answer, err := result.AsInt64()

	return outcome(answer), err
}

// extendScript says that the machine with the lock lives.
const extendScript = `
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[2], ARGV[2])
`

func (s *shared) extend(ctx context.Context, identifier, token string) error {
	_, err := s.do(ctx, s.timeout, s.command(extendScript, identifier, token, millis(lockLife)))

	return err
}

// releaseScript gives the lock back after a load that failed. Where it was to refresh
// an entry, nobody tries again until the pause is over.
const releaseScript = `
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
if redis.call('EXISTS', KEYS[1]) == 0 then return redis.call('DEL', KEYS[2]) end
redis.call('SET', KEYS[2], '-', 'PX', ARGV[2])
return 1
`

func (s *shared) release(ctx context.Context, identifier, token string, pause time.Duration) error {
	_, err := s.do(ctx, s.timeout, s.command(releaseScript, identifier, token, millis(pause)))

	return err
}

// forgetScript drops the entry and whatever load is on its way. All other machines
// are told, also where there was no entry: they may know what Redis does not.
const forgetScript = `
redis.call('SET', KEYS[3], '', 'PX', ARGV[1])
return redis.call('DEL', KEYS[1], KEYS[2])
`

func (s *shared) forgetting(identifier string, window time.Duration) []rueidis.Completed {
	return append([]rueidis.Completed{s.command(forgetScript, identifier, millis(window))}, s.tell(forgottenKind, identifier)...)
}

func (s *shared) forget(ctx context.Context, identifier string, window time.Duration) error {
	_, err := s.do(ctx, s.timeout, s.forgetting(identifier, window)...)

	return err
}

// forgetAll is forget for many at once, with what each has left of its window.
func (s *shared) forgetAll(windows map[string]time.Duration) error {
	commands := make([]rueidis.Completed, 0, 3*len(windows))
	for identifier, window := range windows {
		commands = append(commands, s.forgetting(identifier, window)...)
	}

	_, err := s.do(context.Background(), 10*s.timeout, commands...)

	return err
}

// millis is how Redis reads a duration; it takes none under 1.
func millis(d time.Duration) string { return strconv.FormatInt(max(1, d.Milliseconds()), 10) }

// record is a subscription as it stands in Redis: by names of its own, which
// versions of this module can share while they are rolled out.
type record struct {
	Subscribed     bool   `json:"subscribed"`
	Trialing       bool   `json:"trialing,omitempty"`
	Status         string `json:"status"`
	StatusText     string `json:"status_text"`
	PlanID         int64  `json:"plan_id,omitempty"`
	SubscriptionID int64  `json:"subscription_id,omitempty"`
}

func encode(s kanuu.Subscription) (string, error) {
	value, err := json.Marshal(record{
		Subscribed: s.IsSubscribed, Trialing: s.IsTrialing, Status: string(s.Status), StatusText: s.StatusText,
		PlanID: s.PlanID, SubscriptionID: s.SubscriptionID,
	})

	return string(value), err
}

// decode reads an entry that has left milliseconds to live.
func decode(value string, left int64) (subscription kanuu.Subscription, keep, fresh time.Duration, err error) {
	number, text, _ := strings.Cut(value, " ")

	below, err := strconv.ParseInt(number, 10, 64)
	if err != nil {
		return kanuu.Subscription{}, 0, 0, err
	}

	var r record
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		return kanuu.Subscription{}, 0, 0, err
	}

	subscription = kanuu.Subscription{
		IsSubscribed: r.Subscribed, IsTrialing: r.Trialing, Status: kanuu.Status(r.Status), StatusText: r.StatusText,
		PlanID: r.PlanID, SubscriptionID: r.SubscriptionID,
	}

	return subscription, time.Duration(left) * time.Millisecond, time.Duration(left-below) * time.Millisecond, nil
}
