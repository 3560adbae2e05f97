// Package api is Kanuu's API: two endpoints, their faults, and a record of the calls.
package api

import (
	"cmp"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"

	"github.com/kanuu-io/kanuu-go/kanuutest/internal/jsonbody"
	"github.com/kanuu-io/kanuu-go/kanuutest/internal/ledger"
)

// The paths of the endpoints.
const (
	NoncePath        = "/api/nonce"
	SubscriptionPath = "/api/subscription"
)

// Options of an [API]. All are required but Free.
type Options struct {
	Key    string
	Free   int // customers; while more are subscribed, the answer is 402. 0: no limit
	Store  *ledger.Ledger
	Mint   func(identifier string, c ledger.Contact) (nonce string)
	OnCall func(Request) // after the response
	Seed   uint64        // decides what Fault.Rate picks
}

// API answers calls. It is safe for concurrent use.
type API struct {
	Options

	record record
	faults faults
	cache  cache
}

// New returns an API.
func New(o Options) *API {
	a := &API{Options: o}
	a.faults.random = rand.New(rand.NewPCG(o.Seed, 0)) //nolint:gosec // decides what goes wrong in a test
	return a
}

// Serve answers a call of the path, which may be none of the API.
func (a *API) Serve(w http.ResponseWriter, r *http.Request, path, portalURL string) {
	// All of the body, before anything else: net/http watches for a caller
	// that goes away only once it was read.
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	noted := a.record.add(w, Request{Time: a.Store.Now(), Method: r.Method, Path: path, Header: r.Header.Clone(), Body: body})
	defer func() { a.OnCall(noted.noted()) }() // also of a dropped connection
	w = noted
	if f, ok := a.faults.next(path); ok && f.strike(w, r) {
		return
	}
	if path != NoncePath && path != SubscriptionPath {
		writeMessage(w, http.StatusNotFound, fmt.Sprintf("The route %s could not be found.", path[1:]))
		return
	}
	_, tooLarge := errors.AsType[*http.MaxBytesError](err)
	switch {
	case r.Method != http.MethodPost:
		w.Header().Set("Allow", http.MethodPost)
		writeMessage(w, http.StatusMethodNotAllowed, fmt.Sprintf(
			"The %s method is not supported for route %s. Supported methods: POST.", r.Method, path[1:]))
	case !a.authorized(r):
		writeStatus(w, http.StatusUnauthorized)
	case tooLarge:
		writeStatus(w, http.StatusRequestEntityTooLarge)
	case err != nil:
		writeStatus(w, http.StatusBadRequest)
	case path == NoncePath:
		a.createNonce(w, decodeInput(r.Header.Get("Content-Type"), body), portalURL)
	default:
		a.readSubscription(w, decodeInput(r.Header.Get("Content-Type"), body))
	}
}

// authorized compares digests, which have one length whatever was sent.
func (a *API) authorized(r *http.Request) bool {
	token, ok := Bearer(r)
	sent, want := sha256.Sum256([]byte(token)), sha256.Sum256([]byte(a.Key))
	return ok && subtle.ConstantTimeCompare(sent[:], want[:]) == 1
}

// Bearer is what the caller means to be authorized by.
func Bearer(r *http.Request) (token string, ok bool) {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	return token, strings.EqualFold(scheme, "Bearer")
}

func (a *API) createNonce(w http.ResponseWriter, in input, portalURL string) {
	var bad problems
	identifier, c := in.identifier(&bad), in.contact(&bad)
	if bad.answer(w) || a.owes(w) {
		return
	}
	nonce := a.Mint(identifier, c)
	jsonbody.Write(w, http.StatusCreated, struct {
		Nonce string `json:"nonce"`
		URL   string `json:"url"`
	}{nonce, portalURL + "/" + nonce})
}

func (a *API) readSubscription(w http.ResponseWriter, in input) {
	var bad problems
	identifier := in.identifier(&bad)
	if bad.answer(w) || a.owes(w) {
		return
	}
	jsonbody.Write(w, http.StatusOK, a.cache.describe(a.Store.Customer(identifier), a.Store.Now()))
}

// owes answers the 402 for a seller who has to pay Kanuu.
func (a *API) owes(w http.ResponseWriter) (answered bool) {
	if a.Free <= 0 {
		return false
	}
	subscribed, now := 0, a.Store.Now()
	for _, c := range a.Store.Customers() {
		if ledger.IsSubscribed(c.Subscription, now) {
			subscribed++
		}
	}
	if subscribed <= a.Free {
		return false
	}
	writeStatus(w, http.StatusPaymentRequired)
	return true
}

// description is a subscription in the API's words.
type description struct {
	IsTrialing     bool    `json:"is_trialing"`
	IsSubscribed   bool    `json:"is_subscribed"`
	Status         *string `json:"status"`
	PlanID         *int64  `json:"plan_id"`
	SubscriptionID *int64  `json:"subscription_id"`
}

func describe(s ledger.Subscription, now time.Time) description {
	return description{
		IsTrialing:     s.Status == ledger.StatusTrialing,
		IsSubscribed:   ledger.IsSubscribed(s, now),
		Status:         nullable(s.Status),
		PlanID:         nullable(s.PlanID),
		SubscriptionID: nullable(s.SubscriptionID),
	}
}

func nullable[T comparable](v T) *T {
	var zero T
	if v == zero {
		return nil
	}
	return &v
}

func writeMessage(w http.ResponseWriter, status int, message string) {
	jsonbody.Write(w, status, struct {
		Message string `json:"message"`
	}{message})
}

// messages are what Laravel puts into the body for a status.
var messages = map[int]string{
	http.StatusUnauthorized:        "Unauthenticated.",
	http.StatusForbidden:           "This action is unauthorized.",
	419:                            "CSRF token mismatch.", // Laravel's own status
	http.StatusUnprocessableEntity: "The given data was invalid.",
	http.StatusTooManyRequests:     "Too Many Attempts.",
	http.StatusInternalServerError: "Server Error",
}

func writeStatus(w http.ResponseWriter, status int) {
	writeMessage(w, status, cmp.Or(messages[status], http.StatusText(status)))
}
