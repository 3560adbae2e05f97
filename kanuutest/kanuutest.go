// Package kanuutest is a fake Kanuu for tests: the API, the portal behind the
// one-time link, and Paddle's signed webhooks. Nothing leaves the machine, and no
// account is needed.
//
//	fake := kanuutest.NewServer(nil)
//	defer fake.Close()
//	// Start the application with fake.URL, DefaultAPIKey and fake.PublicKey().
//	fake.SetWebhookURL(app.URL + "/webhooks/paddle")
//	err := fake.Customer("42").Subscribe(67) // and the application knows
//
// A subscription changes in three ways: a [Customer] does something, time passes
// ([Kanuu.Advance]), or a test sets it ([Kanuu.SetSubscription]). The API shows it
// immediately, where Kanuu itself caches for up to an hour. [Kanuu.GoDown] and
// [Kanuu.Inject] make the API fail, [Kanuu.SetChaos] disturbs the webhooks, and
// [Kanuu.Requests] and [Kanuu.Deliveries] are the record.
//
// [New] returns the fake as an [http.Handler]. To mount it below a base path, strip
// the path; any other base URL fails as it would at Kanuu, with a recorded 404:
//
//	mux.Handle("/fake/", http.StripPrefix("/fake", fake)) // base URL: http://localhost:8080/fake
//
// A browser can use the portal, and at /control a page with everything that the
// methods do. Below /control/api it is JSON for programs in other languages: see
// docs/testing.md.
//
// Everything lives in memory and is safe for concurrent use. The newest 10,000
// links, sessions and recorded requests are kept. This is no production server:
// any caller can subscribe to anything for nothing. So it answers only for host
// names that are local, and never to a page of another site; see
// [Options.ControlHosts].
package kanuutest

import (
	"cmp"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/kanuu-io/kanuu-go/kanuutest/internal/api"
	"github.com/kanuu-io/kanuu-go/kanuutest/internal/control"
	"github.com/kanuu-io/kanuu-go/kanuutest/internal/ledger"
	"github.com/kanuu-io/kanuu-go/kanuutest/internal/paddle"
	"github.com/kanuu-io/kanuu-go/kanuutest/internal/portal"
)

// What a nil or empty [Options] field stands for.
const (
	DefaultAPIKey    = "kanuu-test-key"
	DefaultTeam      = "acme"
	DefaultReturnURL = "/"
)

// Options adjusts a fake. The zero value is ready to use.
type Options struct {
	// APIKey is the bearer token of the API. Empty: [DefaultAPIKey].
	APIKey string

	// Team is the seller's, in the path of the portal. Empty: [DefaultTeam].
	Team string

	// ReturnURL is where "Back to your application" leads; see also
	// [Kanuu.SetReturnURL]. Empty: [DefaultReturnURL], on the portal's host.
	ReturnURL string

	// Plans are on sale in the portal. Empty: Basic (12345, 9.00 EUR a month)
	// and Pro (67, 29.00 EUR a month).
	Plans []Plan

	// FreeCustomers is how many subscribed customers Kanuu serves for free: while
	// there are more, every valid call of the API is answered with 402. The portal
	// stays open. At Kanuu it is 20. 0: no limit.
	FreeCustomers int

	// Now is the clock, to which [Kanuu.Advance] adds. It must be safe for
	// concurrent use and must not call the fake. Nil: [time.Now].
	Now func() time.Time

	// Webhooks is where alerts go. Nil: nowhere, until [Kanuu.SetWebhookURL].
	Webhooks *WebhookOptions

	// ControlHosts are the host names, without a port, by which the fake may be
	// reached besides localhost and its subdomains; every IP address may. Another
	// name is refused, since a foreign site could have pointed its own at this
	// machine. A call of ServeHTTP without a network connection needs none.
	ControlHosts []string

	// KanuuCache is [Kanuu.SetKanuuCache].
	KanuuCache bool

	// OnCall is called after each call of the API, from several goroutines.
	OnCall func(Request)

	// Seed decides what [Fault.Rate] and [Chaos] pick. 0: random.
	Seed uint64
}

// Kanuu is the fake, made by [New] or [NewServer]. It is safe for concurrent use.
type Kanuu struct {
	portalPath string // escaped, without the base path
	hosts      []string

	store   *ledger.Ledger
	api     *api.API
	outbox  *paddle.Outbox
	portal  *portal.Portal
	control *control.Control
}

