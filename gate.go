package kanuu

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"slices"

	"github.com/kanuu-io/kanuu-go/internal/visit"
)

// GateOptions are the options of a [Gate]. The zero value admits every subscriber.
type GateOptions struct {
	// BillingURL is where users are sent who are not subscribed: the path of the
	// [RedirectHandler], such as "/billing". Empty: they get a 402.
	BillingURL string

	// LoginURL is where users are sent who are not logged in: a path of this
	// application such as "/login". Empty: they get a 401.
	LoginURL string

	// ReturnParam is the name of the parameter of LoginURL, such as "next", that gets
	// the path and query of the page that the user wanted, of at most 2 KiB. The login
	// redirects there after checking it with [LocalPath]. Empty: none.
	ReturnParam string

	// Plans are the ids of Paddle's plans that are admitted. Empty: any plan.
	Plans []int64

	// Allow is a further condition for subscribers. It must be safe for concurrent
	// use. nil: none.
	Allow func(Subscription) bool

	// FailOpen admits users without a cached subscription, paid or not, after lookups
	// have found Kanuu unavailable for 10 s. A cached "not subscribed", a rate limit
	// (429) and the failing calls of one customer do not admit.
	// [SubscriptionFromContext] then has no subscription.
	FailOpen bool

	// OnError responds in place of the library's short page or problem+json, see
	// [RedirectOptions.OnError].
	OnError func(w http.ResponseWriter, r *http.Request, err error)
}

// Gate admits subscribers, by [Subscription.IsSubscribed] and not by the status: a
// cancelled subscription is admitted until the date that was paid for. It is safe
// for concurrent use.
type Gate struct {
	client    *Client
	plans     []int64
	allow     func(Subscription) bool
	failOpen  bool
	tally     tally[GateStats]
	responder responder
}

// NewGate makes a gate. nil options are the defaults. It panics if client is nil or
// an option is invalid.
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

// Check returns the subscription of identifier, and an error if the gate does not
// admit it: [ErrNotSubscribed], [ErrWrongPlan], or an error of
// [Client.Subscription]. It does not use [GateOptions.FailOpen].
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

// Handler returns a handler that calls next for the users that the gate admits. who
// returns the customer. next finds their subscription with
// [SubscriptionFromContext].
func (g *Gate) Handler(who IdentifierResolver, next http.Handler) http.Handler {
	if who == nil || next == nil {
		panic("kanuu: Gate.Handler: the resolver or the next handler is nil")
	}
	resolve := who.ResolveIdentifier
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// The response is written and the error logged; net/http has no use for it.
		if admitted, _ := g.Admit(w, r, func() (Identity, error) { return resolve(r) }); admitted != nil {
			next.ServeHTTP(w, admitted)
		}
	})
}

// Admit decides about one request of the customer that who returns, for adapters to
// frameworks whose handlers have a context of their own. It returns the request to
// go on with, whose context has the subscription. Or it returns nil: then the
// response is written, and the error, if there is one, is for the framework to
// count and trace. A redirect to the login or to billing is no error.
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

// SubscriptionFromContext returns the subscription of a user that a [Gate] admitted,
// from the context of the request: r.Context(), in echo c.Request().Context(), in
// gin c.Request.Context(). ok is false without a gate, and if
// [GateOptions.FailOpen] admitted the user.
func SubscriptionFromContext(ctx context.Context) (subscription Subscription, ok bool) {
	subscription, ok = ctx.Value(subscriptionKey{}).(Subscription)
	return subscription, ok
}
