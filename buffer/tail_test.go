package buffer

import (
	"slices"
	"testing"
)

// TestBlocksAreKeptAsLongAsTheyAreNeeded: while commits are large as many as they take,
// and a few once they are small again.
func TestBlocksAreKeptAsLongAsTheyAreNeeded(t *testing.T) {
	var kept tail
	for range 2 * mostBlocks {
		kept.recycle(&block{gone: true})
	}
	var got []int
	for _, bytes := range []int{2 << 20, 1 << 20, 100, 0} {
		kept.spare(bytes)
		got = append(got, len(kept.free))
	}
	if want := []int{mostBlocks, 16, fewBlocks, fewBlocks}; !slices.Equal(got, want) {
		t.Errorf("kept %v, want %v", got, want)
	}
	if kept.free[:mostBlocks][fewBlocks] != nil {
		t.Error("one that is not kept is held still")
	}
}
