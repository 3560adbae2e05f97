// Command gin is what somebody writes who takes adapters/gin: see ../README.md.
package main

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"os"

	"github.com/gin-gonic/gin"

	"github.com/kanuu-io/kanuu-go"
	kanuugin "github.com/kanuu-io/kanuu-go/adapters/gin"
	"github.com/kanuu-io/kanuu-go/kanuutest"
)

func main() {
	fake := kanuutest.NewServer(nil)
	defer fake.Close()

	client, err := kanuu.NewClient(kanuu.Config{APIKey: kanuutest.DefaultAPIKey, BaseURL: fake.URL})
	if err != nil {
		log.Panic(err)
	}
	gin.SetMode(gin.ReleaseMode)
	router := gin.New()
	kanuugin.Mount(router, "/billing", client, func(*gin.Context) (kanuu.Identity, error) {
		return kanuu.Identity{Identifier: "42"}, nil
	}, nil)

	answer := httptest.NewRecorder()
	router.ServeHTTP(answer, httptest.NewRequestWithContext(context.Background(), http.MethodGet, "/billing", nil))
	fmt.Fprintln(os.Stdout, answer.Code, fake.Requests()[0].Header.Get("User-Agent"))
}
