package kanuu

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"slices"

	"github.com/kanuu-io/kanuu-go/internal/visit"
)

// GateOptions of a [Gate]. The zero value lets every subscriber in.
type GateOptions struct {
	// BillingURL is where visitors go who may not come in: the path of the
	// [RedirectHandler], such as "/billing". Empty: they get a 402, as clients
	// always do that do not navigate.
	BillingURL string

	// LoginURL is where visitors go who are not logged in: a path of this
	// application such as "/login". Empty: they get a 401, as clients always do
	// that do not navigate.
	LoginURL string

	// ReturnParam is the name of the parameter of LoginURL, such as "next", that
	// tells it the path and query which a visitor came for by GET, of at most
	// 2 KiB, so that the login can lead back there. The login must take paths of
	// this application alone, as anybody can put anything there. Empty: LoginURL
	// goes out as it is.
	ReturnParam string

	// Plans narrows whom to let in: the subscription must be on one of these of
	// Paddle's plan ids. Empty: any plan.
	Plans []int64

	// Allow narrows whom to let in further. It is asked about subscribers only,
	// and must be safe for concurrent use. nil: all of them.
	Allow func(Subscription) bool

	// FailOpen admits users of whom nothing is known, paid or not, once lookups have
	// found Kanuu unavailable for 10 s. Never admitted are those whose last known
	// answer is "not subscribed"; a rate limit (429) and a single customer's failing
	// calls admit nobody. [SubscriptionFromContext] then has no subscription.
	FailOpen bool

	// OnError answers in place of the library's short page or problem+json, as
	// [RedirectOptions.OnError] does.
	OnError func(w http.ResponseWriter, r *http.Request, err error)
}

// Gate lets subscribers in. It looks at whether they are subscribed, never at
// the spelling of a status, so that who cancelled comes in until the date that
// they paid for. It is safe for concurrent use.
type Gate struct {
	client    *Client
	plans     []int64
	allow     func(Subscription) bool
	failOpen  bool
	tally     tally[GateStats]
	responder responder
}

// NewGate makes a gate. nil options are the defaults. It panics when client is
// nil or an option is not valid, as only a program that cannot work gives such.
func NewGate(client *Client, options *GateOptions) *Gate {
	if client == nil {
		panic("kanuu: the client of a gate is nil: did NewClient return an error?")
	}
	if options == nil {
		options = new(GateOptions)
	}
	mustBeLocal("GateOptions.BillingURL", options.BillingURL)
	mustBeLocal("GateOptions.LoginURL", options.LoginURL)
	if options.ReturnParam != "" && options.LoginURL == "" {
		panic("kanuu: GateOptions.ReturnParam is a parameter of GateOptions.LoginURL, which is empty: set both, or none")
	}
	return &Gate{
		client:   client,
		plans:    slices.Clone(options.Plans),
		allow:    options.Allow,
		failOpen: options.FailOpen,
		responder: responder{
			log: client.log, message: "kanuu: gate: access denied",
			loginURL: options.LoginURL, returnParam: options.ReturnParam, billingURL: options.BillingURL,
			onError: options.OnError,
		},
	}
}

// Check returns the subscription of identifier, and why the gate is closed for
// it: [ErrNotSubscribed], also with a plan or by a predicate that the options
// exclude, or an error of [Client.Subscription]. It knows nothing of
// [GateOptions.FailOpen].
func (g *Gate) Check(ctx context.Context, identifier string) (Subscription, error) {
	subscription, err := g.client.Subscription(ctx, identifier)
	switch {
	case err != nil:
		return Subscription{}, err
	case !subscription.IsSubscribed:
		return subscription, ErrNotSubscribed
	case len(g.plans) > 0 && !slices.Contains(g.plans, subscription.PlanID), g.allow != nil && !g.allow(subscription):
		return subscription, ErrWrongPlan
	default:
		return subscription, nil
	}
}

// Handler is next behind the gate, for the customer that who names. next finds
// their subscription with [SubscriptionFromContext]. Visitors who may not come
// in go to [GateOptions.BillingURL] or get a 402; while Kanuu is down and
// nothing is known of them, they get a 503.
func (g *Gate) Handler(who IdentifierResolver, next http.Handler) http.Handler {
	if who == nil || next == nil {
		panic("kanuu: Gate.Handler: the resolver or the next handler is nil")
	}
	resolve := who.ResolveIdentifier
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// The error is answered and logged already; net/http has no use for it.
		if admitted, _ := g.Admit(w, r, func() (Identity, error) { return resolve(r) }); admitted != nil {
			next.ServeHTTP(w, admitted)
		}
	})
}

// Admit decides about one visit of the customer that who names. It is for
// adapters to frameworks whose handlers have a context of their own. It returns
// the request to go on with, whose context has the subscription; or nil, and then
// the visit is answered and logged, with what went wrong for the framework to
// count and trace. A redirect to the login or to the billing page is no error.
func (g *Gate) Admit(w http.ResponseWriter, r *http.Request, who func() (Identity, error)) (*http.Request, error) {
	identity, err := who()
	if err != nil {
		return nil, g.refuse(w, r, err)
	}
	subscription, err := g.Check(r.Context(), identity.Identifier)
	switch {
	case err == nil:
		return r.WithContext(&subscriptionContext{r.Context(), subscription}), nil //nolint:contextcheck // it is one of r.Context
	case g.failOpen && g.client.isDown(err) && !g.client.cache.knows(identity.Identifier):
		g.tally.add(func(s *GateStats) *uint64 { return &s.Unchecked })
		g.client.log.LogAttrs(r.Context(), slog.LevelWarn, "kanuu: gate: access granted without a check", slog.Any("error", err))
		return r, nil
	default:
		return nil, g.refuse(w, r, err)
	}
}

func (g *Gate) refuse(w http.ResponseWriter, r *http.Request, err error) error {
	if !errors.Is(err, context.Canceled) || r.Context().Err() == nil { // a user who left is not counted
		g.tally.add(func(s *GateStats) *uint64 {
			switch {
			case errors.Is(err, ErrNotSubscribed):
				return &s.NotSubscribed
			case errors.Is(err, ErrUnauthenticated):
				return &s.Unauthenticated
			case errors.Is(err, ErrForbidden):
				return &s.Forbidden
			default:
				return &s.Failed
			}
		})
	}
	method := r.Method
	if method == http.MethodHead {
		method = http.MethodGet // the same response, without its body
	}
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Add("Vary", visit.Vary)
	kind := visit.Classify(method, r.Header)
	if leadBack(w, r, kind) {
		return nil
	}
	return g.responder.refuse(w, r, kind, err)
}

// subscriptionContext is context.WithValue in one allocation instead of two.
type subscriptionContext struct {
	context.Context //nolint:containedctx // as context.WithValue does

	subscription Subscription
}

type subscriptionKey struct{}

func (c *subscriptionContext) Value(key any) any {
	if _, ok := key.(subscriptionKey); ok {
		return c.subscription
	}
	return c.Context.Value(key)
}

// SubscriptionFromContext is the subscription of the customer whom a [Gate] let
// in, from the context of the request: r.Context(), in echo
// c.Request().Context(), in gin c.Request.Context(). ok is false without a gate,
// and for visitors whom [GateOptions.FailOpen] let in.
func SubscriptionFromContext(ctx context.Context) (subscription Subscription, ok bool) {
	subscription, ok = ctx.Value(subscriptionKey{}).(Subscription)
	return subscription, ok
}
