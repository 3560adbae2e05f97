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

	"github.com/kanuu-io/kanuu-go/internal/visit"
)

// RedirectOptions of a [RedirectHandler] and of the adapters. The zero value is
// ready for use.
type RedirectOptions struct {
	// LoginURL is where visitors go who are not logged in: a path of this
	// application such as "/login". Empty: they get a 401, as clients always do
	// that do not navigate.
	LoginURL string

	// AllowedHosts narrows where customers may be sent: the portal URL's host
	// must be one of these, such as "kanuu.io" or "billing.acme.com", with the
	// port where it has one. Empty: any host that Kanuu answers, since a team
	// may have a domain of its own.
	AllowedHosts []string

	// OnError answers in place of the library's short page or problem+json.
	// Cache-Control, Vary and Retry-After are set already; [HTTPStatus] has the
	// status for err. It is not called for visitors who left. Behind an adapter
	// it may leave the response alone: the framework's own error handling then
	// answers. It must be safe for concurrent use.
	OnError func(w http.ResponseWriter, r *http.Request, err error)

	// MintBurst is how many nonces one customer can have at once, default 10, and
	// MintInterval how long after that until the next one, default 10 s. No more
	// than two calls for one customer are in flight. Beyond that, a visit gets a 429
	// with Retry-After, and Kanuu is not called. A negative MintBurst: no limit.
	MintBurst    int
	MintInterval time.Duration

	// CrossOriginProtection judges POST requests. Default: a new
	// [http.CrossOriginProtection], which trusts no other origin.
	CrossOriginProtection *http.CrossOriginProtection
}

// RedirectHandler sends logged-in customers to their portal: it asks the
// resolver who they are, mints a nonce, and answers with its URL in the form
// that the client can follow: 302 for a click, 303 for a form, JSON for fetch,
// HX-Redirect for htmx, X-Inertia-Location for Inertia. It mints only for these;
// prefetches, link previews, images, frames and HEAD get an answer without a
// nonce. It is safe for concurrent use.
//
// Mount it under a path of its own without a method, "/billing" and not
// "GET /billing": it has an answer for each.
type RedirectHandler struct {
	redirector *Redirector
	resolve    func(*http.Request) (Identity, error)
}

// NewRedirectHandler makes a handler for net/http and every router built on it.
// nil options are the defaults. It panics when client or resolver is nil or an
// option is not valid, as only a program that cannot work gives such.
func NewRedirectHandler(client *Client, resolver IdentifierResolver, options *RedirectOptions) *RedirectHandler {
	if resolver == nil {
		panic("kanuu: NewRedirectHandler: resolver is nil")
	}
	return &RedirectHandler{
		redirector: NewRedirector(client, options),
		resolve:    resolver.ResolveIdentifier,
	}
}

// ServeHTTP answers one visit.
func (h *RedirectHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	// The error is answered and logged already; net/http has no use for it.
	_ = h.redirector.Serve(w, r, func() (Identity, error) { return h.resolve(r) })
}

// Redirector is a [RedirectHandler] without its resolver, for adapters to
// frameworks whose handlers have a context of their own; applications do not
// need it. It is safe for concurrent use.
type Redirector struct {
	client       *Client
	refusal      refusal
	allowedHosts []string
	crossOrigin  *http.CrossOriginProtection
	limiter      *mintLimiter
	count        redirectCounters
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
		refusal: refusal{
			log: client.log, message: "kanuu: no redirect to the portal",
			loginURL: options.LoginURL, onError: options.OnError,
		},
		allowedHosts: slices.Clone(options.AllowedHosts),
		crossOrigin:  crossOrigin,
		limiter: newMintLimiter(cmp.Or(options.MintBurst, defaultMintBurst),
			cmp.Or(options.MintInterval, defaultMintInterval)),
	}
}

// Serve answers one visit for the customer that who names. It calls who only for
// a visit that may mint. It returns what went wrong, for the framework to count
// and trace: it is already logged, and answered unless [RedirectOptions.OnError]
// wrote nothing.
func (rd *Redirector) Serve(w http.ResponseWriter, r *http.Request, who func() (Identity, error)) error {
	kind, err := rd.admit(r)
	if err != nil || !kind.Mints() {
		return rd.answer(w, r, kind, Nonce{}, err)
	}
	identity, err := who()
	if err != nil {
		return rd.answer(w, r, kind, Nonce{}, err)
	}
	nonce, err := rd.mint(r.Context(), identity)
	return rd.answer(w, r, kind, nonce, err)
}

