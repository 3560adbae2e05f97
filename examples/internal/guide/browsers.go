package guide

import (
	"log"
	"net/http"

	"github.com/kanuu-io/kanuu-go"
)

// TrustedOrigin is /billing for a page of another origin that posts there.
func TrustedOrigin(client *kanuu.Client, who kanuu.IdentifierResolver) http.Handler {
	// snippet: trusted origin
	protection := http.NewCrossOriginProtection()
	if err := protection.AddTrustedOrigin("https://www.acme.com"); err != nil {
		log.Fatal(err)
	}
	billing := kanuu.NewRedirectHandler(client, who, &kanuu.RedirectOptions{CrossOriginProtection: protection})
	// snippet: end
	return billing
}
