//go:build browser

package browser

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/cdproto/audits"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/dom"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

const (
	// patience is how long something may take to show up. It is long, since
	// the machine may have other things to do, and only a failure takes it.
	patience = 30 * time.Second
	// glance is how often one looks.
	glance = 20 * time.Millisecond
)

// Sizes of a window.
var (
	Desktop = Size{1280, 800}
	Phone   = Size{390, 844}
)

// Size of a window, in CSS pixels.
type Size struct{ Width, Height int64 }

// Page is a window of its own: no cookie, no cache and no history is shared
// with another. What does not come to pass within half a minute fails the test.
type Page struct {
	tb    testing.TB
	ctx   context.Context //nolint:containedctx // it is how chromedp holds a page
	watch *watch
}

// Open opens an empty window of Desktop size. When the test ends, whatever the
// browser complained of meanwhile fails it, but for what was expected; a test
// that failed leaves a screenshot.
func (c *Chromium) Open(tb testing.TB) *Page {
	tb.Helper()

	p := &Page{tb: tb, watch: new(watch)}

	ctx, cancel := chromedp.NewContext(c.ctx, chromedp.WithNewBrowserContext(), chromedp.WithListener(p.watch.hear))
	tb.Cleanup(cancel)

	p.ctx = ctx
	require.NoError(tb, chromedp.Do(ctx))
	p.call("the audit", func(ctx context.Context) error {
		_, err := chromedp.Call(ctx, audits.Enable, cdp.Empty{})

		return err
	})
	p.Resize(Desktop)

	tb.Cleanup(p.judge)

	return p
}

// judge looks back once the test is over.
func (p *Page) judge() {
	if problems := p.watch.unexpected(); len(problems) > 0 {
		p.tb.Errorf("the browser complained:\n%s", strings.Join(problems, "\n"))
	}

	if missing := p.watch.missing(); len(missing) > 0 {
		p.tb.Errorf("the browser should have complained of:\n%s", strings.Join(missing, "\n"))
	}

	if p.tb.Failed() {
		p.failureScreenshot()
	}
}

// Expect says that the browser will complain in such a way, and that this is
// right. The complaint has to come. It is a regular expression.
func (p *Page) Expect(complaint string) { p.watch.expect(complaint) }

// Resize changes the size of the window. Less than 600 pixels are a phone.
func (p *Page) Resize(size Size) {
	p.tb.Helper()

	const phone = 600

	p.call("the new size", func(ctx context.Context) error {
		_, err := chromedp.Call(ctx, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{
			Width: size.Width, Height: size.Height, DeviceScaleFactor: 1, Mobile: size.Width < phone,
		})

		return err
	})
}

// Dark makes the window prefer dark colours, or light ones again.
func (p *Page) Dark(on bool) {
	p.tb.Helper()

	scheme := "light"
	if on {
		scheme = "dark"
	}

	p.call("the colour scheme", func(ctx context.Context) error {
		_, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
		})

		return err
	})
}

// WithoutScripts switches JavaScript off.
func (p *Page) WithoutScripts() {
	p.tb.Helper()
	p.call("switching scripts off", func(ctx context.Context) error {
		_, err := chromedp.Call(ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})

		return err
	})
}

// Go opens a URL, as if it was typed.
func (p *Page) Go(to string) {
	p.tb.Helper()
	p.call("opening "+to, func(ctx context.Context) error { return chromedp.Do(ctx, chromedp.Navigate(to)) })
}

// Back is the browser's own button. What it leads to is yet to be waited for.
func (p *Page) Back() {
	p.tb.Helper()
	p.travel(-1)
}

// Forward is the browser's own button; see Back.
func (p *Page) Forward() {
	p.tb.Helper()
	p.travel(1)
}

// travel does not wait: a page that the browser kept is not loaded again.
func (p *Page) travel(steps int64) {
	p.tb.Helper()
	p.call("the history", func(ctx context.Context) error {
		history, err := chromedp.Run(ctx, chromedp.NavigationEntries())
		if err != nil {
			return err
		}

		to := history.CurrentIndex + steps
		if to < 0 || to >= int64(len(history.Entries)) {
			return errors.New("it ends there")
		}

		_, err = chromedp.Call(ctx, page.NavigateToHistoryEntry, page.NavigateToHistoryEntryParams{EntryID: history.Entries[to].ID})

		return err
	})
}

// Reload is the browser's own button.
func (p *Page) Reload() {
	p.tb.Helper()
	p.call("reloading", func(ctx context.Context) error { return chromedp.Do(ctx, chromedp.Reload()) })
}

// URL of the page.
func (p *Page) URL() string {
	p.tb.Helper()

	var at string

	p.until("the address", func(ctx context.Context) (bool, error) {
		var err error
		at, err = chromedp.Run(ctx, chromedp.Location())

		return err == nil, err
	})

	return at
}

