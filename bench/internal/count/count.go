// Package count takes what can be counted: allocations, bytes, connections and
// calls. Unlike times, they are the same on every machine and every day, so that
// a change of one is a change of the code.
package count

import (
	"errors"
	"fmt"
	"math"
	"sync"
	"time"

	"github.com/kanuu-io/kanuu-go/bench/internal/measure"
	"github.com/kanuu-io/kanuu-go/bench/internal/upstream"
	"github.com/kanuu-io/kanuu-go/bench/internal/work"
)

// Count that the guard holds.
type Count struct {
	Name  string
	Value float64

	// Tolerance is how far from the baseline is still the same. 0 where the
	// count is exact; where it is not, Why says why.
	Tolerance float64
	Why       string
}

const (
	// Fields of the webhook that is counted.
	Fields = 34

	// Entries of the cache whose memory is counted.
	Entries = 1_000_000

	runs        = 2000
	webhookRuns = 200 // each takes half a millisecond

	// Lull after which nobody else is expected of those who come at once.
	Lull = 100 * time.Millisecond

	// rounds of what is counted: noise only adds, so the least is the truth.
	rounds = 3
)

// Why some counts are not exact.
const (
	sharedPools = "the transport's goroutines move between processors, each of which has pools of its own"
	sizeClass   = "the signature is of a new key each time, so that its escapes take more or less room"
	tableSize   = "the tables of the cache grow in steps, by how its goroutines are scheduled"
	countedFew  = "the runtime's own goroutines may allocate meanwhile"
)

// Take takes all counts, in the order of the report, in about 20 seconds.
func Take(server *upstream.Server) ([]Count, error) {
	var counts []Count

	for _, take := range []func(*upstream.Server) ([]Count, error){
		takeCalls, takeConnections, takeVisits, takeHits, takeCold, takeWebhooks,
	} {
		taken, err := take(server)
		if err != nil {
			return nil, err
		}

		counts = append(counts, taken...)
	}

	return counts, nil
}

// Protocol of a server.
type Protocol struct{ Name, Base string }

// Protocols that the server speaks.
func Protocols(server *upstream.Server) []Protocol {
	return []Protocol{{"HTTP/1.1", server.H1}, {"HTTP/2", server.H2}}
}

func takeCalls(server *upstream.Server) ([]Count, error) {
	if err := server.SetDelay(0); err != nil {
		return nil, err
	}

	var counts []Count

	for _, protocol := range Protocols(server) {
		works, err := work.Calls(protocol.Base)
		if err != nil {
			return nil, err
		}

		objects, bytes, err := over(works[0], works[1], runs)
		if err != nil {
			return nil, err
		}

		work.CloseAll(works)

		counts = append(counts,
			Count{Name: "CreateNonce, " + protocol.Name + ": allocations over the limit", Value: objects, Tolerance: 0.5, Why: sharedPools},
			Count{Name: "CreateNonce, " + protocol.Name + ": bytes over the limit", Value: math.Round(bytes), Tolerance: 64, Why: sharedPools},
		)
	}

	return counts, nil
}

// over is what a allocates more than b.
func over(a, b work.Work, runs int) (objects, bytes float64, err error) {
	objectsA, bytesA, errA := measure.Allocations(a, runs)
	objectsB, bytesB, errB := measure.Allocations(b, runs)

	return round(objectsA - objectsB), bytesA - bytesB, errors.Join(errA, errB)
}

// round to a tenth: a hundredth of an allocation is one in a hundred calls.
func round(value float64) float64 { return math.Round(value*10) / 10 }

func takeConnections(server *upstream.Server) ([]Count, error) {
	var counts []Count

	for _, protocol := range Protocols(server) {
		for _, callers := range []struct {
			n    int
			name string
		}{{64, "64 callers"}, {256, "256 callers"}} {
			w, err := work.CreateNonce(protocol.Base, 0)
			if err != nil {
				return nil, err
			}

			opened, err := WarmConnections(server, w, callers.n, Lull)
			if err != nil {
				return nil, err
			}

			counts = append(counts, Count{
				Name: "warm client, " + protocol.Name + ", " + callers.name + ": new connections", Value: float64(opened),
			})
		}

		bursts, err := takeBursts(server, protocol)
		if err != nil {
			return nil, err
		}

		counts = append(counts, bursts...)
	}

	return counts, nil
}

// takeBursts counts the connections beyond those that 64 callers need: over
// HTTP/1.1 one each, where it is for the scheduler to say whether the first
// one's is used by another.
func takeBursts(server *upstream.Server, protocol Protocol) ([]Count, error) {
	const callers = 64

	needed := int64(1)
	if protocol.Base == server.H1 {
		needed = callers
	}

	beyond, apart := int64(callers), int64(callers)

	for range rounds {
		w, err := work.CreateNonce(protocol.Base, 0)
		if err != nil {
			return nil, err
		}

		burst, err := ColdBurst(server, w, callers, Lull)
		if err != nil {
			return nil, err
		}

		beyond, apart = min(beyond, max(0, burst.Connections-needed)), min(apart, callers-burst.Peak)
	}

	cold := "cold client, " + protocol.Name + ", 64 callers: "

	return []Count{
		{Name: fmt.Sprintf("%sconnections over %d", cold, needed), Value: float64(beyond)},
		{Name: cold + "callers who do not call together with the others", Value: float64(apart)},
	}, nil
}

