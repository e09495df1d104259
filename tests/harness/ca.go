package harness

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// CA is a certificate authority of our own with one server certificate for localhost and 127.0.0.1, as PEM files.
type CA struct {
	// CertFile is the authority's certificate, ServerCertFile and ServerKeyFile (0600) are the server's.
	CertFile, ServerCertFile, ServerKeyFile string
}

// NewCA makes an authority and a server certificate in dir. names are further host names for the certificate.
func NewCA(t T, dir string, names ...string) *CA {
	t.Helper()
	ca := &CA{
		CertFile:       filepath.Join(dir, "ca.pem"),
		ServerCertFile: filepath.Join(dir, "server.pem"),
		ServerKeyFile:  filepath.Join(dir, "server.key"),
	}
	if err := ca.write(dir, names); err != nil {
		t.Fatalf("making certificates in %s: %v", dir, err)
	}
	return ca
}

func (ca *CA) write(dir string, names []string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	root := certificate("mailreg test CA")
	root.IsCA = true
	root.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
	rootKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	signer := signer{root, rootKey}
	if err := signer.issue(ca.CertFile, root, &rootKey.PublicKey); err != nil {
		return err
	}
	server := certificate("localhost")
	server.DNSNames = append([]string{"localhost"}, names...)
	server.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1)}
	server.KeyUsage = x509.KeyUsageDigitalSignature
	server.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	if err := signer.issue(ca.ServerCertFile, server, &key.PublicKey); err != nil {
		return err
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return err
	}
	return os.WriteFile(ca.ServerKeyFile, pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}), 0o600)
}

func certificate(name string) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber:          big.NewInt(time.Now().UnixNano()),
		Subject:               pkix.Name{CommonName: name},
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().AddDate(1, 0, 0),
		BasicConstraintsValid: true,
	}
}

type signer struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func (s signer) issue(file string, cert *x509.Certificate, pub *ecdsa.PublicKey) error {
	der, err := x509.CreateCertificate(rand.Reader, cert, s.cert, pub, s.key)
	if err != nil {
		return err
	}
	return os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o644)
}