// Settle waits until all of the page has been loaded.
func (p *Page) Settle() {
	p.tb.Helper()
	p.until("all of the page", settled)
}

// settled tells whether nothing is still being loaded, which may move the rest.
func settled(ctx context.Context) (bool, error) {
	return chromedp.Run(ctx, chromedp.Evaluate[bool](`document.readyState === "complete" && document.body !== null`))
}

// WaitPath waits until the page at this path, of any host, has been loaded. A
// path that ends with a slash and dots, "/manage/...", stands for all below.
func (p *Page) WaitPath(path string) {
	p.tb.Helper()

	prefix, below := strings.CutSuffix(path, "...")

	p.until("the page at "+path, func(ctx context.Context) (bool, error) {
		ready, err := chromedp.Run(ctx, chromedp.Evaluate[string](`document.readyState + " " + location.href`))
		if err != nil {
			return false, err
		}

		href, complete := strings.CutPrefix(ready, "complete ")

		at, err := url.Parse(href)
		if err != nil || !complete {
			return false, err
		}

		return at.Path == path || below && strings.HasPrefix(at.Path, prefix), nil
	})
}

// Text is what a person can read on the page.
func (p *Page) Text() string {
	p.tb.Helper()

	var text string

	p.until("the text", func(ctx context.Context) (bool, error) {
		var err error
		text, err = chromedp.Run(ctx, chromedp.Evaluate[string](bodyText))

		return err == nil, err
	})

	return text
}

const bodyText = `document.body ? document.body.innerText : ""`

// See waits until it is there.
func (p *Page) See(what Thing) {
	p.tb.Helper()
	p.until(what.String(), func(ctx context.Context) (bool, error) {
		found, err := find(ctx, what)

		return len(found) > 0, err
	})
}

// SeeText waits until the text can be read.
func (p *Page) SeeText(text string) {
	p.tb.Helper()
	p.until(fmt.Sprintf("the text %q", text), func(ctx context.Context) (bool, error) {
		body, err := chromedp.Run(ctx, chromedp.Evaluate[string](bodyText))

		return strings.Contains(body, text), err
	})
}

// HasText tells whether the text can be read now.
func (p *Page) HasText(text string) bool {
	p.tb.Helper()

	return strings.Contains(p.Text(), text)
}

// Fits fails the test when the page is wider than the window.
func (p *Page) Fits(name string) {
	p.tb.Helper()

	if over := Script[int](p, `document.documentElement.scrollWidth - document.documentElement.clientWidth`); over > 0 {
		p.tb.Errorf("%s at %s is %d pixels wider than the window", name, p.URL(), over)
	}
}

// Has tells whether it is there now.
func (p *Page) Has(what Thing) bool {
	p.tb.Helper()

	var has bool

	p.until("a look for "+what.String(), func(ctx context.Context) (bool, error) {
		found, err := find(ctx, what)
		has = len(found) > 0

		return err == nil, err
	})

	return has
}

// Click waits for it and clicks it with the mouse.
func (p *Page) Click(what Thing) {
	p.tb.Helper()
	p.click(what, 1)
}

// DoubleClick clicks it twice in a row, as people do who are used to icons.
func (p *Page) DoubleClick(what Thing) {
	p.tb.Helper()
	p.click(what, 2)
}

func (p *Page) click(what Thing, times int64) {
	p.tb.Helper()

	x, y := p.place(what)

	p.call("the click on "+what.String(), func(ctx context.Context) error {
		for _, event := range clicks(x, y, times) {
			if _, err := chromedp.Call(ctx, input.DispatchMouseEvent, event); err != nil {
				return err
			}
		}

		return nil
	})
}

func clicks(x, y float64, times int64) []input.DispatchMouseEventParams {
	events := []input.DispatchMouseEventParams{{Type: input.DispatchMouseEventTypeMouseMoved, X: x, Y: y}}

	for count := range times {
		for _, kind := range []input.DispatchMouseEventType{input.DispatchMouseEventTypeMousePressed, input.DispatchMouseEventTypeMouseReleased} {
			events = append(events, input.DispatchMouseEventParams{
				Type: kind, X: x, Y: y, Button: input.MouseButtonLeft, ClickCount: count + 1,
			})
		}
	}

	return events
}

// place waits for it, scrolls to it and returns its middle.
func (p *Page) place(what Thing) (x, y float64) {
	p.tb.Helper()

	p.until(what.String(), func(ctx context.Context) (bool, error) {
		if ready, err := settled(ctx); err != nil || !ready {
			return false, err
		}

		found, err := find(ctx, what)
		if err != nil || len(found) == 0 {
			return false, err
		}

		if len(found) > 1 {
			return false, fmt.Errorf("there are %d of them", len(found))
		}

		id := found[0].BackendDOMNodeID
		if _, err := chromedp.Call(ctx, dom.ScrollIntoViewIfNeeded, dom.ScrollIntoViewIfNeededParams{BackendNodeID: id}); err != nil {
			return false, err
		}

		quads, err := chromedp.Call(ctx, dom.GetContentQuads, dom.GetContentQuadsParams{BackendNodeID: id})
		if err != nil || len(quads.Quads) == 0 {
			return false, err
		}

		quad := quads.Quads[0] // x and y of the four corners
		x, y = (quad[0]+quad[4])/2, (quad[1]+quad[5])/2

		return true, nil
	})

	return x, y
}

