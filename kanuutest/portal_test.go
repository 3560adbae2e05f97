package kanuutest_test

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kanuu-io/kanuu-go/kanuutest"
)

func newForm(t *testing.T, url, form string) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(form))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return req
}

func submit(t *testing.T, client *http.Client, url, form string) answer {
	t.Helper()
	return send(t, client, newForm(t, url, form))
}

func TestPortalPage(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	_, link := mint(t, s.URL, "user:<42>")
	page := visit(t, browser(t), http.MethodGet, link)
	require.Equal(t, http.StatusOK, page.StatusCode)
	assert.Equal(t, "text/html; charset=utf-8", page.Header.Get("Content-Type"))
	assert.Equal(t, "no-store", page.Header.Get("Cache-Control"))
	assert.Equal(t, "nosniff", page.Header.Get("X-Content-Type-Options"))
	assert.Equal(t, "same-origin", page.Header.Get("Referrer-Policy"))

	require.Len(t, page.Cookies(), 1)
	cookie := page.Cookies()[0]
	assert.True(t, cookie.HttpOnly)
	assert.False(t, cookie.Secure)
	assert.Equal(t, http.SameSiteLaxMode, cookie.SameSite)
	assert.Equal(t, "/manage/acme", cookie.Path)
	assert.Regexp(t, `^[0-9a-f]{32}$`, cookie.Value)
	assert.NotContains(t, link, cookie.Value, "the session is no part of the link")

	csp := page.Header.Get("Content-Security-Policy")
	style := regexp.MustCompile(`(?s)<style>(.*)</style>`).FindStringSubmatch(page.body)
	require.NotNil(t, style)
	sum := sha256.Sum256([]byte(style[1]))
	assert.Contains(t, csp, "default-src 'none'; style-src 'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"';")
	assert.Contains(t, csp, "form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
	assert.NotRegexp(t, `(?i)<script|<link|<img|\ssrc=|url\(|@import|\sstyle=|\son\w+=`, page.body)

	for _, want := range []string{
		"Fake Kanuu for development", "user:&lt;42&gt;", "No subscription", "Back to your application",
		"Subscribe to Basic", "9.00 EUR / month", "Subscribe to Pro", "29.00 EUR / month", `<html lang="en">`,
	} {
		assert.Contains(t, page.body, want)
	}
	assert.Empty(t, s.Requests()[1:], "a visit is no call")
}

func TestLinkWorksOnce(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	_, link := mint(t, s.URL, "42")
	ann := browser(t)

	for range 2 {
		head := visit(t, ann, http.MethodHead, link)
		assert.Equal(t, http.StatusOK, head.StatusCode, "HEAD uses nothing up")
		assert.Empty(t, head.Cookies())
	}
	require.Equal(t, http.StatusOK, visit(t, ann, http.MethodGet, link).StatusCode)
	again := visit(t, ann, http.MethodGet, link)
	assert.Equal(t, http.StatusOK, again.StatusCode, "the session goes on")
	assert.Empty(t, again.Cookies())
	assert.Equal(t, http.StatusOK, visit(t, ann, http.MethodHead, link).StatusCode)
	assert.Equal(t, http.StatusOK, visit(t, ann, http.MethodGet, s.URL+"/manage/acme").StatusCode)

	for name, url := range map[string]string{
		"used":      link,
		"unknown":   s.URL + "/manage/acme/d3e2c48bb1fb4badfa27fe9a03924207",
		"no link":   s.URL + "/manage/acme",
		"with junk": link + "x",
	} {
		refused := visit(t, http.DefaultClient, http.MethodGet, url)
		assert.Equal(t, http.StatusForbidden, refused.StatusCode, name)
		assert.Contains(t, refused.body, "This link was already used", name)
		assert.Contains(t, refused.body, `href="/"`, name)
		assert.Equal(t, "no-store", refused.Header.Get("Cache-Control"), name)
		assert.Empty(t, refused.Cookies(), name)
		assert.Equal(t, http.StatusForbidden, visit(t, http.DefaultClient, http.MethodHead, url).StatusCode, name)
		assert.Equal(t, http.StatusForbidden, submit(t, http.DefaultClient, url, "action=subscribe&plan=67").StatusCode, name)
	}
	assert.Zero(t, s.Subscription("42"))
}

func TestSessionsAreApart(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	_, annLink := mint(t, s.URL, "ann")
	_, bobLink := mint(t, s.URL, "bob")
	ann, bob := browser(t), browser(t)
	visit(t, ann, http.MethodGet, annLink)
	visit(t, bob, http.MethodGet, bobLink)
	assert.Equal(t, http.StatusForbidden, visit(t, ann, http.MethodGet, bobLink).StatusCode, "another's used link")

	assert.Equal(t, http.StatusSeeOther, submit(t, ann, s.URL+"/manage/acme", "action=subscribe&plan=67").StatusCode)
	assert.Equal(t, kanuutest.StatusActive, s.Subscription("ann").Status)
	assert.Zero(t, s.Subscription("bob"))

	_, second := mint(t, s.URL, "ann")
	visit(t, ann, http.MethodGet, second)
	assert.Equal(t, http.StatusOK, visit(t, ann, http.MethodGet, annLink).StatusCode, "an older link of one's own")

	_, asCarl := mint(t, s.URL, "carl")
	assert.Contains(t, visit(t, ann, http.MethodGet, asCarl).body, "<code>carl</code>", "a new link starts over")
}

func TestPortalRefusesOtherSites(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	_, link := mint(t, s.URL, "42")
	client := browser(t)
	visit(t, client, http.MethodGet, link)
	for name, tc := range map[string]struct {
		header, value string
		status        int
	}{
		"cross-site":    {"Sec-Fetch-Site", "cross-site", http.StatusForbidden},
		"same-site":     {"Sec-Fetch-Site", "same-site", http.StatusForbidden},
		"other origin":  {"Origin", "https://evil.test", http.StatusForbidden},
		"same-origin":   {"Sec-Fetch-Site", "same-origin", http.StatusSeeOther},
		"own origin":    {"Origin", s.URL, http.StatusSeeOther},
		"no header set": {"X-None", "", http.StatusSeeOther},
	} {
		s.SetSubscription("42", kanuutest.Subscription{})
		req := newForm(t, link, "action=subscribe&plan=67")
		req.Header.Set(tc.header, tc.value)
		assert.Equal(t, tc.status, send(t, client, req).StatusCode, name)
		assert.Equal(t, tc.status == http.StatusForbidden, s.Subscription("42") == kanuutest.Subscription{}, name)
	}
}

func TestPortalRefusesNonsense(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	_, link := mint(t, s.URL, "42")
	client := browser(t)
	visit(t, client, http.MethodGet, link)
	for _, form := range []string{
		"", "action=", "action=explode", "action=subscribe", "action=subscribe&plan=1", "action=subscribe&plan=x",
		"action=%zz", "action=subscribe&plan=67&x=" + strings.Repeat("x", 64<<10),
	} {
		assert.Equal(t, http.StatusBadRequest, submit(t, client, link, form).StatusCode, form[:min(len(form), 40)])
	}
	assert.Equal(t, http.StatusBadRequest, submit(t, client, link+"?action=cancel", "plan=67").StatusCode, "the query is no form")
	a := visit(t, client, http.MethodDelete, link)
	assert.Equal(t, http.StatusMethodNotAllowed, a.StatusCode)
	assert.Equal(t, "GET, HEAD, POST", a.Header.Get("Allow"))
	assert.Zero(t, s.Subscription("42"))
}

func TestPortalActions(t *testing.T) {
	t.Parallel()
	var (
		now      = time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
		future   = now.AddDate(0, 0, 10)
		past     = now.AddDate(0, 0, -10)
		monthEnd = now.AddDate(0, 1, 0)
		yearEnd  = now.AddDate(1, 0, 0)
	)
	has := func(status string, plan, id int64, paid time.Time) kanuutest.Subscription {
		return kanuutest.Subscription{Status: status, PlanID: plan, SubscriptionID: id, PaidUntil: paid}
	}
	const fresh = 700_001
	for name, tc := range map[string]struct {
		before kanuutest.Subscription
		form   string
		after  kanuutest.Subscription
	}{
		"subscribe":                     {has("", 0, 0, time.Time{}), "action=subscribe&plan=1", has("active", 1, fresh, monthEnd)},
		"subscribe for a year":          {has("", 0, 0, time.Time{}), "action=subscribe&plan=2", has("active", 2, fresh, yearEnd)},
		"switch":                        {has("active", 1, 9, future), "action=subscribe&plan=2", has("active", 2, 9, yearEnd)},
		"subscribe anew":                {has("canceled", 1, 9, past), "action=subscribe&plan=1", has("active", 1, fresh, monthEnd)},
		"subscribe in the paid time":    {has("canceled", 1, 9, future), "action=subscribe&plan=1", has("active", 1, 9, monthEnd)},
		"switch without a number":       {has("active", 1, 0, future), "action=subscribe&plan=2", has("active", 2, fresh, yearEnd)},
		"cancel":                        {has("active", 1, 9, future), "action=cancel", has("canceled", 1, 9, future)},
		"cancel a trial":                {has("trialing", 1, 9, future), "action=cancel", has("canceled", 1, 9, future)},
		"cancel without a date":         {has("active", 1, 9, time.Time{}), "action=cancel", has("canceled", 1, 9, monthEnd)},
		"cancel a year without a date":  {has("active", 2, 9, time.Time{}), "action=cancel", has("canceled", 2, 9, yearEnd)},
		"cancel what is overdue":        {has("past-due", 1, 9, past), "action=cancel", has("canceled", 1, 9, past)},
		"cancel twice":                  {has("canceled", 1, 9, future), "action=cancel", has("canceled", 1, 9, future)},
		"cancel nothing":                {has("", 0, 0, time.Time{}), "action=cancel", has("", 0, 0, time.Time{})},
		"pause":                         {has("active", 1, 9, future), "action=pause", has("paused", 1, 9, future)},
		"pause what is canceled":        {has("canceled", 1, 9, future), "action=pause", has("canceled", 1, 9, future)},
		"resume after a pause":          {has("paused", 1, 9, future), "action=resume", has("active", 1, 9, future)},
		"resume a pause that was long":  {has("paused", 1, 9, past), "action=resume", has("active", 1, 9, monthEnd)},
		"resume what is canceled":       {has("canceled", 1, 9, future), "action=resume", has("active", 1, 9, future)},
		"resume what is over":           {has("canceled", 1, 9, past), "action=resume", has("canceled", 1, 9, past)},
		"resume nothing":                {has("", 0, 0, time.Time{}), "action=resume", has("", 0, 0, time.Time{})},
		"let a payment fail":            {has("active", 1, 9, future), "action=fail", has("active", 1, 9, future)},
		"let a payment fail in a pause": {has("paused", 1, 9, future), "action=fail", has("paused", 1, 9, future)},
		"pay at last":                   {has("past-due", 1, 9, now), "action=resume", has("active", 1, 9, monthEnd)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, &kanuutest.Options{
				Now: func() time.Time { return now },
				Plans: []kanuutest.Plan{
					{ID: 1, Name: "Monthly", Price: "9.00", Currency: "EUR"},
					{ID: 2, Name: "Yearly", Price: "90.00", Currency: "EUR", Yearly: true},
				},
			})
			s.SetSubscription("42", tc.before)
			nonce, link := mint(t, s.URL, "42")
			client := browser(t)
			visit(t, client, http.MethodGet, link)
			a := submit(t, client, link, tc.form)
			assert.Equal(t, http.StatusSeeOther, a.StatusCode)
			assert.Equal(t, "/manage/acme/"+nonce, a.Header.Get("Location"))
			assert.Equal(t, "no-store", a.Header.Get("Cache-Control"))
			assert.Equal(t, tc.after, s.Subscription("42"))
		})
	}
}

