package kanuu

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/kanuu-io/kanuu-go/internal/mint"
	"github.com/kanuu-io/kanuu-go/internal/render"
	"github.com/kanuu-io/kanuu-go/internal/visit"
)

// RedirectOptions are the options of a [RedirectHandler] and of the adapters. The
// zero value is ready for use.
type RedirectOptions struct {
	// LoginURL is where users are sent who are not logged in: a path of this
	// application such as "/login". Empty: they get a 401.
	LoginURL string

	// ReturnParam is the name of the parameter of LoginURL that gets the path and
	// query to return to, see [GateOptions.ReturnParam]. Empty: none.
	ReturnParam string

	// AllowedHosts are the hosts that a portal URL may have, such as "kanuu.io" or
	// "billing.acme.com", with the port if it has one. Empty: any host that Kanuu
	// returns, because a team may have a domain of its own.
	AllowedHosts []string

	// OnError responds in place of the library's short page or problem+json.
	// Cache-Control, Vary and Retry-After are set already; [HTTPStatus] has the
	// status. It is not called for users who left. Behind an adapter it may write
	// nothing: the framework's own error handling then responds. It must be safe for
	// concurrent use.
	OnError func(w http.ResponseWriter, r *http.Request, err error)

	// MintBurst is how many nonces one customer can have in quick succession, default
	// 10, and MintInterval how long after that until the next one, default 10 s. No
	// more than two calls for one customer are in flight. Beyond that the user gets a
	// 429 with Retry-After, and Kanuu is not called. A negative MintBurst: no limit.
	MintBurst    int
	MintInterval time.Duration

	// CrossOriginProtection decides about forms and scripts of other origins.
	// Default: a new [http.CrossOriginProtection], which trusts none.
	CrossOriginProtection *http.CrossOriginProtection
}

// RedirectHandler redirects logged-in customers to their portal. It creates a nonce
// for a click, a form, or a script of the same origin that asks for it, and responds
// in the form that the client follows: 302, 303, JSON with the url, HX-Redirect for
// htmx, X-Inertia-Location for Inertia. Turbo, swup and Unpoly get a page that makes
// them load /billing itself. Prefetches, images, frames and HEAD get a response
// without a nonce. It is safe for concurrent use.
//
// Mount it under a path of its own without a method, "/billing" and not
// "GET /billing": it has a response for each.
type RedirectHandler struct {
	redirector *Redirector
	resolve    func(*http.Request) (Identity, error)
}

// NewRedirectHandler makes a handler for net/http and each router built on it. nil
// options are the defaults. It panics if client or resolver is nil or an option is
// invalid.
func NewRedirectHandler(client *Client, resolver IdentifierResolver, options *RedirectOptions) *RedirectHandler {
	if resolver == nil {
		panic("kanuu: NewRedirectHandler: resolver is nil")
	}
	return &RedirectHandler{
		redirector: NewRedirector(client, options),
		resolve:    resolver.ResolveIdentifier,
	}
}

// ServeHTTP handles one request.
func (h *RedirectHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	// The response is written and the error logged; net/http has no use for it.
	_ = h.redirector.Serve(w, r, func() (Identity, error) { return h.resolve(r) })
}

// Redirector is a [RedirectHandler] without its resolver, for adapters to frameworks
// whose handlers have a context of their own. Applications do not need it. It is
// safe for concurrent use.
type Redirector struct {
	client       *Client
	responder    responder
	allowedHosts []string
	crossOrigin  *http.CrossOriginProtection
	limiter      *mint.Limiter
	tally        tally[RedirectStats]
}

// NewRedirector makes a redirector; it panics as [NewRedirectHandler] does.
func NewRedirector(client *Client, options *RedirectOptions) *Redirector {
	if client == nil {
		panic("kanuu: the client of a redirect handler is nil: did NewClient return an error?")
	}

	if options == nil {
		options = new(RedirectOptions)
	}
	mustBeLocal("RedirectOptions.LoginURL", options.LoginURL)
	if options.ReturnParam != "" && options.LoginURL == "" {
		panic("kanuu: RedirectOptions.ReturnParam is a parameter of RedirectOptions.LoginURL, which is empty: set both, or none")
	}
	for _, host := range options.AllowedHosts {
		if u, err := url.Parse("https://" + host); err != nil || u.Host != host || host == "" {
			panic(fmt.Sprintf("kanuu: RedirectOptions.AllowedHosts: %q is not a host: write it like \"kanuu.io\"", host))
		}
	}

	if options.MintInterval < 0 {
		panic("kanuu: RedirectOptions.MintInterval is negative: leave it 0 for the default of 10s")
	}
	crossOrigin := options.CrossOriginProtection
	if crossOrigin == nil {
		crossOrigin = http.NewCrossOriginProtection()
	}
	return &Redirector{
		client: client,
		responder: responder{
			log: client.log, message: "kanuu: no redirect to the portal",
			loginURL: options.LoginURL, returnParam: options.ReturnParam, onError: options.OnError,
		},
		allowedHosts: slices.Clone(options.AllowedHosts),
		crossOrigin:  crossOrigin,
		limiter:      mint.NewLimiter(cmp.Or(options.MintBurst, 10), cmp.Or(options.MintInterval, 10*time.Second)),
	}
}

