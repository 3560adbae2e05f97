package kanuu_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/kanuu-io/kanuu-go"
	"github.com/kanuu-io/kanuu-go/kanuutest/conformance"
)

// The model of the cache is a record of what happened: attempts to call Kanuu,
// invalidations and lookups. The rules below are those of docs/caching.md, and
// each lookup is checked against the record when all is over. Where two events
// overlap, either order is allowed.

// moment is a time and a number that orders what happens at the same time.
type moment struct {
	at  time.Duration
	seq int
}

// answer of Kanuu. Versions of an identifier are never used twice.
type answer struct {
	subscribed bool
	version    int64
}

// event is a lookup, an attempt or an invalidation.
type event struct {
	begin, end moment
	client     int
	identifier string
	answer     answer
	err        error
	load       *event        // of an attempt: the lookup that started its load
	patience   time.Duration // of a lookup: after which it may be served a stale entry
}

// model is the fake Kanuu, the clients under test and the record.
type model struct {
	start   time.Time
	options kanuu.CacheOptions
	clients []*kanuu.Client

	mu      sync.Mutex
	seq     int
	truth   map[string]answer
	unique  bool // each response has a version of its own
	failure roundTripper
	delay   time.Duration

	attempts, lookups, invalidations []*event // the first in the order they begin, the others end
}

type loadKey struct{}

// now is called with mu locked.
func (m *model) now() moment {
	m.seq++
	return moment{time.Since(m.start), m.seq}
}

// record runs an event and keeps it in a list, unless run returns false.
func (m *model) record(list *[]*event, e *event, run func() bool) {
	m.mu.Lock()
	e.begin = m.now()
	m.mu.Unlock()
	isKept := run()
	m.mu.Lock()
	defer m.mu.Unlock()
	e.end = m.now()
	if isKept {
		*list = append(*list, e)
	}
}

