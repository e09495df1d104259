package replica

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// allowed are the commands that another host may give, by the verb and the key, with the keys of their values that must name
// the user or a mailbox of the user's.
var allowed = map[string][]string{
	"SYNCGET USER":               nil,
	"SYNCGET FULLMAILBOX":        nil,
	"SYNCAPPLY UNMAILBOX":        nil,
	"SYNCAPPLY MESSAGE":          nil,
	"SYNCAPPLY MAILBOX":          {"MBOXNAME"},
	"SYNCAPPLY EXPUNGE":          {"MBOXNAME"},
	"SYNCAPPLY SUB":              {"USERID"},
	"SYNCAPPLY UNSUB":            {"USERID"},
	"SYNCAPPLY SIEVE":            {"USERID"},
	"SYNCAPPLY UNSIEVE":          {"USERID"},
	"SYNCAPPLY ACTIVATE_SIEVE":   {"USERID"},
	"SYNCAPPLY UNACTIVATE_SIEVE": {"USERID"},
	"SYNCAPPLY QUOTA":            {"ROOT"},
}

// permits says whether another host may give a command for the copy of a user.
func permits(verb string, n *node, name string) error {
	keys, known := allowed[verb+" "+n.key]
	good := known
	switch verb + " " + n.key {
	case "SYNCGET USER":
		good = n.kind == text && n.text == name
	case "SYNCGET FULLMAILBOX", "SYNCAPPLY UNMAILBOX":
		good = n.kind == text && within(inboxOf(name), n.text)
	case "SYNCAPPLY MESSAGE":
		good = n.kind == list && !slices.ContainsFunc(n.kids, func(kid *node) bool { return kid.kind != file })
	}
	for _, key := range keys {
		good = good && n.kind == fields && once(n, key) && (key == "USERID" && n.value(key) == name ||
			key != "USERID" && within(inboxOf(name), n.value(key)))
	}
	// A script is a file name for Cyrus.
	good = good && !strings.ContainsAny(n.value("FILENAME"), "/\x00")
	if !good {
		return fmt.Errorf("%s %.40q is no part of the copy of %s", verb, n.key, name)
	}
	return nil
}

// once reports whether a key stands in a record exactly once: Cyrus takes one of several.
func once(n *node, key string) bool {
	count := 0
	for _, kid := range n.kids {
		if strings.EqualFold(kid.key, key) {
			count++
		}
	}
	return count == 1 && n.get(key).kind == text
}

// Guest is a copy that another host makes of a user.
type Guest struct {
	// Session is one of the administrator, or as the user with Add.
	Session *Session
	User    string
	// Add takes messages alone: the user is in already.
	Add bool
}

// Serve does what the other host asks, over a connection read by r, until it ends.
func (g Guest) Serve(r *bufio.Reader, w io.Writer) error {
	p := parser{r}
	for {
		tag, err := p.word()
		if errors.Is(err, io.EOF) && tag == "" {
			return nil
		}
		if err != nil {
			return err
		}
		verb, err := p.word()
		if err != nil {
			return err
		}
		n, err := p.parse(true)
		if err != nil {
			return err
		}
		if _, err := p.line(); err != nil {
			return err
		}
		all, status, err := g.obey(verb, n)
		if err != nil {
			return err
		}
		var b bytes.Buffer
		for _, one := range all {
			b.WriteString("* ")
			one.print(&b, true)
			b.WriteString("\r\n")
		}
		fmt.Fprintf(&b, "%s %s\r\n", tag, status)
		if _, err := w.Write(b.Bytes()); err != nil {
			return err
		}
	}
}

func (g Guest) obey(verb string, n *node) ([]*node, string, error) {
	if g.Add {
		if verb != "ADD" || n.kind != fields || !within(inboxOf(g.User), n.value("MBOXNAME")) {
			return nil, "", fmt.Errorf("%s %.40q adds nothing", verb, n.key)
		}
		return nil, "OK", g.Session.add(n, g.User)
	}
	if err := permits(verb, n, g.User); err != nil {
		return nil, "", err
	}
	tag, err := g.Session.send(verb, n)
	if err != nil {
		return nil, "", err
	}
	return g.Session.answer(tag)
}

// add appends a message to the folder of the user that it was in, else to the inbox. The session is as the user.
func (s *Session) add(n *node, name string) error {
	folder := "INBOX"
	if rest, is := strings.CutPrefix(n.value("MBOXNAME"), inboxOf(name)+"."); is {
		folder += "/" + strings.NewReplacer(".", "/", "^", ".").Replace(rest)
	}
	var flags []string
	if list := n.get("FLAGS"); list != nil {
		for _, f := range list.kids {
			if !strings.EqualFold(f.text, `\Recent`) && !strings.ContainsAny(f.text, " (){}\"\r\n") {
				flags = append(flags, f.text)
			}
		}
	}
	at := time.Unix(int64(n.number("INTERNALDATE")), 0).UTC().Format("_2-Jan-2006 15:04:05 -0700") // RFC 9051 §9, date-time
	content := n.value("CONTENT")
	var b bytes.Buffer
	astring(&b, folder)
	command := func(to string) (string, error) {
		return s.raw(fmt.Sprintf("APPEND %s (%s) \"%s\" {%d+}\r\n%s", to, strings.Join(flags, " "), at, len(content), content))
	}
	_, err := command(b.String())
	if r := (*Refused)(nil); errors.As(err, &r) && folder != "INBOX" {
		_, err = command("INBOX")
	}
	return err
}
