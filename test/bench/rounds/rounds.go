// Package rounds has what is made of a benchmark's rounds: the machine does other
// things besides, so that each thing is measured several times, by turns with what
// it is compared with.
package rounds

import "slices"

// Values are what one thing gave, by round.
type Values []float64

// Median gives the middle value, 0 of none.
func (v Values) Median() float64 {
	if len(v) == 0 {
		return 0
	}
	v = slices.Sorted(slices.Values(v))
	return (v[(len(v)-1)/2] + v[len(v)/2]) / 2
}

// Spread is how far the rounds were apart, of the median: (max-min)/median.
func (v Values) Spread() float64 {
	if m := v.Median(); m != 0 {
		return (slices.Max(v) - slices.Min(v)) / m
	}
	return 0
}

// Middle is how far the middle half of the rounds was apart, of the median, which a round
// that something came between does not change.
func (v Values) Middle() float64 {
	m := v.Median()
	if m == 0 {
		return 0
	}
	v = slices.Sorted(slices.Values(v))
	return (v[len(v)-1-len(v)/4] - v[len(v)/4]) / m
}

// Each gives the rounds' ratios to those of another; none where one would be to 0.
func (v Values) Each(w Values) (each Values) {
	for i := range min(len(v), len(w)) {
		if w[i] == 0 {
			return nil
		}
		each = append(each, v[i]/w[i])
	}
	return each
}

// Over gives the median of the rounds' ratios to those of another, since what else
// the machine does is alike within a round, if there is one.
func (v Values) Over(w Values) (float64, bool) {
	each := v.Each(w)
	return each.Median(), len(each) > 0
}