// Hover moves the mouse over it.
func (p *Page) Hover(what Thing) {
	p.tb.Helper()

	x, y := p.place(what)

	p.call("the mouse over "+what.String(), func(ctx context.Context) error {
		_, err := chromedp.Call(ctx, input.DispatchMouseEvent, clicks(x, y, 0)[0])

		return err
	})
}

// Fill clicks into a field, empties it and types.
func (p *Page) Fill(field Thing, text string) {
	p.tb.Helper()
	p.Click(field)
	p.call("typing into "+field.String(), func(ctx context.Context) error {
		if _, err := chromedp.Run(ctx, chromedp.Evaluate[bool](`document.activeElement.select?.(), true`)); err != nil {
			return err
		}

		_, err := chromedp.Call(ctx, input.InsertText, input.InsertTextParams{Text: text})

		return err
	})
}

// Press presses keys, those of chromedp/kb.
func (p *Page) Press(keys string) {
	p.tb.Helper()
	p.call("the keyboard", func(ctx context.Context) error { return chromedp.Do(ctx, chromedp.KeyEvent(keys)) })
}

// TabTo presses Tab until it has the focus. Nobody presses it a hundred times.
func (p *Page) TabTo(what Thing) {
	p.tb.Helper()
	p.See(what)

	var passed []string

	for range 100 {
		p.Press("\t")

		focused := p.Focused()
		if focused == what {
			return
		}

		passed = append(passed, focused.String())
	}

	p.tb.Fatalf("Tab does not lead to %s, but to:\n%s", what, strings.Join(passed, "\n"))
}

// Focused is what has the focus.
func (p *Page) Focused() Thing {
	p.tb.Helper()

	var focused Thing

	p.until("the focus", func(ctx context.Context) (bool, error) {
		node, err := object(ctx, "document.activeElement")
		if err != nil {
			return false, err
		}

		no := false

		tree, err := chromedp.Call(ctx, accessibility.GetPartialAXTree, accessibility.GetPartialAXTreeParams{ObjectID: node, FetchRelatives: &no})
		if err != nil || len(tree.Nodes) == 0 {
			return false, err
		}

		focused = thing(tree.Nodes[0])

		return true, nil
	})

	return focused
}

// Script runs a script in the page and decodes what it returns, or what its
// promise is fulfilled with.
func Script[T any](p *Page, script string) T {
	p.tb.Helper()

	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()

	value, err := chromedp.Run(ctx, chromedp.Evaluate[T](script, chromedp.EvalAwaitPromise))
	require.NoError(p.tb, err, script)

	return value
}

// Until waits for something outside the page.
func (p *Page) Until(what string, ok func() bool) {
	p.tb.Helper()
	p.until(what, func(context.Context) (bool, error) { return ok(), nil })
}

// call does something that works at the first attempt.
func (p *Page) call(what string, do func(ctx context.Context) error) {
	p.tb.Helper()

	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()

	if err := do(ctx); err != nil {
		p.fail(what, err)
	}
}

// until looks again and again. An error may pass: pages come and go.
func (p *Page) until(what string, ok func(ctx context.Context) (bool, error)) {
	p.tb.Helper()

	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()

	ticker := time.NewTicker(glance)
	defer ticker.Stop()

	var last error

	for {
		done, err := ok(ctx)
		if done && err == nil {
			return
		}

		if ctx.Err() == nil {
			last = err
		}

		select {
		case <-ctx.Done():
			p.fail(what, last)
		case <-ticker.C:
		}
	}
}

func (p *Page) fail(what string, err error) {
	p.tb.Helper()

	const glimpse = 5 * time.Second

	ctx, cancel := context.WithTimeout(p.ctx, glimpse)
	defer cancel()

	// What cannot be had is left out.
	at, _ := chromedp.Run(ctx, chromedp.Location())
	body, _ := chromedp.Run(ctx, chromedp.Evaluate[string](bodyText))

	p.tb.Fatalf("browser: %s did not come within %s: %v\nat %s:\n%s", what, patience, err, at, body)
}

// object is a handle of what a script finds.
func object(ctx context.Context, script string) (runtime.RemoteObjectID, error) {
	found, err := chromedp.Call(ctx, runtime.Evaluate, runtime.EvaluateParams{Expression: script})
	if err != nil {
		return "", err
	}

	return found.Result.ObjectID, nil
}
