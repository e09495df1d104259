package registry_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/mailreg/mailreg/registry"
)

// scratch is a directory to play in, where "/" would be the host itself.
func scratch() (dir string, remove func()) {
	dir, err := os.MkdirTemp("", "registry-example-")
	if err != nil {
		log.Fatal(err)
	}
	return dir, func() { _ = os.RemoveAll(dir) }
}

// Settings are read from a View, which never changes; another call of View sees what has been changed since.
func Example() {
	dir, remove := scratch()
	defer remove()
	reg := registry.Open(dir)

	edit := registry.Edit{Set: []registry.Assignment{
		{Key: "mail/messagesizelimit", Value: "20971520"},
		{Key: "my/greeting", Value: "two\nlines"},
	}}
	out, err := reg.Change(context.Background(), edit)
	if err != nil {
		log.Fatal(err)
	}
	for _, key := range out.Keys {
		fmt.Println(key.Verb, key.Key)
	}

	view, err := reg.View()
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(view.Size("mail/messagesizelimit") >> 20)
	fmt.Printf("%q\n", view.String("my/greeting"))
	layer, _ := view.Source("mail/messagesizelimit")
	fmt.Println(layer)
	// Output:
	// Create mail/messagesizelimit
	// Create my/greeting
	// 20
	// "two\nlines"
	// normal
}

// A call with several keys changes all of them or none. What is wrong is told as values.
func ExampleRefusals() {
	dir, remove := scratch()
	defer remove()

	_, err := registry.Open(dir).Change(context.Background(), registry.Edit{Set: []registry.Assignment{
		{Key: "my/key", Value: "right"},
		{Key: "mail/messagesizelimit", Value: "large"},
		{Key: "no=key", Value: "x"},
	}})
	for _, refusal := range registry.Refusals(err) {
		fmt.Printf("%s (%s)\n", refusal.Key, refusal.Reason)
	}
	// Output:
	// mail/messagesizelimit (value)
	// no=key (key)
}

// Commit brings into force what was changed in another way than by Change: a template of one's own, for one.
func ExampleRegistry_Commit() {
	dir, remove := scratch()
	defer remove()
	files := map[string]string{
		"etc/mailreg/templates/motd.ini":  "[/etc/motd]\nService = motd\nFormat = lines\nTemplate = motd\n",
		"etc/mailreg/templates/motd.tmpl": "{{get \"my/greeting\"}}",
		"etc/mailreg/schema.d/motd.ini":   "[my/greeting]\nType = str\nDefault = Welcome\n",
	}
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil {
			log.Fatal(err)
		}
	}

	reg := registry.Open(dir)
	out, err := reg.Commit(context.Background(), registry.CommitOptions{Files: []string{"/etc/motd"}})
	switch {
	case errors.Is(err, registry.ErrPending):
		fmt.Println("written, but a service still needs something:", err)
	case err != nil:
		log.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, "etc/motd"))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%v\n%s", out.Files, text)
	// Output:
	// [/etc/motd]
	// Welcome
}

// History yields the newest transaction first, and Undo takes one back.
func ExampleRegistry_History() {
	dir, remove := scratch()
	defer remove()
	reg, ctx := registry.Open(dir), context.Background()
	for _, value := range []string{"one", "two"} {
		if _, err := reg.Change(ctx, registry.Edit{Set: []registry.Assignment{{Key: "my/key", Value: value}}}); err != nil {
			log.Fatal(err)
		}
	}
	if _, err := reg.Undo(ctx, registry.UndoOptions{}); err != nil {
		log.Fatal(err)
	}
	for entry, err := range reg.History() {
		if err != nil {
			log.Fatal(err)
		}
		for _, change := range entry.Changes {
			fmt.Println(entry.ID, change.Key, *change.New, entry.Undoes)
		}
	}
	// Output:
	// 3 my/key one 2
	// 2 my/key two 0
	// 1 my/key one 0
}
