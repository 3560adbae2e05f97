package load

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// clicker is one user with a browser, who clicks on the billing link again and
// again.
type clicker struct {
	user   User
	cookie string
	clicks []click
}

// click that was answered.
type click struct {
	phase  int
	status int    // 0: no answer
	wrong  string // what was wrong with the answer; empty: it was right, or honest
	took   time.Duration
	calls  int64 // of Kanuu, where only this clicker has this identifier
}

func (c *clicker) login(ctx context.Context, client *http.Client, app string) error {
	form := strings.NewReader(url.Values{"user": {c.user.Login}}.Encode())

	req, err := http.NewRequestWithContext(ctx, http.MethodPost, app+"/login", form)
	if err != nil {
		return err
	}

	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")

	res, err := client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()

	cookies := res.Cookies()
	if len(cookies) != 1 {
		return fmt.Errorf("POST /login of %s: %s with %d cookies", c.user.Login, res.Status, len(cookies))
	}

	c.cookie = cookies[0].Name + "=" + cookies[0].Value

	return nil
}

// Answer to a click.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// billing asks as a browser does in which somebody clicked on a link.
func (c *clicker) billing(ctx context.Context, client *http.Client, app string) (Answer, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, app+"/billing", nil)
	if err != nil {
		return Answer{}, err
	}

	req.Header.Set("Accept", "text/html,application/xhtml+xml,*/*;q=0.8")
	req.Header.Set("Cookie", c.cookie)
	req.Header.Set("Sec-Fetch-Dest", "document")
	req.Header.Set("Sec-Fetch-Mode", "navigate")
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	req.Header.Set("Sec-Fetch-User", "?1")

	res, err := client.Do(req)
	if err != nil {
		return Answer{}, err
	}
	defer res.Body.Close()

	body, err := io.ReadAll(io.LimitReader(res.Body, 64<<10))

	return Answer{res.StatusCode, res.Header, body}, err
}

// Judge an answer to a click of identifier. There are two good ones: a redirect
// to a portal URL of that user's that nobody has yet (and Judge tells when it
// was minted), and a page that honestly says that it did not work.
func Judge(ledger *Ledger, identifier string, a Answer) (minted time.Time, err error) {
	switch {
	case a.Status == http.StatusFound:
		return ledger.Hand(a.Header.Get("Location"), identifier)
	case a.Status < http.StatusInternalServerError:
		return time.Time{}, fmt.Errorf("status %d", a.Status)
	case a.Header.Get("Location") != "":
		return time.Time{}, fmt.Errorf("status %d with a Location", a.Status)
	case !strings.HasPrefix(a.Header.Get("Content-Type"), "text/html") || !bytes.Contains(a.Body, []byte("</html>")):
		return time.Time{}, fmt.Errorf("status %d without a page", a.Status)
	case secrets.Match(a.Body):
		return time.Time{}, errors.New("a page with a secret")
	default:
		return time.Time{}, nil
	}
}
