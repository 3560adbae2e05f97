package kanuutest_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kanuu-io/kanuu-go/kanuutest"
)

// webhookReceiver is an application's webhook handler, reached without a network, so that
// time can be the bubble's.
type webhookReceiver struct {
	mu     sync.Mutex
	began  time.Time
	got    []received
	answer func(n int) (status int, err error) // the n-th webhook, from 0; nil: 200
}

type received struct {
	alert, identifier, alertID, body string
	after                            time.Duration
}

func (in *webhookReceiver) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	fields, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, err
	}

	in.mu.Lock()
	n := len(in.got)
	in.got = append(in.got, received{
		fields.Get("alert_name"), identifierOf(fields), fields.Get("alert_id"), string(body), time.Since(in.began),
	})
	answer := in.answer
	in.mu.Unlock()

	status := http.StatusOK
	if answer != nil {
		if status, err = answer(n); err != nil {
			return nil, err
		}
	}
	rec := httptest.NewRecorder()
	rec.WriteHeader(status)
	return rec.Result(), nil
}

func identifierOf(fields url.Values) string {
	id, _ := strings.CutPrefix(fields.Get("passthrough"), `{"kanuu":"`)
	id, _, _ = strings.Cut(id, `"`)
	return id
}

func (in *webhookReceiver) all() []received {
	in.mu.Lock()
	defer in.mu.Unlock()
	return append([]received(nil), in.got...)
}

// times are when each webhook came.
func (in *webhookReceiver) times() []time.Duration {
	var times []time.Duration
	for _, r := range in.all() {
		times = append(times, r.after)
	}
	return times
}

// order is who each webhook was about.
func (in *webhookReceiver) order() string {
	var ids []string
	for _, r := range in.all() {
		ids = append(ids, r.identifier)
	}
	return strings.Join(ids, " ")
}

// fastKey signs in a fifth of the time.
var fastKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 1024) //nolint:gosec // protects nothing
	if err != nil {
		panic(err)
	}
	return key
})

const hookURL = "http://app.test/webhooks/paddle"

// newKanuu makes a fake whose webhooks go to in.
func (in *webhookReceiver) newKanuu(change func(*kanuutest.Options)) *kanuutest.Kanuu {
	in.began = time.Now()
	opts := &kanuutest.Options{
		Seed: 1,
		Webhooks: &kanuutest.WebhookOptions{
			URL: hookURL, Client: &http.Client{Transport: in}, Signer: kanuutest.NewSignerWithKey(fastKey()),
		},
	}
	if change != nil {
		change(opts)
	}
	return kanuutest.New(opts)
}

func trigger(t *testing.T, k *kanuutest.Kanuu, alert string, identifiers ...string) {
	t.Helper()
	for _, id := range identifiers {
		require.NoError(t, k.Trigger(alert, id))
	}
}

const created = "subscription_created"

func TestWebhooksAreDelivered(t *testing.T) {
	t.Parallel()
	arrived := make(chan *http.Request, 1)
	app := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		assert.NoError(t, r.ParseForm())
		arrived <- r
	}))
	defer app.Close()

	key := newKey(t)
	at := time.Date(2026, 11, 20, 9, 42, 7, 0, time.UTC)
	s := start(t, &kanuutest.Options{
		Now:      func() time.Time { return at },
		Webhooks: &kanuutest.WebhookOptions{URL: app.URL + "/hook?a=b", Signer: kanuutest.NewSignerWithKey(key)},
	})
	assert.Equal(t, kanuutest.NewSignerWithKey(key).PublicKey(), s.PublicKey())
	assert.Equal(t, app.URL+"/hook?a=b", s.WebhookURL())

	trigger(t, s.Kanuu, "subscription_cancelled", "42")
	require.NoError(t, s.Settle(t.Context()))

	r := <-arrived
	assert.Equal(t, http.MethodPost, r.Method)
	assert.Equal(t, "/hook?a=b", r.RequestURI)
	assert.Equal(t, "application/x-www-form-urlencoded", r.Header.Get("Content-Type"))
	assert.NotEmpty(t, r.PostForm.Get("p_signature"))

	require.Len(t, s.Deliveries(), 1)
	got := s.Deliveries()[0]
	assert.Regexp(t, `^\d{13}$`, got.AlertID)
	assert.Equal(t, got.AlertID, r.PostForm.Get("alert_id"))
	assert.Equal(t, got.Fields["subscription_id"], r.PostForm.Get("subscription_id"))
	assert.Len(t, r.PostForm, len(got.Fields)+1, "and the signature")
	got.AlertID, got.Fields = "", nil
	assert.Equal(t, kanuutest.Delivery{
		AlertName: "subscription_cancelled", Identifier: "42", Time: at,
		State: kanuutest.DeliveryDelivered, Tries: 1, Status: 200,
	}, got)

	s.Deliveries()[0].Fields["status"] = "changed"
	assert.Equal(t, "deleted", s.Deliveries()[0].Fields["status"], "what is returned is a copy")

	s.Reset()
	assert.Empty(t, s.Deliveries())
	assert.NotEmpty(t, s.WebhookURL())
}

