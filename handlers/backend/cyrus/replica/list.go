package replica

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// kind is what a node is.
type kind int

const (
	text kind = iota
	none
	list   // (a b)
	fields // %(KEY a KEY b)
	file   // %{partition guid size} and the bytes
)

// node is a value of a command or an answer, with a key in front of it where there is one.
type node struct {
	kind      kind
	key       string
	text      string // of a text, and the bytes of a file
	part, sum string // of a file
	kids      []*node
}

// longest bounds a literal or a file: no message is longer.
const longest = 1 << 30

var errForm = errors.New("what Cyrus says has not the form of its replication")

func str(key, value string) *node { return &node{key: key, text: value} }

func num(key string, n uint64) *node { return str(key, strconv.FormatUint(n, 10)) }

func group(key string, kids ...*node) *node { return &node{kind: list, key: key, kids: kids} }

func record(key string, kids ...*node) *node { return &node{kind: fields, key: key, kids: kids} }

// get returns the value of a key, nil when it is not there.
func (n *node) get(key string) *node {
	for _, kid := range n.kids {
		if strings.EqualFold(kid.key, key) {
			return kid
		}
	}
	return nil
}

// value returns the text of a key, "" when it is not there.
func (n *node) value(key string) string {
	if kid := n.get(key); kid != nil {
		return kid.text
	}
	return ""
}

func (n *node) number(key string) uint64 {
	v, _ := strconv.ParseUint(n.value(key), 10, 64) // what is no number is 0, which differs
	return v
}

// with returns a copy in which these values stand in place of those of the same keys; one of kind none removes.
func (n *node) with(values ...*node) *node {
	c := *n
	c.kids = nil
	for _, kid := range n.kids {
		replaced := false
		for _, v := range values {
			replaced = replaced || strings.EqualFold(v.key, kid.key)
		}
		if !replaced {
			c.kids = append(c.kids, kid)
		}
	}
	for _, v := range values {
		if v.kind != none {
			c.kids = append(c.kids, v)
		}
	}
	return &c
}

// print writes a node as imapd reads it.
func (n *node) print(b *bytes.Buffer, keyed bool) {
	if keyed {
		astring(b, n.key)
		b.WriteByte(' ')
	}
	switch n.kind {
	case none:
		b.WriteString("NIL")
	case text:
		astring(b, n.text)
	case file:
		fmt.Fprintf(b, "%%{%s %s %d}\r\n%s", n.part, n.sum, len(n.text), n.text)
	case list, fields:
		if n.kind == fields {
			b.WriteByte('%')
		}
		b.WriteByte('(')
		for i, kid := range n.kids {
			if i > 0 {
				b.WriteByte(' ')
			}
			kid.print(b, n.kind == fields)
		}
		b.WriteByte(')')
	}
}

func (n *node) String() string {
	var b bytes.Buffer
	n.print(&b, false)
	return b.String()
}

// astring writes a string: bare where no program could take it for something else.
func astring(b *bytes.Buffer, s string) {
	bare := s != "" && !strings.EqualFold(s, "NIL") && !strings.ContainsFunc(s, func(r rune) bool {
		return r <= ' ' || r >= 0x7f || strings.ContainsRune(`(){}%*"`, r)
	})
	if bare && strings.IndexByte(s, '\\') <= 0 { // a flag begins with it
		b.WriteString(s)
		return
	}
	if strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r >= 0x7f }) {
		fmt.Fprintf(b, "{%d+}\r\n%s", len(s), s)
		return
	}
	b.WriteByte('"')
	b.WriteString(strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s))
	b.WriteByte('"')
}

// parser reads nodes.
type parser struct{ *bufio.Reader }

