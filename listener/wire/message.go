package wire

import (
	"fmt"

	"github.com/go-ldap/ldap/v3"
)

// Operations by their tag in a message (RFC 4511 §4.2 to §4.14).
const (
	BindRequest      = 0x60
	BindResponse     = 0x61
	SearchRequest    = 0x63
	SearchEntry      = 0x64
	SearchDone       = 0x65
	SearchReference  = 0x73
	AbandonRequest   = 0x50
	UnbindRequest    = 0x42
	ExtendedRequest  = 0x77
	ExtendedResponse = 0x78
	Intermediate     = 0x79

	tagControls     = 0xa0
	tagReferral     = 0xa3
	tagResponseName = 0x8a
)

// NoticeOfDisconnection names the notice by which a server announces that it closes the connection.
const NoticeOfDisconnection = "1.3.6.1.4.1.1466.20036"

// Message is a received message. Its strings share the memory of the whole.
type Message struct {
	// ID is that of the request that it answers, 0 for an unsolicited notice.
	ID int64
	// Operation is the tag, Value the content.
	Operation byte
	Value     string

	controls string
}

// ParseMessage reads what Reader.Next has returned.
func ParseMessage(body string) (m Message, err error) {
	id, rest, err := Expect(body, TagInteger)
	if err != nil {
		return Message{}, err
	}
	if m.ID, err = Number(id); err != nil {
		return Message{}, err
	}
	if m.Operation, m.Value, rest, err = Next(rest); err != nil {
		return Message{}, err
	}
	err = m.takeControls(rest)
	return m, err
}

// takeControls reads what follows the operation.
func (m *Message) takeControls(rest string) (err error) {
	if rest != "" {
		m.controls, _, err = Expect(rest, tagControls)
	}
	return err
}

// Control returns the value of a control by its OID, and whether the message has it. Without a value it is "".
func (m Message) Control(oid string) (value string, found bool, err error) {
	for rest := m.controls; rest != ""; {
		var control, name string
		if control, rest, err = Expect(rest, TagSequence); err != nil {
			return "", false, err
		}
		if name, control, err = Expect(control, TagOctets); err != nil {
			return "", false, err
		}
		if name != oid {
			continue
		}
		for control != "" {
			var tag byte
			var part string
			if tag, part, control, err = Next(control); err != nil {
				return "", false, err
			}
			if tag == TagOctets {
				return part, true, nil
			}
		}
		return "", true, nil
	}
	return "", false, nil
}

// Result is how a server ended an operation (RFC 4511 §4.1.9). Unless Code is 0, success, it is an error.
type Result struct {
	Code int64
	// Message is the server's own text.
	Message string
	// Name is the OID of an extended response, "" in others.
	Name string
	// Referral holds the URLs at which to ask instead.
	Referral []string
}

// Result reads the message's value as a result.
func (m Message) Result() (*Result, error) {
	code, rest, err := Expect(m.Value, TagEnumerated)
	if err != nil {
		return nil, err
	}
	r := &Result{}
	if r.Code, err = Number(code); err != nil {
		return nil, err
	}
	if _, rest, err = Expect(rest, TagOctets); err != nil { // the matched DN
		return nil, err
	}
	if r.Message, rest, err = Expect(rest, TagOctets); err != nil {
		return nil, err
	}
	for rest != "" {
		var tag byte
		var value string
		if tag, value, rest, err = Next(rest); err != nil {
			return nil, err
		}
		switch {
		case tag == tagReferral:
			if r.Referral, err = URLs(value); err != nil {
				return nil, err
			}
		case tag == tagResponseName && m.Operation == ExtendedResponse:
			r.Name = value
		}
	}
	return r, nil
}

// URLs reads the content of a referral or of a search result reference (RFC 4511 §4.1.10, §4.5.3).
func URLs(list string) (urls []string, err error) {
	for list != "" {
		var url string
		if url, list, err = Expect(list, TagOctets); err != nil {
			return nil, err
		}
		urls = append(urls, url)
	}
	return urls, nil
}

// Disconnection is a notice by which a server announces that it closes the connection (RFC 4511 §4.4.1). It is not a
// Result: its code does not answer a request.
type Disconnection struct {
	Code int64
	// Text is the server's own.
	Text string
}

// Error gives the code with its name and the server's text.
func (d *Disconnection) Error() string {
	return "the server disconnects: " + (&Result{Code: d.Code, Message: d.Text}).Error()
}

// Notice reads the message as an unsolicited notification, which has ID 0: a Disconnection, or else nil with the OID of the
// notice, which may be ignored.
func (m Message) Notice() (gone *Disconnection, oid string, err error) {
	result, err := m.Result()
	if err != nil {
		return nil, "", err
	}
	if result.Name != NoticeOfDisconnection {
		return nil, result.Name, nil
	}
	return &Disconnection{Code: result.Code, Text: result.Message}, result.Name, nil
}

// Err returns nil for success, else the result.
func (r *Result) Err() error {
	if r.Code == ldap.LDAPResultSuccess {
		return nil
	}
	return r
}

// Error gives the code with its name and the server's text.
func (r *Result) Error() string {
	text := fmt.Sprintf("result %d", r.Code)
	if r.Code >= 0 && r.Code <= 0xffff && ldap.LDAPResultCodeMap[uint16(r.Code)] != "" {
		text += " (" + ldap.LDAPResultCodeMap[uint16(r.Code)] + ")"
	}
	if r.Message != "" {
		text += ": " + r.Message
	}
	return text
}