func TestRetries(t *testing.T) {
	t.Parallel()
	const s = time.Second
	for name, tc := range map[string]struct {
		backoff []time.Duration
		answer  func(n int) (int, error)
		times   []time.Duration
		state   kanuutest.DeliveryState
		status  int
		err     string
	}{
		"until it is taken": {
			nil, func(n int) (int, error) { return []int{500, 404, 200}[n], nil },
			[]time.Duration{0, s, 3 * s},
			kanuutest.DeliveryDelivered, 200, "",
		},
		"until it is given up": {
			nil, func(int) (int, error) { return 503, nil },
			[]time.Duration{0, s, 3 * s, 8 * s, 23 * s, 53 * s, 113 * s},
			kanuutest.DeliveryFailed, 503, "answered with 503: Paddle takes only 200, and follows no redirect",
		},
		"not at all": {
			[]time.Duration{},
			func(int) (int, error) { return 500, nil },
			[]time.Duration{0},
			kanuutest.DeliveryFailed, 500, "answered with 500: Paddle takes only 200, and follows no redirect",
		},
		"other than 200": {
			[]time.Duration{},
			func(int) (int, error) { return 204, nil },
			[]time.Duration{0},
			kanuutest.DeliveryFailed, 204, "answered with 204: Paddle takes only 200, and follows no redirect",
		},
		"as often as asked": {
			[]time.Duration{time.Minute, time.Hour},
			func(n int) (int, error) {
				if n == 2 {
					return 0, errors.New("nobody is at home")
				}
				return 500, nil
			},
			[]time.Duration{0, time.Minute, time.Hour + time.Minute},
			kanuutest.DeliveryFailed, 0, "nobody is at home",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				in := &webhookReceiver{answer: tc.answer}
				k := in.newKanuu(func(o *kanuutest.Options) { o.Webhooks.Backoff = tc.backoff })
				trigger(t, k, created, "42")
				require.NoError(t, k.Settle(t.Context()))

				assert.Equal(t, tc.times, in.times())
				for _, r := range in.all() {
					assert.Equal(t, in.all()[0].body, r.body, "the same alert each time")
				}
				got := k.Deliveries()[0]
				assert.Equal(t, tc.state, got.State)
				assert.Equal(t, tc.status, got.Status)
				assert.Equal(t, tc.err, got.Error)
				assert.Equal(t, len(tc.times), got.Tries)
			})
		})
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	t.Parallel()
	app := httptest.NewServer(http.RedirectHandler("/elsewhere", http.StatusFound))
	defer app.Close()
	s := start(t, &kanuutest.Options{Webhooks: &kanuutest.WebhookOptions{URL: app.URL, Backoff: []time.Duration{}}})
	trigger(t, s.Kanuu, created, "42")
	require.NoError(t, s.Settle(t.Context()))
	assert.Equal(t, 302, s.Deliveries()[0].Status)
	assert.Equal(t, "answered with 302: Paddle takes only 200, and follows no redirect", s.Deliveries()[0].Error)
}

func TestDeliveryErrorsHideTheURL(t *testing.T) {
	t.Parallel()
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	s := start(t, &kanuutest.Options{Webhooks: &kanuutest.WebhookOptions{Backoff: []time.Duration{}}})
	for _, to := range []string{gone.URL + "/secret", "://secret", "secret"} {
		s.SetWebhookURL(to)
		trigger(t, s.Kanuu, created, "42")
		require.NoError(t, s.Settle(t.Context()))
	}
	for _, got := range s.Deliveries() {
		assert.Equal(t, kanuutest.DeliveryFailed, got.State)
		assert.NotEmpty(t, got.Error)
		assert.NotContains(t, got.Error, "secret")
	}
}

