package bench_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"testing"
	"time"

	"github.com/PaddleHQ/paddle-go-sdk/v4"
	"github.com/go-resty/resty/v2"
	"github.com/hashicorp/go-retryablehttp"
	"github.com/stripe/stripe-go/v85"

	"github.com/kanuu-io/kanuu-go"
)

// BenchmarkCreateNonce measures one call at a time to a server that responds at once. cpu/limit is
// the client's CPU time per call as a multiple of what the limit takes in the same moment.
func BenchmarkCreateNonce(b *testing.B) {
	for _, proto := range protocols() {
		base := proto[1]
		server.setDelay(b, 0)
		limit := limitPeer(base)
		peers := noncePeers(b, base, true)
		for _, p := range peers {
			b.Run(fmt.Sprintf("proto=%s/peer=%s", proto[0], p.name), func(b *testing.B) {
				took := rounds(b, limit.do, p.do)
				median(b, "cpu-ns/op", took, cpu)
				median(b, "cpu/limit", took, perBase)
			})
		}
		closeAll(append(peers, limit))
	}
}

// noncePeers returns what creates a link to a portal. All but hand-default have a tuned transport,
// which shows what their own code costs, or else the transport that they come with.
func noncePeers(b *testing.B, base string, tuned bool) []peer {
	b.Helper()
	resetDefaultTransport()
	client := newClient(b, kanuu.Config{BaseURL: base})
	own := func() *http.Client {
		if !tuned {
			return nil
		}
		return &http.Client{Transport: newTransport(), Timeout: 10 * time.Second}
	}
	return []peer{
		limitPeer(base),
		kanuuPeer("kanuu", client),
		handPeer("hand-tuned", base, &http.Client{Transport: newTransport(), Timeout: 10 * time.Second}),
		handPeer("hand-default", base, &http.Client{Timeout: 10 * time.Second}),
		retryablePeer(base, own()),
		restyPeer(base, own()),
		paddlePeer(b, base, own()),
		stripePeer(base, own()),
	}
}

var defaultTransport = http.DefaultTransport.(*http.Transport)

// resetDefaultTransport closes the connections that earlier peers left.
func resetDefaultTransport() {
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	http.DefaultTransport = defaultTransport.Clone()
}

// newTransport keeps a connection for each caller and adds nothing that the response does not need.
func newTransport() *http.Transport {
	return &http.Transport{
		MaxIdleConnsPerHost: math.MaxInt,
		IdleConnTimeout:     90 * time.Second,
		ForceAttemptHTTP2:   true,
		DisableCompression:  true,
	}
}

// limitPeer is the least that a call can cost: an http.Client with a tuned transport, a body and
// headers that were made before, and a response that is read but not decoded.
func limitPeer(base string) peer {
	client := &http.Client{Transport: newTransport()}
	header := http.Header{
		"Accept":        {"application/json"},
		"Authorization": {"Bearer " + apiKey},
		"Content-Type":  {"application/json"},
	}
	body := fmt.Appendf(nil, `{"identifier":%q,"email":%q}`, identifier, email)
	do := func(int) error {
		req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, base+"/api/nonce", bytes.NewReader(body))
		if err != nil {
			return err
		}
		req.Header = header
		res, err := client.Do(req)
		return drain(res, err)
	}
	return peer{"limit", do, client.CloseIdleConnections}
}

func drain(res *http.Response, err error) error {
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusCreated {
		return fmt.Errorf("%w: %d", errUnexpected, res.StatusCode)
	}
	_, err = io.Copy(io.Discard, res.Body)
	return err
}

func kanuuPeer(name string, client *kanuu.Client) peer {
	ctx := context.Background()
	do := func(int) error {
		_, err := client.CreateNonce(ctx, kanuu.Identity{Identifier: identifier, Email: email})
		return err
	}
	return peer{name, do, client.CloseIdleConnections}
}

type nonceRequest struct {
	Identifier string `json:"identifier"`
	Email      string `json:"email"`
}

type nonceResult struct {
	Nonce string `json:"nonce"`
	URL   string `json:"url"`
}

