// Package token reads the token that `cloudflared tunnel run` is started with.
package token

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"regexp"
)

// Token names a tunnel and proves the right to serve it. Its fields are Cloudflare's; the secret must never be logged.
type Token struct {
	AccountTag string
	TunnelID   string
	// Secret as the API has it: base64.
	Secret string
}

var uuid = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

// ErrInvalid says nothing about the token's text, which is a secret.
var ErrInvalid = errors.New("Provided Tunnel token is not valid.") //nolint:staticcheck // cloudflared's own words

// Parse decodes standard base64 of {"a": account, "t": tunnel id, "s": base64 secret}.
func Parse(text string) (Token, error) {
	decoded, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return Token{}, ErrInvalid
	}
	var fields struct {
		A string `json:"a"`
		T string `json:"t"`
		S string `json:"s"`
	}
	if json.Unmarshal(decoded, &fields) != nil || !uuid.MatchString(fields.T) {
		return Token{}, ErrInvalid
	}
	if _, err := base64.StdEncoding.DecodeString(fields.S); err != nil {
		return Token{}, ErrInvalid
	}
	return Token{AccountTag: fields.A, TunnelID: fields.T, Secret: fields.S}, nil
}