// What happens to one customer is told in order, and nobody waits for another
// customer's alert.
func TestDeliveryOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		in := &webhookReceiver{answer: func(n int) (int, error) {
			if n == 0 {
				return 500, nil
			}
			return 200, nil
		}}
		k := in.newKanuu(nil)
		trigger(t, k, created, "ann", "bob")
		synctest.Wait()
		trigger(t, k, created, "cid")
		require.NoError(t, k.Settle(t.Context()))
		assert.Equal(t, "ann bob cid ann", in.order())

		in.answer = func(n int) (int, error) {
			if n == 4 {
				return 500, nil
			}
			return 200, nil
		}
		trigger(t, k, "subscription_updated", "ann")
		synctest.Wait()
		trigger(t, k, "subscription_cancelled", "bob", "ann")
		require.NoError(t, k.Settle(t.Context()))
		var names []string
		for _, r := range in.all()[4:] {
			names = append(names, r.identifier+" "+r.alert)
		}
		assert.ElementsMatch(t, []string{
			"ann subscription_updated", "bob subscription_cancelled", "ann subscription_updated", "ann subscription_cancelled",
		}, names)
		assert.Equal(t, "ann subscription_cancelled", names[3])
		assert.Equal(t, in.times()[4], in.times()[7], "a new alert has those before it tried again at once")
	})
}

func TestSetWebhookURL(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		in := &webhookReceiver{answer: func(n int) (int, error) {
			if n == 0 {
				return 0, errors.New("wrong address")
			}
			return 200, nil
		}}
		k := in.newKanuu(func(o *kanuutest.Options) { o.Webhooks.URL = "" })
		trigger(t, k, created, "42")
		require.NoError(t, k.Settle(t.Context()))
		assert.Equal(t, kanuutest.DeliveryUnsent, k.Deliveries()[0].State)
		assert.Zero(t, k.Deliveries()[0].Tries)
		require.ErrorContains(t, k.Resend(k.Deliveries()[0].AlertID), "there is no URL")

		k.SetWebhookURL("http://wrong.test/")
		trigger(t, k, created, "42")
		synctest.Wait()
		assert.Equal(t, kanuutest.DeliveryWaiting, k.Deliveries()[1].State)
		k.SetWebhookURL(hookURL)
		synctest.Wait()
		assert.Equal(t, kanuutest.DeliveryDelivered, k.Deliveries()[1].State)
		assert.Equal(t, []time.Duration{0, 0}, in.times(), "what waits is tried at once")
		assert.Equal(t, kanuutest.DeliveryUnsent, k.Deliveries()[0].State)

		in.answer = func(int) (int, error) { return 500, nil }
		trigger(t, k, created, "42")
		synctest.Wait()
		k.SetWebhookURL("")
		require.NoError(t, k.Settle(t.Context()))
		got := k.Deliveries()[2]
		assert.Equal(t, kanuutest.DeliveryUnsent, got.State)
		assert.Equal(t, 1, got.Tries)
	})
}

func TestResend(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		in := &webhookReceiver{answer: func(int) (int, error) { return 500, nil }}
		k := in.newKanuu(nil)
		require.ErrorContains(t, k.Resend("7"), `no alert has the id "7"`)
		trigger(t, k, created, "42")
		require.NoError(t, k.Settle(t.Context()))
		id := k.Deliveries()[0].AlertID
		require.Len(t, in.all(), 7)

		began := time.Now()
		require.NoError(t, k.Resend(id))
		synctest.Wait()
		assert.Equal(t, 8, k.Deliveries()[0].Tries)
		in.mu.Lock()
		in.answer = nil
		in.mu.Unlock()
		require.NoError(t, k.Resend(id)) // while it waits
		synctest.Wait()
		assert.Zero(t, time.Since(began))
		assert.Equal(t, kanuutest.DeliveryDelivered, k.Deliveries()[0].State)

		require.NoError(t, k.Resend(id)) // though it was delivered
		require.NoError(t, k.Settle(t.Context()))
		assert.Equal(t, 10, k.Deliveries()[0].Tries)
		assert.Len(t, k.Deliveries(), 1)
		assert.Equal(t, in.all()[0].body, in.all()[9].body)
	})
}