func (m *model) RoundTrip(r *http.Request) (*http.Response, error) {
	if strings.HasSuffix(r.URL.Path, "/api/nonce") {
		return response(201, success), nil
	}
	load, _ := r.Context().Value(loadKey{}).(*event)
	m.mu.Lock()
	if m.unique {
		m.change(load.identifier, m.truth[load.identifier].subscribed)
	}
	a := &event{begin: m.now(), client: load.client, identifier: load.identifier, answer: m.truth[load.identifier], load: load}
	m.attempts = append(m.attempts, a)
	failure, delay := m.failure, m.delay
	m.mu.Unlock()

	const body = `{"is_subscribed": %t, "status": "active", "plan_id": %d}`
	res, err := response(200, fmt.Sprintf(body, a.answer.subscribed, a.answer.version)), error(nil)
	select {
	case <-time.After(delay):
		if failure != nil {
			res, err = failure(r)
		}
	case <-r.Context().Done():
		res, err = nil, r.Context().Err()
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	a.end, a.err = m.now(), err
	if err == nil && res.StatusCode != http.StatusOK {
		a.err = errors.New(res.Status)
	}
	return res, err
}

// change is called with mu locked.
func (m *model) change(identifier string, subscribed bool) {
	m.truth[identifier] = answer{subscribed, m.truth[identifier].version + 1}
}

func (m *model) lookup(client int, identifier string, deadline time.Duration) {
	l := &event{client: client, identifier: identifier, patience: min(time.Second, deadline*8/10)} // a second for a slot
	ctx, cancel := context.WithTimeout(context.WithValue(context.Background(), loadKey{}, l), deadline)
	defer cancel()
	m.record(&m.lookups, l, func() bool {
		subscription, err := m.clients[client].Subscription(ctx, identifier)
		l.answer, l.err = answer{subscription.IsSubscribed, subscription.PlanID}, err
		return err == nil || ctx.Err() == nil // nothing is promised to a caller that left
	})
}

func (m *model) invalidate(client int, identifier string, click bool) (err error) {
	m.record(&m.invalidations, &event{identifier: identifier}, func() bool {
		if click {
			_, err = m.clients[client].CreateNonce(context.Background(), kanuu.Identity{Identifier: identifier})
		} else {
			err = m.clients[client].InvalidateSubscription(context.Background(), identifier)
		}
		return true
	})
	return err
}

// problem is which promise the lookup breaks.
func (m *model) problem(l *event) string {
	excused := m.excused(l)
	isAnsweredBy := func(r *event) bool {
		return r.err == nil && r.identifier == l.identifier && r.answer == l.answer && r.end.seq < l.end.seq &&
			m.allows(l, r, excused)
	}
	switch {
	case l.err != nil && !excused:
		return "fails although Kanuu does not"
	case l.err != nil && len(m.clients) == 1 && m.mustServe(l):
		return "fails although there is an entry for stale-if-error"
	case l.err == nil && !slices.ContainsFunc(m.attempts, isAnsweredBy):
		return "is answered from an entry that is too old, or from before an invalidation"
	default:
		return ""
	}
}

// allows reports whether l may be answered with the response r.
func (m *model) allows(l *event, r *event, excused bool) bool {
	age, maxAge := l.begin.at-r.begin.at, m.maxAge(r)
	invalidated := m.lastInvalidation(l.identifier, l.begin)
	inWindow := invalidated != nil && l.end.at-invalidated.begin.at < 70*time.Minute
	outdated := invalidated != nil && r.begin.seq < invalidated.begin.seq
	if inWindow {
		maxAge = min(maxAge, max(5*time.Second, (r.begin.at-invalidated.begin.at)/10))
	}
	switch {
	case !outdated && (r.end.at >= l.begin.at || age < maxAge):
		return true
	case !outdated && !inWindow && r.answer.subscribed && age < maxAge+m.options.MaxAge: // stale-while-revalidate
		return true
	default: // stale-if-error
		return excused && age < m.options.StaleIfError && (r.answer.subscribed || !outdated && !inWindow)
	}
}

// maxAge outside the window: for as long as the answer was the same.
func (m *model) maxAge(r *event) time.Duration {
	first := slices.IndexFunc(m.attempts, func(a *event) bool {
		return a.err == nil && a.identifier == r.identifier && a.answer == r.answer
	})
	changed := m.attempts[first].begin.at
	if i := m.lastInvalidation(r.identifier, r.begin); i != nil {
		changed = max(changed, i.begin.at)
	}
	age := min(max(r.begin.at-changed, m.options.MinAge), m.options.MaxAge)
	if !r.answer.subscribed {
		age = min(age, m.options.NegativeMaxAge)
	}
	return age
}

func (m *model) lastInvalidation(identifier string, before moment) (last *event) {
	for _, i := range m.invalidations { // in the order of their ends
		if i.identifier == identifier && i.end.seq < before.seq {
			last = i
		}
	}
	return last
}

// excused reports whether a stale entry or an error is right: Kanuu is slow, failed
// within the last minute, or did so last, and the circuit breaker may be open.
func (m *model) excused(l *event) bool {
	var last *event
	for _, a := range m.attempts {
		if a.client != l.client || a.begin.seq > l.end.seq {
			continue
		}
		isSlow := a.end.at-a.begin.at >= time.Second && a.end.seq > l.begin.seq // lookups wait for a slot
		hasFailed := a.err != nil && a.end.seq < l.end.seq && a.end.at >= l.begin.at-time.Minute-10*time.Second
		if isSlow || hasFailed {
			return true
		}
		isLast := last == nil || a.end.at > last.end.at || a.end.at == last.end.at && a.err != nil
		if isLast && a.end.seq < l.begin.seq {
			last = a
		}
	}
	return last != nil && last.err != nil || l.end.at-l.begin.at >= l.patience
}

// mustServe reports whether there is an entry that must be served on error.
func (m *model) mustServe(l *event) bool {
	var stored *event
	for _, r := range m.attempts {
		switch {
		case r.err != nil || r.identifier != l.identifier:
		case r.end.seq < l.begin.seq && !m.invalidated(r.identifier, r.load.begin, r.end):
			stored = r
		case !r.answer.subscribed:
			stored = nil // it may have been stored, or overtaken
		}
	}
	return stored != nil && l.end.at-stored.begin.at < m.options.StaleIfError &&
		(stored.answer.subscribed || !m.invalidated(l.identifier, moment{}, l.end))
}

// invalidated reports whether an invalidation ran in that time.
func (m *model) invalidated(identifier string, begin, end moment) bool {
	return slices.ContainsFunc(m.invalidations, func(i *event) bool {
		return i.identifier == identifier && i.end.seq > begin.seq && i.begin.seq < end.seq
	})
}

// checkLoads: one load at a time for an identifier, and the next one at least 5 s
// after one that failed, unless an invalidation came between.
func (m *model) checkLoads(t *rapid.T) {
	loads := make(map[*event][]*event)
	for _, a := range m.attempts {
		loads[a.load] = append(loads[a.load], a)
	}
	for one, first := range loads {
		for two, second := range loads {
			last, next := first[len(first)-1], second[0]
			if one == two || one.client != two.client || one.identifier != two.identifier ||
				first[0].begin.seq > next.begin.seq || m.invalidated(one.identifier, one.begin, next.begin) ||
				m.invalidated(one.identifier, two.begin, next.begin) { // it waited for a slot
				continue
			}
			if next.begin.seq < last.end.seq || last.err != nil && next.begin.at < last.end.at+5*time.Second {
				t.Errorf("the load of lookup %+v began at %v, that of %+v ended at %v", *two, next.begin, *one, last.end)
			}
		}
	}
}

// TestCacheModel runs random commands against the clients in virtual time.
func TestCacheModel(t *testing.T) {
	t.Parallel()
	for name, instances := range map[string]int{"one instance": 1, "two instances, a shared cache": 2} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, func(t *rapid.T) {
				rapid.SyncTest(t, func(t *rapid.T) { runModel(t, instances) })
			})
		})
	}
}

