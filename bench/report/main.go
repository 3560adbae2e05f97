//go:debug x509usefallbackroots=1

// Command report measures what the library costs, beside the limit and beside
// what else there is, and writes it down:
//
//	go run ./bench/report           # all of it, in about five minutes
//	go run ./bench/report -quick    # a look, in about a minute; no numbers to publish
//
// Run it in the root of the repository, on a machine that does nothing else.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/kanuu-io/kanuu-go/bench/internal/report"
	"github.com/kanuu-io/kanuu-go/bench/internal/upstream"
)

// pageFile is in the folder docs.
const pageFile = "performance.md"

func main() {
	quick := flag.Bool("quick", false, "measure less, and write nothing")
	docs := flag.String("docs", "", "`folder` to write to (default \"docs\"; with -quick, nothing is written)")
	flag.Parse()

	if *docs == "" && !*quick {
		*docs = "docs"
	}

	os.Exit(upstream.During(func(server *upstream.Server) int {
		if err := run(server, os.Stdout, *quick, *docs); err != nil {
			fmt.Fprintln(os.Stderr, "report:", err)

			return 1
		}

		return 0
	}))
}

func run(server *upstream.Server, out io.Writer, quick bool, docs string) error {
	if _, err := os.Stat(docs); docs != "" && err != nil {
		return fmt.Errorf("%w: run this in the root of the repository, or see -docs", err)
	}

	start := time.Now()

	effort, command := report.Full, "go run ./bench/report"
	if quick {
		effort, command = report.Quick, command+" -quick"
	}

	r, err := report.Take(server, effort, func(what string) {
		fmt.Fprintf(os.Stderr, "%5.0f s  %s\n", time.Since(start).Seconds(), what)
	})
	if err != nil {
		return err
	}

	fmt.Fprint(out, r.Table())

	if docs == "" {
		return nil
	}

	for name, text := range map[string]string{
		pageFile:          r.Page(command, time.Since(start)),
		report.LoadFile:   r.LoadChart().SVG(),
		report.GrowthFile: r.GrowthChart().SVG(),
	} {
		file := filepath.Join(docs, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil { //nolint:gosec // a folder for everybody to read
			return err
		}

		if err := os.WriteFile(file, []byte(text), 0o644); err != nil { //nolint:gosec // as above
			return err
		}

		fmt.Fprintln(out, "wrote", file)
	}

	return nil
}
