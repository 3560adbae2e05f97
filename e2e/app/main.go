// Command app is the app that the load command runs with -example app.
package main

import (
	"os"

	"github.com/kanuu-io/kanuu-go/e2e/internal/app"
)

func main() { os.Exit(app.Main(nil)) }
