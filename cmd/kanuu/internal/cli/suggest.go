package cli

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// maxTypos is how many typing errors apart a suggestion may be.
const maxTypos = 3

// nearest returns the candidate that word was most likely meant to be; empty
// when none is near.
func nearest(word string, candidates []string) string {
	best, least := "", min(maxTypos, len(word)/2)+1
	for _, candidate := range candidates {
		if d := typos(word, candidate); d < least {
			best, least = candidate, d
		}
	}
	return best
}

// typos counts the characters to insert, delete or replace on the way from a to
// b, as Levenshtein does.
func typos(a, b string) int {
	from, to := []rune(strings.ToLower(a)), []rune(strings.ToLower(b))
	previous := make([]int, len(to)+1)
	for i := range previous {
		previous[i] = i
	}
	for i, r := range from {
		current := []int{i + 1}
		for j, s := range to {
			replaced := previous[j]
			if r != s {
				replaced++
			}
			current = append(current, min(replaced, previous[j+1]+1, current[j]+1))
		}
		previous = current
	}
	return previous[len(to)]
}

// knownCommand is for a command that has subcommands only: a word that is left
// over was meant to be one of them.
func knownCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	remedy := "`kanuu --help` lists the commands"
	var names []string
	for _, sub := range cmd.Commands() {
		names = append(append(names, sub.Name()), sub.Aliases...)
	}
	if name := nearest(args[0], names); name != "" {
		remedy = fmt.Sprintf("did you mean `%s %s`? %s", cmd.CommandPath(), name, remedy)
	}
	return usage(remedy, "there is no command %q", args[0])
}

// helpCommand is cobra's, but fails for a command that does not exist.
func helpCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND]",
		Short: "Explain a command",
		RunE: func(cmd *cobra.Command, args []string) error {
			about, rest, err := cmd.Root().Find(args)
			if err != nil {
				return err
			}
			if len(rest) > 0 {
				return knownCommand(about, rest)
			}
			about.InitDefaultHelpFlag()
			return about.Help()
		},
		ValidArgsFunction: func(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
			var names []cobra.Completion
			if len(args) == 0 {
				for _, sub := range cmd.Root().Commands() {
					if sub.IsAvailableCommand() {
						names = append(names, cobra.CompletionWithDesc(sub.Name(), sub.Short))
					}
				}
			}
			return names, cobra.ShellCompDirectiveNoFileComp
		},
	}
}

// suggestFlag adds to the error about an unknown flag which one it may have
// been meant to be; cobra does this for commands only.
func suggestFlag(cmd *cobra.Command, err error) error {
	remedy := fmt.Sprintf("`%s --help` lists the flags", cmd.CommandPath())
	if unknown, ok := errors.AsType[*pflag.NotExistError](err); ok {
		var names []string
		cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
		slices.Sort(names)
		if name := nearest(unknown.GetSpecifiedName(), names); name != "" {
			remedy = fmt.Sprintf("did you mean --%s? %s", name, remedy)
		}
	}
	return usage(remedy, "%w", err)
}
