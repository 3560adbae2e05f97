package kanuutest

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"github.com/kanuu-io/kanuu-go/kanuutest/internal/jsonbody"
)

// A fake listens on a developer's machine, where a browser may visit any site
// meanwhile. What such a site sends is refused before anything is read.

// refusal says why a request is not answered; empty: it is.
func (k *Kanuu) refusal(r *http.Request, at location) string {
	_, isNetwork := r.Context().Value(http.LocalAddrContextKey).(net.Addr) // else a test calls ServeHTTP
	if isNetwork && !k.trusts(r.Host) {
		return "this host name is not trusted: use localhost or an IP address, or add the name to Options.ControlHosts"
	}
	if ofOtherSite(r, at) {
		return "this came from another site: open the page from your application and try again"
	}
	return ""
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
	named := host != "" && slices.ContainsFunc(k.hosts, func(name string) bool { return strings.EqualFold(name, host) })
	if named || host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	_, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil
}

// ofOtherSite reports whether a page of another origin sent the request. Links
// to the pages are followed from anywhere, and programs send no such header.
func ofOtherSite(r *http.Request, at location) bool {
	isGet := r.Method == http.MethodGet || r.Method == http.MethodHead
	if isGet && at.api == "" && r.Header.Get("Sec-Fetch-Mode") == "navigate" {
		return false
	}
	asked := *r
	asked.Method = http.MethodPost // those of a GET are not checked
	return new(http.CrossOriginProtection).Check(&asked) != nil
}

func refuse(w http.ResponseWriter, at location, why string) {
	if at.api == "" && !strings.HasPrefix(at.control, "/control/api/") {
		http.Error(w, why, http.StatusForbidden)
		return
	}
	jsonbody.Write(w, http.StatusForbidden, struct {
		Message string `json:"message"` // as in the API
		Error   string `json:"error"`   // as in the control API
	}{why, why})
}
