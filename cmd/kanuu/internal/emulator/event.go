package emulator

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Kind of an event.
type Kind string

// The kinds of events.
const (
	Call    Kind = "call"    // of the API
	Webhook Kind = "webhook" // one try to deliver it
	Notice  Kind = "notice"  // what the server has to say
)

// Event is something that happened in the emulator. It has no key, no nonce and
// no link.
type Event struct {
	Time       time.Time     `json:"time"`
	Kind       Kind          `json:"kind"`
	Name       string        `json:"name"` // "POST /api/nonce"; the alert's name; the notice
	Identifier string        `json:"identifier,omitempty"`
	AlertID    string        `json:"alert_id,omitempty"`
	Status     int           `json:"status,omitempty"` // of the answer; 0: there was none
	Error      string        `json:"error,omitempty"`  // why there was no answer
	Took       time.Duration `json:"-"`
	Millis     int64         `json:"milliseconds"`
}

func (e Event) after(begun time.Time) Event {
	e.Time = time.Now()
	e.Took = e.Time.Sub(begun)
	e.Millis = e.Took.Milliseconds()
	return e
}

// reportCalls reports the calls of the API that next answers.
func reportCalls(next http.Handler, report func(Event)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !isCall(r) {
			next.ServeHTTP(w, r)
			return
		}

		begun := time.Now()
		body := &copying{ReadCloser: r.Body}
		answer := &noting{ResponseWriter: w}
		r.Body = body

		defer func() {
			e := Event{Kind: Call, Name: r.Method + " " + r.URL.EscapedPath(), Identifier: identifierOf(body.seen.Bytes()),
				Status: answer.status}
			if answer.status == 0 {
				e.Error = "the connection was dropped"
			}
			report(e.after(begun))
		}()

		next.ServeHTTP(answer, r)
	})
}

// isCall tells calls of the API, also those to a wrong base URL, from what people
// and programs do on the control page, which takes no key.
func isCall(r *http.Request) bool {
	scheme, _, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	return strings.Contains(r.URL.Path, "/api/") &&
		(strings.EqualFold(scheme, "Bearer") || !strings.HasPrefix(r.URL.Path, "/control/"))
}

// copying keeps what is read of a body.
type copying struct {
	io.ReadCloser
	seen bytes.Buffer
}

func (c *copying) Read(p []byte) (int, error) {
	n, err := c.ReadCloser.Read(p)
	c.seen.Write(p[:n])
	return n, err
}

// noting keeps the status of an answer.
type noting struct {
	http.ResponseWriter
	status int
}

func (n *noting) WriteHeader(status int) {
	if n.status == 0 {
		n.status = status
	}
	n.ResponseWriter.WriteHeader(status)
}

func (n *noting) Write(p []byte) (int, error) {
	if n.status == 0 {
		n.status = http.StatusOK
	}
	return n.ResponseWriter.Write(p)
}

// Unwrap is for [http.ResponseController].
func (n *noting) Unwrap() http.ResponseWriter { return n.ResponseWriter }

// identifierOf the customer that a call is about; empty when it names none.
func identifierOf(body []byte) string {
	var call struct {
		Identifier string `json:"identifier"`
	}
	if json.Unmarshal(body, &call) != nil {
		return ""
	}
	return call.Identifier
}

// newWebhookClient posts as Paddle does, and reports each try.
func newWebhookClient(report func(Event)) *http.Client {
	return &http.Client{
		Timeout: webhookTimeout,
		// A connection that is kept may be one of an application that is restarted
		// just now.
		Transport:     reporting{&http.Transport{Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true}, report},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

type reporting struct {
	next   http.RoundTripper
	report func(Event)
}

func (t reporting) RoundTrip(r *http.Request) (*http.Response, error) {
	begun := time.Now()
	e := alertOf(r)
	res, err := t.next.RoundTrip(r)
	switch {
	case err == nil:
		e.Status = res.StatusCode
	case errors.Is(err, context.DeadlineExceeded):
		e.Error = "no answer within " + webhookTimeout.String()
	default:
		e.Error = err.Error()
	}
	t.report(e.after(begun))
	return res, err
}

// alertOf a request that delivers one.
func alertOf(r *http.Request) Event {
	e := Event{Kind: Webhook}
	if r.GetBody == nil {
		return e
	}

	body, err := r.GetBody()
	if err != nil {
		return e
	}
	defer body.Close()

	text, err := io.ReadAll(body)
	if err != nil {
		return e
	}

	form, err := url.ParseQuery(string(text))
	if err != nil {
		return e
	}

	var passthrough struct {
		Kanuu string `json:"kanuu"`
	}
	if json.Unmarshal([]byte(form.Get("passthrough")), &passthrough) == nil {
		e.Identifier = passthrough.Kanuu
	}

	e.Name, e.AlertID = form.Get("alert_name"), form.Get("alert_id")
	return e
}

// notices reports the lines that are written to it.
type notices func(Event)

func (report notices) Write(line []byte) (int, error) {
	report(Event{Time: time.Now(), Kind: Notice, Name: strings.TrimSpace(string(line))})
	return len(line), nil
}