// WarmConnections are those that so many callers open who have called before,
// while Kanuu takes 20 ms for an answer.
func WarmConnections(server *upstream.Server, w work.Work, callers int, lull time.Duration) (int64, error) {
	defer work.CloseAll([]work.Work{w})

	if err := Warm(server, w, callers, lull); err != nil {
		return 0, err
	}

	if err := server.SetDelay(20 * time.Millisecond); err != nil {
		return 0, err
	}

	before, err := server.Counts()
	if err != nil {
		return 0, err
	}

	if _, err := measure.Run(w, callers, 200*time.Millisecond); err != nil {
		return 0, err
	}

	after, err := server.Counts()

	return after.Since(before).Connections, err
}

// Warm has so many callers call, all of whom are there at once: nobody is
// answered before none has come for the lull. Whoever keeps a
// connection for each of them then has it.
func Warm(server *upstream.Server, w work.Work, callers int, lull time.Duration) error {
	if err := server.Gather(lull); err != nil {
		return err
	}

	for range 2 { // the very first caller may have gone alone
		if err := AtOnce(w, callers); err != nil {
			return err
		}
	}

	return nil
}

// ColdBurst is what the server sees of so many first calls of a client at once.
func ColdBurst(server *upstream.Server, w work.Work, callers int, lull time.Duration) (upstream.Counts, error) {
	defer work.CloseAll([]work.Work{w})

	if err := server.Gather(lull); err != nil {
		return upstream.Counts{}, err
	}

	before, err := server.Counts()
	if err != nil {
		return upstream.Counts{}, err
	}

	if err := AtOnce(w, callers); err != nil {
		return upstream.Counts{}, err
	}

	after, err := server.Counts()

	return after.Since(before), err
}

// AtOnce has so many callers do the work once, all at the same time.
func AtOnce(w work.Work, callers int) error {
	var (
		wait  sync.WaitGroup
		start = make(chan struct{})
		errs  = make([]error, callers)
	)

	for caller := range callers {
		wait.Go(func() {
			<-start

			errs[caller] = w.Do(caller)
		})
	}

	close(start)
	wait.Wait()

	return errors.Join(errs...)
}

func takeVisits(*upstream.Server) ([]Count, error) {
	works, err := work.Visits()
	if err != nil {
		return nil, err
	}

	objects := make(map[string]float64)

	for _, w := range works {
		if objects[w.Name], _, err = measure.Allocations(w, runs); err != nil {
			return nil, err
		}
	}

	take := func(name string, value float64) Count {
		return Count{Name: name, Value: round(value), Tolerance: 0.1, Why: countedFew}
	}

	return []Count{
		take("redirect handler: allocations over its call and one header", objects[work.Kanuu]-objects[work.Call]-objects[work.SetHeader]),
		take("echo adapter: allocations over the redirect handler", objects[work.EchoAdapter]-objects[work.Kanuu]),
		take("gin adapter: allocations over the redirect handler", objects[work.GinAdapter]-objects[work.Kanuu]),
	}, nil
}

func takeHits(*upstream.Server) ([]Count, error) {
	ids := work.NewIdentifiers(100_000)

	w, err := work.Hits()[0].Make(ids)
	if err != nil {
		return nil, err
	}

	objects, _, err := measure.Allocations(w, runs)
	if err != nil {
		return nil, err
	}

	work.CloseAll([]work.Work{w})

	memory, err := EntryMemory(work.Hits()[0], Entries)

	return []Count{
		{Name: "gate, a hit: allocations", Value: round(objects)},
		{Name: "cached subscription, of 1,000,000: bytes without the key", Value: math.Round(memory), Tolerance: 3, Why: tableSize},
	}, err
}

// EntryMemory is how many bytes an entry takes, of so many, without its key.
func EntryMemory(hit work.Hit, entries int) (float64, error) {
	ids := work.NewIdentifiers(entries)

	memory, err := measure.Memory(func() (work.Work, error) { return hit.Make(ids) })

	return memory/float64(entries) - work.KeyBytes, err
}

func takeCold(server *upstream.Server) ([]Count, error) {
	works, err := work.Subscriptions(server.H1)
	if err != nil {
		return nil, err
	}

	burst, err := ColdBurst(server, works[0], 1000, Lull)

	return []Count{{Name: "1,000 cold requests for one identifier: calls", Value: float64(burst.Requests)}}, err
}

func takeWebhooks(*upstream.Server) ([]Count, error) {
	works, err := work.Webhooks(work.Form(Fields))
	if err != nil {
		return nil, err
	}

	objects, bytes, err := over(works[0], works[1], webhookRuns)
	if err != nil {
		return nil, err
	}

	handled, _, err := over(works[3], works[1], webhookRuns)

	return []Count{
		{Name: "webhook, 34 fields: allocations over the RSA check", Value: objects, Tolerance: 0.1, Why: countedFew},
		{Name: "webhook, 34 fields: bytes over the RSA check", Value: math.Round(bytes), Tolerance: 500, Why: sizeClass},
		{Name: "webhook, handled once by a function: allocations over the RSA check", Value: handled, Tolerance: 0.1, Why: countedFew},
	}, err
}
