package token

import (
	"encoding/base64"
	"strings"
	"testing"
)

func encode(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }

func TestReadsTheFieldsOfAToken(t *testing.T) {
	got, err := Parse(encode(`{"a":"acc","t":"f70ff985-a4ef-4643-bbbc-4a0ed4fc8415","s":"c2VjcmV0"}`))
	if err != nil {
		t.Fatal(err)
	}
	if got != (Token{AccountTag: "acc", TunnelID: "f70ff985-a4ef-4643-bbbc-4a0ed4fc8415", Secret: "c2VjcmV0"}) {
		t.Fatalf("read %+v", got)
	}
}

func TestRefusesWhatIsNoTokenWithoutRepeatingIt(t *testing.T) {
	for _, text := range []string{
		"", "hunter2", encode("hunter2"), encode(`{"a":"x","t":"hunter2","s":"c2VjcmV0"}`),
		encode(`{"a":"x","t":"f70ff985-a4ef-4643-bbbc-4a0ed4fc8415","s":"hunter2!"}`),
	} {
		_, err := Parse(text)
		if err == nil {
			t.Fatalf("accepted %q", text)
		}
		if strings.Contains(err.Error(), "hunter2") {
			t.Fatalf("the error repeats the token: %v", err)
		}
	}
}
