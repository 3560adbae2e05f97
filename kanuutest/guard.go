package kanuutest

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// A fake listens on a developer's machine, where a browser may visit any site. A
// request of such a site is refused before anything is read or recorded.

// refusal is the reason why a request is refused; empty: it is not.
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

// trusts refuses host names of other sites. Such a site can point its own name at
// this machine, and its pages can then send requests to the fake as to their own
// origin (DNS rebinding). An address is no name to point anywhere.
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

// ofOtherSite reports whether a page of another origin sent the request. Links to
// the fake's pages work from any site, and programs send no such header.
func ofOtherSite(r *http.Request, at location) bool {
	isGet := r.Method == http.MethodGet || r.Method == http.MethodHead
	if isGet && at.api == "" && r.Header.Get("Sec-Fetch-Mode") == "navigate" {
		return false
	}
	asked := *r
	asked.Method = http.MethodPost // Check passes every GET
	return new(http.CrossOriginProtection).Check(&asked) != nil
}
