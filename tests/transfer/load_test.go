package transfer

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mailreg/mailreg/tests/harness"
)

var (
	messages = flag.Int("transfer.messages", 2000, "how many messages the user has who moves")
	releases = flag.Bool("transfer.all", false, "have TestUnderLoad move between all releases, not only from the older to the newer one")
	drains   = flag.Int("transfer.drains", 1, "how often TestDrain empties a host")
	rounds   = flag.Int("transfer.rounds", 1, "how often TestKilled moves a user")
	seed     = flag.Uint64("transfer.seed", uint64(time.Now().UnixNano()), "what TestKilled kills when")
)

const (
	anna = "anna@" + harness.MailDomain
	// staleRoute is how long mail goes on to the former host after the directory has changed.
	staleRoute = 1500 * time.Millisecond
	// longestFreeze is how long nobody may be let in at most.
	longestFreeze = 3 * time.Second
)

// TestUnderLoad moves a user with many messages from one release to the other, while mail arrives and a client sets flags: nothing is lost, refused or renumbered, and nobody waits for long.
func TestUnderLoad(t *testing.T) {
	pairs := [][2]string{{"bookworm", "trixie"}}
	if *releases {
		pairs = append(pairs, [2]string{"bookworm", "bookworm"}, [2]string{"trixie", "bookworm"}, [2]string{"trixie", "trixie"})
	}
	for _, trees := range pairs {
		t.Run(trees[0]+"-"+trees[1], func(t *testing.T) {
			p := newPair(t, trees)
			m := p.moving(*messages)
			m.change()
			m.arrive(3 * time.Minute)
			m.compare(0)
			if freeze := m.freeze(); freeze > longestFreeze && !crowded(t) {
				t.Errorf("nobody was let in for %s", freeze)
			}
		})
	}
}

// crowded reports whether the machine has so much to do that times say nothing (proc(5), loadavg).
func crowded(t *testing.T) bool {
	t.Helper()
	data, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		t.Fatal(err)
	}
	var load float64
	if _, err := fmt.Sscan(string(data), &load); err != nil {
		t.Fatal(err)
	}
	return load > 1.5*float64(runtime.NumCPU())
}

// TestKilled does the same while daemons and servers of both hosts are killed at random moments.
func TestKilled(t *testing.T) {
	t.Logf("-transfer.seed %d", *seed)
	random := rand.New(rand.NewPCG(*seed, 1))
	for round := range *rounds {
		t.Run(fmt.Sprint(round), func(t *testing.T) {
			p := newPair(t, [2]string{})
			m := p.moving(*messages)
			m.change()
			k := &killer{p: p, rand: random}
			for range 1 + random.IntN(5) {
				<-time.After(time.Duration(random.IntN(1500)) * time.Millisecond)
				k.strike()
			}
			m.arrive(3 * time.Minute)
			t.Logf("killed: %q", k.what)
			m.compare(strings.Count(strings.Join(k.what, "\n"), "dovecot of "))
		})
	}
}

// moving is a user who moves from the first host to the second one, while mail comes and flags are set.
type moving struct {
	*pair
	uuid    string
	before  picture
	sender  *sender
	flagger *flagger
}

// moving gives the first host a user with messages and somebody who works with them.
func (p *pair) moving(count int) *moving {
	p.t.Helper()
	m := &moving{pair: p, uuid: p.hosts[0].Slapd.AddPerson(harness.Person{UID: "anna", Mail: anna, Home: mail1})}
	p.wait()
	fill(p.t, p.hosts[0], m.uuid, count*3/4, count/4)
	var err error
	if m.before, err = look(p.hosts[0], anna); err != nil {
		p.t.Fatal(err)
	}
	m.sender, m.flagger = startSender(p, anna, 10*time.Millisecond), startFlagger(p, anna)
	return m
}

// change names the second host in the directory; mail finds it a little later.
func (m *moving) change() {
	<-time.After(300 * time.Millisecond)
	m.hosts[0].Slapd.SetHome(harness.DN("anna"), mail2)
	time.AfterFunc(staleRoute, func() { m.sender.home.Store(1) })
}

// arrive waits until the move is over on both hosts.
func (m *moving) arrive(limit time.Duration) {
	m.t.Helper()
	begun := time.Now()
	until(m.t, limit, "the move", func() error {
		for i, direction := range []string{"out", "in"} {
			files, err := filepath.Glob(filepath.Join(m.hosts[i].Root(), "var/lib/mailreg/transfer", direction, "*.json"))
			if err != nil || len(files) > 0 {
				data, _ := os.ReadFile(files[0])
				return fmt.Errorf("%s: %.600s %w", direction, data, err)
			}
		}
		_, err := look(m.hosts[1], anna)
		return err
	})
	<-time.After(200 * time.Millisecond)
	m.sender.end(m.t)
	flagged := m.flagger.end()
	m.t.Logf("moved in %s: %d accepted meanwhile, %d put off, longest gap %s, %d flags set", time.Since(begun).Round(time.Millisecond),
		len(m.sender.accepted), m.sender.put, m.sender.longest.Round(time.Millisecond), len(flagged))
}

// compare demands that all that was there, was accepted, or was set is there now, under the same numbers; but for as many
// flags as Dovecots were killed.
func (m *moving) compare(spared int) {
	m.t.Helper()
	after, err := look(m.hosts[1], anna)
	if err != nil {
		m.t.Fatal(err)
	}
	live := map[uint32]bool{}
	for _, uid := range m.flagger.flagged {
		live[uid] = true
	}
	for folder, before := range m.before {
		now := after[folder]
		if now.validity != before.validity {
			m.t.Errorf("%s: UIDVALIDITY %d became %d", folder, before.validity, now.validity)
		}
		for uid, want := range before.messages {
			if folder == "INBOX" && live[uid] {
				want.Flags = append(slices.Clone(want.Flags), "$live")
				slices.Sort(want.Flags)
			}
			got := now.messages[uid]
			if folder == "INBOX" && !live[uid] { // set, and the answer lost with a server
				got.Flags = slices.DeleteFunc(slices.Clone(got.Flags), func(f string) bool { return f == "$live" })
			}
			if folder == "INBOX" && spared > 0 && live[uid] && !slices.Contains(got.Flags, "$live") {
				spared-- // the last one that was set before a Dovecot died
				continue
			}
			if diff := cmp.Diff(want, got); diff != "" {
				m.t.Errorf("%s, UID %d (-want +got):\n%s", folder, uid, diff)
				break
			}
		}
	}
	found := map[string]int{}
	for _, message := range after["INBOX"].messages {
		found[message.Subject]++
	}
	lost, twice := 0, 0
	for _, subject := range m.sender.accepted {
		switch n := found[subject]; {
		case n == 0:
			lost++
			m.t.Errorf("accepted, and not there: %s", subject)
		case n > 1 && !m.sender.unsure[subject]:
			twice++
		}
	}
	m.t.Logf("%d lost, %d twice", lost, twice)
	if left := len(m.hosts[0].Spool.Homes()); left > 0 && m.hosts[0].Dovecot != nil {
		m.t.Errorf("%d stores are left on the former host", left)
	}
}

// freeze returns for how long nobody was let in, as the source has logged it.
func (m *moving) freeze() time.Duration {
	m.t.Helper()
	data, err := os.ReadFile(m.hosts[0].Listener.Log())
	if err != nil {
		m.t.Fatal(err)
	}
	return loggedFreeze(m.t, string(data))
}
