// The kanuu command runs Kanuu on this machine, asks the real one, and finds
// out what is wrong with a set-up. Its README has the commands.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/kanuu-io/kanuu-go/cmd/kanuu/internal/cli"
)

func main() { os.Exit(run()) }

func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // so that a second Ctrl-C does not wait for anybody
	program := cli.Program{Getenv: os.Getenv, Stdout: os.Stdout, Stderr: os.Stderr}
	return program.Run(ctx, os.Args[1:])
}