func TestPortalShowsAndOffers(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	const (
		active   = "Pause,Cancel,Let the next payment fail,Switch to Basic"
		stopped  = "Subscribe to Basic,Subscribe to Pro"
		inFuture = "14 May 2026, 12:00 UTC"
		inPast   = "24 April 2026, 12:00 UTC"
	)
	for name, tc := range map[string]struct {
		status  string
		days    int
		plan    int64
		shows   []string
		buttons string
	}{
		"nothing":             {"", 0, 0, []string{"No plan yet", "No subscription"}, stopped},
		"active":              {"active", 10, 67, []string{"Pro", "Active", inFuture, "29.00 EUR", "Your plan", "&#34;is_subscribed&#34;: true"}, active},
		"trial":               {"trialing", 10, 67, []string{"Trial", inFuture, "Your plan"}, active},
		"paused":              {"paused", 10, 67, []string{"Paused", inFuture}, "Resume,Cancel," + stopped},
		"overdue":             {"past-due", -10, 67, []string{"Payment overdue", inPast, "no paid time left", "&#34;is_subscribed&#34;: false"}, "Pay now,Cancel," + stopped},
		"canceled":            {"canceled", 10, 67, []string{"Canceled", inFuture}, "Resume," + stopped},
		"over":                {"canceled", -10, 67, []string{"Canceled", inPast}, stopped},
		"a plan not on sale":  {"canceled", -10, 999, []string{"Plan 999"}, stopped},
		"no plan":             {"canceled", -10, 0, []string{"Unknown plan"}, stopped},
		"a status of its own": {"deleted", -10, 67, []string{"deleted"}, "Resume,Cancel," + stopped},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, &kanuutest.Options{Now: func() time.Time { return now }})
			if tc.status != "" {
				s.SetSubscription("42", kanuutest.Subscription{
					Status: tc.status, PlanID: tc.plan, SubscriptionID: 9, PaidUntil: now.AddDate(0, 0, tc.days).In(time.FixedZone("", 3600)),
				})
			}
			_, link := mint(t, s.URL, "42")
			page := visit(t, browser(t), http.MethodGet, link).body
			for _, want := range tc.shows {
				assert.Contains(t, page, want)
			}
			var labels []string
			for _, m := range regexp.MustCompile(`<button[^>]*>([^<]*)</button>`).FindAllStringSubmatch(page, -1) {
				labels = append(labels, m[1])
			}
			assert.Equal(t, tc.buttons, strings.Join(labels, ","))
		})
	}
}

