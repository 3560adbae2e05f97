package conformance

import (
	"net/http"

	"github.com/kanuu-io/kanuu-go"
	"github.com/kanuu-io/kanuu-go/kanuutest"
)

// The visits to the portal's path, by what they show.

var (
	foreign = map[string]string{"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}
	htmx    = map[string]string{"HX-Request": "true"}
	inertia = map[string]string{"X-Inertia": "true", "Accept": "text/html, application/xhtml+xml"}
	turbo   = map[string]string{"Sec-Fetch-Mode": "same-origin", "Accept": "text/html, application/xhtml+xml"}
	unpoly  = map[string]string{"X-Up-Version": "3.11.0"}
	worker  = map[string]string{
		"Sec-Fetch-Mode": "same-origin", "Upgrade-Insecure-Requests": "1",
		"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
	}
	login = kanuu.RedirectOptions{LoginURL: "/login?next=%2Fbilling"}
)

func clicks() []visit {
	return []visit{
		{name: "click", headers: click(nil), status: 302, answers: location(portal), calls: 1},
		{name: "click from another site", headers: click(map[string]string{"Sec-Fetch-Site": "cross-site"}), status: 302,
			answers: location(portal), calls: 1},
		{name: "typed into the address bar", headers: click(map[string]string{"Sec-Fetch-Site": "none"}), status: 302,
			answers: location(portal), calls: 1},
		{name: "bare client", status: 302, answers: location(portal), calls: 1},
		{name: "curl", headers: map[string]string{"Accept": "*/*"}, status: 302, answers: location(portal), calls: 1},
		{name: "form", method: "POST", headers: click(map[string]string{"Origin": "SELF"}), status: 303,
			answers: location(portal), calls: 1},
		{name: "form of a bare client", method: "POST", status: 303, answers: location(portal), calls: 1},
		{name: "form from another site", method: "POST", headers: click(foreign), status: 403, body: page},
		{name: "form from another origin, old browser", method: "POST",
			headers: map[string]string{"Origin": "https://evil.example"}, status: 403, body: page},
		{name: "Accept prefers HTML", headers: map[string]string{"Accept": "text/html, application/json;q=0.9"}, status: 302,
			answers: location(portal), calls: 1},
	}
}

func scripts() []visit {
	return []visit{
		{name: "fetch POST from another site", method: "POST", headers: script(foreign), status: 403, body: problem},
		{name: "fetch", headers: script(nil), status: 200, answers: map[string]string{"Content-Type": "application/json"},
			lacks: []string{"Location"}, body: urlJSON, calls: 1},
		{name: "fetch same-origin", headers: script(map[string]string{"Sec-Fetch-Mode": "same-origin"}), status: 200,
			body: urlJSON, calls: 1},
		{name: "fetch POST", method: "POST", headers: script(map[string]string{"Origin": "SELF"}), status: 200, body: urlJSON,
			calls: 1},
		{name: "Accept prefers JSON", headers: map[string]string{"Accept": "application/json, text/plain, */*"}, status: 200,
			body: urlJSON, calls: 1},
		{name: "htmx", headers: script(htmx), status: 200, answers: map[string]string{"Hx-Redirect": portal},
			lacks: []string{"Location"}, calls: 1},
		{name: "htmx POST", method: "POST", headers: script(map[string]string{"HX-Request": "true", "Origin": "SELF"}),
			status: 200, answers: map[string]string{"Hx-Redirect": portal}, calls: 1},
		{name: "Inertia", headers: script(inertia), status: 409, answers: map[string]string{"X-Inertia-Location": portal},
			lacks: []string{"X-Inertia", "Location"}, calls: 1},
		{name: "htmx 4", headers: script(with(htmx, "Sec-Fetch-Mode", "same-origin", "Accept", "text/html")), status: 200,
			answers: map[string]string{"Hx-Redirect": portal}, lacks: []string{"Location"}, calls: 1},
		{name: "XMLHttpRequest over http", headers: map[string]string{"X-Requested-With": "XMLHttpRequest", "Accept": "*/*"},
			status: 200, body: urlJSON, calls: 1},
		{name: "WebView of Android over http", headers: map[string]string{"X-Requested-With": "com.example.app",
			"Accept": "text/html"}, status: 302, answers: location(portal), calls: 1},
		{name: "service worker that passes a click on", headers: script(worker), status: 302, answers: location(portal),
			calls: 1},
		{name: "service worker that passes a form on", method: "POST", headers: script(with(worker, "Origin", "SELF")),
			status: 303, answers: location(portal), calls: 1},
		{name: "Turbo", headers: script(turbo), status: 200, body: page, onward: Path, hears: errNothing,
			contains: `<meta name="turbo-visit-control" content="reload">`},
		{name: "Turbo form", method: "POST", headers: script(with(turbo, "Origin", "SELF")), status: 303,
			answers: location(Path)},
		{name: "Turbo over http", headers: map[string]string{"Accept": "text/html, application/xhtml+xml"}, status: 200,
			body: page, onward: Path, hears: errNothing},
		{name: "swup", headers: script(map[string]string{"X-Requested-With": "swup", "Accept": "text/html"}), status: 200,
			body: page, onward: Path, hears: errNothing},
		{name: "Unpoly", headers: script(unpoly), status: 200, body: page, onward: Path, hears: errNothing},
		{name: "fetch GET from another site", headers: script(foreign), status: 403, body: problem},
		{name: "fetch GET from a sibling origin", headers: script(map[string]string{"Sec-Fetch-Site": "same-site",
			"Origin": "https://sibling.example"}), status: 403, body: problem},
		{name: "fetch GET from another origin over http", headers: map[string]string{"Accept": "*/*",
			"Origin": "http://evil.example"}, status: 403, body: page},
		{name: "htmx from another site", headers: script(with(foreign, "HX-Request", "true")), status: 403, body: problem},
		{name: "fetch GET from a trusted origin", headers: script(foreign), options: trusting("https://evil.example"),
			status: 200, body: urlJSON, calls: 1},
	}
}

func trusting(origin string) kanuu.RedirectOptions {
	protection := http.NewCrossOriginProtection()
	if err := protection.AddTrustedOrigin(origin); err != nil { // an origin of these tables
		panic(err)
	}
	return kanuu.RedirectOptions{CrossOriginProtection: protection}
}

// unminted: who does not click gets no nonce.
func unminted() []visit {
	return []visit{
		{name: "prefetch", headers: click(map[string]string{"Sec-Purpose": "prefetch", "Sec-Fetch-User": ""}), status: 503},
		{name: "prerender", headers: click(map[string]string{"Sec-Purpose": "prefetch;prerender"}), status: 503},
		{name: "prefetch, before Sec-Purpose", headers: map[string]string{"Purpose": "prefetch"}, status: 503},
		{name: "preview of Safari", headers: map[string]string{"X-Purpose": "preview"}, status: 503},
		{name: "prefetch of old Firefox", headers: map[string]string{"X-Moz": "prefetch"}, status: 503},
		{name: "prefetch of Next.js", headers: script(map[string]string{"Next-Router-Prefetch": "1"}), status: 503},
		{name: "click that takes over a prefetch", headers: click(map[string]string{"Purpose": "prefetch"}), status: 302,
			answers: location(portal), calls: 1},
		{name: "image", headers: map[string]string{"Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"}, status: 503},
		{name: "hover, Turbo", headers: script(with(turbo, "X-Sec-Purpose", "prefetch")), status: 503,
			lacks: []string{"Content-Type"}},
		{name: "hover, Turbo frame", headers: script(with(turbo, "X-Sec-Purpose", "prefetch", "Turbo-Frame", "a")), status: 200,
			body: page, onward: Path, hears: errNothing, contains: `<meta name="turbo-visit-control" content="reload">`},
		{name: "hover, htmx", headers: script(with(htmx, "HX-Preloaded", "true")), status: 503, lacks: []string{"Content-Type"}},
		{name: "hover, Inertia", query: "?a=b", headers: script(with(inertia, "Purpose", "prefetch")), status: 409,
			answers: map[string]string{"X-Inertia-Location": Path + "?a=b"}},
		{name: "EventSource", headers: script(map[string]string{"Accept": "text/event-stream"}), status: 503},
		{name: "WebSocket", headers: script(map[string]string{"Sec-Fetch-Mode": "websocket", "Sec-Fetch-Dest": "websocket"}),
			status: 503},
		{name: "image over http", headers: map[string]string{"Accept": "image/avif,image/webp,*/*;q=0.8"}, status: 503},
		{name: "iframe", headers: click(map[string]string{"Sec-Fetch-Dest": "iframe", "Sec-Fetch-User": ""}), status: 503},
		{name: "click in an iframe", headers: click(map[string]string{"Sec-Fetch-Dest": "iframe"}), status: 200, body: page,
			onward: Path, hears: errNothing, contains: `target="_top"`},
		{name: "script element", headers: map[string]string{"Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "script"},
			status: 503},
		{name: "beacon", method: "POST", headers: script(map[string]string{"Sec-Fetch-Mode": "no-cors", "Origin": "SELF"}),
			status: 503},
		{name: "HEAD", method: "HEAD", status: 204, lacks: []string{"Location"}},
		{name: "HEAD of a stranger", method: "HEAD", user: nobody, status: 204, options: login, lacks: []string{"Location"}},
		{name: "PUT", method: "PUT", status: 405, answers: map[string]string{"Allow": "GET, HEAD, POST"}, body: problem},
		{name: "PUT by a browser", method: "PUT", headers: map[string]string{"Accept": "text/html"}, status: 405, body: page},
		{name: "DELETE by a program", method: "DELETE", headers: map[string]string{"Accept": "application/json"}, status: 405,
			answers: map[string]string{"Allow": "GET, HEAD, POST"}, body: problem},
	}
}

func strangers() []visit {
	return []visit{
		{name: "another's identifier in the URL", query: "?identifier=7&id=7&user=7&email=eve@example.com", headers: click(nil),
			status: 302, answers: location(portal), calls: 1},
		{name: "nobody logged in, click", headers: click(nil), user: nobody, options: login, status: 302,
			answers: location(login.LoginURL)},
		{name: "nobody logged in, form", method: "POST", headers: click(map[string]string{"Origin": "SELF"}), user: nobody,
			options: login, status: 303, answers: location(login.LoginURL)},
		{name: "nobody logged in, fetch", headers: script(nil), user: nobody, options: login, status: 401,
			lacks: []string{"Location"}, body: problem, onward: login.LoginURL},
		{name: "nobody logged in, htmx", headers: script(htmx), user: nobody, options: login, status: 200,
			answers: map[string]string{"Hx-Redirect": login.LoginURL}, lacks: []string{"Location"}},
		{name: "nobody logged in, Inertia", headers: script(inertia), user: nobody, options: login, status: 409,
			answers: map[string]string{"X-Inertia-Location": login.LoginURL}, lacks: []string{"Location"}},
		{name: "nobody logged in, click, back to billing", query: "?from=mail", headers: click(nil), user: nobody,
			options: kanuu.RedirectOptions{LoginURL: "/login", ReturnParam: "next"}, status: 302,
			answers: location("/login?next=%2Fbilling%3Ffrom%3Dmail")},
		{name: "nobody logged in, no login page", headers: click(nil), user: nobody, status: 401, body: page},
		{name: "may not manage billing", headers: click(nil), user: forbidden, options: login, status: 403, body: page},
		{name: "resolver returns what Kanuu refuses", headers: click(nil), user: invalid, status: 500, body: page},
		{name: "an upstream of the application answers 401", headers: click(nil), user: unknown, options: login, status: 500,
			body: page},
		{name: "something of the application was cancelled", headers: click(nil), user: cancelled, status: 500, body: page},
		{name: "an upstream of the application answers 401, fetch", headers: script(nil), user: unknown, options: login,
			status: 500, body: problem},
	}
}

func failures() []visit {
	return []visit{
		{name: "Kanuu: 401", headers: click(nil),
			fault: &kanuutest.Fault{Status: 401, Body: `{"message": "upstream said Unauthorized"}`}, status: 500, body: page,
			calls: 1},
		{name: "Kanuu: 401, fetch", headers: script(nil), fault: &kanuutest.Fault{Status: 401}, status: 500, body: problem,
			calls: 1},
		{name: "Kanuu: 402", headers: click(nil), fault: &kanuutest.Fault{Status: 402}, status: 503,
			lacks: []string{"Retry-After"}, body: page, calls: 1},
		{name: "Kanuu: 422", headers: click(nil), fault: &kanuutest.Fault{Status: 422}, status: 500, body: page, calls: 1},
		{name: "Kanuu: 429", headers: click(nil),
			fault: &kanuutest.Fault{Status: 429, Header: http.Header{"Retry-After": {"77"}}}, status: 503,
			answers: map[string]string{"Retry-After": "77"}, body: page, calls: 1},
		{name: "Kanuu: 503", headers: click(nil), fault: &kanuutest.Fault{Status: 503}, status: 503,
			answers: map[string]string{"Retry-After": "10"}, body: page, calls: 3},
		{name: "Kanuu: 503, form", method: "POST", headers: click(map[string]string{"Origin": "SELF"}),
			fault: &kanuutest.Fault{Status: 503}, status: 503, body: page, calls: 3},
		{name: "Kanuu: 503 once", headers: click(nil), fault: &kanuutest.Fault{Status: 503, Times: 1}, status: 302,
			answers: location(portal), calls: 2},
		{name: "Kanuu: drops the connection", headers: click(nil), fault: &kanuutest.Fault{Drop: true}, status: 503, body: page,
			calls: 3},
		{name: "Kanuu: drops one connection", headers: click(nil), fault: &kanuutest.Fault{Drop: true, Times: 1}, status: 302,
			answers: location(portal), calls: 2},
		{name: "Kanuu: redirects", headers: click(nil),
			fault:  &kanuutest.Fault{Status: 307, Header: http.Header{"Location": {"https://evil.example/api/nonce"}}},
			status: 500, body: page, calls: 1},
		{name: "Kanuu: garbage", headers: click(nil), fault: &kanuutest.Fault{Status: 200, Body: "<h1>Welcome to nginx!</h1>"},
			status: 500, body: page, calls: 1},
		{name: "Kanuu: nothing", headers: click(nil), fault: &kanuutest.Fault{Status: 204}, status: 500, body: page, calls: 1},
		{name: "Kanuu: script URL", headers: click(nil), fault: answering("javascript:alert(1)"), status: 500, body: page,
			calls: 1},
		{name: "Kanuu: relative URL", headers: click(nil), fault: answering("/manage/acme/x"), status: 500, body: page, calls: 1},
		{name: "Kanuu: host that is not allowed", headers: click(nil),
			options: kanuu.RedirectOptions{AllowedHosts: []string{"kanuu.io"}}, status: 500, body: page, calls: 1},
		{
			name: "OnError answers", headers: click(nil), fault: &kanuutest.Fault{Status: 402},
			options: kanuu.RedirectOptions{OnError: ownPage},
			status:  503, answers: map[string]string{"Own-Page": "yes"}, calls: 1, hears: kanuu.ErrPaymentRequired,
		},
	}
}

func ownPage(w http.ResponseWriter, _ *http.Request, err error) {
	w.Header().Set("Own-Page", "yes")
	w.WriteHeader(kanuu.HTTPStatus(err))
}

// mintedNonce is the one in answers that cannot be used.
const mintedNonce = "0123456789abcdef"

func answering(portalURL string) *kanuutest.Fault {
	return &kanuutest.Fault{Status: 201, Body: `{"nonce": "` + mintedNonce + `", "url": "` + portalURL + `"}`}
}
