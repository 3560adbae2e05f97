package kanuu_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kanuu-io/kanuu-go"
	"github.com/kanuu-io/kanuu-go/kanuutest"
)

func TestCallsInFlight(t *testing.T) {
	t.Parallel()
	arrived, answer := make(chan struct{}), make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		arrived <- struct{}{}
		<-answer
		_, _ = io.WriteString(w, `{"is_subscribed": true}`)
	}))
	t.Cleanup(server.Close)

	client, err := kanuu.NewClient(kanuu.Config{APIKey: key, BaseURL: server.URL})
	require.NoError(t, err)

	fetched := make(chan error)
	for range 2 {
		go func() {
			_, err := client.FetchSubscription(t.Context(), "42")
			fetched <- err
		}()
		<-arrived
	}

	assert.EqualValues(t, 2, client.Stats().InFlight)
	close(answer)

	require.NoError(t, <-fetched)
	require.NoError(t, <-fetched)
	assert.Zero(t, client.Stats().InFlight)
	assert.EqualValues(t, 2, client.Stats().Calls)
}

func TestGateStats(t *testing.T) {
	t.Parallel()
	client, fake := setup(t)
	fake.SetSubscription("ann", kanuutest.Subscription{Status: kanuutest.StatusActive, PlanID: 67})

	who := kanuu.IdentifierResolverFunc(func(r *http.Request) (kanuu.Identity, error) {
		switch user := r.Header.Get("Test-User"); user {
		case "":
			return kanuu.Identity{}, kanuu.ErrUnauthenticated
		case "member":
			return kanuu.Identity{}, kanuu.ErrForbidden
		case "broken":
			return kanuu.Identity{}, errors.New("the database is gone")
		default:
			return kanuu.Identity{Identifier: user}, nil
		}
	})
	next := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	gate := kanuu.NewGate(client, nil)
	basic := kanuu.NewGate(client, &kanuu.GateOptions{Plans: []int64{12345}})
	visit := func(g *kanuu.Gate, user string, status int) {
		assert.Equal(t, status, visitAs(g.Handler(who, next), user).Code, user)
	}

	visit(gate, "ann", 200)
	visit(gate, "bob", 402)
	visit(basic, "ann", 402)
	visit(gate, "", 401)
	visit(gate, "member", 403)
	visit(gate, "broken", 500)
	fake.Inject(kanuutest.Fault{Status: 503})
	visit(gate, "cal", 503)

	assert.Equal(t, kanuu.GateStats{NotSubscribed: 1, Unauthenticated: 1, Forbidden: 1, Failed: 2}, gate.Stats())
	assert.Equal(t, kanuu.GateStats{NotSubscribed: 1}, basic.Stats())
}

func TestWebhookStats(t *testing.T) {
	t.Parallel()
	client, _ := setup(t)
	hook, err := kanuu.NewWebhookHandler(client, signer.PublicKey(), nil)
	require.NoError(t, err)

	hook.On("subscription_*", func(_ context.Context, e kanuu.Event) error {
		if e.AlertID == "2" {
			return errors.New("the database is gone")
		}
		return nil
	})

	post := func(body string) int {
		return serve(hook, webhookRequest(body)).Code
	}

	assert.Equal(t, 200, post(signer.Body(kanuutest.Webhook{AlertID: "1"})))
	assert.Equal(t, 200, post(signer.Body(kanuutest.Webhook{AlertID: "1"})))
	assert.Equal(t, 500, post(signer.Body(kanuutest.Webhook{AlertID: "2"})))
	assert.Equal(t, 200, post(signer.Body(kanuutest.Webhook{AlertID: "3", AlertName: "new_audience_member"})))
	assert.Equal(t, 401, post("alert_id=4"))
	assert.Equal(t, 413, post(strings.Repeat("x", 65<<10)))
	assert.Equal(t, 405, serve(hook, httptest.NewRequest(http.MethodGet, "/", nil)).Code)

	assert.Equal(t, kanuu.WebhookStats{
		Handled: 1, Duplicates: 1, Failed: 1, Unheard: 1, Unsigned: 1, Rejected: 2,
	}, hook.Stats())
}
