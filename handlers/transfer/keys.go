package transfer

import (
	"bytes"
	"crypto/ed25519"
	"crypto/pbkdf2"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"sync"
	"time"
)

// rounds slow down whoever tries secrets: a third of a second for each.
const rounds = 600_000

// keyring holds the key that was made of the secret last.
type keyring struct {
	mu     sync.Mutex
	secret string
	config *tls.Config
}

// tls returns the settings of TLS for both sides of a connection: each shows a certificate of the key that is made of the
// secret, and wants that of the other side to be of the same key. Names play no part.
func (k *keyring) tls(secret string) (*tls.Config, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if secret == "" {
		return nil, errors.New("mail/homeserver/transfer/secret is not set")
	}
	if k.secret == secret {
		return k.config, nil
	}
	seed, err := pbkdf2.Key(sha256.New, secret, []byte("mailreg transfer 1"), rounds, ed25519.SeedSize)
	if err != nil {
		return nil, err
	}
	key := ed25519.NewKeyFromSeed(seed)
	cert, err := certificate(key)
	if err != nil {
		return nil, err
	}
	public := key.Public().(ed25519.PublicKey)
	k.secret = secret
	k.config = &tls.Config{
		MinVersion:         tls.VersionTLS13,
		Certificates:       []tls.Certificate{cert},
		ClientAuth:         tls.RequireAnyClientCert,
		InsecureSkipVerify: true, // VerifyPeerCertificate does it, by the key
		VerifyPeerCertificate: func(raw [][]byte, _ [][]*x509.Certificate) error {
			return sameKey(raw, public)
		},
		SessionTicketsDisabled: true, // a resumed session has not been verified
	}
	return k.config, nil
}

var errOtherSecret = errors.New("the other host has another mail/homeserver/transfer/secret")

// sameKey demands that the other side's certificate is of our key; that it holds the key the handshake proves.
func sameKey(raw [][]byte, public ed25519.PublicKey) error {
	if len(raw) != 1 {
		return errOtherSecret
	}
	cert, err := x509.ParseCertificate(raw[0])
	if err != nil {
		return err
	}
	theirs, ok := cert.PublicKey.(ed25519.PublicKey)
	if !ok || !bytes.Equal(theirs, public) {
		return errOtherSecret
	}
	return nil
}

// certificate signs a certificate by its own key. It is the same for all hosts, and says nothing.
func certificate(key ed25519.PrivateKey) (tls.Certificate, error) {
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: "mailreg"},
		NotBefore:    time.Unix(0, 0),
		NotAfter:     time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC), // RFC 5280 §4.1.2.5: none
	}
	der, err := x509.CreateCertificate(nil, template, template, key.Public(), key)
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, nil
}
