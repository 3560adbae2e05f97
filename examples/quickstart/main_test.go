package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kanuu-io/kanuu-go/kanuutest"
)

// The program does what the README promises.
func TestProgram(t *testing.T) {
	fake, paddle := kanuutest.NewServer(nil), kanuutest.NewSigner()
	defer fake.Close()
	t.Setenv("KANUU_API_KEY", kanuutest.DefaultAPIKey)
	t.Setenv("KANUU_BASE_URL", fake.URL)
	t.Setenv("PADDLE_PUBLIC_KEY", paddle.PublicKey())
	handler, err := app()
	require.NoError(t, err)
	get := func(path string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		return w
	}
	assert.Equal(t, "/billing", get("/pro").Header().Get("Location"))
	assert.True(t, strings.HasPrefix(get("/billing").Header().Get("Location"), fake.URL))

	fake.SetSubscription("user:42", kanuutest.Subscription{Status: kanuutest.StatusActive, PlanID: 67})
	res := paddle.Post(handler, kanuutest.Webhook{AlertName: "subscription_created", Identifier: "user:42"})
	assert.Equal(t, http.StatusOK, res.StatusCode)
	assert.Equal(t, "Welcome to Pro on plan 67\n", get("/pro").Body.String())

	t.Setenv("KANUU_API_KEY", "")
	_, err = app()
	require.ErrorContains(t, err, "KANUU_API_KEY")
}
