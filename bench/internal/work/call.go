package work

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"time"

	"github.com/PaddleHQ/paddle-go-sdk/v4"
	"github.com/go-resty/resty/v2"
	"github.com/hashicorp/go-retryablehttp"
	"github.com/stripe/stripe-go/v85"

	"github.com/kanuu-io/kanuu-go"
)

const (
	apiKey     = "kanuu_0123456789abcdef0123456789abcdef"
	identifier = "42"
	email      = "ann@example.com"
)

// Names of those who make a call.
const (
	Hand        = "hand-written"
	HandDefault = "hand-written, default transport"
	Retryable   = "go-retryablehttp"
	Resty       = "resty"
	Paddle      = "Paddle's SDK"
	Stripe      = "Stripe's SDK"
)

// Names of calls that show what a part of the library's work costs.
const (
	LimitDeadline = "the limit, with a deadline"
	LimitAndAlone = "the limit, and then CreateNonce without a network"
	WithoutCache  = "kanuu-go, without a cache"
)

var errStatus = errors.New("status")

// NewTransport is what somebody who measures would set: a connection for every
// caller, and nothing that the answer does not need.
func NewTransport() *http.Transport {
	return &http.Transport{
		MaxIdleConnsPerHost: math.MaxInt,
		IdleConnTimeout:     90 * time.Second,
		ForceAttemptHTTP2:   true,
		DisableCompression:  true,
	}
}

// Calls mint one link to a portal each, at the server with that base URL.
// Everybody but the library has a tuned transport, so that what differs is
// their own work; the library comes with its own.
func Calls(base string) ([]Work, error) {
	limit, err := callLimit(Limit, base, 0)
	if err != nil {
		return nil, err
	}

	ours, err := CreateNonce(base, 0)
	if err != nil {
		return nil, err
	}

	tuned := &http.Client{Transport: NewTransport(), Timeout: 10 * time.Second}

	paddles, err := callPaddle(base, tuned)
	if err != nil {
		return nil, err
	}

	return []Work{
		ours, limit, callHand(Hand, base, tuned), callRetryable(base, tuned), callResty(base, tuned),
		paddles, callStripe(base, tuned),
	}, nil
}

// CallsAsTheyCome are Calls with the transport that each comes with.
func CallsAsTheyCome(base string) ([]Work, error) {
	limit, err := callLimit(Limit, base, 0)
	if err != nil {
		return nil, err
	}

	ours, err := CreateNonce(base, 0)
	if err != nil {
		return nil, err
	}

	paddles, err := callPaddle(base, nil)
	if err != nil {
		return nil, err
	}

	return []Work{
		ours, limit,
		callHand(Hand, base, &http.Client{Transport: NewTransport(), Timeout: 10 * time.Second}),
		callHand(HandDefault, base, &http.Client{Timeout: 10 * time.Second}),
		callRetryable(base, nil), callResty(base, nil), paddles, callStripe(base, nil),
	}, nil
}

// CallParts are the limit with one thing more each, and the library with one
// less: they show what that costs where it is done between two waits for the
// network, and not again and again.
func CallParts(base string) ([]Work, error) {
	deadline, err := callLimit(LimitDeadline, base, 5*time.Second)
	if err != nil {
		return nil, err
	}

	client, err := kanuu.NewClient(kanuu.Config{APIKey: apiKey, BaseURL: base, Cache: noCache{}})
	if err != nil {
		return nil, err
	}

	limit, err := callLimit(LimitAndAlone, base, 0)
	if err != nil {
		return nil, err
	}

	alone, err := CreateNonceAlone(0)
	if err != nil {
		return nil, err
	}

	both := Work{Name: limit.Name, Close: limit.Close, Do: func(i int) error { return errors.Join(limit.Do(i), alone.Do(i)) }}

	return []Work{deadline, both, createNonce(WithoutCache, client, 0)}, nil
}

// noCache has nothing to forget.
type noCache struct{}

func (noCache) Get(ctx context.Context, identifier string, load kanuu.LoadFunc) (kanuu.Subscription, error) {
	return load(ctx, identifier)
}

func (noCache) Forget(context.Context, string) error { return nil }