func TestSettle(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		in := &webhookReceiver{answer: func(int) (int, error) { return 500, nil }}
		k := in.newKanuu(nil)
		require.NoError(t, k.Settle(t.Context()), "nothing waits")
		trigger(t, k, created, "42")
		ctx, cancel := context.WithTimeout(t.Context(), time.Second/2)
		defer cancel()
		require.ErrorIs(t, k.Settle(ctx), context.DeadlineExceeded)

		go func() {
			time.Sleep(time.Second / 4)
			k.Reset()
		}()
		began := time.Now()
		require.NoError(t, k.Settle(t.Context()))
		assert.Equal(t, time.Second/4, time.Since(began), "Reset removes those that wait")
		assert.Len(t, in.all(), 1)
	})
}

func TestClose(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) { // fails when a goroutine stays behind
		in := &webhookReceiver{}
		k := in.newKanuu(func(o *kanuutest.Options) {
			o.Webhooks.Client = &http.Client{Transport: hangingTransport{}}
		})
		trigger(t, k, created, "ann", "bob")
		synctest.Wait()
		began := time.Now()
		k.Close()
		assert.Equal(t, time.Second, time.Since(began), "it waits for what is under way")
		require.NoError(t, k.Settle(t.Context()))
		trigger(t, k, created, "cid")
		for _, got := range k.Deliveries() {
			assert.Equal(t, kanuutest.DeliveryFailed, got.State, got.Identifier)
			assert.Equal(t, "the fake was closed", got.Error, got.Identifier)
		}
		require.Len(t, k.Deliveries(), 3)
		require.ErrorContains(t, k.Resend(k.Deliveries()[0].AlertID), "the fake is closed")
		k.Close()
	})
}

// hangingTransport responds a second after its caller has left.
type hangingTransport struct{}

func (hangingTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	time.Sleep(time.Second)
	return nil, r.Context().Err()
}

func TestServerCloseStopsWebhooks(t *testing.T) {
	t.Parallel()
	s := kanuutest.NewServer(&kanuutest.Options{
		Webhooks: &kanuutest.WebhookOptions{URL: hookURL, Client: &http.Client{Transport: &webhookReceiver{
			answer: func(int) (int, error) { return 500, nil },
		}}},
	})
	trigger(t, s.Kanuu, created, "42")
	s.Close()
	assert.Equal(t, kanuutest.DeliveryFailed, s.Deliveries()[0].State)
}

func TestDeliveriesAreBounded(t *testing.T) {
	t.Parallel()
	in := &webhookReceiver{}
	k := in.newKanuu(nil)
	for range 1_003 {
		trigger(t, k, created, "42")
	}
	require.NoError(t, k.Settle(t.Context()))
	all := in.all()
	assert.Len(t, all, 1_003, "nothing is removed before it was sent")
	got := k.Deliveries()
	require.Len(t, got, 1_000)
	assert.Equal(t, all[3].alertID, got[0].AlertID)
	assert.Equal(t, all[1_002].alertID, got[999].AlertID)
}

func TestDeliveriesAreSafeForConcurrentUse(t *testing.T) {
	t.Parallel()
	in := &webhookReceiver{answer: func(n int) (int, error) { return []int{200, 500}[n%2], nil }}
	k := in.newKanuu(func(o *kanuutest.Options) { o.Webhooks.Backoff = []time.Duration{0, 0, 0, 0, 0, 0, 0, 0} })
	var wg sync.WaitGroup
	for id := range strings.FieldsSeq("a b c d e f g h") {
		wg.Go(func() {
			assert.NoError(t, k.Trigger(created, id)) //nolint:testifylint // not the test's own goroutine
			k.SetWebhookURL(hookURL)
			k.SetChaos(kanuutest.Chaos{Duplicate: 0.5})
			k.ChaosOnce(kanuutest.Chaos{})
			for _, got := range k.Deliveries() {
				assert.NoError(t, k.Resend(got.AlertID))
			}
		})
	}
	wg.Wait()
	require.NoError(t, k.Settle(t.Context()))
	k.Close()
	for _, got := range k.Deliveries() {
		assert.Equal(t, kanuutest.DeliveryDelivered, got.State)
	}
}
