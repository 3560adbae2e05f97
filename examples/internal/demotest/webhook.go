package demotest

import (
	"encoding/base64"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kanuu-io/kanuu-go/examples/internal/demo"
	"github.com/kanuu-io/kanuu-go/kanuutest"
)

const webhookPath = "/webhooks/paddle"

// startWithWebhook is start with a Paddle, too.
func startWithWebhook(t *testing.T, framework string, build demo.Build) (*site, *kanuutest.Signer) {
	t.Helper()
	signer := kanuutest.NewSigner()
	return start(t, framework, build, map[string]string{"PADDLE_PUBLIC_KEY": signer.PublicKey()}), signer
}

// receive is the app's answer to a body that Paddle may have sent.
func (s *site) receive(t *testing.T, body string) int {
	t.Helper()

	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+webhookPath, strings.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")

	res, err := s.visit(t, "").client.Do(req)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	return res.StatusCode
}

var eventItem = regexp.MustCompile(`<li><code>(\w+)</code> <time [^>]*>20 Nov 2026, \d\d:00:00 UTC</time></li>`)

// events on the visitor's home page.
func (v *visitor) events(t *testing.T) (names []string) {
	t.Helper()
	home := v.get(t, "/", nil).Body
	for _, item := range eventItem.FindAllStringSubmatch(home, -1) {
		names = append(names, item[1])
	}
	assert.Equal(t, len(names), strings.Count(home, "<time"), "all of them are of that day")
	return names
}

func testWebhook(t *testing.T, framework string, build demo.Build) {
	noon := time.Date(2026, time.November, 20, 12, 0, 0, 0, time.UTC)
	created := kanuutest.Webhook{AlertID: "1", Identifier: "1001", Time: noon}
	for name, test := range map[string]struct {
		send   func(*kanuutest.Signer) []string // bodies
		status int
		alice  []string // the events on her home page
	}{
		"signed": {
			send:   func(s *kanuutest.Signer) []string { return []string{s.Body(created)} },
			status: http.StatusOK,
			alice:  []string{"subscription_created"},
		},
		"twice": {
			send:   func(s *kanuutest.Signer) []string { return []string{s.Body(created), s.Body(created)} },
			status: http.StatusOK,
			alice:  []string{"subscription_created"},
		},
		"in the wrong order": {
			send: func(s *kanuutest.Signer) []string {
				return []string{
					s.Body(kanuutest.Webhook{AlertName: "subscription_cancelled", Identifier: "1001", Time: noon.Add(time.Hour)}),
					s.Body(created),
				}
			},
			status: http.StatusOK,
			alice:  []string{"subscription_cancelled", "subscription_created"},
		},
		"more than fit": {
			send: func(s *kanuutest.Signer) (bodies []string) {
				for hour := range 7 {
					bodies = append(bodies, s.Body(kanuutest.Webhook{
						AlertName: "subscription_test" + strconv.Itoa(hour), Identifier: "1001",
						Time: noon.Add(time.Duration(hour) * time.Hour),
					}))
				}
				return bodies
			},
			status: http.StatusOK,
			alice: []string{"subscription_test6", "subscription_test5", "subscription_test4", "subscription_test3",
				"subscription_test2"},
		},
		"nothing about a subscription": {
			send: func(s *kanuutest.Signer) []string {
				return []string{s.Body(kanuutest.Webhook{AlertName: "payment_succeeded", Identifier: "1001"})}
			},
			status: http.StatusOK,
		},
		"somebody unknown": {
			send: func(s *kanuutest.Signer) []string {
				return []string{s.Body(kanuutest.Webhook{Identifier: "1003"}), s.Body(kanuutest.Webhook{})}
			},
			status: http.StatusOK,
		},
		"forged": {
			send: func(s *kanuutest.Signer) []string {
				bobs := s.Body(kanuutest.Webhook{Identifier: "1002"})
				return []string{strings.Replace(bobs, "1002", "1001", 1)}
			},
			status: http.StatusUnauthorized,
		},
		"not signed": {
			send:   func(*kanuutest.Signer) []string { return []string{"alert_name=subscription_created&alert_id=1"} },
			status: http.StatusUnauthorized,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			site, signer := startWithWebhook(t, framework, build)
			for _, body := range test.send(signer) {
				assert.Equal(t, test.status, site.receive(t, body))
			}
			assert.Equal(t, test.alice, site.visit(t, "alice").events(t))
			assert.Empty(t, site.visit(t, "bob").events(t))
			assert.Empty(t, site.visit(t, "").events(t))
		})
	}
}

// testWebhookAdmits looks whether Paddle's word makes the app ask Kanuu again.
func testWebhookAdmits(t *testing.T, framework string, build demo.Build) {
	site, signer := startWithWebhook(t, framework, build)
	alice := site.visit(t, "alice")
	require.Equal(t, http.StatusSeeOther, alice.get(t, "/pro", nil).Status)

	site.Kanuu.SetSubscription("1001", active)
	require.Equal(t, http.StatusSeeOther, alice.get(t, "/pro", nil).Status, "nobody told the app yet")

	require.Equal(t, http.StatusUnauthorized, site.receive(t, signer.Body(kanuutest.Webhook{Identifier: "1001"})+"x"))
	require.Equal(t, http.StatusSeeOther, alice.get(t, "/pro", nil).Status, "nobody whom it believes told it")

	require.Equal(t, http.StatusOK, site.receive(t, signer.Body(kanuutest.Webhook{Identifier: "1001"})))
	assert.Equal(t, http.StatusOK, alice.get(t, "/pro", nil).Status)
}

// testNoWebhook looks at an app without a key, and at another form of the key.
func testNoWebhook(t *testing.T, framework string, build demo.Build) {
	signer := kanuutest.NewSigner()
	body := signer.Body(kanuutest.Webhook{Identifier: "1001"})

	off := start(t, framework, build, nil)
	assert.Equal(t, http.StatusNotFound, off.receive(t, body))
	assert.Contains(t, off.Log.String(), "set PADDLE_PUBLIC_KEY")
	assert.Empty(t, off.visit(t, "alice").events(t))

	on := start(t, framework, build, map[string]string{
		"PADDLE_PUBLIC_KEY": base64.StdEncoding.EncodeToString([]byte(signer.PublicKey())),
	})
	assert.Equal(t, http.StatusOK, on.receive(t, body))
	assert.NotContains(t, on.Log.String(), "set PADDLE_PUBLIC_KEY")
}