// New returns a fake to mount as a handler. Nil options are the defaults, and
// options are copied: later changes to them have no effect.
//
// The URLs it hands out start with the scheme and the Host of the request that
// asked for them, and with the base path that [http.StripPrefix] took off it.
func New(opts *Options) *Kanuu {
	var o Options
	if opts != nil {
		o = *opts
	}
	if len(o.Plans) == 0 {
		o.Plans = ledger.DefaultPlans()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Webhooks == nil {
		o.Webhooks = new(WebhookOptions)
	}
	if o.Seed == 0 {
		o.Seed = rand.Uint64() //nolint:gosec // decides what goes wrong in a test
	}
	team := cmp.Or(o.Team, DefaultTeam)
	outbox := paddle.NewOutbox(*o.Webhooks, o.Seed)
	store := ledger.New(slices.Clone(o.Plans), o.Now, outbox.Publish)
	pages := portal.New(team, store)
	if o.OnCall == nil {
		o.OnCall = func(Request) {}
	}
	calls := api.New(api.Options{
		Key: cmp.Or(o.APIKey, DefaultAPIKey), Free: o.FreeCustomers, Store: store, Mint: pages.Mint, OnCall: o.OnCall,
		Seed: o.Seed,
	})
	calls.SetCache(o.KanuuCache)
	k := &Kanuu{
		portalPath: "/manage/" + url.PathEscape(team), hosts: slices.Clone(o.ControlHosts),
		store: store, api: calls, outbox: outbox, portal: pages,
		control: &control.Control{Store: store, API: calls, Outbox: outbox, Portal: pages},
	}
	k.SetReturnURL(o.ReturnURL)
	return k
}

// ServeHTTP answers the API below /api, the portal below /manage and the control
// page below /control. A call of the API that went astray gets Laravel's 404.
func (k *Kanuu) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	at, ok := k.locate(r)
	if why := k.refusal(r, at); why != "" {
		http.Error(w, why, http.StatusForbidden)
		return
	}
	switch {
	case !ok:
		http.NotFound(w, r)
	case at.control != "":
		k.control.Serve(w, r, at.control, at.prefix, at.prefix+k.portalPath)
	case at.api != "":
		k.api.Serve(w, r, at.api, origin(r)+at.prefix+k.portalPath)
	default:
		k.portal.Serve(w, r, at.prefix+k.portalPath, at.nonce)
	}
}

// location is the part of Kanuu that a request is for.
type location struct {
	prefix  string // base path, escaped, without a slash at its end
	control string // "/control", "/control/api/state"; empty for all else
	api     string // "/api/nonce", or what was asked for in its place; empty for the portal
	nonce   string // the portal's last path segment; empty for the bare portal
}

// locate goes by the path that is left of what was asked for: RequestURI still
// has the base path that http.StripPrefix took away.
func (k *Kanuu) locate(r *http.Request) (at location, ok bool) {
	path := "/" + strings.TrimPrefix(r.URL.EscapedPath(), "/")
	asked := path
	if u, err := url.ParseRequestURI(r.RequestURI); err == nil && strings.HasSuffix(u.EscapedPath(), path) {
		asked = u.EscapedPath()
	}
	// An empty segment is a base URL that was joined wrongly (and "//host"
	// would send a browser to another host).
	if strings.Contains(asked, "//") {
		path = asked
	}
	_, hasKey := api.Bearer(r)
	at, ok = k.split(path, hasKey)
	at.prefix = strings.TrimSuffix(asked, path)
	return at, ok
}

func (k *Kanuu) split(path string, hasKey bool) (at location, ok bool) {
	nonce, isLink := strings.CutPrefix(path, k.portalPath+"/")
	switch {
	case path == k.portalPath:
		return location{}, true
	case isLink && nonce != "" && !strings.Contains(nonce, "/"):
		return location{nonce: nonce}, true
	case control.Serves(path) && !hasKey:
		return location{control: path}, true
	case hasKey, strings.Contains(path, "/api/"): // also to a wrong base URL
		return location{api: path}, true
	}
	return location{}, false
}

// origin is the scheme and host under which the caller reached the fake.
func origin(r *http.Request) string {
	if r.TLS != nil {
		return "https://" + r.Host
	}
	return "http://" + r.Host
}
