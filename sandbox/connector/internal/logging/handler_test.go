package logging

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"testing"
)

func TestTextLinesHaveTimeLevelMessageAndSortedFields(t *testing.T) {
	var out bytes.Buffer
	log := slog.New(NewHandler(&out, slog.LevelInfo, false)).With("connIndex", 0)
	log.Debug("not shown")
	log.Info("Registered tunnel connection", "protocol", "http2", "connection", "a b")
	line := out.String()
	if !strings.HasSuffix(line, " INF Registered tunnel connection connIndex=0 connection=\"a b\" protocol=http2\n") {
		t.Fatalf("wrote %q", line)
	}
	if strings.Count(line, "\n") != 1 {
		t.Fatalf("wrote more than one line: %q", line)
	}
}

func TestJSONLinesAreOneObjectWithMessageAndLowerCaseLevel(t *testing.T) {
	var out bytes.Buffer
	slog.New(NewHandler(&out, slog.LevelInfo, true)).Error("Serve tunnel error", "error", errors.New("lost"), "connIndex", 2)
	var line map[string]any
	if err := json.Unmarshal(out.Bytes(), &line); err != nil {
		t.Fatalf("%v in %q", err, out.String())
	}
	if line["level"] != "error" || line["message"] != "Serve tunnel error" || line["error"] != "lost" || line["connIndex"] != 2.0 {
		t.Fatalf("wrote %v", line)
	}
}
