package paddle

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // it is what Paddle signs with
	"encoding/base64"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
)

// maxSignature is how many characters a p_signature has at most, white space
// included: that of a key of 16,384 bits has 2,732.
const maxSignature = 8 << 10

// What [Open] finds, beside the errors of [Parse].
var (
	ErrNotSigned = errors.New("the body has no p_signature")
	ErrNotBase64 = errors.New("the p_signature is not base64")
	ErrChanged   = errors.New("the signature was made with the right key for other fields: " +
		"something has changed the body on its way")
	ErrOtherKey = errors.New("the signature was made with another key")
)

// Open reads the form in body and verifies its p_signature with each key. The form
// comes sorted and without the signature.
func Open(body string, keys []*rsa.PublicKey) (*Array, error) {
	form, err := Parse(body)
	if err != nil {
		return nil, err
	}
	field, _ := form.Remove("p_signature")
	signature, err := readSignature(field.Text, keys)
	if err != nil {
		return nil, err
	}
	form.Sort()

	// Each item gets at most twenty bytes, as in i:0;s:65536:"";, around it.
	serialized := form.AppendSerialized(make([]byte, 0, len(body)+20*(form.Len()+1)))
	digest := sha1.Sum(serialized) //nolint:gosec // it is what Paddle signs with
	sameKey := false
	for _, key := range keys {
		if rsa.VerifyPKCS1v15(key, crypto.SHA1, digest[:], signature) == nil {
			return form, nil
		}
		sameKey = sameKey || key.Size() == len(signature) && madeWith(key, signature)
	}
	if sameKey {
		return nil, ErrChanged
	}
	return nil, ErrOtherKey
}

// readSignature refuses what no key can have made, before any work is done on the
// other fields.
func readSignature(text string, keys []*rsa.PublicKey) ([]byte, error) {
	switch {
	case text == "":
		return nil, ErrNotSigned
	case len(text) > maxSignature:
		return nil, ErrNotBase64
	}
	signature, err := decodeSignature(text)
	if err != nil {
		return nil, ErrNotBase64
	}
	if !slices.ContainsFunc(keys, func(key *rsa.PublicKey) bool { return key.Size() == len(signature) }) {
		return nil, fmt.Errorf("%w: it has %d bits, and the key has %d", ErrOtherKey, 8*len(signature), 8*keys[0].Size())
	}
	return signature, nil
}

// decodeSignature skips white space, as PHP does. PHP skips everything else
// that is not base64, too: nobody sends that.
func decodeSignature(text string) ([]byte, error) {
	if strings.ContainsAny(text, " \t") { // line ends are skipped anyway
		text = strings.Join(strings.Fields(text), "")
	}
	return base64.StdEncoding.Strict().DecodeString(text)
}

// madeWith tells whether the key's owner made the signature, for whatever it
// was: to anybody else, undoing it gives noise without this padding.
func madeWith(key *rsa.PublicKey, signature []byte) bool {
	undone := new(big.Int).Exp(new(big.Int).SetBytes(signature), big.NewInt(int64(key.E)), key.N)
	return bytes.HasPrefix(undone.FillBytes(make([]byte, key.Size())), []byte("\x00\x01\xff\xff\xff\xff\xff\xff\xff\xff"))
}
