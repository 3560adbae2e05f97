//go:build browser

package browser

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/chromedp"
)

// Thing is something on a page as everybody gets to know it, also by ear: what
// it is, and what it is called.
type Thing struct {
	Role, Name string
}

// Button called so.
func Button(name string) Thing { return Thing{"button", name} }

// Link called so.
func Link(name string) Thing { return Thing{"link", name} }

// Heading called so, of any level.
func Heading(name string) Thing { return Thing{"heading", name} }

// Field to type into, called so.
func Field(name string) Thing { return Thing{"textbox", name} }

func (t Thing) String() string { return fmt.Sprintf("the %s %q", t.Role, t.Name) }

// find looks once. What is hidden is not there.
func find(ctx context.Context, what Thing) ([]*accessibility.Node, error) {
	document, err := object(ctx, "document")
	if err != nil {
		return nil, err
	}

	found, err := chromedp.Call(ctx, accessibility.QueryAXTree, accessibility.QueryAXTreeParams{
		ObjectID: document, Role: what.Role, // the name may have white space around it
	})
	if err != nil {
		return nil, err
	}

	return slices.DeleteFunc(found.Nodes, func(node *accessibility.Node) bool {
		return node.Ignored || thing(node) != what
	}), nil
}

func thing(node *accessibility.Node) Thing { return Thing{text(node.Role), text(node.Name)} }

// text of a value that is one, as it is read out.
func text(value *accessibility.Value) string {
	var s string

	if value != nil {
		_ = json.Unmarshal(value.Value, &s) // another kind of value is no text
	}

	return strings.Join(strings.Fields(s), " ")
}
