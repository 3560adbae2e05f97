//go:debug x509usefallbackroots=1

package work_test

import (
	"crypto/rand"
	"crypto/rsa"
	"net/url"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kanuu-io/kanuu-go/bench/internal/upstream"
	"github.com/kanuu-io/kanuu-go/bench/internal/work"
)

var server *upstream.Server

func TestMain(m *testing.M) {
	os.Exit(upstream.During(func(started *upstream.Server) int {
		server = started

		return m.Run()
	}))
}

// Each checks its own answer; this checks that each can be measured.
func TestEachWorks(t *testing.T) {
	t.Parallel()

	hits := func() ([]work.Work, error) {
		var works []work.Work

		for _, hit := range work.Hits() {
			w, err := hit.Make(work.NewIdentifiers(100))
			if err != nil {
				return nil, err
			}

			works = append(works, w)
		}

		return works, nil
	}

	for name, all := range map[string]func() ([]work.Work, error){
		"calls, HTTP/1.1":              func() ([]work.Work, error) { return work.Calls(server.H1) },
		"calls, HTTP/2":                func() ([]work.Work, error) { return work.Calls(server.H2) },
		"calls as they come, HTTP/1.1": func() ([]work.Work, error) { return work.CallsAsTheyCome(server.H1) },
		"calls as they come, HTTP/2":   func() ([]work.Work, error) { return work.CallsAsTheyCome(server.H2) },
		"parts of calls, HTTP/2":       func() ([]work.Work, error) { return work.CallParts(server.H2) },
		"subscriptions":                func() ([]work.Work, error) { return work.Subscriptions(server.H1) },
		"visits":                       work.Visits,
		"hits":                         hits,
		"webhooks":                     func() ([]work.Work, error) { return work.Webhooks(work.Form(34)) },
		"large webhooks":               func() ([]work.Work, error) { return work.Webhooks(work.FormOfSize(64_000)) },
		"a call alone": func() ([]work.Work, error) {
			w, err := work.CreateNonceAlone(16)

			return []work.Work{w}, err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			works, err := all()
			require.NoError(t, err)
			require.NotEmpty(t, works)

			for _, w := range works {
				assert.NotEmpty(t, w.Name)

				for i := range 3 {
					require.NoError(t, w.Do(i), w.Name)
				}
			}

			work.CloseAll(works)
		})
	}
}

func TestForms(t *testing.T) {
	t.Parallel()

	// Its signature is as long as that of Paddle's key.
	key, err := rsa.GenerateKey(rand.Reader, 4096)
	require.NoError(t, err)

	fields := func(body string) int {
		form, err := url.ParseQuery(body)
		require.NoError(t, err)

		return len(form)
	}

	for _, n := range []int{34, 50} {
		assert.Equal(t, n, fields(work.Bodies(work.Form(n), key)[0]))
	}

	for _, size := range []int{1_000, 8_000, 64_000} {
		bodies := work.Bodies(work.FormOfSize(size), key)
		assert.InDelta(t, size, len(bodies[0]), 120)
		assert.NotEqual(t, bodies[0], bodies[1], "two alerts")
		assert.Less(t, len(bodies[0]), 64<<10, "what the handler takes")
	}
}

func TestIdentifiers(t *testing.T) {
	t.Parallel()

	ids := work.NewIdentifiers(1_000)
	assert.Equal(t, ids, work.NewIdentifiers(1_000), "each run has the same")
	assert.NotEqual(t, "1000000", ids[0], "shuffled")

	seen := make(map[string]bool)
	for _, id := range ids {
		assert.Len(t, id, 7)

		seen[id] = true
	}

	assert.Len(t, seen, 1_000)
}
