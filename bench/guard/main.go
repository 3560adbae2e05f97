//go:debug x509usefallbackroots=1

// Command guard counts what the library allocates, connects and calls, and
// fails when one of the counts is worse than the baseline that is checked in.
//
//	go run ./bench/guard             # compare
//	go run ./bench/guard -update     # make the baseline from what is now
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"time"

	"github.com/kanuu-io/kanuu-go/bench/internal/count"
	"github.com/kanuu-io/kanuu-go/bench/internal/upstream"
)

const command = "go run ./bench/guard -update"

func main() {
	file := flag.String("baseline", "bench/testdata/baseline.json", "`file` with the baseline")
	update := flag.Bool("update", false, "write the baseline instead of comparing with it")
	flag.Parse()

	os.Exit(upstream.During(func(server *upstream.Server) int {
		take := func() ([]count.Count, error) { return count.Take(server) }

		if err := run(take, os.Stdout, *file, *update); err != nil {
			fmt.Fprintln(os.Stderr, "guard:", err)

			return 1
		}

		return 0
	}))
}

func run(take func() ([]count.Count, error), out io.Writer, file string, update bool) error {
	baseline, err := count.ReadBaseline(file)
	if err != nil && (!update || !errors.Is(err, os.ErrNotExist)) {
		return err
	}

	start := time.Now()

	counts, err := take()
	if err != nil {
		return err
	}

	better, compareErr := baseline.Compare(counts, out)
	fmt.Fprintf(out, "%d counts in %v\n", len(counts), time.Since(start).Round(time.Second))

	switch {
	case update:
		return count.NewBaseline(runtime.Version(), counts).Write(file)
	case compareErr != nil:
		if version := runtime.Version(); version != baseline.Go {
			fmt.Fprintf(out, "The baseline was made with %s, and this is %s: compare with that one before you look further.\n", baseline.Go, version)
		}

		return fmt.Errorf("%w\nIf it is worth it, say why in the commit and make the baseline again: %s", compareErr, command)
	case better:
		fmt.Fprintf(out, "Something has become better. Keep it so: %s\n", command)
	}

	return nil
}