// callLimit sends a request that was made before and drains the answer. A
// deadline of 0 is none.
func callLimit(name, base string, deadline time.Duration) (Work, error) {
	target, err := url.Parse(base + "/api/nonce")
	if err != nil {
		return Work{}, err
	}

	transport := NewTransport()
	body := fmt.Appendf(nil, `{"identifier":%q,"email":%q}`, identifier, email)
	template := http.Request{
		Method: http.MethodPost, URL: target, Host: target.Host,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{
			"Accept":        {"application/json"},
			"Authorization": {"Bearer " + apiKey},
			"Content-Type":  {"application/json"},
			"User-Agent":    {"limit"},
		},
		ContentLength: int64(len(body)),
	}

	send := func(req *http.Request) error {
		req.Body = io.NopCloser(bytes.NewReader(body))

		res, err := transport.RoundTrip(req)
		if err != nil {
			return err
		}
		defer res.Body.Close()

		if res.StatusCode != http.StatusCreated {
			return fmt.Errorf("%w %d", errStatus, res.StatusCode)
		}

		_, err = io.Copy(io.Discard, res.Body)

		return err
	}

	do := func(int) error {
		req := template

		return send(&req)
	}

	if deadline > 0 {
		do = func(int) error {
			ctx, cancel := context.WithTimeout(context.Background(), deadline)
			defer cancel()

			return send(template.WithContext(ctx))
		}
	}

	return Work{Name: name, Do: do, Close: transport.CloseIdleConnections}, nil
}

// CreateNonce is the library, as it comes, with so many supplemental fields.
func CreateNonce(base string, supplemental int) (Work, error) {
	client, err := kanuu.NewClient(kanuu.Config{APIKey: apiKey, BaseURL: base})
	if err != nil {
		return Work{}, err
	}

	return createNonce(Kanuu, client, supplemental), nil
}

func createNonce(name string, client *kanuu.Client, supplemental int) Work {
	ctx, id := context.Background(), customer(supplemental)

	do := func(int) error {
		nonce, err := client.CreateNonce(ctx, id)
		if err == nil && nonce.URL == "" {
			err = errStatus
		}

		return err
	}

	return Work{Name: name, Do: do, Close: client.CloseIdleConnections}
}

func customer(supplemental int) kanuu.Identity {
	id := kanuu.Identity{Identifier: identifier, Email: email}

	for i := range supplemental {
		if id.Supplemental == nil {
			id.Supplemental = make(map[string]string)
		}

		id.Supplemental[fmt.Sprintf("field_%02d", i)] = "a value of 32 characters, plainly"
	}

	return id
}

// Subscriptions ask about one customer, each with a cache that knows nothing of
// them yet: the library, and somebody without a cache.
func Subscriptions(base string) ([]Work, error) {
	client, err := kanuu.NewClient(kanuu.Config{APIKey: apiKey, BaseURL: base})
	if err != nil {
		return nil, err
	}

	// A busy machine takes its time for a thousand handshakes, and here calls are
	// counted, not timed.
	hand := &http.Client{Transport: NewTransport(), Timeout: time.Minute}
	body := fmt.Appendf(nil, `{"identifier":%q}`, identifier)

	return []Work{
		{Name: Kanuu, Close: client.CloseIdleConnections, Do: func(int) error {
			subscription, err := client.Subscription(context.Background(), identifier)

			return errors.Join(err, admit(subscription, true))
		}},
		{Name: Hand, Close: hand.CloseIdleConnections, Do: func(int) error {
			req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, base+"/api/subscription", bytes.NewReader(body))
			if err != nil {
				return err
			}

			res, err := hand.Do(req)
			if err != nil {
				return err
			}
			defer res.Body.Close()

			var subscription struct {
				IsSubscribed bool `json:"is_subscribed"`
			}

			err = json.NewDecoder(res.Body).Decode(&subscription)

			return errors.Join(err, admit(kanuu.Subscription{IsSubscribed: subscription.IsSubscribed}, true))
		}},
	}, nil
}

type nonceRequest struct {
	Identifier string `json:"identifier"`
	Email      string `json:"email"`
}

type nonceAnswer struct {
	Nonce string `json:"nonce"`
	URL   string `json:"url"`
}

