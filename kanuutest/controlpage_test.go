package kanuutest_test

import (
	"html"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kanuu-io/kanuu-go/kanuutest"
)

func TestControlPage(t *testing.T) {
	t.Parallel()
	s := start(t, november20(&kanuutest.Options{ReturnURL: "https://app.test/account"}))
	page := visit(t, http.DefaultClient, http.MethodGet, s.URL+"/control")
	assertStaticPage(t, page)
	for _, want := range []string{
		"Fri 20 November 2026, 09:42 UTC", "No customers yet", "No alerts yet", "No calls yet", "There are none",
		"BEGIN PUBLIC KEY", `href="/control/public-key.pem"`, `href="https://app.test/account"`, `<html lang="en">`,
	} {
		assert.Contains(t, page.body, want)
	}
	assert.Equal(t, http.StatusOK, visit(t, http.DefaultClient, http.MethodHead, s.URL+"/control").StatusCode)
	assert.Equal(t, http.StatusMethodNotAllowed, visit(t, http.DefaultClient, http.MethodDelete, s.URL+"/control").StatusCode)
	assert.Equal(t, http.StatusNotFound, visit(t, http.DefaultClient, http.MethodGet, s.URL+"/control/other").StatusCode)
}

// The clock does not close an application's gate at once: the page says when.
func TestControlPageNamesCacheAges(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	page := visit(t, http.DefaultClient, http.MethodGet, s.URL+"/control").body
	clock := regexp.MustCompile(`(?s)<section id="clock".*?</section>`).FindString(page)
	assert.Contains(t, clock, "without a webhook")
	assert.Contains(t, clock, "after up to an hour")
	assert.Contains(t, clock, "in the 70 minutes after")
}

