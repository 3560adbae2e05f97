package conformance

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/kanuu-io/kanuu-go"
	"github.com/kanuu-io/kanuu-go/kanuutest"
)

func mishaps() []row {
	return []row{
		{"resolver panics at the portal", panicking(visit{path: Path, headers: click(nil), user: panics}, plan{})},
		{"resolver panics at the gate", panicking(visit{path: GatedPath, headers: click(nil), user: panics}, plan{})},
		{"predicate panics", panicking(visit{path: GatedPath, headers: click(nil)}, plan{gate: kanuu.GateOptions{
			Allow: func(kanuu.Subscription) bool { panic("the predicate panics") },
		}})},
		{leavingRow, leaves},
	}
}

// panicking: a visit that ends in a panic gets nothing that it should not, and
// takes no other down.
func panicking(v visit, p plan) func(*testing.T, Framework) {
	return func(t *testing.T, framework Framework) {
		t.Helper()

		s := start(t, framework, p)
		s.kanuu.SetSubscription("42", subscribed)

		// net/http hangs up; frameworks that catch panics answer.
		res, body, err := s.send(t, v)
		if err == nil && (res.StatusCode != http.StatusInternalServerError || res.Header.Get("Location") != "" ||
			strings.Contains(string(body), "inside")) {
			t.Errorf("the answer is %d %v %q, want a 500 or none", res.StatusCode, res.Header, body)
		}

		if got := s.calls("/api/nonce"); got != 0 {
			t.Errorf("Kanuu was asked %d times for a nonce, want 0", got)
		}
		s.mustAnswer(t, visit{path: Path, headers: click(nil)}, http.StatusFound)
		if log := s.log.String(); strings.Contains(log, kanuutest.DefaultAPIKey) {
			t.Errorf("the log has the API key in it:\n%s", log)
		}
	}
}

// leaves: the call to Kanuu ends with the visit, and nobody is alarmed.
func leaves(t *testing.T, framework Framework) {
	t.Helper()

	quiet := newSilence()
	s := start(t, framework, plan{transport: quiet})

	ctx, leave := context.WithCancel(t.Context())
	defer leave()

	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.app.URL+Path, nil)
	if err != nil {
		t.Fatal(err)
	}

	req.Header.Set(userHeader, "42")

	go func() {
		<-quiet.asked
		leave()
	}()
	if _, _, err := s.do(req); !errors.Is(err, context.Canceled) {
		t.Errorf("the visit ended with %v, want that the visitor left", err)
	}

	if err := <-quiet.ended; !errors.Is(err, context.Canceled) {
		t.Errorf("the call to Kanuu ended with %v, want that the visitor left", err)
	}

	s.app.Close() // so that all is said and logged

	heard := s.heard()
	if s.reports && (len(heard) != 1 || heard[0].status != 499 || !errors.Is(heard[0].err, context.Canceled)) {
		t.Errorf("the framework heard of %v, want a 499 that the visitor left", heard)
	}

	if log := s.log.String(); strings.Contains(log, "level=ERROR") || strings.Contains(log, "level=WARN") {
		t.Errorf("a visitor who leaves is nobody's mistake:\n%s", log)
	}
}
