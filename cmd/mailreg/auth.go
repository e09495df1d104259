package main

import "github.com/spf13/cobra"

func newAuthCommand(*app) *cobra.Command {
	return &cobra.Command{Use: "auth", Short: "Flush authentication caches"}
}
