package backup

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io"
	"strings"

	"filippo.io/age"

	"pushbutton/internal/fault"
	"pushbutton/internal/secret"
)

const (
	// MinPassphrase is how long a passphrase is at least, in bytes: it alone
	// protects every credential in the file.
	MinPassphrase = 16
	// MaxKeyText bounds recipients, identities and passphrases, in bytes.
	MaxKeyText = 64 << 10
	fileIDLen  = 16
)

// Recipient reads whom a file is encrypted to: one age public key ("age1...").
func Recipient(text string) (age.Recipient, error) {
	found, err := age.ParseRecipients(strings.NewReader(text))
	if err != nil || len(found) != 1 || len(text) > MaxKeyText {
		return nil, errors.New("is not one public key of age (age1...)")
	}
	return found[0], nil
}

// Identities reads the private keys that open a file, one a line, as
// age-keygen writes them. Its error repeats nothing of the text.
func Identities(text secret.String) ([]age.Identity, error) {
	found, err := age.ParseIdentities(strings.NewReader(text.Reveal()))
	if err != nil || len(found) == 0 {
		return nil, errors.New("holds no private key of age (AGE-SECRET-KEY-...)")
	}
	return found, nil
}

// WithPassphrase encrypts a file to a passphrase; the key is derived from it by
// scrypt, which takes about a second and 256 MB.
func WithPassphrase(phrase secret.String) (age.Recipient, error) {
	if len(phrase.Reveal()) < MinPassphrase {
		return nil, errors.New("is shorter than 16 characters: it alone protects the credentials in the file")
	}
	return age.NewScryptRecipient(phrase.Reveal())
}

// ByPassphrase opens a file that was encrypted to a passphrase.
func ByPassphrase(phrase secret.String) ([]age.Identity, error) {
	if phrase.Empty() {
		return nil, errors.New("is empty")
	}
	found, err := age.NewScryptIdentity(phrase.Reveal())
	if err != nil {
		return nil, errors.New("cannot be used")
	}
	return []age.Identity{found}, nil
}

func newFileID() string {
	raw := make([]byte, fileIDLen)
	_, _ = rand.Read(raw) // never fails (crypto/rand)
	return hex.EncodeToString(raw)
}

func validFileID(id string) bool {
	raw, err := hex.DecodeString(id)
	return err == nil && len(raw) == fileIDLen && hex.EncodeToString(raw) == id
}

// opened is a file that is decrypted while it is read. It distinguishes its own
// failures from those of the reader below.
type opened struct {
	src   *remembering
	plain io.Reader
}

// remembering keeps the error of the reader below.
type remembering struct {
	r   io.Reader
	err error
}

func (r *remembering) Read(p []byte) (int, error) {
	n, err := r.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		r.err = err
	}
	return n, err
}

func openFile(src io.Reader, keys []age.Identity) (*opened, error) {
	f := &opened{src: &remembering{r: src}}
	plain, err := age.Decrypt(f.src, keys...)
	var none *age.NoIdentityMatchError
	switch {
	case f.src.err != nil:
		return nil, unreadable(f.src.err)
	case errors.As(err, &none):
		return nil, invalidFile("The key or passphrase is not the one that the file was encrypted to.")
	case err != nil: // its text may repeat what is in the file
		return nil, invalidFile("The file is not one that an export wrote, or it was changed.")
	}
	f.plain = plain
	return f, nil
}

func (f *opened) Read(p []byte) (int, error) {
	n, err := f.plain.Read(p)
	switch {
	case err == nil || errors.Is(err, io.EOF):
		return n, err
	case f.src.err != nil:
		return n, unreadable(f.src.err)
	default:
		return n, invalidFile("The file was changed, or it ends too early.")
	}
}

func unreadable(err error) error {
	return &fault.Error{Op: opImport, Kind: fault.Unavailable, Public: "The file cannot be read.", Err: err}
}
