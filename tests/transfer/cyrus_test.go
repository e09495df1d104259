package transfer

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"

	"github.com/mailreg/mailreg/tests/harness"
)

var cyrusMessages = flag.Int("transfer.cyrus", 300, "how many messages the user has whom TestCyrus moves")

// TestCyrus moves a user between two hosts with Cyrus while mail arrives, a client sets flags, and each daemon is killed at a
// random moment: nothing is lost, refused or renumbered.
func TestCyrus(t *testing.T) {
	pairs := [][2]string{{"bookworm", "bookworm"}}
	if *releases {
		pairs = append(pairs, [2]string{"bookworm", "trixie"}, [2]string{"trixie", "trixie"})
	}
	t.Parallel()
	t.Logf("-transfer.seed %d", *seed)
	random := rand.New(rand.NewPCG(*seed, 2))
	for _, trees := range pairs {
		t.Run(trees[0]+"-"+trees[1], func(t *testing.T) {
			p := newPair(t, [2]string{trees[0] + "-cyrus", trees[1] + "-cyrus"})
			m := &moving{pair: p, uuid: p.hosts[0].Slapd.AddPerson(harness.Person{UID: "anna", Mail: anna, Home: mail1})}
			p.wait()
			fillCyrus(t, p.hosts[0], *cyrusMessages)
			var err error
			if m.before, err = look(p.hosts[0], anna); err != nil {
				t.Fatal(err)
			}
			m.sender, m.flagger = startSender(p, anna, 10*time.Millisecond), startFlagger(p, anna)
			m.change()
			// The one that gains the user has to have heard of it: Cyrus refuses mail for good that it has no mailbox for.
			p.hosts[1].Wait()
			for _, i := range random.Perm(2) {
				<-time.After(time.Duration(random.IntN(1500)) * time.Millisecond)
				p.hosts[i].Listener.Kill()
				<-time.After(time.Duration(random.IntN(300)) * time.Millisecond)
				p.hosts[i].Listener.Start()
			}
			m.arrive(3 * time.Minute)
			m.compare(0)
			m.freeze()
			if got := server(p.hosts[1]).Subjects(anna, harness.Password); !slices.Contains(got, "kept.0") {
				t.Errorf("there is no kept.0: %q", got)
			}
			sorted(t, p)
		})
	}
}

// sorted demands that subscriptions and the Sieve script have come along.
func sorted(t *testing.T, p *pair) {
	t.Helper()
	for _, host := range p.hosts[:1] {
		if known, err := server(host).Knows(anna); known || err != nil {
			t.Errorf("the former host still has a mailbox: %t, %v", known, err)
		}
	}
	client, err := server(p.hosts[1]).Login(anna, harness.Password)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	found, err := client.List("", "*", &imap.ListOptions{SelectSubscribed: true}).Collect()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range found {
		names = append(names, f.Mailbox)
	}
	slices.Sort(names)
	if want := []string{"INBOX/Ham", "INBOX/Spam", "INBOX/Work"}; !slices.Equal(names, want) {
		t.Errorf("subscribed to %q, want %q", names, want)
	}
}

// fillCyrus gives anna messages in the inbox and two folders, with flags.
func fillCyrus(t *testing.T, host *harness.Host, count int) {
	t.Helper()
	client, err := server(host).Login(anna, harness.Password)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if err := client.Create("INBOX/Work", nil).Wait(); err != nil {
		t.Fatal(err)
	}
	if err := client.Subscribe("INBOX/Work").Wait(); err != nil {
		t.Fatal(err)
	}
	for folder, n := range map[string]int{"INBOX": count * 3 / 4, "INBOX/Spam": count / 8, "INBOX/Work": count / 8} {
		for i := range n {
			text := fmt.Sprintf("From: a@client.test\r\nSubject: kept.%d\r\n\r\nhello %s\r\n", i, folder)
			flags := [][]imap.Flag{nil, {imap.FlagSeen}, {imap.FlagSeen, imap.FlagAnswered}, {imap.FlagFlagged, "$Label1"}}[i%4]
			writing := client.Append(folder, int64(len(text)), &imap.AppendOptions{Flags: flags})
			if _, err := writing.Write([]byte(text)); err != nil {
				t.Fatal(err)
			}
			if err := writing.Close(); err != nil {
				t.Fatal(err)
			}
			if _, err := writing.Wait(); err != nil {
				t.Fatal(err)
			}
		}
	}
}
