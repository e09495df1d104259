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
	if !harness.Prepared() {
		t.chapter("Building mailreg and mailreg-listener")
	}
	clean, err := harness.Prepare()
	t.Cleanup(clean)
	if err != nil {
		t.Fatalf("%v", err)
	}
	s := &story{teller: t}
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
