// Command echo is what somebody writes who takes adapters/echo: see ../README.md.
package main

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"os"

	"github.com/labstack/echo/v4"

	"github.com/kanuu-io/kanuu-go"
	kanuuecho "github.com/kanuu-io/kanuu-go/adapters/echo"
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
	kanuuecho.Mount(e, "/billing", client, func(echo.Context) (kanuu.Identity, error) {
		return kanuu.Identity{Identifier: "42"}, nil
	}, nil)

	answer := httptest.NewRecorder()
	e.ServeHTTP(answer, httptest.NewRequestWithContext(context.Background(), http.MethodGet, "/billing", nil))
	fmt.Fprintln(os.Stdout, answer.Code, fake.Requests()[0].Header.Get("User-Agent"))
}