// handPeer is what most people write after reading Kanuu's API page.
func handPeer(name, base string, client *http.Client) peer {
	do := func(int) error {
		body, err := json.Marshal(nonceRequest{identifier, email})
		if err != nil {
			return err
		}
		req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, base+"/api/nonce", bytes.NewReader(body))
		if err != nil {
			return err
		}
		setHeader(req.Header)
		res, err := client.Do(req)
		return decode(res, err)
	}
	return peer{name, do, client.CloseIdleConnections}
}

func setHeader(h http.Header) {
	h.Set("Authorization", "Bearer "+apiKey)
	h.Set("Content-Type", "application/json")
	h.Set("Accept", "application/json")
}

func decode(res *http.Response, err error) error {
	if err != nil {
		return err
	}
	defer res.Body.Close()
	var result nonceResult
	if err := json.NewDecoder(res.Body).Decode(&result); err != nil {
		return err
	}
	if res.StatusCode != http.StatusCreated || result.URL == "" {
		return fmt.Errorf("%w: %d", errUnexpected, res.StatusCode)
	}
	return nil
}

func retryablePeer(base string, own *http.Client) peer {
	client := retryablehttp.NewClient()
	client.Logger = nil
	if own != nil {
		client.HTTPClient = own
	}
	do := func(int) error {
		body, err := json.Marshal(nonceRequest{identifier, email})
		if err != nil {
			return err
		}
		req, err := retryablehttp.NewRequestWithContext(context.Background(), http.MethodPost, base+"/api/nonce", body)
		if err != nil {
			return err
		}
		setHeader(req.Header)
		res, err := client.Do(req)
		return decode(res, err)
	}
	return peer{"retryablehttp", do, client.HTTPClient.CloseIdleConnections}
}

func restyPeer(base string, own *http.Client) peer {
	client := resty.New()
	if own != nil {
		client = resty.NewWithClient(own)
	}
	client.SetBaseURL(base).SetAuthToken(apiKey).SetRetryCount(2)
	do := func(int) error {
		var result nonceResult
		request := client.R().SetHeader("Accept", "application/json").SetBody(nonceRequest{identifier, email}).SetResult(&result)
		res, err := request.Post("/api/nonce")
		if err == nil && (res.StatusCode() != http.StatusCreated || result.URL == "") {
			err = fmt.Errorf("%w: %d", errUnexpected, res.StatusCode())
		}
		return err
	}
	return peer{"resty", do, client.GetClient().CloseIdleConnections}
}

// paddlePeer creates a session for the portal of Paddle Billing.
func paddlePeer(b *testing.B, base string, own *http.Client) peer {
	b.Helper()
	options := []paddle.Option{paddle.WithBaseURL(base)}
	if own != nil {
		options = append(options, paddle.WithClient(own))
	}
	client, err := paddle.New(apiKey, options...)
	if err != nil {
		b.Fatal(err)
	}
	do := func(int) error {
		session, err := client.CreateCustomerPortalSession(context.Background(),
			&paddle.CreateCustomerPortalSessionRequest{CustomerID: "ctm_01gysfvfy7vqhpzkq8rjmrq7an"})
		if err == nil && session.URLs.General.Overview == "" {
			err = errUnexpected
		}
		return err
	}
	return peer{"paddle", do, nil}
}

// stripePeer creates a session for Stripe's billing portal.
func stripePeer(base string, own *http.Client) peer {
	backend := stripe.GetBackendWithConfig(stripe.APIBackend, &stripe.BackendConfig{
		URL: &base, HTTPClient: own, LeveledLogger: new(stripe.LeveledLogger),
	})
	client := stripe.NewClient("sk_test_"+apiKey, stripe.WithBackends(&stripe.Backends{API: backend}))
	do := func(int) error {
		session, err := client.V1BillingPortalSessions.Create(context.Background(), &stripe.BillingPortalSessionCreateParams{
			Customer:  new("cus_NciAYcXfLnqBoz"),
			ReturnURL: new("https://example.com/account"),
		})
		if err == nil && session.URL == "" {
			err = errUnexpected
		}
		return err
	}
	return peer{"stripe", do, nil}
}
