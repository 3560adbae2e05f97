package conformance

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/kanuu-io/kanuu-go"
	"github.com/kanuu-io/kanuu-go/kanuutest"
)

// delivery is a webhook, and what Paddle must hear.
type delivery struct {
	name        string
	change      func(body string) string // after it was signed
	query       string
	contentType string // default: of a form
	listens     func(e kanuu.Event) error
	status      []int // of each time that it comes; default: 200, once
	heard       int   // times that the function is called
}

// awkward fields: a body that is read and written again has another signature.
var awkward = kanuutest.Webhook{
	AlertName: "subscription_cancelled", Identifier: "42",
	Fields: map[string]string{"customer_name": "Zoë & Søn +1%", "tags[]": "red", "nested[a][b]": "c", "empty": ""},
}

func webhooks() []row {
	fails := func(kanuu.Event) error { return errors.New("the database is away") }
	rows := []row{{"a new subscriber comes in", subscribes}}
	for _, d := range []delivery{
		{name: "signed by Paddle", heard: 1},
		{name: "comes twice", status: []int{200, 200}, heard: 1},
		{name: "query says otherwise", query: "?alert_name=subscription_created&alert_id=1&kanuu=7", heard: 1},
		{name: "function fails", listens: fails, status: []int{500, 500}, heard: 2},
		{name: "function panics", listens: func(kanuu.Event) error { panic("the function panics") }, status: []int{500, 500},
			heard: 2},
		{name: "changed on the way", change: func(body string) string { return body + "&status=active" }, status: []int{401}},
		{name: "not signed", change: func(body string) string { return strings.ReplaceAll(body, "p_signature=", "signature=") },
			status: []int{401}},
		{name: "JSON", contentType: "application/json", status: []int{415}},
		{name: "over 64 KiB", change: func(body string) string { return body + "&x=" + strings.Repeat("x", 64<<10) },
			status: []int{413}},
		{name: "nothing", change: func(string) string { return "" }, status: []int{401}},
	} {
		rows = append(rows, row{d.name, d.run})
	}
	return rows
}

func (d delivery) run(t *testing.T, framework Framework) {
	t.Helper()

	var (
		mu    sync.Mutex
		heard []kanuu.Event
	)

	s := start(t, framework, plan{listens: func(_ context.Context, e kanuu.Event) error {
		mu.Lock()
		defer mu.Unlock()
		heard = append(heard, e)
		if d.listens != nil {
			return d.listens(e)
		}
		return nil
	}})

	body := s.paddle.Body(awkward)
	if d.change != nil {
		body = d.change(body)
	}

	if d.status == nil {
		d.status = []int{http.StatusOK}
	}

	for i, want := range d.status {
		if got := s.deliver(t, d.query, d.contentType, body); got != want {
			t.Errorf("delivery %d is answered with %d, want %d", i+1, got, want)
		}
	}

	s.app.Close() // so that all is said and logged
	if len(heard) != d.heard {
		t.Errorf("the function heard of it %d times, want %d", len(heard), d.heard)
	}

	for _, e := range heard {
		if e.AlertName != awkward.AlertName || e.Identifier != awkward.Identifier ||
			e.Fields.Get("customer_name") != awkward.Fields["customer_name"] {
			t.Errorf("the function heard of %v", e)
		}
	}

	if errs := s.heard(); len(errs) != 0 {
		t.Errorf("the framework heard of %v: it is answered and logged", errs)
	}

	if log := s.log.String(); strings.Contains(log, "Zoë") || strings.Contains(log, kanuutest.DefaultAPIKey) {
		t.Errorf("the log has what it should not have:\n%s", log)
	}
}

// deliver posts a webhook, and returns the status that Paddle gets.
func (s *site) deliver(t *testing.T, query, contentType, body string) int {
	t.Helper()

	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.app.URL+WebhookPath+query, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}

	if contentType == "" {
		contentType = "application/x-www-form-urlencoded"
	}
	req.Header.Set("Content-Type", contentType)

	res, answer, err := s.do(req)
	if err != nil {
		t.Fatal(err)
	}

	if got := res.Header.Get("Cache-Control"); got != "no-store" {
		t.Errorf("Cache-Control is %q, want no-store", got)
	}

	if got := strings.TrimSpace(string(answer)); got != http.StatusText(res.StatusCode) {
		t.Errorf("the sender reads %q, want no more than what the status says", got)
	}
	return res.StatusCode
}

// subscribes: the gate asks anew once Paddle has told.
func subscribes(t *testing.T, framework Framework) {
	t.Helper()

	s := start(t, framework, plan{gate: door})
	gate := visit{path: GatedPath, headers: click(nil)}

	s.mustAnswer(t, gate, http.StatusSeeOther)
	s.kanuu.SetSubscription("42", subscribed)
	if got := s.deliver(t, "", "", s.paddle.Body(kanuutest.Webhook{Identifier: "42"})); got != http.StatusOK {
		t.Errorf("the webhook is answered with %d, want 200", got)
	}
	s.mustAnswer(t, gate, http.StatusOK)
}