// The clock alone ends what was canceled.
func TestPaidTimeRunsOut(t *testing.T) {
	t.Parallel()
	var now atomic.Pointer[time.Time]
	set := func(v time.Time) { now.Store(&v) }
	set(time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC))
	s := start(t, &kanuutest.Options{Now: func() time.Time { return *now.Load() }})
	_, link := mint(t, s.URL, "42")
	client := browser(t)
	visit(t, client, http.MethodGet, link)
	submit(t, client, link, "action=subscribe&plan=67")
	submit(t, client, link, "action=cancel")
	assert.Contains(t, call(t, s.URL+subscriptionPath, `{"identifier":"42"}`).body, `"is_subscribed":true`)
	set(time.Date(2026, 6, 4, 12, 0, 0, 0, time.UTC))
	assert.Contains(t, call(t, s.URL+subscriptionPath, `{"identifier":"42"}`).body, `"is_subscribed":false`)
}

func TestLinksAreBounded(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	_, first := mint(t, s.URL, "42")
	_, second := mint(t, s.URL, "42")
	for range 9_999 {
		s.ServeHTTP(httptest.NewRecorder(), newCall(t, s.URL+noncePath, `{"identifier":"42"}`))
	}
	assert.Equal(t, http.StatusForbidden, visit(t, http.DefaultClient, http.MethodGet, first).StatusCode)
	assert.Equal(t, http.StatusOK, visit(t, http.DefaultClient, http.MethodGet, second).StatusCode)
}
