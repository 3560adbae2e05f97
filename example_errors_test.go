package kanuu_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/kanuu-io/kanuu-go"
	"github.com/kanuu-io/kanuu-go/kanuutest"
)

// A page of the application's own in place of the library's.
func Example_customErrorPage() {
	fake, client := newFake()
	defer fake.Close()
	member := kanuu.IdentifierResolverFunc(func(*http.Request) (kanuu.Identity, error) {
		return kanuu.Identity{}, kanuu.ErrForbidden // of a team whose owner pays
	})
	billing := kanuu.NewRedirectHandler(client, member, &kanuu.RedirectOptions{
		OnError: func(w http.ResponseWriter, _ *http.Request, err error) {
			w.WriteHeader(kanuu.HTTPStatus(err))
			fmt.Fprint(w, "Ask the owner of your team.")
		},
	})
	response := visit(billing, "/billing")
	fmt.Println(response.Code, response.Body)
	// Output: 403 Ask the owner of your team.
}

// Errors are told apart with errors.Is. HTTPStatus has the status that the user
// gets for each.
func Example_errors() {
	for _, err := range []error{
		kanuu.ErrUnauthenticated, kanuu.ErrNotSubscribed, kanuu.ErrForbidden, kanuu.ErrCrossOrigin, kanuu.ErrMethodNotAllowed,
		kanuu.ErrInvalidIdentity,
		kanuu.ErrInvalidAPIKey, kanuu.ErrValidation, kanuu.ErrUnexpectedResponse,
		kanuu.ErrPaymentRequired, kanuu.ErrRateLimited, kanuu.ErrUnavailable,
	} {
		fmt.Println(kanuu.HTTPStatus(err), err)
	}
	// Output:
	// 401 not logged in
	// 402 not subscribed
	// 403 not allowed to manage this subscription
	// 403 cross-origin request refused
	// 405 method not allowed
	// 500 identity is not valid
	// 500 the API key was refused
	// 500 the data was refused
	// 500 unexpected response
	// 503 the seller's Kanuu account needs a subscription
	// 503 too many calls
	// 503 Kanuu is unavailable
}

// Kanuu refuses a call.
func Example_wrongAPIKey() {
	fake := kanuutest.NewServer(nil)
	defer fake.Close()
	client, err := kanuu.NewClient(kanuu.Config{APIKey: "an-old-key", BaseURL: fake.URL})
	if err != nil {
		panic(err)
	}
	_, err = client.CreateNonce(context.Background(), kanuu.Identity{Identifier: "42"})
	fmt.Println(err)
	fmt.Println(errors.Is(err, kanuu.ErrInvalidAPIKey), kanuu.HTTPStatus(err))
	// Output:
	// kanuu: create nonce: the API key was refused (Kanuu responded 401): Unauthenticated.
	// true 500
}

// NewClient reports all problems of a config at once, each with its remedy.
func Example_invalidConfig() {
	_, err := kanuu.NewClient(kanuu.Config{APIKey: "Bearer your-key", BaseURL: "kanuu.io", Timeout: -time.Second})
	if invalid, ok := errors.AsType[*kanuu.ConfigError](err); ok {
		for _, problem := range invalid.Problems {
			fmt.Println(problem)
		}
	}
	// Output:
	// APIKey starts with "Bearer ": leave that word out, the client adds it
	// BaseURL is not an absolute URL: write it like https://kanuu.io
	// Timeout is negative: leave it 0 for the default of 10s
}

// Check an identity before it is used, such as in a form for an email address.
func Example_invalidIdentity() {
	err := kanuu.Identity{Supplemental: map[string]string{"kanuu": "42"}}.Validate()
	if invalid, ok := errors.AsType[*kanuu.IdentityError](err); ok {
		for _, problem := range invalid.Problems {
			fmt.Println(problem)
		}
	}
	// Output:
	// Identifier is empty
	// Supplemental["kanuu"] is taken: Kanuu keeps the identifier under it
}
