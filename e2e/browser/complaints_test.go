//go:build browser

package browser_test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"sync"
	"testing"

	"github.com/mxschmitt/playwright-go"
	"github.com/stretchr/testify/assert"
)

// complaints are what the browser reports about a page: console errors, uncaught exceptions, issues such as violations of the
// Content-Security-Policy, responses from 400 on, requests that failed.
type complaints struct {
	mu       sync.Mutex
	found    []string
	expected []*regexp.Regexp
	lenient  bool // log what was not expected: libraries of others complain as they like
}

// complain expects a complaint that matches the regular expression. It has to come.
func (c *complaints) complain(pattern string) {
	c.expected = append(c.expected, regexp.MustCompile(pattern))
}

// watch records the complaints among the events of a DevTools session.
func (c *complaints) watch(session playwright.CDPSession) {
	record := func(kind string, detail ...any) {
		text, err := json.Marshal(detail)
		c.mu.Lock()
		defer c.mu.Unlock()
		c.found = append(c.found, fmt.Sprint(kind, " ", string(text), err))
	}
	session.On("Runtime.exceptionThrown", func(event map[string]any) { record("exception", event["exceptionDetails"]) })
	session.On("Runtime.consoleAPICalled", func(event map[string]any) {
		if slices.Contains([]any{"error", "warning", "assert"}, event["type"]) {
			record("console", event["type"], event["args"])
		}
	})
	session.On("Log.entryAdded", func(event map[string]any) {
		if entry, _ := event["entry"].(map[string]any); entry["level"] == "error" || entry["level"] == "warning" {
			record("log", entry["source"], entry["text"], entry["url"])
		}
	})
	session.On("Network.responseReceived", func(event map[string]any) {
		response, _ := event["response"].(map[string]any)
		if status, _ := response["status"].(float64); status >= 400 {
			record("status", status, response["url"])
		}
	})
	session.On("Network.loadingFailed", func(event map[string]any) {
		if event["canceled"] != true {
			record("not loaded", event["type"], event["errorText"], event["blockedReason"])
		}
	})
	session.On("Audits.issueAdded", func(event map[string]any) {
		if issue, _ := event["issue"].(map[string]any); issue["code"] != "PerformanceIssue" { // of a library, not of ours
			record("issue", issue["code"], issue["details"])
		}
	})
	session.On("Inspector.targetCrashed", func(map[string]any) { record("the page crashed") })
}

// judge fails the test on complaints that were not expected, and on expected ones that did not come.
func (c *complaints) judge(t *testing.T) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, found := range c.found {
		known := slices.ContainsFunc(c.expected, func(e *regexp.Regexp) bool { return e.MatchString(found) })
		if c.lenient {
			t.Logf("the browser complains: %s", found)
			continue
		}
		assert.True(t, known, "the browser complains: %s", found)
	}
	for _, e := range c.expected {
		assert.True(t, slices.ContainsFunc(c.found, e.MatchString), "the browser does not complain of %s", e)
	}
}
