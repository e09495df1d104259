package main

import "github.com/spf13/cobra"

func newMailboxCommand(*app) *cobra.Command {
	return &cobra.Command{Use: "mailbox", Short: "Look at mail stores and bring set-aside ones back"}
}
