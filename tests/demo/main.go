// Command demo shows the main job of mailreg on a real slapd, a real Dovecot and a real Postfix: a change in the
// directory becomes a mailbox and a config file. It checks all that it shows, and leaves nothing behind. With KEEP set in
// the environment it goes on running at the end and says how to connect.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/mailreg/mailreg/tests/harness"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	t := newTeller(ctx, os.Stdout)
	ok := t.tell(func() { run(t) })
	stop()
	if !ok {
		os.Exit(1)
	}
}

// run builds the programs and tells the story.
func run(t *teller) {
	dir, err := os.MkdirTemp("/tmp", "mr-bin-")
	if err != nil {
		t.Fatalf("making a folder for the programs: %v", err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) }) // nothing to do about it at the end
	t.chapter("Building mailreg and mailreg-listener")
	if err := harness.Build(dir); err != nil {
		t.Fatalf("%v", err)
	}
	s := &story{teller: t, bin: dir}
	for _, chapter := range s.chapters() {
		t.chapter(chapter.title)
		chapter.happens()
	}
	t.end()
	if os.Getenv("KEEP") != "" {
		s.connect()
		<-t.Context().Done()
	}
}
