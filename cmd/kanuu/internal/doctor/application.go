package doctor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/kanuu-io/kanuu-go/cmd/kanuu/internal/control"
	"github.com/kanuu-io/kanuu-go/kanuutest"
)

// reply of the application.
type reply struct {
	status   int
	header   http.Header
	location *url.URL // nil: the response does not redirect
}

// leadsTo reports whether r redirects to the host of a URL.
func (r reply) leadsTo(raw string) bool {
	u, _ := url.Parse(raw) // was checked
	return r.location != nil && r.location.Host == u.Host
}

// ask returns the reply to a request, and remembers its cookies.
func (d *doctor) ask(ctx context.Context, method, target string, header map[string]string, body io.Reader) (r reply, err error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, target, body)
	if err != nil {
		return r, err
	}
	for name, value := range header {
		req.Header.Set(name, value)
	}
	res, err := d.transport.RoundTrip(req)
	if err != nil {
		return r, err
	}
	defer res.Body.Close()
	d.cookies = append(d.cookies, res.Cookies()...)
	r.status, r.header = res.StatusCode, res.Header
	if to, err := res.Location(); err == nil && r.status >= 300 && r.status <= 399 {
		r.location = to
	}
	return r, nil
}

// navigation are the headers of a click by the customer whose cookie it is.
func (d *doctor) navigation(more ...string) map[string]string {
	h := map[string]string{
		"Accept": "text/html", "Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document",
	}
	if d.Cookie != "" {
		h["Cookie"] = d.Cookie
	}
	for i := 0; i+1 < len(more); i += 2 {
		h[more[i]] = more[i+1]
	}
	return h
}

// checkApplication looks at a running application from outside.
func (d *doctor) checkApplication(ctx context.Context) {
	met := d.meet(ctx, d.AppURL)
	if met.err != nil {
		d.say(checkApplication, Fail, d.AppURL+" cannot be reached: "+reason(met.err), "start it, or check --app-url")
		return
	}
	d.say(checkApplication, OK, d.AppURL+" answers", "")
	d.checkClock(checkAppClock, met)
	if _, err := d.ask(ctx, http.MethodGet, d.AppURL, d.navigation(), http.NoBody); err != nil {
		d.say(checkApplication, Warn, "a GET of "+d.AppURL+" failed: "+reason(err), "look into the application's log")
	}
	d.checkPrefetch(ctx)
	d.checkLink(ctx)
	if d.Gate != "" {
		d.checkGate(ctx)
	}
	d.checkCookies()
}

func (d *doctor) appURL(path string) string {
	return strings.TrimRight(d.AppURL, "/") + "/" + strings.TrimLeft(path, "/")
}

// checkPrefetch sends what browsers send without a click.
func (d *doctor) checkPrefetch(ctx context.Context) {
	for _, probe := range []struct{ name, method, header, value string }{
		{"a HEAD request", http.MethodHead, "Accept", "text/html"},
		{"a prefetch", http.MethodGet, "Sec-Purpose", "prefetch"},
	} {
		before := d.nonces(ctx)
		target := d.appURL("/billing")
		res, err := d.ask(ctx, probe.method, target, d.navigation(probe.header, probe.value), http.NoBody)
		if err != nil {
			d.say(checkPrefetch, Fail, target+" cannot be reached: "+reason(err), "look into the application's log")
			return
		}
		const remedy = "let kanuu.NewRedirectHandler answer it, and pass the method and Sec-Purpose on unchanged"
		switch {
		case res.status == http.StatusNotFound:
			d.say(checkPrefetch, Skip, "there is no /billing at "+d.AppURL, "")
			return
		case d.nonces(ctx) > before, d.isEmulator && res.leadsTo(d.BaseURL):
			d.say(checkPrefetch, Fail, probe.name+" to /billing made a nonce, which nobody asked for", remedy)
			return
		case !d.isEmulator && res.location != nil && !res.leadsTo(d.AppURL):
			d.say(checkPrefetch, Warn, probe.name+" to /billing was led to another host, perhaps with a nonce", remedy)
			return
		}
	}
	d.say(checkPrefetch, OK, "HEAD and prefetch of /billing make no nonce", "")
}

// checkLink clicks on the link to the portal. It costs a nonce, so the emulator has
// to be there.
func (d *doctor) checkLink(ctx context.Context) {
	if !d.isEmulator {
		d.say(checkLink, Skip, "not clicked: it would make a nonce at Kanuu; the emulator's cost nothing", "")
		return
	}
	res, err := d.ask(ctx, http.MethodGet, d.appURL("/billing"), d.navigation(), http.NoBody)
	switch {
	case err != nil:
		d.say(checkLink, Fail, "/billing cannot be reached: "+reason(err), "look into the application's log")
	case !res.leadsTo(d.BaseURL):
		remedy := "log in to the application, and set %s to the Cookie header of that browser"
		if d.Cookie != "" {
			remedy = "the application does not accept the login of %s: log in again, and take the new Cookie header"
		}
		d.say(checkLink, Skip,
			fmt.Sprintf("/billing answered %d and did not lead to the portal: "+remedy, res.status, EnvCookie), "")
	case !hasDirective(res, "no-store"):
		d.say(checkLink, Fail, "/billing leads to the portal without Cache-Control: no-store",
			"keep the header that the handler sets: a cached link is used up, or another customer's")
	default:
		d.say(checkLink, OK, "/billing leads to the portal, and is not cached", "")
	}
}