// admit decides what can be decided without knowing the visitor.
func (rd *Redirector) admit(r *http.Request) (visit.Kind, error) {
	kind := visit.Classify(r.Method, r.Header)
	if kind == visit.Other {
		return kind, ErrMethodNotAllowed
	}
	if err := rd.crossOrigin.Check(r); err != nil {
		return kind, fmt.Errorf("%w: %w", ErrCrossOrigin, err)
	}
	return kind, nil
}

func (rd *Redirector) mint(ctx context.Context, identity Identity) (Nonce, error) {
	bucket, err := rd.limiter.begin(identity.Identifier)
	if err != nil {
		return Nonce{}, err
	}
	defer rd.limiter.end(bucket)
	nonce, err := rd.client.CreateNonce(ctx, identity)
	if err != nil || len(rd.allowedHosts) == 0 {
		return nonce, err
	}
	u, err := url.Parse(nonce.URL) // CreateNonce has seen that it is one
	if err != nil || !slices.ContainsFunc(rd.allowedHosts, func(host string) bool { return strings.EqualFold(host, u.Host) }) {
		return Nonce{}, &APIError{
			Operation: "create nonce", Status: http.StatusCreated,
			Message: "the answer's url is on none of RedirectOptions.AllowedHosts",
		}
	}
	return nonce, nil
}

// answer renders what was decided: an error, a refusal, or the nonce.
func (rd *Redirector) answer(w http.ResponseWriter, r *http.Request, kind visit.Kind, nonce Nonce, err error) error {
	rd.tally(r, kind, err)
	h := w.Header()
	location := setHeader(h, nonce.URL)
	if err != nil {
		if kind == visit.Other {
			h.Set("Allow", "GET, HEAD, POST")
		}
		return rd.refusal.answer(w, r, kind, err)
	}
	switch kind {
	case visit.Click, visit.Form:
		h["Location"] = location
		w.WriteHeader(redirectStatus(kind))
	case visit.Fetch:
		writeJSON(w, http.StatusOK, "application/json", map[string]string{"url": nonce.URL})
	case visit.HTMX:
		h["Hx-Redirect"] = location
		w.WriteHeader(http.StatusOK)
	case visit.Inertia:
		h["X-Inertia-Location"] = location
		w.WriteHeader(http.StatusConflict)
	case visit.Head:
		w.WriteHeader(http.StatusNoContent)
	case visit.Speculative, visit.Embedded: // a status that makes browsers ask again when it is real
		w.WriteHeader(http.StatusServiceUnavailable)
	case visit.Other: // came with an error
	}
	return nil
}

// setHeader sets what every answer has, and returns location as the value of a
// header: all of them in one allocation.
func setHeader(h http.Header, location string) []string {
	values := [...]string{"no-store", "no-referrer", visit.Vary, location}

	// The third index keeps whoever appends to one from writing into the next.
	h["Cache-Control"] = values[0:1:1]
	h["Referrer-Policy"] = values[1:2:2]
	if vary := h["Vary"]; vary != nil {
		h["Vary"] = append(vary, visit.Vary)
	} else {
		h["Vary"] = values[2:3:3]
	}
	return values[3:4:4]
}

// redirectStatus: 302 keeps a click a GET, and 303 makes a form one.
func redirectStatus(kind visit.Kind) int {
	if kind == visit.Form {
		return http.StatusSeeOther
	}
	return http.StatusFound
}

// tally counts a visit by what became of it.
func (rd *Redirector) tally(r *http.Request, kind visit.Kind, err error) {
	count := &rd.count
	switch {
	case err == nil && kind.Mints():
		count.redirected.Add(1)
	case errors.Is(err, ErrCrossOrigin):
		count.crossOrigin.Add(1)
	case errors.Is(err, ErrUnauthenticated):
		count.unauthenticated.Add(1)
	case errors.Is(err, ErrForbidden):
		count.forbidden.Add(1)
	case errors.Is(err, ErrTooManyNonces):
		count.limited.Add(1)
	case kind == visit.Speculative:
		count.speculative.Add(1)
	case kind == visit.Embedded:
		count.embedded.Add(1)
	case kind == visit.Head:
		count.head.Add(1)
	case kind == visit.Other:
		count.method.Add(1)
	case r.Context().Err() == nil: // who left is none of these
		count.failed.Add(1)
	}
}
