// SPDX-License-Identifier: Apache-2.0

package errorlist_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/otelkv/otelkv-go/internal/errorlist"
)

func TestListIsBounded(t *testing.T) {
	var list errorlist.List
	if err := list.Join(); err != nil {
		t.Errorf("an empty list joins to %v", err)
	}
	list.Add(nil)
	for range 70 {
		list.Add(errors.New("x"))
	}
	each := errorlist.Each(list.Join())
	if len(each) != 65 || each[64].Error() != "otelkv: and 6 more" {
		t.Errorf("got %d errors, the last is %v", len(each), each[len(each)-1])
	}
}

func TestEach(t *testing.T) {
	a, b := errors.New("a"), errors.New("b")
	both := fmt.Errorf("%w: %w", a, b)
	got := errorlist.Each(errors.Join(errors.Join(a, b), nil, both))
	if want := []error{a, b, both}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := errorlist.Each(nil); got != nil {
		t.Errorf("no error gives %v", got)
	}
}