// checkGate opens the gated page, without a login and with it.
func (d *doctor) checkGate(ctx context.Context) {
	stranger := d.navigation()
	delete(stranger, "Cookie")
	found := d.Gate + " is closed without a login, and is not cached"
	for _, header := range []map[string]string{stranger, d.navigation()} {
		res, err := d.ask(ctx, http.MethodGet, d.appURL(d.Gate), header, http.NoBody)
		switch {
		case err != nil:
			d.say(checkGate, Fail, d.Gate+" cannot be reached: "+reason(err), "look into the application's log")
			return
		case res.status == http.StatusNotFound:
			d.say(checkGate, Fail, "there is no "+d.Gate, "check --gate")
			return
		case header["Cookie"] == "" && res.status < http.StatusMultipleChoices:
			d.say(checkGate, Fail, d.Gate+" opens without a login", "put it behind the gate")
			return
		case res.status < http.StatusMultipleChoices && (hasDirective(res, "public") || hasDirective(res, "s-maxage")):
			d.say(checkGate, Fail, d.Gate+" lets shared caches keep the page of a subscriber",
				"set Cache-Control: private or no-store on the page: a cache would give it to others")
			return
		case res.status >= http.StatusMultipleChoices && !hasDirective(res, "no-store"):
			d.say(checkGate, Fail, fmt.Sprintf("%s answered %d without Cache-Control: no-store", d.Gate, res.status),
				"keep the header that the gate sets: a cache would give this response to subscribers")
			return
		case header["Cookie"] != "" && res.status < http.StatusMultipleChoices:
			found += "; it is open to the customer of " + EnvCookie
		case header["Cookie"] != "":
			found += "; it is closed to the customer of " + EnvCookie
		}
	}
	d.say(checkGate, OK, found, "")
}

func hasDirective(res reply, name string) bool {
	return strings.Contains(strings.ToLower(strings.Join(res.header.Values("Cache-Control"), ",")), name)
}

var sessionName = regexp.MustCompile(`(?i)sess|auth|token|sid|login`)

// checkCookies looks at the session cookies of all responses before it.
func (d *doctor) checkCookies() {
	bad, names := "", ""
	for _, c := range d.cookies {
		if !c.HttpOnly && !sessionName.MatchString(c.Name) || strings.Contains(names, c.Name+" ") {
			continue
		}
		names += c.Name + " "
		switch c.SameSite {
		case http.SameSiteLaxMode, http.SameSiteStrictMode:
		case http.SameSiteNoneMode:
			bad = cmp.Or(bad, "the cookie "+c.Name+" has SameSite=None")
		default:
			bad = cmp.Or(bad, "the cookie "+c.Name+" has no SameSite")
		}
	}
	switch {
	case bad != "":
		d.say(checkCookies, Fail, bad, "set SameSite=Lax: else pages of other sites act as your customers")
	case names == "":
		d.say(checkCookies, Skip, "no page set a session cookie, so its SameSite is not known", "")
	default:
		d.say(checkCookies, OK, strings.TrimSpace(names)+": SameSite is set", "")
	}
}

// nonces counts the calls for one that the emulator has had; 0 without an emulator.
func (d *doctor) nonces(ctx context.Context) (n int) {
	for _, call := range d.emulator(ctx).Calls {
		if call.Path == "/api/nonce" {
			n++
		}
	}
	return n
}

// emulator is its state; empty if there is none.
func (d *doctor) emulator(ctx context.Context) (s kanuutest.State) {
	if d.isEmulator {
		_ = control.Call(ctx, d.client, d.BaseURL, "state", nil, &s) // then nothing is counted
	}
	return s
}

// sign makes the body of an alert without a customer.
func (d *doctor) sign(ctx context.Context) (body string, err error) {
	now := d.Now().UTC()
	fields := map[string]string{
		"alert_id": strconv.FormatInt(now.UnixMilli(), 10), "alert_name": "kanuu_doctor", "passthrough": "",
		"event_time": now.Format(time.DateTime),
	}
	switch {
	case d.SigningKey != nil:
		form := url.Values{}
		for name, value := range fields {
			form.Set(name, value)
		}
		return kanuutest.NewSignerWithKey(d.SigningKey).Sign(form.Encode()), nil
	case d.isEmulator:
		var signed struct{ Body string }
		err = control.Call(ctx, d.client, d.BaseURL, "sign", map[string]any{"fields": fields}, &signed)
		return signed.Body, err
	}
	return "", errNoSigner
}

var errNoSigner = errors.New("no key to sign with: run it against the emulator, or give --signing-key")
