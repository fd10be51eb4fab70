package proxy

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
)

type counters struct{ started, ended, failed, responses atomic.Int32 }

func (c *counters) RequestStarted() { c.started.Add(1) }
func (c *counters) RequestEnded()   { c.ended.Add(1) }
func (c *counters) RequestFailed()  { c.failed.Add(1) }
func (c *counters) Response(int)    { c.responses.Add(1) }

func proxyTo(t *testing.T, service string) (*Proxy, *counters) {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	configuration := NewConfiguration(log)
	config := fmt.Sprintf(`{"ingress":[{"service":%q}]}`, service)
	if applied := configuration.Apply(Update{Version: 1, Config: []byte(config)}); applied.Err != nil {
		t.Fatal(*applied.Err)
	}
	counted := &counters{}
	return New(configuration, counted, log), counted
}

func TestPassesMethodPathHeadersAndBodyOn(t *testing.T) {
	var seen *http.Request
	var body []byte
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen = r
		body, _ = io.ReadAll(r.Body)
		w.Header().Add("Set-Cookie", "a=1")
		w.Header().Add("Set-Cookie", "b=2")
		w.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(w, "made")
	}))
	defer server.Close()
	proxy, counted := proxyTo(t, server.URL)
	request := httptest.NewRequest(http.MethodPost, "http://acme.example.com/a%2Fb//c?q=1;2", strings.NewReader("hello"))
	request.Header.Set("X-Custom", "yes")
	answer := httptest.NewRecorder()
	proxy.ServeHTTP(answer, request)
	if answer.Code != http.StatusCreated || answer.Body.String() != "made" || len(answer.Header()["Set-Cookie"]) != 2 {
		t.Fatalf("answered %d %q %v", answer.Code, answer.Body, answer.Header())
	}
	if seen.Method != http.MethodPost || seen.RequestURI != "/a%2Fb//c?q=1;2" || seen.Host != "acme.example.com" ||
		seen.Header.Get("X-Custom") != "yes" || seen.ContentLength != 5 || string(body) != "hello" {
		t.Fatalf("the origin saw %+v with %q", seen, body)
	}
	if _, has := seen.Header["User-Agent"]; has {
		t.Errorf("invented a user agent: %v", seen.Header)
	}
	if counted.started.Load() != 1 || counted.ended.Load() != 1 || counted.responses.Load() != 1 || counted.failed.Load() != 0 {
		t.Errorf("counted %+v", counted)
	}
}

func TestARequestWithoutBodyStaysWithout(t *testing.T) {
	var encoding []string
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { encoding = r.TransferEncoding }))
	defer server.Close()
	proxy, _ := proxyTo(t, server.URL)
	request := httptest.NewRequest(http.MethodGet, "/", io.NopCloser(strings.NewReader("")))
	request.ContentLength = 0
	proxy.ServeHTTP(httptest.NewRecorder(), request)
	if len(encoding) != 0 {
		t.Fatalf("sent a body encoded as %v", encoding)
	}
}

func TestAnOriginThatIsDownIs502FromCloudflared(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	address := server.URL
	server.Close()
	proxy, counted := proxyTo(t, address)
	answer := httptest.NewRecorder()
	proxy.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/", nil))
	if answer.Code != http.StatusBadGateway || answer.Header().Get(MetaHeader) != `{"src":"cloudflared"}` || counted.failed.Load() != 1 {
		t.Fatalf("answered %d %v, counted %+v", answer.Code, answer.Header(), counted)
	}
}

func TestOnlyNewerValidConfigurationsAreTaken(t *testing.T) {
	configuration := NewConfiguration(slog.New(slog.DiscardHandler))
	if configuration.Version() != -1 {
		t.Fatalf("begins at %d", configuration.Version())
	}
	for _, step := range []struct {
		version int32
		config  string
		in      int32
		refused bool
	}{
		{0, `{"ingress":[{"service":"http_status:200"}]}`, 0, false},
		{2, `{"ingress":[{"service":"nonsense"}]}`, 0, true},
		{2, `{"ingress":[{"service":"http_status:202"}]}`, 2, false},
		{1, `{"ingress":[{"service":"http_status:201"}]}`, 2, false},
	} {
		applied := configuration.Apply(Update{Version: step.version, Config: []byte(step.config)})
		if applied.LastAppliedVersion != step.in || (applied.Err != nil) != step.refused {
			t.Errorf("version %d: %+v", step.version, applied)
		}
	}
	if text := string(configuration.JSON()); text != `{"version":2,"config":{"ingress":[{"service":"http_status:202"}]}}` {
		t.Errorf("/config shows %s", text)
	}
}
