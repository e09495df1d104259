// Package man writes manual pages (man(7)) of commands. The pages hold no dates: the same commands give the same bytes.
package man

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Page is one manual page.
type Page struct {
	// Name is the name of the page, such as mailreg-set; Section its section, such as 1.
	Name    string
	Section int
	// Summary is the one line behind the name.
	Summary string
	// Synopsis is the command line, the command itself in Command.
	Command, Synopsis string
	// Text is the description: paragraphs, and lines that begin with a blank as they stand.
	Text string
	// Options and Global are the flags, Commands what stands below the command.
	Options, Global, Commands []Item
	// Example are lines as they stand, "" for none.
	Example string
	// More are further sections, in order; an item without a term is text alone.
	More []Section
	// See are the names of other pages, such as mailreg(1).
	See []string
}

// Section is a section with a heading of its own.
type Section struct {
	Heading string
	Items   []Item
}

// Item is a term, such as a flag with its argument, and what it means.
type Item struct {
	// Term is printed bold, Arg behind it in italics.
	Term, Arg string
	Text      string
}

// File returns the name of the page's file.
func (p Page) File() string { return fmt.Sprintf("%s.%d", p.Name, p.Section) }

// Write writes pages into a folder, which it makes.
func Write(dir string, pages []Page) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, p := range pages {
		if err := os.WriteFile(filepath.Join(dir, p.File()), p.Render(), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// Render returns the source of the page.
func (p Page) Render() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, ".TH %s %d \"\" mailreg \"mailreg\"\n", strings.ToUpper(escape(p.Name)), p.Section)
	fmt.Fprintf(&b, ".SH NAME\n%s \\- %s\n", escape(p.Name), escape(p.Summary))
	fmt.Fprintf(&b, ".SH SYNOPSIS\n.B %s\n", escape(p.Command))
	if p.Synopsis != "" {
		b.WriteString(line(p.Synopsis))
	}
	b.WriteString(".SH DESCRIPTION\n")
	writeText(&b, p.Text)
	writeItems(&b, "COMMANDS", p.Commands)
	writeItems(&b, "OPTIONS", p.Options)
	writeItems(&b, "GLOBAL OPTIONS", p.Global)
	if p.Example != "" {
		b.WriteString(".SH EXAMPLES\n")
		writeText(&b, p.Example)
	}
	for _, s := range p.More {
		writeItems(&b, s.Heading, s.Items)
	}
	if len(p.See) > 0 {
		fmt.Fprintf(&b, ".SH SEE ALSO\n%s", line(strings.Join(p.See, ", ")))
	}
	return b.Bytes()
}

func writeItems(b *bytes.Buffer, heading string, items []Item) {
	if len(items) == 0 {
		return
	}
	fmt.Fprintf(b, ".SH %s\n", heading)
	for _, i := range items {
		if i.Term == "" {
			writeText(b, i.Text)
			continue
		}
		fmt.Fprintf(b, ".TP\n\\fB%s\\fR", escape(i.Term))
		if i.Arg != "" {
			fmt.Fprintf(b, " \\fI%s\\fR", escape(i.Arg))
		}
		b.WriteString("\n" + line(i.Text))
	}
}

// writeText writes paragraphs; lines that begin with a blank are kept as they stand.
func writeText(b *bytes.Buffer, text string) {
	fixed, started := false, false
	for one := range strings.Lines(text) {
		one = strings.TrimRight(one, "\n")
		switch indented := strings.HasPrefix(one, " "); {
		case one == "":
			if started && !fixed {
				b.WriteString(".PP\n")
			}
			continue
		case indented && !fixed:
			b.WriteString(".nf\n")
			fixed = true
		case !indented && fixed:
			b.WriteString(".fi\n.PP\n")
			fixed = false
		}
		started = true
		b.WriteString(line(one))
	}
	if fixed {
		b.WriteString(".fi\n")
	}
}

// line is a line of text: one that begins like a request is not to be one.
func line(text string) string {
	text = escape(text)
	if strings.HasPrefix(text, ".") || strings.HasPrefix(text, "'") {
		text = `\&` + text
	}
	return text + "\n"
}

// escape keeps backslashes and hyphens as they are; readers copy commands from here.
func escape(text string) string {
	return strings.NewReplacer(`\`, `\e`, "-", `\-`, "^", `\(ha`, "~", `\(ti`).Replace(text)
}