// Every field has a label or a name, and every id is there once.
func TestControlPageIsAccessible(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	for _, id := range []string{"a", "b"} {
		mint(t, s.URL, id)
		control(t, s.URL, "act", `{"identifier":"`+id+`","action":"subscribe","plan_id":67}`)
	}
	s.Inject(kanuutest.Fault{Drop: true})
	page := visit(t, http.DefaultClient, http.MethodGet, s.URL+"/control").body
	seen := map[string]bool{}
	for _, m := range regexp.MustCompile(`\sid="([^"]*)"`).FindAllStringSubmatch(page, -1) {
		assert.False(t, seen[m[1]], "id %s is there twice", m[1])
		seen[m[1]] = true
	}
	for _, m := range regexp.MustCompile(`\s(?:for|aria-labelledby|list)="([^"]*)"`).FindAllStringSubmatch(page, -1) {
		assert.True(t, seen[m[1]], "id %s is missing", m[1])
	}
	fields := regexp.MustCompile(`<(?:input|select|textarea)[^>]*>`).FindAllString(page, -1)
	require.NotEmpty(t, fields)
	for _, field := range fields {
		if strings.Contains(field, `type="hidden"`) {
			continue
		}
		id := regexp.MustCompile(`\sid="([^"]*)"`).FindStringSubmatch(field)
		require.NotNil(t, id, field)
		labeled := regexp.MustCompile(`<label [^>]*for="` + id[1] + `"`).MatchString(page)
		assert.True(t, labeled, field)
	}
	names := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?s)<button[^>]*>(.*?)</button>`).FindAllStringSubmatch(page, -1) {
		name := regexp.MustCompile(`<[^>]*>`).ReplaceAllString(m[1], "")
		assert.False(t, names[name] && name != "Save", "two buttons are named %s", name)
		names[name] = true
	}
}

// press sends a form of the control page and returns the page that follows.
func press(t *testing.T, base, form string) (said, page string) {
	t.Helper()
	client := browser(t)
	a := submit(t, client, base+"/control", form)
	if a.StatusCode == http.StatusSeeOther {
		to, err := url.Parse(base)
		require.NoError(t, err)
		to.Path = ""
		a = visit(t, client, http.MethodGet, to.String()+a.Header.Get("Location"))
		require.Equal(t, http.StatusOK, a.StatusCode)
	} else {
		require.Equal(t, http.StatusUnprocessableEntity, a.StatusCode)
	}
	said = regexp.MustCompile(`role="status"[^>]*>(?:<p>([^<]*)</p>)?`).FindStringSubmatch(a.body)[1]
	return html.UnescapeString(said), html.UnescapeString(a.body)
}

func TestControlForms(t *testing.T) {
	t.Parallel()
	in := &webhookReceiver{}
	s := start(t, november20(&kanuutest.Options{
		Webhooks: &kanuutest.WebhookOptions{URL: hookURL, Client: &http.Client{Transport: in}},
	}))

	said, page := press(t, s.URL, "do=act&action=subscribe&plan_id=67&identifier=user%3A42")
	assert.Equal(t, "Done.", said)
	assert.Contains(t, page, "paid until 20 Dec 2026")
	require.NoError(t, s.Settle(t.Context()))
	require.Len(t, in.all(), 2)

	said, page = press(t, s.URL, "do=advance&months=1")
	assert.Equal(t, "Done.", said)
	assert.Contains(t, page, "Sun 20 December 2026, 09:42 UTC")
	press(t, s.URL, "do=advance&duration=1h30m")
	press(t, s.URL, "do=advance&days=2")
	assert.Equal(t, time.Date(2026, 12, 22, 11, 12, 7, 0, time.UTC), s.Now().UTC())

	said, _ = press(t, s.URL, "do=trigger&alert=subscription_cancelled&identifier=user%3A42")
	assert.Equal(t, "Done.", said)
	require.NoError(t, s.Settle(t.Context()))
	require.Len(t, in.all(), 4)
	last := in.all()[3]
	said, page = press(t, s.URL, "do=resend&alert_id="+last.alertID)
	assert.Equal(t, "Done.", said)
	assert.Contains(t, page, "alert_id: "+last.alertID)
	assert.Contains(t, page, "in 2 tries", "the page waits for what was sent")
	assert.Equal(t, last.body, in.all()[4].body)

	said, page = press(t, s.URL, "do=chaos&duplicate=0.1&reorder=&lose=0.005&delay=1.5s")
	assert.Equal(t, "Done.", said)
	assert.Equal(t, kanuutest.Chaos{Duplicate: 0.1, Lose: 0.005, Delay: 1500 * time.Millisecond}, s.Chaos())
	assert.Regexp(t, `name="duplicate"[^>]* value="0.1"`, page)
	assert.Regexp(t, `name="lose"[^>]* value="0.005"`, page)
	assert.Regexp(t, `name="delay"[^>]* value="1.5s"`, page)
	press(t, s.URL, "do=chaos&once=&lose=1")
	trigger(t, s.Kanuu, created, "user:42")
	_, page = press(t, s.URL, "do=webhooks&url=")
	assert.Contains(t, page, `<span class="badge none">lost</span>`)
	assert.Empty(t, s.WebhookURL())
	said, page = press(t, s.URL, "do=webhooks&url=+https%3A%2F%2Fapp.test%2Fhook+")
	assert.Equal(t, "Done.", said)
	assert.Contains(t, page, `value="https://app.test/hook"`)

	said, page = press(t, s.URL, "do=faults&fault=%7B%22status%22:503%7D&path=/api/nonce&times=3&rate=0.3&delay=2s")
	assert.Equal(t, "Done.", said)
	assert.Contains(t, page, `{"path":"/api/nonce","times":3,"rate":0.3,"status":503,"delay":"2s"}`)
	assert.Equal(t, []kanuutest.Fault{{Path: noncePath, Times: 3, Rate: 0.3, Status: 503, Delay: 2 * time.Second}}, s.Faults())
	said, _ = press(t, s.URL, "do=recover")
	assert.Equal(t, "Done.", said)
	assert.Empty(t, s.Faults())

	said, page = press(t, s.URL, "do=cache&on=")
	assert.Equal(t, "Done.", said)
	assert.Contains(t, page, "Kanuu's own cache, of up to an hour, is on.")
	press(t, s.URL, "do=cache")
	assert.False(t, s.State().KanuuCache)

	mint(t, s.URL, "user:43")
	said, _ = press(t, s.URL, "do=remove&identifier=user:43")
	assert.Equal(t, "Done.", said)
	assert.Len(t, s.State().Customers, 1)
	s.Reset()

	mint(t, s.URL, "user:42")
	_, page = press(t, s.URL, "do=recover")
	assert.Contains(t, page, "POST /api/nonce")
	assert.Contains(t, page, `<span class="badge good">201</span>`)
	assert.NotContains(t, page, kanuutest.DefaultAPIKey)
	press(t, s.URL, "do=reset")
	assert.Empty(t, s.Requests())
	assert.Empty(t, s.Deliveries())
	assert.Equal(t, kanuutest.StatusActive, s.Subscription("user:42").Status)
}

// A form shows what became of its webhooks, and does not wait for long.
func TestControlFormsWaitForWebhooks(t *testing.T) {
	t.Parallel()
	for takes, want := range map[time.Duration]struct {
		after time.Duration
		state kanuutest.DeliveryState
	}{
		0:                      {0, kanuutest.DeliveryDelivered},
		200 * time.Millisecond: {200 * time.Millisecond, kanuutest.DeliveryDelivered},
		4 * time.Second:        {300 * time.Millisecond, kanuutest.DeliveryWaiting},
	} {
		t.Run(takes.String(), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				in := &webhookReceiver{answer: func(int) (int, error) {
					time.Sleep(takes)
					return 200, nil
				}}
				k := in.newKanuu(nil)
				began, rec := time.Now(), httptest.NewRecorder()
				k.ServeHTTP(rec, newForm(t, "http://localhost/control", "do=trigger&alert=subscription_created&identifier=42"))
				assert.Equal(t, http.StatusSeeOther, rec.Code)
				assert.Equal(t, want.after, time.Since(began))
				assert.Equal(t, want.state, k.Deliveries()[0].State)
				require.NoError(t, k.Settle(t.Context()))
			})
		})
	}
}

// Each kind of fault on the page's list can be had.
func TestControlFaultKinds(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	page := visit(t, http.DefaultClient, http.MethodGet, s.URL+"/control").body
	_, list, _ := strings.Cut(page, `id="kind"`)
	kinds := regexp.MustCompile(`<option value="({[^"]*)">`).FindAllStringSubmatch(list, -1)
	require.Len(t, kinds, 9)
	for _, kind := range kinds {
		fault := html.UnescapeString(kind[1])
		said, _ := press(t, s.URL, "do=faults&times=1&delay=1ms&fault="+url.QueryEscape(fault))
		require.Equal(t, "Done.", said, fault)
		assert.Equal(t, time.Millisecond, s.Faults()[0].Delay, fault)
		resp, err := http.DefaultClient.Do(newCall(t, s.URL+noncePath, `{"identifier":"42"}`))
		assert.Equal(t, strings.Contains(fault, "drop"), err != nil, fault)
		if err == nil {
			require.NoError(t, resp.Body.Close())
			assert.Equal(t, fault == `{"delay":"2s"}`, resp.StatusCode == http.StatusCreated, fault)
		}
		assert.Empty(t, s.Faults(), fault)
	}
}

