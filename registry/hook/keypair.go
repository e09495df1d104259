package hook

import (
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"strings"
)

// KeyPair reports that a private key is not that of a certificate: servers start with such a pair, and then refuse every
// client. What this program cannot read is left to the server, which may know more kinds of keys; of such a certificate
// there is none to return.
func KeyPair(certFile, keyFile string) (*x509.Certificate, error) {
	cert, err := firstBlock(certFile, "CERTIFICATE")
	if err != nil {
		return nil, err
	}
	key, err := firstBlock(keyFile, "PRIVATE KEY")
	if err != nil {
		return nil, err
	}
	parsed, err := x509.ParseCertificate(cert)
	if err != nil {
		return nil, nil // OpenSSL takes certificates that this parser does not
	}
	public, comparable := parsed.PublicKey.(interface{ Equal(crypto.PublicKey) bool })
	private := parseKey(key)
	if !comparable || private == nil || public.Equal(private.Public()) {
		return parsed, nil
	}
	return nil, fmt.Errorf("the key %s is not that of the certificate %s", keyFile, certFile)
}

// firstBlock returns the first PEM block of a file whose type ends in the given words.
func firstBlock(file, typ string) ([]byte, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	for len(data) > 0 {
		var block *pem.Block
		if block, data = pem.Decode(data); block == nil {
			break
		}
		if strings.HasSuffix(block.Type, typ) {
			return block.Bytes, nil
		}
	}
	return nil, fmt.Errorf("%s holds no %s in PEM form", file, strings.ToLower(typ))
}

// parseKey returns a private key, nil when it is encrypted or of an unknown kind.
func parseKey(der []byte) crypto.Signer {
	if key, err := x509.ParsePKCS1PrivateKey(der); err == nil {
		return key
	}
	if key, err := x509.ParseECPrivateKey(der); err == nil {
		return key
	}
	key, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil
	}
	signer, _ := key.(crypto.Signer)
	return signer
}
