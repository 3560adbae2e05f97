// Package conformance tests adapters for web frameworks: tables of requests to
// /billing, to a gated page and to the webhook handler, with the responses that they
// must get. The library's own adapters run it, and an adapter for another framework
// can run it, too:
//
//	func TestConformance(t *testing.T) {
//		conformance.Test(t, conformance.Framework{Reports: true, Build: func(app conformance.App) http.Handler {
//			who := func(c framework.Context) (kanuu.Identity, error) { return app.Who(c.Request()) }
//
//			router := framework.New()
//			router.OnError(func(err error) { app.Report(framework.StatusOf(err), err) })
//			adapter.Mount(router, conformance.Path, app.Client, who, app.Options)
//			router.Any(conformance.GatedPath, adapter.Gate(app.Gate, who), framework.Wrap(app.Page))
//			router.POST(conformance.WebhookPath, framework.Wrap(app.Webhook))
//
//			return router
//		}})
//	}
//
// [TestRedirect] and [TestGate] are parts of it. The package uses the standard library
// only, and is for tests only.
package conformance

import (
	"net/http"
	"testing"

	"github.com/kanuu-io/kanuu-go"
)

// Where the application under test has what.
const (
	Path        = "/billing"         // the portal, for every method
	GatedPath   = "/pro"             // the page for subscribers, for every method
	WebhookPath = "/webhooks/paddle" // Paddle's webhooks, for POST
)

// Who is the resolver that an application under test must call, with the request of
// its framework.
type Who func(r *http.Request) (kanuu.Identity, error)

// App is what an application under test is built of.
type App struct {
	// Client, Who and Options make the portal under [Path].
	Client  *kanuu.Client
	Who     Who
	Options *kanuu.RedirectOptions

	// Gate is before Page under [GatedPath], with the resolver Who. Page must get the
	// request that the framework's own handlers get.
	Gate *kanuu.Gate
	Page http.HandlerFunc

	// Webhook is the handler under [WebhookPath].
	Webhook http.Handler

	// Report is to be called from where the framework handles the errors of its
	// handlers, with each error and its status.
	Report func(status int, err error)
}

// Framework is the web framework under test.
type Framework struct {
	// Build makes an application. It is called anew for each visit, from several
	// goroutines.
	Build func(app App) http.Handler

	// Reports: the framework handles errors of its handlers, and Build makes it call
	// [App.Report]. net/http and the routers on it have no such place.
	Reports bool

	// Unaware: the framework's server does not notice when a client closes the
	// connection, as net/http's does. The test that needs it is left out then.
	Unaware bool
}

// group is a chapter of the suite.
type group struct {
	name string
	rows []row
}

// row is a visit, or a few that belong together.
type row struct {
	name string
	run  func(t *testing.T, framework Framework)
}

// Where not every framework can follow.
const (
	errorsGroup = "own error handler"
	leavingRow  = "visitor leaves"
)

func portalGroups() []group {
	return []group{
		{"clicks, forms", rowsOf(clicks())},
		{"fetch, htmx, Inertia", rowsOf(scripts())},
		{"nothing minted", rowsOf(unminted())},
		{"who it is", rowsOf(strangers())},
		{"Kanuu fails", rowsOf(failures())},
	}
}

func suite() []group {
	return append(portalGroups(),
		group{"gate", append(rowsOf(gated()), row{"comes back from the portal", comesBack})},
		group{"webhooks", webhooks()},
		group{"panics, leavers", mishaps()},
		group{errorsGroup, rowsOf(reported())},
	)
}

// Test runs the whole suite against applications of a framework, each request as a
// subtest over real HTTP. The framework's own handling of errors is tested only if
// it Reports.
func Test(t *testing.T, framework Framework) {
	t.Helper()
	run(t, framework, suite())
}

func run(t *testing.T, framework Framework, groups []group) {
	t.Helper()
	for _, g := range groups {
		if g.name == errorsGroup && !framework.Reports {
			continue
		}
		t.Run(g.name, func(t *testing.T) {
			for _, r := range g.rows {
				if framework.Unaware && r.name == leavingRow {
					continue
				}
				t.Run(r.name, func(t *testing.T) {
					t.Parallel()
					r.run(t, framework)
				})
			}
		})
	}
}

// NewApp builds an application of the framework under test with the portal
// mounted under [Path] for every method.
type NewApp func(client *kanuu.Client, who Who, options *kanuu.RedirectOptions) http.Handler

// TestRedirect runs the part about the redirect handler.
func TestRedirect(t *testing.T, newApp NewApp) {
	t.Helper()
	run(t, Framework{Build: func(app App) http.Handler { return newApp(app.Client, app.Who, app.Options) }}, portalGroups())
}

// NewGatedApp builds an application of the framework under test that serves page
// under [GatedPath] for every method, behind gate. page must get the request
// that the framework's own handlers see.
type NewGatedApp func(gate *kanuu.Gate, who Who, page http.HandlerFunc) http.Handler

// TestGate runs the part about the gate.
func TestGate(t *testing.T, newApp NewGatedApp) {
	t.Helper()
	run(t, Framework{Build: func(app App) http.Handler { return newApp(app.Gate, app.Who, app.Page) }},
		[]group{{"gate", rowsOf(gated())}})
}
