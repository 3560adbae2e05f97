package kanuutest_test

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
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

// assertStaticPage checks the headers of a page of the fake, which has nothing from
// elsewhere and runs no script.
func assertStaticPage(t *testing.T, page answer) {
	t.Helper()
	require.Equal(t, http.StatusOK, page.StatusCode)
	assert.Equal(t, "text/html; charset=utf-8", page.Header.Get("Content-Type"))
	assert.Equal(t, "no-store", page.Header.Get("Cache-Control"))
	assert.Equal(t, "nosniff", page.Header.Get("X-Content-Type-Options"))
	style := regexp.MustCompile(`(?s)<style>(.*)</style>`).FindStringSubmatch(page.body)
	require.NotNil(t, style)
	sum := sha256.Sum256([]byte(style[1]))
	assert.Equal(t, "default-src 'none'; style-src 'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"'; "+
		"form-action 'self'; base-uri 'none'; frame-ancestors 'none'", page.Header.Get("Content-Security-Policy"))
	assert.NotRegexp(t, `(?i)<script|<link|<img|\ssrc=|url\(|@import|\sstyle=|\son\w+=`, page.body)
}

func TestPortalPage(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	_, link := mint(t, s.URL, "user:<42>")
	page := visit(t, browser(t), http.MethodGet, link)
	assertStaticPage(t, page)
	assert.Equal(t, "same-origin", page.Header.Get("Referrer-Policy"))

	require.Len(t, page.Cookies(), 1)
	cookie := page.Cookies()[0]
	assert.True(t, cookie.HttpOnly)
	assert.False(t, cookie.Secure)
	assert.Equal(t, http.SameSiteLaxMode, cookie.SameSite)
	assert.Equal(t, "/manage/acme", cookie.Path)
	assert.Regexp(t, `^[0-9a-f]{32}$`, cookie.Value)
	assert.NotContains(t, link, cookie.Value, "the session is no part of the link")

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
	for name, tc := range map[string]struct{ url, title, remedy string }{
		"used": {link, "This link was already used", "open it from there again"},
		"unknown": {s.URL + "/manage/acme/d3e2c48bb1fb4badfa27fe9a03924207", "This link is not known",
			"discards all links."},
		"with junk": {link + "x", "This link is not known", "discards all links."},
		"no link":   {s.URL + "/manage/acme", "You are not logged in", "open it from there again"},
	} {
		refused := visit(t, http.DefaultClient, http.MethodGet, tc.url)
		assert.Equal(t, http.StatusForbidden, refused.StatusCode, name)
		assert.Contains(t, refused.body, "<h1>"+tc.title+"</h1>", name)
		assert.Contains(t, refused.body, tc.remedy, name)
		assert.Contains(t, refused.body, "Go back to your application", name)
		assert.Contains(t, refused.body, `href="/"`, name)
		assert.Equal(t, "no-store", refused.Header.Get("Cache-Control"), name)
		assert.Empty(t, refused.Cookies(), name)
		assert.Equal(t, http.StatusForbidden, visit(t, http.DefaultClient, http.MethodHead, tc.url).StatusCode, name)
		assert.Equal(t, http.StatusForbidden, submit(t, http.DefaultClient, tc.url, "action=subscribe&plan=67").StatusCode, name)
	}
	_, fresh := mint(t, s.URL, "42")
	early := submit(t, http.DefaultClient, fresh, "action=subscribe&plan=67")
	assert.Equal(t, http.StatusForbidden, early.StatusCode)
	assert.Contains(t, early.body, "<h1>You are not logged in</h1>", "the link is not used up")
	assert.Zero(t, s.Subscription("42"))
}