func TestControlFormErrors(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	for form, problem := range map[string]string{
		"":                                 "there is no such form",
		"do=act&action=cancel":             "identifier is empty",
		"do=act&action=x&identifier=42":    "no such action: use subscribe,",
		"do=portal":                        "identifier is empty",
		"do=advance&years=1":               `unknown field "years"`,
		"do=advance&days=-1":               "at most ten years",
		"do=advance&days=NaN":              "invalid number",
		"do=advance&days=5000":             "at most ten years",
		"do=advance&months=1e300":          "cannot unmarshal number 1e300",
		"do=trigger&identifier=<b>":        `no alert is named "": use one of`,
		"do=resend&alert_id=<b>":           `no alert has the id "<b>"`,
		"do=chaos&lose=1.01":               "lose is 1.01: a rate is 0 to 1",
		"do=chaos&lose=x":                  "invalid number",
		"do=faults&fault=x":                "there is no such fault",
		"do=faults&times=x":                "invalid number",
		"do=faults&rate=2":                 "rate is 2: a rate is 0 to 1",
		"do=faults&path=/manage":           "path is none of the API",
		"do=%zz":                           "invalid URL escape",
		"do=" + strings.Repeat("x", 1<<17): "request body too large",
	} {
		said, _ := press(t, s.URL, form)
		assert.Contains(t, said, "That did not work: ", form[:min(len(form), 40)])
		assert.Contains(t, said, problem)
	}
	assert.Empty(t, s.Faults())
	assert.Empty(t, s.Deliveries())
}

func TestControlOpensPortals(t *testing.T) {
	t.Parallel()
	mux := http.NewServeMux()
	mux.Handle("/fake/", http.StripPrefix("/fake", kanuutest.New(nil)))
	srv := httptest.NewServer(mux)
	defer srv.Close()
	call(t, srv.URL+"/fake/api/nonce", `{"identifier":"42","email":"ann@example.com"}`)

	a := submit(t, browser(t), srv.URL+"/fake/control", "do=portal&identifier=42")
	require.Equal(t, http.StatusSeeOther, a.StatusCode)
	assert.Regexp(t, `^/fake/manage/acme/[0-9a-f]{32}$`, a.Header.Get("Location"))
	portal := visit(t, browser(t), http.MethodGet, srv.URL+a.Header.Get("Location"))
	assert.Equal(t, http.StatusOK, portal.StatusCode)
	assert.Contains(t, portal.body, "ann@example.com", "what is known of the customer stays")

	page := visit(t, http.DefaultClient, http.MethodGet, srv.URL+"/fake/control").body
	assert.Contains(t, page, `action="/fake/control"`)
	assert.Contains(t, page, `href="/fake/control/public-key.pem"`)
	assert.Equal(t, "/fake/control?done", submit(t, browser(t), srv.URL+"/fake/control", "do=reset").Header.Get("Location"))
	assert.Equal(t, http.StatusOK, control(t, srv.URL+"/fake", "reset", "{}").StatusCode)
}

func TestControlPageIsBounded(t *testing.T) {
	t.Parallel()
	k := kanuutest.New(nil)
	for range 40 {
		trigger(t, k, created, "42")
		k.ServeHTTP(httptest.NewRecorder(), newCall(t, "http://localhost"+noncePath, `{"identifier":"<b>"}`))
	}
	rec := httptest.NewRecorder()
	k.ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://localhost/control", http.NoBody))
	assert.Equal(t, 25, strings.Count(rec.Body.String(), "<code>subscription_created</code>"))
	assert.Equal(t, 25, strings.Count(rec.Body.String(), "<code>POST /api/nonce</code>"))
	assert.Equal(t, 2, strings.Count(rec.Body.String(), "And 15 older."))
	assert.NotContains(t, rec.Body.String(), "<b>")
}
