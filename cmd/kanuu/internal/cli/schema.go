package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	kanuusql "github.com/kanuu-io/kanuu-go/adapters/sql"
)

func (a *app) schemaCommand() *cobra.Command {
	var dialect, prefix string
	cmd := &cobra.Command{
		Use:   "schema --dialect DIALECT",
		Short: "Print the SQL of the application's own table of subscriptions",
		Long: `Print the SQL of the application's own table of subscriptions, for a migration
tool. The package kanuusql keeps the table; applications without a migration tool
call its Migrate.

DIALECT is postgres, mysql (also for MariaDB) or sqlite. Each statement can be run
again.`,
		Example: `  kanuu schema --dialect postgres > migrations/0007_kanuu.up.sql
  kanuu schema --dialect sqlite --prefix billing_ | sqlite3 app.db`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			text, err := kanuusql.Schema(kanuusql.Dialect(dialect), prefix)
			if err != nil {
				return usage("`kanuu schema --help` has examples", "%w", err)
			}
			if a.json {
				return a.printJSON(map[string]string{"schema": text})
			}
			_, err = fmt.Fprint(a.Stdout, text)
			return err
		},
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	cmd.Flags().StringVar(&dialect, "dialect", "", "`DIALECT` of the database: postgres, mysql or sqlite")
	cmd.Flags().StringVar(&prefix, "prefix", kanuusql.DefaultPrefix, "`PREFIX` of the tables' names")
	return cmd
}
