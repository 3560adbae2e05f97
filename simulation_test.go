package kanuu_test

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kanuu-io/kanuu-go"
	"github.com/kanuu-io/kanuu-go/kanuutest/conformance"
)

var simUsers = flag.Int("sim.users", 300, "how many users TestSimulation has; docs/caching.md has the numbers of 100000")

const (
	simInstances    = 20
	simPageInterval = 30 * time.Second
	simDuration     = time.Hour
	simPaying       = 20 // one user in
)

// simVisit opens every page of all users in virtual time: one every 30 s, each at
// a random instance.
func simVisit(visit func(instance, user int)) {
	random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // the same in each run
	for range int(simDuration / simPageInterval) {
		for user := range *simUsers {
			visit(random.IntN(simInstances), user)
			time.Sleep(simPageInterval / time.Duration(*simUsers))
		}
	}
}

// simCount counts calls for both kinds of users.
type simCount struct {
	free, paying atomic.Int64
}

func (c *simCount) add(user int) {
	if isPaying(user) {
		c.paying.Add(1)
	} else {
		c.free.Add(1)
	}
}

func isPaying(user int) bool { return user%simPaying == 0 }

func (c *simCount) perUserHour() (free, paying, all float64) {
	hours, users := simDuration.Hours(), float64(*simUsers)
	payingUsers := users / simPaying
	return float64(c.free.Load()) / (users - payingUsers) / hours, float64(c.paying.Load()) / payingUsers / hours,
		float64(c.free.Load()+c.paying.Load()) / users / hours
}

func (c *simCount) String() string {
	free, paying, all := c.perUserHour()
	return fmt.Sprintf("%8.1f calls/s for 100,000 users, %6.2f calls per user-hour: free %6.2f, paying %5.2f",
		all*100_000/3600, all, free, paying)
}

// simulatedKanuu responds immediately.
type simulatedKanuu struct{ simCount }

func (k *simulatedKanuu) RoundTrip(r *http.Request) (*http.Response, error) {
	var body struct {
		Identifier int `json:"identifier,string"`
	}
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		return nil, err
	}
	k.add(body.Identifier)
	return response(200, fmt.Sprintf(`{"is_subscribed": %t, "status": "active", "plan_id": 1}`, isPaying(body.Identifier))), nil
}

// simulateMaxAge is a cache per instance that keeps each answer for a fixed time.
func simulateMaxAge(instances int, free, paying time.Duration) *simCount {
	count := new(simCount)
	fetched := make([][]time.Time, instances)
	for i := range fetched {
		fetched[i] = make([]time.Time, *simUsers)
	}
	simVisit(func(instance, user int) {
		maxAge := free
		if isPaying(user) {
			maxAge = paying
		}
		if last := &fetched[instance%instances][user]; time.Since(*last) >= maxAge {
			*last = time.Now()
			count.add(user)
		}
	})
	return count
}

func simulateClients(t *testing.T, store *conformance.MemoryStore) *simCount {
	t.Helper()
	transport := new(simulatedKanuu)
	identifiers := make([]string, *simUsers)
	for user := range identifiers {
		identifiers[user] = fmt.Sprint(user)
	}
	var clients [simInstances]*kanuu.Client
	for i := range clients {
		config := kanuu.Config{
			APIKey: key, HTTPClient: &http.Client{Transport: transport}, Cache: kanuu.CacheOptions{MaxEntries: 2 * *simUsers},
		}
		if store != nil {
			config.SharedCache = store.Connect()
		}
		var err error
		clients[i], err = kanuu.NewClient(config)
		require.NoError(t, err)
		defer clients[i].Close()
	}
	simVisit(func(instance, user int) {
		subscription, err := clients[instance].Subscription(context.Background(), identifiers[user])
		if err != nil || subscription.IsSubscribed != isPaying(user) {
			t.Errorf("user %d: %+v, %v", user, subscription, err)
		}
	})
	return &transport.simCount
}

// TestSimulation counts the calls to Kanuu of an application in its first hour: 20
// instances, a page of each active user every 30 s, 5 % of them paying.
func TestSimulation(t *testing.T) {
	t.Parallel()
	counts := make(map[string]*simCount)
	simulate := func(name string, run func(t *testing.T) *simCount) {
		synctest.Test(t, func(t *testing.T) { counts[name] = run(t) })
		t.Logf("%-22s %v", name, counts[name])
	}
	for name, store := range map[string]*conformance.MemoryStore{"alone": nil, "shared": conformance.NewMemoryStore()} {
		simulate("this policy, "+name, func(t *testing.T) *simCount { t.Helper(); return simulateClients(t, store) })
	}
	for name, instances := range map[string]int{"alone": simInstances, "shared": 1} {
		simulate("5 s and 5 min, "+name, func(*testing.T) *simCount {
			return simulateMaxAge(instances, 5*time.Second, 5*time.Minute)
		})
		simulate("an hour, "+name, func(*testing.T) *simCount { return simulateMaxAge(instances, time.Hour, time.Hour) })
	}
	free, paying, all := counts["this policy, shared"].perUserHour()
	assert.LessOrEqual(t, free, 15.0)
	assert.LessOrEqual(t, paying, 8.0)
	_, _, old := counts["5 s and 5 min, shared"].perUserHour()
	assert.Less(t, all, old/5)
	_, _, alone := counts["this policy, alone"].perUserHour()
	_, _, oldAlone := counts["5 s and 5 min, alone"].perUserHour()
	assert.Less(t, alone, oldAlone)
}
