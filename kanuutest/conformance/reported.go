package conformance

import (
	"net/http"

	"github.com/kanuu-io/kanuu-go"
	"github.com/kanuu-io/kanuu-go/kanuutest"
)

// reported are visits by what the framework's own error handling hears of them.
func reported() []visit {
	leave := func(http.ResponseWriter, *http.Request, error) {}
	debtor := &kanuutest.Fault{Status: http.StatusPaymentRequired}
	return []visit{
		{name: "success", headers: click(nil), status: 302, answers: location(portal), calls: 1},
		{name: "to the login page", headers: click(nil), user: nobody, options: login, status: 302,
			answers: location(login.LoginURL)},
		{name: "to the billing page", path: GatedPath, headers: click(nil), gate: door, status: 303, answers: location(Path)},
		{name: "nobody logged in", headers: click(nil), user: nobody, status: 401, body: page, hears: kanuu.ErrUnauthenticated},
		{name: "Kanuu answers 401", headers: click(nil), fault: &kanuutest.Fault{Status: 401}, status: 500, body: page, calls: 1,
			hears: kanuu.ErrInvalidAPIKey},
		{name: "Kanuu answers 402", headers: click(nil), fault: debtor, status: 503, body: page, calls: 1,
			hears: kanuu.ErrPaymentRequired},
		{name: "identity is not valid", headers: click(nil), user: invalid, status: 500, body: page,
			hears: kanuu.ErrInvalidIdentity},
		{name: "an upstream of the application answers 401", headers: click(nil), user: unknown, status: 500, body: page,
			hears: errUpstream},
		{name: "not subscribed", path: GatedPath, headers: script(nil), gate: door, status: 402, body: problem,
			hears: kanuu.ErrNotSubscribed},
		{name: "Kanuu answers the gate 401", path: GatedPath, headers: click(nil), fault: &kanuutest.Fault{Status: 401},
			status: 500, body: page, hears: kanuu.ErrInvalidAPIKey},
		{
			name: "OnError leaves the answer to it", headers: click(nil), fault: debtor,
			options: kanuu.RedirectOptions{OnError: leave}, status: 503, body: anything, calls: 1,
			hears: kanuu.ErrPaymentRequired,
		},
		{
			name: "OnError leaves an upstream's 401 to it", headers: click(nil), user: unknown,
			options: kanuu.RedirectOptions{OnError: leave}, status: 500, body: anything, hears: errUpstream,
		},
		{
			name: "OnError leaves the gate's answer to it", path: GatedPath, headers: click(nil),
			gate: kanuu.GateOptions{OnError: leave}, status: 402, body: anything, hears: kanuu.ErrNotSubscribed,
		},
	}
}
