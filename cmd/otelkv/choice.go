// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// A choice is the value of a flag that allows some values.
type choice struct {
	value   *string
	allowed []string
}

func (c choice) String() string { return *c.value }
func (c choice) Type() string   { return "string" }

func (c choice) Set(text string) error {
	if !slices.Contains(c.allowed, text) {
		return fmt.Errorf("expected one of %s", strings.Join(c.allowed, ", "))
	}
	*c.value = text
	return nil
}

// addChoice adds a flag that allows some values. Shells complete them.
func addChoice(command *cobra.Command, value *string, name, shorthand, fallback, usage string, allowed ...string) {
	*value = fallback
	command.Flags().VarP(choice{value, allowed}, name, shorthand, usage+": "+strings.Join(allowed, ", "))
	if err := command.RegisterFlagCompletionFunc(name, cobra.FixedCompletions(allowed, cobra.ShellCompDirectiveNoFileComp)); err != nil {
		panic(err) // the flag does not exist
	}
}
