// Command echov5 is what somebody writes who takes adapters/echov5: see ../README.md.
package main

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"os"

	"github.com/labstack/echo/v5"

	"github.com/kanuu-io/kanuu-go"
	kanuuechov5 "github.com/kanuu-io/kanuu-go/adapters/echov5"
	"github.com/kanuu-io/kanuu-go/kanuutest"
)

func main() {
	fake := kanuutest.NewServer(nil)
	defer fake.Close()

	client, err := kanuu.NewClient(kanuu.Config{APIKey: kanuutest.DefaultAPIKey, BaseURL: fake.URL})
	if err != nil {
		log.Panic(err)
	}
	e := echo.New()
	kanuuechov5.Mount(e, "/billing", client, func(*echo.Context) (kanuu.Identity, error) {
		return kanuu.Identity{Identifier: "42"}, nil
	}, nil)

	answer := httptest.NewRecorder()
	e.ServeHTTP(answer, httptest.NewRequestWithContext(context.Background(), http.MethodGet, "/billing", nil))
	fmt.Fprintln(os.Stdout, answer.Code, fake.Requests()[0].Header.Get("User-Agent"))
}
