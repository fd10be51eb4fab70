package edge

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"odoo-tenants/connector/internal/proxy"
	"odoo-tenants/connector/internal/token"
)

// fakeEdge answers the preface and is then the HTTP/2 client of the connection.
type fakeEdge struct {
	t        *testing.T
	listener net.Listener
}

func newFakeEdge(t *testing.T) fakeEdge {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	return fakeEdge{t, listener}
}

func (e fakeEdge) accept(answer string) (preface, *http.Client, net.Conn) {
	e.t.Helper()
	conn, err := e.listener.Accept()
	if err != nil {
		e.t.Fatal(err)
	}
	e.t.Cleanup(func() { _ = conn.Close() })
	line, err := bufio.NewReader(conn).ReadBytes('\n')
	if err != nil {
		e.t.Fatal(err)
	}
	var hello preface
	if err := json.Unmarshal(line, &hello); err != nil {
		e.t.Fatal(err)
	}
	if _, err := io.WriteString(conn, answer+"\n"); err != nil {
		e.t.Fatal(err)
	}
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	once := make(chan net.Conn, 1)
	once <- conn
	transport := &http.Transport{Protocols: protocols, DialContext: func(context.Context, string, string) (net.Conn, error) { return <-once, nil }}
	return hello, &http.Client{Transport: transport}, conn
}

func marked(kind string, body string) *http.Request {
	request, _ := http.NewRequest(http.MethodPost, "http://tunnel/", strings.NewReader(body))
	request.Header.Set(proxy.UpgradeHeader, kind)
	return request
}

type counters struct {
	lock                             sync.Mutex
	connected, disconnected, refused int
}

func (c *counters) Connected(int, string) { c.add(&c.connected) }
func (c *counters) Disconnected(int)      { c.add(&c.disconnected) }
func (c *counters) Refused()              { c.add(&c.refused) }
func (c *counters) add(to *int)           { c.lock.Lock(); *to++; c.lock.Unlock() }

func supervisor(edge fakeEdge, counted *counters) *Supervisor {
	log := slog.New(slog.DiscardHandler)
	configuration := proxy.NewConfiguration(log)
	return &Supervisor{
		Addresses: []string{edge.listener.Addr().String()}, Token: token.Token{AccountTag: "a", TunnelID: "t", Secret: "s"},
		ClientID: "c", ClientVersion: "v", Connections: 1, Retries: 0, Configuration: configuration,
		Proxy: http.NotFoundHandler(), Counters: counted, Log: log,
	}
}

func TestReadyMeansThatTheEdgeSendsVisitors(t *testing.T) {
	edge, counted := newFakeEdge(t), &counters{}
	runner := supervisor(edge, counted)
	stopping, ready, ended := make(chan struct{}), make(chan struct{}), make(chan struct{})
	go func() {
		runner.Run(context.Background(), stopping, func() { close(ready) })
		close(ended)
	}()

	hello, client, conn := edge.accept(`{"ok":true,"connectionId":"x","location":"sbx01"}`)
	if hello.TunnelSecret != "s" || hello.TunnelID != "t" || hello.AccountTag != "a" || hello.Version != 1 {
		t.Errorf("introduced itself as %+v", hello)
	}
	answer, err := client.Do(marked("update-configuration", `{"version":1,"config":{"ingress":[{"service":"http_status:204"}]}}`))
	if err != nil {
		t.Fatal(err)
	}
	text, _ := io.ReadAll(answer.Body)
	if string(text) != `{"lastAppliedVersion":1,"err":null}` || runner.Configuration.Version() != 1 {
		t.Errorf("answered the configuration with %s", text)
	}
	select {
	case <-ready:
		t.Fatal("ready before the edge has opened the control stream")
	default:
	}

	control, err := client.Do(marked("control-stream", ""))
	if err != nil {
		t.Fatal(err)
	}
	<-ready
	close(stopping)
	line, err := bufio.NewReader(control.Body).ReadString('\n')
	if err != nil || line != `{"event":"unregister"}`+"\n" {
		t.Errorf("asked to be unregistered by %q, %v", line, err)
	}
	select {
	case <-ended:
		t.Fatal("ended before the edge let go")
	case <-time.After(50 * time.Millisecond):
	}
	_ = conn.Close()
	<-ended
	if counted.connected != 1 || counted.disconnected != 1 || counted.refused != 0 {
		t.Errorf("counted %+v", counted)
	}
}

func TestARefusalIsTriedAgainAndAStopEndsTheWaiting(t *testing.T) {
	edge, counted := newFakeEdge(t), &counters{}
	runner := supervisor(edge, counted)
	stopping, ended := make(chan struct{}), make(chan struct{})
	go func() {
		runner.Run(context.Background(), stopping, func() { t.Error("was ready") })
		close(ended)
	}()
	for range 2 {
		edge.accept(`{"ok":false,"error":"Unauthorized: Invalid tunnel secret"}`)
	}
	close(stopping)
	<-ended
}

func TestAStopBeforeTheControlStreamClosesTheConnection(t *testing.T) {
	edge, counted := newFakeEdge(t), &counters{}
	runner := supervisor(edge, counted)
	stopping, ended := make(chan struct{}), make(chan struct{})
	go func() {
		runner.Run(context.Background(), stopping, func() {})
		close(ended)
	}()
	edge.accept(`{"ok":true,"connectionId":"x","location":"sbx01"}`)
	close(stopping)
	<-ended
}

func TestDelaysGrowToTheirBound(t *testing.T) {
	delays := backoff{most: 3}
	for _, want := range []time.Duration{2, 4, 8, 8} {
		delay, bound := delays.next()
		if bound != want*time.Second || delay < 0 || delay >= bound {
			t.Errorf("%s of %s instead of %d s", delay, bound, want)
		}
	}
	delays.reset()
	if _, bound := delays.next(); bound != 2*time.Second {
		t.Errorf("%s after a success", bound)
	}
}
