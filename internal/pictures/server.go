// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/api"
	v1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"
)

const (
	// step is the time between two points of a graph.
	step = time.Second
	// queryTimeout bounds one query.
	queryTimeout = 10 * time.Second
)

// A server is a Prometheus server's HTTP API.
type server struct{ url string }

// A span is the time that a graph shows.
type span struct{ begin, end time.Time }

// queryRange evaluates a query at each step of a span.
func (s *server) queryRange(ctx context.Context, query string, over span) (model.Matrix, error) {
	client, err := api.NewClient(api.Config{Address: s.url})
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	value, _, _, err := v1.NewAPI(client).QueryRange(ctx, query, v1.Range{Start: over.begin, End: over.end, Step: step})
	if err != nil {
		return nil, fmt.Errorf("query %s: %w", query, err)
	}
	matrix, isMatrix := value.(model.Matrix)
	if !isMatrix {
		return nil, fmt.Errorf("query %s gives a %s, not a matrix", query, value.Type())
	}
	return matrix, nil
}
