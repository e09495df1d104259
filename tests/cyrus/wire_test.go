package cyrus

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// fault is what a wire does with one command.
type fault string

// The faults.
const (
	// refused: Cyrus does not get it, and seems to say NO.
	refused fault = "refused"
	// bye: Cyrus does not get it, and seems to end the session with a word.
	bye fault = "bye"
	// cut: the connection breaks before it.
	cut fault = "cut"
	// unheard: Cyrus does it, and the connection breaks before the answer.
	unheard fault = "unheard"
	// stuck: neither it nor anything else gets through any more.
	stuck fault = "stuck"
)

// wire passes IMAP on to the socket of a Cyrus, but for one command of all that come.
type wire struct {
	path, target string

	mu sync.Mutex
	// kind is the fault that comes at the command at, counted from 1 over all connections; none when at is 0.
	kind      fault
	at, count int
}

func newWire(t *testing.T, dir, target string) *wire {
	t.Helper()
	w := &wire{path: filepath.Join(dir, "wire"), target: target}
	l, err := net.Listen("unix", w.path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			go w.serve(client)
		}
	}()
	return w
}

// set makes a fault the next one.
func (w *wire) set(kind fault, at int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.kind, w.at, w.count = kind, at, 0
}

// happened reports whether the fault has come.
func (w *wire) happened() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.at > 0 && w.count >= w.at
}

// next counts a command.
func (w *wire) next() fault {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.count++; w.count == w.at {
		return w.kind
	}
	return ""
}

func (w *wire) serve(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("unix", w.target)
	if err != nil {
		return
	}
	defer server.Close()
	last := make(chan string, 1)
	go passAnswers(client, server, last)
	from := bufio.NewReader(client)
	for {
		line, err := from.ReadString('\n')
		if err != nil {
			return
		}
		tag, _, _ := strings.Cut(line, " ")
		switch w.next() {
		case refused:
			fmt.Fprintf(client, "%s NO System I/O error\r\n", tag)
			continue
		case bye:
			fmt.Fprint(client, "* BYE System shutting down\r\n")
			return
		case cut:
			return
		case unheard:
			last <- tag
		case stuck:
			_, _ = io.Copy(io.Discard, client)
			return
		}
		if passCommand(server, from, line) != nil {
			return
		}
	}
}

// passCommand passes on the rest of a command, with its literals.
func passCommand(server io.Writer, from *bufio.Reader, line string) error {
	for {
		if _, err := io.WriteString(server, line); err != nil {
			return err
		}
		text := strings.TrimSuffix(strings.TrimSuffix(strings.TrimRight(line, "\r\n"), "}"), "+")
		brace := strings.LastIndexByte(text, '{')
		size, err := strconv.Atoi(text[brace+1:])
		if brace < 0 || err != nil {
			return nil
		}
		if _, err := io.CopyN(server, from, int64(size)); err != nil {
			return err
		}
		if line, err = from.ReadString('\n'); err != nil {
			return err
		}
	}
}

// passAnswers passes on what Cyrus says, until a command whose answer is not to be heard has one.
func passAnswers(client, server net.Conn, last <-chan string) {
	defer client.Close()
	from := bufio.NewReader(server)
	unheard := ""
	for {
		line, err := from.ReadString('\n')
		if err != nil {
			return
		}
		select {
		case unheard = <-last:
		default:
		}
		if unheard == "" {
			if _, err := io.WriteString(client, line); err != nil {
				return
			}
		} else if strings.HasPrefix(line, unheard+" ") {
			return
		}
	}
}

// socketDir returns a directory whose path is short enough for sockets.
func socketDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "mr-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}
