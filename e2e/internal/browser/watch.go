//go:build browser

package browser

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/chromedp/cdproto/audits"
	"github.com/chromedp/cdproto/inspector"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
)

// watch keeps what the browser complains of: console errors, exceptions that
// nobody caught, violations of a Content-Security-Policy, answers from 400 on,
// requests that failed.
type watch struct {
	mu       sync.Mutex
	problems []string
	expected []*regexp.Regexp
}

// hear gets every event of the page.
func (w *watch) hear(event any) {
	problem := complaint(event)
	if problem == "" {
		return
	}

	w.mu.Lock()
	defer w.mu.Unlock()

	w.problems = append(w.problems, problem)
}

func (w *watch) expect(pattern string) {
	w.mu.Lock()
	defer w.mu.Unlock()

	w.expected = append(w.expected, regexp.MustCompile(pattern))
}

func (w *watch) unexpected() []string {
	w.mu.Lock()
	defer w.mu.Unlock()

	return slices.DeleteFunc(slices.Clone(w.problems), func(problem string) bool {
		return slices.ContainsFunc(w.expected, func(known *regexp.Regexp) bool { return known.MatchString(problem) })
	})
}

// missing are the expectations that nothing met.
func (w *watch) missing() []string {
	w.mu.Lock()
	defer w.mu.Unlock()

	var missing []string

	for _, known := range w.expected {
		if !slices.ContainsFunc(w.problems, known.MatchString) {
			missing = append(missing, known.String())
		}
	}

	return missing
}

// complaint is an event in a line; empty: it is none.
func complaint(event any) string {
	const firstError = 400

	switch event := event.(type) {
	case *runtime.EventExceptionThrown:
		return fmt.Sprintf("exception: %s", exception(event.ExceptionDetails))
	case *runtime.EventConsoleAPICalled:
		switch event.Type {
		case runtime.ConsoleAPICalledTypeError, runtime.ConsoleAPICalledTypeWarning, runtime.ConsoleAPICalledTypeAssert:
			return fmt.Sprintf("console %s: %s", event.Type, arguments(event.Args))
		default:
			return ""
		}
	case *log.EventEntryAdded:
		if event.Entry.Level != log.EntryLevelError && event.Entry.Level != log.EntryLevelWarning {
			return ""
		}

		return fmt.Sprintf("%s %s: %s (%s)", event.Entry.Source, event.Entry.Level, event.Entry.Text, event.Entry.URL)
	case *network.EventResponseReceived:
		if event.Response.Status < firstError {
			return ""
		}

		return fmt.Sprintf("status %d: %s", event.Response.Status, event.Response.URL)
	case *network.EventLoadingFailed:
		if event.Canceled {
			return ""
		}

		return fmt.Sprintf("%s not loaded: %s %s", event.Type, event.ErrorText, event.BlockedReason)
	case *audits.EventIssueAdded:
		if event.Issue.Code == audits.InspectorIssueCodePerformanceIssue {
			return "" // how fast a library is, is its own affair
		}

		details, err := json.Marshal(event.Issue.Details)

		return fmt.Sprintf("%s: %s %v", event.Issue.Code, details, err)
	case *inspector.EventTargetCrashed:
		return "the page crashed"
	default:
		return ""
	}
}

func exception(details *runtime.ExceptionDetails) string {
	if details.Exception != nil {
		return details.Text + " " + details.Exception.Description
	}

	return details.Text
}

func arguments(args []*runtime.RemoteObject) string {
	words := make([]string, 0, len(args))

	for _, arg := range args {
		if arg.Description != "" {
			words = append(words, arg.Description)
		} else {
			words = append(words, string(arg.Value))
		}
	}

	return strings.Join(words, " ")
}
