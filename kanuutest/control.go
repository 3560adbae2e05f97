package kanuutest

import (
	"cmp"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// What is below /control: a page for people, and the same as JSON for programs.

// isControl reports whether a path is for the control page: the page itself, a
// file of it, or a call.
func isControl(path string) bool {
	return slices.Contains([]string{"/control", "/control/", "/control/public-key.pem"}, path) ||
		strings.HasPrefix(path, "/control/api/")
}

func (k *Kanuu) serveControl(w http.ResponseWriter, r *http.Request, at location) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", controlPolicy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "same-origin") // as in the portal

	call, isCall := strings.CutPrefix(at.control, "/control/api/")
	fail := k.failPage
	if isCall {
		fail = failCall
	}
	var sameOrigin http.CrossOriginProtection
	switch {
	case !k.trusts(r.Host):
		fail(w, http.StatusForbidden, "the control page is not for this host name: use localhost or an IP address, "+
			"or add the name to Options.ControlHosts")
	case sameOrigin.Check(r) != nil:
		fail(w, http.StatusForbidden, "this came from another site: open the control page and try again")
	case isCall:
		k.controlCall(w, r, call)
	case at.control == "/control":
		k.controlPage(w, r, at)
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		h.Set("Allow", "GET, HEAD")
		fail(w, http.StatusMethodNotAllowed, "this can only be read")
	case at.control == "/control/":
		h.Set("Location", at.prefix+"/control")
		w.WriteHeader(http.StatusMovedPermanently)
	default:
		h.Set("Content-Type", "application/x-pem-file")
		h.Set("Content-Disposition", `inline; filename="public-key.pem"`)
		_, _ = w.Write([]byte(k.PublicKey())) // a visitor who is gone has nobody to tell
	}
}

// trusts tells hosts that nobody else can have from those that a foreign site
// may have pointed at this machine, to let a browser that visits it talk to the
// fake as if it were a part of that site (DNS rebinding). An address is no name
// to point anywhere.
func (k *Kanuu) trusts(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if host == "localhost" || strings.HasSuffix(host, ".localhost") || k.namedHost(host) {
		return true
	}
	_, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil
}

func (k *Kanuu) namedHost(host string) bool {
	return slices.ContainsFunc(k.controlHosts, func(name string) bool { return strings.EqualFold(name, host) })
}

func checkWebhookURL(to string) error {
	if to == "" {
		return nil
	}
	u, err := url.Parse(to)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return errors.New("url is no absolute http or https URL: write it like http://localhost:8080/webhooks/paddle")
	}
	return nil
}

// tryAct does what a button of the portal does. Its errors, as those of
// tryInject, are for whoever sits at the control page.
func (k *Kanuu) tryAct(identifier, does, planID string) error {
	if identifier == "" {
		return errors.New("identifier is empty")
	}
	o, known := k.order(does, planID)
	switch {
	case !known && action(does) == actionSubscribe:
		return errors.New("no such plan is on sale")
	case !known:
		return errors.New("no such action: use subscribe, pay, resume, pause, cancel, fail, succeed, skip or refund")
	}
	if _, done := k.perform(identifier, o); !done {
		return errors.New("the subscription is not in a state for that")
	}
	return nil
}

func (k *Kanuu) tryInject(f Fault) error {
	paths := []string{"", "/api/nonce", "/api/subscription"}
	err := f.check()
	if !slices.Contains(paths, f.Path) {
		err = cmp.Or(err, errors.New("path is none of the API: use /api/nonce or /api/subscription, or leave it out for both"))
	}
	if err == nil {
		k.Inject(f)
	}
	return err
}