func pick[T any](t *rapid.T, label string, values ...T) T {
	return rapid.SampledFrom(values).Draw(t, label)
}

func runModel(t *rapid.T, instances int) {
	m := &model{
		start: time.Now(), truth: make(map[string]answer), unique: pick(t, "each response is another one", true, false),
		options: kanuu.CacheOptions{
			MinAge: time.Minute, MaxAge: pick(t, "MaxAge", time.Hour, 10*time.Minute), NegativeMaxAge: 5 * time.Minute,
			StaleIfError: pick(t, "StaleIfError", 24*time.Hour, 2*time.Hour, -1),
		},
	}
	var running sync.WaitGroup
	store := conformance.NewMemoryStore()
	for range instances {
		config := kanuu.Config{APIKey: key, HTTPClient: &http.Client{Transport: m}, Cache: m.options}
		if instances > 1 {
			config.SharedCache = store.Connect()
		}
		client, err := kanuu.NewClient(config)
		require.NoError(t, err)
		m.clients = append(m.clients, client)
	}
	failures := map[string]roundTripper{"none": nil, "401": answering(401), "402": answering(402), "429": answering(429),
		"503": answering(503), "no network": down, "hang": hang}
	names := append(slices.Sorted(maps.Keys(failures)), "none", "none", "none")
	identifier := func(t *rapid.T) string { return pick(t, "identifier", "ann", "bob", "cy") }
	client := func(t *rapid.T) int { return rapid.IntRange(0, instances-1).Draw(t, "instance") }
	t.Repeat(map[string]func(*rapid.T){
		"look up": func(t *rapid.T) {
			for range rapid.IntRange(1, 3).Draw(t, "callers") {
				c, id, deadline := client(t), identifier(t), pick(t, "deadline", time.Hour, 2*time.Second, 300*time.Millisecond)
				running.Go(func() { m.lookup(c, id, deadline) })
			}
			if rapid.Bool().Draw(t, "wait") {
				running.Wait()
			}
		},
		"visit pages": func(t *rapid.T) {
			c, id := client(t), identifier(t)
			interval := pick(t, "interval", time.Second, 10*time.Second, time.Minute, 10*time.Minute)
			for range rapid.IntRange(1, 20).Draw(t, "pages") {
				m.lookup(c, id, time.Hour)
				time.Sleep(interval)
			}
		},
		"invalidate": func(t *rapid.T) {
			require.NoError(t, m.invalidate(client(t), identifier(t), rapid.Bool().Draw(t, "click")))
		},
		"change": func(t *rapid.T) {
			id := identifier(t)
			m.mu.Lock()
			defer m.mu.Unlock()
			m.change(id, !m.truth[id].subscribed)
		},
		"break": func(t *rapid.T) {
			failure := pick(t, "failure", names...)
			delay := pick(t, "delay", 0, 100*time.Millisecond, 2*time.Second, 4*time.Second)
			m.mu.Lock()
			defer m.mu.Unlock()
			m.failure, m.delay = failures[failure], delay
		},
		"sleep": func(t *rapid.T) {
			time.Sleep(pick(t, "time", time.Millisecond, time.Second, 3*time.Second, 5*time.Second, 30*time.Second, time.Minute,
				5*time.Minute, 30*time.Minute, 70*time.Minute, 3*time.Hour, 24*time.Hour))
		},
	})
	running.Wait()
	for _, client := range m.clients {
		client.Close()
	}
	time.Sleep(time.Minute) // for loads in the background
	synctest.Wait()
	for _, l := range m.lookups {
		if problem := m.problem(l); problem != "" {
			t.Errorf("lookup %+v %s", *l, problem)
		}
	}
	if instances == 1 { // others overtake loads too
		m.checkLoads(t)
	}
}
