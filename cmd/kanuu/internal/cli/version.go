package cli

import (
	"fmt"
	"runtime"

	"github.com/spf13/cobra"

	"github.com/kanuu-io/kanuu-go"
)

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Say which version this is",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			platform := runtime.GOOS + "/" + runtime.GOARCH
			if a.json {
				return a.printJSON(map[string]string{"version": kanuu.Version, "go": runtime.Version(), "platform": platform})
			}
			_, err := fmt.Fprintf(a.Stdout, "kanuu %s (%s, %s)\n", kanuu.Version, runtime.Version(), platform)
			return err
		},
		ValidArgsFunction: cobra.NoFileCompletions,
	}
}