func TestSessionsAreSeparate(t *testing.T) {
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

func TestPortalInvalidForms(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	_, link := mint(t, s.URL, "42")
	client := browser(t)
	visit(t, client, http.MethodGet, link)
	for _, form := range []string{
		"", "action=", "action=explode", "action=subscribe", "action=subscribe&plan=1", "action=subscribe&plan=x",
		"action=%zz", "action=subscribe&plan=67&x=" +
			strings.Repeat("x", 64<<10),
	} {
		assert.Equal(t, http.StatusBadRequest, submit(t, client, link, form).StatusCode, form[:min(len(form), 40)])
	}
	assert.Equal(t, http.StatusBadRequest, submit(t, client, link+"?action=cancel", "plan=67").StatusCode, "the query is no form")
	a := visit(t, client, http.MethodDelete, link)
	assert.Equal(t, http.StatusMethodNotAllowed, a.StatusCode)
	assert.Equal(t, "GET, HEAD, POST", a.Header.Get("Allow"))
	assert.Zero(t, s.Subscription("42"))
}

// The first page in every state: what it says, and what can be done.
func TestPortalOverview(t *testing.T) {
	t.Parallel()
	const (
		choose  = "Subscribe to Basic,Subscribe to Pro"
		running = "Pause,Update card,Cancel subscription,Switch to Basic"
		paused  = "Resume,Update card,Cancel subscription,Switch to Basic"
		overdue = "Pay now,Update card,Cancel subscription,Switch to Basic"
		noDate  = 1000
	)
	for name, tc := range map[string]struct {
		status string
		days   int
		plan   int64
		shows  []string
		offers string
	}{
		"nothing": {"", 0, 0, []string{"No plan yet", "No subscription", "Choose a plan below.", "There are no payments yet."},
			choose},
		"active": {"active", 10, 67,
			[]string{"Pro", "Active", "Renews on 14 May 2026 for 29.00 EUR.", "29.00 EUR / month"},
			running},
		"active, and over": {"active", -10, 67, []string{"Active", "Paid until 24 April 2026."},
			running},
		"trial": {"trialing", 10, 67, []string{"Trial", "Free until 14 May 2026, then 29.00 EUR a month."},
			running},
		"paused": {"paused", 10, 67, []string{"Paused", "Paid until 14 May 2026."},
			paused},
		"overdue": {"past-due", -10, 67,
			[]string{"29.00 EUR are overdue since 24 April 2026.", "We try your card again on 7 May 2026."},
			overdue},
		"canceled":           {"canceled", 10, 67, []string{"Canceled", "Ends on 14 May 2026."}, choose},
		"over":               {"canceled", -10, 67, []string{"Ended", "Ended on 24 April 2026."}, choose},
		"a plan not on sale": {"canceled", -10, 999, []string{"Plan 999"}, choose},
		"no plan":            {"canceled", -10, 0, []string{"Unknown plan"}, choose},
		"no date": {"active", noDate, 67, []string{"Active", `<p class="state"></p>`},
			running},
		"a status of its own": {"deleted", -10, 67, []string{"deleted", "Ended on 24 April 2026."}, choose},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, &kanuutest.Options{Now: newClock(may4).now})
			has := kanuutest.Subscription{Status: tc.status, PlanID: tc.plan,
				PaidUntil: may4.AddDate(0, 0, tc.days).In(time.FixedZone("", 3600))}
			if tc.days == noDate {
				has.PaidUntil = time.Time{}
			}
			if tc.status != "" {
				s.SetSubscription("42", has)
			}
			_, link := mint(t, s.URL, "42")
			page := visit(t, browser(t), http.MethodGet, link).body
			for _, want := range tc.shows {
				assert.Contains(t, plain(page), want)
			}
			assert.NotContains(t, page, "January 0001")
			assert.Equal(t, tc.offers, strings.Join(labels(page), ","))
		})
	}
}

// plain is a page without its <time> marks.
func plain(page string) string { return regexp.MustCompile(`</?time[^>]*>`).ReplaceAllString(page, "") }

// labels are the buttons of a page, and the links that look like one.
func labels(page string) []string {
	var all []string
	for _, m := range regexp.MustCompile(`<(?:button|a class="button)[^>]*>([^<]*)</`).FindAllStringSubmatch(page, -1) {
		all = append(all, m[1])
	}
	return all
}

// portal is a customer in front of the portal, and its pages.
type portal struct {
	*kanuutest.Server
	t      *testing.T
	client *http.Client
	link   string
}

func open(t *testing.T, opts *kanuutest.Options) *portal {
	t.Helper()
	s := start(t, opts)
	_, link := mint(t, s.URL, "42")
	p := &portal{s, t, browser(t), link}
	require.Equal(t, http.StatusOK, visit(t, p.client, http.MethodGet, link).StatusCode)
	return p
}

func (p *portal) get() answer {
	p.t.Helper()
	return unstyled(visit(p.t, p.client, http.MethodGet, p.link))
}

// unstyled makes what a failed test prints shorter.
func unstyled(a answer) answer {
	a.body = regexp.MustCompile(`(?s)<style>.*</style>`).ReplaceAllString(a.body, "")
	return a
}

