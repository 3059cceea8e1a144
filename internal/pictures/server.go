// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// step is the time between two points of a graph.
const step = time.Second

// A server is a Prometheus server's HTTP API.
type server struct{ url string }

// A span is the time that a graph shows.
type span struct{ begin, end time.Time }

// A series is one line of a graph.
type series struct {
	Metric map[string]string
	Values [][2]any
}

// queryRange evaluates a query at each step of a span.
func (s *server) queryRange(ctx context.Context, query string, over span) ([]series, error) {
	form := url.Values{
		"query": {query},
		"start": {unix(over.begin)},
		"end":   {unix(over.end)},
		"step":  {strconv.FormatFloat(step.Seconds(), 'f', -1, 64)},
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url+"/api/v1/query_range", strings.NewReader(form.Encode()))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	client := &http.Client{Timeout: 10 * time.Second}
	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("query %s: %s: %s", query, response.Status, body)
	}
	var answer struct {
		Data struct{ Result []series }
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return nil, err
	}
	return answer.Data.Result, nil
}

func unix(t time.Time) string {
	return strconv.FormatFloat(float64(t.UnixMilli())/1e3, 'f', 3, 64)
}