// Serve handles one request of the customer that who returns. It calls who only if
// the request may create a nonce. It returns what went wrong, for the framework to
// count and trace: it is logged, and the response is written unless
// [RedirectOptions.OnError] wrote none.
func (rd *Redirector) Serve(w http.ResponseWriter, r *http.Request, who func() (Identity, error)) error {
	kind, err := rd.admit(r)
	if err != nil || !kind.Mints() {
		return rd.respond(w, r, kind, Nonce{}, err)
	}
	identity, err := who()
	if err != nil {
		return rd.respond(w, r, kind, Nonce{}, err)
	}
	nonce, err := rd.mint(r.Context(), identity)
	return rd.respond(w, r, kind, nonce, err)
}

// admit decides what can be decided without knowing the user.
func (rd *Redirector) admit(r *http.Request) (visit.Kind, error) {
	kind := visit.Classify(r.Method, r.Header)
	if kind == visit.Other {
		return kind, ErrMethodNotAllowed
	}
	if r.Method == http.MethodGet && (kind.IsScript() || r.Header.Get("Origin") != "") {
		// A GET could be read by a script of another origin, which Check allows:
		// it protects from changes. Only scripts send an Origin with a GET.
		asPost := *r
		asPost.Method = http.MethodPost
		r = &asPost
	}
	if err := rd.crossOrigin.Check(r); err != nil {
		return kind, fmt.Errorf("%w: %w", ErrCrossOrigin, err)
	}
	return kind, nil
}

func (rd *Redirector) mint(ctx context.Context, identity Identity) (Nonce, error) {
	end, wait := rd.limiter.Begin(identity.Identifier)
	if wait > 0 {
		return Nonce{}, tooManyNoncesError{wait}
	}
	defer end()
	nonce, err := rd.client.CreateNonce(ctx, identity)
	if err != nil || len(rd.allowedHosts) == 0 {
		return nonce, err
	}
	u, err := url.Parse(nonce.URL) // CreateNonce has checked it
	if err != nil || !slices.ContainsFunc(rd.allowedHosts, func(host string) bool { return strings.EqualFold(host, u.Host) }) {
		return Nonce{}, &APIError{
			Operation: "create nonce", Status: http.StatusCreated,
			Message: "the url in the response is on none of RedirectOptions.AllowedHosts",
		}
	}
	return nonce, nil
}

// respond writes what was decided: an error, a response without a nonce, or the
// nonce.
func (rd *Redirector) respond(w http.ResponseWriter, r *http.Request, kind visit.Kind, nonce Nonce, err error) error {
	if err == nil || r.Context().Err() == nil || !errors.Is(err, context.Canceled) {
		rd.tally.add(func(s *RedirectStats) *uint64 { return counterOf(s, kind, err) })
	}
	render.SetHeader(w.Header(), visit.Vary)
	switch {
	case err != nil:
		if kind == visit.Other {
			w.Header().Set("Allow", "GET, HEAD, POST")
		}
		return rd.responder.refuse(w, r, kind, err)
	case leadBack(w, r, kind):
		return nil
	}
	switch kind {
	case visit.Fetch:
		render.JSON(w, http.StatusOK, "application/json", map[string]string{"url": nonce.URL})
	case visit.Head:
		w.WriteHeader(http.StatusNoContent)
	case visit.Embedded: // a status with which browsers ask again when the user clicks
		w.WriteHeader(http.StatusServiceUnavailable)
	case visit.Framed:
		render.HTML(w, http.StatusOK, render.Continue(visit.Path(r), false))
	case visit.Scripted:
		if r.Method == http.MethodPost {
			lead(w, kind, visit.Path(r), 0) // which is a GET then
		} else {
			render.HTML(w, http.StatusOK, render.Continue(visit.Path(r), true))
		}
	default:
		lead(w, kind, nonce.URL, http.StatusFound)
	}
	return nil
}

// counterOf returns the counter for what became of a request.
func counterOf(s *RedirectStats, kind visit.Kind, err error) *uint64 {
	switch {
	case err == nil && kind.Mints():
		return &s.Redirected
	case errors.Is(err, ErrCrossOrigin):
		return &s.CrossOrigin
	case errors.Is(err, ErrUnauthenticated):
		return &s.Unauthenticated
	case errors.Is(err, ErrForbidden):
		return &s.Forbidden
	case errors.Is(err, ErrTooManyNonces):
		return &s.Limited
	case kind == visit.Speculative, kind == visit.InertiaPrefetch:
		return &s.Speculative
	case kind == visit.Embedded:
		return &s.Embedded
	case kind == visit.Scripted, kind == visit.Framed:
		return &s.LedOn
	case kind == visit.Head:
		return &s.Head
	case kind == visit.Other:
		return &s.Method
	default:
		return &s.Failed
	}
}