// press posts a form and returns the message on the page that follows.
func (p *portal) press(form string) string {
	p.t.Helper()
	a := unstyled(submit(p.t, p.client, p.link, form))
	require.Equal(p.t, http.StatusSeeOther, a.StatusCode, form)
	return flash(unstyled(visit(p.t, p.client, http.MethodGet, p.URL+a.Header.Get("Location"))).body)
}

func flash(page string) string {
	found := regexp.MustCompile(`<div role="status" class="flash[^>]*>(?:<p>(.*)</p>)?</div>`).FindStringSubmatch(page)
	if found == nil {
		return "no place for a message"
	}
	return found[1]
}

// The page after a click says when the card was declined, and nothing else.
func TestPortalSaysDeclined(t *testing.T) {
	t.Parallel()
	const declined = "Your card was declined. Update it and try again."
	active := kanuutest.Subscription{Status: "active", PlanID: 1, SubscriptionID: 9, PaidUntil: may4.AddDate(0, 0, 10)}
	for name, tc := range map[string]struct {
		forms []string
		want  string
	}{
		"switch":           {[]string{"action=subscribe&plan=2"}, ""},
		"switch, declined": {[]string{"action=fail", "action=subscribe&plan=2"}, declined},
		"resume, declined": {[]string{"action=fail", "action=pause", "action=skip", "action=resume"}, declined},
		"another card":     {[]string{"action=fail", "action=card", "action=subscribe&plan=2"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := open(t, &kanuutest.Options{Now: newClock(may4).now, Plans: testPlans()})
			p.SetSubscription("42", active)
			for _, form := range tc.forms[:len(tc.forms)-1] {
				p.press(form)
			}
			assert.Equal(t, tc.want, p.press(tc.forms[len(tc.forms)-1]))
		})
	}
}

// A double click does it once.
func TestDoubleClicks(t *testing.T) {
	t.Parallel()
	p := open(t, &kanuutest.Options{Now: newClock(may4).now, Plans: testPlans()})
	for _, tc := range []struct {
		form  string
		tells int
	}{
		{"action=subscribe&plan=1", 2},
		{"action=subscribe&plan=2", 2},
		{"action=pause", 1},
		{"action=resume", 1},
		{"action=cancel", 1},
	} {
		p.Reset()
		p.press(tc.form)
		assert.Empty(t, p.press(tc.form), tc.form)
		assert.Len(t, p.Deliveries(), tc.tells, tc.form)
	}
	assert.Equal(t, 2, strings.Count(p.get().body, "<tr><td>"), "payments")
}

func TestPaymentHistory(t *testing.T) {
	t.Parallel()
	p := open(t, &kanuutest.Options{Now: newClock(may4).now, Plans: testPlans()})
	p.press("action=subscribe&plan=1")
	p.press("action=fail")
	p.press("action=skip")
	p.press("action=pay")
	p.press("action=refund")
	var rows []string
	read := func() {
		rows = nil
		for _, row := range regexp.MustCompile(`<tr><td>.*</tr>`).FindAllString(p.get().body, -1) {
			rows = append(rows, strings.Join(strings.Fields(regexp.MustCompile(`<[^>]*>`).ReplaceAllString(row, " ")), " "))
		}
	}
	read()
	assert.Equal(t, []string{"4 Jun 2026 Basic 9.00 EUR refunded", "4 Jun 2026 Basic 9.00 EUR failed",
		"4 May 2026 Basic 9.00 EUR paid"}, rows)

	p.Advance(5 * 365 * 24 * time.Hour)
	read()
	assert.Len(t, rows, 24, "the newest")
	assert.Equal(t, "4 May 2031 Basic 9.00 EUR paid", rows[0])
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

// Paddle Classic cannot reinstate a deleted subscription, so neither can the portal,
// whatever is posted: subscribing begins another one.
func TestPortalDoesNotResumeADeletedSubscription(t *testing.T) {
	t.Parallel()
	s := openCustomer(t, nil)
	s.click(t, "subscribe", "67")
	s.click(t, "cancel", "")
	s.alerts(t)
	assert.NotContains(t, visit(t, s.client, http.MethodGet, s.link).body, `value="resume"`)
	for _, action := range []string{"resume", "pay", "pause", "cancel", "card"} {
		s.click(t, action, "")
		assert.Equal(t, kanuutest.StatusCanceled, s.Subscription("42").Status, action)
	}
	assert.Empty(t, s.alerts(t))
	s.click(t, "subscribe", "67")
	assert.EqualValues(t, 700_002, s.Subscription("42").SubscriptionID)
	assert.Equal(t, "700002", s.alerts(t)[1].Fields["subscription_id"])
}
