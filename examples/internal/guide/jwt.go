package guide

import (
	"net/http"
	"strings"

	"github.com/golang-jwt/jwt/v5"

	"github.com/kanuu-io/kanuu-go"
)

// WithJWT is an API whose clients bring a token.
func WithJWT(client *kanuu.Client, key []byte) http.Handler {
	// snippet: jwt
	parser := jwt.NewParser(
		jwt.WithValidMethods([]string{"HS256"}), // the one that you sign with, and no "none"
		jwt.WithExpirationRequired(),
		jwt.WithIssuer("acme"),
	)
	who := kanuu.IdentifierResolverFunc(func(r *http.Request) (kanuu.Identity, error) {
		token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if !ok {
			return kanuu.Identity{}, kanuu.ErrUnauthenticated
		}
		var claims struct {
			jwt.RegisteredClaims
			Email string `json:"email"`
		}
		_, err := parser.ParseWithClaims(token, &claims, func(*jwt.Token) (any, error) { return key, nil })
		if err != nil || claims.Subject == "" {
			return kanuu.Identity{}, kanuu.ErrUnauthenticated
		}
		return kanuu.Identity{Identifier: "user:" + claims.Subject, Email: claims.Email}, nil
	})
	mux := http.NewServeMux()
	mux.Handle("/billing", kanuu.NewRedirectHandler(client, who, nil))
	// snippet: end
	return mux
}
