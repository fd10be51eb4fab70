// Package logging writes log lines as cloudflared does: one line per record on stderr, for people or as JSON.
package logging

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Handler is a slog.Handler. Groups are not used by this program and are ignored.
type Handler struct {
	out    io.Writer
	lock   *sync.Mutex
	level  slog.Level
	asJSON bool
	attrs  []slog.Attr
}

// NewHandler writes records of the level and above.
func NewHandler(out io.Writer, level slog.Level, asJSON bool) *Handler {
	return &Handler{out: out, lock: &sync.Mutex{}, level: level, asJSON: asJSON}
}

// ParseLevel knows cloudflared's names; false for any other.
func ParseLevel(name string) (slog.Level, bool) {
	switch name {
	case "debug":
		return slog.LevelDebug, true
	case "info":
		return slog.LevelInfo, true
	case "warn":
		return slog.LevelWarn, true
	case "error", "fatal":
		return slog.LevelError, true
	}
	return slog.LevelInfo, false
}

func (h *Handler) Enabled(_ context.Context, level slog.Level) bool { return level >= h.level }

func (h *Handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	copied := *h
	copied.attrs = append(slices.Clip(h.attrs), attrs...)
	return &copied
}

func (h *Handler) WithGroup(string) slog.Handler { return h }

func (h *Handler) Handle(_ context.Context, record slog.Record) error {
	attrs := slices.Clone(h.attrs)
	record.Attrs(func(attr slog.Attr) bool {
		attrs = append(attrs, attr)
		return true
	})
	var line bytes.Buffer
	if h.asJSON {
		writeJSON(&line, record, attrs)
	} else {
		writeText(&line, record, attrs)
	}
	line.WriteByte('\n')
	h.lock.Lock()
	defer h.lock.Unlock()
	_, err := h.out.Write(line.Bytes())
	return err
}

func timestamp(record slog.Record) string { return record.Time.UTC().Format(time.RFC3339) }

// writeText: time, three letters of the level, message, fields sorted by name.
func writeText(line *bytes.Buffer, record slog.Record, attrs []slog.Attr) {
	names := map[slog.Level]string{slog.LevelDebug: "DBG", slog.LevelInfo: "INF", slog.LevelWarn: "WRN", slog.LevelError: "ERR"}
	fmt.Fprintf(line, "%s %s %s", timestamp(record), names[record.Level], record.Message)
	slices.SortStableFunc(attrs, func(a, b slog.Attr) int { return strings.Compare(a.Key, b.Key) })
	for _, attr := range attrs {
		value := attr.Value.Resolve().String()
		if value == "" || strings.ContainsAny(value, " \"\n\t\\=") {
			value = strconv.Quote(value)
		}
		fmt.Fprintf(line, " %s=%s", attr.Key, value)
	}
}

// writeJSON: level first, then the fields in the order given, time and message last.
func writeJSON(line *bytes.Buffer, record slog.Record, attrs []slog.Attr) {
	fmt.Fprintf(line, `{"level":%q`, strings.ToLower(record.Level.String()))
	for _, attr := range attrs {
		fmt.Fprintf(line, ",%s:%s", jsonOf(attr.Key), jsonOf(plain(attr.Value.Resolve())))
	}
	fmt.Fprintf(line, `,"time":%q,"message":%s}`, timestamp(record), jsonOf(record.Message))
}

func plain(value slog.Value) any {
	switch inner := value.Any().(type) {
	case error:
		return inner.Error()
	case fmt.Stringer:
		return inner.String()
	default:
		return inner
	}
}

func jsonOf(value any) []byte {
	text, err := json.Marshal(value)
	if err != nil {
		text, _ = json.Marshal(fmt.Sprint(value))
	}
	return text
}