// callHand is what the API page leads to.
func callHand(name, base string, client *http.Client) Work {
	do := func(int) error {
		body, err := json.Marshal(nonceRequest{Identifier: identifier, Email: email})
		if err != nil {
			return err
		}

		req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, base+"/api/nonce", bytes.NewReader(body))
		if err != nil {
			return err
		}

		req.Header.Set("Authorization", "Bearer "+apiKey)
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Accept", "application/json")

		res, err := client.Do(req)
		if err != nil {
			return err
		}
		defer res.Body.Close()

		if res.StatusCode != http.StatusCreated {
			return fmt.Errorf("%w %d", errStatus, res.StatusCode)
		}

		var answer nonceAnswer

		return json.NewDecoder(res.Body).Decode(&answer)
	}

	return Work{Name: name, Do: do, Close: client.CloseIdleConnections}
}

func callRetryable(base string, own *http.Client) Work {
	client := retryablehttp.NewClient()
	client.Logger = nil

	if own != nil {
		client.HTTPClient = own
	}

	do := func(int) error {
		body, err := json.Marshal(nonceRequest{Identifier: identifier, Email: email})
		if err != nil {
			return err
		}

		req, err := retryablehttp.NewRequestWithContext(context.Background(), http.MethodPost, base+"/api/nonce", body)
		if err != nil {
			return err
		}

		req.Header.Set("Authorization", "Bearer "+apiKey)
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Accept", "application/json")

		res, err := client.Do(req)
		if err != nil {
			return err
		}
		defer res.Body.Close()

		if res.StatusCode != http.StatusCreated {
			return fmt.Errorf("%w %d", errStatus, res.StatusCode)
		}

		var answer nonceAnswer

		return json.NewDecoder(res.Body).Decode(&answer)
	}

	return Work{Name: Retryable, Do: do, Close: client.HTTPClient.CloseIdleConnections}
}

func callResty(base string, own *http.Client) Work {
	client := resty.New()
	if own != nil {
		client = resty.NewWithClient(own)
	}

	client.SetBaseURL(base).SetAuthToken(apiKey).SetRetryCount(2)

	do := func(int) error {
		var answer nonceAnswer

		res, err := client.R().
			SetHeader("Accept", "application/json").
			SetBody(nonceRequest{Identifier: identifier, Email: email}).
			SetResult(&answer).
			Post("/api/nonce")
		if err != nil {
			return err
		}

		if res.StatusCode() != http.StatusCreated || answer.URL == "" {
			return fmt.Errorf("%w %d", errStatus, res.StatusCode())
		}

		return nil
	}

	return Work{Name: Resty, Do: do, Close: client.GetClient().CloseIdleConnections}
}

func callPaddle(base string, own *http.Client) (Work, error) {
	options := []paddle.Option{paddle.WithBaseURL(base)}
	if own != nil {
		options = append(options, paddle.WithClient(own))
	}

	client, err := paddle.New(apiKey, options...)
	if err != nil {
		return Work{}, err
	}

	do := func(int) error {
		session, err := client.CreateCustomerPortalSession(context.Background(),
			&paddle.CreateCustomerPortalSessionRequest{CustomerID: "ctm_01gysfvfy7vqhpzkq8rjmrq7an"})
		if err == nil && session.URLs.General.Overview == "" {
			err = errStatus
		}

		return err
	}

	return Work{Name: Paddle, Do: do}, nil
}

func callStripe(base string, own *http.Client) Work {
	backend := stripe.GetBackendWithConfig(stripe.APIBackend, &stripe.BackendConfig{
		URL: new(base), HTTPClient: own, LeveledLogger: new(stripe.LeveledLogger),
	})
	client := stripe.NewClient("sk_test_"+apiKey, stripe.WithBackends(&stripe.Backends{API: backend}))

	do := func(int) error {
		session, err := client.V1BillingPortalSessions.Create(context.Background(), &stripe.BillingPortalSessionCreateParams{
			Customer:  new("cus_NciAYcXfLnqBoz"),
			ReturnURL: new("https://example.com/account"),
		})
		if err == nil && session.URL == "" {
			err = errStatus
		}

		return err
	}

	return Work{Name: Stripe, Do: do}
}