// parse reads a node, with its key when there is one.
func (p parser) parse(keyed bool) (n *node, err error) {
	n = &node{}
	if keyed {
		if n.key, _, err = p.astring(); err != nil {
			return nil, err
		}
		if err := p.spaces(); err != nil {
			return nil, err
		}
	}
	c, err := p.ReadByte()
	if err != nil {
		return nil, err
	}
	switch c {
	case '(':
		n.kind = list
		return n, p.kids(n, false)
	case '%':
		if c, err = p.ReadByte(); err != nil {
			return nil, err
		}
		if c == '(' {
			n.kind = fields
			return n, p.kids(n, true)
		}
		if c != '{' {
			return nil, errForm
		}
		n.kind = file
		return n, p.file(n)
	}
	if err := p.UnreadByte(); err != nil {
		return nil, err
	}
	var quoted bool
	n.text, quoted, err = p.astring()
	if !quoted && n.text == "NIL" {
		n.kind, n.text = none, ""
	}
	return n, err
}

func (p parser) kids(n *node, keyed bool) error {
	for {
		if err := p.spaces(); err != nil {
			return err
		}
		c, err := p.ReadByte()
		if err != nil || c == ')' {
			return err
		}
		if err := p.UnreadByte(); err != nil {
			return err
		}
		kid, err := p.parse(keyed)
		if err != nil {
			return err
		}
		n.kids = append(n.kids, kid)
	}
}

// file reads what comes behind "%{".
func (p parser) file(n *node) error {
	head, err := p.line()
	if err != nil {
		return err
	}
	words := strings.Fields(strings.TrimSuffix(head, "}"))
	if len(words) != 3 {
		return errForm
	}
	n.part, n.sum = words[0], words[1]
	n.text, err = p.bytes(words[2])
	return err
}

func (p parser) bytes(length string) (string, error) {
	size, err := strconv.ParseUint(strings.TrimSuffix(length, "+"), 10, 31)
	if err != nil || size > longest {
		return "", errForm
	}
	var b strings.Builder // grows with what comes, whatever was announced
	if _, err := io.CopyN(&b, p.Reader, int64(size)); err != nil {
		return "", err
	}
	return b.String(), nil
}

// astring reads an atom, a quoted string or a literal.
func (p parser) astring() (s string, quoted bool, err error) {
	c, err := p.ReadByte()
	if err != nil {
		return "", false, err
	}
	switch c {
	case '"':
		s, err = p.quoted()
		return s, true, err
	case '{':
		length, err := p.line()
		if err != nil {
			return "", true, err
		}
		s, err = p.bytes(strings.TrimSuffix(length, "}"))
		return s, true, err
	}
	var b strings.Builder
	for ; !strings.ContainsRune(" ()\r\n", rune(c)); c, err = p.ReadByte() {
		if err != nil {
			return "", false, err
		}
		if b.Len() > longest {
			return "", false, errForm
		}
		b.WriteByte(c)
	}
	if b.Len() == 0 {
		return "", false, errForm
	}
	return b.String(), false, p.UnreadByte()
}

func (p parser) quoted() (string, error) {
	var b strings.Builder
	for b.Len() < longest {
		c, err := p.ReadByte()
		switch {
		case err != nil:
			return "", err
		case c == '"':
			return b.String(), nil
		case c == '\\':
			if c, err = p.ReadByte(); err != nil {
				return "", err
			}
		}
		b.WriteByte(c)
	}
	return "", errForm
}

func (p parser) spaces() error {
	for {
		c, err := p.ReadByte()
		if err != nil {
			return err
		}
		if c != ' ' {
			return p.UnreadByte()
		}
	}
}

// line reads the rest of a line, without its end.
func (p parser) line() (string, error) {
	var b strings.Builder
	for b.Len() < 64<<10 {
		c, err := p.ReadByte()
		if err != nil {
			return "", err
		}
		if c == '\n' {
			return strings.TrimSuffix(b.String(), "\r"), nil
		}
		b.WriteByte(c)
	}
	return "", errForm
}

// word reads up to a space or the end of the line, which stays.
func (p parser) word() (string, error) {
	var b strings.Builder
	for b.Len() < 1024 {
		c, err := p.ReadByte()
		if err != nil {
			return "", err
		}
		if c == ' ' || c == '\r' || c == '\n' {
			if c != ' ' {
				err = p.UnreadByte()
			}
			return b.String(), err
		}
		b.WriteByte(c)
	}
	return "", errForm
}
